"""What the workflow and its activities say to each other: one task and one report for each step.

An activity's type is the name of its step. All of it stands in the run's history, so none of it holds a secret.
"""

from sovereign_dns.contract import (
    CertificateStatus,
    Hazard,
    Owner,
    PoolNameChange,
    ProvisionRequest,
    RecordChange,
    VerificationLevel,
    VerificationResult,
    ZoneChange,
)
from sovereign_dns.intent import DomainIntent
from sovereign_dns.issuance import WantedCertificate
from sovereign_dns.wire import Message

DECIDE_INTENT = "decide-intent"
"""The activity in which the environment has its say, once for a run."""


class DecideIntent(Message):
    """The request that is to be decided."""

    request: ProvisionRequest


class Task(Message):
    """What every step's activity is told: for which Sovereign it works."""

    owner: Owner


class CreateZone(Task):
    """A zone that shall exist, delegated from the hosted zone above it, if there is one, and the names written then."""

    domain: str
    names: list[str] | None = None
    nameservers: list[str]
    may_create: bool
    takeover: bool = False
    dry_run: bool = False


class ZoneReport(Message):
    """What was found or done for a zone; `changes` are those in the zone above it, `hazards` what it hides there.

    `zones` names it where it was created or removed.
    """

    outcome: str
    zones: list[ZoneChange] = []
    changes: list[RecordChange] = []
    hazards: list[Hazard] = []


class RequestCertificate(Task):
    """A Certificate that shall exist."""

    wanted: WantedCertificate
    takeover: bool = False
    dry_run: bool = False


class DomainCertificate(Message):
    """A parent domain's own Certificate, which every Sovereign under it shares, whoever has asked for it.

    `needed_by` are some of the other Sovereigns that have records below the domain; empty only where there are none.
    """

    domain: str
    name: str
    needed_by: list[str] = []


class FoundCertificate(Message):
    """A Certificate that says that it is the Sovereign's; `of_domain` where others need it."""

    name: str
    of_domain: DomainCertificate | None = None


class CertificateReport(Message):
    """What was found or done for a Certificate; `besides` are others of the Sovereign, where they were looked for.

    `hazards` tell of those that are left, and where nobody could look.
    """

    outcome: str
    certificate: CertificateStatus
    besides: list[FoundCertificate] = []
    hazards: list[Hazard] = []


class CommitPoolName(Task):
    """A pool name that PDM shall hold as active."""

    pool_domain: str
    subdomain: str
    load_balancer_ip: str
    created_by: str
    reservation_token: str | None = None
    dry_run: bool = False


class PoolReport(Message):
    """What was found or done for a pool name.

    `dns_left_behind` where PDM holds the name no longer, and hasn't said that its DNS is gone: its child zone, and the
    delegation to it, may be there still. PDM doesn't look after them any more. `active_for_another` where PDM holds it
    for somebody else, who is served there.
    """

    outcome: str
    change: PoolNameChange | None = None
    hazards: list[Hazard] = []
    dns_left_behind: bool = False
    active_for_another: bool = False


CHANGES_ATTEMPTED = "changes-attempted"
"""The signal by which a step tells its workflow of a write whose answer it didn't get."""


class ChangesAttempted(Message):
    """What was sent, and perhaps done; and what it hides, where it was a zone. Only a zone says itself which."""

    zones: list[ZoneChange] = []
    changes: list[RecordChange] = []
    hazards: list[Hazard] = []
    certificates: list[CertificateStatus] = []
    pool_names: list[PoolNameChange] = []


class UpsertRecords(Task):
    """The records of one parent domain. `zones_to_come` are those that a dry run finds missing, and didn't create."""

    intent: DomainIntent
    zones_to_come: list[str] = []
    takeover: bool = False
    dry_run: bool = False


class ServedZone(Message):
    """A zone that holds some of the names, and its own NS set, names with their dots."""

    zone: str
    nameservers: list[str]
    names: list[str]


class RecordsReport(Message):
    """What was found or done in the zones that answer for a domain's names; `zones` are those, of what was written."""

    outcome: str
    changes: list[RecordChange] = []
    hazards: list[Hazard] = []
    zones: list[ServedZone] = []


ChangeReport = ZoneReport | RecordsReport | PoolReport | CertificateReport
"""What comes of a step that may change something."""


class VerifyDomain(Task):
    """The names of one parent domain, and the zones that answer for them.

    With `gone`, none of the intent's names may be answered any more; its values are what they led to. The step then
    asks PowerDNS itself which zones answer for them by now. `zones` are those that were removed, with the name servers
    that they had: asked where no hosted zone is left.
    """

    intent: DomainIntent
    zones: list[ServedZone]
    level: VerificationLevel
    expected_nameservers: list[str] = []
    gone: bool = False


HAZARDS_IN_MEMO = "hazards"
"""The memo field in which a run shows its hazards to a list of runs: kind and name of each."""


VERIFICATION_SEEN = "verification-seen"
"""The signal by which a verification that is not done yet tells its workflow what it has seen."""


class VerificationSeen(Message):
    """What was seen of one parent domain so far."""

    domain: str
    verification: VerificationResult


class VerificationReport(Message):
    """The proof; `hazards` are wildcards that answer for names that are gone.

    `taken_over` says who answers for such names, where waiting would change nothing: then it is none.
    """

    outcome: str
    verification: VerificationResult
    taken_over: str | None = None
    hazards: list[Hazard] = []


CERTIFICATE_SEEN = "certificate-seen"
"""The signal by which a step that waits for a Certificate tells its workflow why it is not issued yet."""


class CertificateSeen(Message):
    """A Certificate as it was last seen."""

    certificate: CertificateStatus


class AwaitCertificate(Task):
    """A Certificate that shall be issued."""

    name: str
    namespace: str

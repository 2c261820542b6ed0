"""What the workflow and its activities say to each other: one task and one report for each step.

An activity's type is the name of its step. All of it stands in the run's history, so none of it holds a secret.
"""

from sovereign_dns.contract import (
    CertificateStatus,
    Hazard,
    Owner,
    ProvisionRequest,
    RecordChange,
    VerificationLevel,
    VerificationResult,
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
    """What was found or done for a zone; `changes` are those in the zone above it, `hazards` what it hides there."""

    outcome: str
    changes: list[RecordChange] = []
    hazards: list[Hazard] = []


class RequestCertificate(Task):
    """A Certificate that shall exist."""

    wanted: WantedCertificate
    takeover: bool = False
    dry_run: bool = False


class CertificateReport(Message):
    """What was found or done for a Certificate."""

    outcome: str
    certificate: CertificateStatus


class CommitPoolName(Task):
    """A pool name that PDM shall hold as active."""

    pool_domain: str
    subdomain: str
    load_balancer_ip: str
    created_by: str
    reservation_token: str | None = None
    dry_run: bool = False


class PoolReport(Message):
    """What was found or done for a pool name."""

    outcome: str
    hazards: list[Hazard] = []


CHANGES_ATTEMPTED = "changes-attempted"
"""The signal by which a step tells its workflow of a write whose answer it didn't get."""


class ChangesAttempted(Message):
    """What was sent, and perhaps written; and what it hides, where it was a zone."""

    changes: list[RecordChange] = []
    hazards: list[Hazard] = []


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
    """What was found or done in the zones that answer for a domain's names."""

    outcome: str
    changes: list[RecordChange] = []
    hazards: list[Hazard] = []
    zones: list[ServedZone] = []


class VerifyDomain(Task):
    """The names of one parent domain, and the zones that answer for them."""

    intent: DomainIntent
    zones: list[ServedZone]
    level: VerificationLevel
    expected_nameservers: list[str] = []


HAZARDS_IN_MEMO = "hazards"
"""The memo field in which a run shows its hazards to a list of runs: kind and name of each."""

VERIFICATION_SEEN = "verification-seen"
"""The signal by which a verification that is not done yet tells its workflow what it has seen."""


class VerificationSeen(Message):
    """What was seen of one parent domain so far."""

    domain: str
    verification: VerificationResult


class VerificationReport(Message):
    """The proof."""

    outcome: str
    verification: VerificationResult


CERTIFICATE_SEEN = "certificate-seen"
"""The signal by which a step that waits for a Certificate tells its workflow why it is not issued yet."""


class CertificateSeen(Message):
    """A Certificate as it was last seen."""

    certificate: CertificateStatus


class AwaitCertificate(Task):
    """A Certificate that shall be issued."""

    name: str
    namespace: str

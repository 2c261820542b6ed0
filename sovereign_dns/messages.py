"""What the workflow and its activities say to each other: one task and one report for each step.

An activity's type is the name of its step. All of it stands in the run's history, so none of it holds a secret.
"""

from sovereign_dns.audit_contract import AuditRequest, AuditResult, FixFindingRequest
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
from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemoveParentDomainRequest, RestoreRequest
from sovereign_dns.removal_intent import RemovalIntent
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


DECIDE_REMOVAL = "decide-removal"
"""The activity in which the environment has its say about what is taken away, once for a run."""


class DecideRemoval(Message):
    """The request that is to be decided."""

    request: DeprovisionRequest | RemoveParentDomainRequest


DECIDE_FIX = "decide-fix"
"""The activity in which the environment has its say about what a finding names, once for a run."""


class DecideFix(Message):
    """The request that is to be decided."""

    request: FixFindingRequest


class AwaitLock(Task):
    """A run that is cancelled and waited for, since another one shall follow it under its lock."""

    workflow_id: str


class LockReport(Message):
    """The lock is free."""

    outcome: str


class FindRecords(Task):
    """A Sovereign whose rrsets and zones are looked for. `pool_domain` is where its name is claimed."""

    intent: RemovalIntent
    pool_domain: str | None = None
    keeps_pool_name: bool = False


class RRsetToRemove(Message):
    """One rrset. With `expected` it is removed only where it still holds exactly that, whoever owns it.

    `expected_owner` is the Sovereign whose it must be besides; where it is empty, nobody's.
    """

    name: str
    type: str
    expected: list[str] | None = None
    expected_owner: str | None = None


class FoundZone(Message):
    """A zone that holds some of a Sovereign's rrsets, or that was made for it.

    `made_for_us` where its apex says that it was created for this Sovereign, `delegated_for_us` where the zone above it
    says so of its delegation, `made_by_pdm` where it is the one that PDM makes for a pool name: in these cases there is
    something for `zone-remove` to do. `parent_zone` is the hosted zone above it, and `keys` are the DS records of its
    keys: a zone that is made anew has others.
    """

    zone: str
    domain: str
    rrsets: list[RRsetToRemove] = []
    made_for_us: bool = False
    delegated_for_us: bool = False
    made_by_pdm: bool = False
    parent_zone: str | None = None
    keys: list[str] = []


class FoundReport(Message):
    """What a Sovereign has in PowerDNS; `hazards` tell of what stands at its names and is somebody else's.

    `domain_certificates` may be its own to take away: PowerDNS doesn't know who has asked for them. `left_over` counts
    further rrsets, which no result could tell of besides: they are left to the next run. `deployment_seen` where
    records name the deployment that shall be gone, which then is the latest one. `inner_domains` lie in what shall be
    gone, and are parent domains of their own, so that what is in them stays.
    """

    outcome: str
    deployment_seen: bool = False
    zones: list[FoundZone] = []
    hazards: list[Hazard] = []
    domain_certificates: list[DomainCertificate] = []
    left_over: int = 0
    inner_domains: list[str] = []


class RemoveRecords(Task):
    """Rrsets of one zone. Those without `expected` are removed only where they are the owner's.

    Without an owner's comment they are where they lead nowhere but to `addresses`.
    """

    zone: str
    rrsets: list[RRsetToRemove]
    addresses: list[str] = []
    dry_run: bool = False


class RemoveZone(Task):
    """A zone that was made for the Sovereign, with its delegation; it stays where it holds anything of others.

    `without_parent` allows it also where no hosted zone lies above it. `leftover_of_pool` where PDM made it, and has
    released its name; `nameservers` are those that it delegates to, and `keys` those of the zone when it was found:
    with others it is the zone of somebody who has claimed the name since. In a dry run nothing has been removed before:
    what is the owner's, or leads only to `addresses`, counts as gone.
    """

    zone: str
    parent_zone: str | None = None
    without_parent: bool = False
    leftover_of_pool: bool = False
    nameservers: list[str] = []
    keys: list[str] = []
    addresses: list[str] = []
    dry_run: bool = False


class OtherCertificates(Message):
    """Which Certificates are looked for by their owner: those that the intent is about, but for the ones `named`.

    `inner_domains` as in `FoundReport`: those of their hosts stay.
    """

    intent: RemovalIntent
    named: list[str]
    inner_domains: list[str] = []


class DeleteCertificate(Task):
    """A Certificate that shall be gone, where it is this Sovereign's; `of_domain` where it is a parent domain's own.

    With `besides`, the Sovereign's others in that namespace are looked for too, and told: their deletion is not done.
    One that is for any of `protected_fqdns` stays in any case.
    """

    name: str
    namespace: str
    of_domain: DomainCertificate | None = None
    besides: OtherCertificates | None = None
    protected_fqdns: list[str] = []
    dry_run: bool = False


class ReleasePoolName(Task):
    """A pool name that PDM shall no longer hold for this Sovereign. `deployment_seen` as in `FoundReport`."""

    pool_domain: str
    subdomain: str
    deployment_seen: bool = False
    dry_run: bool = False


DECIDE_RESTORING = "decide-restoring"
"""The activity in which the environment has its say about what is put back, once for a run."""


class DecideRestoring(Message):
    """The request that is to be decided."""

    request: RestoreRequest


class RestoreZoneRecords(Task):
    """What stood in one zone before another run: written back as it was, with its TTLs and comments.

    `pool_address` where PDM has been made to hold the zone's name again: the records with this address that it wrote
    then, which are nobody's, give way.
    """

    zone: str
    records: list[RecordChange]
    pool_address: str | None = None
    takeover: bool = False
    dry_run: bool = False


AUDIT = "audit-zones"
"""The activity that looks through the zones."""


class LookThroughZones(Message):
    """Which zones, and against which inventory."""

    request: AuditRequest


class AuditReport(Message):
    """What was found, and where this installation's people read what to do about it."""

    result: AuditResult
    runbook_url: str | None = None

    @property
    def outcome(self) -> str:
        """One line of the log."""
        found, gone = len(self.result.findings) + self.result.left_out, len(self.result.gone)
        return f"{found} findings in {self.result.zones_total} zones, {gone} gone"


AUDIT_IN_MEMO = "findings"
"""The memo field in which an audit tells a list of audits what it found, in a line."""


class SetNameservers(Task):
    """The name servers that a domain's registrar shall delegate it to. The token is read where it is used.

    `glue_if_ours` is sent as the address of the first one where that has none yet, and is the Sovereign's own.
    """

    domain: str
    registrar: str
    credentials_ref: str
    nameservers: list[str]
    glue_ip: str | None = None
    glue_if_ours: str | None = None
    dry_run: bool = False


class NameserversReport(Message):
    """What the registrar was told, or that it needed no telling, since the world is told `already`."""

    outcome: str
    already: bool = False

"""What workflows and activities say to each other about taking away, putting back, and adding a parent domain."""

from sovereign_dns.contract import Hazard, RecordChange
from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemoveParentDomainRequest, RestoreRequest
from sovereign_dns.messages import DomainCertificate, Task
from sovereign_dns.removal_intent import RemovalIntent
from sovereign_dns.wire import Message

DECIDE_REMOVAL = "decide-removal"
"""The activity in which the environment has its say about what is taken away, once for a run."""


class DecideRemoval(Message):
    """The request that is to be decided."""

    request: DeprovisionRequest | RemoveParentDomainRequest


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

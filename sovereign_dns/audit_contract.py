"""The contract of the audit: what nobody owns, and what no longer is as it was written."""

import ipaddress
from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from sovereign_dns.contract import Owner
from sovereign_dns.fields import Fqdn
from sovereign_dns.wire import Message, StrictMessage

AUDIT_ZONES = "AuditZones"
"""The workflow type that looks through the managed zones. Reads only."""

FIX_FINDING = "FixFinding"
"""The workflow type that removes what one finding names."""

AUDIT_SCHEDULE_ID = "audit-zones"
"""The Temporal Schedule that `sovereign-dns audit enable` makes, and the workflow id that its runs begin with."""

FindingKind = Literal["orphan", "dangling", "shadowing", "drift", "unreadable"]
Severity = Literal["critical", "warning", "notice"]
InventorySource = Literal["owners", "pdm", "networks", "hetzner", "temporal"]

MOST_FINDINGS = 1000
"""In one result; further ones are counted. Temporal takes no result above 2 MiB, and ours stay below 1 MB."""


_LARGEST_NETWORK = {4: 8, 6: 7}
"""Prefix lengths: those of the largest private networks, 10.0.0.0/8 and fc00::/7."""


def _network(text: str) -> str:
    try:
        network = ipaddress.ip_network(text)
    except ValueError as error:
        raise ValueError(f"{text[:60]!r} is no network (CIDR, such as 77.42.11.0/24) and no address: {error}") from None
    if network.prefixlen < _LARGEST_NETWORK[network.version]:
        raise ValueError(
            f"{text[:60]!r} is more than anybody owns (a prefix shorter than /{_LARGEST_NETWORK[network.version]}): "
            "no audit would ever find an orphan there"
        )
    return str(network)


Network = Annotated[str, AfterValidator(_network)]


class AuditRequest(StrictMessage):
    """The input of `AuditZones`.

    Without `zones`, all that PowerDNS hosts. `owned_networks` are added to `CATALYST_OWNED_NETWORKS`. `inventory` says
    which sources to read; without it, all that are configured.
    """

    zones: Annotated[list[Fqdn], Field(max_length=10_000)] = []
    owned_networks: Annotated[list[Network], Field(max_length=1000)] = []
    inventory: list[InventorySource] | None = None


class Finding(Message):
    """One thing that is wrong. `id` is the same in every audit; `mend` is the exact command that mends it.

    `content` is what is served, whole; where that is very long it is cut, ends in `…`, and `mend` says what to do by
    hand. `first_seen` is when an audit first found it, and `news` whether the audit before this one knew it;
    `found_with` are the sources of the inventory that could be read when it was found last.
    """

    id: str
    kind: FindingKind
    severity: Severity
    zone: str
    name: str
    type: str
    content: list[str] = []
    owner: Owner | None = None
    message: str
    evidence: list[str] = []
    mend: str
    first_seen: datetime
    news: Literal["new", "same"] = "new"
    found_with: list[InventorySource] = []


class SourceRead(Message):
    """One part of the inventory: whether it could be read, and how many addresses or names it knows."""

    source: InventorySource
    state: Literal["read", "unreadable", "left-out"]
    entries: int = 0
    detail: str | None = None


class AuditedZone(Message):
    """One zone that was looked through."""

    zone: str
    rrsets: int
    findings: int


class AuditResult(Message):
    """The result of `AuditZones`. `partial` where a zone or a part of the inventory could not be read.

    Where the inventory is partial, nothing is called an orphan. `scope` are the zones that were asked for, all where it
    is empty; every zone's owners are read nevertheless, since they are inventory. `left_out` counts findings beyond
    `MOST_FINDINGS`, or beyond what a result may hold; of `zones`, those with findings come first, `zones_total` counts
    all. `notes` say what could not be checked.

    `standing` is what audits before this one have found, and this one has not looked for or has no room to tell again:
    it stands as it was known, and is carried on from audit to audit. `complete_at` is when the last audit ended that
    looked at everything and could read the whole inventory, perhaps this one.
    """

    started_at: datetime
    finished_at: datetime
    complete_at: datetime | None = None
    partial: bool = False
    scope: list[str] = []
    inventory: list[SourceRead] = []
    zones: list[AuditedZone] = []
    zones_total: int = 0
    rrsets_total: int = 0
    findings: list[Finding] = []
    standing: list[Finding] = []
    gone: list[Finding] = []
    left_out: int = 0
    notes: list[str] = []


class FixFindingRequest(StrictMessage):
    """The input of `FixFinding`: a finding as an audit has told it. Refused where what it names has changed since.

    `together_with` are findings at the same name, removed in the same write: the DS of a delegation with its NS.
    """

    finding: Finding
    together_with: Annotated[list[Finding], Field(max_length=10)] = []
    dry_run: bool = False

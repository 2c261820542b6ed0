"""How a finding is told: its id, its size, and the command that mends it. Pure."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sovereign_dns.audit_contract import Finding, FindingKind, Severity
from sovereign_dns.names import absolute
from sovereign_dns.rrsets import RRset

LONGEST_CONTENT = 2000
"""Characters of all contents together. What is longer is nothing that a stroke of a key should remove."""

LONGEST_EVIDENCE = 300
LONGEST_MESSAGE = 800

UNSEEN = datetime.fromtimestamp(0, UTC)
"""Until it is compared with what earlier audits found."""


@dataclass(frozen=True)
class Found:
    """What is wrong with one rrset.

    `again` is the Sovereign whose provisioning mends it, and `by_hand` what a person has to do; else it is removed.
    """

    kind: FindingKind
    severity: Severity
    rrset: RRset
    message: str
    evidence: list[str] = field(default_factory=list)
    again: str | None = None
    by_hand: str | None = None


def finding_id(kind: FindingKind, zone: str, name: str, rrtype: str) -> str:
    """The same in every audit, and short enough to be typed. `zone` and `name` are without their dots."""
    return hashlib.sha256(f"{kind}\n{zone}\n{name}\n{rrtype}".encode()).hexdigest()[:10]


def as_finding(zone: str, found: Found) -> Finding:
    """The finding as it is told, for the first time until somebody knows better."""
    rrset = found.rrset
    id_ = finding_id(found.kind, zone, rrset.name, rrset.type)
    whole = sum(map(len, rrset.served)) <= LONGEST_CONTENT
    if found.again is not None:
        mend = f"sovereign-dns provision --again {found.again}"
    elif found.by_hand is not None:
        mend = found.by_hand
    elif whole:
        mend = f"sovereign-dns audit fix {id_}"
    else:
        mend = (
            f"remove {absolute(rrset.name)} {rrset.type} by hand in zone {zone}: it is too long to be shown and asked"
        )
    return Finding(
        id=id_,
        kind=found.kind,
        severity=found.severity,
        zone=absolute(zone),
        name=absolute(rrset.name),
        type=rrset.type,
        content=rrset.served if whole else [*_as_many_as_fit(rrset.served), "…"],
        owner=rrset.owner,
        message=cut(found.message, LONGEST_MESSAGE),
        evidence=[cut(line, LONGEST_EVIDENCE) for line in found.evidence],
        mend=mend,
        first_seen=UNSEEN,
    )


def unreadable_zone(zone: str, reason: str) -> Finding:
    """A zone that nothing could be found in, since it could not be read."""
    return Finding(
        id=finding_id("unreadable", zone, zone, ""),
        kind="unreadable",
        severity="warning",
        zone=absolute(zone),
        name=absolute(zone),
        type="",
        message=(
            f"zone {zone} could not be read, so nothing in it was judged, and nothing anywhere is called an orphan: "
            "its Sovereigns' addresses are not known"
        ),
        evidence=[cut(reason, LONGEST_EVIDENCE)],
        mend=f"pdnsutil check-zone {zone}; then sovereign-dns audit run",
        first_seen=UNSEEN,
    )


def unreadable_source(source: str, reason: str) -> Finding:
    """A part of the inventory that could not be read."""
    return Finding(
        id=finding_id("unreadable", "", source, ""),
        kind="unreadable",
        severity="warning",
        zone="",
        name=source,
        type="",
        message=f"the inventory's source {source} could not be read, so nothing is called an orphan",
        evidence=[cut(reason, LONGEST_EVIDENCE)],
        mend="mend what the evidence names; then sovereign-dns audit run",
        first_seen=UNSEEN,
    )


def cut(text: str, longest: int) -> str:
    """The text, or its beginning."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def _as_many_as_fit(contents: list[str]) -> list[str]:
    fitting: list[str] = []
    left = LONGEST_CONTENT
    for content in contents:
        left -= len(content)
        if left < 0:
            break
        fitting.append(content)
    return fitting

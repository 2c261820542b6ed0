"""What earlier audits found, and what that says of this one: known or new, since when, and what is gone. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from sovereign_dns import names
from sovereign_dns.audit_contract import AuditResult, Finding, InventorySource

_DECISIVE: frozenset[InventorySource] = frozenset({"owners", "pdm", "temporal"})
"""Without these, fewer records are found to be left behind or in the way; without others, more are found."""


@dataclass(frozen=True)
class EarlierFinding:
    """A finding, and the sources that had been read when it was found."""

    finding: Finding
    read: frozenset[InventorySource]


Known = dict[str, EarlierFinding]
"""What earlier audits have found, by the findings' ids."""


def looked_for(result: AuditResult, earlier: EarlierFinding) -> bool:
    """Whether an audit would have found it again, had it still been there."""
    finding = earlier.finding
    if finding.kind == "unreadable":
        return bool(finding.zone) or finding.name in sources_read(result)  # every audit reads every zone
    zone = names.relative_to_root(finding.zone)
    unread = {found.zone for found in result.findings if found.kind == "unreadable"}
    if (result.scope and zone not in result.scope) or finding.zone in unread:
        return False
    match finding.kind:
        case "orphan":
            return not result.partial
        case "shadowing" | "dangling":
            return earlier.read & _DECISIVE <= sources_read(result)
        case _:
            return True


def sources_read(result: AuditResult) -> frozenset[InventorySource]:
    """What of the inventory could be read."""
    return frozenset(read.source for read in result.inventory if read.state == "read")


def settles_everything(result: AuditResult) -> bool:
    """Whether no audit before this one can tell anything about now."""
    return not (result.scope or result.partial or result.left_out) and sources_read(result) >= _DECISIVE


def earlier_findings(earlier: Iterable[AuditResult]) -> Known:
    """What stood as found at the end of the earlier audits, which come newest first.

    One that was partial, or of some zones only, says nothing of the rest: that is known from those before it.
    """
    known: Known = {}
    newer: list[AuditResult] = []
    for result in earlier:
        for finding in result.findings:
            found = EarlierFinding(finding, sources_read(result))
            if finding.id not in known and not any(looked_for(one, found) and not one.left_out for one in newer):
                known[finding.id] = found
        newer.append(result)
    return known


def known_from(earlier: Iterable[AuditResult]) -> dict[str, Finding]:
    """As `earlier_findings`, the findings alone."""
    return {id_: found.finding for id_, found in earlier_findings(earlier).items()}

"""What earlier audits found, and what that says of this one: known or new, since when, and what is gone. Pure."""

from collections.abc import Iterable

from sovereign_dns import names
from sovereign_dns.audit_contract import AuditResult, Finding, InventorySource


def looked_for(result: AuditResult, finding: Finding) -> bool:
    """Whether an audit would have found it again, had it still been there."""
    if finding.kind == "unreadable":
        return _would_read_again(result, finding)
    zone = names.relative_to_root(finding.zone)
    unread = {found.zone for found in result.findings if found.kind == "unreadable"}
    if (result.scope and zone not in result.scope) or finding.zone in unread:
        return False
    match finding.kind:
        case "orphan":
            return not result.partial
        case "shadowing":
            return not result.partial and not _left_out(result, "pdm", "temporal")
        case "dangling":
            return not _left_out(result, "pdm", "temporal")
        case _:
            return True


def _would_read_again(result: AuditResult, finding: Finding) -> bool:
    if finding.zone:
        return True  # every zone is read in every audit, for its owners
    return any(read.source == finding.name and read.state == "read" for read in result.inventory)


def _left_out(result: AuditResult, *sources: InventorySource) -> bool:
    return any(read.source in sources and read.state != "read" for read in result.inventory)


def settles_everything(result: AuditResult) -> bool:
    """Whether no audit before this one can tell anything about now."""
    nothing_left_out = all(not _left_out(result, source) for source in ("pdm", "temporal"))
    return not (result.scope or result.partial or result.left_out) and nothing_left_out


def known_from(earlier: Iterable[AuditResult]) -> dict[str, Finding]:
    """What stood as found at the end of the earlier audits, which come newest first, by id.

    One that was partial, or of some zones only, says nothing of the rest: that is known from those before it.
    """
    known: dict[str, Finding] = {}
    newer: list[AuditResult] = []
    for result in earlier:
        for finding in result.findings:
            if finding.id not in known and not any(looked_for(one, finding) and not one.left_out for one in newer):
                known[finding.id] = finding
        newer.append(result)
    return known

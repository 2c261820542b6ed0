"""What earlier audits found, and what that says of this one: known or new, since when, and what is gone. Pure."""

from datetime import datetime

from sovereign_dns import names
from sovereign_dns.audit_contract import AuditResult, Finding, InventorySource

_DECISIVE: frozenset[InventorySource] = frozenset({"owners", "pdm", "temporal"})
"""Without these, fewer records are found to be left behind or in the way; without others, more are found."""


Known = dict[str, Finding]
"""What earlier audits have found, by the findings' ids."""


def looked_for(result: AuditResult, finding: Finding) -> bool:
    """Whether an audit would have found it again, had it still been there."""
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
            return _DECISIVE.intersection(finding.found_with) <= sources_read(result)
        case _:
            return True


def sources_read(result: AuditResult) -> frozenset[InventorySource]:
    """What of the inventory could be read."""
    return frozenset(read.source for read in result.inventory if read.state == "read")


def known_from(latest: AuditResult | None) -> Known:
    """What stands as found after the latest audit: what it has found, and what it carries on."""
    if latest is None:
        return {}
    return {finding.id: finding for finding in [*latest.standing, *latest.findings]}


def complete_at(result: AuditResult, latest: AuditResult | None) -> datetime | None:
    """When the last audit ended that looked at everything: this one, or the one that those before it know of."""
    if not (result.partial or result.scope):
        return result.finished_at
    return latest.complete_at if latest else None

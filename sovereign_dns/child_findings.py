"""Faults of the zone's own servers (lameness, stale copies, expired signatures), as it is delegated to them. Pure."""

from collections.abc import Iterable

from sovereign_dns import names
from sovereign_dns.delegation_seen import ChildSaid, Delegation, Finding, tags


def child_findings(seen: Delegation, child: ChildSaid) -> Iterable[Finding]:
    """What is wrong with one of the zone's own servers."""
    if child.position != "answers":
        yield from _no_answer_below(seen, child)
        return
    if not _is_vouched_for(seen):
        return
    ds = {item for parent in seen.parents for item in parent.ds}
    others = {item for other in seen.answering for item in other.key_ds}
    if not ds & set(child.key_ds):
        if ds & others:  # otherwise the parent's DS is at fault
            yield Finding(
                "bogus",
                "DNSKEY",
                f"{child.server} serves {seen.zone} without the key that the DS in {seen.above_shown} names (key "
                f"tag {tags(ds & others)}), and other servers serve it: this copy is stale or unsigned; transfer the "
                "zone to it anew",
            )
        return
    for fault in child.signature_faults:
        yield Finding(
            "bogus",
            fault.type,
            f"the {fault.type} rrset of {seen.zone} at {child.server} {fault.problem}: validating resolvers answer "
            "SERVFAIL; sign the zone anew and bring all its servers up to date",
        )


def _no_answer_below(seen: Delegation, child: ChildSaid) -> Iterable[Finding]:
    zone, above = seen.zone, seen.above_shown
    match child.position:
        case "silent":
            yield Finding(
                "unreachable",
                "NS",
                f"{child.server}, to which {zone} is delegated, gives no answer ({child.reason}): resolvers that pick "
                f"it have to wait; start it, open port 53 for UDP and TCP, or take it out of the NS set",
            )
        case "nowhere" if not _is_told_as_missing_glue(seen, child.name_server):
            yield Finding(
                "missing",
                "NS",
                f"{zone} is delegated to {child.name_server}, whose address can't be found ({child.reason}): give it "
                f"one, or take it out of the NS sets of {above} and of {zone}; whoever gets hold of that name answers "
                "for the zone",
            )
        case "refuses" | "lame":
            yield Finding(
                "refused",
                "NS",
                f"{child.server} is lame: {zone} is delegated to it, and it {child.reason}; load the zone there, or "
                f"take it out of the NS sets of {above} and of {zone}",
            )
        case _:
            pass


def _is_told_as_missing_glue(seen: Delegation, host: str) -> bool:
    return names.is_at_or_below(host, seen.zone) and any(
        parent.position == "delegates" and host in parent.nameservers and not parent.glue.get(host)
        for parent in seen.parents
    )


def _is_vouched_for(seen: Delegation) -> bool:
    """Whether a validating resolver would look at the zone's signatures at all."""
    return seen.above.state == "secure" and any(
        parent.ds and parent.ds_problem is None and not parent.ds_unsupported for parent in seen.parents
    )

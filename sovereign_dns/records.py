"""The plan for a zone: what is wanted against what is there. Pure, printable, and apart from applying it."""

from collections.abc import Iterable, Sequence

from sovereign_dns import names
from sovereign_dns.contract import Change, Comment, Hazard, Owner, RecordChange
from sovereign_dns.intent import DesiredRRset, DomainIntent
from sovereign_dns.rrsets import ADDRESS_TYPES, RRset, RRsetWrite, canonical_content, owner_comment
from sovereign_dns.wire import Message


class ZonePlan(Message):
    """What one zone needs. `writes` go out as one atomic PATCH; with `conflicts` nothing may be written."""

    zone: str
    changes: list[RecordChange] = []
    writes: list[RRsetWrite] = []
    conflicts: list[str] = []
    hazards: list[Hazard] = []


def wildcards_over(host: str, zone: str) -> list[str]:
    """Every wildcard name between a host and the top of its zone, nearest first, `*.<host>` included."""
    return [f"*.{ancestor}" for ancestor in names.lineage(host, zone)]


def plan_zone(
    zone: str,
    intent: DomainIntent,
    existing: Iterable[RRset],
    owner: Owner,
    *,
    takeover: bool = False,
) -> ZonePlan:
    """Plans one zone's part of a domain's intent.

    Args:
        zone: the zone, which answers for all of the intent's names that are passed.
        intent: holds only the rrsets and the wildcard removals that belong into this zone.
        existing: what the zone holds at those names and at the wildcards over the host.
        owner: whose records they become.
        takeover: whether another Sovereign's rrsets may be replaced.
    """
    by_name = _address_rrsets_by_name(existing)
    plan = ZonePlan(zone=zone)
    for name in dict.fromkeys(rrset.name for rrset in intent.rrsets):
        desired = [rrset for rrset in intent.rrsets if rrset.name == name]
        _plan_name(plan, desired, by_name.get(name, []), owner, takeover=takeover)
    for wildcard in intent.remove_wildcards:
        for rrset in by_name.get(wildcard, []):
            plan_removal(plan, rrset, owner, takeover=takeover)
    plan.hazards = _stale_wildcards(zone, intent, by_name)
    return plan


def _address_rrsets_by_name(existing: Iterable[RRset]) -> dict[str, list[RRset]]:
    by_name: dict[str, list[RRset]] = {}
    for rrset in existing:
        if rrset.type in ADDRESS_TYPES:
            by_name.setdefault(rrset.name, []).append(rrset)
    return by_name


def _plan_name(
    plan: ZonePlan, desired: Sequence[DesiredRRset], present: Sequence[RRset], owner: Owner, *, takeover: bool
) -> None:
    """All address types of a name together: a forgotten AAAA or CNAME leads to a stranger just as an A does."""
    wanted_types = {rrset.type for rrset in desired}
    # Removals first: PowerDNS checks a PATCH in its order, and refuses an A beside a CNAME that is yet to go.
    for leftover in present:
        if leftover.type not in wanted_types:
            plan_removal(plan, leftover, owner, takeover=takeover)
    for rrset in desired:
        there = next((other for other in present if other.type == rrset.type), None)
        plan_rrset(plan, rrset, there, owner, takeover=takeover)


def plan_rrset(plan: ZonePlan, desired: DesiredRRset, present: RRset | None, owner: Owner, *, takeover: bool) -> None:
    """Adds to the plan what makes one rrset right, or the conflict that forbids it."""
    if present is None:
        plan.changes.append(_creation(plan.zone, desired))
        plan.writes.append(_write(desired, [], owner))
    elif _is_right(present, desired, owner):
        plan.changes.append(change_of(plan.zone, present, "unchanged", after=present.served))
    elif _belongs_to_another(plan, present, owner, takeover=takeover):
        return
    else:
        plan.changes.append(change_of(plan.zone, present, "replaced", after=desired.values, ttl=desired.ttl))
        plan.writes.append(_write(desired, present.foreign_comments, owner))


def plan_removal(plan: ZonePlan, present: RRset, owner: Owner, *, takeover: bool) -> None:
    """Adds to the plan the removal of an rrset, or the conflict that forbids it."""
    if not _belongs_to_another(plan, present, owner, takeover=takeover):
        plan.changes.append(change_of(plan.zone, present, "removed", after=[]))
        plan.writes.append(RRsetWrite(name=present.name, type=present.type))


def _belongs_to_another(plan: ZonePlan, present: RRset, owner: Owner, *, takeover: bool) -> bool:
    holder = present.owner
    if takeover or holder is None or holder.sovereign_fqdn == owner.sovereign_fqdn:
        return False
    values = ", ".join(present.served) or "disabled"
    plan.conflicts.append(
        f"{names.absolute(present.name)} {present.type} in zone {names.absolute(plan.zone)} is {values}, "
        f"written by Sovereign {holder.sovereign_fqdn} (deployment {holder.deployment_id})"
    )
    return True


def _is_right(present: RRset, desired: DesiredRRset, owner: Owner) -> bool:
    if not present.holds_exactly(desired.values):
        return False
    return desired.only_values or (present.ttl == desired.ttl and present.owner == owner)


def _creation(zone: str, desired: DesiredRRset) -> RecordChange:
    return RecordChange(
        zone=names.absolute(zone),
        name=names.absolute(desired.name),
        type=desired.type,
        ttl=desired.ttl,
        after=desired.values,
        change="created",
    )


def change_of(zone: str, present: RRset, change: Change, *, after: list[str], ttl: int | None = None) -> RecordChange:
    """What becomes of an rrset that is there, with all that it held. Without a TTL it keeps its own."""
    return RecordChange(
        zone=names.absolute(zone),
        name=names.absolute(present.name),
        type=present.type,
        ttl=present.ttl if ttl is None else ttl,
        before=present.served,
        before_ttl=present.ttl,
        before_disabled=present.disabled,
        before_owner=present.owner,
        before_written=present.told_digest,
        before_comments=present.foreign_comments if change == "removed" else [],
        after=after,
        change=change,
    )


def _write(desired: DesiredRRset, kept_comments: Sequence[Comment], owner: Owner) -> RRsetWrite:
    return RRsetWrite(
        name=desired.name,
        type=desired.type,
        ttl=desired.ttl,
        values=desired.values,
        comments=[*kept_comments, owner_comment(owner)],
    )


def _stale_wildcards(zone: str, intent: DomainIntent, by_name: dict[str, list[RRset]]) -> list[Hazard]:
    hazards: list[Hazard] = []
    for wildcard in wildcards_over(intent.host, zone):
        if wildcard in intent.remove_wildcards or any(rrset.name == wildcard for rrset in intent.rrsets):
            continue
        strangers = [
            content
            for rrset in by_name.get(wildcard, [])
            for content in rrset.served
            if not _leads_to(content, rrset.type, intent)
        ]
        if strangers:
            hazards.append(_stale_wildcard(zone, wildcard, strangers, intent.host))
    return hazards


def _leads_to(content: str, rrtype: str, intent: DomainIntent) -> bool:
    if rrtype in {"A", "AAAA"}:
        return canonical_content(rrtype, content) in intent.addresses
    own_names = {names.absolute(rrset.name) for rrset in intent.rrsets}
    return rrtype in {"CNAME", "ALIAS"} and content.lower() in own_names


def _stale_wildcard(zone: str, wildcard: str, content: list[str], host: str) -> Hazard:
    below = wildcard.removeprefix("*.")
    return Hazard(
        kind="stale-wildcard",
        zone=names.absolute(zone),
        name=names.absolute(wildcard),
        content=content,
        message=(
            f"{wildcard} sends every name below {below} that has no records of its own to {', '.join(content)}, "
            f"which is not this Sovereign ({host}). If nobody needs it, remove it, or run again with "
            f'"removeWildcards": ["{wildcard}"].'
        ),
    )


def over_all_attempts(noted: Sequence[RecordChange], found: Sequence[RecordChange]) -> list[RecordChange]:
    """What several attempts changed together, with every value that any of them replaced.

    Args:
        noted: what earlier attempts were about to change; they may have done it.
        found: what this attempt finds, which calls `unchanged` what an earlier one has written.
    """
    earlier = {_key(change): change for change in noted if change.change != "unchanged"}
    changes: list[RecordChange] = []
    for change in found:
        first = earlier.pop(_key(change), None)
        if first is None:
            changes.append(change)
        elif change.change == "unchanged" or _was(change) == _was(first):
            changes.append(first)
        else:
            changes.append(_after_somebody_else(first, change))
    return [*changes, *earlier.values()]


def perhaps_done(changes: Iterable[RecordChange], *, not_sent: Iterable[ZonePlan]) -> list[RecordChange]:
    """Of what several attempts changed together, what is in or may be: all but what these plans are yet to change."""
    to_come = {_key(change) for plan in not_sent for change in plan.changes if change.change != "unchanged"}
    return [change for change in changes if change.change != "unchanged" and _key(change) not in to_come]


def _key(change: RecordChange) -> tuple[str, str, str]:
    return change.zone, change.name, change.type


def _was(change: RecordChange) -> tuple[object, ...]:
    return change.before, change.before_ttl, change.before_disabled, change.before_owner, change.before_comments


def _after_somebody_else(first: RecordChange, found: RecordChange) -> RecordChange:
    """What is found, where somebody else wrote after an earlier attempt; with what stood there first."""
    stood_first = found if first.before_ttl is None else first
    noted_first = [comment for comment in first.before_comments if comment not in found.before_comments]
    return found.changed(
        before=list(dict.fromkeys([*first.before, *found.before])),
        before_ttl=stood_first.before_ttl,
        before_disabled=list(dict.fromkeys([*first.before_disabled, *found.before_disabled])),
        before_owner=stood_first.before_owner,
        before_comments=[*noted_first, *found.before_comments],
    )


def summary(changes: Iterable[RecordChange], *, planned: bool = False) -> str:
    """The counts in one line: `14 created, 0 replaced, 0 unchanged`, and what was removed, where anything was."""
    counts = {"created": 0, "replaced": 0, "removed": 0, "unchanged": 0}
    for change in changes:
        counts[change.change] += 1
    shown = [f"{count} {change}" for change, count in counts.items() if count or change != "removed"]
    return f"{'dry run: would be ' if planned else ''}{', '.join(shown)}"

"""Which rrsets are a Sovereign's, and the plan of their removal. Pure.

An owner's comment decides. What has none is from before there were such comments, or somebody else's: it is the
Sovereign's where it stands at one of its names and leads nowhere but to its addresses.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sovereign_dns import names
from sovereign_dns.contract import Hazard, Owner, RecordChange
from sovereign_dns.lifecycle_messages import FoundZone, RRsetToRemove
from sovereign_dns.protected_names import at_stake
from sovereign_dns.records import ZonePlan, change_of, plan_removal
from sovereign_dns.removal_intent import DomainRemoval, RemovalIntent
from sovereign_dns.rrsets import ADDRESS_TYPES, RRset, canonical_content

DELEGATION_TYPES = frozenset({"NS", "DS"})

_HOLDS_A_ZONE = frozenset({"SOA", "NS", "DS"})
"""What a zone, or what lies below a cut, hangs on: it goes with the zone, and never as a record."""

MOST_NAMED = 5

ANOTHER_DEPLOYMENT = (
    "It may be newer, and in use. If the Sovereign shall go whatever deployment it is of, send no deploymentId."
)
"""What a removal says beside the deployment that it has found."""

MOST_BYTES_TOLD = 1_000_000
"""Of the rrsets that one run removes, as its result tells them: all that they held, so that they can be put back.

Temporal takes nothing above 2 MiB. A run that puts them back tells half as much besides: the names that it asks for.
"""


def is_of(rrset: RRset, sovereign_fqdn: str) -> bool:
    """Whether its comment says that it is this Sovereign's, of whatever deployment."""
    return rrset.owner is not None and rrset.owner.sovereign_fqdn == sovereign_fqdn


def leads_only_to(rrset: RRset, addresses: Collection[str]) -> bool:
    """Whether it is an address without an owner, and answers nothing but these."""
    return (
        rrset.owner is None
        and rrset.type in {"A", "AAAA"}
        and bool(rrset.served)
        and all(canonical_content(rrset.type, value) in addresses for value in rrset.served)
    )


def names_in_question(domain: DomainRemoval) -> list[str]:
    """At which what has no owner may be the Sovereign's: its names, and the wildcard below its host."""
    return list(dict.fromkeys([*domain.names, f"*.{domain.host}"]))


def pool_host(domain: DomainRemoval) -> str | None:
    """The host, where it is a pool name: PDM makes a zone for it, with a wildcard."""
    return domain.host if f"*.{domain.host}" in domain.names else None


def is_in_scope(name: str, intent: RemovalIntent) -> bool:
    """Whether the request is about a name."""
    return intent.everywhere or any(names.is_at_or_below(name, domain.host) for domain in intent.domains)


def is_zone_in_scope(zone: str, intent: RemovalIntent) -> bool:
    """Whether the request is about a zone, and not only about records in it."""
    return is_in_scope(zone, intent) or any(zone == domain.domain for domain in intent.domains)


def found_in(zone: str, present: Iterable[RRset], asked_for: Collection[str], intent: RemovalIntent) -> FoundZone:
    """What of a zone's rrsets is the Sovereign's, and whether the zone was made for it.

    Args:
        zone: which one.
        present: what it holds where a comment may name the Sovereign, and at the names in question.
        asked_for: the names in question that this zone answers for.
        intent: what shall be gone.
    """
    fqdn = intent.owner.sovereign_fqdn
    present = list(present)
    mine = [rrset for rrset in present if is_record_of(rrset, asked_for, intent) and not _is_protected(rrset, intent)]
    return FoundZone(
        zone=zone,
        domain=_domain_of(zone, [rrset.name for rrset in mine], intent),
        rrsets=[RRsetToRemove(name=rrset.name, type=rrset.type) for rrset in mine],
        made_for_us=any(
            is_of(rrset, fqdn) and _is_apex_ns(rrset, zone) and not _is_protected(rrset, intent) for rrset in present
        )
        and is_zone_in_scope(zone, intent),
    )


def first_portion(
    zones: Iterable[FoundZone], present: Mapping[str, Iterable[RRset]]
) -> tuple[list[FoundZone], list[str]]:
    """What one run can remove and tell all of, and what it leaves to the next one.

    Args:
        zones: what was found, in the order in which it is removed.
        present: the rrsets themselves, by zone.
    """
    portion, left_over, free = list[FoundZone](), list[str](), MOST_BYTES_TOLD
    for zone in zones:
        held = {(rrset.name, rrset.type): rrset for rrset in present.get(zone.zone, [])}
        taken = []
        for item in zone.rrsets:
            size = _bytes_told(zone.zone, held[item.name, item.type])
            if size <= free:
                free -= size
                taken.append(item)
            else:
                left_over.append(f"{item.name} {item.type} in zone {zone.zone}")
        portion.append(zone.changed(rrsets=taken))
    return portion, left_over


def _bytes_told(zone: str, rrset: RRset) -> int:
    return len(change_of(zone, rrset, "removed", after=[]).model_dump_json().encode())


def is_record_of(rrset: RRset, asked_for: Collection[str], intent: RemovalIntent) -> bool:
    """Whether it is the Sovereign's, and no part of what makes a zone. `asked_for` as in `found_in`."""
    return rrset.type not in _HOLDS_A_ZONE and (
        (is_of(rrset, intent.owner.sovereign_fqdn) and is_in_scope(rrset.name, intent))
        or (rrset.name in asked_for and leads_only_to(rrset, intent.addresses))
    )


def _is_protected(rrset: RRset, intent: RemovalIntent) -> bool:
    return at_stake(rrset.name, [rrset.type], intent.protected_fqdns) is not None


def _is_apex_ns(rrset: RRset, zone: str) -> bool:
    return rrset.type == "NS" and rrset.name == zone


def _domain_of(zone: str, found: Sequence[str], intent: RemovalIntent) -> str:
    """The request's parent domain that the zone belongs to, or the zone itself."""
    for domain in intent.domains:
        if zone == domain.domain or any(names.is_at_or_below(name, domain.host) for name in [*found, zone]):
            return domain.domain
    return zone


def cuts_delegated_for(zone: str, present: Iterable[RRset], intent: RemovalIntent) -> list[str]:
    """The names below a zone's apex that it delegates, as its comments say for this Sovereign."""
    return list(
        dict.fromkeys(
            rrset.name
            for rrset in present
            if rrset.type in DELEGATION_TYPES
            and rrset.name != zone
            and is_of(rrset, intent.owner.sovereign_fqdn)
            and is_zone_in_scope(rrset.name, intent)
            and not _is_protected(rrset, intent)
        )
    )


def other_deployments(zone: str, present: Iterable[RRset], intent: RemovalIntent) -> list[str]:
    """The Sovereign's own rrsets of another deployment than the one that shall be gone.

    A zone and its delegation keep the name of the deployment that made them, and tell nothing of those after it.
    """
    return [
        _written_by_another_deployment(zone, rrset)
        for rrset in present
        if rrset.type not in _HOLDS_A_ZONE
        and is_in_scope(rrset.name, intent)
        and is_of(rrset, intent.owner.sovereign_fqdn)
        and not _is_of_deployment(rrset, intent.owner)
    ]


def has_records_of_deployment(present: Iterable[RRset], owner: Owner) -> bool:
    """Whether a record names the owner's deployment, and not only the Sovereign. Zones and delegations don't count."""
    return any(
        rrset.type not in _HOLDS_A_ZONE
        and is_of(rrset, owner.sovereign_fqdn)
        and rrset.owner is not None
        and rrset.owner.deployment_id == owner.deployment_id
        for rrset in present
    )


def _is_of_deployment(rrset: RRset, owner: Owner) -> bool:
    return not owner.deployment_id or (rrset.owner is not None and rrset.owner.deployment_id == owner.deployment_id)


def _written_by_another_deployment(zone: str, rrset: RRset) -> str:
    deployment = rrset.owner.deployment_id if rrset.owner else ""
    return f"{rrset.name} {rrset.type} in zone {zone} is of deployment {deployment}"


def kept_for_another(
    zone: str, present: Iterable[RRset], asked_for: Collection[str], intent: RemovalIntent
) -> list[Hazard]:
    """What another Sovereign holds at the names in question that this zone answers for."""
    return [
        _kept_for(zone, rrset, rrset.owner, intent.owner)
        for rrset in present
        if rrset.name in asked_for
        and rrset.type in ADDRESS_TYPES
        and rrset.owner is not None
        and not is_of(rrset, intent.owner.sovereign_fqdn)
    ]


def left_without_owner(present: Iterable[RRset], asked_for: Collection[str], intent: RemovalIntent) -> list[str]:
    """What has no owner at the names in question, and can't be told to be the Sovereign's: it goes on answering."""
    return [
        f"{rrset.name} {rrset.type} ({', '.join(rrset.served)})"
        for rrset in present
        if rrset.name in asked_for
        and rrset.type in ADDRESS_TYPES
        and rrset.owner is None
        and rrset.served
        and not leads_only_to(rrset, intent.addresses)
    ]


def record_kept(zone: str, rrset: RRset, why: str) -> Hazard:
    """What was left; `why` follows the rrset in the message."""
    return Hazard(
        kind="kept-for-another",
        zone=names.absolute(zone),
        name=names.absolute(rrset.name),
        content=rrset.served,
        message=f"{rrset.name} {rrset.type} ({', '.join(rrset.served) or 'disabled'}) {why}",
    )


def _kept_for(zone: str, rrset: RRset, holder: Owner, owner: Owner) -> Hazard:
    return record_kept(
        zone,
        rrset,
        f"belongs to Sovereign {holder.sovereign_fqdn} (deployment {holder.deployment_id}) and was left to it, though "
        f"it is one of the names of {owner.sovereign_fqdn}. If nobody needs it any more, deprovision "
        f"{holder.sovereign_fqdn}.",
    )


def plan_removals(
    zone: str,
    wanted: Iterable[RRsetToRemove],
    present: Iterable[RRset],
    owner: Owner,
    addresses: Collection[str],
) -> ZonePlan:
    """Plans what is removed from a zone: never what holds the zone, and never another Sovereign's.

    Args:
        zone: which one.
        wanted: the rrsets in question; one that is named with what is `expected` there goes whoever owns it.
        present: what the zone holds at their names.
        owner: whose they are; an empty deployment stands for all.
        addresses: where those without an owner lead.
    """
    there = {(rrset.name, rrset.type): rrset for rrset in present}
    plan = ZonePlan(zone=zone)
    for item in wanted:
        rrset = there.get((names.relative_to_root(item.name), item.type))
        if rrset is None or _holds_the_zone(rrset, zone, expected=item.expected is not None):
            continue
        if item.expected is not None or leads_only_to(rrset, addresses):
            plan_removal(plan, rrset, owner, takeover=True)
        elif is_of(rrset, owner.sovereign_fqdn):
            if _is_of_deployment(rrset, owner):
                plan_removal(plan, rrset, owner, takeover=True)
            else:
                plan.conflicts.append(_written_by_another_deployment(zone, rrset))
        elif rrset.owner is not None:
            plan.hazards.append(_kept_for(zone, rrset, rrset.owner, owner))
    return plan


def _holds_the_zone(rrset: RRset, zone: str, *, expected: bool) -> bool:
    """A delegation may be removed where it is named with its content, and the zone's own NS never."""
    return rrset.type in _HOLDS_A_ZONE and (rrset.name == zone or not expected)


def changed_since(zone: str, wanted: Iterable[RRsetToRemove], present: Iterable[RRset]) -> list[str]:
    """What is there and no longer holds what is expected; what is gone by now needs no removal."""
    there = {(rrset.name, rrset.type): rrset for rrset in present}
    changed = []
    for item in wanted:
        rrset = there.get((names.relative_to_root(item.name), item.type))
        if rrset is None or item.expected is None:
            continue
        owner = rrset.owner.sovereign_fqdn if rrset.owner else ""
        if item.expected_owner is not None and owner != item.expected_owner:
            changed.append(
                f"{rrset.name} {rrset.type} in zone {zone} belongs to {owner or 'nobody'} by now, and no longer to "
                f"{item.expected_owner or 'nobody'}"
            )
        elif not _serves(rrset, item.expected):
            changed.append(
                f"{rrset.name} {rrset.type} in zone {zone} is {', '.join(rrset.served) or 'disabled'} by now, and no "
                f"longer {', '.join(item.expected) or 'disabled'}"
            )
    return changed


def _serves(rrset: RRset, values: Iterable[str]) -> bool:
    return {canonical_content(rrset.type, value) for value in rrset.served} == {
        canonical_content(rrset.type, value) for value in values
    }


def removal_summary(changes: Iterable[RecordChange], *, planned: bool = False) -> str:
    """The count in one line."""
    count = sum(change.change == "removed" for change in changes)
    return f"dry run: {count} would be removed" if planned else f"{count} removed"


def first_named(told: Sequence[str]) -> str:
    """The first few, and how many more there are."""
    more = len(told) - MOST_NAMED
    return "; ".join(told[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")

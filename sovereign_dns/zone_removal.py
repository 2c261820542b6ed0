"""Whether a zone that was made for a Sovereign goes, and its delegation with it. Pure.

It stays where it holds anything of others, or where others count on it: what stays is told.
"""

from collections.abc import Iterable, Sequence

from sovereign_dns import names
from sovereign_dns.contract import Hazard, Owner
from sovereign_dns.lifecycle_messages import RemoveZone
from sovereign_dns.records import ZonePlan, plan_removal
from sovereign_dns.removal import DELEGATION_TYPES, MOST_NAMED, is_of, leads_only_to
from sovereign_dns.rrsets import RRset
from sovereign_dns.wire import Message

PDM_LABELS = ("", "*.", "console.", "api.", "gitea.", "harbor.")
"""The names below a pool name at which PDM writes an address."""


_CLAIMED_SINCE = "somebody has claimed the pool name since it was released"


class ZoneSeen(Message):
    """A zone that is to go, as it stands.

    `below` is some of what it holds below its apex, empty only where there is nothing; `at_the_cut` is what the zone
    above it holds at its name.
    """

    zone: str
    hosted: bool = True
    writable: bool = True
    signed: bool = False
    keys: list[str] = []
    parent_zone: str | None = None
    apex: list[RRset] = []
    below: list[RRset] = []
    at_the_cut: list[RRset] = []

    @property
    def nameservers(self) -> list[str]:
        """Its own NS set, names with their dots."""
        return [server for rrset in self.apex if rrset.type == "NS" for server in rrset.served]

    @property
    def made_for(self) -> Owner | None:
        """The Sovereign that it was made for, as its apex says."""
        return next((rrset.owner for rrset in self.apex if rrset.type == "NS" and rrset.owner), None)


class ZoneRemoval(Message):
    """Whether the zone goes, what goes in the zone above it, and what goes with it. `kept` says why it stays."""

    removed: bool = False
    delegation: ZonePlan | None = None
    lost_with_it: ZonePlan | None = None
    kept: str | None = None
    hazards: list[Hazard] = []


def plan_zone_removal(seen: ZoneSeen, wish: RemoveZone, *, claimed_since: bool = False) -> ZoneRemoval:
    """Decides about a zone; one that is gone may have left its delegation.

    `claimed_since`: it was a released pool name's, which PDM holds again: with its delegation it is the new holder's.
    """
    if claimed_since:
        return ZoneRemoval(kept=_CLAIMED_SINCE)
    if not seen.hosted:
        return ZoneRemoval(delegation=_delegation(seen, _delegation_of_a_zone_that_is_gone(seen, wish)))
    if wish.leftover_of_pool and set(seen.keys) != set(wish.keys):
        return ZoneRemoval(kept=_CLAIMED_SINCE)
    left = _held_for_others(seen, wish)
    kept = _why_it_stays(seen, wish, left)
    if kept is None:
        going = [rrset for rrset in _contents(seen) if _is_pdms(rrset, seen.zone, wish)]
        return ZoneRemoval(
            removed=True,
            delegation=_delegation(seen, _leading_here(seen)),
            lost_with_it=_removals(seen.zone, going),
            hazards=[] if seen.parent_zone else [_still_delegated(seen)],
        )
    hazards = [_zone_kept(seen.zone, kept, left)]
    if left or seen.made_for is not None:
        return ZoneRemoval(kept=kept, hazards=hazards)
    own = [rrset for rrset in _leading_here(seen) if is_of(rrset, wish.owner.sovereign_fqdn)]
    return ZoneRemoval(kept=kept, hazards=hazards, delegation=_delegation(seen, own))


def _contents(seen: ZoneSeen) -> list[RRset]:
    """What the zone holds, but for what makes it a zone."""
    return [rrset for rrset in seen.apex if rrset.type not in {"SOA", "NS"}] + seen.below


def _held_for_others(seen: ZoneSeen, wish: RemoveZone) -> list[RRset]:
    """What would be lost with the zone. Before a dry run nothing of the Sovereign's own was removed."""
    return [
        rrset
        for rrset in _contents(seen)
        if not _is_pdms(rrset, seen.zone, wish)
        and not (wish.dry_run and (is_of(rrset, wish.owner.sovereign_fqdn) or leads_only_to(rrset, wish.addresses)))
    ]


def _is_pdms(rrset: RRset, zone: str, wish: RemoveZone) -> bool:
    """Whether PDM, which made the zone, wrote it: had it been able to, it would have deleted it."""
    return (
        wish.leftover_of_pool
        and rrset.owner is None
        and rrset.type == "A"
        and rrset.name in {f"{label}{zone}" for label in PDM_LABELS}
    )


def _why_it_stays(seen: ZoneSeen, wish: RemoveZone, left: Sequence[RRset]) -> str | None:
    fqdn, maker = wish.owner.sovereign_fqdn, seen.made_for
    if left:
        named = list(dict.fromkeys(f"{rrset.name} {rrset.type}" for rrset in left))
        more = " and more" if len(named) > MOST_NAMED else ""
        return f"it holds {', '.join(named[:MOST_NAMED])}{more}"
    if maker is not None and maker.sovereign_fqdn != fqdn:
        return f"it was made for Sovereign {maker.sovereign_fqdn}"
    if maker is None and not wish.leftover_of_pool:
        return f"nothing says that it was made for {fqdn}: it was there before, or is from before zones were marked"
    if not seen.writable:
        return "it gets its content from another server"
    if seen.parent_zone is None and not wish.without_parent and not wish.leftover_of_pool:
        return (
            "no zone here lies above it, so a registry may delegate it to these name servers, and it may serve again: "
            f"remove it as a parent domain (sovereign-dns remove-domain {seen.zone} --sovereign {fqdn})"
        )
    others = [rrset for rrset in _leading_here(seen) if not _may_go(rrset, wish)]
    if others:
        whose = others[0].owner
        of = f"Sovereign {whose.sovereign_fqdn}'s" if whose else "nobody's that is known"
        return f"its {others[0].type} in zone {seen.parent_zone} is {of}, who may count on it"
    return None


def _may_go(rrset: RRset, wish: RemoveZone) -> bool:
    return is_of(rrset, wish.owner.sovereign_fqdn) or (wish.leftover_of_pool and rrset.owner is None)


def _leading_here(seen: ZoneSeen) -> list[RRset]:
    """The delegation, where it leads to this zone; one to other servers is another zone's."""
    delegation = [rrset for rrset in seen.at_the_cut if rrset.type in DELEGATION_TYPES and rrset.name == seen.zone]
    ns = next((rrset for rrset in delegation if rrset.type == "NS"), None)
    return delegation if ns is None or _same(ns.served, seen.nameservers) else []


def _delegation_of_a_zone_that_is_gone(seen: ZoneSeen, wish: RemoveZone) -> list[RRset]:
    """The Sovereign's own, as it was written; or PDM's, which deletes the zone first, and may have failed then."""
    delegation = [rrset for rrset in seen.at_the_cut if rrset.type in DELEGATION_TYPES and rrset.name == seen.zone]
    ns = next((rrset for rrset in delegation if rrset.type == "NS"), None)
    if ns is not None and ns.is_as_written is False:
        return []  # somebody has led it elsewhere since
    pdms = wish.leftover_of_pool and ns is not None and _same(ns.served, map(names.absolute, wish.nameservers))
    return [rrset for rrset in delegation if is_of(rrset, wish.owner.sovereign_fqdn) or (pdms and rrset.owner is None)]


def _still_delegated(seen: ZoneSeen) -> Hazard:
    return Hazard(
        kind="still-delegated",
        zone=names.absolute(seen.zone),
        name=names.absolute(seen.zone),
        content=seen.nameservers,
        message=(
            f"no zone here lies above {seen.zone}, so its delegation to {', '.join(seen.nameservers)} stands at its "
            "registrar, and was left there. These servers refuse the domain from now on, and whoever may create zones "
            f"on them can take it. Have the registrar lead {seen.zone} elsewhere, or remove its name servers there."
        ),
    )


def _same(some: Iterable[str], others: Iterable[str]) -> bool:
    return {name.lower() for name in some} == {name.lower() for name in others}


def _delegation(seen: ZoneSeen, going: Sequence[RRset]) -> ZonePlan | None:
    return _removals(seen.parent_zone, going) if seen.parent_zone else None


def _removals(zone: str, going: Sequence[RRset]) -> ZonePlan:
    plan = ZonePlan(zone=zone)
    nobody = Owner(sovereign_fqdn="", deployment_id="")
    for rrset in going:
        plan_removal(plan, rrset, nobody, takeover=True)
    return plan


def _zone_kept(zone: str, why: str, left: Sequence[RRset]) -> Hazard:
    return Hazard(
        kind="zone-kept",
        zone=names.absolute(zone),
        name=names.absolute(zone),
        content=list(dict.fromkeys(f"{names.absolute(rrset.name)} {rrset.type}" for rrset in left))[:MOST_NAMED],
        message=f"zone {zone} was left: {why}. Delete it by hand if nobody needs it.",
    )

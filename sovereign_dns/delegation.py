"""The delegation of a child zone that is hosted beside its parent: NS, and DS where the child is signed. Pure.

Without the NS, a validating resolver takes the child's answers for forged as soon as the parent is signed;
without the DS, a signed child counts as unsigned (RFC 4035 §5.2).
"""

from collections.abc import Collection, Iterable, Sequence

from sovereign_dns.contract import Hazard, Owner
from sovereign_dns.intent import DesiredRRset
from sovereign_dns.names import absolute, is_at_or_below
from sovereign_dns.records import ZonePlan, plan_removal, plan_rrset
from sovereign_dns.rrsets import ADDRESS_TYPES, RRset, canonical_content

DELEGATION_TTL_SECONDS = 3600
"""As PDM writes its own."""

_SHA256 = "2"

MOST_HIDDEN_TOLD = 50


def plan_delegation(
    parent_zone: str,
    child_zone: str,
    child_nameservers: Sequence[str],
    child_ds: Sequence[str],
    present: Sequence[RRset],
    owner: Owner,
    *,
    takeover: bool = False,
) -> ZonePlan:
    """Plans what the parent zone lacks of the child's delegation.

    A delegation that is there is left alone, since somebody decided it; where it leads to other servers than the
    child's own, so is the DS. Otherwise a DS set none of whose records matches a key of the child is replaced, or
    removed where the child is unsigned, since every validating resolver refuses the child because of it.

    Args:
        parent_zone: the zone above the cut.
        child_zone: the zone below it, whose apex is the cut.
        child_nameservers: the child's own NS set, names with their dots.
        child_ds: the DS records of all its active keys, in every digest; empty where it is unsigned.
        present: what the parent holds at the cut.
        owner: whose the written rrsets become.
        takeover: whether another Sovereign's DS set may be replaced.
    """
    plan = ZonePlan(zone=parent_zone)
    at_the_cut = {rrset.type: rrset for rrset in present if rrset.name == child_zone}
    if "NS" not in at_the_cut and child_nameservers:
        plan_rrset(plan, _delegation_rrset(child_zone, "NS", child_nameservers), None, owner, takeover=takeover)
    if not _leads_to_child(at_the_cut.get("NS"), child_nameservers):
        return plan  # another server answers below the cut, with keys of its own
    ds = at_the_cut.get("DS")
    if ds is not None and not child_ds:
        plan_removal(plan, ds, owner, takeover=takeover)
    recommended = _recommended(child_ds)
    if recommended and (ds is None or not matches_a_key(ds, child_ds)):
        plan_rrset(plan, _delegation_rrset(child_zone, "DS", recommended), ds, owner, takeover=takeover)
    return plan


def hidden_by_a_new_cut(
    child_zone: str, nameservers: Sequence[str], in_the_zone_above: Iterable[RRset], owner: Owner
) -> list[RRset]:
    """What a new zone would hide: everything at and below its name in the zone above, but for its own delegation.

    Delegations below it are hidden too, and with them, for a validating resolver, the zones that they lead to.
    What this Sovereign wrote itself is left out, since it is written anew, and what lives for minutes (RFC 8555 §8.4).

    Args:
        child_zone: the zone that is to be created.
        nameservers: those that it would have, names with their dots.
        in_the_zone_above: what the zone above holds at its name and below.
        owner: who asks for it.
    """
    return [
        rrset
        for rrset in in_the_zone_above
        if is_at_or_below(rrset.name, child_zone)
        and rrset.served
        and not (rrset.type == "TXT" and rrset.name.startswith("_acme-challenge."))
        and not (rrset.name == child_zone and (rrset.type == "DS" or _is_own_delegation(rrset, nameservers)))
        and (rrset.owner is None or rrset.owner.sovereign_fqdn != owner.sovereign_fqdn)
    ]


def harms_of_a_new_cut(child_zone: str, hidden: Iterable[RRset], written_anew: Collection[str] | None) -> list[str]:
    """What would stop to work. An address without an owner is replaced, as in any zone, where it is `written_anew`.

    None there, as in a task from before it was told, takes every name without an owner for that.
    """
    hidden = list(hidden)
    delegated = [rrset for rrset in hidden if rrset.name == child_zone and rrset.type == "NS"]
    harms = [f"{child_zone} is delegated to {', '.join(rrset.served)}, which answer for it" for rrset in delegated]
    others = {(holder.sovereign_fqdn, holder.deployment_id) for rrset in hidden if (holder := rrset.owner)}
    harms += _listed(
        f"it would take Sovereign {fqdn} (deployment {deployment}) offline" for fqdn, deployment in sorted(others)
    )
    unowned = {
        f"{rrset.name} {rrset.type} would no longer be answered"
        for rrset in hidden
        if rrset.owner is None
        and rrset not in delegated
        and written_anew is not None
        and not _is_written_anew(rrset, written_anew)
    }
    return harms + _listed(sorted(unowned))


def hidden_hazards(
    parent_zone: str, child_zone: str, hidden: Iterable[RRset], written_anew: Collection[str] | None
) -> list[Hazard]:
    """What the new zone hides, told so that nothing is lost: it still stands in the zone above."""
    return [
        Hazard(
            kind="hidden-by-new-zone",
            zone=absolute(parent_zone),
            name=absolute(rrset.name),
            content=rrset.served,
            message=(
                f"the new zone {child_zone} hides {rrset.name} {rrset.type} ({', '.join(rrset.served)}), which stands "
                f"in zone {parent_zone}: "
                + (
                    "this Sovereign's own addresses are answered in its place"
                    if _is_written_anew(rrset, written_anew or [])
                    else f"nobody is answered it any more. Write it into {child_zone} if it is still needed"
                )
            ),
        )
        for rrset in hidden
    ][:MOST_HIDDEN_TOLD]


def _is_written_anew(rrset: RRset, written_anew: Collection[str]) -> bool:
    return rrset.type in ADDRESS_TYPES and rrset.name in written_anew


def _is_own_delegation(rrset: RRset, nameservers: Sequence[str]) -> bool:
    return rrset.type == "NS" and _leads_to_child(rrset, nameservers)


def _listed(harms: Iterable[str]) -> list[str]:
    all_of_them = list(harms)
    more = [f"and {len(all_of_them) - 5} more such"] if len(all_of_them) > 5 else []
    return all_of_them[:5] + more


def _leads_to_child(ns: RRset | None, child_nameservers: Sequence[str]) -> bool:
    if ns is None:
        return True
    return {name.lower() for name in ns.served} == {name.lower() for name in child_nameservers}


def _delegation_rrset(child_zone: str, rrtype: str, values: Sequence[str]) -> DesiredRRset:
    return DesiredRRset(name=child_zone, type=rrtype, ttl=DELEGATION_TTL_SECONDS, values=list(values))


def _recommended(ds_records: Sequence[str]) -> list[str]:
    """Those with digest SHA-256, the one to publish (RFC 8624 §3.3)."""
    return [ds for ds in ds_records if len(ds.split()) >= 4 and ds.split()[2] == _SHA256]


def matches_a_key(ds: RRset, child_ds: Sequence[str]) -> bool:
    """Whether one of the DS records names one of the child's keys."""
    return bool({_canonical(content) for content in ds.served} & {_canonical(content) for content in child_ds})


def _canonical(ds_record: str) -> str:
    return canonical_content("DS", " ".join(ds_record.split()))

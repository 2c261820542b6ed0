"""What a removal leaves since one of the platform's own names hangs on it, whatever a comment says. Pure."""

from collections.abc import Collection, Iterable

from sovereign_dns import names
from sovereign_dns.contract import Hazard, Owner
from sovereign_dns.protected_names import at_stake
from sovereign_dns.removal import DELEGATION_TYPES, is_of, is_record_of, is_zone_in_scope, record_kept
from sovereign_dns.removal_intent import RemovalIntent
from sovereign_dns.rrsets import RRset


def kept_as_protected(
    zone: str, present: Iterable[RRset], asked_for: Collection[str], intent: RemovalIntent
) -> list[Hazard]:
    """What would be the Sovereign's to remove, zones among it, and stays."""
    hazards: dict[tuple[str, str, str], Hazard] = {}
    for rrset in present:
        protected = at_stake(rrset.name, [rrset.type], intent.protected_fqdns)
        if protected is not None and is_record_of(rrset, asked_for, intent):
            hazards[zone, rrset.name, rrset.type] = _record_kept(zone, rrset, protected, intent.owner)
        elif protected is not None and _marks_zone(rrset, intent):
            hazards["", rrset.name, ""] = _zone_kept(rrset.name, protected, intent.owner)
    return list(hazards.values())


def _marks_zone(rrset: RRset, intent: RemovalIntent) -> bool:
    """Whether it says of a zone, or of a delegation, that it was made for the Sovereign."""
    of_owner = is_of(rrset, intent.owner.sovereign_fqdn)
    return of_owner and rrset.type in DELEGATION_TYPES and is_zone_in_scope(rrset.name, intent)


def _record_kept(zone: str, rrset: RRset, protected: str, owner: Owner) -> Hazard:
    return record_kept(
        zone,
        rrset,
        f"was left, although it is noted as {owner.sovereign_fqdn}'s, or leads to its addresses: "
        f"{_platforms_own(protected)}, and may hang on it. If the record is really to go, remove it by hand.",
    )


def _zone_kept(zone: str, protected: str, owner: Owner) -> Hazard:
    return Hazard(
        kind="zone-kept",
        zone=names.absolute(zone),
        name=names.absolute(zone),
        content=[],
        message=(
            f"zone {zone} was left, with its delegation, although it is noted as made for {owner.sovereign_fqdn}: "
            f"{_platforms_own(protected)}, and lies in it. Delete the zone by hand if nobody needs it."
        ),
    )


def _platforms_own(protected: str) -> str:
    return f"{protected} is protected (CATALYST_PROTECTED_FQDNS), so it is the platform's own"

"""Parent domains that lie in one another: which of them a zone's records are, where only one of them is to go. Pure.

What a Sovereign's parent domains are, nobody has written down: a zone of its own may be one.
"""

from collections.abc import Iterable

from sovereign_dns import names
from sovereign_dns.lifecycle_messages import FoundZone
from sovereign_dns.removal_intent import DomainRemoval, RemovalIntent


def why_shared(found: Iterable[FoundZone], intent: RemovalIntent) -> str | None:
    """Why a parent domain can't go alone; None where it can.

    Where a zone lies below it, and the Sovereign's host is the same under both, the records are the zone's.
    """
    for zone in found:
        for outer in _outer_domains(zone, intent):
            if zone.rrsets and names.host_under(intent.owner.sovereign_fqdn, zone.zone) == outer.host:
                return (
                    f"name: {outer.host} is served from zone {zone.zone}, which lies in {outer.domain} and may be a "
                    f"parent domain of its own: then these records are its, and {outer.domain} has none. Nothing was "
                    f"removed. To serve {outer.host} no longer: sovereign-dns remove-domain {zone.zone} --sovereign "
                    f"{intent.owner.sovereign_fqdn}; for a pool name: sovereign-dns deprovision "
                    f"{intent.owner.sovereign_fqdn}"
                )
    return None


def of_inner_domains(found: Iterable[FoundZone], intent: RemovalIntent) -> list[str]:
    """The zones below one that is to go which are parent domains of their own: they hold the host that it has there."""
    fqdn = intent.owner.sovereign_fqdn
    return [
        zone.zone
        for zone in found
        if _outer_domains(zone, intent)
        and any(
            names.is_at_or_below(names.relative_to_root(rrset.name), names.host_under(fqdn, zone.zone))
            for rrset in zone.rrsets
        )
    ]


def _outer_domains(zone: FoundZone, intent: RemovalIntent) -> list[DomainRemoval]:
    """Those of the request that the zone lies in. Where the Sovereign goes altogether, it makes no difference."""
    if intent.everywhere:
        return []
    return [
        domain
        for domain in intent.domains
        if zone.zone != domain.domain and names.is_at_or_below(zone.zone, domain.domain)
    ]

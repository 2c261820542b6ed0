"""What a removal is about once it is known what there is: its parent domains, and the order of its zones. Pure."""

from collections.abc import Iterable, Sequence

from sovereign_dns import names
from sovereign_dns.contract import Hazard
from sovereign_dns.lifecycle_messages import FoundZone
from sovereign_dns.messages import DomainCertificate
from sovereign_dns.parent_domains import own_certificate_name
from sovereign_dns.removal_intent import DomainRemoval, RemovalIntent


def domains_of(intent: RemovalIntent, zones: Iterable[FoundZone]) -> list[DomainRemoval]:
    """The parent domains of the request, and those that only the Sovereign's records tell of."""
    known = {domain.domain: domain for domain in intent.domains}
    for zone in zones:
        if zone.domain not in known:
            host = names.host_under(intent.owner.sovereign_fqdn, zone.domain)
            known[zone.domain] = DomainRemoval(
                domain=zone.domain, host=host, names=[], certificate_names=[f"{host}-wildcard-tls"]
            )
    return list(known.values())


def domain_certificates(domains: Sequence[DomainRemoval]) -> list[DomainCertificate]:
    """The parent domains' own Certificates, where they aren't the host's as well."""
    of_hosts = {name for domain in domains for name in domain.certificate_names}
    own = {domain.domain: own_certificate_name(domain.domain) for domain in domains}
    return [DomainCertificate(domain=domain, name=name) for domain, name in own.items() if name not in of_hosts]


def absent_names(
    domain: DomainRemoval, zones: Iterable[FoundZone], hazards: Iterable[Hazard], *, left_below: str | None = None
) -> list[str]:
    """What nobody shall be answered any more under a parent domain, once its records are removed.

    `left_below` is a pool name that PDM holds for another: what is at or below it is the other's.
    """
    kept = {names.relative_to_root(hazard.name) for hazard in hazards if hazard.kind == "kept-for-another"}
    found = [
        names.relative_to_root(rrset.name) for zone in zones if zone.domain == domain.domain for rrset in zone.rrsets
    ]
    return [
        name
        for name in dict.fromkeys([*domain.names, *found])
        if name not in kept and not (left_below and names.is_at_or_below(name, left_below))
    ]


def why_no_pool_name(sovereign_fqdn: str, found: Sequence[FoundZone]) -> str:
    """Why nothing is released where the request names no pool. PDM makes a zone for each of its names, unmarked."""
    may_be_pdms = not found or any(zone.zone == sovereign_fqdn and not zone.made_for_us for zone in found)
    if may_be_pdms:
        return f"the request names no pool: if {sovereign_fqdn} is a pool name, PDM still holds it"
    return "not a pool name (BYO): PDM has no part in it"


def zones_below(zone: str, zones: Sequence[str]) -> list[str]:
    """Those of the zones that lie below one: they go first, and their delegations with them."""
    return [other for other in zones if other != zone and names.is_at_or_below(other, zone)]

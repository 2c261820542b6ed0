"""From a request and the environment's rules to what shall be gone. Pure.

The outcome is decided once for a run, in an activity, and stands in its history.
"""

from sovereign_dns import names
from sovereign_dns.contract import Owner
from sovereign_dns.failures import ProtectedName
from sovereign_dns.intent import (
    NamingRules,
    default_parent,
    refuse_parent_domain,
    refuse_protected,
    refuse_too_long,
)
from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemovalRequest, RemoveParentDomainRequest
from sovereign_dns.protected_names import at_stake
from sovereign_dns.rrsets import canonical_content
from sovereign_dns.wire import Message


class DomainRemoval(Message):
    """What shall be gone under one parent domain: the host, its names, and its Certificates."""

    domain: str
    host: str
    names: list[str]
    certificate_names: list[str]


class RemovalIntent(Message):
    """What shall be gone of one Sovereign.

    An empty `deployment_id` of the owner stands for every deployment. `everywhere`: also in zones that no parent
    domain of the request names, where a record says that it is this Sovereign's. What one of `protected_fqdns` hangs
    on stays in any case.
    """

    owner: Owner
    nameservers: list[str]
    domains: list[DomainRemoval]
    addresses: list[str] = []
    everywhere: bool = False
    protected_fqdns: list[str] = []
    search_attributes_usable: bool = True
    runbook_url: str | None = None


def derive_removal(request: DeprovisionRequest | RemoveParentDomainRequest, rules: NamingRules) -> RemovalIntent:
    """Decides what shall be gone.

    Raises:
        InvalidInput: names the field and why.
        ProtectedName: the request touches a protected name.
    """
    parents, field = _parent_domains(request)
    for parent in parents:
        refuse_parent_domain(parent, rules, field=field)
    domains = [_domain_removal(request, rules, parent) for parent in parents]
    refuse_protected([name for domain in domains for name in domain.names], rules.protected_fqdns)
    if isinstance(request, DeprovisionRequest):
        _refuse_protected_sovereign(request, rules.protected_fqdns)
    return RemovalIntent(
        owner=Owner(sovereign_fqdn=request.sovereign_fqdn, deployment_id=request.deployment_id or ""),
        nameservers=rules.nameservers,
        domains=domains,
        addresses=_addresses(request),
        everywhere=isinstance(request, DeprovisionRequest),
        protected_fqdns=rules.protected_fqdns,
    )


def _refuse_protected_sovereign(request: DeprovisionRequest, protected_fqdns: list[str]) -> None:
    """Whatever its parent domains: what names it is found everywhere, and PDM removes a pool name's whole zone."""
    refuse_protected([request.sovereign_fqdn], protected_fqdns)
    releases = request.pool is not None and request.release_pool
    protected = at_stake(request.sovereign_fqdn, ["NS"], protected_fqdns) if releases else None
    if protected is not None:
        raise ProtectedName(
            f"pool: {protected} is protected (CATALYST_PROTECTED_FQDNS): it is the platform's own, and lies in the "
            f"zone of the pool name {request.sovereign_fqdn}, which PDM removes with all that is in it"
        )


def _parent_domains(request: DeprovisionRequest | RemoveParentDomainRequest) -> tuple[list[str], str]:
    """And the field of the request that names them."""
    if isinstance(request, RemoveParentDomainRequest):
        return [request.name], "name"
    if request.parent_domains:
        return list(dict.fromkeys(parent.name for parent in request.parent_domains)), "parentDomains"
    return [default_parent(request.sovereign_fqdn)], "sovereignFQDN"


def _domain_removal(
    request: DeprovisionRequest | RemoveParentDomainRequest, rules: NamingRules, parent: str
) -> DomainRemoval:
    host = names.host_under(request.sovereign_fqdn, parent)
    subdomains = request.subdomains if request.subdomains is not None else rules.subdomains
    served = [host, *(f"{subdomain}.{host}" for subdomain in dict.fromkeys(subdomains))]
    if isinstance(request, DeprovisionRequest) and request.pool and host == request.sovereign_fqdn:
        served.append(f"*.{host}")  # PDM writes it
    for name in served:
        refuse_too_long(name, field="subdomains" if name != host else "sovereignFQDN")
    # As it was provisioned: a Certificate's own name is that of the host which the FQDN is.
    own_name = request.certificate_name if host == request.sovereign_fqdn else None
    return DomainRemoval(domain=parent, host=host, names=served, certificate_names=[own_name or f"{host}-wildcard-tls"])


def _addresses(request: RemovalRequest) -> list[str]:
    given = [
        ("A", request.load_balancer_ip),
        ("A", request.console_load_balancer_ip),
        ("AAAA", request.load_balancer_ipv6),
    ]
    return list(dict.fromkeys(canonical_content(rrtype, address) for rrtype, address in given if address))

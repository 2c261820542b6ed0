"""From a request and the environment's rules to what shall be true: hosts, records, certificates. Pure.

The outcome is decided once for a run, in an activity, and stands in its history.
"""

import ipaddress
from collections.abc import Iterable

from pydantic import Field

from sovereign_dns import names
from sovereign_dns.contract import Owner, ProvisionRequest
from sovereign_dns.failures import InvalidInput, ProtectedName
from sovereign_dns.public_suffixes import is_public_suffix
from sovereign_dns.wire import Message

CANONICAL_SUBDOMAINS = (
    "console", "auth", "gitea", "harbor", "registry", "bao", "grafana",
    "hubble", "pdns", "openova-flow", "marketplace", "api", "guacamole",
)  # fmt: skip
"""What every Sovereign serves, besides its host's own apex."""

CONSOLE_GATEWAY_SUBDOMAINS = ("console", "api", "marketplace")
"""What `consoleLoadBalancerIP` answers for, where it is given."""


_LONGEST_KUBERNETES_NAME = 253

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

MOST_RRSETS = 2000
"""Of all parent domains together: a run's result tells of each, and Temporal takes no result above 2 MiB."""


class NamingRules(Message):
    """The environment's part in the decision."""

    subdomains: list[str] = Field(default_factory=lambda: list(CANONICAL_SUBDOMAINS))
    console_gateway_subdomains: list[str] = Field(default_factory=lambda: list(CONSOLE_GATEWAY_SUBDOMAINS))
    nameservers: list[str] = []
    allowed_parent_domains: list[str] = []
    protected_fqdns: list[str] = []
    allow_non_public_ips: bool = False


class DesiredRRset(Message):
    """An rrset that shall be served: name without its trailing dot, TTL in seconds.

    `only_values`: right as soon as its values are, whoever wrote them and with whatever TTL.
    """

    name: str
    type: str
    ttl: int
    values: list[str]
    only_values: bool = False


class DomainIntent(Message):
    """What shall be true under one parent domain."""

    domain: str
    host: str
    primary: bool
    may_create_zone: bool
    certificate_name: str
    rrsets: list[DesiredRRset]
    remove_wildcards: list[str] = []

    @property
    def addresses(self) -> list[str]:
        """Every address of the Sovereign, each once."""
        return list(dict.fromkeys(value for rrset in self.rrsets for value in rrset.values))

    @property
    def dns_names(self) -> list[str]:
        """What the certificate names: the host and everything one label below it."""
        return [f"*.{self.host}", self.host]


class ProvisioningIntent(Message):
    """What shall be true for one Sovereign."""

    owner: Owner
    nameservers: list[str]
    domains: list[DomainIntent]
    search_attributes_usable: bool = True
    runbook_url: str | None = None

    @property
    def primary(self) -> DomainIntent:
        """The parent domain that the FQDN itself lies in."""
        return next(domain for domain in self.domains if domain.primary)


def derive_intent(request: ProvisionRequest, rules: NamingRules) -> ProvisioningIntent:
    """Decides hosts, records and certificates.

    Raises:
        InvalidInput: names the field and why.
        ProtectedName: the request touches a protected name.
    """
    _refuse_bad_addresses(request, allow_non_public=rules.allow_non_public_ips)
    parents = _parent_domains(request, rules)
    primary = _primary(request, parents)
    domains = [_domain_intent(request, rules, parent, primary=parent == primary) for parent in parents]
    _refuse_too_many(domains)
    _assign_wildcard_removals(request, domains)
    _refuse_protected_names(domains, rules.protected_fqdns)
    return ProvisioningIntent(
        owner=Owner(sovereign_fqdn=request.sovereign_fqdn, deployment_id=request.deployment_id),
        nameservers=rules.nameservers,
        domains=domains,
    )


def _refuse_bad_addresses(request: ProvisionRequest, *, allow_non_public: bool) -> None:
    given = {
        "loadBalancerIP": request.load_balancer_ip,
        "loadBalancerIPv6": request.load_balancer_ipv6,
        "consoleLoadBalancerIP": request.console_load_balancer_ip,
    }
    for field, text in given.items():
        if text is None:
            continue
        address = ipaddress.ip_address(text)
        if isinstance(address, ipaddress.IPv6Address) and _holds_ipv4(address):
            raise InvalidInput(f"{field}: {text} is an IPv4 address in disguise, which nobody can reach by IPv6")
        if address.is_unspecified or address.is_multicast or text == "255.255.255.255":
            raise InvalidInput(f"{field}: {text} can't be the address of a server")
        if not address.is_global and not allow_non_public:
            raise InvalidInput(
                f"{field}: {text} is not a public address, so nobody could reach the Sovereign there "
                "(CATALYST_ALLOW_NON_PUBLIC_IPS=true on the worker allows it, for laptops and tests)"
            )


def _holds_ipv4(address: ipaddress.IPv6Address) -> bool:
    """IPv4-mapped (RFC 4291), 6to4 (RFC 3056), Teredo (RFC 4380) and NAT64 (RFC 6052)."""
    return (
        any(held is not None for held in (address.ipv4_mapped, address.sixtofour, address.teredo)) or address in _NAT64
    )


def _parent_domains(request: ProvisionRequest, rules: NamingRules) -> list[str]:
    parents = [parent.name for parent in request.parent_domains] or [default_parent(request.sovereign_fqdn)]
    for parent in parents:
        refuse_parent_domain(parent, rules, field="parentDomains")
    return parents


def refuse_parent_domain(parent: str, rules: NamingRules, *, field: str) -> None:
    """Refuses what can't be a parent domain here.

    Raises:
        InvalidInput: a public suffix, or outside what this installation serves.
    """
    if is_public_suffix(parent):
        raise InvalidInput(f"{field}: {parent} is a public suffix, not a domain that an operator can own")
    allowed_domains = rules.allowed_parent_domains
    if allowed_domains and not any(names.is_at_or_below(parent, allowed) for allowed in allowed_domains):
        raise InvalidInput(
            f"{field}: {parent} is outside what this installation serves "
            f"(CATALYST_ALLOWED_PARENT_DOMAINS={','.join(allowed_domains)})"
        )


def default_parent(sovereign_fqdn: str) -> str:
    """The parent domain where none is named: the FQDN less its first label, or itself below a public suffix.

    Raises:
        InvalidInput: the FQDN is a public suffix.
    """
    if is_public_suffix(sovereign_fqdn):
        raise InvalidInput(f"sovereignFQDN: {sovereign_fqdn} is a public suffix, not a name that an operator can own")
    parent = names.parent_of(sovereign_fqdn)
    return sovereign_fqdn if parent is None or is_public_suffix(parent) else parent


def _primary(request: ProvisionRequest, parents: list[str]) -> str:
    containing = [parent for parent in parents if names.is_at_or_below(request.sovereign_fqdn, parent)]
    marked = [parent.name for parent in request.parent_domains if parent.role == "primary"]
    if marked and marked[0] not in containing:
        raise InvalidInput(
            f"parentDomains: {marked[0]} is marked primary, but {request.sovereign_fqdn} doesn't lie in it"
        )
    return marked[0] if marked else max(containing, key=len)


def _domain_intent(request: ProvisionRequest, rules: NamingRules, parent: str, *, primary: bool) -> DomainIntent:
    host = names.host_under(request.sovereign_fqdn, parent)
    refuse_too_long(f"*.{host}", field="sovereignFQDN")
    # By host, not by parent domain: nested parents share a host, and it needs one Certificate.
    is_primary_host = host == request.sovereign_fqdn
    certificate_name = (request.certificate.name if is_primary_host else None) or f"{host}-wildcard-tls"
    if request.certificate.enabled and len(certificate_name) > _LONGEST_KUBERNETES_NAME:
        raise InvalidInput(
            f"sovereignFQDN: the Certificate of {host[:60]}... would be called by {len(certificate_name)} characters; "
            f"Kubernetes allows {_LONGEST_KUBERNETES_NAME}. Name it by certificate.name, or ask for none"
        )
    return DomainIntent(
        domain=parent,
        host=host,
        primary=primary,
        may_create_zone=not any(names.is_at_or_below(protected, parent) for protected in rules.protected_fqdns),
        certificate_name=certificate_name,
        rrsets=_desired_rrsets(request, rules, host),
    )


def _desired_rrsets(request: ProvisionRequest, rules: NamingRules, host: str) -> list[DesiredRRset]:
    subdomains = request.subdomains if request.subdomains is not None else rules.subdomains
    rrsets = _address_rrsets(request, host, at_console=False)
    for subdomain in dict.fromkeys(subdomains):
        at_console = request.console_load_balancer_ip is not None and subdomain in rules.console_gateway_subdomains
        rrsets += _address_rrsets(request, f"{subdomain}.{host}", at_console=at_console)
    for rrset in rrsets:
        refuse_too_long(rrset.name, field="subdomains")
    if request.pool and host == request.sovereign_fqdn:
        rrsets += [rrset.changed(only_values=True) for rrset in _address_rrsets(request, f"*.{host}", at_console=False)]
    return rrsets


def refuse_too_long(name: str, *, field: str) -> None:
    """Refuses a name that DNS can't hold.

    Raises:
        InvalidInput: it is too long.
    """
    if len(name) > names.MAX_NAME_OCTETS:
        raise InvalidInput(
            f"{field}: {name[:60]}... would have {len(name)} octets; a name has at most {names.MAX_NAME_OCTETS}"
        )


def _address_rrsets(request: ProvisionRequest, name: str, *, at_console: bool) -> list[DesiredRRset]:
    """The console's load balancer is another machine: the IPv6 address of the first would be wrong for it."""
    ipv4 = request.console_load_balancer_ip if at_console else request.load_balancer_ip
    ipv6 = None if at_console else request.load_balancer_ipv6
    return [
        DesiredRRset(name=name, type=type_, ttl=request.ttl, values=[address])
        for type_, address in (("A", ipv4), ("AAAA", ipv6))
        if address is not None
    ]


def _refuse_too_many(domains: list[DomainIntent]) -> None:
    count = sum(len(domain.rrsets) for domain in domains)
    if count > MOST_RRSETS:
        raise InvalidInput(
            f"subdomains: with {len(domains)} parent domains they make {count} rrsets; one request may have "
            f"{MOST_RRSETS}. Ask for fewer subdomains, or for the parent domains in several requests"
        )


def _assign_wildcard_removals(request: ProvisionRequest, domains: list[DomainIntent]) -> None:
    for wildcard in request.remove_wildcards:
        above = wildcard.removeprefix("*.")
        holders = [d for d in domains if names.is_at_or_below(d.host, above) and names.is_at_or_below(above, d.domain)]
        if not holders:
            raise InvalidInput(
                f"removeWildcards: {wildcard} doesn't stand between a host of this Sovereign "
                f"({', '.join(d.host for d in domains)}) and its parent domain"
            )
        if any(rrset.name == wildcard for domain in holders for rrset in domain.rrsets):
            raise InvalidInput(f"removeWildcards: {wildcard} is a name that this pool Sovereign itself needs")
        for domain in holders:
            domain.remove_wildcards.append(wildcard)


def _refuse_protected_names(domains: list[DomainIntent], protected_fqdns: list[str]) -> None:
    refuse_protected(
        [name for d in domains for name in [*(rrset.name for rrset in d.rrsets), *d.remove_wildcards]], protected_fqdns
    )


def refuse_protected(touched: Iterable[str], protected_fqdns: Iterable[str]) -> None:
    """Refuses to touch the platform's own names.

    Raises:
        ProtectedName: names the first of them.
    """
    for name in sorted(set(touched) & set(protected_fqdns)):
        raise ProtectedName(
            f"sovereignFQDN: {name} is protected (CATALYST_PROTECTED_FQDNS): it is the platform's own, "
            "and no request may touch it"
        )

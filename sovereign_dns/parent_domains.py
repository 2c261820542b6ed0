"""One more parent domain for a Sovereign that exists: what that means in the terms of a provisioning. Pure."""

from typing import NamedTuple

from sovereign_dns.contract import CertificateRequest, ParentDomain, ProvisionRequest
from sovereign_dns.intent import DomainIntent, ProvisioningIntent
from sovereign_dns.lifecycle_requests import AddParentDomainRequest
from sovereign_dns.names import is_at_or_below


class HostCertificate(NamedTuple):
    """A Certificate of a parent domain; its steps are known by its host."""

    host: str
    name: str
    dns_names: list[str]


def as_provisioning(request: AddParentDomainRequest) -> ProvisionRequest:
    """The provisioning that would publish the Sovereign at its own name and under the added domain."""
    own = [] if request.name == request.sovereign_fqdn else [ParentDomain(name=request.sovereign_fqdn)]
    return ProvisionRequest(
        sovereignFQDN=request.sovereign_fqdn,
        deploymentId=request.deployment_id,
        loadBalancerIP=request.load_balancer_ip,
        loadBalancerIPv6=request.load_balancer_ipv6,
        consoleLoadBalancerIP=request.console_load_balancer_ip,
        parentDomains=[*own, ParentDomain(name=request.name, role=request.role)],
        subdomains=request.subdomains,
        ttl=request.ttl,
        certificate=CertificateRequest(**request.certificate.model_dump(by_alias=True)),
        takeover=request.takeover,
        dryRun=request.dry_run,
    )


def only_added(request: AddParentDomainRequest, decided: ProvisioningIntent) -> ProvisioningIntent:
    """What was decided of the added domain alone, with the name servers that the request names, if it does."""
    return decided.changed(
        domains=[domain for domain in decided.domains if domain.domain == request.name],
        nameservers=request.nameservers or decided.nameservers,
    )


def certificates_of(domain: DomainIntent) -> list[HostCertificate]:
    """One for the domain itself, and one for the Sovereign's host in it."""
    of_host = HostCertificate(domain.host, domain.certificate_name, domain.dns_names)
    if domain.host == domain.domain:
        return [of_host]
    dns_names = [f"*.{domain.domain}", domain.domain]
    return [HostCertificate(domain.domain, own_certificate_name(domain.domain), dns_names), of_host]


def own_certificate_name(domain: str) -> str:
    """The Certificate of a parent domain itself."""
    return f"{domain}-wildcard-tls"


def glue_if_ours(request: AddParentDomainRequest, nameservers: list[str]) -> str | None:
    """The load balancer's address, where the first name server is a name of the Sovereign, or lies in the domain."""
    ours = (request.sovereign_fqdn, request.name)
    return request.load_balancer_ip if any(is_at_or_below(nameservers[0], name) for name in ours) else None

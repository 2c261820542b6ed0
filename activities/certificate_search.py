"""Looks for a Sovereign's Certificates by their owner: no name leads to one whose domain is forgotten."""

from sovereign_dns import certificate_scope
from sovereign_dns.clients.certificates import Certificates
from sovereign_dns.clients.powerdns_search import PowerDNSSearch
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import Hazard
from sovereign_dns.failures import CertManagerMissing, KubernetesForbidden
from sovereign_dns.issuance import KubernetesObject
from sovereign_dns.lifecycle_messages import OtherCertificates
from sovereign_dns.messages import DomainCertificate, FoundCertificate
from sovereign_dns.wire import Message


class SearchResult(Message):
    """What was found besides the Certificates that a removal names; the outcome is empty where there is nothing."""

    outcome: str = ""
    certificates: list[FoundCertificate] = []
    hazards: list[Hazard] = []


class CertificateSearch:
    """Kubernetes knows what is a Sovereign's, PowerDNS who else is served below a name."""

    def __init__(self, certificates: Certificates, powerdns: PowerDNSSearch) -> None:
        self._certificates = certificates
        self._powerdns = powerdns

    async def besides(self, namespace: str, wanted: OtherCertificates) -> SearchResult:
        """The Sovereign's Certificates that the removal doesn't name; where RBAC hides them, that is told."""
        fqdn = wanted.intent.owner.sovereign_fqdn
        try:
            listed = await self._certificates.marked_as_of(namespace, fqdn)
        except CertManagerMissing:
            return SearchResult()
        except KubernetesForbidden as refusal:
            if not refusal.by_rbac:
                raise
            hazard = certificate_scope.not_looked_for(fqdn, namespace, wanted.named, refusal)
            return SearchResult(outcome="not looked for, since RBAC doesn't allow it", hazards=[hazard])
        found = certificate_scope.besides(listed, wanted.named, wanted.intent, wanted.inner_domains)
        needed = await side_by_side(self._needed(certificate, fqdn) for certificate in found.taken)
        return SearchResult(outcome=certificate_scope.told(found), certificates=needed, hazards=found.left)

    async def _needed(self, certificate: KubernetesObject, fqdn: str) -> FoundCertificate:
        """By whom, if by anybody else."""
        found = FoundCertificate(name=certificate["metadata"]["name"])
        for domain in certificate_scope.may_serve_others(certificate, fqdn):
            if others := await self._powerdns.other_owners_below(domain, fqdn):
                return found.changed(of_domain=DomainCertificate(domain=domain, name=found.name, needed_by=others))
        return found

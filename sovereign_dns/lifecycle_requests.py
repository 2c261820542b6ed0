"""The contract of what comes after a Sovereign's provisioning: its end, what is put back, one more parent domain."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from sovereign_dns.contract import (
    MOST_PARENT_DOMAINS,
    MOST_SUBDOMAINS,
    CertificateRequest,
    CertificateStatus,
    ParentDomain,
    PoolNameChange,
    RecordChange,
    VerificationRequest,
    ZoneChange,
)
from sovereign_dns.fields import (
    DeploymentId,
    Fqdn,
    Ipv4,
    Ipv6,
    KubernetesName,
    KubernetesNamespace,
    PoolLabel,
    Seconds,
    Subdomain,
    TtlSeconds,
)
from sovereign_dns.names import is_at_or_below
from sovereign_dns.wire import StrictMessage

REGISTRY_DEADLINE_SECONDS = 48 * 3600
"""How long a registry may take with a delegation, where the request doesn't say otherwise."""

DENIAL_DEADLINE_SECONDS = 2 * 3600
"""How long resolvers may keep a denial: the negative TTL of a zone as PowerDNS makes it is an hour."""


class PoolName(StrictMessage):
    """A pool name as PDM knows it."""

    domain: Fqdn
    subdomain: PoolLabel


class RemovalRequest(StrictMessage):
    """Whose records are taken away, and by what those from before there were owner comments are known.

    Such records are a Sovereign's where they stand at one of its names and lead nowhere but to the given addresses.
    With `deployment_id`, records of another deployment of the same Sovereign refuse the run: they are newer. So does
    another's claim of the pool name, unless records say that the given one has followed it.
    `certificate_name` is that of the host which the FQDN is, where it was provisioned with a name of its own. With
    `force`, a run that holds the Sovereign's lock is cancelled first, and waited for.
    """

    sovereign_fqdn: Fqdn
    deployment_id: DeploymentId | None = None
    load_balancer_ip: Ipv4 | None = None
    load_balancer_ipv6: Ipv6 | None = None
    console_load_balancer_ip: Ipv4 | None = None
    subdomains: Annotated[list[Subdomain], Field(max_length=MOST_SUBDOMAINS)] | None = None
    delete_certificates: bool = True
    certificate_name: KubernetesName | None = None
    certificate_namespace: KubernetesNamespace = "kube-system"
    verification: VerificationRequest = VerificationRequest()
    dry_run: bool = False
    force: bool = False


class DeprovisionRequest(RemovalRequest):
    """The input of `DeprovisionSovereign`.

    What a comment says to be the Sovereign's is found in every zone. `parent_domains` tell where its Certificates are,
    and records from before there were comments.
    """

    parent_domains: Annotated[list[ParentDomain], Field(max_length=MOST_PARENT_DOMAINS)] = []
    pool: PoolName | None = None
    release_pool: bool = True

    @model_validator(mode="after")
    def _names_agree(self) -> "DeprovisionRequest":
        if self.pool and self.sovereign_fqdn != f"{self.pool.subdomain}.{self.pool.domain}":
            raise ValueError(
                f"pool: {self.pool.subdomain}.{self.pool.domain} is not the sovereignFQDN {self.sovereign_fqdn}"
            )
        return self


class RemoveParentDomainRequest(RemovalRequest):
    """The input of `RemoveParentDomain`: the Sovereign is no longer served under `name`."""

    name: Fqdn


class RestoreVerificationRequest(VerificationRequest):
    """A proof that can't be had before resolvers forget the denial which a removal caused: a zone's negative TTL."""

    deadline_seconds: Seconds = DENIAL_DEADLINE_SECONDS


class RestoreRequest(StrictMessage):
    """The input of `RestoreRecords`: what a run's result says that it removed or replaced.

    Without `sovereign_fqdn`, records that are no Sovereign's. With `takeover`, also over what stands there by now.
    """

    restores: Annotated[str, Field(min_length=1, max_length=1000)]
    sovereign_fqdn: Fqdn | None = None
    deployment_id: DeploymentId | None = None
    zones: list[ZoneChange] = []
    records: list[RecordChange] = []
    certificates: list[CertificateStatus] = []
    pool_names: list[PoolNameChange] = []
    verification: RestoreVerificationRequest = RestoreVerificationRequest()
    takeover: bool = False
    dry_run: bool = False


def _credentials_reference(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}", text):
        raise ValueError(
            f"{text[:80]!r} is not the name of a file in CATALYST_REGISTRAR_CREDENTIALS_DIR (letters, digits, '.', "
            "'_', '-')"
        )
    return text


class Registrar(StrictMessage):
    """Where a domain is registered. `credentials_ref` names a file in `CATALYST_REGISTRAR_CREDENTIALS_DIR`."""

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,62}$")]
    credentials_ref: Annotated[str, AfterValidator(_credentials_reference)]
    glue_ip: Ipv4 | None = None


class PatientCertificateRequest(CertificateRequest):
    """A certificate that can't be issued before the registry has delegated the domain."""

    deadline_seconds: Seconds = REGISTRY_DEADLINE_SECONDS


class PatientVerificationRequest(VerificationRequest):
    """A proof that can't be had before the registry has delegated the domain."""

    deadline_seconds: Seconds = REGISTRY_DEADLINE_SECONDS


class AddParentDomainRequest(StrictMessage):
    """The input of `AddParentDomain`. Without `registrar`, somebody else has the domain delegated."""

    name: Fqdn
    role: Literal["primary", "org-pool"] = "org-pool"
    registrar: Registrar | None = None
    sovereign_fqdn: Fqdn
    deployment_id: DeploymentId
    load_balancer_ip: Ipv4
    load_balancer_ipv6: Ipv6 | None = None
    console_load_balancer_ip: Ipv4 | None = None
    nameservers: Annotated[list[Fqdn], Field(max_length=13)] = []
    subdomains: Annotated[list[Subdomain], Field(max_length=MOST_SUBDOMAINS)] | None = None
    ttl: TtlSeconds = 60
    certificate: PatientCertificateRequest = PatientCertificateRequest()
    verification: PatientVerificationRequest = PatientVerificationRequest()
    takeover: bool = False
    dry_run: bool = False

    @model_validator(mode="after")
    def _names_agree(self) -> "AddParentDomainRequest":
        for field, given in (("nameservers", self.nameservers), ("subdomains", self.subdomains or [])):
            repeated = sorted({value for value in given if given.count(value) > 1})
            if repeated:
                raise ValueError(f"{field}: {repeated[0]} is named twice")
        if self.certificate.name is not None and not is_at_or_below(self.sovereign_fqdn, self.name):
            raise ValueError(
                f"certificate.name: under {self.name} there are several Certificates, each called after its host; "
                "leave the name out"
            )
        return self


def parent_domain_workflow_id(name: str) -> str:
    """The workflow id under which a run adds or removes a parent domain, so that there is one at a time."""
    return f"parent-domain/{name}"

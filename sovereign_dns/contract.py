"""The contract: what others send to the workflows, and what they get back (JSON by `wire`).

The models check only what holds for all time. What depends on the environment (public suffixes, protected
names, which addresses are public) is decided in an activity, by `intent`, and stands in the run's history:
a changed setting must never make a running workflow's own recorded input invalid.
"""

import ipaddress
import re
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, Field, model_validator

from sovereign_dns import names
from sovereign_dns.wire import Message, StrictMessage

TASK_QUEUE = "sovereign-dns"
"""The task queue of the worker: where workflows are started."""

POWERDNS_TASK_QUEUE = "sovereign-dns-powerdns"
"""The task queue of the steps that call PowerDNS: its rate protects PowerDNS, and one that hangs holds up no other
step. Nobody but the workflows needs to name it."""

PROVISION_SOVEREIGN = "ProvisionSovereign"
"""The workflow type that provisions a Sovereign's DNS and TLS."""

VERIFY_SOVEREIGN = "VerifySovereign"
"""The workflow type that checks a Sovereign that exists, and writes nothing."""

MOST_SUBDOMAINS = 200
"""More is a mistake, and would make one request's history and PATCH grow without bound."""

MOST_PARENT_DOMAINS = 20
MOST_REMOVED_WILDCARDS = 20


def sovereign_workflow_id(sovereign_fqdn: str) -> str:
    """The workflow id that is the lock on a Sovereign: whoever holds it is its one writer."""
    return f"sovereign/{sovereign_fqdn}"


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as error:
        hint = "; an IPv6 address belongs into loadBalancerIPv6" if ":" in text else ""
        raise ValueError(f"{text[:60]!r} is not an IPv4 address{hint}") from error


def _ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError as error:
        raise ValueError(f"{text[:60]!r} is not an IPv6 address") from error
    if address.scope_id is not None:
        raise ValueError(f"{text[:60]!r} holds a zone id, which means nothing in DNS")
    return str(address)


def _kubernetes_name(text: str) -> str:
    label = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    if len(text) > 253 or not re.fullmatch(rf"{label}(\.{label})*", text):
        raise ValueError(f"{text[:80]!r} is not a Kubernetes name (RFC 1123 subdomain: lower case, digits, '-', '.')")
    return text


def _kubernetes_label(text: str) -> str:
    if len(text) > 63 or not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", text):
        raise ValueError(f"{text[:80]!r} is not a Kubernetes namespace (RFC 1123 label: lower case, digits, '-')")
    return text


def _wildcard(text: str) -> str:
    if not text.startswith("*."):
        raise ValueError(f"{text[:80]!r} is not a wildcard: it must start with '*.'")
    return f"*.{names.normalise_fqdn(text[2:])}"


def _single_label(text: str) -> str:
    if "." in text:
        raise ValueError(f"{text[:80]!r} has several labels; PDM hands out single ones")
    return text


def _deployment_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", text):
        raise ValueError("must be 1 to 128 letters, digits, '.', '_' or '-', and start with a letter or digit")
    return text


Fqdn = Annotated[str, AfterValidator(names.normalise_fqdn)]
Subdomain = Annotated[str, AfterValidator(names.normalise_relative)]
PoolLabel = Annotated[str, AfterValidator(names.normalise_relative), AfterValidator(_single_label)]
WildcardName = Annotated[str, AfterValidator(_wildcard)]
Ipv4 = Annotated[str, AfterValidator(_ipv4)]
Ipv6 = Annotated[str, AfterValidator(_ipv6)]
KubernetesName = Annotated[str, AfterValidator(_kubernetes_name)]
KubernetesNamespace = Annotated[str, AfterValidator(_kubernetes_label)]
DeploymentId = Annotated[str, AfterValidator(_deployment_id)]
Seconds = Annotated[int, Field(ge=1, le=7 * 24 * 3600)]
TtlSeconds = Annotated[int, Field(ge=1, le=86400)]

Step = Literal["zone-create", "certificate-request", "pool-commit", "records-upsert", "dns-verify", "certificate-ready"]
ReadingStep = Literal["records-compare"]
SkippableStep = Literal["certificate-request", "certificate-ready", "dns-verify"]
StepState = Literal["pending", "running", "done", "skipped", "failed"]
Phase = Literal["provisioning", "verifying", "stalled", "complete", "degraded", "planned", "failed", "cancelled"]
Change = Literal["created", "replaced", "removed", "unchanged"]
VerificationLevel = Literal["authoritative", "delegated", "propagated"]
Outcome = Literal["converged", "misdirected", "missing", "bogus", "refused", "unreachable"]


class ParentDomain(StrictMessage):
    """A domain under which the Sovereign is served; it has, or gets, a zone of its own."""

    name: Fqdn
    role: Literal["primary", "org-pool"] | None = None


class Pool(StrictMessage):
    """The pool name that PDM handed out; without it the Sovereign is BYO."""

    domain: Fqdn
    subdomain: PoolLabel
    reservation_token: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    created_by: Annotated[str, Field(min_length=1, max_length=128)] = "sovereign-dns"


class CertificateRequest(StrictMessage):
    """How the wildcard certificate of each host is asked for."""

    enabled: bool = True
    name: KubernetesName | None = None
    issuer: KubernetesName = "letsencrypt-dns01-prod"
    namespace: KubernetesNamespace = "kube-system"
    deadline_seconds: Seconds = 3600


class VerificationRequest(StrictMessage):
    """How far real DNS answers are followed, and for how long."""

    level: VerificationLevel = "propagated"
    deadline_seconds: Seconds = 1800


class SovereignRequest(StrictMessage):
    """Which names a Sovereign has, and where they lead."""

    sovereign_fqdn: Fqdn
    load_balancer_ip: Ipv4
    load_balancer_ipv6: Ipv6 | None = None
    console_load_balancer_ip: Ipv4 | None = None
    parent_domains: Annotated[list[ParentDomain], Field(max_length=MOST_PARENT_DOMAINS)] = []
    pool: Pool | None = None
    subdomains: Annotated[list[Subdomain], Field(max_length=MOST_SUBDOMAINS)] | None = None
    ttl: TtlSeconds = 60
    verification: VerificationRequest = VerificationRequest()

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        domains = [parent.name for parent in self.parent_domains]
        _no_duplicates("parentDomains", domains)
        _no_duplicates("subdomains", self.subdomains or [])
        if [parent.role for parent in self.parent_domains].count("primary") > 1:
            raise ValueError("parentDomains: at most one may have the role 'primary'")
        if domains and not any(names.is_at_or_below(self.sovereign_fqdn, domain) for domain in domains):
            raise ValueError(
                f"parentDomains: none of {', '.join(domains)} is {self.sovereign_fqdn} or contains it; "
                "at least one must"
            )
        if self.pool and self.sovereign_fqdn != f"{self.pool.subdomain}.{self.pool.domain}":
            raise ValueError(
                f"pool: {self.pool.subdomain}.{self.pool.domain} is not the sovereignFQDN {self.sovereign_fqdn}"
            )
        return self


class ProvisionRequest(SovereignRequest):
    """The input of `ProvisionSovereign`."""

    deployment_id: DeploymentId
    certificate: CertificateRequest = CertificateRequest()
    remove_wildcards: Annotated[list[WildcardName], Field(max_length=MOST_REMOVED_WILDCARDS)] = []
    takeover: bool = False
    dry_run: bool = False

    @model_validator(mode="after")
    def _removals_agree(self) -> Self:
        _no_duplicates("removeWildcards", self.remove_wildcards)
        return self


class VerifyRequest(SovereignRequest):
    """The input of `VerifySovereign`: what should be true."""

    deployment_id: DeploymentId | None = None


def _no_duplicates(field: str, values: list[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{field}: {value} is named twice")
        seen.add(value)


class SkipStepRequest(StrictMessage):
    """The input of the update `skip_step`: give up waiting for one step, and say why."""

    step: SkippableStep
    domain: Fqdn | None = None
    reason: Annotated[str, Field(min_length=1, max_length=1000)]


class AwaitStepRequest(StrictMessage):
    """The input of the update `await_step`: return when that step is done or skipped, for every domain."""

    step: Step


class StepStatus(Message):
    """One step for one domain."""

    step: Step | ReadingStep
    domain: str
    state: StepState = "pending"
    outcome: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stalled: bool = False


class Owner(Message):
    """Whose a record is; written into each rrset's comment."""

    sovereign_fqdn: str
    deployment_id: str


class Comment(Message):
    """A comment on an rrset. `modified_at` is in seconds since the epoch; PowerDNS sets it where it is 0."""

    content: str
    account: str = ""
    modified_at: int = 0


class RecordChange(Message):
    """What happened to one rrset, or would happen, in a dry run or a verification. `before` holds what was there.

    `before_owner` is whose that was, as its comment said, and `before_comments` what others had noted on an rrset that
    is removed; one that is replaced keeps them. Where others wrote between two attempts, `before` holds all of it, and
    TTL and owner are those of what stood there first.

    `unconfirmed` where the run ended before it knew whether what it had sent was written.
    """

    zone: str
    name: str
    type: str
    ttl: int
    before: list[str] = []
    after: list[str] = []
    change: Change
    before_ttl: int | None = None
    before_disabled: list[str] = []
    before_owner: Owner | None = None
    before_comments: list[Comment] = []
    unconfirmed: bool = False


class CertificateStatus(Message):
    """A cert-manager Certificate. `reason` is the deepest known one why it is not ready."""

    name: str
    namespace: str
    dns_names: list[str]
    ready: bool = False
    not_after: datetime | None = None
    reason: str | None = None


class AnswerEvidence(Message):
    """What one server said of one name.

    `ttl` is how many seconds its answer holds from `asked_at`, `negative_ttl` how many its denial does; `authority` is
    the zone in whose name a denial was given.
    """

    name: str
    type: str
    state: Outcome
    values: list[str] = []
    ttl: int | None = None
    negative_ttl: int | None = None
    authority: str | None = None
    detail: str | None = None
    latency_ms: float | None = None
    asked_at: datetime | None = None


ServerKind = Literal["authoritative", "parent", "resolver"]


class ServerVerdict(Message):
    """What one server says of all names: `state` is the worst of them. A `parent` server speaks of the delegation.

    `until` is when a cache lets go of what it says; `nameservers` are those that it holds for the zone; `latency_ms` is
    that of its slowest answer.
    """

    server: str
    kind: ServerKind
    state: Outcome
    detail: str
    until: datetime | None = None
    nameservers: list[str] = []
    asked_at: datetime | None = None
    latency_ms: float | None = None
    answers: list[AnswerEvidence] = []


class VerificationResult(Message):
    """The proof. `converged` of `total` pairs of server and name answer exactly what was written.

    `level` is how far the proof reaches, which is what was asked for or less; `notes` say what was left out, and why.
    """

    level: VerificationLevel = "authoritative"
    converged: int = 0
    total: int = 0
    servers: list[ServerVerdict] = []
    notes: list[str] = []


class Hazard(Message):
    """Something that endangers this Sovereign or a neighbour, and was left alone."""

    kind: Literal["stale-wildcard", "pool-address-differs", "hidden-by-new-zone"]
    zone: str
    name: str
    content: list[str]
    message: str


class ProvisionResult(Message):
    """The result of `ProvisionSovereign` and `VerifySovereign`, and, while they run, the answer of the query `status`.

    `failure` is what ended a run that has no result: its error type and message.
    """

    deployment_id: str
    sovereign_fqdn: str
    phase: Phase = "provisioning"
    failure: str | None = None
    steps: list[StepStatus] = []
    records: list[RecordChange] = []
    certificates: list[CertificateStatus] = []
    verification: VerificationResult = VerificationResult()
    hazards: list[Hazard] = []
    handed_over_to: str | None = None


class ResolverPropagation(Message):
    """One resolver in the panel of catalyst-api."""

    resolver: str
    status: Outcome
    ns: list[str] = []
    queried_at: datetime | None = None
    latency_ms: float | None = None
    error: str | None = None


class Propagation(Message):
    """The answer of the query `propagation`: how many resolvers have come to answer what was written."""

    domain: str
    expected_ns: list[str] = []
    resolvers: list[ResolverPropagation] = []
    converged: int = 0
    total: int = 0
    percentage: float = 0.0
    generated_at: datetime


CONTRACT_MODELS: dict[str, type[BaseModel]] = {
    "ProvisionSovereign.input": ProvisionRequest,
    "ProvisionSovereign.output": ProvisionResult,
    "ProvisionSovereign.skip_step": SkipStepRequest,
    "ProvisionSovereign.await_step": AwaitStepRequest,
    "ProvisionSovereign.propagation.output": Propagation,
    "VerifySovereign.input": VerifyRequest,
    "VerifySovereign.output": ProvisionResult,
    "VerifySovereign.propagation.output": Propagation,
}
"""Every JSON object that others send or receive, by workflow and place."""

"""The contract: what others send to the workflows, and what they get back (JSON by `wire`).

The models check only what holds for all time. What depends on the environment (public suffixes, protected
names, which addresses are public) is decided in an activity, by `intent`, and stands in the run's history:
a changed setting must never make a running workflow's own recorded input invalid.
"""

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sovereign_dns import names
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
    WildcardName,
)
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

DEPROVISION_SOVEREIGN = "DeprovisionSovereign"
"""The workflow type that takes away what a Sovereign has in DNS, PDM and cert-manager."""

RESTORE_RECORDS = "RestoreRecords"
"""The workflow type that puts back what another run has removed or replaced."""

ADD_PARENT_DOMAIN = "AddParentDomain"
"""The workflow type by which a Sovereign is served under one more parent domain."""

REMOVE_PARENT_DOMAIN = "RemoveParentDomain"
"""The way back from `AddParentDomain`; the registrar is left as it is."""

MOST_SUBDOMAINS = 200
"""More is a mistake, and would make one request's history and PATCH grow without bound."""

MOST_PARENT_DOMAINS = 20
MOST_REMOVED_WILDCARDS = 20


def sovereign_workflow_id(sovereign_fqdn: str) -> str:
    """The workflow id that is the lock on a Sovereign: whoever holds it is its one writer."""
    return f"sovereign/{sovereign_fqdn}"


Step = Literal[
    "zone-create",
    "certificate-request",
    "pool-commit",
    "records-upsert",
    "nameservers-set",
    "dns-verify",
    "certificate-ready",
    "records-remove",
    "certificate-delete",
    "pool-release",
    "zone-remove",
    "records-restore",
]
ReadingStep = Literal["records-compare", "records-find", "lock-await"]
SkippableStep = Literal["certificate-request", "certificate-ready", "certificate-delete", "dns-verify"]
StepState = Literal["pending", "running", "done", "skipped", "failed"]
UnderWay = Literal["provisioning", "verifying", "deprovisioning", "restoring", "fixing"]
Phase = Literal[
    "provisioning", "verifying", "deprovisioning", "restoring", "fixing",
    "stalled", "complete", "degraded", "planned", "failed", "cancelled",
]  # fmt: skip
Change = Literal["created", "replaced", "removed", "unchanged"]
VerificationLevel = Literal["authoritative", "delegated", "propagated"]
Outcome = Literal["converged", "misdirected", "lingering", "missing", "bogus", "refused", "unreachable"]


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
    """One step for one domain.

    `waits_for` is what is waited for in good order, and until when: nobody needs to do anything meanwhile, and the step
    doesn't count as stalled.
    """

    step: Step | ReadingStep
    domain: str
    state: StepState = "pending"
    outcome: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    stalled: bool = False
    waits_for: str | None = None


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

    `before_owner` is whose that was, as its comment said, with the digest `before_written` in it, and `before_comments`
    what others had noted on an rrset that is removed; one that is replaced keeps them. Where others wrote between two
    attempts, `before` holds all of it, and TTL and owner are those of what stood there first. `after_disabled` is what
    was put back, and is not served.

    `unconfirmed` where the run ended before it knew whether what it had sent was written.
    """

    zone: str
    name: str
    type: str
    ttl: int
    before: list[str] = []
    after: list[str] = []
    after_disabled: list[str] = []
    change: Change
    before_ttl: int | None = None
    before_disabled: list[str] = []
    before_owner: Owner | None = None
    before_written: str | None = None
    before_comments: list[Comment] = []
    unconfirmed: bool = False


class CertificateSpec(Message):
    """What a Certificate asks for, and whose it is: enough to ask for it again. Its Secret is never part of it."""

    dns_names: list[str]
    issuer: str
    issuer_kind: str = "ClusterIssuer"
    secret_name: str
    owner: Owner | None = None


class CertificateStatus(Message):
    """A cert-manager Certificate. `reason` is the deepest known one why it is not ready.

    `before` is what it asked for where this run replaced or removed it. `unconfirmed` where the run ended before it
    knew whether what it had sent was done.
    """

    name: str
    namespace: str
    dns_names: list[str]
    ready: bool = False
    not_after: datetime | None = None
    reason: str | None = None
    change: Change | None = None
    before: CertificateSpec | None = None
    unconfirmed: bool = False


class ZoneChange(Message):
    """A zone that this run created or removed. The keys of a signed one are not kept: a restored zone has new ones.

    `unconfirmed` where the run ended before it knew whether PowerDNS had done it.
    """

    zone: str
    change: Literal["created", "removed"]
    nameservers: list[str] = []
    signed: bool = False
    unconfirmed: bool = False


class PoolNameChange(Message):
    """A pool name that this run had PDM hold as active, or release; `load_balancer_ip` is what PDM's row said.

    `unconfirmed` where the run ended before it knew whether PDM had done it.
    """

    domain: str
    subdomain: str
    change: Literal["committed", "released"]
    load_balancer_ip: str | None = None
    unconfirmed: bool = False


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

    With `gone` it is a proof of absence: those pairs deny the name. `level` is how far the proof reaches, which is what
    was asked for or less; `notes` say what was left out, and why.
    """

    level: VerificationLevel = "authoritative"
    gone: bool = False
    converged: int = 0
    total: int = 0
    servers: list[ServerVerdict] = []
    notes: list[str] = []


class Hazard(Message):
    """Something that endangers this Sovereign or a neighbour, and was left alone.

    Of a Certificate, `zone` is empty, `name` is its namespace and its name, and `content` are its DNS names.
    """

    kind: Literal[
        "stale-wildcard",
        "pool-address-differs",
        "hidden-by-new-zone",
        "wildcard-answers",
        "kept-for-another",
        "zone-kept",
        "still-delegated",
        "certificate-left",
    ]
    zone: str
    name: str
    content: list[str]
    message: str


class ProvisionResult(Message):
    """The result of every workflow about a Sovereign, and, while it runs, the answer of the query `status`.

    `zones`, `records`, `certificates` and `pool_names` tell what it changed, with what was there before: enough for
    `RestoreRecords` to put it back. `failure` is what ended a run that has no result: its error type and message.
    """

    deployment_id: str
    sovereign_fqdn: str
    phase: Phase = "provisioning"
    failure: str | None = None
    steps: list[StepStatus] = []
    zones: list[ZoneChange] = []
    records: list[RecordChange] = []
    certificates: list[CertificateStatus] = []
    pool_names: list[PoolNameChange] = []
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

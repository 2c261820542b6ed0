"""The step `dns-verify`: real answers from every authoritative server, the delegation to them, and resolvers."""

from datetime import UTC, datetime

from temporalio import activity

from activities import journal
from activities.absence import AbsenceProof
from activities.attempt_time import waited
from activities.authority_looks import ask_zone, random_name_below
from activities.proof_under_way import RESOLVERS_LEFT_OUT, not_yet, show
from activities.resolver_looks import look_at_resolvers
from sovereign_dns import answer_verdicts, verification
from sovereign_dns.answer_verdicts import Answer, Expectation, Probe
from sovereign_dns.clients.authoritative import AuthoritativeServers, Server
from sovereign_dns.clients.delegations import Delegations
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import AnswerEvidence, ServerVerdict, VerificationResult
from sovereign_dns.convergence import Convergence, resolver_verdict
from sovereign_dns.messages import ServedZone, VerificationReport, VerifyDomain
from sovereign_dns.names import is_at_or_below
from sovereign_dns.pacing import delegation_kept_for, is_young, pause_after

_DELEGATION_LEFT_OUT = (
    "the delegation was not followed: CATALYST_DNS_AUTHORITATIVE names the servers to ask, and "
    "CATALYST_DNS_ROOT_SERVERS no root from which to follow it"
)


class DNSActivities:
    """Asks, and lets `verification` judge and `convergence` say when to ask again."""

    def __init__(
        self,
        authoritative: AuthoritativeServers,
        resolvers: Resolvers,
        absence: AbsenceProof,
        delegations: Delegations | None = None,
    ) -> None:
        self._authoritative = authoritative
        self._resolvers = resolvers
        self._absence = absence
        self._delegations = delegations

    @activity.defn(name="dns-verify")
    async def verify_domain(self, task: VerifyDomain) -> VerificationReport:
        """Looks once at whatever can have changed; `NotYetConverged` carries what each server said.

        A resolver is first asked when every authoritative server answers as written: asked too early, it would keep
        the absence of an answer for as long as the zone's negative TTL (RFC 2308).
        """
        if task.gone:
            return await self._absence.prove(task)
        known = next(iter(journal.notes(Convergence)), Convergence())
        if known.authority is None:
            known = known.changed(authority=await self._ask_authority(task, known))
            return await self._prove_what_follows(task, known)
        report = await self._prove_what_follows(task, known)
        # Somebody may have changed something since; then everything is asked again.
        fresh = Convergence(told=known.told)
        fresh = fresh.changed(authority=await self._ask_authority(task, fresh))
        if known.delegation is not None and self._delegations is not None:
            await self._follow_delegations(self._delegations, task, fresh)
        return report

    async def _prove_what_follows(self, task: VerifyDomain, known: Convergence) -> VerificationReport:
        picture = known.authority or VerificationResult()
        if task.level == "authoritative":
            return _report(picture)
        if self._delegations is None:
            picture = verification.without(picture, _DELEGATION_LEFT_OUT)
        else:
            if known.delegation is None:
                known = known.changed(delegation=await self._follow_delegations(self._delegations, task, known))
            picture = verification.with_delegation(picture, known.delegation or [])
        if task.level == "delegated":
            return _report(picture)
        if not self._resolvers.resolvers:
            return _report(verification.without(picture, RESOLVERS_LEFT_OUT))
        return await self._prove_at_resolvers(task, known, picture)

    async def _follow_delegations(
        self, delegations: Delegations, task: VerifyDomain, known: Convergence
    ) -> list[ServerVerdict]:
        found = await side_by_side(
            delegations.check(zone.zone, task.expected_nameservers or zone.nameservers) for zone in task.zones
        )
        verdicts = [verdict for of_zone in found for verdict in of_zone]
        if not all(verification.is_delegated(of_zone) for of_zone in found):
            picture = verification.with_delegation(known.authority or VerificationResult(), verdicts)
            await show(task, known, picture)
            raise not_yet(task, picture, look_again_at=_next_look_at_the_registry(verdicts))
        return verdicts

    async def _prove_at_resolvers(
        self, task: VerifyDomain, known: Convergence, proved: VerificationResult
    ) -> VerificationReport:
        expected = answer_verdicts.expectations_of(task.intent)
        known = await look_at_resolvers(self._resolvers, task.intent.domain, known, expected, _judge_at_resolver)
        asked_names = list(dict.fromkeys(e.name for e in expected))
        picture = verification.with_resolvers(proved, [resolver_verdict(r) for r in known.resolvers], asked_names)
        if not known.is_settled:
            await show(task, known, picture)
            raise not_yet(task, picture, look_again_at=known.next_look())
        return _report(picture)

    async def _ask_authority(self, task: VerifyDomain, known: Convergence) -> VerificationResult:
        parts = await side_by_side(self._verify_zone(task, zone) for zone in task.zones if zone.names)
        picture = verification.merged(parts)
        if not verification.is_proved(picture):
            await show(task, known, picture)
            raise not_yet(task, picture)
        return picture

    async def _verify_zone(self, task: VerifyDomain, zone: ServedZone) -> VerificationResult:
        expected = [e for e in answer_verdicts.expectations_of(task.intent) if e.name in zone.names]
        probe = _probe_below(task, zone)
        questions = [(e.name, e.type) for e in expected] + [(probe.name, "A"), (probe.name, "AAAA")]
        written = {rrset.name: rrset.values for rrset in task.intent.rrsets}
        found = await ask_zone(self._authoritative, zone, [*questions, (zone.zone, "SOA")], written=written)
        serials = answer_verdicts.judge_serials({server.label: said[-1] for server, said in found.by_server.items()})
        verdicts = [
            *(_verdict(server, expected, probe, said[:-1], serials) for server, said in found.by_server.items()),
            *found.silent,
        ]
        return verification.result("authoritative", verdicts, list(dict.fromkeys(e.name for e in expected)))


def _next_look_at_the_registry(verdicts: list[ServerVerdict]) -> datetime | None:
    """None at first, when looks follow each other quickly; a registry may take two days."""
    so_far = waited()
    return None if is_young(so_far) else datetime.now(UTC) + pause_after(so_far, delegation_kept_for(verdicts))


def _judge_at_resolver(expectation: Expectation, answer: Answer) -> AnswerEvidence:
    return answer_verdicts.judge(expectation, answer, from_authority=False)


def _report(picture: VerificationResult) -> VerificationReport:
    return VerificationReport(outcome=verification.sentence(picture), verification=verification.bounded(picture))


def _probe_below(task: VerifyDomain, zone: ServedZone) -> Probe:
    """Below the host, or the zone that lies below it."""
    host = task.intent.host
    base = host if is_at_or_below(host, zone.zone) else zone.zone
    return Probe(
        name=random_name_below(base),
        acceptable=task.intent.addresses,
        written={rrset.type: rrset.values for rrset in task.intent.rrsets if rrset.name == f"*.{base}"},
    )


def _verdict(
    server: Server,
    expected: list[Expectation],
    probe: Probe,
    said: list[Answer],
    serials: dict[str, AnswerEvidence],
) -> ServerVerdict:
    evidence: list[AnswerEvidence] = [
        *(answer_verdicts.judge(expectation, answer) for expectation, answer in zip(expected, said, strict=False)),
        *(answer_verdicts.judge_probe(probe, answer) for answer in said[len(expected) :]),
        serials[server.label],
    ]
    return verification.server_verdict(server.label, "authoritative", evidence)

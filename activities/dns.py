"""The step `dns-verify`: real answers from every authoritative server, the delegation to them, and resolvers."""

import secrets
from datetime import UTC, datetime, timedelta

from temporalio import activity

from activities import journal
from activities.attempt_time import waited_for
from activities.telling import tell
from sovereign_dns import answer_verdicts, verification
from sovereign_dns.answer_verdicts import Answer, Expectation, Probe
from sovereign_dns.clients.authoritative import AuthoritativeServers, Server, Unresolved
from sovereign_dns.clients.delegations import Delegations
from sovereign_dns.clients.resolver_places import Resolver
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import AnswerEvidence, ServerVerdict, VerificationResult
from sovereign_dns.convergence import Convergence, ResolverSeen, after_look, questions_left, resolver_verdict
from sovereign_dns.failures import NotYetConverged
from sovereign_dns.messages import (
    VERIFICATION_SEEN,
    ServedZone,
    VerificationReport,
    VerificationSeen,
    VerifyDomain,
)
from sovereign_dns.names import is_at_or_below
from sovereign_dns.pacing import delegation_kept_for, is_young, pause_after

MOST_NAMESERVERS_TOLD = 16

_DELEGATION_LEFT_OUT = (
    "the delegation was not followed: CATALYST_DNS_AUTHORITATIVE names the servers to ask, and "
    "CATALYST_DNS_ROOT_SERVERS no root from which to follow it"
)
_RESOLVERS_LEFT_OUT = "no resolver was asked: CATALYST_DNS_PROPAGATION_RESOLVERS names none"


class DNSActivities:
    """Asks, and lets `verification` judge and `convergence` say when to ask again."""

    def __init__(
        self, authoritative: AuthoritativeServers, resolvers: Resolvers, delegations: Delegations | None = None
    ) -> None:
        self._authoritative = authoritative
        self._resolvers = resolvers
        self._delegations = delegations

    @activity.defn(name="dns-verify")
    async def verify_domain(self, task: VerifyDomain) -> VerificationReport:
        """Looks once at whatever can have changed; `NotYetConverged` carries what each server said.

        A resolver is first asked when every authoritative server answers as written: asked too early, it would keep
        the absence of an answer for as long as the zone's negative TTL (RFC 2308).
        """
        known = next(iter(journal.notes(Convergence)), Convergence())
        if known.authority is None:
            known = known.changed(authority=await self._ask_authority(task, known))
            await journal.remember(known.bounded())
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
                await journal.remember(known.bounded())
            picture = verification.with_delegation(picture, known.delegation or [])
        if task.level == "delegated":
            return _report(picture)
        if not self._resolvers.resolvers:
            return _report(verification.without(picture, _RESOLVERS_LEFT_OUT))
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
            await _tell(task, known, picture)
            raise _not_yet(task, picture, retry_after=_pause_for_the_registry(verdicts))
        return verdicts

    async def _prove_at_resolvers(
        self, task: VerifyDomain, known: Convergence, proved: VerificationResult
    ) -> VerificationReport:
        known = await self._ask_resolvers(task, known)
        asked_names = list(dict.fromkeys(e.name for e in answer_verdicts.expectations_of(task.intent)))
        picture = verification.with_resolvers(proved, [resolver_verdict(r) for r in known.resolvers], asked_names)
        if not known.is_settled:
            await _tell(task, known, picture)
            raise _not_yet(task, picture, retry_after=_seconds_until(known.next_look()))
        return _report(picture)

    async def _ask_authority(self, task: VerifyDomain, known: Convergence) -> VerificationResult:
        parts = await side_by_side(self._verify_zone(task, zone) for zone in task.zones if zone.names)
        picture = verification.merged(parts)
        if not verification.is_proved(picture):
            await _tell(task, known, picture)
            raise _not_yet(task, picture)
        return picture

    async def _verify_zone(self, task: VerifyDomain, zone: ServedZone) -> VerificationResult:
        expected = [e for e in answer_verdicts.expectations_of(task.intent) if e.name in zone.names]
        probe = _probe_below(task, zone)
        questions = [(e.name, e.type) for e in expected] + [(probe.name, "A"), (probe.name, "AAAA")]
        servers, unresolved = await self._authoritative.of_zone(zone.nameservers)
        answers = await self._authoritative.ask_all(servers, [*questions, (zone.zone, "SOA")])
        countable = _countable(answers)
        serials = answer_verdicts.judge_serials({server.label: said[-1] for server, said in countable.items()})
        verdicts = [
            *(_verdict(server, expected, probe, said[:-1], serials) for server, said in countable.items()),
            *(_unreachable(server) for server in unresolved),
        ] or [_nobody_to_ask(zone)]
        return verification.result("authoritative", verdicts, list(dict.fromkeys(e.name for e in expected)))

    async def _ask_resolvers(self, task: VerifyDomain, known: Convergence) -> Convergence:
        """Asks those that can have changed, and only what was not as written."""
        expected, now = answer_verdicts.expectations_of(task.intent), datetime.now(UTC)
        known = known.among([resolver.label for resolver in self._resolvers.resolvers])
        left = {
            resolver: questions
            for resolver in self._resolvers.resolvers
            if (questions := questions_left(known.seen(resolver.label), expected, now))
        }
        delegation = (task.intent.domain, "NS")
        answers = await self._resolvers.ask_all(
            {resolver: [*((e.name, e.type) for e in questions), delegation] for resolver, questions in left.items()}
        )
        for resolver, questions in left.items():
            known = known.with_look(_look(known, resolver, questions, answers[resolver]))
        return known


def _look(known: Convergence, resolver: Resolver, questions: list[Expectation], answers: list[Answer]) -> ResolverSeen:
    *said, delegation = answers
    evidence = [answer_verdicts.judge(e, a, from_authority=False) for e, a in zip(questions, said, strict=True)]
    seen = known.seen(resolver.label).changed(nameservers=sorted(delegation.values)[:MOST_NAMESERVERS_TOLD])
    return after_look(seen, evidence, datetime.now(UTC), silent=all(answer.error for answer in answers))


def _pause_for_the_registry(verdicts: list[ServerVerdict]) -> float | None:
    """None at first, when looks follow each other quickly; a registry may take two days."""
    waited = waited_for(activity.info()) if activity.in_activity() else timedelta()
    return None if is_young(waited) else pause_after(waited, delegation_kept_for(verdicts)).total_seconds()


def _seconds_until(moment: datetime | None) -> float | None:
    return None if moment is None else (moment - datetime.now(UTC)).total_seconds()


def _report(picture: VerificationResult) -> VerificationReport:
    return VerificationReport(outcome=verification.sentence(picture), verification=verification.bounded(picture))


def _not_yet(task: VerifyDomain, picture: VerificationResult, *, retry_after: float | None = None) -> NotYetConverged:
    return NotYetConverged(
        f"below {task.intent.domain}: {verification.sentence(picture, done=False)}",
        evidence=verification.in_short(picture),
        retry_after=retry_after,
    )


async def _tell(task: VerifyDomain, known: Convergence, picture: VerificationResult) -> None:
    """Shows the picture in the run's status, where it has changed: a failed attempt leaves nothing in the history."""
    gist = verification.gist(picture)
    if gist != known.told:
        seen = VerificationSeen(domain=task.intent.domain, verification=verification.of_what_is_open(picture))
        await tell(VERIFICATION_SEEN, seen)
    await journal.remember(known.changed(told=gist).bounded())


def _probe_below(task: VerifyDomain, zone: ServedZone) -> Probe:
    """Random, so that no cache and no record can know it. Below the host, or the zone that lies below it."""
    host = task.intent.host
    base = host if is_at_or_below(host, zone.zone) else zone.zone
    return Probe(
        name=f"{answer_verdicts.PROBE_PREFIX}{secrets.token_hex(6)}.{base}",
        acceptable=task.intent.addresses,
        written={rrset.type: rrset.values for rrset in task.intent.rrsets if rrset.name == f"*.{base}"},
    )


def _countable(answers: dict[Server, list[Answer]]) -> dict[Server, list[Answer]]:
    """Without the addresses that this machine has no route to (IPv6, mostly), as long as the name server has others."""
    routable = {server for server, said in answers.items() if not all(answer.unroutable for answer in said)}
    reached = {server.name_server for server in routable}
    return {server: said for server, said in answers.items() if server in routable or server.name_server not in reached}


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


def _nobody_to_ask(zone: ServedZone) -> ServerVerdict:
    return ServerVerdict(
        server=f"name servers of {zone.zone}",
        kind="authoritative",
        state="unreachable",
        detail=(
            f"zone {zone.zone} is not hosted in PowerDNS, or has no NS records at its apex, so nobody can be asked"
        ),
    )


def _unreachable(server: Unresolved) -> ServerVerdict:
    return ServerVerdict(server=server.label, kind="authoritative", state="unreachable", detail=server.reason)

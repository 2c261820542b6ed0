"""The step `dns-verify`: real answers, from every authoritative server."""

import asyncio
import secrets

from temporalio import activity

from sovereign_dns import verification
from sovereign_dns.clients.authoritative import AuthoritativeServers, Server, Unresolved
from sovereign_dns.contract import AnswerEvidence, ServerVerdict, VerificationResult
from sovereign_dns.failures import NotYetConverged
from sovereign_dns.messages import ServedZone, VerificationReport, VerifyDomain
from sovereign_dns.names import is_at_or_below
from sovereign_dns.verification import Answer, Expectation, Probe


class DNSActivities:
    """Asks, and lets `verification` judge."""

    def __init__(self, authoritative: AuthoritativeServers) -> None:
        self._authoritative = authoritative

    @activity.defn(name="dns-verify")
    async def verify_domain(self, task: VerifyDomain) -> VerificationReport:
        """Looks once at every name on every server; `NotYetConverged` carries what each said."""
        parts = await asyncio.gather(*(self._verify_zone(task, zone) for zone in task.zones if zone.names))
        picture = verification.merged(parts)
        told = verification.sentence(picture)
        if not verification.is_proved(picture):
            raise NotYetConverged(f"below {task.intent.domain}: {told}", evidence=verification.in_short(picture))
        return VerificationReport(outcome=told, verification=verification.bounded(picture))

    async def _verify_zone(self, task: VerifyDomain, zone: ServedZone) -> VerificationResult:
        expected = [e for e in verification.expectations_of(task.intent) if e.name in zone.names]
        probe = _probe_below(task, zone)
        questions = [(e.name, e.type) for e in expected] + [(probe.name, "A"), (probe.name, "AAAA")]
        servers, unresolved = await self._authoritative.of_zone(zone.nameservers)
        answers = await self._authoritative.ask_all(servers, questions)
        verdicts = [
            *(_verdict(server, expected, probe, said) for server, said in _countable(answers).items()),
            *(_unreachable(server) for server in unresolved),
        ] or [_nobody_to_ask(zone)]
        return verification.result("authoritative", verdicts, list(dict.fromkeys(e.name for e in expected)))


def _probe_below(task: VerifyDomain, zone: ServedZone) -> Probe:
    """Random, so that no cache and no record can know it. Below the host, or the zone that lies below it."""
    base = task.intent.host if is_at_or_below(task.intent.host, zone.zone) else zone.zone
    return Probe(name=f"probe-{secrets.token_hex(6)}.{base}", acceptable=task.intent.addresses)


def _countable(answers: dict[Server, list[Answer]]) -> dict[Server, list[Answer]]:
    """Without the addresses that this machine has no route to (IPv6, mostly), as long as the name server has others."""
    routable = {server for server, said in answers.items() if not all(answer.unroutable for answer in said)}
    reached = {server.name_server for server in routable}
    return {server: said for server, said in answers.items() if server in routable or server.name_server not in reached}


def _verdict(server: Server, expected: list[Expectation], probe: Probe, said: list[Answer]) -> ServerVerdict:
    evidence: list[AnswerEvidence] = [
        *(verification.judge(expectation, answer) for expectation, answer in zip(expected, said, strict=False)),
        *(verification.judge_probe(probe, answer) for answer in said[len(expected) :]),
    ]
    return verification.server_verdict(server.label, "authoritative", evidence)


def _nobody_to_ask(zone: ServedZone) -> ServerVerdict:
    return ServerVerdict(
        server=f"name servers of {zone.zone}",
        kind="authoritative",
        state="unreachable",
        detail=f"zone {zone.zone} has no NS records at its apex, so nobody can be asked",
    )


def _unreachable(server: Unresolved) -> ServerVerdict:
    return ServerVerdict(server=server.label, kind="authoritative", state="unreachable", detail=server.reason)

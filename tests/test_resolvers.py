"""Resolvers against real servers: what the caching recursor says is read alike over UDP, TCP, TLS and HTTPS."""

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.rcode
import dns.rdatatype
import httpx
import pytest
from temporalio.client import Client

from sovereign_dns.answer_verdicts import Answer, Expectation, judge
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.contract import AnswerEvidence
from tests.conftest import StartWorker
from tests.dns_servers import dns_over_https, dns_over_tls, do53, forwarding, http_of, response
from tests.eventually import eventually
from tests.runs import provision, step
from tests.validating_recursor import NOBODYS_KEY, ValidatingRecursor
from tests.world import LOAD_BALANCER, STRANGER, RRset, World, rrset

ADVERTISER = "198.51.100.66"
MANY = [f"10.0.0.{number}" for number in range(1, 201)]
SOA_MINIMUM = 3600


@pytest.fixture
async def zone(world: World) -> str:
    """A zone of the test's own, with a host whose console has the right address, and whose wildcard hasn't."""
    host = f"t110.{world.parent}"
    await world.create_zone(
        world.parent,
        rrset(f"console.{host}", "A", LOAD_BALANCER),
        rrset(f"many.{host}", "A", *MANY),
        rrset(f"alias.{host}", "CNAME", f"stranger.{world.parent}.", ttl=300),
        rrset(f"stranger.{world.parent}", "A", STRANGER, ttl=30),
    )
    return world.parent


@pytest.fixture
def recursor(stack_description: dict[str, str]) -> str:
    return stack_description["RECURSOR"]


async def write(world: World, zone: str, changed: RRset) -> None:
    """PowerDNS answers 500 where SQLite stays locked, as it may while other tests write and the machine is busy."""

    async def written() -> bool:
        try:
            await world.write(zone, changed)
        except httpx.HTTPStatusError as error:
            if error.response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
                raise
            return False
        return True

    await eventually(written)


async def ask(resolvers: Resolvers, name: str, rrtype: str = "A") -> dict[str, Answer]:
    """What each resolver says, by its place."""
    said = await resolvers.ask_all({resolver: [(name, rrtype)] for resolver in resolvers.resolvers})
    return {resolver.label: answers[0] for resolver, answers in said.items()}


async def evidence_from(place: str, name: str, *values: str, rrtype: str = "A") -> AnswerEvidence:
    async with Resolvers([place]) as resolvers:
        (answer,) = (await ask(resolvers, name, rrtype)).values()
    wanted = Expectation(name=name, type=rrtype, ttl=60, values=list(values))
    return judge(wanted, answer, from_authority=False)


async def test_the_recursor_says_the_same_over_every_protocol(
    zone: str, recursor: str, ca_file: Path, server_context: ssl.SSLContext
) -> None:
    host = f"t110.{zone}"
    async with (
        dns_over_tls(forwarding(recursor), server_context) as tls,
        dns_over_https(http_of(forwarding(recursor)), server_context) as url,
        Resolvers([recursor, f"tls://{tls}", url], ca_file=ca_file) as resolvers,
    ):
        for answer in (await ask(resolvers, f"console.{host}")).values():
            assert (answer.error, answer.values) == (None, [LOAD_BALANCER])
            assert 0 < (answer.ttl or 0) <= 60
            assert not answer.authoritative
        for answer in (await ask(resolvers, f"many.{host}")).values():
            assert sorted(answer.values) == sorted(MANY), "truncated over UDP, and so asked over TCP"
        for answer in (await ask(resolvers, f"alias.{host}")).values():
            assert (answer.alias_target, answer.alias_values) == (f"stranger.{zone}.", [STRANGER])
            assert 0 < (answer.ttl or 0) <= 30
        for name, rrtype, rcode in ((f"nothing.{host}", "A", "NXDOMAIN"), (f"console.{host}", "AAAA", "NOERROR")):
            for answer in (await ask(resolvers, name, rrtype)).values():
                assert (answer.rcode, answer.values, answer.authority) == (rcode, [], f"{zone}.")
                assert 0 < (answer.negative_ttl or 0) <= SOA_MINIMUM
        for answer in (await ask(resolvers, f"console.{zone}.elsewhere.example")).values():
            assert (answer.rcode, answer.bogus) == ("SERVFAIL", False), "PowerDNS refuses what it doesn't host"


async def test_the_recursor_counts_down_what_it_has_cached(zone: str, recursor: str) -> None:
    async def both_have_gone_down() -> bool:
        async with Resolvers([recursor]) as resolvers:
            (held,) = (await ask(resolvers, f"console.t110.{zone}")).values()
            (denied,) = (await ask(resolvers, f"nothing.t110.{zone}")).values()
        assert held.ttl is not None
        assert denied.negative_ttl is not None
        return held.ttl < 60 and denied.negative_ttl < SOA_MINIMUM

    await eventually(both_have_gone_down, within_seconds=10)


async def test_a_stale_recursor_is_misdirected_for_the_rest_of_the_ttl(world: World, zone: str, recursor: str) -> None:
    name = f"api.t110.{zone}"
    await write(world, zone, rrset(name, "A", STRANGER, ttl=300))
    assert (await evidence_from(recursor, name, STRANGER)).state == "converged"
    await write(world, zone, rrset(name, "A", LOAD_BALANCER))
    evidence = await evidence_from(recursor, name, LOAD_BALANCER)
    assert evidence.state == "misdirected"
    assert evidence.detail == (
        f"answers {STRANGER}, where {LOAD_BALANCER} was written: users reach a stranger, for {evidence.ttl} s more"
    )
    assert 200 < (evidence.ttl or 0) <= 300


async def test_a_recursor_that_has_learned_of_nothing_says_for_how_long(world: World, zone: str, recursor: str) -> None:
    name = f"auth.t110.{zone}"
    assert (await evidence_from(recursor, name, LOAD_BALANCER)).state == "missing"
    await write(world, zone, rrset(name, "A", LOAD_BALANCER))
    evidence = await evidence_from(recursor, name, LOAD_BALANCER)
    assert (evidence.state, evidence.authority) == ("missing", f"{zone}.")
    assert evidence.detail == f"NXDOMAIN: the name doesn't exist there, for {evidence.negative_ttl} s more"


async def test_a_resolver_that_rewrites_nxdomain_misdirects(zone: str, recursor: str) -> None:
    def advertise(query: dns.message.Message, found: dns.message.Message) -> dns.message.Message:
        if found.rcode() != dns.rcode.NXDOMAIN:
            return found
        return response(query, f"{query.question[0].name} 10 IN A {ADVERTISER}")

    async with do53(forwarding(recursor, advertise)) as place:
        assert (await evidence_from(place, f"console.t110.{zone}", LOAD_BALANCER)).state == "converged"
        evidence = await evidence_from(place, f"nothing.t110.{zone}", LOAD_BALANCER)
    assert (evidence.state, evidence.values) == ("misdirected", [ADVERTISER])
    assert "for 10 s more" in (evidence.detail or "")


async def test_a_resolver_that_rewrites_ttls_is_right_and_noted(zone: str, recursor: str) -> None:
    def keep_longer(query: dns.message.Message, found: dns.message.Message) -> dns.message.Message:
        for answered in found.answer:
            answered.ttl = 900
        return found

    async with do53(forwarding(recursor, keep_longer)) as place:
        evidence = await evidence_from(place, f"console.t110.{zone}", LOAD_BALANCER)
    assert (evidence.state, evidence.ttl) == ("converged", 900)
    assert evidence.detail == "TTL 900, where 60 was written: this resolver keeps answers longer"


async def test_a_resolver_that_times_out_is_unreachable_after_two_tries(zone: str) -> None:
    asked: list[str] = []

    async def counts(query: dns.message.Message) -> list[bytes]:
        asked.append(query.question[0].name.to_text())
        return []

    async with do53(counts) as place:
        evidence = await evidence_from(place, f"console.t110.{zone}", LOAD_BALANCER)
    assert (evidence.state, evidence.detail) == ("unreachable", "no answer within 4.5 s")
    assert asked == [f"console.t110.{zone}."] * 2


async def test_an_authoritative_server_is_no_resolver(stack_description: dict[str, str]) -> None:
    evidence = await evidence_from(stack_description["POWERDNS_DNS"], "console.elsewhere.example", LOAD_BALANCER)
    assert evidence.state == "refused"


@pytest.fixture
def validating_recursor(zone: str, tmp_path: Path, stack_description: dict[str, str]) -> Iterator[str]:
    recursor = ValidatingRecursor(tmp_path, stack_description["POWERDNS_DNS"], zone, NOBODYS_KEY)
    recursor.start()
    yield recursor.address
    recursor.stop()


async def test_data_that_fail_validation_are_bogus(zone: str, validating_recursor: str) -> None:
    evidence = await evidence_from(validating_recursor, f"console.t110.{zone}", LOAD_BALANCER)
    assert evidence.state == "bogus"
    assert "DNSSEC validation fails" in (evidence.detail or "")
    assert evidence.values == []


def proved_within(world: World, seconds: int) -> dict[str, Any]:
    proof = {"deadlineSeconds": seconds}
    return world.request(f"t1.{world.parent}", certificate={"enabled": False}, verification=proof)


async def test_a_run_is_proved_over_every_protocol(
    special_temporal: Client,
    start_worker: StartWorker,
    world: World,
    recursor: str,
    ca_file: Path,
    server_context: ssl.SSLContext,
) -> None:
    async with (
        dns_over_tls(forwarding(recursor), server_context) as tls,
        dns_over_https(http_of(forwarding(recursor)), server_context) as url,
    ):
        places = [recursor, f"tls://{tls}", url]
        start_worker(CATALYST_DNS_PROPAGATION_RESOLVERS=",".join(places), CATALYST_DNS_CA_FILE=str(ca_file))
        result = await provision(special_temporal, proved_within(world, 60))

    assert result["phase"] == "complete"
    verdicts = {s["server"]: s["state"] for s in result["verification"]["servers"] if s["kind"] == "resolver"}
    assert verdicts == dict.fromkeys(places, "converged")


def _lie(query: dns.message.Message, found: dns.message.Message) -> dns.message.Message:
    name, kind = query.question[0].name.to_text(), query.question[0].rdtype
    return response(query, f"{name} 60 IN A {ADVERTISER}") if kind == dns.rdatatype.A else found


def _keep_for_an_hour(_: dns.message.Message, found: dns.message.Message) -> dns.message.Message:
    for answered in found.answer:
        answered.ttl = 3600
    return found


async def test_a_run_never_ends_well_beside_a_resolver_that_lies(
    special_temporal: Client, start_worker: StartWorker, world: World, recursor: str
) -> None:
    async with do53(forwarding(recursor, _lie)) as liar:
        start_worker(CATALYST_DNS_PROPAGATION_RESOLVERS=f"{recursor},{liar}")
        result = await provision(special_temporal, proved_within(world, 4))

    assert result["phase"] == "degraded"
    first = result["verification"]["servers"][0]
    assert (first["server"], first["state"]) == (liar, "misdirected")
    assert f"answers {ADVERTISER}, where {LOAD_BALANCER} was written" in first["detail"]
    assert ADVERTISER in step(result, "dns-verify")["outcome"]


async def test_a_resolver_that_keeps_answers_longer_than_it_should_is_no_fault_of_the_run(
    special_temporal: Client, start_worker: StartWorker, world: World, recursor: str
) -> None:
    async with do53(forwarding(recursor, _keep_for_an_hour)) as hoarder:
        start_worker(CATALYST_DNS_PROPAGATION_RESOLVERS=hoarder)
        result = await provision(special_temporal, proved_within(world, 60))

    assert result["phase"] == "complete"

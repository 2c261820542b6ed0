"""The level `delegated` on a private DNS of real servers: what each fault of a delegation is called."""

import secrets
import time
from collections.abc import Sequence

import dns.flags
import dns.message
import dns.rrset
import pytest

from sovereign_dns.clients.delegations import Delegations
from sovereign_dns.clients.inquiry import LONGEST_SECONDS, MOST_QUESTIONS
from sovereign_dns.contract import Outcome, ServerVerdict
from tests.dns_bench import (
    HOST_1,
    HOST_2,
    NAMESERVERS,
    NOBODY,
    PARENT,
    PARENT_1,
    PARENT_2,
    ROOT,
    STRANGER,
    STRANGER_NS,
    TLD,
    TOP,
    Bench,
    delegation,
    new_key,
)
from tests.scripted_dns import Answer, ScriptedServer, scripted

PATIENT = (2.0, 4.0, 8.0)
"""For servers that answer, on however busy a machine."""

BRIEF = (0.5, 2.0)
"""Where a server doesn't answer at all."""


async def look(
    bench: Bench,
    zone: str,
    expected: Sequence[str] = NAMESERVERS,
    *,
    anchors: Sequence[str] | None = None,
    timeouts: Sequence[float] = PATIENT,
) -> list[ServerVerdict]:
    anchors = bench.trust_anchors if anchors is None else anchors
    delegations = Delegations([ROOT], anchors, port=bench.port, attempt_timeouts=timeouts)
    return await delegations.check(zone, expected)


def at(verdicts: Sequence[ServerVerdict], address: str) -> ServerVerdict:
    found = [verdict for verdict in verdicts if f"({address})" in verdict.server]
    assert len(found) == 1, verdicts
    return found[0]


def assert_says(verdict: ServerVerdict, kind: str, state: Outcome, *words: str) -> None:
    assert (verdict.kind, verdict.state) == (kind, state), verdict.detail
    for word in words:
        assert word in verdict.detail


def assert_parents_say(verdicts: Sequence[ServerVerdict], state: Outcome, *words: str) -> None:
    for address in (PARENT_1, PARENT_2):
        assert_says(at(verdicts, address), "parent", state, *words)


class TestWell:
    async def test_signed(self, bench: Bench, zone: str) -> None:
        bench.delegate(zone, ds=bench.host(zone, keys=[new_key()]))

        verdicts = await look(bench, zone)

        assert len(verdicts) == 2
        assert_parents_say(verdicts, "converged", "ns1.hosting.test, ns2.hosting.test", "vouched for")

    async def test_unsigned_child_without_ds(self, bench: Bench, zone: str) -> None:
        bench.host(zone)
        bench.delegate(zone)

        verdicts = await look(bench, zone)

        assert len(verdicts) == 2
        assert_parents_say(verdicts, "converged", "unsigned, as the parent proves")

    async def test_the_parent_zone_itself(self, bench: Bench) -> None:
        (verdict,) = await look(bench, PARENT, [f"ns1.{PARENT}.", f"NS2.{PARENT}"])

        assert_says(verdict, "parent", "converged", "vouched for")
        assert TLD in verdict.server

    async def test_a_zone_below_the_root(self, bench: Bench) -> None:
        (verdict,) = await look(bench, TOP, ["ns.tld.test"])

        assert_says(verdict, "parent", "converged", "vouched for")

    async def test_name_servers_within_the_zone(self, bench: Bench, zone: str) -> None:
        own = {f"ns1.{zone}": HOST_1, f"ns2.{zone}": HOST_2}
        bench.delegate(zone, list(own), ds=bench.host(zone, keys=[new_key()], nameservers=list(own), own=own), glue=own)

        assert_parents_say(await look(bench, zone, list(own)), "converged", f"ns1.{zone}")

    async def test_signed_below_an_unsigned_zone(self, bench: Bench) -> None:
        island = f"z{secrets.token_hex(4)}.hosting.test"
        bench.servers[HOST_2].create_zone(island, NAMESERVERS[1:], keys=[new_key()])
        for server in bench.hosts:
            server.write("hosting.test", *delegation(island, NAMESERVERS[1:]))

        verdicts = await look(bench, island, NAMESERVERS[1:])

        for address in (HOST_1, HOST_2):
            assert_says(
                at(verdicts, address), "parent", "converged", "no chain of trust", "test has no DS for hosting.test"
            )

    async def test_the_evidence_is_kept(self, bench: Bench, zone: str) -> None:
        ds = bench.host(zone, keys=[new_key()])
        bench.delegate(zone, ds=ds)

        verdict = at(await look(bench, zone), PARENT_1)

        by_type = {answer.type: answer for answer in verdict.answers}
        assert sorted(by_type["NS"].values) == sorted(NAMESERVERS)
        assert by_type["DS"].values == [item.lower() for item in ds]
        assert by_type["NS"].latency_ms is not None

    async def test_a_leftover_ds_beside_a_right_one(self, bench: Bench, zone: str) -> None:
        ds = bench.host(zone, keys=[new_key()])
        bench.delegate(zone, ds=[*ds, f"12345 15 2 {'ab' * 32}"])

        assert_parents_say(await look(bench, zone), "converged", "key tag 12345", "may be removed")


class TestBesideItsParent:
    """The zone stands on the servers of the zone above it, which answer for it instead of referring to it."""

    @pytest.fixture
    def expected(self) -> list[str]:
        return [f"ns1.{PARENT}", f"ns2.{PARENT}"]

    async def test_well(self, bench: Bench, zone: str, expected: list[str]) -> None:
        key = new_key()
        for server in bench.parents:
            server.create_zone(zone, expected, keys=[key])
        bench.delegate(zone, expected, ds=bench.parents[0].ds(zone))

        assert_parents_say(await look(bench, zone, expected), "converged", "serves the zone too", "vouched for")

    async def test_not_delegated(self, bench: Bench, zone: str, expected: list[str]) -> None:
        key = new_key()
        for server in bench.parents:
            server.create_zone(zone, expected, keys=[key])

        assert_parents_say(
            await look(bench, zone, expected), "missing", "no delegation", f"{PARENT} above it has no NS"
        )

    async def test_unsigned(self, bench: Bench, zone: str, expected: list[str]) -> None:
        for server in bench.parents:
            server.create_zone(zone, expected)
        bench.delegate(zone, expected)

        assert_parents_say(await look(bench, zone, expected), "converged", "serves the zone too", "unsigned")

    async def test_not_delegated_by_an_unsigned_zone(self, bench: Bench) -> None:
        zone = f"z{secrets.token_hex(4)}.hosting.test"
        bench.host(zone)

        verdicts = await look(bench, zone)

        for address in (HOST_1, HOST_2):
            assert_says(at(verdicts, address), "parent", "missing", "no delegation", "hosting.test above it")

    async def test_one_zone_further_down(self, bench: Bench, zone: str, expected: list[str]) -> None:
        key = new_key()
        for server in bench.parents:
            server.create_zone(zone, expected, keys=[key])
        ds = bench.parents[0].ds(zone)
        bench.delegate(zone, expected, ds=ds)
        below = f"below.{zone}"
        below_ds = bench.host(below, keys=[new_key()])
        for server in bench.parents:
            server.write(zone, *delegation(below, NAMESERVERS, ds=below_ds))

        assert_parents_say(await look(bench, below), "converged", "vouched for")


class TestServersAtFault:
    async def test_second_server_of_the_parent_down(self, bench: Bench, zone: str) -> None:
        bench.delegate(zone, ds=bench.host(zone, keys=[new_key()]))

        with bench.servers[PARENT_2].away():
            verdicts = await look(bench, zone, timeouts=BRIEF)

        assert_says(at(verdicts, PARENT_1), "parent", "converged")
        assert_says(at(verdicts, PARENT_2), "parent", "unreachable", f"ns2.{PARENT}", "gives no answer", zone)

    async def test_second_server_of_the_zone_down(self, bench: Bench, zone: str) -> None:
        bench.delegate(zone, ds=bench.host(zone, keys=[new_key()]))

        with bench.servers[HOST_2].away():
            verdicts = await look(bench, zone, timeouts=BRIEF)

        assert_parents_say(verdicts, "converged")
        assert_says(at(verdicts, HOST_2), "authoritative", "unreachable", "ns2.hosting.test", "gives no answer", zone)

    async def test_every_server_of_the_parent_down(self, bench: Bench, zone: str) -> None:
        with bench.servers[PARENT_1].away(), bench.servers[PARENT_2].away():
            verdicts = await look(bench, zone, timeouts=BRIEF)

        assert_parents_say(verdicts, "unreachable", "gives no answer")

    async def test_lame_delegation(self, bench: Bench, zone: str) -> None:
        bench.servers[HOST_1].create_zone(zone, NAMESERVERS)
        bench.delegate(zone)

        verdicts = await look(bench, zone)

        assert_parents_say(verdicts, "converged")
        assert_says(at(verdicts, HOST_2), "authoritative", "refused", "lame", "REFUSED", zone, "load the zone there")

    async def test_name_server_that_does_not_exist(self, bench: Bench, zone: str) -> None:
        nameservers = [*NAMESERVERS, "ns9.hosting.test"]
        bench.host(zone, nameservers=nameservers)
        bench.delegate(zone, nameservers)

        verdicts = await look(bench, zone, nameservers)

        assert_parents_say(verdicts, "converged")
        (nowhere,) = [verdict for verdict in verdicts if verdict.kind == "authoritative"]
        assert_says(nowhere, "authoritative", "missing", "ns9.hosting.test", "NXDOMAIN", "whoever gets hold")


class TestNameServers:
    async def test_parent_and_child_disagree(self, bench: Bench, zone: str) -> None:
        bench.host(zone, nameservers=[*NAMESERVERS, STRANGER_NS])
        bench.delegate(zone)

        assert_parents_say(await look(bench, zone), "missing", "parent and child disagree", STRANGER_NS)

    async def test_both_lack_an_expected_one(self, bench: Bench, zone: str) -> None:
        bench.host(zone, nameservers=NAMESERVERS[:1])
        bench.delegate(zone, NAMESERVERS[:1])

        assert_parents_say(await look(bench, zone), "missing", "ns2.hosting.test is lacking", zone)

    async def test_parents_differ(self, bench: Bench, zone: str) -> None:
        bench.host(zone)
        bench.servers[PARENT_1].write(PARENT, *delegation(zone, NAMESERVERS))

        verdicts = await look(bench, zone)

        assert_says(at(verdicts, PARENT_1), "parent", "converged")
        assert_says(at(verdicts, PARENT_2), "parent", "missing", "no delegation", "NXDOMAIN")

    async def test_missing_glue(self, bench: Bench, zone: str) -> None:
        own = {f"ns1.{zone}": HOST_1, f"ns2.{zone}": HOST_2}
        bench.host(zone, nameservers=list(own), own=own)
        bench.delegate(zone, list(own), glue={f"ns1.{zone}": HOST_1})

        verdicts = await look(bench, zone, list(own))

        assert len(verdicts) == 2
        assert_parents_say(verdicts, "missing", "missing glue", f"ns2.{zone}", "add A")

    async def test_no_glue_at_all(self, bench: Bench, zone: str) -> None:
        own = {f"ns1.{zone}": HOST_1, f"ns2.{zone}": HOST_2}
        bench.host(zone, nameservers=list(own), own=own)
        bench.delegate(zone, list(own))

        assert_parents_say(await look(bench, zone, list(own)), "missing", "missing glue", f"ns1.{zone}")

    async def test_glue_differs(self, bench: Bench, zone: str) -> None:
        own = {f"ns1.{zone}": HOST_1, f"ns2.{zone}": HOST_2}
        bench.host(zone, nameservers=list(own), own=own)
        bench.delegate(zone, list(own), glue=own | {f"ns2.{zone}": NOBODY})

        verdicts = await look(bench, zone, list(own), timeouts=BRIEF)

        assert_parents_say(verdicts, "missing", "glue", "differs", HOST_2, NOBODY)
        assert_says(at(verdicts, NOBODY), "authoritative", "unreachable")

    async def test_no_delegation_at_all(self, bench: Bench, zone: str) -> None:
        bench.host(zone)

        assert_parents_say(
            await look(bench, zone), "missing", "no delegation", "NXDOMAIN", f"in {PARENT}", *NAMESERVERS
        )

    async def test_name_in_the_parent_that_is_not_delegated(self, bench: Bench, zone: str) -> None:
        for server in bench.parents:
            server.write(PARENT, *delegation(f"below.{zone}", NAMESERVERS))

        assert_parents_say(await look(bench, zone), "missing", "no delegation", "no NS records")

    async def test_delegated_to_somebody_else(self, bench: Bench, zone: str) -> None:
        bench.host(zone)
        bench.servers[STRANGER].create_zone(zone, [STRANGER_NS])
        bench.delegate(zone, [STRANGER_NS])

        assert_parents_say(await look(bench, zone), "misdirected", STRANGER_NS, "somebody else's servers")


class TestChainOfTrust:
    async def test_ds_missing_though_signed(self, bench: Bench, zone: str) -> None:
        ds = bench.host(zone, keys=[new_key()])
        bench.delegate(zone)

        assert_parents_say(await look(bench, zone), "missing", "is signed", "has no DS", ds[0].lower())

    async def test_wrong_ds(self, bench: Bench, zone: str) -> None:
        (ds,) = bench.host(zone, keys=[new_key()])
        bench.delegate(zone, ds=[f"{ds.rpartition(' ')[0]} {'ab' * 32}"])

        assert_parents_say(await look(bench, zone), "bogus", "DS without key", zone, ds.lower())

    async def test_ds_left_over_from_a_deleted_key(self, bench: Bench, zone: str) -> None:
        (old,) = bench.host(zone, keys=[new_key()])
        bench.delegate(zone, ds=[old])
        key = new_key()
        for server in bench.hosts:
            server.delete_keys(zone)
            server.add_key(zone, key)
        (new,) = bench.hosts[0].ds(zone)

        verdicts = await look(bench, zone)

        assert_parents_say(verdicts, "bogus", "DS without key", f"key tag {old.split()[0]}", new.lower(), "SERVFAIL")

    async def test_unsigned_though_a_ds_says_signed(self, bench: Bench, zone: str) -> None:
        ds = bench.host(zone, keys=[new_key()])
        bench.delegate(zone, ds=ds)
        for server in bench.hosts:
            server.delete_keys(zone)

        assert_parents_say(await look(bench, zone), "bogus", "is unsigned though", "remove the DS")

    async def test_one_server_without_the_key(self, bench: Bench, zone: str) -> None:
        bench.delegate(zone, ds=bench.host(zone, keys=[new_key()]))
        bench.hosts[1].delete_keys(zone)

        verdicts = await look(bench, zone)

        assert_parents_say(verdicts, "converged")
        assert_says(at(verdicts, HOST_2), "authoritative", "bogus", "without the key", "stale or unsigned")

    async def test_expired_signatures(self, bench: Bench, zone: str) -> None:
        text = f"@ 60 IN SOA ns.invalid. hostmaster.invalid. 1 10800 3600 604800 60\n@ 60 IN NS {NAMESERVERS[0]}.\n"
        bench.delegate(zone, NAMESERVERS[:1], ds=bench.hosts[0].load_signed_before(zone, text, days_ago=10))

        verdicts = await look(bench, zone, NAMESERVERS[:1])

        assert_parents_say(verdicts, "converged")
        assert_says(
            at(verdicts, HOST_1), "authoritative", "bogus", "expired at", zone, "SERVFAIL", "sign the zone anew"
        )

    async def test_signatures_that_hold(self, bench: Bench, zone: str) -> None:
        text = f"@ 60 IN SOA ns.invalid. hostmaster.invalid. 1 10800 3600 604800 60\n@ 60 IN NS {NAMESERVERS[0]}.\n"
        bench.delegate(zone, NAMESERVERS[:1], ds=bench.hosts[0].load_signed_before(zone, text, days_ago=0))

        verdicts = await look(bench, zone, NAMESERVERS[:1])

        assert len(verdicts) == 2
        assert_parents_say(verdicts, "converged")

    async def test_another_trust_anchor(self, bench: Bench, zone: str) -> None:
        bench.delegate(zone, ds=bench.host(zone, keys=[new_key()]))

        verdicts = await look(bench, zone, anchors=[f"12345 15 2 {'ab' * 32}"])

        assert_parents_say(verdicts, "bogus", "breaks above", "matches no key of the root")

    async def test_chain_broken_above_the_parent(self, bench: Bench, zone: str) -> None:
        bench.delegate(zone, ds=bench.host(zone, keys=[new_key()]))
        tld, right = bench.servers[TLD], bench.parents[0].ds(PARENT)
        tld.write(TOP, *delegation(PARENT, [f"ns1.{PARENT}", f"ns2.{PARENT}"], ds=[f"12345 15 2 {'ab' * 32}"]))
        try:
            verdicts = await look(bench, zone)
        finally:
            tld.write(TOP, *delegation(PARENT, [f"ns1.{PARENT}", f"ns2.{PARENT}"], ds=right))

        assert_parents_say(verdicts, "bogus", "breaks above", f"12345) matches no key of {PARENT}")


def respond(query: dns.message.Message, authority: Sequence[str] = (), additional: Sequence[str] = ()) -> bytes:
    response = dns.message.make_response(query)
    for section, lines in ((response.authority, authority), (response.additional, additional)):
        for line in lines:
            owner, rrtype, *values = line.split()
            section.append(dns.rrset.from_text(owner, 60, "IN", rrtype, *values))
    return response.to_wire(max_size=65535)


def deeper(query: dns.message.Message) -> bytes:
    """Every name is delegated to this server."""
    name = query.question[0].name.to_text().removeprefix(".")
    return respond(query, [f"{name or '.'} NS ns.{name}"], [f"ns.{name} A 127.0.0.1"])


def upward(query: dns.message.Message) -> bytes:
    return respond(query, [". NS ns.test."], ["ns.test. A 127.0.0.1"])


def circular(query: dns.message.Message) -> bytes:
    """Each of two zones is served by a host in the other."""
    return respond(
        query, ["test. NS ns.other."] if ".test." in f".{query.question[0].name}" else ["other. NS ns.test."]
    )


def many(query: dns.message.Message) -> bytes:
    """Every name below a top-level domain is delegated to many others, each of which is delegated likewise."""
    name = query.question[0].name
    if len(name.labels) <= 2:
        return deeper(query)
    return respond(query, [f"{name} NS {' '.join(f'{secrets.token_hex(4)}.x{number}.' for number in range(20))}"])


def garbage(query: dns.message.Message) -> bytes:
    return query.id.to_bytes(2, "big") + secrets.token_bytes(200)


def truncated(query: dns.message.Message) -> bytes:
    """And nobody listens at TCP."""
    response = dns.message.make_response(query)
    response.flags |= dns.flags.TC
    return response.to_wire()


def another_question(query: dns.message.Message) -> bytes:
    response = dns.message.make_response(dns.message.make_query("elsewhere.", "A"))
    response.id = query.id
    return response.to_wire()


def silent(query: dns.message.Message) -> None:
    return None


class TestHostileServers:
    @pytest.mark.parametrize(
        ("answer", "states"),
        [
            (deeper, {"misdirected"}),
            (upward, {"refused"}),
            (circular, {"unreachable", "refused", "missing"}),
            (many, {"misdirected", "unreachable"}),
            (garbage, {"unreachable"}),
            (truncated, {"unreachable"}),
            (another_question, {"unreachable"}),
            (silent, {"unreachable"}),
        ],
        ids=["deeper", "upward", "circular", "many", "garbage", "truncated", "another question", "silent"],
    )
    async def test_ends_soon_with_a_verdict(self, answer: Answer, states: set[Outcome]) -> None:
        started = time.monotonic()
        async with scripted(answer) as server:
            verdicts = await _ask(server)

        assert {verdict.state for verdict in verdicts if verdict.kind == "parent"} <= states
        assert verdicts[0].kind == "parent"
        assert server.asked <= MOST_QUESTIONS * 2
        assert time.monotonic() - started < LONGEST_SECONDS + 5


async def _ask(server: ScriptedServer) -> list[ServerVerdict]:
    delegations = Delegations([f"127.0.0.1:{server.port}"], port=server.port, attempt_timeouts=(0.3,))
    return await delegations.check("t1.omani.test", ["ns1.example"])

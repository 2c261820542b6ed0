"""Names that shall be gone, on real servers: who denies them, who still answers, and who answers in their place."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import dns.asyncquery
import dns.dnssec
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import httpx
import pytest
from temporalio.client import Client

from activities.absence import AbsenceProof
from activities.denials import DenialSurvey
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.absence import absence_of
from sovereign_dns.clients.authoritative import AuthoritativeServers
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.contract import Owner, RecordChange, ServerVerdict, VerificationLevel
from sovereign_dns.failures import NotYetConverged
from sovereign_dns.messages import ServedZone, VerificationReport, VerifyDomain
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret
from tests.attempts import Attempts
from tests.counting_resolver import CountingResolver
from tests.mounted_backends import MountedBackends
from tests.removals import deprovision, removal_of
from tests.runs import step
from tests.scripted_dns import ADDRESS, scripted
from tests.validating_recursor import ValidatingRecursor
from tests.world import LOAD_BALANCER, STRANGER, RRset, World, address_of, names_of, rrset

NEIGHBOUR = "77.42.11.99"
STALE_FOR_SECONDS = 8


class Sovereign:
    """One whose names have been taken away, and the means to prove it."""

    def __init__(self, world: World, powerdns: PowerDNS) -> None:
        self.world = world
        self.parent = world.parent
        self.fqdn = f"t1.{world.parent}"
        self.names = names_of(self.fqdn)
        self._powerdns = powerdns

    def task(self, level: VerificationLevel = "authoritative", **fields: Any) -> VerifyDomain:
        removed = [
            RecordChange(
                zone=f"{self.parent}.", name=f"{name}.", type="A", ttl=60, before=[LOAD_BALANCER], change="removed"
            )
            for name in self.names
        ]
        task = VerifyDomain(
            owner=Owner(sovereign_fqdn=self.fqdn, deployment_id="d1"),
            intent=absence_of(self.parent, self.fqdn, self.names, removed),
            zones=[],
            level=level,
            gone=True,
        )
        return task.changed(**fields)

    def proof(self, *servers: str, resolvers: Sequence[str] = ()) -> AbsenceProof:
        """By these authoritative servers, or by PowerDNS alone."""
        authoritative = AuthoritativeServers(servers or [self.world.description["POWERDNS_DNS"]])
        return AbsenceProof(DenialSurvey(authoritative, self._powerdns), Resolvers(resolvers))


@pytest.fixture
async def sovereign(world: World) -> AsyncIterator[Sovereign]:
    url = MountedURL("CATALYST_POWERDNS_API_URL", world.description["CATALYST_POWERDNS_API_URL"])
    key = Secret("CATALYST_POWERDNS_API_KEY", file=Path(world.description["CATALYST_POWERDNS_API_KEY_FILE"]))
    async with httpx.AsyncClient(timeout=30) as client:
        yield Sovereign(world, PowerDNS(client, url, key))


@pytest.fixture
def second(tmp_path: Path) -> Iterator[PowerDNSServer]:
    """A second authoritative server, with a copy of its own."""
    with PowerDNSServer(tmp_path, free_port(), free_port(), "the-key") as server:
        yield server


class Copy:
    """A zone as the second server has it, with the same serial."""

    def __init__(self, server: PowerDNSServer, zone: str) -> None:
        self.address = server.dns_address
        self._zone = zone
        base_url = f"{server.api_url}/api/v1/servers/localhost"
        self._api = httpx.AsyncClient(base_url=base_url, headers={"X-API-Key": "the-key"})

    async def create(self, serial: int, *rrsets: RRset) -> None:
        soa = rrset(self._zone, "SOA", f"ns1.openova.io. hostmaster.openova.io. {serial} 10800 3600 604800 60")
        body = {"name": f"{self._zone}.", "kind": "Native", "nameservers": ["ns1.openova.io."], "soa_edit_api": "OFF"}
        (await self._api.post("/zones", json=body | {"rrsets": [soa, *rrsets]})).raise_for_status()

    async def write(self, *rrsets: RRset) -> None:
        (await self._api.patch(f"/zones/{self._zone}.", json={"rrsets": list(rrsets)})).raise_for_status()


def deleted(name: str, rrtype: str = "A") -> RRset:
    return {"name": f"{name}.", "type": rrtype, "changetype": "DELETE"}


@pytest.fixture
def recursor(stack_description: dict[str, str]) -> str:
    return stack_description["RECURSOR"]


async def not_yet(proof: AbsenceProof, task: VerifyDomain) -> NotYetConverged:
    with pytest.raises(NotYetConverged) as caught:
        await proof.prove(task)
    return caught.value


async def an_attempt_that_waits(attempts: Attempts, proof: AbsenceProof, task: VerifyDomain) -> NotYetConverged:
    with pytest.raises(NotYetConverged) as caught:
        await attempts.attempt(proof.prove, task)
    return caught.value


async def until_proved(attempts: Attempts, proof: AbsenceProof, task: VerifyDomain) -> VerificationReport:
    """Looks again as soon as a failure says, and not before."""
    waited_for: list[str] = []
    while len(waited_for) < 20:
        try:
            return await attempts.attempt(proof.prove, task)
        except NotYetConverged as failure:
            waited_for.append(str(failure))
            await asyncio.sleep(failure.retry_after or 0)
    raise AssertionError(waited_for)


def server_in(failure: NotYetConverged, server: str) -> ServerVerdict:
    (verdict,) = [one for one in failure.evidence.servers if one.server == server]  # type: ignore[attr-defined]
    found: ServerVerdict = verdict
    return found


def hazards(report: VerificationReport) -> list[tuple[str, str, list[str]]]:
    return [(hazard.kind, hazard.name, hazard.content) for hazard in report.hazards]


async def test_names_that_are_gone_beside_those_of_others(sovereign: Sovereign) -> None:
    """Also below the host, as long as it is none of the names: that is somebody else's matter."""
    await sovereign.world.create_zone(
        sovereign.parent,
        rrset(f"console.t2.{sovereign.parent}", "A", NEIGHBOUR),
        rrset(f"neighbour.{sovereign.fqdn}", "A", NEIGHBOUR, owner="t2.example.org"),
    )

    report = await sovereign.proof().prove(sovereign.task("delegated"))

    assert report.taken_over is None
    assert report.outcome == "14 of 14 answers deny the names, from 1 authoritative server"
    assert (report.verification.converged, report.verification.total, report.hazards) == (14, 14, [])
    assert report.verification.servers[0].detail == "no name is answered any more"
    assert "the delegation was not followed: it proves nothing of names that are gone" in report.verification.notes[0]


async def test_one_of_two_servers_that_still_answers(sovereign: Sovereign, second: PowerDNSServer) -> None:
    """By an old copy: what PowerDNS no longer holds goes away, a wildcard too."""
    world, auth, wildcard = sovereign.world, f"auth.{sovereign.fqdn}", f"*.{sovereign.parent}"
    await world.create_zone(sovereign.parent)
    copy = Copy(second, sovereign.parent)
    await copy.create(await world.serial(sovereign.parent), rrset(auth, "A", LOAD_BALANCER))
    proof = sovereign.proof(world.description["POWERDNS_DNS"], copy.address)

    lingering = await not_yet(proof, sovereign.task())
    await copy.write(deleted(auth), rrset(wildcard, "A", STRANGER))
    misdirected = await not_yet(proof, sovereign.task())
    await copy.write(deleted(wildcard))
    report = await proof.prove(sovereign.task())

    assert f"27 of 28 answers deny the names; {copy.address} is lingering: " in str(lingering)
    assert f"{auth}. A still answers {LOAD_BALANCER}" in str(lingering)
    assert f"14 of 28 answers deny the names; {copy.address} is misdirected: " in str(misdirected)
    assert report.outcome == "28 of 28 answers deny the names, from 2 authoritative servers"


def of_a_wildcard(sovereign: Sovereign, base: str, level: VerificationLevel = "authoritative") -> VerifyDomain:
    """As an audit's finding is mended: nothing else was removed."""
    wildcard = RecordChange(
        zone=f"{sovereign.parent}.", name=f"*.{base}.", type="A", ttl=60, before=[LOAD_BALANCER], change="removed"
    )
    return sovereign.task(level).changed(
        owner=Owner(sovereign_fqdn="", deployment_id=""),
        intent=absence_of(sovereign.parent, base, [f"*.{base}"], [wildcard]),
    )


async def test_a_wildcard_is_gone_when_every_server_denies_a_random_name_below_it(
    sovereign: Sovereign, second: PowerDNSServer, recursor: str
) -> None:
    """No resolver can have kept an answer for a name that nobody has asked for yet."""
    world, parent, wildcard = sovereign.world, sovereign.parent, f"*.{sovereign.parent}"
    await world.create_zone(parent)
    copy = Copy(second, parent)
    await copy.create(await world.serial(parent), rrset(wildcard, "A", LOAD_BALANCER))
    proof = sovereign.proof(world.description["POWERDNS_DNS"], copy.address, resolvers=[recursor])

    lingering = await not_yet(proof, of_a_wildcard(sovereign, parent))
    await copy.write(deleted(wildcard))
    report = await proof.prove(of_a_wildcard(sovereign, parent))
    with_resolvers = await proof.prove(of_a_wildcard(sovereign, parent, "propagated"))

    assert f"1 of 2 answers deny a random name below {parent}; {copy.address} is lingering: probe-" in str(lingering)
    assert f"A still answers {LOAD_BALANCER}" in str(lingering)
    assert report.outcome == f"2 of 2 answers deny a random name below {parent}, from 2 authoritative servers"
    assert (report.verification.converged, report.verification.total, report.taken_over) == (2, 2, None)
    assert with_resolvers.outcome == report.outcome
    assert "no resolver was asked" in with_resolvers.verification.notes[0]


async def test_a_wildcard_further_up_takes_the_place_of_a_removed_one(sovereign: Sovereign) -> None:
    base, above = f"eu.{sovereign.parent}", f"*.{sovereign.parent}"
    await sovereign.world.create_zone(sovereign.parent, rrset(above, "A", STRANGER))

    report = await sovereign.proof().prove(of_a_wildcard(sovereign, base))

    assert report.taken_over == (f"{above} answers for every name below {base} with {STRANGER}: users reach a stranger")
    assert hazards(report) == [("wildcard-answers", f"{above}.", [STRANGER])]
    assert f"for names that were removed: every name below {base}. Whoever" in report.hazards[0].message
    assert (report.verification.converged, report.verification.total) == (0, 1)


async def test_a_wildcard_of_the_same_zone_takes_over(sovereign: Sovereign) -> None:
    wildcard = f"*.{sovereign.parent}"
    await sovereign.world.create_zone(sovereign.parent, rrset(wildcard, "A", STRANGER), rrset(wildcard, "TXT", '"x"'))

    report = await sovereign.proof().prove(sovereign.task("propagated"))

    assert report.taken_over == report.outcome
    assert report.taken_over == (
        f"none of 14 names has records of its own any more, but {wildcard} answers for them with {STRANGER}: "
        "users reach a stranger"
    )
    assert hazards(report) == [("wildcard-answers", f"{wildcard}.", [STRANGER])]
    (server,) = report.verification.servers
    assert (server.state, report.verification.converged, report.verification.total) == ("misdirected", 0, 14)
    assert f"the wildcard {wildcard} answers in its place" in server.detail
    assert "no resolver was asked" in report.verification.notes[0]


async def test_the_wildcard_of_the_zone_above_a_removed_one_takes_over(sovereign: Sovereign) -> None:
    """With the very address that the Sovereign had; and a nearer one that somebody else left below the host."""
    world, wildcard, nearer = sovereign.world, f"*.{sovereign.parent}", f"*.{sovereign.fqdn}"
    await world.create_zone(sovereign.parent, rrset(wildcard, "A", LOAD_BALANCER))
    await world.create_zone(sovereign.fqdn, rrset(f"console.{sovereign.fqdn}", "A", LOAD_BALANCER))
    proof = sovereign.proof()

    there = await not_yet(proof, sovereign.task())
    await world.delete_zone(sovereign.fqdn)
    report = await proof.prove(sovereign.task())
    await world.write(sovereign.parent, rrset(nearer, "CNAME", f"stranger.{sovereign.parent}."))
    with_a_nearer_one = await proof.prove(sovereign.task())

    assert "is lingering" in str(there)
    assert report.taken_over is not None
    assert f"{wildcard} answers for them with {LOAD_BALANCER}: users still get where they did" in report.taken_over
    assert with_a_nearer_one.taken_over is not None
    assert f"{nearer} answers for 13 of them with stranger.{sovereign.parent}." in with_a_nearer_one.taken_over
    assert [name for _, name, _ in hazards(with_a_nearer_one)] == [f"{nearer}."]


async def test_a_wildcard_that_another_name_hides_is_nothing_to_wait_for(sovereign: Sovereign) -> None:
    """The host lives on as an empty non-terminal (RFC 4592 §2.2.2), so the wildcard above doesn't reach below it."""
    await sovereign.world.create_zone(
        sovereign.parent,
        rrset(f"*.{sovereign.parent}", "A", STRANGER),
        rrset(f"neighbour.{sovereign.fqdn}", "A", NEIGHBOUR, owner="t2.example.org"),
    )

    report = await sovereign.proof().prove(sovereign.task())

    assert (report.taken_over, report.hazards) == (None, [])
    assert report.outcome.startswith("14 of 14 answers deny the names")


async def test_a_name_that_has_somebody_elses_record_by_now(sovereign: Sovereign, recursor: str) -> None:
    """Another Sovereign's is its own; one that nobody owns is a stranger's."""
    world, console, auth = sovereign.world, f"console.{sovereign.fqdn}", f"auth.{sovereign.fqdn}"
    await world.create_zone(sovereign.parent, rrset(console, "A", NEIGHBOUR, owner="t2.example.org"))
    proof = sovereign.proof(resolvers=[recursor])

    report = await proof.prove(sovereign.task("propagated"))
    await world.write(sovereign.parent, rrset(auth, "A", STRANGER))
    taken = await proof.prove(sovereign.task("propagated"))

    assert report.taken_over is None
    assert report.outcome == (
        "26 of 26 answers deny the names, from 1 authoritative server and 1 resolver; 1 more is another Sovereign's by "
        "now"
    )
    assert hazards(report) == [("kept-for-another", f"{console}.", [NEIGHBOUR])]
    assert "written by Sovereign t2.example.org, deployment d0" in report.hazards[0].message
    assert taken.taken_over == f"{auth} has a new record (which no Sovereign owns), which leads to {STRANGER}"
    assert len(taken.hazards) == 2


async def test_a_resolver_keeps_the_old_answer_until_it_runs_out(
    sovereign: Sovereign, counting_resolver: CountingResolver
) -> None:
    world, console = sovereign.world, f"console.{sovereign.fqdn}"
    await world.create_zone(sovereign.parent, rrset(console, "A", LOAD_BALANCER, ttl=STALE_FOR_SECONDS))
    assert await world.answer(console, server=world.description["RECURSOR"]) == [LOAD_BALANCER]
    attempts = Attempts()
    proof, task = sovereign.proof(resolvers=[counting_resolver.address]), sovereign.task("propagated")

    await an_attempt_that_waits(attempts, proof, task)
    assert not counting_resolver.asked[console, "A"], "the authority still answers"
    await world.write(sovereign.parent, deleted(console))
    held = await an_attempt_that_waits(attempts, proof, task)
    report = await until_proved(attempts, proof, task)

    stale = server_in(held, counting_resolver.address)
    assert (stale.state, stale.kind) == ("lingering", "resolver")
    assert stale.until is not None
    assert f"{counting_resolver.address} is lingering, until {stale.until:%H:%M:%S} UTC" in str(held)
    assert f"{console}. A still answers {LOAD_BALANCER}, for " in stale.detail
    assert report.outcome == "28 of 28 answers deny the names, from 1 authoritative server and 1 resolver"
    assert report.verification.level == "propagated"
    assert counting_resolver.asked[console, "A"] == 2
    assert counting_resolver.asked[f"auth.{sovereign.fqdn}", "A"] == 1
    assert [seen.verification.servers[0].state for seen in attempts.told] == ["lingering", "lingering"]


async def test_a_run_that_can_wait_no_longer_says_which_resolver_keeps_what_and_until_when(
    mounted_temporal: Client, mounted: MountedBackends, world: World, counting_resolver: CountingResolver
) -> None:
    fqdn, console = f"t1.{world.parent}", f"console.t1.{world.parent}"
    await world.create_zone(world.parent, rrset(console, "A", LOAD_BALANCER, ttl=3600, owner=fqdn))
    assert await world.answer(console, server=world.description["RECURSOR"]) == [LOAD_BALANCER]

    proof = {"level": "propagated", "deadlineSeconds": 4}
    result = await deprovision(mounted_temporal, removal_of(world, fqdn, verification=proof))

    assert result["phase"] == "degraded"
    outcome = step(result, "dns-verify", world.parent)["outcome"]
    assert f"27 of 28 answers deny the names; {counting_resolver.address} is lingering, until " in outcome
    (first, authority) = result["verification"]["servers"]
    assert (first["server"], first["state"]) == (counting_resolver.address, "lingering")
    assert (authority["state"], authority["detail"]) == ("converged", "no name is answered any more")
    assert (result["verification"]["gone"], result["hazards"]) == (True, [])


async def test_a_resolver_is_not_believed_when_the_authority_has_changed_meanwhile(
    sovereign: Sovereign, recursor: str
) -> None:
    world, console = sovereign.world, f"console.{sovereign.fqdn}"
    await world.create_zone(sovereign.parent, rrset(console, "A", LOAD_BALANCER, ttl=STALE_FOR_SECONDS))
    assert await world.answer(console, server=recursor) == [LOAD_BALANCER]
    await world.write(sovereign.parent, deleted(console))
    attempts = Attempts()
    proof, task = sovereign.proof(resolvers=[recursor]), sovereign.task("propagated")

    await an_attempt_that_waits(attempts, proof, task)
    await world.write(sovereign.parent, rrset(f"*.{sovereign.parent}", "A", STRANGER))
    report = await until_proved(attempts, proof, task)

    assert report.taken_over is not None
    assert f"with {STRANGER}: users reach a stranger" in report.taken_over


async def test_names_for_which_no_zone_is_left(sovereign: Sovereign, recursor: str) -> None:
    """The registry still delegates the removed zone to servers that refuse it by now."""
    removed = ServedZone(zone=sovereign.parent, nameservers=["ns1.openova.io."], names=[])

    report = await sovereign.proof(resolvers=[recursor]).prove(sovereign.task("propagated", zones=[removed]))

    assert report.outcome == "28 of 28 answers deny the names, from 1 authoritative server and 1 resolver"
    at_resolver = [server for server in report.verification.servers if server.kind == "resolver"]
    assert "no longer host the zone" in str(at_resolver[0].answers[0].detail)


@pytest.fixture
async def validating(world: World, tmp_path: Path) -> AsyncIterator[str]:
    """A recursor that trusts the key of the parent domain's zone, which is made here."""
    await world.create_zone(world.parent)
    anchor = await ds_of(world, world.parent)
    recursor = ValidatingRecursor(tmp_path, world.description["POWERDNS_DNS"], world.parent, anchor)
    await asyncio.to_thread(recursor.start)
    yield recursor.address
    recursor.stop()


async def ds_of(world: World, zone: str) -> str:
    """The DS of its one key."""
    answer = (await asked(world.description["POWERDNS_DNS"], zone, "DNSKEY")).answer
    (key,) = next(found for found in answer if found.rdtype == dns.rdatatype.DNSKEY)
    return dns.dnssec.make_ds(f"{zone}.", key, "SHA256").to_text()


async def asked(server: str, name: str, rrtype: str) -> dns.message.Message:
    host, port = address_of(server)
    query = dns.message.make_query(name, rrtype, want_dnssec=True)
    return await dns.asyncquery.udp(query, host, port=port, timeout=5)


async def test_a_validating_resolver_that_keeps_the_ds_of_a_removed_zone(sovereign: Sovereign, validating: str) -> None:
    """It does so for an hour, longer than a run waits: the parent's signed denial is enough for it."""
    world, child = sovereign.world, f"eu.{sovereign.parent}"
    host = f"t1.{child}"
    await world.create_zone(child, rrset(f"console.{host}", "A", LOAD_BALANCER))
    ds = await ds_of(world, child)
    delegation = [rrset(child, "NS", "ns1.openova.io.", ttl=3600), rrset(child, "DS", ds, ttl=3600)]
    await world.write(sovereign.parent, *delegation)
    secure = await asked(validating, child, "TXT")
    assert secure.flags & dns.flags.AD, "the child is validated, by its DS"
    await world.delete_zone(child)
    await world.write(sovereign.parent, deleted(child, "NS"), deleted(child, "DS"))
    held = (await asked(validating, child, "DS")).answer
    assert ds.split()[0] in held[0].to_text(), "and that is what it keeps"

    removed = ServedZone(zone=child, nameservers=["ns1.openova.io."], names=[])
    intent = absence_of(child, host, names_of(host))
    task = sovereign.task("propagated", zones=[removed]).changed(intent=intent)
    report = await until_proved(Attempts(), sovereign.proof(resolvers=[validating]), task)

    assert report.outcome == "28 of 28 answers deny the names, from 1 authoritative server and 1 resolver"


async def test_a_resolver_that_fails_for_a_removed_zone_is_told_and_not_waited_for(sovereign: Sovereign) -> None:
    """Others refuse a denial that comes from above the zone whose DS they keep; nobody is answered meanwhile."""
    await sovereign.world.create_zone(sovereign.parent)
    removed = ServedZone(zone=sovereign.fqdn, nameservers=["ns1.openova.io."], names=[])
    task = sovereign.task("propagated", zones=[removed])

    async with scripted(failing_unless_unchecked) as resolver:
        address = f"{ADDRESS}:{resolver.port}"
        report = await sovereign.proof(resolvers=[address]).prove(task)

    assert report.outcome == "28 of 28 answers deny the names, from 1 authoritative server and 1 resolver"
    (at_resolver,) = [server for server in report.verification.servers if server.server == address]
    assert "keeps the DS of the zone that was removed" in str(at_resolver.answers[0].detail)


def failing_unless_unchecked(query: dns.message.Message) -> bytes:
    """Bogus data: who asks for them unchecked (CD) gets them."""
    answer = dns.message.make_response(query)
    answer.set_rcode(dns.rcode.NXDOMAIN if query.flags & dns.flags.CD else dns.rcode.SERVFAIL)
    return answer.to_wire()


def declining(query: dns.message.Message) -> dns.message.Message:
    answer = dns.message.make_response(query)
    answer.set_rcode(dns.rcode.SERVFAIL)
    return answer


def denying_without_authority(query: dns.message.Message) -> dns.message.Message:
    answer = dns.message.make_response(query)
    answer.set_rcode(dns.rcode.NXDOMAIN)
    return answer


def with_serial(
    answer: Callable[[dns.message.Message], dns.message.Message] | None, query: dns.message.Message
) -> bytes | None:
    """It knows the zone's SOA, whatever else it says."""
    if query.question[0].rdtype != dns.rdatatype.SOA:
        return answer(query).to_wire() if answer else None
    found = dns.message.make_response(query)
    name = query.question[0].name.to_text()
    found.answer.append(dns.rrset.from_text(name, 60, "IN", "SOA", "ns.invalid. nobody.invalid. 1 60 60 60 60"))
    return found.to_wire()


@pytest.mark.parametrize(
    ("answer", "state", "told"),
    [
        (declining, "refused", "SERVFAIL: the server declines to answer"),
        (denying_without_authority, "refused", "denies it without authority (AA not set)"),
        (None, "unreachable", "no answer within"),
    ],
)
async def test_what_is_no_denial(
    sovereign: Sovereign, answer: Callable[[dns.message.Message], dns.message.Message] | None, state: str, told: str
) -> None:
    await sovereign.world.create_zone(sovereign.parent)
    task = sovereign.task().changed(intent=absence_of(sovereign.parent, sovereign.fqdn, [sovereign.fqdn]))

    async with scripted(partial(with_serial, answer)) as server:
        place = f"{ADDRESS}:{server.port}"
        failure = await not_yet(sovereign.proof(place), task)

    assert "0 of 1 answers deny the names" in str(failure)
    assert (server_in(failure, place).state, told in server_in(failure, place).detail) == (state, True)

"""Sovereigns that are written at once into one zone of a real PowerDNS: together, and each for itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from activities.powerdns import PowerDNSActivities
from activities.zone_writes import until_nobody_else_writes
from benchmarks.counting_proxy import CountingProxy
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.contract import Owner
from sovereign_dns.failures import OwnershipConflict, PowerDNSUnavailable, ZoneRejected
from sovereign_dns.messages import RecordsReport, UpsertRecords
from sovereign_dns.rrsets import RRsetWrite
from tests.eventually import eventually
from tests.powerdns_bench import client_of, own_powerdns, world_of
from tests.unit.builders import intent
from tests.world import LOAD_BALANCER, STRANGER, World, names_of


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDNSServer]:
    with own_powerdns(tmp_path_factory.mktemp("group-commit")) as powerdns:
        yield powerdns


@pytest.fixture
async def world(server: PowerDNSServer, tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(server, tmp_path) as world:
        await world.create_zone(world.parent)
        yield world


@pytest.fixture
async def counted(server: PowerDNSServer) -> AsyncIterator[CountingProxy]:
    async with CountingProxy(server.api_url) as proxy:
        await proxy.open()
        yield proxy


@pytest.fixture
async def client(counted: CountingProxy) -> AsyncIterator[PowerDNS]:
    async with client_of(counted.url) as client:
        yield client


def upsert(fqdn: str, address: str = LOAD_BALANCER, owner: str | None = None) -> UpsertRecords:
    asked = intent(sovereignFQDN=fqdn, loadBalancerIP=address)
    return UpsertRecords(owner=Owner(sovereign_fqdn=owner or fqdn, deployment_id="d1"), intent=asked.domains[0])


def created(report: RecordsReport) -> int:
    return sum(change.change == "created" for change in report.changes)


def change_of(name: str, value: str = LOAD_BALANCER) -> list[RRsetWrite]:
    return [RRsetWrite(name=f"{label}.{name}", type="A", ttl=60, values=[value]) for label in ("console", "auth")]


async def outcomes(*commits: Any) -> list[BaseException | None]:
    return await asyncio.wait_for(asyncio.gather(*commits, return_exceptions=True), 60)


async def test_thirty_sovereigns_at_once_are_few_patches_and_all_are_in(
    world: World, client: PowerDNS, counted: CountingProxy
) -> None:
    fqdns = [f"t{number}.{world.parent}" for number in range(30)]
    activities = PowerDNSActivities(client)

    reports = await asyncio.gather(*(activities.upsert_records(upsert(fqdn)) for fqdn in fqdns))

    assert [created(report) for report in reports] == [14] * 30
    zone = await world.zone(world.parent)
    assert zone is not None
    held = {rrset["name"]: [r["content"] for r in rrset["records"]] for rrset in zone["rrsets"] if rrset["type"] == "A"}
    assert held == {f"{name}.": [LOAD_BALANCER] for fqdn in fqdns for name in names_of(fqdn)}
    assert counted.calls.by_method["PATCH"] <= 15
    assert counted.calls.failed == 0


async def test_what_powerdns_refuses_fails_its_own_caller_only(world: World, client: PowerDNS) -> None:
    names = [f"t{number}.{world.parent}" for number in range(30)]

    ended = await outcomes(
        *(
            client.group_commit.commit(world.parent, change_of(name, "no address" if number == 17 else LOAD_BALANCER))
            for number, name in enumerate(names)
        )
    )

    assert [number for number, outcome in enumerate(ended) if outcome] == [17]
    assert isinstance(ended[17], ZoneRejected)
    assert f"console.{names[17]}" in str(ended[17])
    for number in (0, 16, 18, 29):
        assert await world.values(world.parent, f"auth.{names[number]}", "A") == [LOAD_BALANCER]
    assert await world.values(world.parent, f"auth.{names[17]}", "A") == []


async def test_of_two_sovereigns_that_claim_the_same_names_at_once_the_second_sees_the_first(
    world: World, client: PowerDNS
) -> None:
    fqdn = f"t1.{world.parent}"
    activities = PowerDNSActivities(client)

    one, other = await asyncio.gather(
        activities.upsert_records(upsert(fqdn)),
        activities.upsert_records(upsert(fqdn, STRANGER, owner="t1.elsewhere.works")),
        return_exceptions=True,
    )

    assert isinstance(one, RecordsReport)
    assert isinstance(other, OwnershipConflict)
    assert await world.values(world.parent, f"console.{fqdn}", "A") == [LOAD_BALANCER]


class FailsOn(httpx.AsyncBaseTransport):
    """Before a real PowerDNS: what holds a name is answered 500, and never arrives."""

    def __init__(self, name: str) -> None:
        self._name = name.encode()
        self._real = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH" and self._name in await request.aread():
            return httpx.Response(500, text="Internal Server Error")
        return await self._real.handle_async_request(request)


async def test_a_change_that_powerdns_itself_fails_on_fails_alone_in_the_end(
    world: World, client: PowerDNS, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sovereign_dns.clients.group_commit.SHORTEST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(
        client, "_client", httpx.AsyncClient(transport=FailsOn(f"console.t7.{world.parent}."), timeout=10)
    )
    waiting = [f"t{number}.{world.parent}" for number in range(12)]

    async def written(name: str) -> None:
        commit = client.group_commit.commit
        await until_nobody_else_writes(lambda met: commit(world.parent, change_of(name), meetings=met))

    for _ in range(5):
        ended = await outcomes(*map(written, waiting))
        assert all(outcome is None or isinstance(outcome, PowerDNSUnavailable) for outcome in ended)
        waiting = [name for name, outcome in zip(waiting, ended, strict=True) if outcome]

    assert waiting == [f"t7.{world.parent}"]
    assert await world.values(world.parent, f"console.t8.{world.parent}", "A") == [LOAD_BALANCER]


class AnotherIsQuicker(httpx.AsyncBaseTransport):
    """Before a real PowerDNS: another worker's step comes before the first PATCH, which is then answered 500."""

    def __init__(self, others: Callable[[], Awaitable[object]]) -> None:
        self._others: list[Callable[[], Awaitable[object]]] = [others]
        self._real = httpx.AsyncHTTPTransport()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH" and self._others:
            await self._others.pop()()
            return httpx.Response(500, text="Internal Server Error")
        return await self._real.handle_async_request(request)


async def test_of_two_workers_that_meet_over_one_name_the_second_sees_what_the_first_wrote(
    world: World, server: PowerDNSServer, client: PowerDNS, monkeypatch: pytest.MonkeyPatch
) -> None:
    fqdn = f"t1.{world.parent}"
    async with client_of(server.api_url) as other_worker:
        quicker = AnotherIsQuicker(lambda: PowerDNSActivities(other_worker).upsert_records(upsert(fqdn)))
        monkeypatch.setattr(client, "_client", httpx.AsyncClient(transport=quicker, timeout=10))

        with pytest.raises(OwnershipConflict, match=fqdn):
            await PowerDNSActivities(client).upsert_records(upsert(fqdn, STRANGER, owner="t1.elsewhere.works"))

    assert await world.values(world.parent, f"console.{fqdn}", "A") == [LOAD_BALANCER]


async def test_who_meets_another_worker_over_other_names_is_written_after_it(
    world: World, server: PowerDNSServer, client: PowerDNS, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = f"t1.{world.parent}", f"t2.{world.parent}"
    async with client_of(server.api_url) as other_worker:
        quicker = AnotherIsQuicker(lambda: PowerDNSActivities(other_worker).upsert_records(upsert(other)))
        monkeypatch.setattr(client, "_client", httpx.AsyncClient(transport=quicker, timeout=10))

        report = await PowerDNSActivities(client).upsert_records(upsert(one))

    assert created(report) == 14
    for fqdn in (one, other):
        assert await world.values(world.parent, f"console.{fqdn}", "A") == [LOAD_BALANCER]


async def test_who_is_cancelled_while_it_waits_for_its_turn_is_not_written_and_the_others_are(
    world: World, client: PowerDNS
) -> None:
    names = [f"t{number}.{world.parent}" for number in range(3)]

    async def it_waits() -> int:
        return client.writes_waiting

    async with client.turn_to_write("holding the others back"):
        waiting = [asyncio.create_task(client.group_commit.commit(world.parent, change_of(name))) for name in names]
        await eventually(it_waits)
        waiting[1].cancel()

    ended = await outcomes(*waiting)

    assert [type(outcome) for outcome in ended] == [type(None), asyncio.CancelledError, type(None)]
    assert [await world.values(world.parent, f"auth.{name}", "A") for name in names] == [
        [LOAD_BALANCER], [], [LOAD_BALANCER]
    ]  # fmt: skip

"""Zones that are made say for whom, and are told, so that they can be removed."""

import asyncio

import pytest

from activities.powerdns import PowerDNSActivities
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.contract import ZoneChange
from sovereign_dns.failures import PowerDNSUnavailable
from tests.attempts import Attempts
from tests.lossy_api import LossyApi
from tests.powerdns_bench import client_of
from tests.removal_bench import SERVERS, Life
from tests.world import World


async def test_a_zone_that_is_made_says_for_whom_and_is_otherwise_as_any_other(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    life = Life(powerdns, f"t1.{parent}")
    made, by_hand = f"t1.{parent}", f"t2.{parent}"
    creation = life.creation(made)

    planned = await Attempts().attempt(PowerDNSActivities(powerdns).create_zone, life.creation(made, dry_run=True))
    report = await Attempts().attempt(PowerDNSActivities(powerdns).create_zone, creation)
    again = await Attempts().attempt(PowerDNSActivities(powerdns).create_zone, creation)
    await powerdns.create_zone(by_hand, SERVERS)

    servers = [f"{name}." for name in SERVERS]
    assert report.zones == [ZoneChange(zone=f"{made}.", change="created", nameservers=servers, signed=True)]
    assert (planned.zones, again.zones) == (report.zones, [])
    marked = await bench.zone(made)
    unmarked = await bench.zone(by_hand)
    assert marked is not None
    assert unmarked is not None
    of_the_zone = {"id", "name", "url", "rrsets", "serial", "edited_serial"}
    assert {k: v for k, v in marked.items() if k not in of_the_zone} == {
        k: v for k, v in unmarked.items() if k not in of_the_zone
    }
    (comment,) = next(r for r in marked["rrsets"] if r["type"] == "NS")["comments"]
    assert comment["content"].startswith(f"sovereign={life.fqdn} deployment=d1")
    assert await bench.answer(made, "SOA") != []
    assert sorted(await bench.answer(made, "NS")) == servers


async def test_a_zone_that_was_made_is_told_though_the_answer_was_lost(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str
) -> None:
    creation = Life(powerdns, f"t1.{parent}").creation(f"t1.{parent}")
    attempts = Attempts()
    async with LossyApi(server.api_url, "POST") as lossy, client_of(lossy.url) as client:
        lossy.lose = 1
        with pytest.raises(PowerDNSUnavailable):
            await attempts.attempt(PowerDNSActivities(client).create_zone, creation)
        (told,) = attempts.told
        report = await attempts.attempt(PowerDNSActivities(client).create_zone, creation)

    assert report.outcome == f"created, signed, delegated from {parent}"
    assert [change.zone for change in report.zones] == [f"t1.{parent}."]
    assert told.zones == [change.changed(unconfirmed=True) for change in report.zones]


async def test_a_zone_that_was_made_is_told_once_though_it_could_not_be_delegated_yet(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str
) -> None:
    creation = Life(powerdns, f"t1.{parent}").creation(f"t1.{parent}")
    attempts = Attempts()
    async with LossyApi(server.api_url, "PATCH") as lossy, client_of(lossy.url) as client:
        lossy.may_answer.clear()
        create = asyncio.create_task(attempts.attempt(PowerDNSActivities(client).create_zone, creation))
        await lossy.done.wait()
        lossy.lose = 1
        await bench.write(parent, {"name": f"t1.{parent}.", "type": "NS", "changetype": "DELETE"})
        lossy.may_answer.set()
        with pytest.raises(PowerDNSUnavailable):
            await create
        lossy.lose = 1
        with pytest.raises(PowerDNSUnavailable):
            await attempts.attempt(PowerDNSActivities(client).create_zone, creation)

    assert [(len(told.zones), len(told.changes)) for told in attempts.told] == [(0, 2), (1, 0)]
    report = await attempts.attempt(PowerDNSActivities(powerdns).create_zone, creation)
    assert [change.zone for change in report.zones] == [f"t1.{parent}."]
    assert {change.type: change.change for change in report.changes} == {"NS": "created", "DS": "created"}


async def test_a_zone_that_somebody_else_made_meanwhile_is_not_told_as_ours(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str
) -> None:
    creation = Life(powerdns, f"t1.{parent}").creation(f"t1.{parent}")
    attempts = Attempts()
    async with LossyApi(server.api_url, "POST") as lossy, client_of(lossy.url) as client:
        lossy.may_arrive.clear()
        lossy.lose = 1
        late = asyncio.create_task(attempts.attempt(PowerDNSActivities(client).create_zone, creation))
        await lossy.sent.wait()
        await bench.create_zone(f"t1.{parent}")
        lossy.may_arrive.set()
        with pytest.raises(PowerDNSUnavailable):
            await late
        report = await attempts.attempt(PowerDNSActivities(client).create_zone, creation)

    assert (report.zones, report.outcome.split(",")[0]) == ([], "was there already")

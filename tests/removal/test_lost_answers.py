"""What was removed is told, though an answer was lost or the worker killed."""

import asyncio

import pytest

from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.failures import PowerDNSUnavailable
from tests.attempts import Attempts
from tests.lossy_api import LossyApi
from tests.powerdns_bench import client_of
from tests.removal_bench import Life, removals
from tests.world import World


async def test_what_was_removed_is_told_though_the_answer_was_lost(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str
) -> None:
    life = Life(powerdns, f"t1.{parent}", {"subdomains": ["console"]})
    await life.provision()
    (zone,) = (await life.find()).zones
    attempts = Attempts()
    async with LossyApi(server.api_url, "PATCH") as lossy, client_of(lossy.url) as client:
        lossy.lose = 1
        remove = removals(client).remove_records
        with pytest.raises(PowerDNSUnavailable):
            await attempts.attempt(remove, life.removal(zone))
        (told,) = attempts.told
        report = await attempts.attempt(remove, life.removal(zone))

    assert report.outcome == "2 removed"
    assert {change.name for change in report.changes} == {f"{life.fqdn}.", f"console.{life.fqdn}."}
    assert told.changes == report.changes


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_zone_that_was_removed_is_told_though_an_answer_was_lost(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str, method: str
) -> None:
    life = Life(powerdns, f"t1.{parent}", {"parentDomains": [{"name": f"t1.{parent}"}]})
    await life.provision()
    (zone,) = (await life.find()).zones
    await Attempts().attempt(removals(powerdns).remove_records, life.removal(zone))
    attempts = Attempts()
    async with LossyApi(server.api_url, method) as lossy, client_of(lossy.url) as client:
        lossy.lose = 1
        remove = removals(client).remove_zone
        with pytest.raises(PowerDNSUnavailable):
            await attempts.attempt(remove, life.zone_removal(zone))
        (told,) = attempts.told
        report = await attempts.attempt(remove, life.zone_removal(zone))
        later = await Attempts().attempt(remove, life.zone_removal(zone))

    assert report.outcome == f"removed, with its delegation in {parent}"
    assert [change.zone for change in report.zones] == [f"{life.fqdn}."]
    assert {change.type for change in report.changes} == {"NS", "DS"}
    assert told.changes == report.changes
    unconfirmed = [change.changed(unconfirmed=True) for change in report.zones]
    assert told.zones == (unconfirmed if method == "DELETE" else [])
    assert (later.outcome, later.zones) == ("was gone already", [])


async def test_what_a_killed_worker_removed_is_told_by_the_next(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str
) -> None:
    life = Life(powerdns, f"t1.{parent}", {"parentDomains": [{"name": f"t1.{parent}"}]})
    await life.provision()
    (zone,) = (await life.find()).zones
    await Attempts().attempt(removals(powerdns).remove_records, life.removal(zone))
    attempts = Attempts()
    async with LossyApi(server.api_url, "DELETE") as lossy, client_of(lossy.url) as client:
        lossy.may_answer.clear()
        killed = asyncio.create_task(attempts.attempt(removals(client).remove_zone, life.zone_removal(zone)))
        await lossy.done.wait()
        report = await attempts.attempt(removals(powerdns).remove_zone, life.zone_removal(zone))
        lossy.may_answer.set()
        await killed

    assert [change.zone for change in report.zones] == [f"{life.fqdn}."]
    assert {change.type for change in report.changes} == {"NS", "DS"}

"""Finding and removing what a Sovereign has, on a real PowerDNS: nothing of it is left, and nothing else is missing."""

from collections.abc import AsyncIterator, Iterator

import pytest

from activities.powerdns import PowerDNSActivities
from activities.removal import RemovalActivities
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.intent import NamingRules, derive_intent
from sovereign_dns.lifecycle_requests import DeprovisionRequest
from sovereign_dns.messages import CreateZone, FindRecords, RemoveRecords, RemoveZone, UpsertRecords
from sovereign_dns.removal_intent import derive_removal
from tests.attempts import Attempts
from tests.powerdns_bench import client_of, own_powerdns, whole, world_of
from tests.unit.builders import request
from tests.world import World, rrset

SERVERS = ["ns1.openova.io", "ns2.openova.io"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDNSServer]:
    with own_powerdns(tmp_path_factory.mktemp("powerdns")) as server:
        yield server


@pytest.fixture
async def world(server: PowerDNSServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world_of(server, tmp_path_factory.mktemp("key")) as world:
        yield world


@pytest.fixture
async def powerdns(server: PowerDNSServer) -> AsyncIterator[PowerDNS]:
    async with client_of(server.api_url) as client:
        yield client


async def test_what_was_written_is_found_and_removed_with_the_zone(world: World, powerdns: PowerDNS) -> None:
    await world.create_zone(world.parent, rrset(f"www.{world.parent}", "A", "1.2.3.4"))
    before = await whole(world, world.parent)
    fqdn = f"t1.{world.parent}"
    intent = derive_intent(
        request(sovereignFQDN=fqdn, parentDomains=[{"name": fqdn}]), NamingRules(nameservers=SERVERS)
    )
    publishing, removing = PowerDNSActivities(powerdns), RemovalActivities(powerdns)
    create = CreateZone(owner=intent.owner, domain=fqdn, nameservers=SERVERS, may_create=True)
    await Attempts().attempt(publishing.create_zone, create)
    await Attempts().attempt(publishing.upsert_records, UpsertRecords(owner=intent.owner, intent=intent.domains[0]))

    removal = derive_removal(DeprovisionRequest.model_validate({"sovereignFQDN": fqdn}), NamingRules())
    find = FindRecords(owner=removal.owner, intent=removal)
    (zone,) = (await removing.find_records(find)).zones
    remove = RemoveRecords(owner=removal.owner, zone=zone.zone, rrsets=zone.rrsets)
    removed = await Attempts().attempt(removing.remove_records, remove)
    report = await Attempts().attempt(removing.remove_zone, RemoveZone(owner=removal.owner, zone=zone.zone))

    assert removed.outcome == "14 removed"
    assert report.outcome == f"removed, with its delegation in {world.parent}"
    assert await whole(world, world.parent) == before
    assert await whole(world, fqdn) is None
    assert (await removing.find_records(find)).zones == []

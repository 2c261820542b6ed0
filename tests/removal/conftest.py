"""A PowerDNS that belongs to the removals' tests: each works below a parent domain of its own there."""

import secrets
from collections.abc import AsyncIterator, Iterator

import pytest

from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.clients.powerdns import PowerDNS
from tests.powerdns_bench import client_of, own_powerdns, world_of
from tests.world import STRANGER, World, rrset


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDNSServer]:
    with own_powerdns(tmp_path_factory.mktemp("powerdns")) as server:
        yield server


@pytest.fixture(scope="session")
async def bench(server: PowerDNSServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world_of(server, tmp_path_factory.mktemp("key")) as world:
        yield world


@pytest.fixture(scope="session")
async def powerdns(server: PowerDNSServer) -> AsyncIterator[PowerDNS]:
    async with client_of(server.api_url) as client:
        yield client


@pytest.fixture
async def parent(bench: World) -> str:
    """A parent domain of the test's own; it has a zone, in which somebody else has a name."""
    name = f"p{secrets.token_hex(4)}.works"
    await bench.create_zone(name, rrset(f"www.{name}", "A", STRANGER))
    return name

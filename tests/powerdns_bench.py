"""A PowerDNS of a test module's own: nobody else writes there, so that each of its zones can be compared whole."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr

from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret
from tests.trust import TRUST
from tests.world import World

API_KEY = "bench"

WholeZone = dict[tuple[str, str], Any]
"""TTL, contents with whether they are disabled, and comments, by name and type; of the SOA all but the serial."""


@contextmanager
def own_powerdns(folder: Path) -> Iterator[PowerDNSServer]:
    with PowerDNSServer(folder, free_port(), free_port(), API_KEY) as server:
        yield server


@asynccontextmanager
async def world_of(server: PowerDNSServer, folder: Path) -> AsyncIterator[World]:
    """How a test shapes and reads it: with its own eyes, not with the product's."""
    key_file = folder / "key"
    key_file.write_text(API_KEY, encoding="utf-8")
    nowhere = "http://127.0.0.1:9"
    description = {
        "CATALYST_POWERDNS_API_URL": server.api_url,
        "CATALYST_POWERDNS_API_KEY_FILE": str(key_file),
        "POWERDNS_DNS": server.dns_address,
        "POOL_DOMAIN_MANAGER_URL": nowhere,
        "KUBERNETES_URL": nowhere,
    }
    async with World(description) as world:
        yield world


@asynccontextmanager
async def client_of(url: str) -> AsyncIterator[PowerDNS]:
    """The product's own client."""
    async with httpx.AsyncClient(trust_env=False, timeout=10, verify=TRUST) as client:
        yield PowerDNS(client, MountedURL("URL", url), Secret("KEY", SecretStr(API_KEY)))


async def whole(world: World, zone: str) -> WholeZone | None:
    """Everything that a zone holds, or None where it isn't there."""
    found = await world.zone(zone)
    if found is None:
        return None
    return {(rrset["name"], rrset["type"]): _content(rrset) for rrset in found["rrsets"]}


def _content(rrset: dict[str, Any]) -> Any:
    records = sorted((record["content"], record["disabled"]) for record in rrset["records"])
    if rrset["type"] == "SOA":
        content = records[0][0].split()
        records = [(" ".join(content[:2] + content[3:]), records[0][1])]
    comments = sorted((c["account"], c["content"], c["modified_at"]) for c in rrset["comments"])
    return rrset["ttl"], records, comments

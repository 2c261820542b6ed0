"""What stands there before anything is asked for: zones, neighbours' records, a forgotten wildcard."""

import asyncio

import httpx

from tests.chaos.checker import update_log
from tests.chaos.checker.ledger import Ledger, Planted
from tests.chaos.stage import Stage
from tests.chaos.traffic import PARENTS, POOLS, WITH_A_WILDCARD

STRANGER = "49.12.16.160"
"""Where the forgotten wildcard leads."""


async def prepare(stage: Stage, ledger: Ledger) -> None:
    """Plants it, notes it, and has every change noted from then on."""
    for zone in (*PARENTS, *POOLS):
        planted = _planted(zone)
        await _create_zone(stage, zone, planted)
        ledger.planted += planted
        ledger.zones.append(zone)
    await asyncio.to_thread(update_log.install, stage.database)


def _planted(zone: str) -> list[Planted]:
    rrsets = [
        Planted(zone, f"www.{zone}", "A", ["192.0.2.10"]),
        Planted(zone, f"mail.{zone}", "MX", [f"10 mx.{zone}."]),
        Planted(zone, f"mx.{zone}", "A", ["192.0.2.11", "192.0.2.12"]),
        Planted(zone, f"_dmarc.{zone}", "TXT", ['"v=DMARC1; p=none"']),
        Planted(zone, f"console.neighbour.{zone}", "A", ["192.0.2.13"]),
        Planted(zone, f"neighbour.{zone}", "A", ["192.0.2.13"]),
    ]
    return [*rrsets, Planted(zone, f"*.{zone}", "A", [STRANGER])] if zone == WITH_A_WILDCARD else rrsets


async def _create_zone(stage: Stage, zone: str, planted: list[Planted]) -> None:
    rrsets = [
        {
            "name": f"{rrset.name}.",
            "type": rrset.type,
            "ttl": 60,
            "records": [{"content": value, "disabled": False} for value in rrset.values],
            "comments": (
                [{"content": f"sovereign=neighbour.{zone} deployment=d0", "account": "sovereign-dns"}]
                if "neighbour" in rrset.name
                else []
            ),
        }
        for rrset in planted
    ]
    body = {"name": f"{zone}.", "kind": "Native", "nameservers": ["ns1.openova.io."], "dnssec": True, "rrsets": rrsets}
    async with httpx.AsyncClient(headers={"X-API-Key": stage.stack.powerdns.api_key}, timeout=30) as client:
        url = f"{stage.stack.powerdns.api_url}/api/v1/servers/localhost/zones"
        (await client.post(url, json=body)).raise_for_status()

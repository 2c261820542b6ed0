"""What authoritative servers may answer wrongly, and how `VerifySovereign` calls each fault, on real servers."""

import asyncio
import secrets
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client

from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from tests.conftest import StartWorker
from tests.mounted_backends import MountedBackends
from tests.runs import Result, provision, step
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset


async def verified(client: Client, fqdn: str, **fields: Any) -> Result:
    expected = {
        "sovereignFQDN": fqdn,
        "loadBalancerIP": LOAD_BALANCER,
        "verification": {"level": "authoritative", "deadlineSeconds": 2},
    }
    result: Result = await client.execute_workflow(
        "VerifySovereign", expected | fields, id=f"verify/{fqdn}/{secrets.token_hex(3)}", task_queue="sovereign-dns"
    )
    return result


def worst(result: Result) -> tuple[str, str]:
    """The state and the words of the server that is shown first."""
    assert result["phase"] == "degraded"
    first = result["verification"]["servers"][0]
    return first["state"], first["detail"]


async def provisioned(client: Client, world: World, **fields: Any) -> str:
    fqdn = f"t1.{world.parent}"
    level = {"level": "authoritative"}
    result = await provision(client, world.request(fqdn, certificate={"enabled": False}, verification=level, **fields))
    assert result["phase"] == "complete"
    return fqdn


async def test_a_wildcard_below_the_host_that_leads_to_a_stranger(temporal: Client, world: World) -> None:
    fqdn = await provisioned(temporal, world)
    await world.write(world.parent, rrset(f"*.{fqdn}", "A", STRANGER))

    state, detail = worst(await verified(temporal, fqdn))

    assert state == "misdirected"
    assert f"a random name below the host leads to {STRANGER}" in detail


async def test_a_wildcard_below_the_host_that_leads_to_the_sovereign_is_fine(temporal: Client, world: World) -> None:
    fqdn = await provisioned(temporal, world)
    await world.write(world.parent, rrset(f"*.{fqdn}", "A", LOAD_BALANCER))

    assert (await verified(temporal, fqdn))["phase"] == "complete"


async def test_a_wildcard_that_hides_a_missing_name(temporal: Client, world: World) -> None:
    """The incident: nobody wrote the name, and something answers all the same."""
    await world.create_zone(world.parent, rrset(f"*.{world.parent}", "A", STRANGER))

    state, detail = worst(await verified(temporal, f"t1.{world.parent}"))

    assert state == "misdirected"
    assert f"answers {STRANGER}, where {LOAD_BALANCER} was written" in detail


async def test_a_name_that_is_missing(temporal: Client, world: World) -> None:
    fqdn = await provisioned(temporal, world)
    await world.write(world.parent, rrset(f"auth.{fqdn}", "A", LOAD_BALANCER) | {"changetype": "DELETE"})

    state, detail = worst(await verified(temporal, fqdn))

    assert state == "missing"
    assert f"auth.{fqdn}. A NXDOMAIN" in detail


async def test_an_alias_in_the_place_of_an_address(temporal: Client, world: World) -> None:
    fqdn = await provisioned(temporal, world)
    gone = rrset(f"auth.{fqdn}", "A", LOAD_BALANCER) | {"changetype": "DELETE"}
    await world.write(world.parent, gone)
    await world.write(world.parent, rrset(f"auth.{fqdn}", "CNAME", f"console.{fqdn}."))

    state, detail = worst(await verified(temporal, fqdn))

    assert state == "misdirected"
    assert f"auth.{fqdn}. A is an alias (CNAME) to console.{fqdn}." in detail


async def test_records_that_a_child_zone_hides(temporal: Client, world: World) -> None:
    """Written into the parent before the child zone was made: PowerDNS has them, and answers them to nobody."""
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, *(rrset(name, "A", LOAD_BALANCER) for name in names_of(fqdn)))
    await world.create_zone(fqdn)

    state, detail = worst(await verified(temporal, fqdn))

    assert state == "missing"
    assert "NXDOMAIN" in detail or "no data" in detail


async def test_another_ttl_than_was_written(temporal: Client, world: World) -> None:
    fqdn = await provisioned(temporal, world)

    state, detail = worst(await verified(temporal, fqdn, ttl=300))

    assert state == "missing"
    assert "TTL 60, where 300 was written" in detail


async def test_a_second_server_that_serves_an_older_copy(
    special_temporal: Client, start_worker: StartWorker, world: World, tmp_path: Path
) -> None:
    """It has every record by now, and an older serial: whatever comes next will not reach it."""
    second = PowerDNSServer(tmp_path, free_port(), free_port(), "the-key")
    first = world.description["POWERDNS_DNS"]
    with second:
        start_worker(CATALYST_DNS_AUTHORITATIVE=f"{first},{second.dns_address}")
        fqdn = f"t1.{world.parent}"
        records = [rrset(name, "A", LOAD_BALANCER) for name in names_of(fqdn)]
        await world.create_zone(world.parent, *records)
        await world.write(world.parent, rrset(f"later.{world.parent}", "TXT", '"a change"'))
        body = {"name": f"{world.parent}.", "kind": "Native", "nameservers": ["ns1.openova.io."], "rrsets": records}
        async with httpx.AsyncClient(headers={"X-API-Key": "the-key"}) as api:
            created = await api.post(f"{second.api_url}/api/v1/servers/localhost/zones", json=body)
            created.raise_for_status()

        result = await verified(special_temporal, fqdn)

    state, detail = worst(result)
    assert (result["verification"]["servers"][0]["server"], state) == (second.dns_address, "missing")
    assert f"where {first} has" in detail
    assert "older copy of the zone" in detail


async def test_a_verification_ends_at_its_deadline_without_powerdns_too(
    mounted_temporal: Client, mounted: MountedBackends, world: World
) -> None:
    mounted.lead_to_powerdns(f"http://127.0.0.1:{free_port()}")

    result = await verified(mounted_temporal, f"t1.{world.parent}")

    assert result["phase"] == "degraded"
    assert "PowerDNSUnavailable" in step(result, "records-compare")["outcome"]
    assert step(result, "dns-verify")["state"] == "skipped"


async def test_beside_servers_that_are_away_a_degraded_result_keeps_what_every_server_said(
    special_temporal: Client, start_worker: StartWorker, world: World
) -> None:
    """Of a provisioning, and of a verification."""
    here, away = world.description["POWERDNS_DNS"], [f"127.0.0.1:{free_port()}" for _ in range(8)]
    start_worker(CATALYST_DNS_AUTHORITATIVE=",".join([here, *away]))
    proof = {"level": "authoritative", "deadlineSeconds": 8}
    fqdn, there_already = f"t1.{world.parent}", f"t2.{world.parent}"
    await world.create_zone(world.parent, *(rrset(name, "A", LOAD_BALANCER) for name in names_of(there_already)))

    results = await asyncio.gather(
        provision(special_temporal, world.request(fqdn, certificate={"enabled": False}, verification=proof)),
        verified(special_temporal, there_already, verification=proof),
    )

    for result in results:
        assert result["phase"] == "degraded"
        assert worst(result)[0] == "unreachable"
        servers = result["verification"]["servers"]
        assert {server["server"]: server["state"] for server in servers} == {
            here: "converged",
            **dict.fromkeys(away, "unreachable"),
        }
        assert any(server["answers"] for server in servers)

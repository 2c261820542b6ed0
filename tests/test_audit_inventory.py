"""What a worker knows to be ours beside the zones: Hetzner Cloud, networks, PDM, Temporal; and its page of metrics."""

import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from temporalio.client import Client

from devstack.hetzner_simulator import HetznerSimulator
from devstack.ports import free_port
from tests.command_line import answered_at_a_terminal, environment_of
from tests.eventually import eventually
from tests.namespaces import OwnNamespace
from tests.runs import Handle, waiting_for
from tests.world import LOAD_BALANCER, World, nobodys_address, rrset

TOKEN = "prod-s3cret-token"
WITHOUT_PDM = ["owners", "networks", "hetzner", "temporal"]


@pytest.fixture
def hetzner(tmp_path: Path) -> Iterator[HetznerSimulator]:
    with HetznerSimulator(tmp_path, free_port(), TOKEN) as simulator:
        yield simulator


async def begun(client: Client, zone: str, number: int | str, *, inventory: list[str] = WITHOUT_PDM) -> Handle:
    return await client.start_workflow(
        "AuditZones",
        {"zones": [zone], "inventory": inventory},
        id=f"audit-zones/{zone}/{number}",
        task_queue="sovereign-dns",
    )


async def whole(client: Client, zone: str, *, inventory: list[str] = WITHOUT_PDM) -> dict[str, Any]:
    """The result of an audit that could read everything. On a busy PowerDNS, another test's zone may be unreadable."""

    async def result() -> dict[str, Any] | None:
        run = await begun(client, zone, secrets.token_hex(4), inventory=inventory)
        found: dict[str, Any] = await run.result()
        return None if found["partial"] else found

    return await eventually(result)


def kinds(result: dict[str, Any]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for finding in result["findings"]:
        found.setdefault(finding["kind"], []).append(finding["name"])
    return {kind: sorted(names) for kind, names in found.items()}


def source(result: dict[str, Any], name: str) -> dict[str, Any]:
    (one,) = [read for read in result["inventory"] if read["source"] == name]
    found: dict[str, Any] = one
    return found


async def test_an_inventory_says_what_is_ours_and_what_of_it_could_not_be_read(
    own_namespace: OwnNamespace,
    world: World,
    hetzner: HetznerSimulator,
    tmp_path: Path,
    stack_description: dict[str, str],
) -> None:
    client = await own_namespace.create()
    token_file = tmp_path / "token"
    token_file.write_text(TOKEN, encoding="utf-8")
    metrics = f"127.0.0.1:{free_port()}"
    worker = own_namespace.start_worker(
        HCLOUD_ENDPOINT=hetzner.url,
        HCLOUD_TOKEN_FILE=str(token_file),
        CATALYST_OWNED_NETWORKS="198.51.100.0/24",
        SOVEREIGN_DNS_METRICS_ADDRESS=metrics,
    )
    zone = world.parent
    await world.create_zone(
        zone,
        rrset(f"*.{zone}", "A", nobodys_address()),
        rrset(f"cloud.{zone}", "A", "192.0.2.10"),
        rrset(f"cloud.{zone}", "AAAA", "2001:db8:7::5"),
        rrset(f"network.{zone}", "A", "198.51.100.7"),
        rrset(f"gone.{zone}", "A", nobodys_address()),
    )
    async with httpx.AsyncClient(trust_env=False) as http:
        control = f"{hetzner.origin}/simulator"
        await http.post(f"{control}/projects/prod/load_balancers", json=[{"ipv4": "192.0.2.10"}])
        await http.post(f"{control}/projects/prod/servers", json=[{"ipv6": "2001:db8:7::/64"}])

        async def fault(**given: Any) -> None:
            (await http.post(f"{control}/faults", json=given)).raise_for_status()

        async def gauges() -> dict[str, float]:
            page = (await http.get(f"http://{metrics}/metrics")).text
            found = re.findall(
                r'^sovereign_dns_audit_findings\{kind="(\w+)",severity="(\w+)"\} (\S+)$', page, re.MULTILINE
            )
            return {f"{kind} {severity}": float(value) for kind, severity, value in found}

        # An outage is tried again.
        await fault(kind="status", status=503, call="servers", times=1)
        first = await whole(client, zone)
        assert kinds(first)["orphan"] == [f"*.{zone}.", f"gone.{zone}."]
        assert source(first, "hetzner") == {"source": "hetzner", "state": "read", "entries": 2, "detail": None}
        assert source(first, "networks")["entries"] == 1
        assert source(first, "pdm")["state"] == "left-out"
        assert await eventually(gauges)
        assert (await gauges())["orphan critical"] == 1

        # A token that is not accepted, and a limit that is used up, make the inventory partial, and nothing an orphan.
        token_file.write_text("prod-another", encoding="utf-8")
        refused: dict[str, Any] = await (await begun(client, zone, 2)).result()
        assert refused["partial"]
        assert source(refused, "hetzner")["state"] == "unreadable"
        assert "HetznerUnauthorized" in source(refused, "hetzner")["detail"]
        assert "orphan" not in kinds(refused)
        assert "hetzner" in kinds(refused)["unreadable"]
        (orphan,) = (found for found in first["findings"] if found["name"] == f"gone.{zone}.")
        code, _, told = await answered_at_a_terminal(
            environment_of(client, stack_description), "y\nn", "audit", "fix", orphan["id"]
        )
        assert (code, f"Remove gone.{zone}. A from zone {zone}. all the same?" in told) == (1, True), told
        assert await world.rrset(zone, f"gone.{zone}", "A") is not None
        token_file.write_text(TOKEN, encoding="utf-8")
        await fault(kind="rate-limit", seconds=600, times=20)
        limited: dict[str, Any] = await (await begun(client, zone, 3)).result()
        assert "limit of 3600 requests per hour reached" in source(limited, "hetzner")["detail"]
        assert "orphan" not in kinds(limited)

        # One that stays away is told after a few tries, and holds up nobody for ever.
        (await http.delete(f"{control}/faults")).raise_for_status()
        await fault(kind="status", status=500, call="primary_ips")
        away = await begun(client, zone, 4)
        assert "HetznerUnavailable" in await waiting_for(away, "audit-zones")
        assert source(await away.result(), "hetzner")["state"] == "unreadable"
        (await http.delete(f"{control}/faults")).raise_for_status()

        # What an audit finds mended goes to 0 on the page, and what a partial one could not see does not.
        assert (await gauges())["orphan critical"] == 1
        await world.write(zone, {"name": f"*.{zone}.", "type": "A", "changetype": "DELETE"})
        mended = await whole(client, zone)
        assert kinds(mended)["orphan"] == [f"gone.{zone}."]

        async def gone() -> bool:
            return (await gauges())["orphan critical"] == 0

        assert await eventually(gone)
        assert (await gauges())["orphan warning"] == 1

    async for run in client.list_workflows():
        assert TOKEN not in (await client.get_workflow_handle(run.id).fetch_history()).to_json()
    assert TOKEN not in worker.log.read_text(encoding="utf-8")


async def test_pdm_and_temporal_tell_who_is_there_and_who_is_gone(temporal: Client, world: World) -> None:
    zone = world.parent
    await world.create_zone(zone)
    (await world.pdm.post(f"/simulator/pools/{zone}/t1", json={"loadBalancerIP": LOAD_BALANCER})).raise_for_status()
    fqdn = f"t2.{zone}"
    request = {
        "deploymentId": "d1",
        "sovereignFQDN": fqdn,
        "loadBalancerIP": LOAD_BALANCER,
        "certificate": {"enabled": False},
        "verification": {"level": "authoritative"},
    }
    provisioned = await temporal.start_workflow(
        "ProvisionSovereign", request, id=f"sovereign/{fqdn}", task_queue="sovereign-dns"
    )
    await provisioned.result()
    await world.write(zone, rrset(f"pool.{zone}", "A", LOAD_BALANCER))

    alive: dict[str, Any] = await (await begun(temporal, zone, 1, inventory=["owners", "pdm", "temporal"])).result()
    assert kinds(alive).get("orphan") is None
    assert source(alive, "temporal")["entries"] >= 1
    assert "Temporal keeps a run for" in source(alive, "temporal")["detail"]

    deprovisioned = await temporal.start_workflow(
        "DeprovisionSovereign",
        {"sovereignFQDN": fqdn, "deleteCertificates": False, "verification": {"level": "authoritative"}},
        id=f"sovereign/{fqdn}",
        task_queue="sovereign-dns",
    )
    await deprovisioned.result()
    await world.write(zone, rrset(f"console.{fqdn}", "A", LOAD_BALANCER, owner=fqdn))

    left: dict[str, Any] = await (await begun(temporal, zone, 2, inventory=["owners", "temporal"])).result()
    (finding,) = [one for one in left["findings"] if one["kind"] == "dangling"]
    assert (finding["name"], finding["owner"]["sovereignFQDN"]) == (f"console.{fqdn}.", fqdn)

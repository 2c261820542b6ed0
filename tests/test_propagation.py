"""Resolvers: asked when the authority agrees, again when their answers can have changed, and never for nothing."""

from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from tests.conftest import StartWorker
from tests.counting_resolver import CountingResolver
from tests.eventually import eventually
from tests.mounted_backends import MountedBackends
from tests.runs import Handle, Result, provision, start, step, waiting_for
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset

STALE_FOR_SECONDS = 12


@pytest.fixture
async def resolver(stack_description: dict[str, str]) -> AsyncIterator[CountingResolver]:
    async with CountingResolver(stack_description["RECURSOR"]) as counting:
        yield counting


def verdict_of(result: Result, server: str) -> dict[str, Any]:
    (verdict,) = [s for s in result["verification"]["servers"] if s["server"] == server]
    found: dict[str, Any] = verdict
    return found


async def stale_verdict(handle: Handle, server: str) -> dict[str, Any]:
    """What the run's status shows of a resolver that is not as written yet, as soon as it does."""

    async def look() -> dict[str, Any] | None:
        servers = (await handle.query("status"))["verification"]["servers"]
        return next((s for s in servers if s["server"] == server and s["state"] != "converged"), None)

    return await eventually(look)


async def test_a_stale_resolver_is_asked_again_when_it_lets_go_and_not_before(
    mounted_temporal: Client, mounted: MountedBackends, world: World, counting_resolver: CountingResolver
) -> None:
    """The incident: the resolver of a user has just learned the stranger's address."""
    fqdn = f"t110.{world.parent}"
    console = f"console.{fqdn}"
    await world.create_zone(world.parent, rrset(f"*.{world.parent}", "A", STRANGER, ttl=STALE_FOR_SECONDS))
    assert await world.answer(console, server=world.description["RECURSOR"]) == [STRANGER]

    handle = await start(mounted_temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    stale = await stale_verdict(handle, counting_resolver.address)
    told = await waiting_for(handle, f"dns-verify/{world.parent}")
    panel = await handle.query("propagation")
    result = await handle.result()

    assert (stale["kind"], stale["state"]) == ("resolver", "misdirected")
    assert STRANGER in stale["detail"]
    assert f"{counting_resolver.address} is misdirected, until " in told
    (evidence,) = [a for a in stale["answers"] if a["state"] == "misdirected"]
    assert 0 <= evidence["ttl"] <= STALE_FOR_SECONDS
    assert (panel["domain"], panel["converged"], panel["total"], panel["percentage"]) == (fqdn, 0, 1, 0.0)
    assert panel["resolvers"][0]["status"] == "misdirected"
    assert result["phase"] == "complete"
    assert result["verification"]["level"] == "authoritative"
    assert "the delegation was not followed" in result["verification"]["notes"][0]
    green = verdict_of(result, counting_resolver.address)
    assert green["state"] == "converged"
    assert datetime.fromisoformat(green["askedAt"]) >= datetime.fromisoformat(stale["until"])
    assert counting_resolver.asked[console, "A"] == 2
    assert {name: counting_resolver.asked[name, "A"] for name in names_of(fqdn) if name != console} == dict.fromkeys(
        [name for name in names_of(fqdn) if name != console], 1
    )
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}


async def test_no_resolver_is_asked_before_every_authoritative_server_agrees(
    special_temporal: Client, start_worker: StartWorker, world: World, resolver: CountingResolver, tmp_path: Path
) -> None:
    second = PowerDNSServer(tmp_path, free_port(), free_port(), "the-key")
    with second:
        start_worker(
            CATALYST_DNS_AUTHORITATIVE=f"{world.description['POWERDNS_DNS']},{second.dns_address}",
            CATALYST_DNS_PROPAGATION_RESOLVERS=resolver.address,
        )
        fqdn = f"t1.{world.parent}"
        request = world.request(fqdn, certificate={"enabled": False})
        handle = await start(special_temporal, request, workflow_id=f"sovereign/{fqdn}")
        lagging = await stale_verdict(handle, second.dns_address)

        assert lagging["state"] == "refused"
        assert not resolver.asked, "it would keep the absence of an answer for the zone's negative TTL"
        await handle.execute_update("skip_step", {"step": "dns-verify", "reason": "seen enough"})
        assert (await handle.result())["phase"] == "degraded"
        assert not resolver.asked


async def test_a_resolver_out_of_reach_is_shown_and_holds_nothing_up(
    special_temporal: Client, start_worker: StartWorker, world: World, resolver: CountingResolver
) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    start_worker(CATALYST_DNS_PROPAGATION_RESOLVERS=f"{resolver.address},{nobody}")

    result = await provision(special_temporal, world.request(f"t1.{world.parent}", certificate={"enabled": False}))

    assert result["phase"] == "complete"
    assert verdict_of(result, nobody)["state"] == "unreachable"
    assert (result["verification"]["converged"], result["verification"]["total"]) == (28, 28)


async def test_a_level_below_asks_no_resolver(
    mounted_temporal: Client, mounted: MountedBackends, world: World, counting_resolver: CountingResolver
) -> None:
    request = world.request(f"t1.{world.parent}", verification={"level": "authoritative"})

    result = await provision(mounted_temporal, request)

    assert result["verification"]["level"] == "authoritative"
    assert not [name for name, _ in counting_resolver.asked if name.endswith(world.parent)]


async def test_a_sovereign_that_exists_is_verified_without_a_write(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await provision(temporal, world.request(fqdn))
    serial = await world.serial(world.parent)
    expected = {"sovereignFQDN": fqdn, "loadBalancerIP": LOAD_BALANCER, "verification": {"deadlineSeconds": 3}}

    right = await temporal.execute_workflow(
        "VerifySovereign", expected, id=f"verify/{fqdn}", task_queue="sovereign-dns"
    )
    await world.write(world.parent, rrset(f"auth.{fqdn}", "A", STRANGER))
    changed = await world.serial(world.parent)
    wrong = await temporal.execute_workflow(
        "VerifySovereign", expected, id=f"verify/{fqdn}", task_queue="sovereign-dns"
    )

    assert right["phase"] == "complete"
    assert step(right, "records-compare")["outcome"] == "PowerDNS holds 14 of 14 rrsets as expected"
    assert wrong["phase"] == "degraded"
    assert f"auth.{fqdn}. A is {STRANGER}" in step(wrong, "records-compare")["outcome"]
    assert wrong["verification"]["servers"][0]["state"] == "misdirected"
    assert serial < changed == await world.serial(world.parent)

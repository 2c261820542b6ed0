"""`DeprovisionSovereign` of a pool name: PDM releases it, unless it is somebody else's by now."""

import pytest
from temporalio.client import Client

from tests.eventually import eventually
from tests.removals import AUTHORITATIVE, content_of, create_parent, deprovision, pool_rows, removal_of, start_removal
from tests.runs import failure_of, provision, step, waiting_for
from tests.world import LOAD_BALANCER, World, names_of


async def test_a_pool_name_is_released_and_what_pdm_leaves_behind_is_removed(temporal: Client, world: World) -> None:
    """Once PDM removes its zone itself; once it can't (202), and nobody but us will."""
    await create_parent(world)
    before = await content_of(world, world.parent)
    for subdomain, leaves in (("otech1", False), ("otech2", True)):
        fqdn = f"{subdomain}.{world.parent}"
        pool = {"domain": world.parent, "subdomain": subdomain}
        token = await world.reserve(world.parent, subdomain)
        request = world.request(fqdn, pool=pool | {"reservationToken": token}, verification=AUTHORITATIVE)
        await provision(temporal, request)
        if leaves:
            await world.fault(world.pdm, pool=world.parent, call="release", kind="dns-write-fails", times=1)

        result = await deprovision(temporal, removal_of(world, fqdn, pool=pool, loadBalancerIP=LOAD_BALANCER))

        assert result["phase"] == "complete", result["steps"]
        assert await pool_rows(world) == []
        assert await world.zone(fqdn) is None
        assert await content_of(world, world.parent) == before
        assert await world.answers_other_than([], [*names_of(fqdn), f"whatever.{fqdn}"]) == {}
        released = [(p["subdomain"], p["change"], p["loadBalancerIP"]) for p in result["poolNames"]]
        assert released == [(subdomain, "released", LOAD_BALANCER)]
        assert step(result, "zone-remove", fqdn)["state"] == ("done" if leaves else "skipped")
        assert [zone["zone"] for zone in result["zones"]] == ([f"{fqdn}."] if leaves else [])


@pytest.mark.parametrize("releases", [True, False])
async def test_a_pool_name_that_a_newer_deployment_has_claimed_is_not_released_nor_emptied(
    temporal: Client, world: World, releases: bool
) -> None:
    """Its records are yet to be written: what stands there is PDM's, which names nobody, at the same address."""
    fqdn = f"otech1.{world.parent}"
    await world.create_zone(world.parent)
    pool = {"domain": world.parent, "subdomain": "otech1"}
    token = await world.reserve(world.parent, "otech1", "catalyst-api/d2")
    commit = {"reservationToken": token, "sovereignFQDN": fqdn, "loadBalancerIP": LOAD_BALANCER}
    await eventually(lambda: _accepted(world, {"subdomain": "otech1"} | commit))
    before = await content_of(world, fqdn)
    request = removal_of(world, fqdn, deploymentId="d1", pool=pool, loadBalancerIP=LOAD_BALANCER)

    failure = await failure_of(await start_removal(temporal, request | {"releasePool": releases}))

    assert failure.type == "OwnershipConflict"
    assert "deployment d2" in failure.message
    assert "Nothing was removed" in failure.message
    assert await content_of(world, fqdn) == before
    assert [row["state"] for row in await pool_rows(world)] == ["active"]


async def test_a_pool_name_goes_with_the_deployment_that_followed_the_one_that_claimed_it(
    temporal: Client, world: World
) -> None:
    fqdn = f"otech1.{world.parent}"
    await world.create_zone(world.parent)
    pool = {"domain": world.parent, "subdomain": "otech1"}
    for deployment in ("d1", "d2"):
        request = world.request(fqdn, deploymentId=deployment, pool=pool, verification=AUTHORITATIVE)
        await provision(temporal, request | {"takeover": True})
    assert [row["createdBy"].split("/")[1] for row in await pool_rows(world)] == ["d1"]

    request = removal_of(world, fqdn, deploymentId="d2", pool=pool, loadBalancerIP=LOAD_BALANCER)
    for _ in ("it goes", "nothing is left"):
        kept = await deprovision(temporal, request | {"releasePool": False})
        assert kept["phase"] == "complete", kept["steps"]
    assert len(await pool_rows(world)) == 1
    await provision(temporal, world.request(fqdn, deploymentId="d2", pool=pool, verification=AUTHORITATIVE))

    result = await deprovision(temporal, request)

    assert result["phase"] == "complete", result["steps"]
    assert await pool_rows(world) == []


async def test_a_pool_name_that_is_active_for_another_is_left_with_all_that_is_served_there(
    temporal: Client, world: World
) -> None:
    fqdn = f"otech1.{world.parent}"
    await world.create_zone(world.parent)
    pool = {"domain": world.parent, "subdomain": "otech1"}
    token = await world.reserve(world.parent, "otech1")
    commit = {"reservationToken": token, "sovereignFQDN": f"t9.{world.parent}", "loadBalancerIP": "77.42.11.96"}
    await eventually(lambda: _accepted(world, {"subdomain": "otech1"} | commit))
    before = await content_of(world, fqdn)

    result = await deprovision(temporal, removal_of(world, fqdn, pool=pool))

    assert result["phase"] == "complete", result["steps"]
    assert [hazard["kind"] for hazard in result["hazards"]] == ["kept-for-another"]
    assert "active in PDM for another" in step(result, "zone-remove", fqdn)["outcome"]
    assert "active in PDM for another" in step(result, "dns-verify")["outcome"]
    assert await content_of(world, fqdn) == before


async def _accepted(world: World, commit: dict[str, str]) -> bool:
    """202 where PowerDNS is busy: then 409."""
    return (await world.pdm.post(f"/api/v1/pool/{world.parent}/commit", json=commit)).status_code in {200, 202, 409}


async def test_pdm_is_away_for_a_while(temporal: Client, world: World) -> None:
    """The name is let go only when no record of it is left."""
    await world.create_zone(world.parent)
    fqdn = f"otech1.{world.parent}"
    pool = {"domain": world.parent, "subdomain": "otech1"}
    token = await world.reserve(world.parent, "otech1")
    request = world.request(fqdn, pool=pool | {"reservationToken": token}, verification=AUTHORITATIVE)
    await provision(temporal, request)
    await world.fault(world.pdm, pool=world.parent, kind="status", status=503)

    handle = await start_removal(temporal, removal_of(world, fqdn, pool=pool))
    assert "PDMUnavailable" in await waiting_for(handle, f"pool-release/{world.parent}")
    assert await world.answer(f"console.{fqdn}") in ([], [LOAD_BALANCER])  # PDM's wildcard may stand there still
    assert await world.rrset(fqdn, f"auth.{fqdn}", "A") is None
    await world.mend(world.pdm, pool=world.parent)

    result = await handle.result()
    assert result["phase"] == "complete", result["steps"]
    assert await pool_rows(world) == []

"""The step `pool-release` against the simulated PDM: a Sovereign's own name is let go, and nobody else's ever."""

from typing import Any

import pytest
from temporalio.client import Client

from tests.eventually import eventually
from tests.single_steps import Report, last_failure_of, report_of, start_step
from tests.world import LOAD_BALANCER, World

SUBDOMAIN = "otech5"


def task(world: World, pool: str | None = None, **fields: Any) -> dict[str, Any]:
    pool = pool or world.parent
    owner = {"sovereignFQDN": f"{SUBDOMAIN}.{pool}", "deploymentId": "d1"}
    return {"owner": owner, "poolDomain": pool, "subdomain": SUBDOMAIN} | fields


async def release(temporal: Client, world: World, **fields: Any) -> Report:
    return await report_of(temporal, "pool-release", task(world, **fields))


async def committed(world: World) -> None:
    """The Sovereign's name is active, with the zone that PDM makes for it."""
    await world.create_zone(world.parent)
    token = await world.reserve(world.parent, SUBDOMAIN)
    body = {
        "subdomain": SUBDOMAIN,
        "reservationToken": token,
        "sovereignFQDN": f"{SUBDOMAIN}.{world.parent}",
        "loadBalancerIP": LOAD_BALANCER,
    }

    async def accepted() -> (
        bool
    ):  # 202 where PowerDNS is busy: then its records are missing, which nobody looks at here
        return (await world.pdm.post(f"/api/v1/pool/{world.parent}/commit", json=body)).status_code in {200, 202, 409}

    await eventually(accepted)


async def hold(world: World, pool: str | None = None, **row: Any) -> None:
    """PDM holds the name so, without any zone."""
    pool = pool or world.parent
    (await world.pdm.post(f"/simulator/pools/{pool}/{SUBDOMAIN}", json=row)).raise_for_status()


async def rows(world: World, pool: str | None = None) -> list[dict[str, Any]]:
    answer = await world.pdm.get(f"/api/v1/pool/{pool or world.parent}/list")
    listed: list[dict[str, Any]] = answer.json()["allocations"]
    return listed


async def methods_called(world: World) -> set[str]:
    calls = (await world.pdm.get("/simulator/calls", params={"pool": world.parent})).json()["calls"]
    return {call["method"] for call in calls}


def released(world: World) -> dict[str, Any]:
    return {
        "domain": world.parent,
        "subdomain": SUBDOMAIN,
        "change": "released",
        "loadBalancerIP": LOAD_BALANCER,
        "unconfirmed": False,
    }


async def test_a_name_of_this_sovereign_is_released_with_its_zone_and_once(temporal: Client, world: World) -> None:
    await committed(world)

    first = await release(temporal, world)
    second = await release(temporal, world)

    assert first["outcome"] == "released; PDM has removed its zone and delegation"
    assert first["change"] == released(world)
    assert (first["hazards"], first["dnsLeftBehind"]) == ([], False)
    assert await rows(world) == []
    assert await world.zone(f"{SUBDOMAIN}.{world.parent}") is None
    assert await world.rrset(world.parent, f"{SUBDOMAIN}.{world.parent}", "NS") is None
    assert second["outcome"].startswith("PDM holds no such name")
    assert (second["change"], second["dnsLeftBehind"]) == (None, True), "an earlier 202 may have been lost"


async def test_a_release_whose_dns_is_left_behind_says_so(temporal: Client, world: World) -> None:
    await committed(world)
    await world.fault(world.pdm, pool=world.parent, call="release", kind="dns-write-fails", times=1)

    report = await release(temporal, world)

    assert report["outcome"] == "released; PDM couldn't remove its zone and delegation, and won't try again"
    assert (report["change"], report["dnsLeftBehind"]) == (released(world), True)
    assert await rows(world) == []
    assert await world.zone(f"{SUBDOMAIN}.{world.parent}") is not None, "as it says"


@pytest.mark.parametrize("dns_fails", [False, True])
async def test_a_release_whose_answer_was_lost_is_reported_and_claims_nothing_of_its_dns(
    temporal: Client, world: World, dns_fails: bool
) -> None:
    await committed(world)
    await world.fault(world.pdm, pool=world.parent, call="release", kind="lost-answer", times=1)
    if dns_fails:
        await world.fault(world.pdm, pool=world.parent, call="release", kind="dns-write-fails", times=1)

    report = await release(temporal, world)

    assert report["outcome"].startswith("released by an attempt whose answer was lost")
    assert "not known" in report["outcome"]
    assert (report["change"], report["dnsLeftBehind"]) == (released(world), True)


@pytest.mark.parametrize(
    ("held", "told"),
    [
        pytest.param({"sovereignFQDN": "other.example.com"}, "for another Sovereign (other.example.com", id="other"),
        pytest.param({}, "doesn't say for which Sovereign", id="nobody"),
        pytest.param({"state": "reserved", "createdBy": "catalyst-api"}, "is reserved in PDM", id="reserved"),
        pytest.param({"state": "reserved", "createdBy": "x/d2"}, "created by x/d2", id="other-deployment"),
    ],
)
async def test_a_name_that_another_holds_is_never_released(
    temporal: Client, world: World, held: dict[str, str], told: str
) -> None:
    await world.create_zone(world.parent)
    await hold(world, **held)

    report = await release(temporal, world)

    assert report["outcome"].startswith("left, it is another's: ")
    assert told in report["outcome"]
    assert [(hazard["kind"], told in hazard["message"]) for hazard in report["hazards"]] == [("kept-for-another", True)]
    assert (report["change"], report["dnsLeftBehind"]) == (None, False), "the zone is the holder's"
    assert len(await rows(world)) == 1
    assert "DELETE" not in await methods_called(world)


async def test_a_reservation_of_this_very_deployment_is_released(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    await hold(world, state="reserved", createdBy="catalyst-api/d1")

    assert (await release(temporal, world))["outcome"].startswith("released")
    assert await rows(world) == []


async def test_a_dry_run_only_reads(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    await hold(world, sovereignFQDN=f"{SUBDOMAIN}.{world.parent}", loadBalancerIP=LOAD_BALANCER)
    before = await rows(world)

    report = await release(temporal, world, dryRun=True)

    assert (report["outcome"], report["change"]) == ("dry run: would be released", released(world))
    assert await rows(world) == before
    assert "DELETE" not in await methods_called(world)


async def test_of_a_pool_that_pdm_does_not_manage_there_is_nothing_to_release(temporal: Client, world: World) -> None:
    report = await release(temporal, world)

    assert report["outcome"] == f"nothing to release: PDM doesn't manage the pool {world.parent}"
    assert (report["change"], report["dnsLeftBehind"]) == (None, False)


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "away": ({"kind": "reset"}, "PDMUnavailable: PDM at"),
    "broken": ({"kind": "status", "status": 503}, "PDMUnavailable: PDM at"),
    "busy": ({"kind": "status", "status": 429, "retryAfter": 1}, "PDMUnavailable: PDM at"),
    "proxy": ({"kind": "html", "status": 502}, "<title>502 Bad Gateway</title>"),
    "strange": ({"kind": "status", "status": 405}, "which is not of its API"),
    "locked": ({"kind": "status", "status": 401}, "PDMUnauthorized: PDM at"),
}


async def test_each_way_in_which_pdm_fails_is_told_and_outlived(temporal: Client, world: World) -> None:
    pools = {name: f"{name}.{world.parent}" for name in FAULTS}
    steps = {}
    for name, pool in pools.items():
        await world.create_zone(pool)
        await hold(world, pool, sovereignFQDN=f"{SUBDOMAIN}.{pool}")
        await world.fault(world.pdm, pool=pool, call="release", **FAULTS[name][0])
        steps[name] = await start_step(temporal, "pool-release", task(world, pool))

    for name, step in steps.items():
        failure = await last_failure_of(step)
        assert FAULTS[name][1] in failure
        assert f"while releasing {SUBDOMAIN}.{pools[name]}" in failure
        assert len(await rows(world, pools[name])) == 1
        await world.mend(world.pdm, pool=pools[name])

    await steps.pop("locked").terminate()  # what needs a hand is attempted once a minute
    for step in steps.values():
        assert (await step.result())["outcome"].startswith("released")

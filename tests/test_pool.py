"""Pool names: whatever state PDM's reservation is in, the name ends up ours and served, or is refused with reason."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from temporalio.client import Client

from tests.runs import Handle, changes, provision, refused, start, step, waiting_for
from tests.world import LOAD_BALANCER, World, names_of, rrset

SUBDOMAIN = "otech5"
TOMORROW = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
YESTERDAY = TOMORROW - timedelta(days=2)


async def reserve(world: World, created_by: str = "catalyst-api") -> str:
    """As catalyst-api does before the cloud is provisioned. Returns the token."""
    return await world.reserve(world.parent, SUBDOMAIN, created_by)


def pool_request(world: World, token: str | None, **fields: Any) -> dict[str, Any]:
    """Proved at the authority: a resolver keeps what the runs before wrote for as long as its TTL."""
    pool = {"domain": world.parent, "subdomain": SUBDOMAIN, "reservationToken": token, "createdBy": "catalyst-api"}
    proof = {"verification": {"level": "authoritative"}}
    return world.request(f"{SUBDOMAIN}.{world.parent}", pool=pool, **(proof | fields))


async def rows(world: World) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await world.pdm.get(f"/api/v1/pool/{world.parent}/list")).json()["allocations"]
    return listed


async def row(world: World) -> dict[str, Any]:
    return next(row for row in await rows(world) if row["subdomain"] == SUBDOMAIN)


async def set_row(world: World, **row: Any) -> None:
    (await world.pdm.post(f"/simulator/pools/{world.parent}/{SUBDOMAIN}", json=row)).raise_for_status()


async def assert_served(world: World, result: dict[str, Any]) -> None:
    """Active for us in PDM, and every name, known or not, leads to the load balancer from the child zone."""
    fqdn = f"{SUBDOMAIN}.{world.parent}"
    assert result["phase"] == "complete", result["steps"]
    held = await row(world)
    assert (held["state"], held["sovereignFQDN"], held["loadBalancerIP"]) == ("active", fqdn, LOAD_BALANCER)
    wanted = [*names_of(fqdn), f"whatever.{fqdn}"]
    assert await world.answers_other_than([LOAD_BALANCER], wanted) == {}


def committed(world: World) -> dict[str, Any]:
    """What the result tells of the name that the run has made active."""
    name = {"domain": world.parent, "subdomain": SUBDOMAIN}
    return name | {"change": "committed", "loadBalancerIP": LOAD_BALANCER, "unconfirmed": False}


async def test_a_living_reservation_is_committed(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    token = await reserve(world)

    result = await provision(temporal, pool_request(world, token))

    await assert_served(world, result)
    assert step(result, "pool-commit")["outcome"] == "committed"
    assert result["poolNames"] == [committed(world)]
    assert {r["zone"] for r in result["records"] if r["type"] == "A"} == {f"{SUBDOMAIN}.{world.parent}."}


async def test_a_second_run_writes_nothing(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    request = pool_request(world, await reserve(world))
    await provision(temporal, request)
    child = f"{SUBDOMAIN}.{world.parent}"
    serials = await world.serial(world.parent), await world.serial(child)

    result = await provision(temporal, request)

    assert set(changes(result)) == {"unchanged"}
    assert (await world.serial(world.parent), await world.serial(child)) == serials
    assert step(result, "pool-commit")["outcome"] == "was active for this Sovereign already"
    assert result["poolNames"] == []


async def test_without_a_token_the_name_is_reserved_here(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)

    await assert_served(world, await provision(temporal, pool_request(world, None)))


async def test_an_expired_and_swept_reservation_is_made_anew(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    token = await reserve(world)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    await set_row(world, state="reserved", reservationToken=token, expiresAt=yesterday)
    await world.pdm.post("/simulator/sweep", params={"pool": world.parent})

    result = await provision(temporal, pool_request(world, token))

    await assert_served(world, result)
    assert "reserved again" in step(result, "pool-commit")["outcome"]


async def test_an_expired_reservation_is_made_anew(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    token = await reserve(world)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    await set_row(world, state="reserved", reservationToken=token, expiresAt=yesterday)

    result = await provision(temporal, pool_request(world, token))

    await assert_served(world, result)
    assert "reserved again" in step(result, "pool-commit")["outcome"]


async def test_a_reservation_with_another_token_is_waited_for_until_it_expires(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    await reserve(world, created_by="somebody-else")
    handle = await _start_under_lock(temporal, world, "a-token-that-was-replaced")

    told = await waiting_for(handle, f"pool-commit/{world.parent}")

    assert told.startswith("NameReserved: ")
    assert "somebody-else" in told
    await world.pdm.delete(f"/simulator/pools/{world.parent}/{SUBDOMAIN}")
    await _attempt_now(world, temporal, handle.id)
    await assert_served(world, await handle.result())


async def _start_under_lock(temporal: Client, world: World, token: str | None) -> Handle:
    lock_id = f"sovereign/{SUBDOMAIN}.{world.parent}"
    return await start(temporal, pool_request(world, token), workflow_id=lock_id)


async def _attempt_now(world: World, temporal: Client, workflow_id: str) -> None:
    reset = world.temporal_command(
        temporal.namespace,
        *("activity", "reset", "--workflow-id", workflow_id, "--activity-id", f"pool-commit/{world.parent}"),
    )
    assert reset.returncode == 0, reset.stderr


async def test_a_replaced_token_of_an_expired_reservation(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
    await set_row(world, state="reserved", reservationToken="another", expiresAt=yesterday, createdBy="x")

    await assert_served(world, await provision(temporal, pool_request(world, "a-token-that-was-replaced")))


async def test_a_commit_whose_answer_was_lost(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    token = await reserve(world)
    await world.fault(world.pdm, pool=world.parent, call="commit", kind="lost-answer", times=1)

    result = await provision(temporal, pool_request(world, token))

    await assert_served(world, result)
    assert step(result, "pool-commit")["outcome"] == "was active for this Sovereign already"
    assert result["poolNames"] == [committed(world)], "by the attempt whose answer was lost"


async def test_a_reservation_of_ours_whose_answer_was_lost(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    await world.fault(world.pdm, pool=world.parent, call="reserve", kind="lost-answer", times=1)

    await assert_served(world, await provision(temporal, pool_request(world, "an-old-token")))


async def test_a_commit_that_could_not_write_its_dns(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    token = await reserve(world)
    await world.fault(world.pdm, pool=world.parent, call="commit", kind="dns-write-fails", times=1)

    result = await provision(temporal, pool_request(world, token))

    await assert_served(world, result)
    wildcard = f"*.{SUBDOMAIN}.{world.parent}."
    assert [r["change"] for r in result["records"] if r["name"] == wildcard] == ["created"]


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("token", ["some-token", None])
async def test_a_name_that_is_active_for_another_is_refused(
    temporal: Client, world: World, token: str | None, dry_run: bool
) -> None:
    await world.create_zone(world.parent)
    await set_row(world, sovereignFQDN="other.example.com", loadBalancerIP="1.1.1.1")
    serial = await world.serial(world.parent)

    failure = await refused(temporal, pool_request(world, token, dryRun=dry_run))

    assert failure.type == "NameTaken"
    assert "other.example.com" in failure.message
    assert await world.serial(world.parent) == serial, "nothing is published for a name that isn't ours"


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_reserved_label_is_refused_although_pdm_answers_500(
    temporal: Client, world: World, dry_run: bool
) -> None:
    await world.create_zone(world.parent)
    pool = {"domain": world.parent, "subdomain": "vault", "reservationToken": "some-token"}

    failure = await refused(temporal, world.request(f"vault.{world.parent}", pool=pool, dryRun=dry_run))

    assert failure.type == "InvalidInput"
    assert "pool.subdomain" in failure.message
    assert "reserved" in failure.message


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_label_that_pdm_does_not_take_is_refused(temporal: Client, world: World, dry_run: bool) -> None:
    await world.create_zone(world.parent)
    pool = {"domain": world.parent, "subdomain": "5otech"}

    failure = await refused(temporal, world.request(f"5otech.{world.parent}", pool=pool, dryRun=dry_run))

    assert failure.type == "InvalidInput"
    assert "pool.subdomain" in failure.message
    assert "invalid-format" in failure.message


async def test_a_dry_run_refuses_a_pool_that_pdm_does_not_manage(temporal: Client, world: World) -> None:
    failure = await refused(temporal, pool_request(world, "some-token", dryRun=True))

    assert failure.type == "InvalidInput"
    assert "pool.domain" in failure.message
    assert "unsupported-pool" in failure.message


async def test_an_address_that_pdm_cannot_change_is_told(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    await provision(temporal, pool_request(world, await reserve(world)))

    result = await provision(temporal, pool_request(world, None, loadBalancerIP="77.42.11.99"))

    assert [h["kind"] for h in result["hazards"]] == ["pool-address-differs"]
    fqdn = f"{SUBDOMAIN}.{world.parent}"
    wanted = [*names_of(fqdn), f"whatever.{fqdn}"]
    assert await world.answers_other_than(["77.42.11.99"], wanted) == {}


async def plan(temporal: Client, world: World, request: dict[str, Any]) -> dict[str, Any]:
    """The result of a dry run, which must leave PDM as it was."""
    before, calls = await rows(world), len(await _calls(world))

    result = await provision(temporal, request | {"dryRun": True})

    assert result["phase"] == "planned", result["steps"]
    assert await rows(world) == before
    assert {call["method"] for call in (await _calls(world))[calls:]} == {"GET"}
    return result


async def _calls(world: World) -> list[dict[str, Any]]:
    answer = await world.pdm.get("/simulator/calls", params={"pool": world.parent})
    calls: list[dict[str, Any]] = answer.json()["calls"]
    return calls


EXPIRED = {"expiresAt": YESTERDAY.isoformat(), "reservationToken": "t"}
ALIVE = {"expiresAt": TOMORROW.isoformat(), "reservationToken": "t"}
ALIVE_OF_THIS_DEPLOYMENT = ALIVE | {"createdBy": "catalyst-api/d1"}


@pytest.mark.parametrize(
    ("held", "token", "planned"),
    [
        pytest.param(None, None, "would be reserved and committed", id="free"),
        pytest.param(None, "t", "would be reserved and committed", id="swept"),
        pytest.param(EXPIRED, "t", "would be reserved and committed", id="expired"),
        pytest.param(EXPIRED, None, "would be reserved and committed", id="expired-of-another"),
        pytest.param(ALIVE, "t", "would be committed", id="reserved"),
        pytest.param(ALIVE, "T", "would be committed", id="reserved-whatever-the-case"),
        pytest.param(ALIVE_OF_THIS_DEPLOYMENT, None, "would be committed", id="reserved-by-us"),
        pytest.param(ALIVE_OF_THIS_DEPLOYMENT, "x", "would be committed", id="reserved-by-us-anew"),
    ],
)
async def test_a_dry_run_foretells_that_the_name_becomes_ours(
    temporal: Client, world: World, held: dict[str, str] | None, token: str | None, planned: str
) -> None:
    await world.create_zone(world.parent)
    if held is not None:
        await world.create_zone(f"{SUBDOMAIN}.{world.parent}")
        await set_row(world, state="reserved", **held)
    request = pool_request(world, token)

    result = await plan(temporal, world, request)

    assert step(result, "pool-commit")["outcome"] == f"dry run: {planned}"
    await assert_served(world, await provision(temporal, request))


@pytest.mark.parametrize("token", ["a-token-that-was-replaced", None])
async def test_a_dry_run_does_not_wait_for_a_reservation_and_says_that_the_real_run_would(
    temporal: Client, world: World, token: str | None
) -> None:
    await world.create_zone(world.parent)
    await set_row(world, state="reserved", **ALIVE, createdBy="somebody-else")

    outcome = step(await plan(temporal, world, pool_request(world, token)), "pool-commit")["outcome"]

    assert outcome.startswith("dry run: the real run would wait")
    assert f"by somebody-else until {TOMORROW}" in outcome
    handle = await _start_under_lock(temporal, world, token)
    assert (await waiting_for(handle, f"pool-commit/{world.parent}")).startswith("NameReserved: ")
    await handle.cancel()


@pytest.mark.parametrize("token", ["some-token", None])
@pytest.mark.parametrize("address", [LOAD_BALANCER, "77.42.11.99"])
async def test_a_dry_run_of_a_name_that_is_ours_already_tells_what_the_real_run_tells(
    temporal: Client, world: World, address: str, token: str | None
) -> None:
    await world.create_zone(world.parent)
    await provision(temporal, pool_request(world, None))
    request = pool_request(world, token, loadBalancerIP=address)

    result = await plan(temporal, world, request)

    assert step(result, "pool-commit")["outcome"] == "dry run: active for this Sovereign already"
    expected = [] if address == LOAD_BALANCER else ["pool-address-differs"]
    assert [h["kind"] for h in result["hazards"]] == expected
    assert result["hazards"] == (await provision(temporal, request))["hazards"]


async def test_a_dry_run_of_a_name_whose_label_was_reserved_later(temporal: Client, world: World) -> None:
    """The commit comes before the reservation, so with a token the name's own row decides."""
    await world.create_zone(world.parent)
    fqdn = f"vault.{world.parent}"
    held = {"sovereignFQDN": fqdn, "loadBalancerIP": LOAD_BALANCER}
    (await world.pdm.post(f"/simulator/pools/{world.parent}/vault", json=held)).raise_for_status()
    pool = {"domain": world.parent, "subdomain": "vault", "reservationToken": "some-token"}

    result = await plan(temporal, world, world.request(fqdn, pool=pool))

    assert step(result, "pool-commit")["outcome"] == "dry run: active for this Sovereign already"


async def test_a_dry_run_shows_the_records_in_the_zone_that_pdm_will_make(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)

    planned = await provision(temporal, pool_request(world, None, dryRun=True))

    zone = f"{SUBDOMAIN}.{world.parent}"
    assert {record["zone"] for record in planned["records"]} == {f"{zone}."}
    assert await world.zone(zone) is None
    done = await provision(temporal, pool_request(world, None))
    assert {record["zone"] for record in done["records"]} == {f"{zone}."}


async def test_a_wildcard_that_is_not_answered_is_no_proof(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent)
    request = pool_request(world, None)
    await provision(temporal, request)
    fqdn = request["sovereignFQDN"]
    await world.write(fqdn, rrset(f"*.{fqdn}", "A", LOAD_BALANCER) | {"changetype": "DELETE"})

    expected = {key: request[key] for key in ("sovereignFQDN", "loadBalancerIP", "pool")}
    proof = {"verification": {"level": "authoritative", "deadlineSeconds": 2}}
    result = await temporal.execute_workflow(
        "VerifySovereign", expected | proof, id=f"verify/{fqdn}", task_queue="sovereign-dns"
    )

    assert result["phase"] == "degraded"
    first = result["verification"]["servers"][0]
    assert first["state"] == "missing"
    assert "as its wildcard was written" in first["detail"]

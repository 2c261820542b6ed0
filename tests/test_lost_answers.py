"""A write that was done, and whose answer nobody heard: what it replaced is in the result all the same."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client, WorkflowFailureError

from tests import command_line
from tests.conftest import StartWorker
from tests.lossy_api import LossyApi
from tests.mounted_backends import MountedBackends
from tests.removals import removal_of, start_removal
from tests.runs import Result, changes, provision, start, step, waiting_for
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset


@pytest.fixture
async def lossy(stack_description: dict[str, str]) -> AsyncIterator[LossyApi]:
    async with LossyApi(stack_description["CATALYST_POWERDNS_API_URL"], "PATCH") as api:
        yield api


def record_of(result: Result, name: str) -> Result:
    record: Result
    (record,) = [r for r in result["records"] if (r["name"], r["type"]) == (f"{name}.", "A")]
    return record


def before(result: Result, name: str) -> list[str]:
    values: list[str] = record_of(result, name)["before"]
    return values


def owner_before(result: Result, name: str) -> dict[str, str] | None:
    owner: dict[str, str] | None = record_of(result, name)["beforeOwner"]
    return owner


async def test_what_a_write_replaced_is_told_though_its_answer_was_lost(
    mounted_temporal: Client, mounted: MountedBackends, world: World, lossy: LossyApi
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER, owner=fqdn))
    mounted.lead_to_powerdns(lossy.url)
    lossy.lose = 1

    handle = await start(mounted_temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    result = await handle.result()

    assert lossy.lose == 0
    assert step(result, "records-upsert")["outcome"] == "13 created, 1 replaced, 0 unchanged"
    assert before(result, f"console.{fqdn}") == [STRANGER]
    assert owner_before(result, f"console.{fqdn}") == {"sovereignFQDN": fqdn, "deploymentId": "d0"}
    assert result["phase"] == "complete"


async def test_the_note_of_a_write_is_not_replaced_by_an_earlier_heartbeat(
    mounted_temporal: Client, mounted: MountedBackends, world: World, lossy: LossyApi
) -> None:
    """The SDK holds heartbeats back: one from before the note would come after it."""
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER))
    mounted.lead_to_powerdns(lossy.url)
    lossy.lose, lossy.reads_take_seconds = 1, 1.3  # so long that several heartbeats fall into the attempt

    request = world.request(fqdn, certificate={"enabled": False}, subdomains=["console"])
    result = await (await start(mounted_temporal, request, workflow_id=f"sovereign/{fqdn}")).result()

    assert before(result, f"console.{fqdn}") == [STRANGER]


async def test_a_run_that_ends_before_it_knows_tells_what_it_sent(
    mounted_temporal: Client, mounted: MountedBackends, world: World, lossy: LossyApi
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER, owner=fqdn))
    mounted.lead_to_powerdns(lossy.url)
    lossy.lose = 1_000
    request = world.request(fqdn, certificate={"enabled": False})
    handle = await start(mounted_temporal, request, workflow_id=f"sovereign/{fqdn}")
    await waiting_for(handle, f"records-upsert/{world.parent}")

    await handle.cancel()

    with pytest.raises(WorkflowFailureError):
        await handle.result()
    status = await handle.query("status")
    assert status["phase"] == "cancelled"
    assert before(status, f"console.{fqdn}") == [STRANGER]
    assert owner_before(status, f"console.{fqdn}") == {"sovereignFQDN": fqdn, "deploymentId": "d0"}
    assert all(record["unconfirmed"] for record in status["records"])


async def test_a_run_that_ends_before_it_knows_tells_which_certificate_it_has_perhaps_created(
    temporal: Client, world: World
) -> None:
    fqdn, namespace = f"t1.{world.parent}", f"ns-{world.unique}"
    await world.create_zone(world.parent)
    await world.fault(world.kubernetes, namespace=namespace, call="patch", kind="reset")
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    await waiting_for(handle, f"certificate-request/{world.parent}")

    await handle.cancel()

    with pytest.raises(WorkflowFailureError):
        await handle.result()
    (certificate,) = (await handle.query("status"))["certificates"]
    assert (certificate["name"], certificate["change"]) == (f"{fqdn}-wildcard-tls", "created")
    assert certificate["unconfirmed"]


async def test_a_zone_that_was_perhaps_removed_is_told_as_that_and_found_when_it_is_restored(
    mounted_temporal: Client, mounted: MountedBackends, world: World, stack_description: dict[str, str]
) -> None:
    """Its delegation is gone; the call that deletes the zone never arrived, and nobody knows."""
    fqdn, nested = f"t1.{world.parent}", f"eu.{world.parent}"
    await world.create_zone(world.parent)
    parents = [{"name": world.parent}, {"name": nested}]
    request = world.request(fqdn, parentDomains=parents, verification={"level": "authoritative"})
    await provision(mounted_temporal, request)
    keys = await world.values(world.parent, nested, "DS")
    async with LossyApi(stack_description["CATALYST_POWERDNS_API_URL"], "DELETE") as lossy:
        lossy.drop = 1_000
        mounted.lead_to_powerdns(lossy.url)
        handle = await start_removal(mounted_temporal, removal_of(world, fqdn))
        await waiting_for(handle, f"zone-remove/{nested}")
        await handle.cancel()
        with pytest.raises(WorkflowFailureError):
            await handle.result()
        mounted.lead_to_the_stack()

    status = await handle.query("status")

    assert [(zone["zone"], zone["change"], zone["unconfirmed"]) for zone in status["zones"]] == [
        (f"{nested}.", "removed", True)
    ]
    assert await world.zone(nested) is not None
    restored = {key: status[key] for key in ("zones", "records", "certificates", "poolNames", "sovereignFQDN")}
    restored |= {"restores": handle.id, "verification": {"level": "authoritative"}}
    back = await mounted_temporal.start_workflow(
        "RestoreRecords", restored, id=f"restore/{fqdn}", task_queue="sovereign-dns"
    )
    result = await back.result()
    assert result["phase"] == "complete", result["steps"]
    assert result["zones"] == []
    assert step(result, "zone-create", nested)["outcome"].startswith("was there already")
    assert await world.values(world.parent, nested, "DS") == keys
    assert await world.answers_other_than([LOAD_BALANCER], [*names_of(fqdn), *names_of(f"t1.{nested}")]) == {}


async def test_what_a_terminated_run_removed_unheard_is_restored_from_what_it_had_noted(
    mounted_temporal: Client,
    mounted: MountedBackends,
    world: World,
    lossy: LossyApi,
    stack_description: dict[str, str],
) -> None:
    fqdn = f"t1.{world.parent}"
    proof = {"level": "authoritative"}
    await world.create_zone(world.parent)
    await provision(mounted_temporal, world.request(fqdn, certificate={"enabled": False}, verification=proof))
    mounted.lead_to_powerdns(lossy.url)
    lossy.may_answer.clear()
    handle = await start_removal(mounted_temporal, removal_of(world, fqdn))
    await lossy.done.wait()
    await handle.terminate("by the test")
    lossy.may_answer.set()
    mounted.lead_to_the_stack()
    assert await world.answers_other_than([], names_of(fqdn)) == {}
    assert (await handle.query("status"))["records"] == []

    environment = command_line.environment_of(mounted_temporal, stack_description)
    restored = await asyncio.to_thread(
        command_line.run, environment, "restore", handle.id, "--yes", "--level", "authoritative"
    )

    assert restored.returncode == 0, restored.stdout + restored.stderr
    assert "it was ended from outside" in restored.stdout
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}


async def test_what_a_write_replaced_is_told_though_its_worker_was_killed(
    special_temporal: Client, start_fresh_worker: StartWorker, world: World, lossy: LossyApi
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER))
    worker = start_fresh_worker(CATALYST_POWERDNS_API_URL=lossy.url)
    lossy.may_answer.clear()
    handle = await start(special_temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    await lossy.done.wait()

    worker.kill()
    start_fresh_worker()

    result = await handle.result()
    assert step(result, "records-upsert")["outcome"] == "13 created, 1 replaced, 0 unchanged"
    assert before(result, f"console.{fqdn}") == [STRANGER]


async def test_a_step_that_is_reset_while_it_writes_attempts_again_although_the_answer_is_lost(
    mounted_temporal: Client, mounted: MountedBackends, world: World, lossy: LossyApi
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER))
    mounted.lead_to_powerdns(lossy.url)
    lossy.may_answer.clear()
    request = world.request(fqdn, certificate={"enabled": False})
    handle = await start(mounted_temporal, request, workflow_id=f"sovereign/{fqdn}")
    await lossy.done.wait()
    lossy.lose = 1

    activity = ("--workflow-id", handle.id, "--activity-id", f"records-upsert/{world.parent}")
    reset = await asyncio.to_thread(world.temporal_command, mounted_temporal.namespace, "activity", "reset", *activity)
    assert reset.returncode == 0, reset.stderr
    lossy.may_answer.set()

    result = await asyncio.wait_for(handle.result(), 60)
    assert before(result, f"console.{fqdn}") == [STRANGER]


async def test_a_delegation_that_was_written_is_told_though_the_answer_was_lost(
    mounted_temporal: Client, mounted: MountedBackends, world: World, lossy: LossyApi
) -> None:
    await world.create_zone(world.parent)
    child = f"t126.{world.parent}"
    mounted.lead_to_powerdns(lossy.url)
    lossy.lose = 1
    request = world.request(child, parentDomains=[{"name": child}], certificate={"enabled": False})

    handle = await start(mounted_temporal, request, workflow_id=f"sovereign/{child}")
    result = await handle.result()

    delegation = [r for r in result["records"] if r["zone"] == f"{world.parent}."]
    assert {(r["type"], r["change"]) for r in delegation} == {("NS", "created"), ("DS", "created")}
    assert changes(result) == {"created": 16}


async def test_a_cancelled_run_ends_when_its_write_has_and_tells_what_it_replaced(
    mounted_temporal: Client, mounted: MountedBackends, world: World, lossy: LossyApi
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER))
    mounted.lead_to_powerdns(lossy.url)
    lossy.may_answer.clear()
    request = world.request(fqdn, certificate={"enabled": False})
    handle = await start(mounted_temporal, request, workflow_id=f"sovereign/{fqdn}")
    await lossy.done.wait()

    await handle.cancel()
    asked = await start(mounted_temporal, world.request(fqdn, loadBalancerIP="77.42.11.99"))
    with pytest.raises(WorkflowFailureError, match="failed") as refused:
        await asked.result()
    lossy.may_answer.set()

    assert "AlreadyInProgress" in repr(refused.value.cause)
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    status = await handle.query("status")
    assert status["phase"] == "cancelled"
    assert step(status, "records-upsert")["state"] == "done"
    assert step(status, "dns-verify")["state"] == "pending"
    assert before(status, f"console.{fqdn}") == [STRANGER]
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}


async def test_a_powerdns_that_accepts_and_never_answers_is_told_as_that(
    mounted_temporal: Client, mounted: MountedBackends, world: World, stack_description: dict[str, str]
) -> None:
    async with LossyApi(stack_description["CATALYST_POWERDNS_API_URL"], "GET") as silent:
        silent.may_answer.clear()
        mounted.lead_to_powerdns(silent.url)
        fqdn = f"t1.{world.parent}"
        handle = await start(mounted_temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")

        told = await waiting_for(handle, f"zone-create/{world.parent}")

        assert told.startswith("PowerDNSUnavailable: PowerDNS at ")
        assert "the answer took too long" in told
        await handle.terminate()

"""The updates and the query: what catalyst-api and an operator say to a run."""

from typing import Any

import pytest
from temporalio.client import Client, WithStartWorkflowOperation, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError, CancelledError

from tests.eventually import eventually
from tests.runs import Handle, start, step, waiting_for
from tests.world import LOAD_BALANCER, World, names_of


async def stuck_at_the_certificate(temporal: Client, world: World) -> Handle:
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    fqdn = f"t1.{world.parent}"
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")

    async def the_challenge_is_pending() -> bool:
        return "DNS-01" in await waiting_for(handle, f"certificate-ready/{world.parent}")

    await eventually(the_challenge_is_pending)
    return handle


async def test_start_and_wait_for_the_records_in_one_call(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    beginning: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        "ProvisionSovereign",
        world.request(fqdn),
        id=f"sovereign/{fqdn}",
        task_queue="sovereign-dns",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
    )

    status = await temporal.execute_update_with_start_workflow(
        "await_step", {"step": "records-upsert"}, start_workflow_operation=beginning
    )

    assert step(status, "records-upsert")["state"] == "done"
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}
    await (await beginning.workflow_handle()).terminate()


async def test_skipping_a_step_ends_the_run_with_the_reason_in_the_result(temporal: Client, world: World) -> None:
    handle = await stuck_at_the_certificate(temporal, world)

    await handle.execute_update("skip_step", {"step": "certificate-ready", "reason": "issued by hand, ticket 42"})

    result = await handle.result()
    skipped = step(result, "certificate-ready")
    assert (skipped["state"], skipped["outcome"]) == ("skipped", "given up: issued by hand, ticket 42")
    assert result["phase"] == "degraded"
    assert step(result, "dns-verify")["state"] == "done"
    reason = result["certificates"][0]["reason"]
    assert reason.startswith("given up waiting for it; when it was last looked at: ")
    assert "Waiting for DNS-01 challenge propagation" in reason


async def while_the_certificate_is_being_asked_for(temporal: Client, world: World, *failing: str) -> Handle:
    """The answer of the Kubernetes API is on its way, so that what happens now happens meanwhile."""
    namespace = f"ns-{world.unique}"
    await world.fault(world.kubernetes, namespace=namespace, call="patch", kind="slow", seconds=2, times=1)
    for kind in failing:
        await world.fault(world.kubernetes, namespace=namespace, call="create", kind=kind)
    fqdn = f"t1.{world.parent}"
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    await handle.execute_update("await_step", {"step": "dns-verify"})
    status = await handle.query("status")
    assert step(status, "certificate-request")["state"] == "running"
    return handle


async def give_up(handle: Handle, name: str) -> None:
    await handle.execute_update("skip_step", {"step": name, "reason": "by hand, ticket 42"})


async def test_a_step_that_is_given_up_is_skipped_although_its_last_attempt_failed(
    temporal: Client, world: World
) -> None:
    handle = await while_the_certificate_is_being_asked_for(temporal, world, "forbidden")

    await give_up(handle, "certificate-request")
    await give_up(handle, "certificate-ready")

    result = await handle.result()
    assert result["phase"] == "degraded"
    for name in ("certificate-request", "certificate-ready"):
        assert step(result, name)["state"] == "skipped"
        assert step(result, name)["outcome"] == "given up: by hand, ticket 42"


async def test_a_step_that_was_done_before_it_could_be_given_up_is_done(temporal: Client, world: World) -> None:
    handle = await while_the_certificate_is_being_asked_for(temporal, world)

    await give_up(handle, "certificate-request")

    result = await handle.result()
    assert result["phase"] == "complete"
    assert step(result, "certificate-request")["outcome"] == "created"


async def test_a_run_that_is_cancelled_while_a_step_is_given_up_ends_with_that_step(
    temporal: Client, world: World
) -> None:
    handle = await while_the_certificate_is_being_asked_for(temporal, world, "forbidden")

    await give_up(handle, "certificate-request")
    await handle.cancel()

    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()
    assert isinstance(ended.value.cause, CancelledError)
    status = await handle.query("status")
    assert step(status, "certificate-request")["state"] == "skipped"
    assert step(status, "certificate-ready")["state"] == "pending"


@pytest.mark.parametrize(
    ("update", "argument", "words"),
    [
        ("skip_step", {"step": "records-upsert", "reason": "x"}, "step"),
        ("skip_step", {"step": "certificate-ready"}, "reason: is required"),
        (
            "skip_step",
            {"step": "certificate-ready", "reason": "x", "domain": "not.there"},
            "no parent domain not.there",
        ),
        ("await_step", {"step": "coffee"}, "step"),
        ("await_step", {"Step": "dns-verify"}, "Step"),
    ],
)
async def test_an_update_that_makes_no_sense_is_refused_and_the_run_goes_on(
    temporal: Client, world: World, update: str, argument: dict[str, str], words: str
) -> None:
    handle = await stuck_at_the_certificate(temporal, world)

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await handle.execute_update(update, argument)

    assert isinstance(refused.value.cause, ApplicationError)
    assert refused.value.cause.type == "InvalidInput"
    assert words in refused.value.cause.message
    assert (await handle.query("status"))["phase"] == "provisioning"
    await handle.terminate()


async def test_waiting_for_a_step_of_a_refused_request_fails_with_its_reason(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    beginning: WithStartWorkflowOperation[Any, Any] = WithStartWorkflowOperation(
        "ProvisionSovereign",
        world.request(fqdn, loadBalancerIP="10.0.0.1"),
        id=f"sovereign/{fqdn}",
        task_queue="sovereign-dns",
        id_conflict_policy=WorkflowIDConflictPolicy.FAIL,
    )

    with pytest.raises(WorkflowUpdateFailedError) as failed:
        await temporal.execute_update_with_start_workflow(
            "await_step", {"step": "records-upsert"}, start_workflow_operation=beginning
        )

    assert isinstance(failed.value.cause, ApplicationError)
    assert failed.value.cause.type == "InvalidInput"
    assert "10.0.0.1" in failed.value.cause.message


async def test_an_update_to_a_run_that_handed_over_says_where_to_send_it(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    outer = await start(temporal, world.request(fqdn))
    lock = f"sovereign/{fqdn}"

    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await outer.execute_update("await_step", {"step": "records-upsert"})

    assert lock in str(refused.value.cause)
    assert (await outer.query("status"))["handedOverTo"] == lock
    await temporal.get_workflow_handle(lock).terminate()


async def test_cancelling_a_run_that_handed_over_cancels_the_one_that_works(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    outer = await start(temporal, world.request(fqdn))
    inner = temporal.get_workflow_handle(f"sovereign/{fqdn}")
    with pytest.raises(WorkflowUpdateFailedError):
        await outer.execute_update("await_step", {"step": "records-upsert"})  # by now it has handed over
    await waiting_for(inner, f"certificate-ready/{world.parent}")

    await outer.cancel()

    with pytest.raises(WorkflowFailureError) as ended:
        await outer.result()
    assert isinstance(ended.value.cause, CancelledError)
    with pytest.raises(WorkflowFailureError):
        await inner.result()
    status = await inner.query("status")
    assert status["phase"] == "cancelled"


async def test_the_current_details_show_a_checklist(temporal: Client, world: World) -> None:
    handle = await stuck_at_the_certificate(temporal, world)

    await handle.execute_update("await_step", {"step": "dns-verify"})

    details = await handle.query("__temporal_workflow_metadata")

    shown = details["currentDetails"] if isinstance(details, dict) else details.current_details
    assert f"✔ `records-upsert` {world.parent}: 14 created" in shown
    assert f"✔ {world.description['POWERDNS_DNS']} **converged**" in shown
    assert f"◔ `certificate-ready` {world.parent}: running since" in shown
    await handle.terminate()


async def test_a_run_is_found_by_its_search_attributes(temporal: Client, world: World) -> None:
    handle = await stuck_at_the_certificate(temporal, world)

    description = await handle.describe()

    attributes = {pair.key.name: pair.value for pair in description.typed_search_attributes}
    assert attributes["SovereignFQDN"] == f"t1.{world.parent}"
    assert attributes["SovereignDeployment"] == "d1"
    assert attributes["SovereignPhase"] == "provisioning"
    await handle.terminate()

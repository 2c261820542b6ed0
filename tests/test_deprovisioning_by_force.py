"""`DeprovisionSovereign` while another run of the Sovereign works: refused, or by force after it was cancelled."""

from temporalio.client import Client, WorkflowExecutionStatus

from tests.eventually import eventually
from tests.removals import AUTHORITATIVE, content_of, deprovision, removal_of, removed, start_removal
from tests.runs import failure_of, start, step, waiting_for, waiting_with
from tests.world import LOAD_BALANCER, World, rrset


async def test_one_that_works_is_refused_or_followed_by_force(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    before = await content_of(world, world.parent)
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    provisioning = await start(
        temporal, world.request(fqdn, verification=AUTHORITATIVE), workflow_id=f"sovereign/{fqdn}"
    )
    await waiting_for(provisioning, f"certificate-ready/{world.parent}")

    refused = await failure_of(await start_removal(temporal, removal_of(world, fqdn), workflow_id="any-" + fqdn))
    assert refused.type == "AlreadyInProgress"
    assert "force" in refused.message

    protected = removal_of(world, "console.openova.io", force=True)
    assert (
        await failure_of(await start_removal(temporal, protected, workflow_id=f"bad-{fqdn}"))
    ).type == "ProtectedName"

    handle = await start_removal(temporal, removal_of(world, fqdn, force=True), workflow_id="forced-" + fqdn)
    result = await handle.result()

    assert result["phase"] == "complete", result["steps"]
    assert result["handedOverTo"] == f"sovereign/{fqdn}"
    waited = step(result, "lock-await", fqdn)
    assert waited["state"] == "done"
    assert provisioning.first_execution_run_id in waited["outcome"]
    cancelled = temporal.get_workflow_handle(provisioning.id, run_id=provisioning.first_execution_run_id)
    assert (await cancelled.describe()).status is WorkflowExecutionStatus.CANCELED
    assert await content_of(world, world.parent) == before
    assert await world.certificate(f"ns-{world.unique}", f"{fqdn}-wildcard-tls") is None


async def test_a_run_that_does_not_end_is_named_and_cancelled_once(temporal: Client, world: World) -> None:
    """As when no worker goes on with it. So is one that somebody else has started meanwhile."""
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    lock_id = f"sovereign/{fqdn}"
    stuck = await temporal.start_workflow(
        "ProvisionSovereign", world.request(fqdn, deploymentId="d2"), id=lock_id, task_queue=f"nobody-{world.unique}"
    )

    older = await start_removal(
        temporal, removal_of(world, fqdn, deploymentId="d1", force=True), workflow_id=f"o-{fqdn}"
    )
    refused = await failure_of(older)
    assert (refused.type, "d2" in refused.message) == ("OwnershipConflict", True), refused.message
    assert not (await stuck.describe()).raw_description.workflow_extended_info.cancel_requested

    handle = await start_removal(temporal, removal_of(world, fqdn, force=True), workflow_id=f"forced-{fqdn}")
    told = await waiting_with(handle, f"lock-await/{fqdn}", "LockHeld", str(stuck.first_execution_run_id), lock_id)
    assert "a worker that goes on with it" in told
    status = await handle.query("status")
    assert (status["phase"], step(status, "lock-await")["state"]) == ("deprovisioning", "running")

    async def looked_twice() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(one.attempt > 2 for one in pending)

    await eventually(looked_twice)
    asked = [
        e
        for e in (await stuck.fetch_history()).events
        if e.HasField("workflow_execution_cancel_requested_event_attributes")
    ]
    assert len(asked) == 1

    await stuck.terminate("by the test")
    next_one = await temporal.start_workflow(
        "ProvisionSovereign", world.request(fqdn), id=lock_id, task_queue=f"nobody-{world.unique}"
    )
    await waiting_with(handle, f"lock-await/{fqdn}", "LockHeld", str(next_one.first_execution_run_id))
    await next_one.terminate("by the test")
    assert (await handle.result())["phase"] == "complete"


async def test_started_under_the_lock_force_changes_nothing(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(fqdn, "A", LOAD_BALANCER, owner=fqdn))

    result = await deprovision(temporal, removal_of(world, fqdn, force=True))

    assert result["phase"] == "complete", result["steps"]
    assert removed(result) == [fqdn]
    assert "lock-await" not in {s["step"] for s in result["steps"]}

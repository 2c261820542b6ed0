"""Giving up a step and cancelling a run, from the command line, the plain `temporal` command and any SDK."""

import asyncio
import json

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError

from tests.command_line import interrupted, read_until, run, running
from tests.conftest import StartWorker
from tests.eventually import eventually
from tests.runs import Handle, start, step, waiting_for
from tests.world import World


async def seen_in_the_ui(handle: Handle) -> str:
    """The current details."""
    metadata = await handle.query("__temporal_workflow_metadata")
    details: str = metadata["currentDetails"] if isinstance(metadata, dict) else metadata.current_details
    return details


async def test_a_step_is_skipped_with_a_reason_that_stays_in_the_result(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    """Once by the command line, once by the plain `temporal` command, as the Web UI's form does; SDK: test_updates."""
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    fqdn, other = f"t1.{world.parent}", f"h{world.unique}.homes"
    parents = [{"name": world.parent}, {"name": other}]
    outer = await start(temporal, world.request(fqdn, parentDomains=parents))
    lock = temporal.get_workflow_handle(f"sovereign/{fqdn}")

    async def both_are_proved() -> bool:
        status = await lock.query("status")
        return all(step(status, "dns-verify", domain)["state"] == "done" for domain in (world.parent, other))

    for domain in (world.parent, other):
        await waiting_for(lock, f"certificate-ready/{domain}")
    await eventually(both_are_proved)
    skip = ["skip", fqdn, "certificate-ready", "--reason", "issued by hand, ticket 42"]

    wrong = run(environment, *skip, "--domain", "not.there")
    assert (wrong.returncode, "no parent domain not.there" in wrong.stderr) == (1, True), wrong.stderr
    done = run(environment, "skip", fqdn, "dns-verify", "--reason", "x", "--domain", other)
    assert (done.returncode, f"dns-verify for {other} was done already" in done.stdout) == (0, True), done.stdout

    by_cli = run(environment, *skip, "--domain", world.parent)
    argument = json.dumps({"step": "certificate-ready", "domain": other, "reason": "by the UI"})
    by_temporal = world.temporal_command(
        temporal.namespace,
        *["workflow", "update", "execute", "--workflow-id", lock.id, "--name", "skip_step", "--input", argument],
    )

    assert by_cli.returncode == 0, by_cli.stderr
    assert f"certificate-ready for {world.parent} is given up: issued by hand, ticket 42" in by_cli.stdout
    assert by_temporal.returncode == 0, by_temporal.stderr
    result = await outer.result()
    assert result["phase"] == "degraded"
    assert step(result, "certificate-ready", world.parent)["outcome"] == "given up: issued by hand, ticket 42"
    assert step(result, "certificate-ready", other)["outcome"] == "given up: by the UI"
    late = run(environment, *skip)
    assert (late.returncode, f"no run works on {fqdn}" in late.stderr) == (1, True), late.stderr


async def test_cancelling_leaves_what_is_done_and_a_new_run_carries_on(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="forbidden")
    fqdn = f"t1.{world.parent}"
    await start(temporal, world.request(fqdn))
    lock = temporal.get_workflow_handle(f"sovereign/{fqdn}")

    async def the_records_are_proved() -> bool:
        return bool(step(await lock.query("status"), "dns-verify")["state"] == "done")

    await waiting_for(lock, f"certificate-request/{world.parent}")
    await eventually(the_records_are_proved)

    ended = run(environment, "cancel", fqdn)

    assert ended.returncode == 0, ended.stderr
    shown = " ".join(ended.stdout.split())
    assert f"✔ records-upsert {world.parent} 14 created" in shown
    assert f"✘ certificate-request {world.parent} stopped, since the run ended: it was cancelled" in shown
    assert f"· certificate-ready {world.parent}" in shown
    assert f"sovereign-dns provision --again {fqdn}" in ended.stderr
    assert (await lock.describe()).status == WorkflowExecutionStatus.CANCELED
    assert (await lock.query("status"))["phase"] == "cancelled"
    seen = await seen_in_the_ui(lock)
    assert f"{fqdn} was cancelled; what is done stays done, and a new run carries on from it" in seen
    assert f"✔ `records-upsert` {world.parent}: 14 created" in seen
    late = run(environment, "cancel", fqdn)
    assert (late.returncode, "the latest one has ended (CANCELED)" in late.stderr) == (1, True), late.stderr
    assert f"sovereign-dns provision --again {fqdn}" in run(environment, "status", fqdn).stderr

    await world.kubernetes.delete("/simulator/faults", params={"namespace": f"ns-{world.unique}"})
    again = run(environment, "provision", "--again", fqdn, "--json")
    assert again.returncode == 0, again.stderr
    assert step(json.loads(again.stdout), "records-upsert")["outcome"] == "0 created, 0 replaced, 14 unchanged"


async def test_without_a_worker_both_say_so_and_take_effect_when_one_comes(
    environment: dict[str, str], special_temporal: Client, start_worker: StartWorker, world: World
) -> None:
    special = environment | {"TEMPORAL_NAMESPACE": special_temporal.namespace}
    skipped_fqdn, cancelled_fqdn = f"t1.{world.parent}", f"t2.{world.parent}"
    skipped, cancelled = [
        await start(special_temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
        for fqdn in (skipped_fqdn, cancelled_fqdn)
    ]
    skip = ["skip", skipped_fqdn, "certificate-ready", "--reason", "by hand"]
    skipping = asyncio.create_task(asyncio.to_thread(run, special, *skip))
    async with running(special, "cancel", cancelled_fqdn) as cancelling:
        await read_until("the cancellation is recorded, but no worker answers", cancelling.stderr)
        _, stderr = await interrupted(cancelling)
    told = await skipping
    gone = await start(
        special_temporal, world.request(f"t3.{world.parent}"), workflow_id=f"sovereign/t3.{world.parent}"
    )
    async with running(special, "cancel", f"t3.{world.parent}") as cancelling_in_vain:
        await read_until("the cancellation is recorded, but no worker answers", cancelling_in_vain.stderr)
        await gone.terminate(reason="by somebody else")
        stdout, unheard = await cancelling_in_vain.communicate()
    assert cancelling_in_vain.returncode == 1, stdout
    assert "the run was terminated (by somebody else)" in unheard.decode()

    assert (told.returncode, "no worker answered within 10 s" in told.stderr) == (1, True), told.stderr
    assert (cancelling.returncode, "the cancellation stays recorded" in stderr) == (130, True), stderr
    start_worker()
    with pytest.raises(WorkflowFailureError):
        await cancelled.result()
    assert (await cancelled.describe()).status == WorkflowExecutionStatus.CANCELED
    assert step(await skipped.result(), "certificate-ready")["outcome"] == "given up: by hand"


async def test_a_run_that_handed_over_to_a_cancelled_one_says_so(temporal: Client, world: World) -> None:
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="forbidden")
    fqdn = f"t1.{world.parent}"
    outer = await start(temporal, world.request(fqdn))
    lock = temporal.get_workflow_handle(f"sovereign/{fqdn}")

    await waiting_for(lock, f"certificate-request/{world.parent}")
    await lock.cancel()

    with pytest.raises(WorkflowFailureError) as ended:
        await outer.result()
    assert "cancelled; what is done stays done" in str(ended.value.cause)
    assert (await outer.query("status"))["phase"] == "cancelled"
    seen = await seen_in_the_ui(outer)
    assert f"{fqdn} was cancelled" in seen
    assert f"`{lock.id}`" in seen

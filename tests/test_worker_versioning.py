"""Temporal's worker versioning: off unless the environment turns it on; then runs wait for a version to be current."""

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from temporalio.api.enums.v1 import EventType, VersioningBehavior
from temporalio.api.workflow.v1 import WorkflowExecutionVersioningInfo
from temporalio.client import Client
from temporalio.service import RPCError

from devstack.worker_process import WorkerProcess
from tests.documents import CHANGING_WORKFLOWS, temporal_command
from tests.eventually import eventually
from tests.namespaces import OwnNamespace
from tests.runs import Handle, provision, start, waiting_for
from tests.world import World

PROJECT = Path(__file__).parent.parent


def build(build_id: str) -> dict[str, str]:
    return {"TEMPORAL_DEPLOYMENT_NAME": "sovereign-dns", "TEMPORAL_WORKER_BUILD_ID": build_id}


async def versioning_of(handle: Handle) -> WorkflowExecutionVersioningInfo:
    description = await handle.describe()
    return description.raw_description.workflow_execution_info.versioning_info


async def build_of(handle: Handle) -> str:
    return (await versioning_of(handle)).deployment_version.build_id


def test_half_a_version_is_told_by_its_settings(stack_description: dict[str, str], tmp_path: Path) -> None:
    known = {key: value for key, value in stack_description.items() if key.startswith("CATALYST_")}
    ended = subprocess.run(
        [sys.executable, str(PROJECT / "worker.py")],
        env=known | {"PATH": os.environ["PATH"], "TEMPORAL_WORKER_BUILD_ID": "1.0.0"},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ended.returncode == 2
    assert "TEMPORAL_WORKER_BUILD_ID is set, but not TEMPORAL_DEPLOYMENT_NAME" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_it_is_off_by_default(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await provision(temporal, world.request(fqdn, dryRun=True), workflow_id=f"plan/{fqdn}")

    assert not (await versioning_of(temporal.get_workflow_handle(f"plan/{fqdn}"))).HasField("deployment_version")
    listed = world.temporal_command(temporal.namespace, "worker", "deployment", "list", "--output", "json")
    assert (listed.returncode, json.loads(listed.stdout)) == (0, [])


def set_current(namespace: OwnNamespace, build_id: str) -> None:
    namespace.command(*temporal_command(CHANGING_WORKFLOWS, "set-current-version", "--build-id", build_id=build_id))


async def as_soon_as_it_waits(handle: Handle, activity_id: str) -> None:
    async def it_waits() -> bool:
        with suppress(RPCError):  # a child may not have been started yet
            return bool(await waiting_for(handle, activity_id))
        return False

    await eventually(it_waits)


async def attempted_by(worker: WorkerProcess, handle: Handle, activity_id: str) -> None:
    """Returns once an attempt of the waiting step was this worker's."""

    async def by_this_worker() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(
            p.activity_id == activity_id and p.last_worker_identity.startswith(f"{worker.pid}@") for p in pending
        )

    await eventually(by_this_worker)


async def first_task_started(handle: Handle) -> datetime:
    events = [event async for event in handle.fetch_history_events()]
    started = [event for event in events if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED]
    return started[0].event_time.ToDatetime(UTC)


async def test_a_waiting_run_moves_on_with_the_current_version(own_namespace: OwnNamespace, world: World) -> None:
    """Versioning is turned on under a run that waits, rolled to a second version, and turned off again."""
    temporal = await own_namespace.create()
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    fqdn = f"t1.{world.parent}"
    lock, waiting = f"sovereign/{fqdn}", f"certificate-ready/{world.parent}"
    unversioned = own_namespace.start_fresh_worker()
    outer = await start(temporal, world.request(fqdn))
    inner = temporal.get_workflow_handle(lock)
    await as_soon_as_it_waits(inner, waiting)

    first = own_namespace.start_fresh_worker(**build("1"))
    unversioned.stop()
    # Nobody may take it as long as no version is current, although a worker polls.
    plan = await start(temporal, world.request(f"t2.{world.parent}", dryRun=True))
    assert await build_of(inner) == ""

    before = datetime.now(UTC)
    set_current(own_namespace, "1")
    assert (await plan.result())["phase"] == "planned"
    assert await first_task_started(plan) > before
    assert (await versioning_of(plan)).behavior == VersioningBehavior.VERSIONING_BEHAVIOR_AUTO_UPGRADE
    await attempted_by(first, inner, waiting)
    assert await build_of(inner) == "1"

    second = own_namespace.start_fresh_worker(**build("2"))
    plan = await start(temporal, world.request(f"t2.{world.parent}", dryRun=True))
    assert (await plan.result())["phase"] == "planned"
    assert await build_of(plan) == "1", "a version that is not current gets nothing"
    assert await build_of(inner) == "1"

    set_current(own_namespace, "2")
    first.stop()
    await attempted_by(second, inner, waiting)
    await world.kubernetes.delete("/simulator/faults", params={"namespace": f"ns-{world.unique}"})

    assert (await outer.result())["phase"] == "complete"
    assert [await build_of(run) for run in (inner, outer)] == ["2", "2"]
    described = own_namespace.command(*temporal_command(CHANGING_WORKFLOWS, "deployment", "describe"))
    assert re.search(r"CurrentVersionBuildID +2\n", described)
    assert '"deployment_version": "sovereign-dns.2"' in second.log.read_text(encoding="utf-8")

    own_namespace.command(*temporal_command(CHANGING_WORKFLOWS, "set-current-version", "--unversioned"))
    second.stop()
    unversioned.start()
    assert (await provision(temporal, world.request(f"t2.{world.parent}", dryRun=True)))["phase"] == "planned"

"""The sticky time-out: how long a run waits for a worker that has gone, and what a shorter one does to a crowd."""

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from temporalio.api.enums.v1 import EventType
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks.report import CheckFailedError, Table
from benchmarks.sovereigns import request_without_certificate
from benchmarks.varied_engine import AS_SET, Variant, play
from benchmarks.varied_worker import SHORT_STICKY, VariedWorker
from devstack.ports import Ports, free_port
from devstack.stack import Stack
from devstack.worker_process import WorkerProcess
from sovereign_dns.contract import PROVISION_SOVEREIGN, TASK_QUEUE, ProvisionResult, sovereign_workflow_id

RUNS = 5
CROWD = 500


class End(NamedTuple):
    """How a worker ends, and what of it was changed."""

    what: str
    change: str | None
    killed: bool


ENDS = (
    End("killed, sticky time-out as set", None, killed=True),
    End(f"killed, {SHORT_STICKY}", SHORT_STICKY, killed=True),
    End("ended by SIGTERM, sticky time-out as set", None, killed=False),
)

_SKIP = {"step": "dns-verify", "reason": "the benchmark asks"}

Run = WorkflowHandle[object, object]


def waited_for_killed_workers() -> Table:
    """Ends workers that hold runs, and asks those at once of the next worker.

    Raises:
        CheckFailedError: a run answered something else.
    """
    with (
        tempfile.TemporaryDirectory() as state,
        Stack(Path(state), Ports.free(), worker=False, simulators=False) as stack,
    ):
        return asyncio.run(_play(stack))


def timed_out_in_a_crowd() -> Table:
    """Plays a crowd with both, and counts the workflow tasks that waited for longer at the worker that had the run.

    Raises:
        CheckFailedError: a result or a zone is not exactly as it should be.
    """
    rows = []
    for variant in (AS_SET, Variant(SHORT_STICKY, change=SHORT_STICKY)):
        played = play(variant, 0, CROWD)
        kinds = Counter(event.event_type for history in played.histories for event in history.events)
        timed_out = kinds[EventType.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT]
        rows.append(
            [
                variant.what,
                str(kinds[EventType.EVENT_TYPE_WORKFLOW_TASK_SCHEDULED]),
                str(timed_out),
                f"{played.a_minute:.0f}",
                f"{played.worker_ms:.0f}",
                f"{played.temporal_ms:.0f}",
            ]
        )
    return Table(
        title=f"{CROWD} Sovereigns at once",
        columns=["", "workflow tasks", "timed out", "Sovereigns a minute", "worker's CPU, ms", "Temporal's CPU, ms"],
        rows=rows,
    )


async def _play(stack: Stack) -> Table:
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    stack.powerdns.stop()  # so that each run waits
    rows = []
    for number, end in enumerate(ENDS):
        worker = _worker(stack, f"ended-{number}", end.change)
        await asyncio.to_thread(worker.start)
        runs = await asyncio.gather(*(_waiting_run(client, f"t{index}.k{number}.works") for index in range(RUNS)))
        await asyncio.to_thread(worker.kill if end.killed else worker.stop)
        following = _worker(stack, f"following-{number}", None)
        await asyncio.to_thread(following.start)
        try:
            seconds = await asyncio.gather(*(_asked(run) for run in runs))
        finally:
            await asyncio.to_thread(following.kill)
        rows.append([end.what, f"{statistics.median(seconds):.1f}", f"{max(seconds):.1f}"])
    return Table(
        title="Seconds until a run answers, from when the next worker is ready",
        columns=["its worker was", "median", "longest"],
        rows=rows,
    )


def _worker(stack: Stack, name: str, change: str | None) -> WorkerProcess:
    log, port = stack.state / "logs" / f"{name}.log", free_port()
    if change is None:
        return WorkerProcess(stack.environment(), port, log)
    return VariedWorker(stack, port, log, change)


async def _waiting_run(client: Client, fqdn: str) -> Run:
    """One whose first step has failed, and will be attempted again."""
    run: Run = await client.start_workflow(
        PROVISION_SOVEREIGN, request_without_certificate(fqdn), id=sovereign_workflow_id(fqdn), task_queue=TASK_QUEUE
    )
    while True:
        pending = (await run.describe()).raw_description.pending_activities
        if any(one.attempt > 1 for one in pending):
            return run
        await asyncio.sleep(0.1)


async def _asked(run: Run) -> float:
    began = time.perf_counter()
    answer: ProvisionResult = await run.execute_update("skip_step", _SKIP, result_type=ProvisionResult)
    seconds = time.perf_counter() - began
    steps = {step.step for step in answer.steps}
    if sovereign_workflow_id(answer.sovereign_fqdn) != run.id or not steps >= {"zone-create", "dns-verify"}:
        raise CheckFailedError(f"{run.id} answered {answer.model_dump_json()}")
    return seconds

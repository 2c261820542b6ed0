"""How long a run doesn't answer after its worker has gone, by the sticky time-out."""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks.report import CheckFailedError, Table
from benchmarks.sovereigns import request_without_certificate
from benchmarks.varied_worker import SHORT_STICKY, VariedWorker
from devstack.ports import Ports, free_port
from devstack.stack import Stack
from devstack.worker_process import WorkerProcess
from sovereign_dns.contract import PROVISION_SOVEREIGN, TASK_QUEUE, sovereign_workflow_id

RUNS = 5

_SKIP = {"step": "dns-verify", "reason": "the benchmark asks"}

Run = WorkflowHandle[object, object]


def killed_worker() -> Table:
    """Ends workers that hold runs, and asks those at once of the next worker.

    Raises:
        CheckFailedError: a run did not do what it was asked.
    """
    with (
        tempfile.TemporaryDirectory() as state,
        Stack(Path(state), Ports.free(), worker=False, simulators=False) as stack,
    ):
        return asyncio.run(_play(stack))


async def _play(stack: Stack) -> Table:
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    stack.recursor.stop()  # so that each run waits for its proof
    rows = []
    for number, (what, change, kill) in enumerate(
        [
            ("killed (SIGKILL), sticky time-out of 10 s", None, True),
            (f"killed (SIGKILL), {SHORT_STICKY}", SHORT_STICKY, True),
            ("ended (SIGTERM), sticky time-out of 10 s", None, False),
        ]
    ):
        worker = _worker(stack, number, change)
        await asyncio.to_thread(worker.start)
        runs = [await _waiting_run(client, f"t{index}.k{number}.works") for index in range(RUNS)]
        await asyncio.to_thread(worker.kill if kill else worker.stop)
        following = _worker(stack, f"after-{number}", None)
        await asyncio.to_thread(following.start)
        try:
            seconds = await asyncio.gather(*(_asked(run) for run in runs))
        finally:
            await asyncio.to_thread(following.stop)
        rows.append([what, f"{statistics.median(seconds):.1f}", f"{max(seconds):.1f}"])
    return Table(
        title="Seconds until a waiting run does what it is told, from when the next worker is ready",
        columns=["its worker was", "median", "longest"],
        rows=rows,
    )


def _worker(stack: Stack, name: int | str, change: str | None) -> WorkerProcess:
    log, port = stack.state / "logs" / f"worker-{name}.log", free_port()
    if change is None:
        return WorkerProcess(stack.environment(), port, log)
    return VariedWorker(stack, port, log, change)


async def _waiting_run(client: Client, fqdn: str) -> Run:
    """One that has attempted its proof, and will again."""
    run: Run = await client.start_workflow(
        PROVISION_SOVEREIGN, request_without_certificate(fqdn), id=sovereign_workflow_id(fqdn), task_queue=TASK_QUEUE
    )
    while True:
        pending = (await run.describe()).raw_description.pending_activities
        if any(one.activity_id.startswith("dns-verify/") and one.attempt > 1 for one in pending):
            return run
        await asyncio.sleep(0.1)


async def _asked(run: Run) -> float:
    began = time.perf_counter()
    await run.execute_update("skip_step", _SKIP)
    seconds = time.perf_counter() - began
    result = await run.result()
    states = {step["step"]: step["state"] for step in result["steps"]}  # type: ignore[index]
    if (states["records-upsert"], states["dns-verify"]) != ("done", "skipped"):
        raise CheckFailedError(f"{run.id}, asked to skip its proof: {states}")
    return seconds

"""Our worker with one setting of its engine changed: `python -m benchmarks.varied_worker WHAT`."""

import asyncio
import os
import sys
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

import uvloop
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import PollerBehaviorAutoscaling, UnsandboxedWorkflowRunner, Worker

import worker
from devstack.stack import Stack
from devstack.worker_process import WorkerProcess
from service import event_loop


class Change(NamedTuple):
    """What is another than in our worker."""

    of: object
    attribute: str
    value: object


def _options(**options: object) -> Change:
    """Of the SDK's workers."""
    return Change(worker, "Worker", partial(Worker, **options))  # type: ignore[arg-type]


SHORT_STICKY = "sticky time-out of 3 s (10 s)"

CHANGES = {
    "20 workflows in the cache (1,000)": _options(max_cached_workflows=20),
    SHORT_STICKY: _options(sticky_queue_schedule_to_start_timeout=timedelta(seconds=3)),
    "pollers that scale themselves (5 of each kind)": _options(
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
    ),
    "no eager starts (eager)": _options(disable_eager_activity_execution=True),
    "8 of PowerDNS' steps at once (64)": Change(worker, "POWERDNS_ACTIVITIES_AT_ONCE", 8),
    "the SDK's pydantic converter (ours)": Change(worker, "contract_data_converter", pydantic_data_converter),
    "asyncio's own loop (uvloop)": Change(uvloop, "run", asyncio.run),
    "garbage collection at 700 new objects (10,000)": Change(event_loop, "NEW_OBJECTS_TO_A_COLLECTION", 700),
    "no sandbox (a sandbox for each run)": Change(worker, "SANDBOX", UnsandboxedWorkflowRunner()),
}
"""By what each is called; what is set stands in parentheses."""


class VariedWorker(WorkerProcess):
    """It, as a process of its own on a stack."""

    def __init__(self, stack: Stack, port: int, log: Path, change: str) -> None:
        super().__init__(stack.environment(), port, log)
        self._change = change

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        return [sys.executable, "-u", "-m", "benchmarks.varied_worker", self._change]


if __name__ == "__main__":
    change = CHANGES[sys.argv[1]]
    setattr(change.of, change.attribute, change.value)
    code = worker.main()
    sys.stdout.flush()
    sys.stderr.flush()
    # As our worker ends: the SDK may crash while it is torn down.
    os._exit(code)

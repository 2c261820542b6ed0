"""The worker of the workflow that does nothing, on our worker's loop: `python -m benchmarks.do_nothing_worker`."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.worker import Worker

from benchmarks.do_nothing import TASK_QUEUE, DoNothing, nothing
from devstack.child_process import ChildProcess
from service import event_loop


class DoNothingWorker(ChildProcess):
    """Its worker, as a process of its own."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        super().__init__("do-nothing worker", log)
        self._environment = dict(environment)

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        return [sys.executable, "-u", "-m", "benchmarks.do_nothing_worker"]

    def environment(self) -> dict[str, str]:
        """Return what leads it to Temporal."""
        return self._environment

    def ready(self) -> bool:
        """Say whether it is about to poll."""
        return "ready" in self.log.read_text(encoding="utf-8")


async def _serve() -> None:
    client = await Client.connect(**ClientConfig.load_client_connect_config())
    async with Worker(client, task_queue=TASK_QUEUE, workflows=[DoNothing], activities=[nothing]):
        print("ready", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        event_loop.run(_serve())
    finally:
        os._exit(0)

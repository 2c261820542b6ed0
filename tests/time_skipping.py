"""Temporal's time-skipping test server: hours pass in a moment, and only when a test says so.

It knows no `ListSearchAttributes` and no `DescribeTaskQueue`: a worker believes that its search attributes are
known only where it is told so, and its health check never sees its own pollers.
"""

import os
import socket
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from google.protobuf.duration_pb2 import Duration
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import AddSearchAttributesRequest
from temporalio.api.testservice.v1 import SleepRequest
from temporalio.client import Client

import worker
from devstack.child_process import ChildProcess
from devstack.ports import free_port
from devstack.programs import find_program
from devstack.readiness import http_ok
from devstack.worker_process import WorkerProcess
from service import search_attributes


class TimeSkippingServer(ChildProcess):
    """`temporal-test-server`, in memory, with the one namespace `default`."""

    def __init__(self, state: Path) -> None:
        super().__init__("temporal-test-server", state / "logs" / "temporal-test-server.log")
        self._port = free_port()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def command(self) -> list[str]:
        return [find_program("temporal-test-server", "Run `make .venv`, which installs it."), str(self._port)]

    def ready(self) -> bool:
        with socket.socket() as attempt:
            return attempt.connect_ex(("127.0.0.1", self._port)) == 0


class WorkerInSkippedTime(WorkerProcess):
    """The worker with all that it does in production, but for what this server can't answer."""

    def __init__(self, server: TimeSkippingServer, settings: Mapping[str, str], log: Path) -> None:
        temporal = {"TEMPORAL_ADDRESS": server.address, "TEMPORAL_NAMESPACE": "default"}
        super().__init__(temporal | dict(settings), free_port(), log, script=Path(__file__))

    def ready(self) -> bool:
        return http_ok(f"{self.health_url}/livez")


async def register_keywords(client: Client, *names: str) -> None:
    await client.operator_service.add_search_attributes(
        AddSearchAttributesRequest(
            namespace=client.namespace,
            search_attributes=dict.fromkeys(names, IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD),
        )
    )


async def let_pass(client: Client, time: timedelta) -> None:
    """Skips time. It stands still, as the wall's does, while an activity runs or a workflow task is handled."""
    duration = Duration()
    duration.FromTimedelta(time)
    await client.test_service.unlock_time_skipping_with_sleep(SleepRequest(duration=duration))


def _run_the_worker() -> None:
    """What a `WorkerInSkippedTime` runs: `worker.py`, told that the namespace knows the search attributes."""

    async def known(client: Client) -> bool:
        return True

    search_attributes.register = known
    code = worker.main()
    sys.stdout.flush()
    os._exit(code)


if __name__ == "__main__":
    _run_the_worker()

"""Health over HTTP: `/livez` while the process works, `/readyz` while Temporal itself counts us among its pollers."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiohttp import web
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from sovereign_dns.contract import POWERDNS_TASK_QUEUE, TASK_QUEUE

POLLER_SEEN_WITHIN = timedelta(seconds=90)
"""A poll lasts for up to a minute; one that was seen longer ago has gone."""

_ANSWER_TIMEOUT = timedelta(seconds=5)
_REMEMBERED_SECONDS = 1.0

Check = Callable[[], Awaitable[dict[str, bool]]]


@dataclass(frozen=True)
class Polled:
    """One kind of task on one task queue, that the worker is expected to poll for."""

    name: str
    task_queue: str
    kind: "TaskQueueType.ValueType"


POLLED = (
    Polled("workflow", TASK_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW),
    Polled("activity", TASK_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
    Polled("powerdnsActivity", POWERDNS_TASK_QUEUE, TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY),
)
"""All that a worker process serves; it isn't ready while one of them is missing."""


class PollerCheck:
    """Asks the Temporal server whether it sees this worker poll: a process may live on when its polls don't."""

    def __init__(self, client: Client, identity: str) -> None:
        self._client = client
        self._identity = identity
        self._remembered: tuple[float, dict[str, bool]] | None = None
        self._asking = asyncio.Lock()

    async def __call__(self) -> dict[str, bool]:
        """Whether each kind of task is polled for, by its name. Asked at most once a second."""
        async with self._asking:
            if self._remembered and time.monotonic() - self._remembered[0] < _REMEMBERED_SECONDS:
                return self._remembered[1]
            answers = await asyncio.gather(*(self._is_polling(polled) for polled in POLLED))
            seen = {polled.name: answer for polled, answer in zip(POLLED, answers, strict=True)}
            self._remembered = (time.monotonic(), seen)
            return seen

    async def _is_polling(self, polled: Polled) -> bool:
        request = DescribeTaskQueueRequest(
            namespace=self._client.namespace,
            task_queue=TaskQueue(name=polled.task_queue),
            task_queue_type=polled.kind,
        )
        try:
            answer = await self._client.workflow_service.describe_task_queue(request, timeout=_ANSWER_TIMEOUT)
        except RPCError:
            return False
        oldest = datetime.now(UTC) - POLLER_SEEN_WITHIN
        return any(
            poller.identity == self._identity and poller.last_access_time.ToDatetime(UTC) > oldest
            for poller in answer.pollers
        )


class HealthServer:
    """Serves `/livez` and `/readyz`; until `check` is set, the worker isn't ready."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self.check: Check | None = None
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        """Starts to listen.

        Raises:
            OSError: the address can't be listened on.
        """
        application = web.Application()
        application.add_routes([web.get("/livez", self._livez), web.get("/readyz", self._readyz)])
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port).start()

    async def stop(self) -> None:
        """Stops listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _livez(self, _: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _readyz(self, _: web.Request) -> web.Response:
        polling = await self.check() if self.check else {polled.name: False for polled in POLLED}
        ready = all(polling.values())
        return web.json_response({"ready": ready, "polling": polling}, status=200 if ready else 503)

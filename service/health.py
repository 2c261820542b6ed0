"""Health over HTTP: `/livez` while the process works, `/readyz` while Temporal itself counts us among its pollers."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import h11
import structlog
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
_NOT_YET_REMEMBERED_SECONDS = 0.1
"""A worker that starts is ready a moment later."""

_REQUEST_SECONDS = 10.0
"""Who takes longer to ask, or to take the answer, is hung up on."""

_log = structlog.get_logger(__name__)

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
        """Whether each kind of task is polled for, by its name. Asked at most once a second, once it is."""
        async with self._asking:
            if self._remembered and time.monotonic() < self._remembered[0]:
                return self._remembered[1]
            answers = await asyncio.gather(*(self._is_polling(polled) for polled in POLLED))
            seen = {polled.name: answer for polled, answer in zip(POLLED, answers, strict=True)}
            kept = _REMEMBERED_SECONDS if all(seen.values()) else _NOT_YET_REMEMBERED_SECONDS
            self._remembered = (time.monotonic() + kept, seen)
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
    """Serves `/livez` and `/readyz`; until `check` is set, the worker isn't ready.

    One request a connection. A web framework would take a fifth of the worker's start, and a tenth of its memory.
    """

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self.check: Check | None = None
        self._listening: asyncio.Server | None = None

    async def start(self) -> None:
        """Starts to listen.

        Raises:
            OSError: the address can't be listened on.
        """
        self._listening = await asyncio.start_server(self._serve, self._host, self._port)

    async def stop(self) -> None:
        """Stops listening."""
        if self._listening is not None:
            self._listening.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(OSError):  # a TimeoutError among them
            async with asyncio.timeout(_REQUEST_SECONDS):
                connection = h11.Connection(h11.SERVER)
                try:
                    if request := await _request(connection, reader):
                        answer = _response(connection, *await self._answer(request))
                        writer.writelines(answer[:1] if request.method == b"HEAD" else answer)
                except h11.RemoteProtocolError as error:
                    writer.writelines(_response(connection, error.error_status_hint, {"error": str(error)}))
                await writer.drain()

    async def _polling(self) -> dict[str, bool]:
        nothing = {polled.name: False for polled in POLLED}
        try:
            return await self.check() if self.check else nothing
        except Exception:  # noqa: BLE001 (whoever probes must be told, whatever it is)
            _log.exception("it can't be told whether this worker polls")
            return nothing

    async def _answer(self, request: h11.Request) -> tuple[int, dict[str, object]]:
        path = request.target.partition(b"?")[0]
        if request.method not in {b"GET", b"HEAD"}:
            return 405, {"error": "only GET and HEAD"}
        if path == b"/livez":
            return 200, {"live": True}
        if path == b"/readyz":
            polling = await self._polling()
            ready = all(polling.values())
            return 200 if ready else 503, {"ready": ready, "polling": polling}
        return 404, {"error": "only /livez and /readyz"}


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """The client's request, less its body; None where it hangs up without one.

    Raises:
        h11.RemoteProtocolError: what it sends is no HTTP.
    """
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(4096))
    return event if isinstance(event, h11.Request) else None


def _response(connection: h11.Connection, status: int, content: dict[str, object]) -> tuple[bytes, bytes]:
    """Its head and its body."""
    body = json.dumps(content).encode()
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body))), ("Connection", "close")]
    return connection.send(h11.Response(status_code=status, headers=headers)) or b"", body

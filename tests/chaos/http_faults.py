"""A proxy before an HTTP API that fails requests as networks, ingresses and dying servers do, and notes each one."""

import asyncio
import itertools
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self, get_args

import aiohttp
from aiohttp import web
from yarl import URL

from devstack.ports import free_port
from devstack.simulators.faults import BAD_GATEWAY_PAGE, drop_connection

LOOPBACK = "127.0.0.1"

HttpFaultKind = Literal[
    "reset",
    "hang",
    "slow",
    "status-500",
    "html-404",
    "html-502",
    "retry-503",
    "retry-429",
    "garbage",
    "empty",
    "lost-answer",
    "reset-in-answer",
    "truncated",
    "garbage-after",
    "slow-answer",
    "twice",
]

HTTP_FAULTS: tuple[HttpFaultKind, ...] = get_args(HttpFaultKind)

DONE_ALL_THE_SAME: frozenset[HttpFaultKind] = frozenset(
    {"slow", "lost-answer", "reset-in-answer", "truncated", "garbage-after", "slow-answer", "twice"}
)
"""The server did what it was asked, whatever the client heard."""

_GARBAGE = b'\x00\xff{"rrsets": [\xfe not JSON'

_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass(frozen=True)
class HttpFault:
    """What goes wrong with one request; `seconds` of those kinds that take time."""

    kind: HttpFaultKind
    seconds: float = 1.0


@dataclass(frozen=True)
class Passed:
    """One request that came by. `status` None: the client got no answer."""

    number: int
    method: str
    path: str
    fault: HttpFaultKind | None
    status: int | None


Choose = Callable[[str, str, bytes], HttpFault | None]
"""What becomes of a request of this method, path (with its query) and body."""


def nothing(_method: str, _path: str, _body: bytes) -> HttpFault | None:
    """No request fails."""
    return None


class FaultyHttp:
    """Before an HTTP API, at an address of its own. An async context manager.

    Attributes:
        choose: decides about each request when it arrives.
        passed: all requests, in the order in which they were answered.
    """

    def __init__(self, backend: str, choose: Choose = nothing) -> None:
        self.choose = choose
        self.passed: list[Passed] = []
        self._backend = backend
        self._port = free_port()
        self._numbers = itertools.count(1)
        self._running: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """What to give a client instead of the API's own URL."""
        return f"http://{LOOPBACK}:{self._port}"

    async def refuse(self) -> None:
        """From now on connections are refused, and what was under way is cut off."""
        running, self._running = self._running, None
        if running is not None:
            await running.cleanup()

    async def listen(self) -> None:
        """Takes connections, again."""
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._serve)
        running = web.AppRunner(application, shutdown_timeout=0.01, access_log=None)
        await running.setup()
        await web.TCPSite(running, LOOPBACK, self._port).start()
        self._running = running

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            auto_decompress=False, timeout=aiohttp.ClientTimeout(total=None), connector=aiohttp.TCPConnector(limit=0)
        )
        await self.listen()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.refuse()
        assert self._session is not None
        await self._session.close()

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        number = next(self._numbers)
        body = await request.read()
        fault = self.choose(request.method, request.raw_path, body)
        status: int | None = None
        try:
            answer = await self._failed(request, body, fault) if fault else await self._pass_on(request, body)
            status = None if answer is None else answer.status
        except (aiohttp.ClientError, ConnectionError):
            answer = None  # the backend is away, or the client
        finally:
            self.passed.append(Passed(number, request.method, request.raw_path, fault.kind if fault else None, status))
        if answer is None:
            drop_connection(request, reset=fault is None or fault.kind != "lost-answer")
            return web.Response(status=500)  # goes nowhere: the connection is gone
        return answer

    async def _failed(self, request: web.Request, body: bytes, fault: HttpFault) -> web.StreamResponse | None:
        match fault.kind:
            case "reset":
                return None
            case "hang":
                await asyncio.sleep(fault.seconds)
                return None
            case "slow":
                await asyncio.sleep(fault.seconds)
                return await self._pass_on(request, body)
            case "status-500":
                return web.Response(status=500, text="Internal Server Error")
            case "html-404":  # an ingress that has lost its backend
                return web.Response(status=404, text="default backend - 404", content_type="text/html")
            case "html-502":
                return web.Response(status=502, text=BAD_GATEWAY_PAGE, content_type="text/html")
            case "retry-503" | "retry-429":
                return web.Response(status=int(fault.kind[-3:]), headers={"Retry-After": "1"})
            case "garbage":
                return web.Response(body=_GARBAGE, content_type="application/json")
            case "empty":
                return web.Response(body=b"", content_type="application/json")
            case _:
                return await self._done_first(request, body, fault)

    async def _done_first(self, request: web.Request, body: bytes, fault: HttpFault) -> web.StreamResponse | None:
        """The server does it, and then something goes wrong."""
        if fault.kind == "twice":
            await self._whole(request, body)
        answer = await self._whole(request, body)
        match fault.kind:
            case "lost-answer":
                return None
            case "garbage-after":
                return web.Response(status=answer.status, body=_GARBAGE, content_type="application/json")
            case "slow-answer":
                await asyncio.sleep(fault.seconds)
                return answer
            case "truncated" | "reset-in-answer":
                return await self._cut(request, answer, reset=fault.kind == "reset-in-answer")
            case _:
                return answer

    async def _cut(self, request: web.Request, answer: web.Response, *, reset: bool) -> web.StreamResponse | None:
        """Half of an answer. Of one that has no content there is no half: nobody hears of it."""
        body = answer.body
        if not isinstance(body, bytes) or not body:
            return None
        cut = web.StreamResponse(status=answer.status, headers=answer.headers)
        cut.content_length = len(body)
        await cut.prepare(request)
        with suppress(ConnectionError):
            await cut.write(body[: len(body) // 2])
        drop_connection(request, reset=reset)
        return cut

    async def _pass_on(self, request: web.Request, body: bytes) -> web.StreamResponse:
        """As it is; an endless answer, such as a watch's, piece by piece."""
        if request.query.get("watch") in {"1", "true"}:
            return await self._streamed(request, body)
        return await self._whole(request, body)

    async def _whole(self, request: web.Request, body: bytes) -> web.Response:
        async with self._asked(request, body) as answer:
            return web.Response(status=answer.status, headers=_kept(answer), body=await answer.read())

    async def _streamed(self, request: web.Request, body: bytes) -> web.StreamResponse:
        async with self._asked(request, body) as answer:
            passed = web.StreamResponse(status=answer.status, headers=_kept(answer))
            await passed.prepare(request)
            async for piece in answer.content.iter_any():
                await passed.write(piece)
            return passed

    def _asked(self, request: web.Request, body: bytes) -> "aiohttp.client._RequestContextManager":
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
        url = URL(self._backend + request.raw_path, encoded=True)
        return self._session.request(request.method, url, headers=headers, data=body or None)


def _kept(answer: aiohttp.ClientResponse) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.lower() not in _OF_ONE_CONNECTION}

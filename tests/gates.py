"""Gates before the backends: they hold chosen requests until they are let through, and can close as if nothing ran.

A request is held on its way there, or its answer on the way back, when the backend has done what it was asked.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import aiohttp
import dns.exception
import dns.message
from aiohttp import web
from yarl import URL

from devstack.ports import free_port
from devstack.simulators.faults import drop_connection
from tests.dns_servers import do53, forwarding

LOOPBACK = "127.0.0.1"

_OF_ONE_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length", "host"}


@dataclass(eq=False)
class Hold:
    """Which requests are held: those of a method with these words in their path, and these in their body.

    Attributes:
        answered: only the answer is held.
        status: only answers with this status are held.
        reached: set when one is held.
        let_through: none is held any more from when it is set.
    """

    method: str
    in_path: str
    in_body: str = ""
    answered: bool = False
    status: int | None = None
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    let_through: asyncio.Event = field(default_factory=asyncio.Event)

    def matches(self, request: web.Request, body: bytes) -> bool:
        """Whether this request is meant."""
        return request.method == self.method and self.in_path in request.raw_path and self.in_body.encode() in body

    async def wait(self) -> None:
        """Returns when it is let through."""
        self.reached.set()
        await self.let_through.wait()


class HttpGate:
    """Before an HTTP API, at an address of its own. An async context manager, open inside.

    Attributes:
        holds: what is held.
    """

    def __init__(self, url: str) -> None:
        self._backend = url
        self._port = free_port()
        self._running: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self.holds: list[Hold] = []

    @property
    def url(self) -> str:
        """What to give a client instead of the API's own URL."""
        return f"http://{LOOPBACK}:{self._port}"

    async def open(self) -> None:
        """Listens."""
        application = web.Application(client_max_size=2**26)
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        # Without the least pause it would wait for what is held, for ever.
        self._running = web.AppRunner(application, shutdown_timeout=0.01, access_log=None)
        await self._running.setup()
        await web.TCPSite(self._running, LOOPBACK, self._port).start()

    async def close(self) -> None:
        """From now on nobody listens here, and what was under way is cut off."""
        running, self._running = self._running, None
        if running is not None:
            await running.cleanup()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(auto_decompress=False)
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()
        assert self._session is not None
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        hold = next((hold for hold in self.holds if hold.matches(request, body)), None)
        if hold is not None and not hold.answered:
            await hold.wait()
        try:
            answer = await self._answer_to(request, body)
        except aiohttp.ClientError:
            drop_connection(request, reset=True)
            return web.Response(status=500)  # goes nowhere: the connection is gone
        if hold is not None and hold.answered and hold.status in {None, answer.status}:
            await hold.wait()
        return answer

    async def _answer_to(self, request: web.Request, body: bytes) -> web.Response:
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
        url = URL(self._backend + request.raw_path, encoded=True)
        async with self._session.request(request.method, url, headers=headers, data=body or None) as answer:
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in _OF_ONE_CONNECTION}
            return web.Response(status=answer.status, headers=kept, body=await answer.read())


@dataclass(eq=False)
class DnsHold:
    """The questions that are held: those for names at or below this one."""

    domain: str
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    let_through: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def dns_gate(server: str, holds: list[DnsHold]) -> AsyncIterator[str]:
    """Before a DNS server (`host:port`). Yields where to ask instead."""
    answer = forwarding(server)

    async def answering(query: dns.message.Message) -> list[bytes]:
        name = query.question[0].name.to_text(omit_final_dot=True).lower()
        for hold in holds:
            if name.endswith(hold.domain) and not hold.let_through.is_set():
                hold.reached.set()
                await hold.let_through.wait()
        try:
            return list(await answer(query))
        except (OSError, dns.exception.DNSException):
            return []  # nobody answers there

    async with do53(answering) as place:
        yield place

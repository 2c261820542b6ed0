"""DNS servers on loopback that answer whatever a test wants: over UDP and TCP, over TLS, and over HTTPS."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import dns.asyncquery
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from aiohttp import web

from devstack.ports import free_port

LOOPBACK = "127.0.0.1"

Answering = Callable[[dns.message.Message], Awaitable[Sequence[bytes]]]
"""The packets that a query gets, in order."""

HTTPAnswering = Callable[[web.Request], Awaitable[web.StreamResponse]]
"""The answer that a POST request gets."""


def response(query: dns.message.Message, *answer: str, rcode: str = "NOERROR") -> dns.message.Message:
    """A resolver's response, with these records (owner, TTL, class, type, data)."""
    made = dns.message.make_response(query, recursion_available=True)
    made.set_rcode(dns.rcode.from_text(rcode))
    for line in answer:
        owner, ttl, rdclass, kind, *rdata = line.split()
        made.answer.append(dns.rrset.from_text(owner, int(ttl), rdclass, kind, " ".join(rdata)))
    return made


def always(answer: Callable[[dns.message.Message], dns.message.Message]) -> Answering:
    async def answering(query: dns.message.Message) -> list[bytes]:
        return [answer(query).to_wire()]

    return answering


def never(asked: asyncio.Event | None = None) -> Answering:
    async def answering(query: dns.message.Message) -> list[bytes]:
        if asked is not None:
            asked.set()
        return []

    return answering


def forwarding(
    server: str, then: Callable[[dns.message.Message, dns.message.Message], dns.message.Message] | None = None
) -> Answering:
    """Asks another server (`host:port`), and makes of its response what `then` makes of query and response."""
    host, port = server.rsplit(":", 1)

    async def answering(query: dns.message.Message) -> list[bytes]:
        found, _ = await dns.asyncquery.udp_with_fallback(query, host, port=int(port), timeout=5)
        return [(then(query, found) if then else found).to_wire()]

    return answering


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, answering: Answering) -> None:
        self._answering = answering
        self.tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        task = asyncio.create_task(self._answer(data, addr))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _answer(self, data: bytes, addr: Any) -> None:
        for packet in await self._answering(dns.message.from_wire(data)):
            self._transport.sendto(packet, addr)


@asynccontextmanager
async def do53(answering: Answering, *, over_tcp: Answering | None = None) -> AsyncIterator[str]:
    """Answers over UDP, and over TCP where that is given. Yields `host:port`."""
    port = free_port()
    datagrams = _Datagrams(answering)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: datagrams, local_addr=(LOOPBACK, port)
    )
    try:
        if over_tcp is None:
            yield f"{LOOPBACK}:{port}"
        else:
            async with _streams(over_tcp, port, None):
                yield f"{LOOPBACK}:{port}"
    finally:
        for task in datagrams.tasks:
            task.cancel()
        transport.close()


@asynccontextmanager
async def dns_over_tls(
    answering: Answering,
    context: ssl.SSLContext,
    *,
    most_answers: int | None = None,
    connections: list[int] | None = None,
) -> AsyncIterator[str]:
    """Answers over TLS, and closes a connection after so many answers. Counts its connections; yields `host:port`."""
    port = free_port()
    async with _streams(answering, port, context, most_answers=most_answers, connections=connections):
        yield f"{LOOPBACK}:{port}"


@asynccontextmanager
async def _streams(
    answering: Answering,
    port: int,
    context: ssl.SSLContext | None,
    *,
    most_answers: int | None = None,
    connections: list[int] | None = None,
) -> AsyncIterator[None]:
    handlers: dict[asyncio.Task[Any], asyncio.StreamWriter] = {}

    async def answer(wire: bytes, writer: asyncio.StreamWriter) -> None:
        for packet in await answering(dns.message.from_wire(wire)):
            writer.write(len(packet).to_bytes(2, "big") + packet)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        me = asyncio.current_task()
        assert me is not None
        handlers[me] = writer
        if connections is not None:
            connections.append(1)
        answered = 0
        try:
            async with asyncio.TaskGroup() as answers:
                while most_answers is None or answered < most_answers:
                    length = int.from_bytes(await reader.readexactly(2), "big")
                    answers.create_task(answer(await reader.readexactly(length), writer))
                    answered += 1
            await writer.drain()
        except* (OSError, EOFError):
            pass
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            del handlers[me]

    server = await asyncio.start_server(serve, LOOPBACK, port, ssl=context)
    try:
        yield
    finally:
        server.close()
        for writer in handlers.values():
            writer.transport.abort()
        await asyncio.gather(*handlers)


@asynccontextmanager
async def dns_over_https(answering: HTTPAnswering, context: ssl.SSLContext) -> AsyncIterator[str]:
    """Answers POST requests. Yields the URL."""
    application = web.Application()
    application.router.add_post("/dns-query", answering)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, LOOPBACK, port, ssl_context=context).start()
    try:
        yield f"https://{LOOPBACK}:{port}/dns-query"
    finally:
        await runner.cleanup()


def http_of(answering: Answering, **headers: str) -> HTTPAnswering:
    """Answers by RFC 8484 what would be answered otherwise."""

    async def answer(request: web.Request) -> web.StreamResponse:
        packets = await answering(dns.message.from_wire(await request.read()))
        return web.Response(body=packets[0], content_type="application/dns-message", headers=headers)

    return answer

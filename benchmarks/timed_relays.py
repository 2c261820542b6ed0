"""Between the worker and its servers: passes all on, and notes when each call and each question came and went."""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import dns.message
import dns.rdatatype

Note = Callable[[bytes], None]


@dataclass
class Call:
    """One call to a server, or one question, by the wall clock.

    Attributes:
        server: whom it was sent to.
        what: the method and the path's class, or the question.
        began: when its first octets came.
        ended: when the last ones of its answer had come.
    """

    server: str
    what: str
    began: float
    ended: float


class HTTPRelay:
    """Before a server that speaks HTTP/1.1. A call lasts to the last octets before its connection's next one."""

    def __init__(self, server: str, url: str, calls: list[Call]) -> None:
        self._server = server
        host, port = url.removeprefix("http://").split(":")
        self._behind = host, int(port)
        self._calls = calls
        self._listening: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        assert self._listening is not None  # noqa: S101
        return f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.close()

    async def _relay(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection(*self._behind)
        connection = _Connection(self._server, self._calls)
        with contextlib.suppress(ConnectionError):
            await asyncio.gather(_copy(client, requests, connection.asked), _copy(server, answers, connection.answered))


class _Connection:
    """What goes over one connection: request and answer by turns."""

    def __init__(self, server: str, calls: list[Call]) -> None:
        self._server = server
        self._calls = calls
        self._call: Call | None = None
        self._answering = True

    def asked(self, data: bytes) -> None:
        if self._answering:
            now = time.time()
            self._call = Call(self._server, _path_class(data), now, now)
            self._calls.append(self._call)
        self._answering = False

    def answered(self, _: bytes) -> None:
        self._answering = True
        if self._call is not None:
            self._call.ended = time.time()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter, note: Note) -> None:
    with contextlib.closing(target):
        while data := await source.read(65536):
            note(data)
            target.write(data)
            await target.drain()


def _path_class(head: bytes) -> str:
    """The method and what kind of thing the path names: `PATCH /zones/…`."""
    method, target, *_ = head.decode("latin-1").split(" ", 2)
    path, _, query = target.partition("?")
    path = re.sub(r"^/api/v1(/servers/\w+)?|^/apis/[^/]+/v\d+(/namespaces/[^/]+)?|^/api/v1", "", path)
    shown = re.sub(r"^(/zones|/certificates|/certificaterequests|/pool)/[^/]+", r"\1/…", path)
    marks = [mark for mark in ("zone=", "rrsets=false", "rrset_name=", "object_type=", "watch=") if mark in query]
    if kind := re.search(r"object_type=(\w+)", query):
        marks = [f"object_type={kind[1]}"]
    return f"{method} {shown}{'?' + '&'.join(mark.rstrip('=') for mark in marks) if marks else ''}"


class DNSRelay:
    """Before one DNS server, on UDP; what is truncated is asked again over TCP, and passed on as well."""

    def __init__(self, server: str, address: str, calls: list[Call]) -> None:
        self._server = server
        host, port = address.rsplit(":", 1)
        self._behind = host, int(port)
        self._calls = calls
        self._asking: set[asyncio.Task[object]] = set()

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._relay_tcp, "127.0.0.1", 0)
        place = self._listening.sockets[0].getsockname()
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Questions(self), local_addr=place)
        self.address = f"{place[0]}:{place[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listening.close()
        self._transport.close()

    def pass_on(self, query: bytes, client: tuple[str, int]) -> None:
        """One question over UDP, from a socket of its own."""
        call = self._noted(query)

        def answered(answer: bytes) -> None:
            call.ended = time.time()
            self._transport.sendto(answer, client)

        loop = asyncio.get_running_loop()
        asking = loop.create_datagram_endpoint(lambda: _OneQuestion(query, answered), remote_addr=self._behind)
        task = asyncio.create_task(asking)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _noted(self, query: bytes) -> Call:
        question = dns.message.from_wire(query).question[0]
        now = time.time()
        call = Call(self._server, f"{question.name} {dns.rdatatype.to_text(question.rdtype)}", now, now)
        self._calls.append(call)
        return call

    async def _relay_tcp(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection(*self._behind)
        asked: list[Call] = []

        def note(data: bytes) -> None:
            if len(data) > 2:
                asked.append(self._noted(data[2:]))

        def answered(_: bytes) -> None:
            asked[-1].ended = time.time()

        with contextlib.suppress(ConnectionError):
            await asyncio.gather(_copy(client, requests, note), _copy(server, answers, answered))


class _Questions(asyncio.DatagramProtocol):
    def __init__(self, relay: DNSRelay) -> None:
        self._relay = relay

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._relay.pass_on(data, addr)


class _OneQuestion(asyncio.DatagramProtocol):
    def __init__(self, query: bytes, answered: Note) -> None:
        self._query = query
        self._answered = answered

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        transport.sendto(self._query)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 (as asyncio calls it)
        self._answered(data)
        self._transport.close()

"""Between the worker and its servers: passes all on, and notes when each call and each question came and went."""

import asyncio
import contextlib
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.relay import Relay

Note = Callable[[bytes], None]


@dataclass
class Call:
    """One call to a server, or one question, by the wall clock.

    Attributes:
        server: whom it was sent to.
        what: the method and the path's class, or that it is a question.
        began: when its first octets came.
        ended: when the last ones of its answer had come.
    """

    server: str
    what: str
    began: float
    ended: float


class HTTPRelay(Relay):
    """Before a server that speaks HTTP/1.1. A call lasts to the last octets before its connection's next one."""

    def __init__(self, server: str, url: str, calls: list[Call]) -> None:
        super().__init__(url)
        self._server = server
        self._calls = calls

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def _pass_on(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await self._connected()
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
        self._waiting: dict[bytes, tuple[Call, tuple[str, int]]] = {}

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._relay_tcp, "127.0.0.1", 0)
        host, port = self._listening.sockets[0].getsockname()
        loop = asyncio.get_running_loop()
        self._clients, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self._asked), (host, port))
        self._servers, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._answered), remote_addr=self._behind
        )
        self.address = f"{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._listening.close()
        self._clients.close()
        self._servers.close()

    def _asked(self, query: bytes, client: tuple[str, int]) -> None:
        self._waiting[_id_and_question(query)] = self._noted(), client
        self._servers.sendto(query)

    def _answered(self, answer: bytes, _: tuple[str, int]) -> None:
        if waiting := self._waiting.pop(_id_and_question(answer), None):
            call, client = waiting
            self._clients.sendto(answer, client)
            call.ended = time.time()

    def _noted(self) -> Call:
        now = time.time()
        call = Call(self._server, "questions", now, now)
        self._calls.append(call)
        return call

    async def _relay_tcp(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        server, requests = await asyncio.open_connection(*self._behind)
        asked: list[Call] = []

        def note(_: bytes) -> None:
            asked.append(self._noted())

        def answered(_: bytes) -> None:
            asked[-1].ended = time.time()

        with contextlib.suppress(ConnectionError):
            await asyncio.gather(_copy(client, requests, note), _copy(server, answers, answered))


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, addr)


def _id_and_question(message: bytes) -> bytes:
    """By which an answer is known (RFC 1035 §4.1): the question's name is never compressed."""
    end = 12
    while end < len(message) and message[end]:
        end += message[end] + 1
    return message[:2] + message[12 : end + 5]

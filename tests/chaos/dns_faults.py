"""A relay before a DNS server that loses, delays, repeats and spoils packets, and notes each answer that it gives."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self, get_args

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype

LOOPBACK = "127.0.0.1"
PATIENCE_SECONDS = 10.0
"""For a server that does not answer; the client has given up before."""

DnsFaultKind = Literal[
    "lost-question", "lost-answer", "late", "repeated", "servfail", "refused", "truncated", "garbage"
]

DNS_FAULTS: tuple[DnsFaultKind, ...] = get_args(DnsFaultKind)


@dataclass(frozen=True)
class DnsFault:
    """What goes wrong with one question over UDP; `seconds` of the kind `late`."""

    kind: DnsFaultKind
    seconds: float = 0.5


@dataclass(frozen=True)
class Served:
    """One address record that a client was given. `at` in seconds since the epoch; the name without its last dot."""

    at: float
    name: str
    address: str


Choose = Callable[[str, str], DnsFault | None]
"""What becomes of a question for this name (without its last dot, in lower case) and type."""


def nothing(_name: str, _rrtype: str) -> DnsFault | None:
    """No question fails."""
    return None


class FaultyDns:
    """Before a DNS server (`host:port`), at an address of its own, UDP and TCP. An async context manager.

    TCP is passed on as it is, except that it is cut where `cut_tcp` is set.

    Attributes:
        choose: decides about each question over UDP when it arrives.
        served: every address that a client was given.
        failed: how many questions met each kind of fault.
        questions: how many there were.
    """

    def __init__(self, server: str, choose: Choose = nothing) -> None:
        self.choose = choose
        self.cut_tcp = False
        self.served: list[Served] = []
        self.failed: dict[DnsFaultKind, int] = dict.fromkeys(DNS_FAULTS, 0)
        self.questions = 0
        host, _, port = server.rpartition(":")
        self._server = (host, int(port))
        self._tasks: set[asyncio.Task[None]] = set()
        self._transport: asyncio.DatagramTransport | None = None
        self._listening: asyncio.Server | None = None

    @property
    def address(self) -> str:
        """What to give a client instead of the server's own address."""
        assert self._transport is not None
        return f"{LOOPBACK}:{self._transport.get_extra_info('sockname')[1]}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        while self._listening is None:  # the same port for both, which another process may have of one
            self._transport, _ = await loop.create_datagram_endpoint(
                lambda: _Questions(self._received), local_addr=(LOOPBACK, 0)
            )
            port = self._transport.get_extra_info("sockname")[1]
            try:
                self._listening = await asyncio.start_server(self._stream, LOOPBACK, port)
            except OSError:
                self._transport.close()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._transport is not None
        assert self._listening is not None
        self._transport.close()
        self._listening.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _received(self, question: bytes, client: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._relay(question, client))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _relay(self, question: bytes, client: tuple[str, int]) -> None:
        self.questions += 1
        asked = dns.message.from_wire(question)
        name = asked.question[0].name.to_text(omit_final_dot=True).lower()
        fault = self.choose(name, dns.rdatatype.to_text(asked.question[0].rdtype))
        if fault is not None:
            self.failed[fault.kind] += 1
        for packet in await self._answers(question, asked, fault):
            self._note(packet)
            if self._transport is not None and not self._transport.is_closing():
                self._transport.sendto(packet, client)

    async def _answers(self, question: bytes, asked: dns.message.Message, fault: DnsFault | None) -> list[bytes]:
        kind = fault.kind if fault else None
        if kind in {"servfail", "refused"}:
            made = dns.message.make_response(asked)
            made.set_rcode(dns.rcode.SERVFAIL if kind == "servfail" else dns.rcode.REFUSED)
            return [made.to_wire()]
        if kind == "truncated":
            made = dns.message.make_response(asked)
            made.flags |= dns.flags.TC
            return [made.to_wire()]
        if kind == "garbage":
            return [question[:2] + b"\xff" * 30]
        if kind == "lost-question":
            return []
        answer = await self._asked(question)
        if answer is None or kind == "lost-answer":
            return []
        if fault is not None and kind == "late":
            await asyncio.sleep(fault.seconds)
        return [answer, answer] if kind == "repeated" else [answer]

    async def _asked(self, question: bytes) -> bytes | None:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[bytes] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Answer(answered), remote_addr=self._server)
        try:
            transport.sendto(question)
            async with asyncio.timeout(PATIENCE_SECONDS):
                return await answered
        except (TimeoutError, OSError):
            return None
        finally:
            transport.close()

    async def _stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self.cut_tcp:
                writer.transport.abort()
                return
            there, back = await asyncio.open_connection(*self._server)
            with suppress(asyncio.IncompleteReadError):
                while True:
                    await _pass_message(reader, back)
                    self._note(await _pass_message(there, writer))
            back.close()
        except OSError:
            writer.transport.abort()
        finally:
            writer.close()
            self._tasks.discard(task)

    def _note(self, packet: bytes) -> None:
        now = time.time()
        with suppress(dns.exception.DNSException):
            answer = dns.message.from_wire(packet)
            if not answer.question:
                return
            name = answer.question[0].name.to_text(omit_final_dot=True).lower()
            self.served += [
                Served(now, name, record.to_text())
                for rrset in answer.answer
                if rrset.rdtype in {dns.rdatatype.A, dns.rdatatype.AAAA}
                for record in rrset
            ]


class _Questions(asyncio.DatagramProtocol):
    def __init__(self, received: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._received = received

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._received(data, addr)


class _Answer(asyncio.DatagramProtocol):
    def __init__(self, answered: asyncio.Future[bytes]) -> None:
        self._answered = answered

    def datagram_received(self, data: bytes, _addr: tuple[str, int]) -> None:
        if not self._answered.done():
            self._answered.set_result(data)

    def error_received(self, exc: Exception) -> None:
        if not self._answered.done():
            self._answered.set_exception(exc)


async def _pass_message(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    length = await reader.readexactly(2)
    message = await reader.readexactly(int.from_bytes(length, "big"))
    writer.write(length + message)
    await writer.drain()
    return message

"""Questions to one server over UDP, side by side over one socket."""

import asyncio
import contextlib
import secrets
import socket
from dataclasses import dataclass

import dns.inet

from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.question import Question

_IDS = 0x10000
_MOST_OCTETS = 0xFFFF
_MOST_READ_AT_ONCE = 64
"""Then the others of the event loop have their turn."""


class CutError(Exception):
    """The answer had no room in a packet (TC): it is to be asked for over TCP."""


@dataclass(frozen=True)
class _Asked:
    question: Question
    answered: "asyncio.Future[Answer]"


class Datagrams:
    """One server. Use it for one look: the socket, at a port of chance, is open while any question is under way.

    What comes from elsewhere, under another ID, or is no answer to the question, is passed over.
    """

    def __init__(self, address: str, port: int) -> None:
        self._family = dns.inet.af_for_address(address)
        self._server = dns.inet.low_level_address_tuple((address, port), self._family)
        self._address = socket.inet_pton(self._family, self._server[0].partition("%")[0])
        self._socket: socket.socket | None = None
        self._waiting: dict[int, _Asked] = {}

    async def ask(self, question: Question, timeout_seconds: float) -> Answer:
        """Sends the question once.

        Raises:
            TimeoutError: no answer in time.
            OSError: it can't be sent.
            CutError: the answer is truncated.
        """
        loop = asyncio.get_running_loop()
        message_id = self._unused_id()
        asked = _Asked(question, loop.create_future())
        self._waiting[message_id] = asked
        limit = loop.call_later(timeout_seconds, _time_out, asked)
        try:
            self._send(question.to_wire(message_id))
            return await asked.answered
        finally:
            limit.cancel()
            del self._waiting[message_id]
            if not self._waiting:
                self._close()

    def _send(self, wire: bytes) -> None:
        if self._socket is None:
            self._socket = socket.socket(self._family, socket.SOCK_DGRAM)
            self._socket.setblocking(False)
            asyncio.get_running_loop().add_reader(self._socket, self._read)
        with contextlib.suppress(BlockingIOError):  # as good as lost on the way: it is asked again
            self._socket.sendto(wire, self._server)

    def _close(self) -> None:
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._socket = None

    def _unused_id(self) -> int:
        message_id = secrets.randbelow(_IDS)
        while message_id in self._waiting:
            message_id = secrets.randbelow(_IDS)
        return message_id

    def _read(self) -> None:
        for _ in range(_MOST_READ_AT_ONCE):
            if self._socket is None:
                return
            try:
                wire, source = self._socket.recvfrom(_MOST_OCTETS)
            except BlockingIOError:
                return
            except OSError as error:
                for asked in self._waiting.values():
                    _fail(asked, error)
                return
            if self._is_server(source):
                self._deliver(wire)

    def _is_server(self, source: tuple[str, int]) -> bool:
        address = socket.inet_pton(self._family, source[0].partition("%")[0])
        return (address, source[1]) == (self._address, self._server[1])

    def _deliver(self, wire: bytes) -> None:
        message_id = int.from_bytes(wire[:2], "big")
        asked = self._waiting.get(message_id)
        if asked is None or asked.answered.done():
            return
        if asked.question.is_cut(wire):
            asked.answered.set_exception(CutError())
            return
        with contextlib.suppress(Exception):  # what anybody may have sent may fail anywhere in its parser
            asked.answered.set_result(asked.question.answer_in(wire, message_id))


def _time_out(asked: _Asked) -> None:
    _fail(asked, TimeoutError())


def _fail(asked: _Asked, error: Exception) -> None:
    if not asked.answered.done():
        asked.answered.set_exception(error)

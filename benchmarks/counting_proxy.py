"""Before PowerDNS' API: counts calls and their bytes, and neither holds one back nor shares a connection among them.

Each request gets a connection of its own at once, so that PowerDNS meets what the workers send. Understands only
servers that close a connection after their answer, as PowerDNS does.
"""

import asyncio
import contextlib
from collections import Counter
from dataclasses import dataclass, field

from benchmarks.relay import Relay

CONNECT_TIMEOUT_SECONDS = 5.0
"""The workers' own: here their connections are always taken, so what they would feel is felt in their place."""


@dataclass
class Calls:
    """What was counted."""

    answered: int = 0
    failed: int = 0
    bytes_of_requests: int = 0
    bytes_of_answers: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    by_method: Counter[str] = field(default_factory=Counter)

    def begin(self, method: str) -> None:
        """A call is on its way."""
        self.by_method[method] += 1
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)

    def end(self, *, well: bool) -> None:
        """A call was answered with sense, or failed."""
        self.in_flight -= 1
        self.answered += well
        self.failed += not well


class CountingProxy(Relay):
    """Passes requests on to a server, one a connection."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.calls = Calls()

    async def _pass_on(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        with contextlib.closing(answers), contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            request = await _request(client)
            self.calls.begin(request.partition(b" ")[0].decode())
            well = False
            try:
                answer = await self._answer_to(request, client)
                well = _is_sense(answer)
            finally:
                self.calls.end(well=well)
            self.calls.bytes_of_requests += len(request)
            self.calls.bytes_of_answers += len(answer)
            answers.write(answer)
            await answers.drain()

    async def _answer_to(self, request: bytes, client: asyncio.StreamReader) -> bytes:
        """The server's answer; none, once nobody waits for it any more."""
        answering = asyncio.create_task(self._ask(request))
        gone = asyncio.create_task(client.read(1))
        await asyncio.wait({answering, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if answering.done():
            return answering.result()
        answering.cancel()
        return b""

    async def _ask(self, request: bytes) -> bytes:
        try:
            server, requests = await asyncio.wait_for(self._connected(), CONNECT_TIMEOUT_SECONDS)
        except OSError:  # a TimeoutError among them
            return b""
        with contextlib.closing(requests):
            requests.write(request)
            return await server.read()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b"")


def _is_sense(answer: bytes) -> bool:
    """Neither nothing, nor that the server is overwhelmed."""
    status = answer[9:12]
    return bool(status) and status < b"500" and status != b"429"

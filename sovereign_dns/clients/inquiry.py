"""Questions of one inquiry: each is asked once, and hostile answers can't make them many or long.

RD=0, DNSSEC OK (RFC 3225), UDP and TCP where truncated.
"""

import asyncio
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Self, TypeVar

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype

from sovereign_dns.clients.authoritative import Server
from sovereign_dns.clients.exchange import UNROUTABLE
from sovereign_dns.clients.question import EDNS_PAYLOAD_OCTETS

MOST_QUESTIONS = 800
MOST_IN_FLIGHT = 100
LONGEST_SECONDS = 25.0

SERVERS_AT_ONCE = 3
MOST_SERVERS_TRIED = 9
HEAD_START_SECONDS = 0.6
"""How long some servers of a zone may take before others are asked as well."""

_WHAT_SERVERS_DO = (
    dns.exception.DNSException,
    OSError,
    EOFError,
    ValueError,
    LookupError,
    ArithmeticError,
    struct.error,
)
"""A malformed response over TCP may fail anywhere in its parser."""

Read = TypeVar("Read")


@dataclass(frozen=True)
class Heard:
    """A server's response."""

    message: dns.message.Message
    latency_ms: float
    asked_at: datetime


@dataclass(frozen=True)
class Silence:
    """No usable response came. `unroutable` where this machine can't even send to the address."""

    reason: str
    unroutable: bool = False


@dataclass(frozen=True)
class Useless:
    """A response that doesn't help, and why."""

    reason: str


class Inquiry:
    """Asks for one check; leaving it ends every question that is still under way."""

    def __init__(self, attempt_timeouts: Sequence[float]) -> None:
        self._attempt_timeouts = tuple(attempt_timeouts)
        self._asked: dict[tuple[str, int, dns.name.Name, dns.rdatatype.RdataType], asyncio.Task[Heard | Silence]] = {}
        self._slots = asyncio.Semaphore(MOST_IN_FLIGHT)
        self._deadline = time.monotonic() + LONGEST_SECONDS

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for task in self._asked.values():
            task.cancel()
        await asyncio.gather(*self._asked.values(), return_exceptions=True)

    def ask(self, server: Server, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> asyncio.Task[Heard | Silence]:
        """The question to this server, under way or answered. Wait for it with `heard`: others may wait for it too."""
        key = (server.address, server.port, name, kind)
        if key not in self._asked:
            refused = len(self._asked) >= MOST_QUESTIONS
            self._asked[key] = asyncio.create_task(_refused() if refused else self._exchange(server, name, kind))
        return self._asked[key]

    async def heard(self, server: Server, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Heard | Silence:
        """One server's response. Never raises for what a server or the network does."""
        task = self.ask(server, name, kind)
        await asyncio.wait({task})
        return task.result()

    async def first(
        self,
        servers: Sequence[Server],
        name: dns.name.Name,
        kind: dns.rdatatype.RdataType,
        read: Callable[[dns.message.Message], Read | Useless],
    ) -> Read | Useless:
        """The first response that helps, of some servers side by side; more are asked when those are slow or don't."""
        last = Useless("none of its servers has a known address")
        queue = list(servers[:MOST_SERVERS_TRIED])
        waiting: set[asyncio.Task[Heard | Silence]] = set()
        while queue or waiting:
            waiting |= {self.ask(server, name, kind) for server in queue[:SERVERS_AT_ONCE]}
            del queue[:SERVERS_AT_ONCE]
            done, waiting = await asyncio.wait(
                waiting, timeout=HEAD_START_SECONDS if queue else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                response = task.result()
                if isinstance(response, Silence):
                    last = Useless(response.reason)
                    continue
                found = read(response.message)
                if not isinstance(found, Useless):
                    return found
                last = found
        return last

    async def _exchange(self, server: Server, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> Heard | Silence:
        query = dns.message.make_query(name, kind, use_edns=0, want_dnssec=True, payload=EDNS_PAYLOAD_OCTETS)
        query.flags &= ~dns.flags.RD
        async with self._slots:
            asked_at, started = datetime.now(UTC), time.monotonic()
            for timeout in self._attempt_timeouts:
                left = self._deadline - time.monotonic()
                if left <= 0:
                    return Silence("not asked in time: other servers took too long")
                try:
                    response, _ = await dns.asyncquery.udp_with_fallback(
                        query,
                        server.address,
                        timeout=min(timeout, left),
                        port=server.port,
                        ignore_unexpected=True,
                        ignore_errors=True,
                    )
                except dns.exception.Timeout:
                    continue
                except ConnectionRefusedError:
                    return Silence("nothing listens there: connection refused")
                except _WHAT_SERVERS_DO as error:
                    unroutable = isinstance(error, OSError) and error.errno in UNROUTABLE
                    return Silence(f"{type(error).__name__}: {error}", unroutable=unroutable)
                return Heard(response, round((time.monotonic() - started) * 1000, 1), asked_at)
            return Silence(f"no answer within {time.monotonic() - started:.1f} s")


async def _refused() -> Heard | Silence:
    return Silence(f"not asked: the answers before led to more than {MOST_QUESTIONS} questions")

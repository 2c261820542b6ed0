"""Questions to resolvers, as their users ask them: RD=1, all in flight together, by the protocol that each speaks."""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

import dns.flags
import httpx

from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.dns_over_https import DNSOverHTTPS
from sovereign_dns.clients.dns_over_tls import DNSOverTLS
from sovereign_dns.clients.exchange import (
    ATTEMPT_TIMEOUTS_SECONDS,
    QUESTIONS_IN_FLIGHT_PER_SERVER,
    Send,
    exchange,
    over_udp,
)
from sovereign_dns.clients.question import Question
from sovereign_dns.clients.resolver_places import Do53, DoH, DoT, Resolver, parse_resolvers

STREAM_TIMEOUTS_SECONDS = (sum(ATTEMPT_TIMEOUTS_SECONDS),)
"""TCP sends again what was lost: one attempt, of the same length as all over UDP."""

_SERVFAIL = "SERVFAIL"

_VALIDATED = dns.flags.RD | dns.flags.AD
"""AD asks the resolver to say whether it has validated (RFC 6840 §5.7)."""

_UNCHECKED = dns.flags.RD | dns.flags.CD
"""CD asks it not to (RFC 4035 §3.2.2)."""

_Made = Callable[[str, str, int], Question]
"""Each question of a look once, however many resolvers are asked."""


@dataclass(frozen=True)
class _Channel:
    """How one resolver is asked. `sender` makes what sends the questions of one look."""

    sender: Callable[[], Send]
    timeouts_seconds: Sequence[float]
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(QUESTIONS_IN_FLIGHT_PER_SERVER))


class Resolvers:
    """The resolvers at the configured places (see `parse_resolver`). Use it as a context manager, or close it.

    `ca_file` holds further certificate authorities, for resolvers of a network's own.

    Raises:
        ValueError: a place can't be understood.
        OSError: the file can't be read, or holds no certificates.
    """

    def __init__(self, places: Sequence[str], *, ca_file: Path | None = None) -> None:
        self._resolvers = parse_resolvers(places)
        self._ca_file = ca_file
        self._tls_servers: list[DNSOverTLS] = []
        self._http_client: httpx.AsyncClient | None = None
        self._channels = {resolver: self._channel(resolver) for resolver in self._resolvers}

    @property
    def resolvers(self) -> tuple[Resolver, ...]:
        """Each resolver once, in the order of the places."""
        return self._resolvers

    async def ask_all(
        self, questions_by_resolver: Mapping[Resolver, Sequence[tuple[str, str]]]
    ) -> dict[Resolver, list[Answer]]:
        """Asks each resolver its questions (name, type) side by side; answers in the order of the questions.

        Never raises for what a server or the network does.
        """
        made = cache(Question)
        said = await asyncio.gather(
            *(_ask_resolver(self._channels[resolver], asked, made) for resolver, asked in questions_by_resolver.items())
        )
        return dict(zip(questions_by_resolver, said, strict=True))

    async def aclose(self) -> None:
        """Closes all connections."""
        for server in self._tls_servers:
            await server.aclose()
        if self._http_client is not None:
            await self._http_client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def _channel(self, resolver: Resolver) -> _Channel:
        match resolver.protocol:
            case Do53(address, port):
                return _Channel(lambda: over_udp(address, port), ATTEMPT_TIMEOUTS_SECONDS)
            case DoT(address, port, hostname):
                server = DNSOverTLS(address, port, hostname, self._dns_over_tls_context)
                self._tls_servers.append(server)
                return _Channel(lambda: server.send, STREAM_TIMEOUTS_SECONDS)
            case DoH(url):
                https = DNSOverHTTPS(self._shared_http_client(), url)
                return _Channel(lambda: https.send, STREAM_TIMEOUTS_SECONDS)

    @cached_property
    def _dns_over_tls_context(self) -> ssl.SSLContext:
        return self._tls_context()

    def _tls_context(self) -> ssl.SSLContext:
        context = httpx.create_ssl_context()
        if self._ca_file is not None:
            context.load_verify_locations(self._ca_file)
        return context

    def _shared_http_client(self) -> httpx.AsyncClient:
        if self._http_client is None:
            self._http_client = httpx.AsyncClient(
                verify=self._tls_context(),
                http2=True,
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=20),
            )
        return self._http_client


async def _ask_resolver(channel: _Channel, questions: Sequence[tuple[str, str]], made: _Made) -> list[Answer]:
    send = channel.sender()
    return await asyncio.gather(*(_ask_in_turn(channel, send, name, rrtype, made) for name, rrtype in questions))


async def _ask_in_turn(channel: _Channel, send: Send, name: str, rrtype: str, made: _Made) -> Answer:
    async def ask(flags: int) -> Answer:
        return await exchange(made(name, rrtype, flags), send, channel.timeouts_seconds)

    async with channel.slots:
        answer = await ask(_VALIDATED)
        if answer.rcode != _SERVFAIL or not _is_usable(await ask(_UNCHECKED)):
            return answer
        # Data are there, if nobody checks them. But they may also have come back just now: so it is asked again.
        again = await ask(_VALIDATED)
        return again.changed(bogus=again.rcode == _SERVFAIL)


def _is_usable(answer: Answer) -> bool:
    return answer.error is None and answer.rcode in {"NOERROR", "NXDOMAIN"}

"""Questions to authoritative servers: RD=0, UDP with TCP where truncated, all in flight together."""

import asyncio
import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception

from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.exchange import (
    ATTEMPT_TIMEOUTS_SECONDS,
    QUESTIONS_IN_FLIGHT_PER_SERVER,
    exchange,
    over_udp,
)
from sovereign_dns.clients.question import Question
from sovereign_dns.names import relative_to_root

PORT = 53

_NO_RECURSION = 0


@dataclass(frozen=True)
class Server:
    """One address of one name server. `label` is how a person knows it, `name_server` what its addresses share."""

    label: str
    address: str
    port: int = PORT
    name_server: str = ""


@dataclass(frozen=True)
class Unresolved:
    """A name server without a known address, and why."""

    label: str
    reason: str


class AuthoritativeServers:
    """Finds the authoritative servers and asks them.

    `configured` (host[:port] each) replaces the zone's own NS set: for split-horizon networks and tests.
    """

    def __init__(self, configured: Sequence[str] = ()) -> None:
        self._configured = tuple(configured)

    async def of_zone(
        self, nameservers: Sequence[str], written: Mapping[str, Sequence[str]] | None = None
    ) -> tuple[list[Server], list[Unresolved]]:
        """Every address (IPv4 and IPv6) of every server to ask, and the servers that have none.

        `written` are addresses by name that the zone itself holds: those of a name server that nobody can look up yet,
        since its domain is not delegated.
        """
        places = self._configured or tuple(nameservers)
        found = await asyncio.gather(*(self._addresses(place) for place in places))
        servers = [item for items in found for item in items if isinstance(item, Server)]
        unresolved = [item for items in found for item in items if isinstance(item, Unresolved)]
        held = {item: (written or {}).get(relative_to_root(item.label), ()) for item in unresolved}
        servers += [
            Server(f"{item.label} ({address})", address, PORT, item.label) for item in held for address in held[item]
        ]
        unresolved = [item for item in unresolved if not held[item]]
        return list(dict.fromkeys(servers)), unresolved

    async def _addresses(self, place: str) -> Sequence[Server | Unresolved]:
        host, port = split_host_port(place)
        try:
            return [Server(label=place, address=str(ipaddress.ip_address(host)), port=port, name_server=place)]
        except ValueError:
            pass
        try:
            resolver = dns.asyncresolver.Resolver()
            answers = await resolver.resolve_name(host, lifetime=10.0)
            addresses = list(answers.addresses())
        except (dns.exception.DNSException, OSError) as error:
            reason = f"its address can't be found ({type(error).__name__}: {error})"
            return [Unresolved(label=place, reason=reason)]
        return [
            Server(label=f"{place} ({address})", address=address, port=port, name_server=place) for address in addresses
        ]

    async def ask_all(
        self, servers: Sequence[Server], questions: Sequence[tuple[str, str]]
    ) -> dict[Server, list[Answer]]:
        """Asks every server every question (name, type) side by side; answers in the order of the questions."""
        asked_of_each = [Question(name, rrtype, flags=_NO_RECURSION) for name, rrtype in questions]
        asked = await asyncio.gather(*(self._ask_server(server, asked_of_each) for server in servers))
        return dict(zip(servers, asked, strict=True))

    async def _ask_server(self, server: Server, questions: Sequence[Question]) -> list[Answer]:
        slots = asyncio.Semaphore(QUESTIONS_IN_FLIGHT_PER_SERVER)
        send = over_udp(server.address, server.port)

        async def in_turn(question: Question) -> Answer:
            async with slots:
                return await exchange(question, send, ATTEMPT_TIMEOUTS_SECONDS)

        return await asyncio.gather(*(in_turn(question) for question in questions))


def split_host_port(place: str, default_port: int = PORT) -> tuple[str, int]:
    """`host`, `host:port`, `[v6]:port` or a bare IPv6 address.

    Raises:
        ValueError: the port is no port.
    """
    if place.startswith("["):
        host, closing, rest = place[1:].partition("]")
        if not closing or (rest and not rest.startswith(":")):
            raise ValueError(f"{place!r} is no [address]:port")
        port = rest.removeprefix(":")
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
    else:
        host, port = place, ""
    if not host:
        raise ValueError(f"{place!r} names no host; expected host[:port]")
    if not port:
        return host, default_port
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{place!r} has no valid port; expected host[:port]")
    return host, int(port)

"""Questions to authoritative servers: RD=0, UDP with TCP where truncated, all in flight together."""

import asyncio
import errno
import ipaddress
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dns.asyncquery
import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from sovereign_dns import names
from sovereign_dns.verification import Answer

PORT = 53
ATTEMPT_TIMEOUTS_SECONDS = (1.5, 3.0)
"""UDP may lose a packet: asked twice before a server counts as unreachable."""

QUESTIONS_IN_FLIGHT_PER_SERVER = 64
EDNS_PAYLOAD_OCTETS = 1232
"""Fits one packet on every path (DNS flag day 2020)."""

UNROUTABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


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

    async def of_zone(self, nameservers: Sequence[str]) -> tuple[list[Server], list[Unresolved]]:
        """Every address (IPv4 and IPv6) of every server to ask, and the servers that have none."""
        places = self._configured or tuple(nameservers)
        found = await asyncio.gather(*(self._addresses(place) for place in places))
        servers = [item for items in found for item in items if isinstance(item, Server)]
        unresolved = [item for items in found for item in items if isinstance(item, Unresolved)]
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
        asked = await asyncio.gather(*(self._ask_server(server, questions) for server in servers))
        return dict(zip(servers, asked, strict=True))

    async def _ask_server(self, server: Server, questions: Sequence[tuple[str, str]]) -> list[Answer]:
        slots = asyncio.Semaphore(QUESTIONS_IN_FLIGHT_PER_SERVER)

        async def in_turn(name: str, rrtype: str) -> Answer:
            async with slots:
                return await ask(server, name, rrtype)

        return await asyncio.gather(*(in_turn(name, rrtype) for name, rrtype in questions))


def split_host_port(place: str) -> tuple[str, int]:
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
        return host, PORT
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{place!r} has no valid port; expected host[:port]")
    return host, int(port)


async def ask(server: Server, name: str, rrtype: str) -> Answer:
    """One question without recursion. Never raises for what a server or the network does."""
    question = dns.name.from_text(names.absolute(name))
    kind = dns.rdatatype.from_text(rrtype)
    query = dns.message.make_query(question, kind, use_edns=0, payload=EDNS_PAYLOAD_OCTETS)
    query.flags &= ~dns.flags.RD
    asked_at, started = datetime.now(UTC), time.monotonic()
    error: Exception | None = None
    for timeout in ATTEMPT_TIMEOUTS_SECONDS:
        try:
            response, _ = await dns.asyncquery.udp_with_fallback(
                query, server.address, timeout=timeout, port=server.port, ignore_unexpected=True, ignore_errors=True
            )
        except dns.exception.Timeout as caught:
            error = caught
            continue
        except (dns.exception.DNSException, OSError, EOFError, ValueError) as caught:
            error = caught
            break
        return read_answer(name, rrtype, response).changed(
            latency_ms=round((time.monotonic() - started) * 1000, 1), asked_at=asked_at
        )
    return Answer(
        name=name,
        type=rrtype,
        error=_described(error),
        unroutable=isinstance(error, OSError) and error.errno in UNROUTABLE,
        latency_ms=round((time.monotonic() - started) * 1000, 1),
        asked_at=asked_at,
    )


def read_answer(name: str, rrtype: str, response: dns.message.Message) -> Answer:
    """What a response says of a question, whatever its shape."""
    question, kind = dns.name.from_text(names.absolute(name)), dns.rdatatype.from_text(rrtype)
    exact = _rrset(response.answer, question, kind)
    alias = _rrset(response.answer, question, dns.rdatatype.CNAME)
    elsewhere = [rrset for rrset in response.answer if rrset.rdtype == kind and rrset.name != question]
    soa = any(rrset.rdtype == dns.rdatatype.SOA for rrset in response.authority)
    delegations = [rrset for rrset in response.authority if rrset.rdtype == dns.rdatatype.NS]
    authoritative = bool(response.flags & dns.flags.AA)
    is_referral = not response.answer and not soa and not authoritative
    return Answer(
        name=name,
        type=rrtype,
        rcode=dns.rcode.to_text(response.rcode()),
        authoritative=authoritative,
        values=[item.to_text() for item in exact] if exact else [],
        ttl=exact.ttl if exact else None,
        alias_target=alias[0].target.to_text() if alias else None,
        alias_values=[item.to_text() for rrset in elsewhere for item in rrset] if alias else [],
        referral_to=[item.to_text() for rrset in delegations for item in rrset] if is_referral else [],
    )


def _rrset(
    section: Sequence[dns.rrset.RRset], name: dns.name.Name, kind: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    return next((r for r in section if r.name == name and r.rdtype == kind and r.rdclass == dns.rdataclass.IN), None)


def _described(error: Exception | None) -> str:
    match error:
        case dns.exception.Timeout():
            return f"no answer within {sum(ATTEMPT_TIMEOUTS_SECONDS):g} s"
        case ConnectionRefusedError():
            return "nothing listens there (connection refused)"
        case None:
            return "no answer"
        case _:
            return f"{type(error).__name__}: {error}"

"""Where resolvers are asked, as a person configures it, and by which protocol."""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field

import httpx

from sovereign_dns import names
from sovereign_dns.clients.authoritative import PORT, split_host_port

DNS_OVER_TLS_PORT = 853

EXPECTED = "expected ip[:port], tls://ip[:port][#hostname] or https://..."

_TLS = "tls://"
_HTTPS = "https://"


@dataclass(frozen=True)
class Do53:
    """Plain DNS over UDP, and over TCP where an answer is truncated."""

    address: str
    port: int = PORT


@dataclass(frozen=True)
class DoT:
    """DNS over TLS (RFC 7858). `hostname` is what the certificate must be for: a name or the address."""

    address: str
    port: int
    hostname: str


@dataclass(frozen=True)
class DoH:
    """DNS over HTTPS (RFC 8484)."""

    url: str


@dataclass(frozen=True)
class Resolver:
    """A resolver. `label` is the place as it was configured; two labels of one place are one resolver."""

    label: str = field(compare=False)
    protocol: Do53 | DoT | DoH


def parse_resolvers(places: Sequence[str]) -> tuple[Resolver, ...]:
    """The resolvers at these places, each one once.

    Raises:
        ValueError: one of the places can't be understood.
    """
    return tuple(dict.fromkeys(parse_resolver(place) for place in places))


def parse_resolver(place: str) -> Resolver:
    """The resolver at `ip[:port]`, `tls://ip[:port][#hostname]` or `https://...`.

    Raises:
        ValueError: the place can't be understood; the message names it and says what is expected.
    """
    lower = place.lower()
    if lower.startswith(_HTTPS):
        return Resolver(place, DoH(_checked_url(place)))
    if lower.startswith(_TLS):
        where, with_hostname, hostname = place[len(_TLS) :].partition("#")
        address, port = _address_and_port(place, where, DNS_OVER_TLS_PORT)
        return Resolver(place, DoT(address, port, _checked_hostname(place, hostname) if with_hostname else address))
    if "://" in place:
        raise ValueError(f"{place!r} has an unknown scheme; {EXPECTED}")
    return Resolver(place, Do53(*_address_and_port(place, place, PORT)))


def _address_and_port(place: str, where: str, default_port: int) -> tuple[str, int]:
    """An address and no name: whose resolver would find the resolver?"""
    try:
        host, port = split_host_port(where, default_port)
    except ValueError as error:
        raise ValueError(f"{error}; {EXPECTED}") from None
    try:
        return str(ipaddress.ip_address(host)), port
    except ValueError:
        raise ValueError(f"{place!r} names no IP address; {EXPECTED}") from None


def _checked_url(place: str) -> str:
    try:
        url = httpx.URL(place)
    except httpx.InvalidURL as error:
        raise ValueError(f"{place!r} is no URL ({error}); {EXPECTED}") from None
    if url.userinfo:
        # Not quoted: places are shown in results, and this one may hold a password.
        raise ValueError("a DNS-over-HTTPS URL may hold neither user nor password, since it is shown in results")
    if not url.host or url.fragment or "{" in place or any(character.isspace() for character in place):
        raise ValueError(f"{place!r} is no URL of a DNS-over-HTTPS server; expected as https://dns.example/dns-query")
    return place


def _checked_hostname(place: str, hostname: str) -> str:
    try:
        return str(ipaddress.ip_address(hostname))
    except ValueError:
        pass
    try:
        return names.normalise_relative(hostname.removesuffix("."))
    except ValueError as error:
        raise ValueError(f"{place!r} names no host after '#' ({error}); {EXPECTED}") from None

"""The Hetzner Cloud API: which public addresses are ours. Reads only."""

import ipaddress
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, TypeAdapter, ValidationError

from sovereign_dns.clients import http
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.failures import HetznerUnauthorized, HetznerUnavailable
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret

PER_PAGE = 50
"""The API's maximum."""

READ_AGAIN = 3
"""How often a list is read from its beginning, where entries of it are deleted while its pages are read."""

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


def _network(given: Any) -> Any:
    """The API writes an address without a length, and an IPv6 network with one; what is not there is null."""
    return ipaddress.ip_network(given, strict=False) if given else None


PublicNetwork = Annotated[IPNetwork | None, BeforeValidator(_network)]


class _Part(BaseModel):
    """What we need of an answer. It is read leniently: the API grows new fields."""

    model_config = ConfigDict(hide_input_in_errors=True)


class _Public(_Part):
    ip: PublicNetwork = None


class _PublicNet(_Part):
    ipv4: _Public | None = None
    ipv6: _Public | None = None


class _Resource(_Part):
    """A server or load balancer, with `public_net`, or a floating or primary IP, with `ip`.

    A private network's addresses stand elsewhere, and are not looked at.
    """

    id: int
    name: str = ""
    ip: PublicNetwork = None
    public_net: _PublicNet | None = None

    def networks(self) -> Iterator[IPNetwork]:
        public = self.public_net or _PublicNet()
        for place in (self, public.ipv4, public.ipv6):
            if place is not None and place.ip is not None:
                yield place.ip


class _Pagination(_Part):
    next_page: int | None
    total_entries: int | None


class _Meta(_Part):
    pagination: _Pagination


KINDS = {
    "servers": "server",
    "load_balancers": "load balancer",
    "floating_ips": "floating IP",
    "primary_ips": "primary IP",
}
"""The lists of resources that have public addresses, by path and key, and what one of them is called."""


@dataclass(frozen=True)
class PublicNetworkOf:
    """One public address of ours, as a network, and which resource has it: `load balancer lb-otech5`."""

    network: IPNetwork
    resource: str


class Hetzner:
    """A client of the Hetzner Cloud API.

    A token is bound to one project: the secret may hold those of several, separated by white space.
    """

    def __init__(self, client: httpx.AsyncClient, url: MountedURL, tokens: Secret) -> None:
        self._client = client
        self._tokens = tokens
        self._backend = http.Backend(
            name="Hetzner Cloud",
            url=url,
            unavailable=HetznerUnavailable,
            unauthorized=HetznerUnauthorized,
            unauthorized_statuses=frozenset({401, 403}),
            mend_unauthorized=lambda: (
                "the token is unknown, or may not read. Make one with the permission Read in its project's "
                f"Security, API Tokens; {tokens.how_to_mend('token, or one token for each project')}"
            ),
            ask_again_after=_until_reset,
        )

    @property
    def is_configured(self) -> bool:
        """Whether a token is given, by value or by file, be it a good one or not."""
        return self._tokens.file is not None or bool(self._tokens.read())

    async def networks(self) -> list[PublicNetworkOf]:
        """Every public address of every project, as networks: an IPv4 address is a /32, a server's IPv6 one a /64.

        A server's addresses are primary IPs too, and so are there twice.

        Raises:
            HetznerUnavailable: connection, timeout, 5xx, 429, no JSON of the API, or lists that never stand still.
            HetznerUnauthorized: a token is not accepted, or there is none.
        """
        tokens = self._tokens.read().split()
        if not tokens:
            raise HetznerUnauthorized(
                f"nothing was asked of Hetzner Cloud, since there is no token: {self._tokens.how_to_mend('token')}"
            )
        lists = await side_by_side(self._networks(kind, token) for token in tokens for kind in KINDS)
        return [network for listed in lists for network in listed]

    async def _networks(self, kind: str, token: str) -> list[PublicNetworkOf]:
        return [
            PublicNetworkOf(network, f"{KINDS[kind]} {resource.name or resource.id}")
            for resource in await self._list(kind, token)
            for network in resource.networks()
        ]

    async def _list(self, kind: str, token: str) -> list[_Resource]:
        for _ in range(READ_AGAIN):
            found = await self._read_through(kind, token)
            if found is not None:
                return found
        raise HetznerUnavailable(
            f"{kind} at Hetzner Cloud were deleted or created each of the {READ_AGAIN} times that the list was "
            "read, so that entries may be missing; it is read again"
        )

    async def _read_through(self, kind: str, token: str) -> list[_Resource] | None:
        """All pages of one list; None where entries of it were perhaps passed over.

        Pages are counted, not remembered: an entry that is deleted from a page that was read moves all later ones
        forward, and the first of the next page is never seen. The newest come first, so that new ones do no harm; and
        those that were there at the beginning are counted.
        """
        found: dict[int, _Resource] = {}
        page, entries = await self._page(kind, token, 1)
        expected = page.total_entries
        newest = max((entry.id for entry in entries), default=0)
        number = 1
        while True:
            found |= {entry.id: entry for entry in entries}
            if page.next_page is None:
                break
            if page.next_page <= number:
                raise self._not_of_the_api(f"reading page {number} of {kind}", "its next page is none that follows")
            number = page.next_page
            page, entries = await self._page(kind, token, number)
        seen = sum(identity <= newest for identity in found)
        return list(found.values()) if expected is None or seen == expected else None

    async def _page(self, kind: str, token: str, number: int) -> tuple[_Pagination, list[_Resource]]:
        doing = f"reading page {number} of {kind}"
        response = await http.call(
            self._client,
            self._backend,
            "GET",
            f"{self._backend.address(doing=doing)}/{kind}",
            doing=doing,
            params={"page": number, "per_page": PER_PAGE, "sort": "id:desc"},
            headers={"Authorization": f"Bearer {token}"},
        )
        if response.status_code != 200:
            raise self._not_of_the_api(doing, f"status {response.status_code}: {http.excerpt(response)}")
        answer = http.json_of(response, self._backend, doing=doing)
        try:
            page = TypeAdapter(dict[str, Any]).validate_python(answer)
            meta = _Meta.model_validate(page.get("meta"))
            entries = TypeAdapter(list[_Resource]).validate_python(page.get(kind))
        except (ValidationError, ValueError) as error:
            raise self._not_of_the_api(doing, "JSON of another form") from error
        return meta.pagination, entries

    def _not_of_the_api(self, doing: str, what: str) -> HetznerUnavailable:
        return HetznerUnavailable(
            f"Hetzner Cloud gave an answer that is not of its API while {doing} ({what}). Look whether "
            f"{self._backend.url.where} is right, which is https://api.hetzner.cloud/v1 unless there is a proxy."
        )


def _until_reset(response: httpx.Response) -> float | None:
    """Seconds until a project has all of its requests again, which `RateLimit-Reset` tells in Unix time; bounded."""
    reset = response.headers.get("RateLimit-Reset", "").strip()
    if response.status_code != 429 or not (reset.isascii() and reset.isdigit()):
        return http.retry_after_of(response)
    return min(max(float(reset) - time.time(), 0.0), http.LONGEST_RETRY_AFTER_SECONDS)

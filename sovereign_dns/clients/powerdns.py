"""PowerDNS' REST API (https://doc.powerdns.com/authoritative/http-api/), as far as we need it.

Zones are asked for by name, unless by many names, and their metadata without rrsets. What a `search` for rrsets tells
grows with what is found; a read by name with the comments of the zone, and `streamed`, for `zone_stream`, with the
zone: `rrsets_at_names` decides between them.
"""

import asyncio
import urllib.parse
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import httpx
from pydantic import TypeAdapter, ValidationError

from sovereign_dns import names
from sovereign_dns.clients import http
from sovereign_dns.clients.group_commit import GroupCommit
from sovereign_dns.clients.powerdns_search import Found, PowerDNSSearch
from sovereign_dns.clients.shared_reads import Sending, SharedReads
from sovereign_dns.clients.turns import NoTurnError, Turns
from sovereign_dns.clients.zone_claims import ZoneClaims
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import Owner
from sovereign_dns.failures import (
    PowerDNSUnauthorized,
    PowerDNSUnavailable,
    ZoneMissing,
    ZoneRejected,
)
from sovereign_dns.mounted import MountedURL
from sovereign_dns.rrsets import RRset, RRsetWrite, owner_comment
from sovereign_dns.secrets import Secret
from sovereign_dns.wire import Message

Parsed = TypeVar("Parsed")

_ROOT_ID = "=2E"
"""As PowerDNS spells the root zone's id."""

READS_IN_FLIGHT = 6
"""PowerDNS closes every API connection after its answer and queues about ten: beyond, a SYN is lost and costs 1 s
(measured on 4.7.3; from 6 in flight the rate no longer rises)."""

WRITES_AT_ONCE = 1
"""Unless the environment says otherwise. PowerDNS answers 500 to all but one of the writes that meet in one zone and,
with SQLite, to most of those that meet in different ones (measured): its database has one writer, and they fail rather
than wait."""

MOST_ASKED_ONE_BY_ONE = 100
"""Whether a name is a zone takes 3 to 6 ms to ask, and the list of 6,000 zones half a second (measured on 4.7.3)."""

READ_TIMEOUT = httpx.Timeout(15.0, connect=5.0)
STREAM_TIMEOUT = httpx.Timeout(120.0, connect=5.0)
"""For each part of a long answer: PowerDNS sends nothing of it before it has put all of it together."""

LONGEST_STANDSTILL_OF_READS_SECONDS = 10.0
LONGEST_STANDSTILL_OF_WRITES_SECONDS = 25.0
"""A write may take all of its time-out. One wait of each, and one for a claim, stays below an attempt's time-out, so
that a PowerDNS which accepts connections and never answers is told as that, and not as an attempt that took too long.
"""

APEX_TTL_SECONDS = 3600
"""As PowerDNS gives the NS rrset of a zone that it makes by itself."""

_DONE = 204
"""What PowerDNS says of a change or a deletion, and nothing else: 200 is said by whatever answers in its place."""

_NO_SUCH_ZONE = "Not Found"
"""All that 4.7.3 says with a 404. An ingress whose backend is gone says 404 too, in words of its own."""

_REFUSALS = frozenset({400, 409, 412, 422})
"""With these PowerDNS says that the request itself is wrong; nothing else may count as a refusal, or as success."""


class ZoneMetadata(Message):
    """What a zone is, without its rrsets."""

    name: str
    kind: str
    dnssec: bool = False
    serial: int = 0

    @property
    def writable(self) -> bool:
        """A secondary gets its content from elsewhere, and would lose what we write at the next transfer."""
        return self.kind.lower() in {"native", "master", "primary", "producer"}


class AtName(Message):
    """What a read by name tells.

    `rrsets` are those of the name. One of which nothing is served has but its comments here: what is disabled is left
    out (measured on 4.7.3). `comments_of_others` counts the rrsets of other names whose comments come with it.
    """

    rrsets: list[RRset]
    comments_of_others: int = 0


class _ZoneContent(Message):
    rrsets: list[RRset]


class _CryptoKey(Message):
    active: bool = False
    published: bool = True
    ds: list[str] = []


_ZONE = TypeAdapter(ZoneMetadata)
_ZONES = TypeAdapter(list[ZoneMetadata])
_CONTENT = TypeAdapter(_ZoneContent)
_KEYS = TypeAdapter(list[_CryptoKey])
_FOUND = TypeAdapter(list[Found])


class PowerDNS:
    """A client of one PowerDNS server's API.

    Every method raises `PowerDNSUnavailable` (connection, timeout, 5xx, 429, no JSON) and
    `PowerDNSUnauthorized` (401, 403).
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        api_url: MountedURL,
        api_key: Secret,
        server_id: str = "localhost",
        *,
        writes_at_once: int = WRITES_AT_ONCE,
    ) -> None:
        self._client = client
        self._api_key = api_key
        self._server = f"/api/v1/servers/{urllib.parse.quote(server_id)}"
        self._backend = http.Backend(
            name="PowerDNS",
            url=api_url,
            unavailable=PowerDNSUnavailable,
            unauthorized=PowerDNSUnauthorized,
            unauthorized_statuses=frozenset({401, 403}),
            mend_unauthorized=lambda: api_key.how_to_mend("API key"),
        )
        self._reads = Turns(READS_IN_FLIGHT, longest_standstill=LONGEST_STANDSTILL_OF_READS_SECONDS)
        self._shared_reads = SharedReads[httpx.Response]()
        self._writes = Turns(writes_at_once, longest_standstill=LONGEST_STANDSTILL_OF_WRITES_SECONDS)
        self._one_stream = asyncio.Lock()
        self.search = PowerDNSSearch(self._found)
        self.claims = ZoneClaims()
        self.group_commit = GroupCommit(self.change, self.turn_to_write)

    @property
    def writes_waiting(self) -> int:
        """How many writes wait for their turn."""
        return self._writes.waiting

    @asynccontextmanager
    async def turn_to_write(self, doing: str) -> AsyncIterator[None]:
        """Where a write may be sent. Waited for before it: until then nothing is under way, and all can be called off.

        `doing` says which write, as a sentence goes on after "while".

        Raises:
            PowerDNSUnavailable: the writes before it don't come to an end.
        """
        async with self._turn(self._writes, doing):
            yield

    @asynccontextmanager
    async def _turn(self, turns: Turns, doing: str) -> AsyncIterator[None]:
        try:
            async with turns.taken():
                yield
        except NoTurnError as told:
            raise PowerDNSUnavailable(
                f"PowerDNS has answered {told} of the calls before it, while {doing} waited for its turn. Tried "
                "again; look whether PowerDNS is overloaded, or its database hangs",
                sent=False,
            ) from None

    async def hosted_for(self, host: str, candidates: Iterable[str]) -> set[str]:
        """As `hosted`, for a host, names below it and names above it: one search for those at and below it."""
        wanted = set(candidates)
        below = {name for name in wanted if names.is_at_or_below(name, host)}
        if len(below) < 2:  # to ask for the one is cheaper, however many zones there are
            return await self.hosted(wanted)
        found = await side_by_side([self.search.zones_at_or_below(host), self.hosted(wanted - below)])
        return wanted.intersection(set[str]().union(*found))

    async def hosted(self, candidates: Iterable[str]) -> set[str]:
        """Those of the names that are zones here. For many of them, all zones are listed."""
        wanted = list(dict.fromkeys(candidates))
        if len(wanted) > MOST_ASKED_ONE_BY_ONE:
            return (await self._zones()).intersection(wanted)
        found = await side_by_side(self._is_hosted(name) for name in wanted)
        return {name for name, hosted in zip(wanted, found, strict=True) if hosted}

    async def _is_hosted(self, name: str) -> bool:
        doing = f"looking whether {name} is a zone"
        response = await self._read("/zones", doing=doing, zone=names.absolute(name))
        zones = self._parsed(_ZONES, response, doing=doing)
        return any(zone.name == names.absolute(name) for zone in zones)

    async def _zones(self) -> set[str]:
        doing = "listing the zones"
        async with self._turn(self._reads, doing):
            only_names = {"dnssec": "false"}  # whether each is signed would take five times as long
            response = await self._send("GET", "/zones", doing=doing, params=only_names, timeout=STREAM_TIMEOUT)
        zones = self._parsed(_ZONES, response, doing=doing)
        return {names.relative_to_root(zone.name.lower()) for zone in zones}

    async def zone(self, name: str) -> ZoneMetadata | None:
        """A zone's metadata, or None where it is not hosted."""
        doing = f"reading zone {name}"
        response = await self._read(zone_path(name), doing=doing, rrsets="false")
        if _says_no_such_zone(response):
            return None
        return self._parsed(_ZONE, response, doing=doing)

    async def create_zone(self, name: str, nameservers: Sequence[str], owner: Owner | None = None) -> bool:
        """Creates a signed native zone, in a `turn_to_write`. Returns False where it was there already (409).

        The owner's comment on its NS rrset says for whom it was made.

        Raises:
            ZoneRejected: PowerDNS refuses the zone as invalid.
        """
        doing = f"creating zone {name}"
        body = {
            "name": names.absolute(name),
            "kind": "Native",
            "nameservers": [],  # PowerDNS takes them either here or, with a comment, as an rrset
            "rrsets": [_apex_nameservers(name, nameservers, owner)] if nameservers else [],
            "dnssec": True,
            "api_rectify": True,
        }
        response = await self._send("POST", "/zones", doing=doing, json=body)
        match response.status_code:
            case 201:
                return True
            case 409:
                return False
            case status if status in _REFUSALS:
                raise ZoneRejected(f"PowerDNS refused to create zone {name} ({_reason(response)})")
            case _:
                raise self._unexpected(response, doing)

    async def delete_zone(self, name: str) -> bool:
        """Deletes a zone with all that it holds, in a `turn_to_write`. Returns False where it was gone already."""
        doing = f"deleting zone {name}"
        response = await self._send("DELETE", zone_path(name), doing=doing)
        if response.status_code == _DONE:
            return True
        if _says_no_such_zone(response):
            return False
        raise self._unexpected(response, doing)

    async def at_name(self, zone: str, name: str) -> AtName:
        """What PowerDNS tells when it is asked for one name: besides, all comments of the zone (`RRsetsAtNames`).

        Raises:
            ZoneMissing: the zone is not hosted here.
        """
        doing = f"reading {name} in zone {zone}"
        response = await self._read(zone_path(zone), doing=doing, rrset_name=names.absolute(name))
        if _says_no_such_zone(response):
            raise zone_missing(zone, doing)
        told = self._parsed(_CONTENT, response, doing=doing).rrsets
        own = [rrset for rrset in told if rrset.name.lower() == names.absolute(name)]
        return AtName(
            rrsets=[rrset.changed(name=name) for rrset in own],
            comments_of_others=len(told) - len(own),
        )

    async def _found(self, pattern: str, kind: str, most: int, doing: str) -> list[Found]:
        response = await self._read("/search-data", doing=doing, q=pattern, object_type=kind, max=str(most))
        return self._parsed(_FOUND, response, doing=doing)

    async def change(self, zone: str, writes: Sequence[RRsetWrite]) -> None:
        """Applies all writes to the zone in one atomic PATCH, in a `turn_to_write`.

        Raises:
            ZoneRejected: PowerDNS refuses one of them as invalid; nothing was applied.
            ZoneMissing: the zone is not hosted here.
        """
        doing = f"writing {len(writes)} rrsets into zone {zone}"
        body = {"rrsets": [write.as_powerdns() for write in writes]}
        response = await self._send("PATCH", zone_path(zone), doing=doing, json=body)
        if response.status_code == _DONE:
            return
        if response.status_code in _REFUSALS:
            raise ZoneRejected(
                f"PowerDNS refused the change of zone {zone} and applied nothing of it ({_reason(response)})"
            )
        if _says_no_such_zone(response):
            raise ZoneMissing(f"zone {zone} is not hosted by PowerDNS any more (while {doing}); start the run again")
        raise self._unexpected(response, doing)

    async def ds_records(self, zone: str) -> list[str]:
        """The DS records of the zone's active keys, in every digest that PowerDNS computes; none when unsigned."""
        doing = f"reading the keys of zone {zone}"
        response = await self._read(f"{zone_path(zone)}/cryptokeys", doing=doing)
        if _says_no_such_zone(response):
            raise ZoneMissing(f"zone {zone} is not hosted by PowerDNS any more (while {doing}); start the run again")
        keys = self._parsed(_KEYS, response, doing=doing)
        return [ds for key in keys if key.active and key.published for ds in key.ds]

    @asynccontextmanager
    async def streamed(self, path: str, *, doing: str) -> AsyncIterator[httpx.Response]:
        """An answer that may be long, to be read while it comes. One at a time: the other turns are left to others."""
        url, headers = self._url(path, doing), self._headers()
        async with (
            self._one_stream,
            self._turn(self._reads, doing),
            http.streamed(
                self._client, self._backend, "GET", url, doing=doing, headers=headers, timeout=STREAM_TIMEOUT
            ) as response,
        ):
            if response.status_code not in {200, 422}:
                await response.aread()
                if not _says_no_such_zone(response):
                    raise self._unexpected(response, doing)
            yield response

    async def _read(self, path: str, *, doing: str, **params: str) -> httpx.Response:
        """Shared by all who want to read the same at the same time: what many runs ask for waits as one."""
        # Put together once: httpx would take its URL to pieces again for each parameter's sake.
        asked = f"{path}?{urllib.parse.urlencode(params, quote_via=urllib.parse.quote)}" if params else path

        async def send(sending: Sending) -> httpx.Response:
            async with self._turn(self._reads, doing):
                sending()
                return await self._send("GET", asked, doing=doing, timeout=READ_TIMEOUT)

        return await self._shared_reads.read(asked, send)

    async def _send(self, method: str, path: str, *, doing: str, **options: Any) -> httpx.Response:
        return await http.call(
            self._client,
            self._backend,
            method,
            self._url(path, doing),
            doing=doing,
            headers=self._headers(),
            **options,
        )

    def _headers(self) -> dict[str, str]:
        return {"X-API-Key": self._api_key.read()}

    def _url(self, path: str, doing: str) -> str:
        return self._backend.address(doing=doing).removesuffix("/api/v1") + self._server + path

    def _parsed(self, adapter: TypeAdapter[Parsed], response: httpx.Response, *, doing: str) -> Parsed:
        if response.status_code != 200:
            raise self._unexpected(response, doing)
        try:
            return adapter.validate_python(http.json_of(response, self._backend, doing=doing))
        except ValidationError as error:
            raise PowerDNSUnavailable(
                f"PowerDNS answered {response.status_code} with JSON that is not of its API while {doing}: "
                f"{http.excerpt(response)}"
            ) from error

    def _unexpected(self, response: httpx.Response, doing: str) -> PowerDNSUnavailable:
        """Neither done nor refused: something else answers, or the URL or server id is wrong."""
        return PowerDNSUnavailable(
            f"what answers as PowerDNS at {response.request.url.host} said {response.status_code} while {doing}, which "
            f"is not of its API: {http.excerpt(response)}. Look at {self._backend.url.where} and at "
            "CATALYST_POWERDNS_SERVER_ID."
        )


def zone_missing(zone: str, doing: str) -> ZoneMissing:
    """What a read of a zone fails with that is not hosted here; `doing` as in `turn_to_write`."""
    return ZoneMissing(
        f"zone {zone} is not hosted by PowerDNS any more (while {doing}): somebody deleted it during this run. Create "
        "it again, or start the run again, which does."
    )


def zone_path(zone: str) -> str:
    """Where the API has a zone. The root's dot alone would be taken for a step within the path."""
    return f"/zones/{urllib.parse.quote(names.absolute(zone), safe='') if zone else _ROOT_ID}"


def _apex_nameservers(zone: str, nameservers: Sequence[str], owner: Owner | None) -> dict[str, object]:
    servers = [names.absolute(server) for server in nameservers]
    comments = [owner_comment(owner)] if owner else []
    return RRsetWrite(name=zone, type="NS", ttl=APEX_TTL_SECONDS, values=servers, comments=comments).as_powerdns()


def _says_no_such_zone(response: httpx.Response) -> bool:
    """In PowerDNS' own words; versions before 4.9 said 422 of an unknown zone, and newer ones say it in JSON."""
    match response.status_code:
        case 404:
            return response.text.strip() == _NO_SUCH_ZONE or _error_of(response) is not None
        case 422:
            return _error_of(response) is not None
        case _:
            return False


def _reason(response: httpx.Response) -> str:
    return f"{response.status_code}: {_error_of(response) or http.excerpt(response)}"


def _error_of(response: httpx.Response) -> str | None:
    """What PowerDNS says in JSON, if it says anything."""
    try:
        error = response.json().get("error")
    except (ValueError, AttributeError):
        return None
    return str(error) if error else None

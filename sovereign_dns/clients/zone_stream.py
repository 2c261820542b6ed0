"""Whole zones, and the list of them, which PowerDNS tells in one answer without pages: of 50,000 rrsets, 14 MB.

The answer is taken as fast as it comes, and then parsed bit by bit. PowerDNS hangs up on a reader that takes nothing
for five seconds (measured on 4.7.3), which who parses may well do, on a busy worker. Meanwhile the answer is kept
compressed, to a thirtieth of its size (measured: in 33 ms); the worker may have no file system that it could write to.
"""

import asyncio
import gzip
import io
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, TypeVar

import httpx
import ijson  # type: ignore[import-untyped]
from pydantic import TypeAdapter, ValidationError

from sovereign_dns import names
from sovereign_dns.clients import http
from sovereign_dns.clients.powerdns import PowerDNS, ZoneMetadata, zone_path
from sovereign_dns.failures import PowerDNSUnavailable
from sovereign_dns.rrsets import RRset
from sovereign_dns.wire import Message

Item = TypeVar("Item", bound=Message)

ITEMS_IN_A_ROW = 20
"""Until others have their turn: a part of the answer holds hundreds."""

_QUICKEST = 1
"""gzip's level."""

RRsetsOfName = tuple[str, list[RRset]]
"""A name without its dot, and all of its rrsets; those without records are comments that were left alone."""


class ZoneStream:
    """Reads one zone at a time, and of it one name at a time.

    Every method raises `PowerDNSUnavailable`, also where an answer breaks off, and `PowerDNSUnauthorized`.
    """

    def __init__(self, powerdns: PowerDNS) -> None:
        self._powerdns = powerdns

    async def zones(self) -> list[str]:
        """Every hosted zone, sorted, without its dot."""
        doing = "listing the zones"
        found: list[str] = []
        async with self._powerdns.streamed("/zones", doing=doing) as response:
            if response.status_code != 200:
                raise self._no_zone(response, doing)
            answer = await _taken(response)
        async for zone in _items(answer, "item", TypeAdapter(ZoneMetadata), doing):
            found.append(names.relative_to_root(zone.name.lower()))  # noqa: PERF401 (no list of parsed zones)
        return sorted(found)

    async def names(self, zone: str) -> AsyncGenerator[RRsetsOfName, None]:
        """The zone's names, with their rrsets. Ends at once where the zone is not hosted.

        To be closed by who doesn't read it to its end (`contextlib.aclosing`).

        Raises:
            PowerDNSUnavailable: what has come so far is not the whole zone, or PowerDNS doesn't tell it (422).
        """
        doing = f"reading the whole of zone {zone}"
        name, group = "", list[RRset]()
        empty, has_soa = True, False
        async with self._powerdns.streamed(zone_path(zone), doing=doing) as response:
            if response.status_code == 404:
                return
            if response.status_code != 200:
                raise PowerDNSUnavailable(
                    f"PowerDNS answered {response.status_code} while {doing}: {await _first_part(response)}. It says "
                    "neither what the zone holds nor that it is not hosted; ask it for that zone yourself"
                )
            answer = await _taken(response)
        async with aclosing(_items(answer, "rrsets.item", TypeAdapter(RRset), doing)) as rrsets:
            async for rrset in rrsets:
                # PowerDNS sorts them by name.
                owner_name = names.relative_to_root(rrset.name.lower())
                if owner_name != name and group:
                    yield name, group
                    group = []
                name = owner_name
                group.append(rrset.changed(name=owner_name))
                empty, has_soa = False, has_soa or rrset.type == "SOA"
        if group:
            yield name, group
        if not has_soa and not (empty and await self._is_secondary(zone)):
            raise PowerDNSUnavailable(f"PowerDNS answered a zone without a SOA record while {doing}")

    async def _is_secondary(self, zone: str) -> bool:
        """One that was never transferred has no record at all, and answers nothing."""
        metadata = await self._powerdns.zone(zone)
        return metadata is not None and not metadata.writable

    def _no_zone(self, response: httpx.Response, doing: str) -> PowerDNSUnavailable:
        return PowerDNSUnavailable(
            f"PowerDNS answered {response.status_code} while {doing}; look at CATALYST_POWERDNS_SERVER_ID"
        )


async def _taken(response: httpx.Response) -> io.BytesIO:
    """The body, compressed. Where it breaks off, that is an outage (`PowerDNS.streamed`)."""
    kept = io.BytesIO()
    with gzip.open(kept, "wb", compresslevel=_QUICKEST) as body:
        async for part in response.aiter_bytes():
            body.write(part)
    kept.seek(0)
    return kept


async def _items(answer: io.BytesIO, prefix: str, adapter: TypeAdapter[Item], doing: str) -> AsyncGenerator[Item, None]:
    try:
        with gzip.open(answer) as body:
            for number, item in enumerate(ijson.items(body, prefix), start=1):
                yield adapter.validate_python(item)
                if number % ITEMS_IN_A_ROW == 0:
                    await asyncio.sleep(0)
    except (ijson.JSONError, ValidationError) as error:
        raise PowerDNSUnavailable(
            f"PowerDNS' answer broke off, or is not of its API, while {doing}: {_first_words(error)}"
        ) from None


async def _first_part(response: httpx.Response) -> str:
    await response.aread()
    return http.excerpt(response)


def _first_words(error: Any) -> str:
    return " ".join(str(error).split())[:200]

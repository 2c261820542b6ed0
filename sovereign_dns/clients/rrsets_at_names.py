"""What a zone holds at some names: read name by name, or picked out of the whole zone, whichever is quicker.

PowerDNS 4.7.3 tells every comment of the zone with each name that it is asked for. In a zone in which every rrset has
an owner's comment, two reads by name take as long as all of the zone; in one without any comment, dozens do.
"""

from collections.abc import Iterable
from contextlib import aclosing

from sovereign_dns.clients.powerdns import AtName, PowerDNS, zone_missing
from sovereign_dns.clients.zone_stream import ZoneStream
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.rrsets import RRset

MOST_COMMENTS_READ = 10_000
"""By reads by name, before the whole zone is read instead.

Measured on 4.7.3 with SQLite: a comment takes 20 µs, an rrset of the whole zone 15 to 25. So this is 0.2 s, which the
whole of a zone of 2,000 rrsets takes a quarter of, and of 14,000 somewhat more than.
"""

A_READ_IN_COMMENTS = 200
"""A read by name takes 3 to 4 ms, as long as so many comments: in a zone without any, 50 names are read one by one."""


class RRsetsAtNames:
    """Reads a zone at some names. What it finds does not depend on how it reads."""

    def __init__(self, powerdns: PowerDNS) -> None:
        self._powerdns = powerdns
        self._stream = ZoneStream(powerdns)

    async def held(self, zone: str, at_names: Iterable[str]) -> list[RRset]:
        """All rrsets at these names, with what is disabled in them, in the order of the names.

        Raises:
            ZoneMissing: the zone is not hosted here.
            PowerDNSUnavailable: also where its answer breaks off.
        """
        wanted = list(dict.fromkeys(at_names))
        told = await self._by_name(zone, wanted)
        if told is None:
            return await self._picked(zone, wanted)
        disabled = await self._powerdns.search.with_disabled_at(zone, wanted)
        return [
            rrset
            for name, at_name in zip(wanted, told, strict=True)
            for rrset in _completed(at_name.rrsets, [one for one in disabled if one.name == name])
        ]

    async def served(self, zone: str, at_names: Iterable[str]) -> list[RRset]:
        """As `held`, without what is disabled: as DNS answers it. Takes no search."""
        wanted = list(dict.fromkeys(at_names))
        told = await self._by_name(zone, wanted)
        if told is None:
            picked = [_as_served(rrset) for rrset in await self._picked(zone, wanted)]
            return [rrset for rrset in picked if rrset.records]
        return [rrset for at_name in told for rrset in at_name.rrsets if rrset.records]

    async def _by_name(self, zone: str, wanted: list[str]) -> list[AtName] | None:
        """None where the whole zone is quicker, which the first answer tells, if not the number of names."""
        if _whole_zone_is_quicker(len(wanted), 0):
            return None
        first = [await self._powerdns.at_name(zone, name) for name in wanted[:1]]
        others = wanted[1:]
        if first and _whole_zone_is_quicker(len(others), first[0].comments_of_others):
            return None
        return first + await side_by_side(self._powerdns.at_name(zone, name) for name in others)

    async def _picked(self, zone: str, wanted: list[str]) -> list[RRset]:
        places = {name: place for place, name in enumerate(wanted)}
        picked, is_empty = list[RRset](), True
        async with aclosing(self._stream.names(zone)) as all_names:
            async for name, rrsets in all_names:
                is_empty = False
                if name in places:
                    picked += [rrset for rrset in rrsets if rrset.records]
        if is_empty and await self._powerdns.zone(zone) is None:
            raise zone_missing(zone, f"reading {len(wanted)} names of it")
        return sorted(picked, key=lambda rrset: places[rrset.name])


def _whole_zone_is_quicker(reads: int, comments_with_each: int) -> bool:
    return reads * (A_READ_IN_COMMENTS + comments_with_each) > MOST_COMMENTS_READ


def _completed(told: list[RRset], with_disabled: list[RRset]) -> list[RRset]:
    """The comments are told by name, whatever of the rrset is disabled; its records, and its TTL, by the search."""
    by_type = {rrset.type: rrset for rrset in told}
    for found in with_disabled:
        known = by_type.get(found.type)
        by_type[found.type] = found if known is None else found.changed(comments=known.comments)
    return [rrset for rrset in by_type.values() if rrset.records]


def _as_served(rrset: RRset) -> RRset:
    return rrset.changed(records=[record for record in rrset.records if not record.disabled])

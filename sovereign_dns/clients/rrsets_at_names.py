"""What a zone holds at some names, read so that the answers grow with what is there, and not with the zone.

By `/search-data`, which tells disabled records too. It doesn't tell a comment's account, so an rrset with any comment
that could be somebody else's is read by name besides. PowerDNS 4.7.3 tells every comment of the zone with each name
that it is asked for: in a zone in which every rrset has an owner's comment, two such reads take as long as all of the
zone. So, as the last resort, the names are picked out of the whole zone while it streams by: where more than some
dozens of searches would be needed (what is removed or restored may be scattered), or several reads by name. And where
the zone is small and would take several searches, such as a Sovereign's own: nothing in it but its apex is above them.

A row whose name is in mixed case, which only a program that goes past the API writes, is found by a search, too. With
SQLite it is never served, and no PATCH removes it (measured on 4.7.3); a database that compares names whatever their
case serves it. A read by name finds what is served, so it decides.
"""

from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import aclosing
from functools import partial

from sovereign_dns import names
from sovereign_dns.clients.around_host import AroundHost
from sovereign_dns.clients.powerdns import AtName, PowerDNS, zone_missing
from sovereign_dns.clients.powerdns_search import Found, as_rrsets, tops_of
from sovereign_dns.clients.zone_stream import ZoneStream
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.rrsets import RRset, says_what_was_written
from sovereign_dns.wire import Message

MOST_TOPS = 48
"""Names that lie below no other of those that are read, each of which takes a search.

Measured on 4.7.3 with SQLite: 100 searches take 0.5 s in a zone of 14,000 rrsets, which streams by in 0.3 s, and 1.1 s
in one of 50,000, which streams by in 1.0.
"""

FEW_TOPS = 6
"""So many are searched for at once; for more of them it is looked first whether the whole zone is `SMALL`."""

SMALL = 200
"""Records below a zone's apex: all of it then takes a few ms, as few searches do."""

MOST_COMMENTS_READ = 10_000
"""By reads by name, before the whole zone is read instead.

Measured on 4.7.3 with SQLite: a comment takes 20 µs, an rrset of the whole zone 15 to 25. So this is 0.2 s, which the
whole of a zone of 2,000 rrsets takes a quarter of, and of 14,000 somewhat more than.
"""

A_READ_IN_COMMENTS = 200
"""A read by name takes 3 to 4 ms, as long as so many comments: in a zone without any, 50 names are read one by one."""


CommentsAt = Callable[[Collection[str]], Awaitable[list[Found]]]
"""Asks for the comments at some names."""


class ZoneAtNames(Message):
    """What a zone holds at some names, with what is disabled in it, and its own NS set.

    In the order of the names, and of one name in that of the types.
    """

    rrsets: list[RRset]
    nameservers: list[str]

    @property
    def served(self) -> list[RRset]:
        """The rrsets as DNS answers them: without what is disabled."""
        served = (
            rrset.changed(records=[record for record in rrset.records if not record.disabled]) for rrset in self.rrsets
        )
        return [rrset for rrset in served if rrset.records]


class RRsetsAtNames:
    """Reads a zone at some names. What it finds does not depend on how it reads.

    But for two things. An owner's comment with a digest counts as ours whatever its account is, unless the name was
    read by name. And a row in mixed case counts as any other where the whole zone is read, which tells them as one.
    """

    def __init__(self, powerdns: PowerDNS) -> None:
        self._powerdns = powerdns
        self._stream = ZoneStream(powerdns)

    async def held(self, zone: str, at_names: Iterable[str]) -> list[RRset]:
        """All rrsets at these names, with what is disabled in them, in the order of the names.

        Raises:
            ZoneMissing: the zone is not hosted here.
            PowerDNSUnavailable: also where its answer breaks off.
        """
        wanted = list(at_names)
        return (await self.look(zone, wanted)).rrsets if wanted else []

    async def served(self, zone: str, at_names: Iterable[str]) -> list[RRset]:
        """As `held`, without what is disabled: as DNS answers it."""
        wanted = list(at_names)
        return (await self.look(zone, wanted)).served if wanted else []

    async def nameservers(self, zone: str) -> list[str]:
        """The zone's own NS set, names with their dots.

        Raises:
            ZoneMissing: the zone is not hosted here.
        """
        return (await self.look(zone, [])).nameservers

    async def look(
        self,
        zone: str,
        at_names: Iterable[str],
        *,
        watched: Iterable[str] = (),
        around: AroundHost | None = None,
    ) -> ZoneAtNames:
        """What `held` and `nameservers` tell, in one.

        Args:
            zone: the zone.
            at_names: the names.
            watched: further names, of which no comments need to be told.
            around: what was found already, if it knows the zone: at all of these names and at its apex.

        Raises:
            ZoneMissing: the zone is not hosted here.
            PowerDNSUnavailable: also where its answer breaks off.
        """
        noted = list(dict.fromkeys(at_names))
        wanted = list(dict.fromkeys([*noted, *watched]))
        with_apex = dict.fromkeys([*wanted, zone])
        if around is not None and zone in around.zones:
            records = around.records(zone, with_apex)
            return await self._told(zone, noted, wanted, records, partial(around.comments, zone))
        tops = len(tops_of(zone, wanted))
        if tops > MOST_TOPS or (tops > FEW_TOPS and await self._powerdns.search.finds_fewer_below(zone, SMALL)):
            return await self._picked(zone, wanted)
        search = self._powerdns.search
        # The root has no name that could be searched for.
        records = await search.at_names(zone, with_apex, "record") if zone else []
        if not any(record.type == "SOA" and record.name == names.absolute(zone) for record in records):
            return await self._without_search(zone, wanted, as_rrsets(_as_searched(records), []))
        comments_at = partial(search.at_names, zone, with_apex, "comment")
        return await self._told(zone, noted, wanted, records, lambda where: comments_at(where=where))

    async def _told(
        self, zone: str, noted: list[str], wanted: list[str], records: list[Found], comments_at: CommentsAt
    ) -> ZoneAtNames:
        """With the comments that are needed: they are asked for only where there is an rrset to bear them."""
        with_comments = {names.relative_to_root(record.name) for record in records}.intersection(noted)
        comments = await comments_at(with_comments) if with_comments else []
        rrsets = as_rrsets(_as_searched(records), comments)
        mixed = {names.relative_to_root(record.name) for record in records if record.in_mixed_case}
        unclear = mixed.union(
            (rrset.name for rrset in rrsets if not all(map(says_what_was_written, rrset.comments))),
            (comment.name.removesuffix(".") for comment in comments if not comment.type),
        )
        return _at(zone, wanted, await self._as_told_by_name(zone, rrsets, unclear) if unclear else rrsets)

    async def _without_search(self, zone: str, wanted: list[str], found: list[RRset]) -> ZoneAtNames:
        """The search finds no zone: it is not hosted here, or in a backend that can't be searched."""
        told = await self._by_name(zone, list(dict.fromkeys([zone, *wanted])))
        if told is None:
            return await self._picked(zone, wanted)
        return _at(zone, wanted, _completed([rrset for at_name in told for rrset in at_name.rrsets], found))

    async def _as_told_by_name(self, zone: str, rrsets: list[RRset], unclear: set[str]) -> list[RRset]:
        """With all comments as they are, at the names where the search left open whose they are or what is served."""
        told = await self._by_name(zone, sorted(unclear))
        clear = [rrset for rrset in rrsets if rrset.name not in unclear]
        if told is None:
            return [*clear, *(await self._picked(zone, sorted(unclear))).rrsets]
        return _completed([rrset for at_name in told for rrset in at_name.rrsets], rrsets)

    async def _by_name(self, zone: str, wanted: list[str]) -> list[AtName] | None:
        """None where the whole zone is quicker, which the first answer tells, if not the number of names."""
        if _whole_zone_is_quicker(len(wanted), 0):
            return None
        first = await self._powerdns.at_name(zone, wanted[0])
        others = wanted[1:]
        if _whole_zone_is_quicker(len(others), first.comments_of_others):
            return None
        return [first, *await side_by_side(self._powerdns.at_name(zone, name) for name in others)]

    async def _picked(self, zone: str, wanted: list[str]) -> ZoneAtNames:
        to_pick, picked, is_empty = {*wanted, zone}, list[RRset](), True
        async with aclosing(self._stream.names(zone)) as all_names:
            async for name, rrsets in all_names:
                is_empty = False
                if name in to_pick:
                    picked += [rrset for rrset in rrsets if rrset.records]
        if is_empty and await self._powerdns.zone(zone) is None:
            raise zone_missing(zone, f"reading {len(wanted)} names of it")
        return _at(zone, wanted, picked)


def _whole_zone_is_quicker(reads: int, comments_with_each: int) -> bool:
    return reads * (A_READ_IN_COMMENTS + comments_with_each) > MOST_COMMENTS_READ


def _as_searched(records: Iterable[Found]) -> list[Found]:
    """Those of which it needs no second read whether they are served."""
    return [record for record in records if not record.in_mixed_case]


def _completed(told: list[RRset], found: list[RRset]) -> list[RRset]:
    """The comments are told by name, whatever of the rrset is disabled; its records, and its TTL, by a search."""
    rrsets = {(rrset.name, rrset.type): rrset for rrset in told}
    for one in found:
        known = rrsets.get((one.name, one.type))
        rrsets[one.name, one.type] = one if known is None else one.changed(comments=known.comments)
    return [rrset for rrset in rrsets.values() if rrset.records]


def _at(zone: str, wanted: list[str], rrsets: list[RRset]) -> ZoneAtNames:
    places = {name: place for place, name in enumerate(wanted)}
    apex = [rrset for rrset in rrsets if rrset.name == zone and rrset.type == "NS"]
    there = (rrset for rrset in rrsets if rrset.name in places)
    return ZoneAtNames(
        rrsets=sorted(there, key=lambda rrset: (places[rrset.name], rrset.type)),
        nameservers=[content for rrset in apex for content in rrset.served],
    )

"""What PowerDNS' search finds: over all zones, by name or by comment, where the API itself lists only whole zones."""

import itertools
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from sovereign_dns import names
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import Comment
from sovereign_dns.rrsets import COMMENT_ACCOUNT, Record, RRset, owners_pattern
from sovereign_dns.wire import Message

AS_MANY_AS_THERE_ARE = 2**31 - 1
"""The largest number that PowerDNS takes. Its answer grows with what is found, not with this."""

ENOUGH_TO_TELL = 50

LONG_LABEL = 5
"""From so many characters on, a host's first label ends few other names: it and all below it are found by one search.
"""


class Found(Message):
    """One zone, record or comment that the search has found. Early versions don't tell a comment's type.

    `in_mixed_case`: its row was, and whether PowerDNS answers from it depends on its database (`RRsetsAtNames`).
    """

    name: str
    type: Annotated[str, BeforeValidator(lambda given: given or "")] = ""
    content: str = ""
    disabled: bool = False
    ttl: int = 0
    zone: str = ""
    zone_id: str = ""
    in_mixed_case: bool = False


class NotedRRset(Message):
    """An rrset that bears a comment; names without their trailing dots."""

    zone: str
    name: str
    type: str


Kind = Literal["zone", "record", "comment"]
Ask = Callable[[str, Kind, int, str], Coroutine[Any, Any, list[Found]]]
"""Asks PowerDNS for a pattern, a kind of object, and at most so many; the last says what for."""


class PowerDNSSearch:
    """The API's `/search-data`. A pattern holds `*` and `?`; it matches names and contents alike.

    PowerDNS takes as many rows as it is allowed to, and then leaves empty non-terminals out (read in its source, and
    measured on 4.7.3): an answer of records that is shorter than asked for may yet be cut off.
    """

    def __init__(self, ask: Ask) -> None:
        self._ask = ask

    async def noted_as_of(self, sovereign_fqdn: str) -> list[NotedRRset]:
        """Every rrset in any zone with a comment that looks like this Sovereign's: the rrset itself says whose it is.

        The search doesn't tell the comment's account; and a comment may outlive its rrset.
        """
        doing = f"looking for the records of {sovereign_fqdn} in all zones"
        found = await self._ask(owners_pattern(sovereign_fqdn), "comment", AS_MANY_AS_THERE_ARE, doing)
        noted = {
            (names.relative_to_root(item.zone_id), names.relative_to_root(item.name.lower()), item.type): None
            for item in found
            if item.type and item.zone_id
        }
        return [NotedRRset(zone=zone, name=name, type=type_) for zone, name, type_ in noted]

    async def other_owners_below(self, domain: str, sovereign_fqdn: str) -> list[str]:
        """Some other Sovereigns that comments below a domain name, in any zone; empty only where there are none."""
        doing = f"looking whether others than {sovereign_fqdn} have records below {domain}"
        most = ENOUGH_TO_TELL
        while True:
            found = await self._ask(f"*.{domain}", "comment", most, doing)
            below = [item for item in found if item.name.lower().endswith(f".{names.absolute(domain)}")]
            owners = {rrset.owner.sovereign_fqdn for rrset in as_rrsets(below, below) if rrset.owner}
            if others := sorted(owners - {sovereign_fqdn}):
                return others
            if len(found) < most:  # of comments, a short answer is whole
                return []
            most = min(most * 20, AS_MANY_AS_THERE_ARE)  # all of it was this Sovereign's

    async def some_below(self, zone: str, enough: int = 1) -> list[RRset]:
        """What the zone holds below its apex, without TTLs and comments: all of it, or at least so many records.

        Cheap where a page of what is found has enough. A page that has not proves nothing, however short: it may have
        held empty non-terminals and other zones' records.
        """
        doing = f"looking whether zone {zone} holds anything but its apex"
        held = list[Found]()
        for most in (enough + ENOUGH_TO_TELL, AS_MANY_AS_THERE_ARE):
            held = _in_zone(await self._ask(f"*.{zone}", "record", most, doing), zone, zone)
            if len(held) >= enough:
                break
        return as_rrsets(held, [])

    async def finds_fewer_below(self, zone: str, most: int) -> bool:
        """Whether fewer records than that are below a zone's apex, in whatever zone: no more than a good guess."""
        found = await self._ask(f"*.{zone}", "record", most, f"looking whether zone {zone} is a small one")
        return len(found) < most

    async def rrsets_below(self, zone: str, cut: str) -> list[RRset]:
        """All that the zone holds below a name, with its owners."""
        doing = f"looking what zone {zone} holds below {cut}"
        kinds: tuple[Kind, ...] = ("record", "comment")
        records, comments = await side_by_side(self._found_below(zone, cut, kind, doing) for kind in kinds)
        return as_rrsets(records, comments)

    async def at_names(
        self, zone: str, at_names: Collection[str], kind: Kind, *, where: Collection[str] | None = None
    ) -> list[Found]:
        """The records or comments that the zone holds at these names; or, of these names, only at those in `where`.

        Takes one search for each name that lies below no other of them, and one more for all below it; of them those
        that may find anything in `where`. A search takes as long as any other, and its answer grows with what is at
        and below its name, in all zones.
        """
        at = set(at_names if where is None else where)
        doing = f"looking what zone {zone} holds at {len(at)} names"
        found = await side_by_side(
            self._ask(pattern, kind, AS_MANY_AS_THERE_ARE, doing)
            for pattern, covered in _patterns(zone, at_names).items()
            if not at.isdisjoint(covered)
        )
        held = {
            (item.name, item.type, item.content, item.in_mixed_case): item
            for item in map(_in_lower_case, itertools.chain.from_iterable(found))
            if item.zone == names.absolute(zone) and names.relative_to_root(item.name) in at
        }
        return list(held.values())

    async def around(self, host: str, top: str, kind: Kind, *, where: Collection[str] | None = None) -> list[Found]:
        """The records or comments that all zones hold at and below a host, and at the names and wildcards over it.

        Over it as far as `top`, which lies above the host. Or, of these names, only at those in `where`. A search takes
        as long as any other, and its answer grows with what is at and below the host.
        """
        found = await side_by_side(  # told by the pattern: others may wait for the same answer
            self._ask(pattern, kind, AS_MANY_AS_THERE_ARE, f"searching all zones for {pattern}")
            for pattern, covers in _patterns_around(host, top).items()
            if where is None or any(map(covers, where))
        )
        over = {name for above in names.lineage(host, top)[1:] for name in (above, f"*.{above}")}
        held = {
            (item.zone, item.name, item.type, item.content, item.in_mixed_case): item
            for item in map(_in_lower_case, itertools.chain.from_iterable(found))
            if (name := names.relative_to_root(item.name)) in over or names.is_at_or_below(name, host)
        }
        return [item for item in held.values() if where is None or names.relative_to_root(item.name) in where]

    async def zones_around(self, host: str, top: str) -> set[str]:
        """The hosted zones at and below a host, and between it and `top`; perhaps with others below `top`.

        One search, the same for all hosts below `top`, and so shared by those who look at the same time. Only where
        many zones lie there, which a short answer can't tell, the host's are asked for besides.
        """
        found = await self._ask(f"*.{top}", "zone", ENOUGH_TO_TELL, f"looking for zones below {top}")
        if len(found) < ENOUGH_TO_TELL:  # of zones, a short answer is whole
            return {names.relative_to_root(item.name.lower()) for item in found}
        between = names.lineage(host, top)[1:-1]
        below, *over = await side_by_side([self.zones_at_or_below(host), *map(self._zone_named, between)])
        return below.union(*over)

    async def _zone_named(self, name: str) -> set[str]:
        found = await self._ask(name, "zone", ENOUGH_TO_TELL, f"looking whether {name} is a zone")
        return {name for item in found if names.relative_to_root(item.name.lower()) == name}

    async def zones_at_or_below(self, name: str) -> set[str]:
        """The hosted zones there. One search; of zones, a short answer is whole."""
        doing = f"looking for zones at and below {name}"
        found = await self._ask(f"*{name}", "zone", ENOUGH_TO_TELL, doing)
        if len(found) == ENOUGH_TO_TELL:  # perhaps of names that only end alike
            patterns = (name, f"*.{name}")
            each = await side_by_side(self._ask(one, "zone", AS_MANY_AS_THERE_ARE, doing) for one in patterns)
            found = [item for items in each for item in items]
        zones = {names.relative_to_root(item.name.lower()) for item in found}
        return {zone for zone in zones if names.is_at_or_below(zone, name)}

    async def _found_below(self, zone: str, cut: str, kind: Kind, doing: str) -> list[Found]:
        return _in_zone(await self._ask(f"*.{cut}", kind, AS_MANY_AS_THERE_ARE, doing), zone, cut)


def tops_of(zone: str, at_names: Iterable[str]) -> dict[str, list[str]]:
    """The names that lie below no other of them, each with those that do: they are searched for together.

    Below a zone's apex is all of it, and below a wildcard nothing.
    """
    wanted = dict.fromkeys(at_names)
    tops: dict[str, list[str]] = {}
    for name in wanted:
        above = names.lineage(name, zone)[1:]
        top = next((one for one in reversed(above) if one in wanted and one != zone and "*" not in one), None)
        if top is None:
            tops.setdefault(name, [])
        else:
            tops.setdefault(top, []).append(name)
    return tops


def _patterns(zone: str, at_names: Iterable[str]) -> dict[str, list[str]]:
    """What finds all that is at these names, each with the names that it finds.

    Never `*<name>`: of a short label, a large part of the zone ends alike. And a wildcard's own star would match every
    name in its reach; `?` matches it, and few others.
    """
    patterns: dict[str, list[str]] = {}
    for top, below in tops_of(zone, at_names).items():
        patterns.setdefault(top.replace("*", "?"), []).append(top)
        if below:
            patterns[f"*.{top}"] = below
    return patterns


def _patterns_around(host: str, top: str) -> dict[str, Callable[[str], bool]]:
    """What finds all at and below a host and over it, each with which names it finds."""
    patterns: dict[str, Callable[[str], bool]] = {}
    if len(host.partition(".")[0]) >= LONG_LABEL:
        patterns[f"*{host}"] = lambda name: names.is_at_or_below(name, host)
    else:
        patterns[host] = host.__eq__
        patterns[f"*.{host}"] = lambda name: name.endswith(f".{host}")
    for above in names.lineage(host, top)[1:]:
        patterns[above] = above.__eq__
        patterns[f"?.{above}"] = f"*.{above}".__eq__
    return patterns


def _in_lower_case(item: Found) -> Found:
    if item.name.islower() and item.zone.islower():
        return item
    name = item.name.lower()
    return item.changed(name=name, zone=item.zone.lower(), in_mixed_case=name != item.name)


def _in_zone(found: list[Found], zone: str, cut: str) -> list[Found]:
    """The pattern matches contents too, and other zones."""
    return [
        item
        for item in found
        if item.zone == names.absolute(zone) and item.name.lower().endswith(f".{names.absolute(cut)}")
    ]


def as_rrsets(records: Iterable[Found], comments: Iterable[Found]) -> list[RRset]:
    """What was found, put together. A comment counts as ours: whose account it is of, the search doesn't tell."""
    noted: dict[tuple[str, str], list[Comment]] = {}
    for comment in comments:
        noted.setdefault((comment.name, comment.type), []).append(
            Comment(content=comment.content, account=COMMENT_ACCOUNT)
        )
    by_rrset: dict[tuple[str, str], list[Found]] = {}
    for record in records:
        by_rrset.setdefault((record.name, record.type), []).append(record)
    return [
        RRset(
            name=names.relative_to_root(name),
            type=type_,
            ttl=min(record.ttl for record in held),  # as PowerDNS tells it
            records=[
                Record(content=record.content, disabled=record.disabled)
                for record in sorted(held, key=lambda record: record.content)
            ],
            comments=noted.get((name, type_), []),
        )
        for (name, type_), held in by_rrset.items()
    ]

"""What PowerDNS' search finds: over all zones, by name or by comment, where the API itself lists only whole zones."""

from collections.abc import Awaitable, Callable, Collection
from typing import Annotated, Literal

from pydantic import BeforeValidator

from sovereign_dns import names
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import Comment
from sovereign_dns.rrsets import COMMENT_ACCOUNT, Record, RRset, owners_pattern
from sovereign_dns.wire import Message

MOST_FOUND = 1000

AS_MANY_AS_THERE_ARE = 2**31 - 1
"""The largest number that PowerDNS takes. Its answer grows with what is found, not with this."""

ENOUGH_TO_TELL = 50


class Found(Message):
    """One record or comment that the search has found."""

    name: str
    type: Annotated[str, BeforeValidator(lambda given: given or "")] = ""
    content: str = ""
    disabled: bool = False
    ttl: int = 0
    zone_id: str = ""


class NotedRRset(Message):
    """An rrset that bears a comment; names without their trailing dots."""

    zone: str
    name: str
    type: str


Kind = Literal["record", "comment"]
Ask = Callable[[str, Kind, int, str], Awaitable[list[Found]]]
"""Asks PowerDNS for a pattern, a kind of object, and at most so many; the last says what for."""


class PowerDNSSearch:
    """The API's `/search-data`. A pattern holds `*` and `?`; it matches names and contents alike."""

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
            owners = {rrset.owner.sovereign_fqdn for rrset in _as_rrsets(below, below) if rrset.owner}
            if others := sorted(owners - {sovereign_fqdn}):
                return others
            if len(found) < most:
                return []
            most = min(most * 20, AS_MANY_AS_THERE_ARE)  # all of it was this Sovereign's

    async def some_below(self, zone: str, most: int = ENOUGH_TO_TELL) -> list[RRset]:
        """Some of what the zone holds below its apex, without TTLs and comments; nothing only where there is nothing.

        Cheap for any zone: as soon as anything is found, no more is looked for. All of it, where that is less than
        `most` records.
        """
        doing = f"looking whether zone {zone} holds anything but its apex"
        while True:
            found = await self._ask(f"*.{zone}", "record", most, doing)
            held = _in_zone(found, zone, zone)
            if held or len(found) < most:
                return _as_rrsets(held, [])
            most = min(most * 20, AS_MANY_AS_THERE_ARE)  # all of it was of other zones, above or below

    async def rrsets_below(self, zone: str, cut: str) -> list[RRset]:
        """What the zone holds below a name, with its owners: the first `MOST_FOUND` records."""
        doing = f"looking what zone {zone} holds below {cut}"
        kinds: tuple[Kind, ...] = ("record", "comment")
        records, comments = await side_by_side(self._found_below(zone, cut, kind, doing) for kind in kinds)
        return _as_rrsets(records, comments)

    async def with_disabled_at(self, zone: str, at_names: Collection[str]) -> list[RRset]:
        """The rrsets that hold anything disabled, which reads by name leave out; without their comments.

        One search for all names at and below one of them: it takes as long as for one.
        """
        tops = [name for name in at_names if not any(_is_below(name, other, zone) for other in at_names)]
        found = await side_by_side(self._at_or_below(zone, top, at_names) for top in tops)
        wanted = {names.absolute(name) for name in at_names}
        held = {  # a record is found by its content as well, so perhaps by several searches
            (item.name, item.type, item.content): item
            for items in found
            for item in items
            if item.type and item.zone_id == names.absolute(zone) and item.name.lower() in wanted
        }
        return [rrset for rrset in _as_rrsets(list(held.values()), []) if rrset.disabled]

    async def _at_or_below(self, zone: str, top: str, at_names: Collection[str]) -> list[Found]:
        """What is found at those of the names which are `top` or lie below it, and perhaps elsewhere."""
        doing = f"looking what zone {zone} holds disabled at {top}"
        together = [name for name in at_names if name == top or _is_below(name, top, zone)]
        if len(together) > 1:
            found = await self._ask(f"*{top}", "record", MOST_FOUND, doing)
            if len(found) < MOST_FOUND:
                return found
        # A wildcard's own star would match every name in its reach; `?` matches it, and few others.
        each = await side_by_side(self._records(name.replace("*", "?"), doing) for name in together)
        return [item for found in each for item in found]

    async def _records(self, pattern: str, doing: str) -> list[Found]:
        return await self._ask(pattern, "record", AS_MANY_AS_THERE_ARE, doing)

    async def _found_below(self, zone: str, cut: str, kind: Kind, doing: str) -> list[Found]:
        return _in_zone(await self._ask(f"*.{cut}", kind, MOST_FOUND, doing), zone, cut)


def _is_below(name: str, other: str, zone: str) -> bool:
    """Below a zone's apex is all of it, and below a wildcard nothing."""
    return other not in {name, zone} and "*" not in other and names.is_at_or_below(name, other)


def _in_zone(found: list[Found], zone: str, cut: str) -> list[Found]:
    """The pattern matches contents too, and other zones."""
    return [
        item
        for item in found
        if item.type  # an empty non-terminal has none
        and item.zone_id == names.absolute(zone)
        and item.name.lower().endswith(f".{names.absolute(cut)}")
    ]


def _as_rrsets(records: list[Found], comments: list[Found]) -> list[RRset]:
    noted: dict[tuple[str, str], list[Comment]] = {}
    for comment in comments:
        noted.setdefault((comment.name, comment.type), []).append(
            Comment(content=comment.content, account=COMMENT_ACCOUNT)  # the search doesn't tell the account
        )
    contents: dict[tuple[str, str], list[Record]] = {}
    ttls = {(record.name, record.type): record.ttl for record in records}
    for record in records:
        held = Record(content=record.content, disabled=record.disabled)
        contents.setdefault((record.name, record.type), []).append(held)
    return [
        RRset(
            name=names.relative_to_root(name),
            type=type_,
            ttl=ttls[name, type_],
            records=held,
            comments=noted.get((name, type_), []),
        )
        for (name, type_), held in contents.items()
    ]

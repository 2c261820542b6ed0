"""What all zones hold around a host, found at once: which of them answers for a name is told with what they hold."""

from collections.abc import Collection, Iterable

from sovereign_dns import names
from sovereign_dns.clients.powerdns_search import Found, PowerDNSSearch
from sovereign_dns.concurrency import both

MOST_LEVELS = 20
"""Between a host and the top of what is searched, each of which takes two searches."""


class AroundHost:
    """What a search found at and below a host, and at the names and wildcards over it as far as `top`.

    `zones` are those that answer by now, and that it knows; `hosted` besides those that hold nothing yet, such as a
    secondary before its first transfer: from then on it would answer in another zone's place.
    """

    def __init__(
        self, search: PowerDNSSearch, host: str, top: str, records: Iterable[Found], hosted: Collection[str]
    ) -> None:
        self._search = search
        self._host = host
        self._top = top
        self._by_zone: dict[str, list[Found]] = {}
        for record in records:
            self._by_zone.setdefault(names.relative_to_root(record.zone.lower()), []).append(record)
        self.zones = {zone for zone, held in self._by_zone.items() if _is_served(zone, held)}
        self.hosted = self.zones.union(hosted)

    def records(self, zone: str, at_names: Collection[str]) -> list[Found]:
        """What the zone holds at these names, all of which were searched."""
        return [item for item in self._by_zone.get(zone, []) if names.relative_to_root(item.name) in at_names]

    async def comments(self, zone: str, at_names: Collection[str]) -> list[Found]:
        """Those that the zone holds at these names, by now."""
        found = await self._search.around(self._host, self._top, "comment", where=at_names)
        return [item for item in found if item.zone == names.absolute(zone)]


async def look_around(search: PowerDNSSearch, host: str, top: str) -> AroundHost | None:
    """One round trip of searches; None where they don't tell which zones there are, or would tell too much.

    That is in a backend that can't be searched, and where the top itself is the host: below a zone's apex is all of it.
    """
    if host == top or len(names.lineage(host, top)) > MOST_LEVELS:
        return None
    records, hosted = await both(search.around(host, top, "record"), search.zones_around(host, top))
    around = AroundHost(search, host, top, records, hosted)
    return around if top in around.zones else None


def _is_served(zone: str, held: Iterable[Found]) -> bool:
    """PowerDNS answers from a zone only where it finds its SOA."""
    return "*" not in zone and any(
        item.type == "SOA" and not item.disabled and item.name == names.absolute(zone) for item in held
    )

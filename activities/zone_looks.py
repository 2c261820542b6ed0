"""What a zone holds, what keys it has, and what lies above it, as removals look at it."""

from collections.abc import Iterable

from sovereign_dns import names
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.rrsets_at_names import RRsetsAtNames
from sovereign_dns.failures import ZoneMissing
from sovereign_dns.rrsets import RRset


class ZoneLooks:
    """Where a zone is gone by now, so is all that was in it."""

    def __init__(self, powerdns: PowerDNS) -> None:
        self._powerdns = powerdns
        self._rrsets = RRsetsAtNames(powerdns)

    async def held(self, zone: str, at_names: Iterable[str]) -> list[RRset]:
        """All at some names, also what is disabled: it goes with its rrset."""
        try:
            return await self._rrsets.held(zone, sorted(at_names))
        except ZoneMissing:
            return []

    async def keys(self, zone: str) -> list[str]:
        """Its DS records, sorted; none where it is not signed."""
        try:
            return sorted(await self._powerdns.ds_records(zone))
        except ZoneMissing:
            return []

    async def zone_above(self, zone: str) -> str | None:
        """The next hosted zone above it, if there is any."""
        above = names.parent_of(zone)
        hosted = await self._powerdns.hosted(names.lineage(above)) if above else set()
        return names.longest_hosted_suffix(zone, hosted)

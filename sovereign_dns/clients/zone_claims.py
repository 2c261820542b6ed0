"""Claims on names: from reading to writing nobody else changes what was read, and who needs other names goes beside."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from sovereign_dns import names
from sovereign_dns.clients.turns import NoTurnError, while_it_moves
from sovereign_dns.failures import PowerDNSUnavailable

LONGEST_STANDSTILL_SECONDS = 15.0
"""Shorter than a write's time-out: with the waits for turns that follow, it stays below an attempt's."""


class _Claim:
    """What one step may change: owner names, and whole zones. `ahead` are those before it that want some of it."""

    def __init__(self, at_names: Iterable[str], whole_zones: Iterable[str]) -> None:
        self.names = frozenset(name.lower() for name in at_names)
        self.zones = frozenset(zone.lower() for zone in whole_zones)
        self.ahead: set[_Claim] = set()
        self.nobody_ahead = asyncio.get_running_loop().create_future()
        self.ended_well_ahead = 0

    def shared_with(self, other: "_Claim") -> str | None:
        """A place that both want, for people."""
        if not self.names.isdisjoint(other.names):
            return min(self.names & other.names)
        return self.zone_with(other) or other.zone_with(self)

    def zone_with(self, other: "_Claim") -> str | None:
        """A whole zone of this one that the other wants something of, or below."""
        for zone in sorted(self.zones):
            if any(not zone or names.is_at_or_below(place, zone) for place in (*other.names, *other.zones)):
                return f"zone {zone}"
        return None


class ZoneClaims:
    """The claims of one process, first come, first served.

    Writers of other processes are not kept out: a run is its Sovereign's lock, and two Sovereigns of the same names are
    a conflict that the next run of either finds.
    """

    def __init__(self) -> None:
        self._claims: dict[_Claim, None] = {}

    @asynccontextmanager
    async def held(self, at_names: Iterable[str], *, whole_zones: Iterable[str] = ()) -> AsyncIterator[None]:
        """Keeps every other claim off these owner names, and off all at and below the apex of these zones.

        In whatever zone a name's records are: that is known only once they have been read. All at once: a claim waits
        only for those that came before it, so no two ever wait for each other.

        Raises:
            PowerDNSUnavailable: the claims before it don't come to an end.
        """
        claim = _Claim(at_names, whole_zones)
        claim.ahead = {other for other in self._claims if claim.shared_with(other) is not None}
        self._claims[claim] = None
        well = False
        try:
            await _nobody_is_ahead(claim)
            yield
            well = True
        finally:
            self._let_go(claim, well=well)

    def _let_go(self, claim: _Claim, *, well: bool) -> None:
        del self._claims[claim]
        for other in self._claims:
            if claim not in other.ahead:
                continue
            other.ahead.discard(claim)
            other.ended_well_ahead += well
            if not other.ahead and not other.nobody_ahead.done():
                other.nobody_ahead.set_result(None)


async def _nobody_is_ahead(claim: _Claim) -> None:
    if not claim.ahead:
        return
    try:
        await while_it_moves(claim.nobody_ahead, lambda: claim.ended_well_ahead, LONGEST_STANDSTILL_SECONDS)
    except NoTurnError as told:
        place = next(filter(None, map(claim.shared_with, claim.ahead)), "the same names")
        raise PowerDNSUnavailable(
            f"this worker has been writing {place} for other runs, and came to an end with {told}: PowerDNS answers "
            "slowly, or not at all. Tried again",
            sent=False,
        ) from None

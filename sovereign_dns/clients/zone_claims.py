"""Claims on names: from reading to writing nobody else changes what was read, and who needs other names goes beside."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from sovereign_dns.clients.turns import NoTurnError, while_it_moves
from sovereign_dns.failures import PowerDNSUnavailable

LONGEST_STANDSTILL_SECONDS = 15.0
"""Shorter than a write's time-out: with the waits for turns that follow, it stays below an attempt's."""


class _Claim:
    """What one step may change, by zone; None is the whole zone. `ahead` are those before it that want some of it."""

    def __init__(self, places: Mapping[str, Iterable[str] | None]) -> None:
        self.names = {
            zone.lower(): None if names is None else frozenset(name.lower() for name in names)
            for zone, names in places.items()
        }
        self.ahead: set[_Claim] = set()
        self.nobody_ahead = asyncio.get_running_loop().create_future()
        self.ended_well_ahead = 0

    def shared_with(self, other: "_Claim") -> str | None:
        """A place that both want, for people."""
        for zone in sorted(self.names.keys() & other.names.keys()):
            mine, theirs = self.names[zone], other.names[zone]
            if mine is None or theirs is None:
                return f"zone {zone}"
            if both := mine & theirs:
                return f"{min(both)} in zone {zone}"
        return None


class ZoneClaims:
    """The claims of one process, first come, first served.

    Writers of other processes are not kept out: a run is its Sovereign's lock, and two Sovereigns of the same names are
    a conflict that the next run of either finds.
    """

    def __init__(self) -> None:
        self._claims: dict[_Claim, None] = {}

    @asynccontextmanager
    async def held(self, places: Mapping[str, Iterable[str] | None]) -> AsyncIterator[None]:
        """Keeps every other claim off these names of these zones; None claims the whole zone.

        All at once: a claim waits only for those that came before it, so no two ever wait for each other.

        Raises:
            PowerDNSUnavailable: the claims before it don't come to an end.
        """
        claim = _Claim(places)
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

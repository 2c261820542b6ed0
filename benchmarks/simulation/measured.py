"""What was measured, to draw from: each draw is a measured value, or lies between those of the next sizes."""

import math
import statistics
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks import measured as kept
from benchmarks.page import MEASURED
from benchmarks.provisioning_costs import ROUNDS_DATABASE, ROUNDS_ZONES
from benchmarks.sovereigns import PER_SOVEREIGN
from benchmarks.unit_costs import (
    BATCHES,
    HOSTED_ZONES,
    ZONE_SIZES,
    listing_key,
    metadata_key,
    patch_key,
    search_key,
)

SCANS_OVER_A_HOST = 2
"""The parent domain's apex, and the wildcard in it."""

GETS_OF_THE_RECORDS_STEP = 1
"""The zone's metadata. All others are those of `zone-create`."""


class NotMeasuredError(Exception):
    """A figure that the model needs was never measured; the message says which one, and how to measure it."""


def quantile(ordered: Sequence[float], at: float) -> float:
    """The value below which that part of the measured ones lies; between two of them, the line through both.

    They come in their order, the smallest first.
    """
    place = at * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


class BySize:
    """Seconds by a size. Between measured sizes, and beyond the biggest, a line; below the smallest, the smallest's."""

    def __init__(self, points: Mapping[int, Sequence[float]]) -> None:
        self._sizes = sorted(points)
        self._ordered = [sorted(points[size]) for size in self._sizes]

    def draw(self, size: float, at: float) -> float:
        """The seconds at this size, at one quantile of what was measured at the sizes beside it."""
        if len(self._sizes) == 1 or size <= self._sizes[0]:
            return quantile(self._ordered[0], at)
        right = min(bisect_right(self._sizes, size), len(self._sizes) - 1)
        low, high = self._sizes[right - 1], self._sizes[right]
        at_low, at_high = quantile(self._ordered[right - 1], at), quantile(self._ordered[right], at)
        # Noise must not make the bigger size the cheaper one.
        return at_low + max(at_high - at_low, 0.0) * (size - low) / (high - low)


@dataclass(frozen=True)
class PatchTimes:
    """Seconds of one PATCH by the zone's size and its own."""

    by_batch: Mapping[int, BySize]

    def draw(self, zone_rrsets: float, rrsets: float, at: float) -> float:
        """As `BySize`, in both directions."""
        smallest = min(self.by_batch)
        if rrsets <= smallest:
            return self.by_batch[smallest].draw(zone_rrsets, at)
        across = {batch: [by_zone.draw(zone_rrsets, at)] for batch, by_zone in self.by_batch.items()}
        return BySize(across).draw(rrsets, at)


@dataclass(frozen=True)
class Measured:
    """The samples of all benchmarks, by name: of each its run that the page shows."""

    samples: Mapping[str, Sequence[float]]

    def of(self, name: str) -> Sequence[float]:
        """The samples of this name.

        Raises:
            NotMeasuredError: there are none.
        """
        if not (found := self.samples.get(name)):
            raise NotMeasuredError(
                f"{MEASURED} has no samples of {name!r}: run `make bench` first, which measures everything; or, of the "
                "unit costs alone, `make bench ARGS='costs --write'`"
            )
        return found

    def median(self, name: str) -> float:
        """The middle one of them."""
        return statistics.median(self.of(name))

    def count(self, name: str) -> float:
        """The middle one of a count, nought where nothing of the kind was counted."""
        return statistics.median(self.samples.get(name) or [0.0])

    @cached_property
    def scans(self) -> float:
        """How many searches of one Sovereign look through the whole database: all but those among the zones' names."""
        return sum(self.count(f"{kind} search requests per Sovereign") for kind in ("record", "comment", "all"))

    @cached_property
    def shared_scans(self) -> float:
        """Those of them that are the same for all hosts below one parent domain: its apex, and the wildcard in it."""
        return min(self.scans, SCANS_OVER_A_HOST)

    @cached_property
    def listings(self) -> float:
        """How many searches of one Sovereign list all zones, as each does."""
        return self.scans + self.count("zone search requests per Sovereign")

    @cached_property
    def patch(self) -> PatchTimes:
        """What PATCHes take."""
        by_batch = {}
        for sovereigns in BATCHES:
            rrsets = sovereigns * PER_SOVEREIGN
            points = {size: found for size in ZONE_SIZES if (found := self.samples.get(patch_key(size, rrsets)))}
            if points:
                by_batch[rrsets] = BySize(points)
        if not by_batch:
            self.of(patch_key(ZONE_SIZES[0], PER_SOVEREIGN))
        return PatchTimes(by_batch)

    @cached_property
    def search(self) -> BySize:
        """What a search among all records takes, by all rrsets of the server's database."""
        return BySize({size: self.of(search_key(size)) for size in ZONE_SIZES})

    @cached_property
    def listing(self) -> BySize:
        """What a search among the zones' names takes, by their number. Any other lists them as well."""
        return BySize({zones: self.of(listing_key(zones)) for zones in HOSTED_ZONES})

    def more_to_list(self, zones: float, at: float = 0.5) -> float:
        """By what any search takes longer among so many zones than among the fewest that were measured."""
        return self.listing.draw(zones, at) - self.listing.draw(0, at)

    @cached_property
    def metadata(self) -> BySize:
        """What a read takes that is neither a search nor grows with anything."""
        return BySize({size: self.of(metadata_key(size)) for size in ZONE_SIZES})

    def scan(self, rrsets: float, zones: float, at: float) -> float:
        """What one search among all records takes, at one quantile."""
        return self.search.draw(rrsets, at) + self.more_to_list(zones, at)

    def searching(self, rrsets: float, zones: float, at: float) -> float:
        """What all searches of one Sovereign take in a database of that size, where none is shared."""
        return self.scans * self.scan(rrsets, zones, at) + (self.listings - self.scans) * self.listing.draw(zones, at)

    def reads_of_the_zone_step(self, at: float) -> float:
        """What `zone-create` asks of a zone that is there. The same for all hosts below one parent domain."""
        return max(self.count("other GET requests per Sovereign") - GETS_OF_THE_RECORDS_STEP, 0) * self._get(at)

    def shared_reads(self, rrsets: float, zones: float, at: float) -> float:
        """What `records-upsert` asks that is the same for all hosts below one parent domain."""
        others = min(self.count("other GET requests per Sovereign"), GETS_OF_THE_RECORDS_STEP) * self._get(at)
        listings = (self.listings - self.scans) * self.listing.draw(zones, at)
        return self.shared_scans * self.scan(rrsets, zones, at) + listings + others

    def own_reads(self, rrsets: float, zones: float, at: float) -> float:
        """What `records-upsert` asks of its own host, which nobody else does."""
        return (self.scans - self.shared_scans) * self.scan(rrsets, zones, at)

    @cached_property
    def calls(self) -> float:
        """What all calls of one Sovereign of a round took together: none of them shared any."""
        at = 0.5
        reads = self.reads_of_the_zone_step(at) + self.shared_reads(ROUNDS_DATABASE, ROUNDS_ZONES, at)
        own = self.own_reads(ROUNDS_DATABASE, ROUNDS_ZONES, at)
        return reads + own + self.patch.draw(ZONE_SIZES[0], PER_SOVEREIGN, at)

    def _get(self, at: float) -> float:
        return self.metadata.draw(ZONE_SIZES[0], at)


def read(root: Path) -> Measured:
    """What `make bench` has measured."""
    return Measured({name: taken for run in kept.read(root / MEASURED).shown for name, taken in run.samples.items()})


def rounded(value: float) -> str:
    """As it is read in a table: two digits that mean something."""
    if value == 0:
        return "0"
    digits = max(1 - math.floor(math.log10(abs(value))), 0)
    return f"{round(value, digits):,.{digits}f}" if value < 100 else f"{value:,.0f}"


def span(seconds: float) -> str:
    """A time as people say it."""
    for unit, size in (("years", 365 * 86400.0), ("days", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if seconds >= 2 * size or (unit == "s" and seconds >= 1):
            return f"{rounded(seconds / size)} {unit}"
    return f"{rounded(seconds * 1000)} ms"

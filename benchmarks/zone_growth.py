"""B2: the records of one Sovereign into ever bigger zones, by us, by octoDNS and by a bare PATCH."""

import asyncio
import itertools
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from activities.powerdns import PowerDNSActivities
from benchmarks.counting_proxy import Calls, CountingProxy
from benchmarks.octodns_sync import OctoDNSSync
from benchmarks.planted_zones import Row
from benchmarks.report import CheckFailedError, Goal, Plot, Report, Table
from benchmarks.signed_zone import (
    API_KEY,
    ZONE,
    SignedZone,
    Sovereign,
    on_a_copy,
    patch_url,
    prepare,
    rows,
    sovereign,
)
from service import logs
from sovereign_dns.clients import http

SIZES = (100, 1_000, 10_000, 50_000)
TIMES = 9
TIMES_OF_OCTODNS = {100: 9, 1_000: 5, 10_000: 2, 50_000: 0}
"""It takes seconds where a PATCH takes milliseconds. Where it is not timed by itself, its counted run is."""

OURS, BARE, OCTODNS = "ours", "a bare PATCH", "octoDNS"

MOST_OVER_BARE = 1.3
LEAST_OF_OCTODNS = 5.0
FLAT_WITHIN = 0.02
"""Of bytes: the zone's serial and the date may take a digit more."""


@dataclass
class Cost:
    """What one way of writing took in a zone of one size."""

    seconds: list[float] = field(default_factory=list)
    calls: Calls = field(default_factory=Calls)
    before: Calls = field(default_factory=Calls)
    """Of ours: those of `zone-create`, which comes before, and is not timed."""

    @property
    def calls_of_both(self) -> int:
        """Of a whole provisioning's part in PowerDNS."""
        return self.calls.answered + self.before.answered

    @property
    def bytes_of_both(self) -> int:
        """As `bytes`."""
        return self.bytes + self.before.bytes_of_requests + self.before.bytes_of_answers

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self.seconds)

    @property
    def bytes(self) -> int:
        """In both directions, heads of HTTP included."""
        return self.calls.bytes_of_requests + self.calls.bytes_of_answers


Costs = dict[str, dict[int, Cost]]
"""By way, and by size."""


def measure() -> Report:
    """Writes fresh Sovereigns into zones of every size, in turns, and takes each away again."""
    logs.configure("WARNING")
    costs: Costs = {OURS: {}, OCTODNS: {}, BARE: {}}
    with tempfile.TemporaryDirectory(prefix="sovereign-dns-growth-") as folder:
        for size in SIZES:
            prepared = Path(folder) / str(size)
            prepare(prepared, size)
            with on_a_copy(prepared, Path(folder) / "running") as zone:
                for way, cost in asyncio.run(_in_turns(zone, size, OctoDNSSync(prepared / "octodns", ZONE))).items():
                    costs[way][size] = cost
    return _report(costs)


async def _in_turns(zone: SignedZone, size: int, octodns: OctoDNSSync) -> dict[str, Cost]:
    costs = {way: Cost() for way in (OURS, OCTODNS, BARE)}
    times = {OURS: TIMES, OCTODNS: TIMES_OF_OCTODNS[size], BARE: TIMES}
    async with httpx.AsyncClient(timeout=http.TIMEOUT, headers={"X-API-Key": API_KEY}) as client:
        writing = _Writing(zone, size, client, octodns)
        for way in (OURS, BARE):  # what is slow only the first time
            await writing.once(way)
        for turn in range(TIMES):
            for way, cost in costs.items():
                if turn < times[way]:
                    cost.seconds.append(await writing.once(way))
        for way, cost in costs.items():
            async with CountingProxy(zone.api_url) as proxy:
                await proxy.open()
                seconds = await writing.once(way, through=proxy)
            cost.calls = proxy.calls
            cost.seconds = cost.seconds or [seconds]
        async with CountingProxy(zone.api_url) as proxy:
            await proxy.open()
            await writing.find_zone(proxy)
        costs[OURS].before = proxy.calls
    return costs


class _Writing:
    """Writes one fresh Sovereign after the other into a zone that holds none of them in between."""

    def __init__(self, zone: SignedZone, size: int, client: httpx.AsyncClient, octodns: OctoDNSSync) -> None:
        self._zone = zone
        self._size = size
        self._client = client
        self._octodns = octodns
        self._activities = PowerDNSActivities(zone.client(client))
        self._others = rows(size)
        self._there = zone.held()
        self._fresh = (sovereign(number) for number in itertools.count())

    async def once(self, way: str, *, through: CountingProxy | None = None) -> float:
        """Seconds that it took; checked, and taken away again."""
        new = next(self._fresh)
        write = self._prepared(way, new, through.url if through else self._zone.api_url)
        started = time.perf_counter()
        await write()
        seconds = time.perf_counter() - started
        comments = [] if way == OCTODNS else [new.comments]
        self._zone.require(
            self._there, [new.records, *comments], f"{way} wrote one Sovereign among {self._size:,} rrsets"
        )
        await self._patch(new.removal, self._zone.api_url)
        return seconds

    async def find_zone(self, through: CountingProxy) -> None:
        """Has `zone-create` find that the zone is there."""
        report = await PowerDNSActivities(self._zone.client(self._client, through.url)).create_zone(sovereign(0).zone)
        if report.changes or report.zones:
            raise CheckFailedError(f"zone-create has changed a zone that is there: {report}")

    def _prepared(self, way: str, new: Sovereign, api_url: str) -> Callable[[], Awaitable[object]]:
        if way == BARE:
            return lambda: self._patch(new.patch, api_url)
        if way == OCTODNS:
            added = [Row(one.name, one.type, tuple(one.values), one.ttl) for one in new.writes]
            self._octodns.keep([*self._others, *added], api_url, API_KEY)
            return lambda: asyncio.to_thread(self._octodns.run)
        activities = self._activities
        if api_url != self._zone.api_url:
            activities = PowerDNSActivities(self._zone.client(self._client, api_url))
        return lambda: activities.upsert_records(new.task)

    async def _patch(self, body: dict[str, object], api_url: str) -> None:
        (await self._client.patch(patch_url(api_url), json=body)).raise_for_status()


def _report(costs: Costs) -> Report:
    if any(cost.calls.failed + cost.before.failed for by_size in costs.values() for cost in by_size.values()):
        raise CheckFailedError("a call failed while they were counted, so neither calls nor bytes can be compared")
    over_bare = {size: costs[OURS][size].median / costs[BARE][size].median for size in SIZES}
    of_octodns = {size: costs[OCTODNS][size].median / costs[OURS][size].median for size in SIZES}
    return Report(
        number="B2",
        title="One Sovereign into a zone that grows",
        about=(
            "The records of a fresh Sovereign (14 rrsets with their owner's comments) into a signed zone of 100 to "
            "50,000 rrsets that have such comments too. Ours is the activity `records-upsert` outside of Temporal, "
            "with all that it reads; calls and bytes are told with those of `zone-create` before it, too. The label "
            "is 7 characters long; a short one costs a search more. "
            "octoDNS keeps the zone in a YAML file and is run by its Python API, plan and "
            "apply, without its interpreter's start; it writes no comments. The bare PATCH is the one that ours sends, "
            "and knows beforehand all that is to be written. Calls and bytes (both directions, heads of HTTP included) "
            "are counted by a proxy in a run of its own, which is not timed, save for octoDNS in the biggest zone."
        ),
        tables=[_table(costs, over_bare, of_octodns)],
        goals=[*_flat(costs[OURS]), *_over_bare(over_bare), _of_octodns(of_octodns[10_000])],
        checked=[
            (
                "after every single write the database holds the Sovereign's 14 rrsets (name, type, TTL, address, "
                "not disabled; but for octoDNS an owner's comment), and every other record and comment of the "
                "zone as before, apart from its serial"
            ),
            "no call failed",
        ],
        plots=_plots(costs),
        ratios={
            **{f"ours to a bare PATCH at {size:,}": ratio for size, ratio in over_bare.items()},
            **{f"octoDNS to ours at {size:,}": ratio for size, ratio in of_octodns.items()},
            "our bytes at 50,000 to those at 100": costs[OURS][SIZES[-1]].bytes / costs[OURS][SIZES[0]].bytes,
        },
        samples={
            f"{way}, {size} rrsets": cost.seconds for way, by_size in costs.items() for size, cost in by_size.items()
        },
    )


def _table(costs: Costs, over_bare: dict[int, float], of_octodns: dict[int, float]) -> Table:
    rows = []
    for size in SIZES:
        ratios = {OURS: f"{over_bare[size]:.2f}", OCTODNS: f"{over_bare[size] * of_octodns[size]:.1f}", BARE: "1"}
        for way, by_size in costs.items():
            cost = by_size[size]
            calls = _by_method(cost.calls.by_method)
            sent, answered = cost.calls.bytes_of_requests, cost.calls.bytes_of_answers
            time_taken = f"{cost.median * 1000:,.1f}"
            rows.append([f"{size:,}", way, time_taken, ratios[way], calls, f"{sent:,}", f"{answered:,}"])
        ours = costs[OURS][size]
        sent = ours.calls.bytes_of_requests + ours.before.bytes_of_requests
        answered = ours.calls.bytes_of_answers + ours.before.bytes_of_answers
        of_both = _by_method(ours.calls.by_method + ours.before.by_method)
        rows.append([f"{size:,}", "ours, with `zone-create`", "", "", of_both, f"{sent:,}", f"{answered:,}"])
    columns = ["rrsets", "written by", "median ms", "to a bare PATCH", "calls", "bytes sent", "bytes answered"]
    return Table("One Sovereign's 14 rrsets into a signed zone", columns, rows)


def _by_method(calls: Counter[str]) -> str:
    return ", ".join(f"{count} {method}" for method, count in sorted(calls.items()))


def _flat(ours: dict[int, Cost]) -> Sequence[Goal]:
    calls, sizes = [ours[size].calls_of_both for size in SIZES], [ours[size].bytes_of_both for size in SIZES]
    text = "of `zone-create` and `records-upsert` between 100 and 50,000 rrsets"
    grown = max(sizes) / min(sizes) - 1
    reads_more = "some read's answer, or the choice between reads, depends on what else the zone holds"
    return [
        _goal(f"the same number of calls {text}", ", ".join(map(str, calls)), len(set(calls)) == 1, reads_more),
        _goal(
            f"the same bytes {text} (within {FLAT_WITHIN:.0%})",
            ", ".join(f"{size:,}" for size in sizes),
            grown <= FLAT_WITHIN,
            reads_more,
        ),
    ]


def _over_bare(over_bare: dict[int, float]) -> Sequence[Goal]:
    return [
        _goal(
            f"≤ {MOST_OVER_BARE} × the bare PATCH's time at {size:,}",
            f"{ratio:.2f}",
            ratio <= MOST_OVER_BARE,
            "what is read before the PATCH, and Python's part in it, takes the rest",
        )
        for size, ratio in over_bare.items()
        if size >= 10_000
    ]


def _of_octodns(ratio: float) -> Goal:
    return _goal(
        f"octoDNS ≥ {LEAST_OF_OCTODNS:.0f} × slower at 10,000",
        f"{ratio:.1f}",
        ratio >= LEAST_OF_OCTODNS,
        "ours takes too long beside what octoDNS reads and parses",
    )


def _goal(text: str, figure: str, met: bool, reason: str) -> Goal:
    return Goal(text, figure, met, "" if met else reason)


def _plots(costs: Costs) -> list[Plot]:
    x = "rrsets in the zone"
    times = {way: [(float(size), cost.median * 1000) for size, cost in by.items()] for way, by in costs.items()}
    volumes = {way: [(float(size), cost.bytes / 1000) for size, cost in by.items()] for way, by in costs.items()}
    return [
        Plot("zone-growth-time", "One Sovereign's records: time", x, "milliseconds", times, log_x=True, log_y=True),
        Plot(
            "zone-growth-bytes",
            "One Sovereign's records: bytes",
            x,
            "kB there and back",
            volumes,
            log_x=True,
            log_y=True,
        ),
    ]

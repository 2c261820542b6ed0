"""B3: 100 Sovereigns at once into one signed zone: by us, one PATCH after the other, and all PATCHes at once."""

import asyncio
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from activities.powerdns import PowerDNSActivities
from benchmarks.counting_proxy import CountingProxy
from benchmarks.report import Goal, Report, Table
from benchmarks.signed_zone import API_KEY, ZONE, Held, SignedZone, Sovereign, on_a_copy, patch_url, prepare, sovereign
from service import logs
from sovereign_dns.clients import http
from sovereign_dns.failures import Failure

RRSETS = 14_000
SOVEREIGNS = 100
ROUNDS = 3
LEAST_GAIN = 10.0

OURS, GROUP_COMMIT = "ours: 100 × `records-upsert` at once", "our group commit alone, with nothing read"
IN_TURN, AT_ONCE = "one PATCH after the other", "all PATCHes at once"

Write = Callable[[SignedZone, str, Sequence[Sovereign], httpx.AsyncClient], Awaitable[list[bool]]]
"""Writes Sovereigns through the API at a URL, and says of each whether that succeeded."""


@dataclass(frozen=True)
class Round:
    """What one way came to in a fresh copy of the zone."""

    seconds: float
    written: int
    failed: int


@dataclass(frozen=True)
class Counted:
    """What PowerDNS was asked in a run that is not timed."""

    calls: Counter[str]
    failed: int
    failed_sovereigns: int


def measure() -> Report:
    """Writes the same Sovereigns in turns by every way, each time into a fresh copy of the zone."""
    logs.configure("ERROR")  # of a failed call each way tells by itself
    rounds: dict[str, list[Round]] = {way: [] for way in WAYS}
    counted: dict[str, Counted] = {}
    with tempfile.TemporaryDirectory(prefix="sovereign-dns-one-zone-") as folder:
        prepared = Path(folder) / "prepared"
        prepare(prepared, RRSETS)
        for _ in range(ROUNDS):
            for way, write in WAYS.items():
                with on_a_copy(prepared, Path(folder) / "running") as zone:
                    rounds[way].append(asyncio.run(_timed(zone, way, write)))
        for way in (OURS, GROUP_COMMIT):
            with on_a_copy(prepared, Path(folder) / "running") as zone:
                counted[way] = asyncio.run(_counted(zone, WAYS[way]))
    return _report(rounds, counted)


async def _timed(zone: SignedZone, way: str, write: Write) -> Round:
    new = [sovereign(number) for number in range(SOVEREIGNS)]
    before = zone.held()
    async with _client() as client:
        await _warm(zone, client)
        started = time.perf_counter()
        succeeded = await write(zone, zone.api_url, new, client)
        seconds = time.perf_counter() - started
    written = [one for one, well in zip(new, succeeded, strict=True) if well]
    _check(zone, before, written, way)
    return Round(seconds, len(written), len(new) - len(written))


async def _counted(zone: SignedZone, write: Write) -> Counted:
    new = [sovereign(number) for number in range(SOVEREIGNS)]
    async with _client() as client, CountingProxy(zone.api_url) as proxy:
        await proxy.open()
        succeeded = await write(zone, proxy.url, new, client)
    return Counted(proxy.calls.by_method, proxy.calls.failed, succeeded.count(False))


def _client() -> httpx.AsyncClient:
    at_once = httpx.Limits(max_connections=None)
    return httpx.AsyncClient(timeout=http.TIMEOUT, limits=at_once, headers={"X-API-Key": API_KEY})


async def _warm(zone: SignedZone, client: httpx.AsyncClient) -> None:
    (await client.get(patch_url(zone.api_url), params={"rrsets": "false"})).raise_for_status()


def _check(zone: SignedZone, before: Held, written: Sequence[Sovereign], way: str) -> None:
    added = [held for one in written for held in (one.records, one.comments)]
    zone.require(before, added, f"{way} ({len(written)} of {SOVEREIGNS} Sovereigns answered well)")


async def _ours(zone: SignedZone, url: str, new: Sequence[Sovereign], client: httpx.AsyncClient) -> list[bool]:
    activities = PowerDNSActivities(zone.client(client, url))
    return await asyncio.gather(*(_succeeds(activities.upsert_records(one.task)) for one in new))


async def _group_commit(zone: SignedZone, url: str, new: Sequence[Sovereign], client: httpx.AsyncClient) -> list[bool]:
    powerdns = zone.client(client, url)
    return await asyncio.gather(*(_succeeds(powerdns.group_commit.commit(ZONE, one.writes)) for one in new))


async def _in_turn(_: SignedZone, url: str, new: Sequence[Sovereign], client: httpx.AsyncClient) -> list[bool]:
    return [await _patch(client, url, one) for one in new]


async def _at_once(_: SignedZone, url: str, new: Sequence[Sovereign], client: httpx.AsyncClient) -> list[bool]:
    return await asyncio.gather(*(_patch(client, url, one) for one in new))


async def _succeeds(writing: Coroutine[object, object, object]) -> bool:
    try:
        await writing
    except Failure:
        return False
    return True


async def _patch(client: httpx.AsyncClient, url: str, one: Sovereign) -> bool:
    try:
        return (await client.patch(patch_url(url), json=one.patch)).is_success
    except httpx.HTTPError:
        return False


WAYS: dict[str, Write] = {OURS: _ours, GROUP_COMMIT: _group_commit, IN_TURN: _in_turn, AT_ONCE: _at_once}


def _report(rounds: dict[str, list[Round]], counted: dict[str, Counted]) -> Report:
    medians = {way: statistics.median(one.seconds for one in of) for way, of in rounds.items()}
    gains = {way: medians[IN_TURN] / seconds for way, seconds in medians.items()}
    return Report(
        number="B3",
        title="100 Sovereigns at once into one zone",
        about=(
            f"The records of {SOVEREIGNS} Sovereigns (14 rrsets each with their owner's comments) at once into a "
            f"signed zone of {RRSETS:,} rrsets that have such comments too, a fresh copy of it each time. Ours are as "
            "many concurrent calls of the activity `records-upsert` on one client, outside of Temporal, with all that "
            "they read. The others are bare PATCHes, which know beforehand what is to be written. Nobody retries. "
            "Labels are 7 characters long; a short one costs a search more. "
            "Our calls are counted by a proxy in a run of its own, which is not timed."
        ),
        tables=[_table(rounds, counted, medians, gains)],
        goals=_goals(rounds, counted, gains),
        checked=[
            (
                "after every timed run the database holds all 14 rrsets of every Sovereign whose call succeeded "
                "(name, type, TTL, address, not disabled, an owner's comment), nothing of the others, and every other "
                "record and comment of the zone as before, apart from its serial"
            ),
        ],
        ratios={
            "one PATCH after the other to ours": gains[OURS],
            "one PATCH after the other to our group commit alone": gains[GROUP_COMMIT],
        },
        samples={way: [one.seconds for one in of] for way, of in rounds.items()},
    )


def _table(
    rounds: dict[str, list[Round]], counted: dict[str, Counted], medians: dict[str, float], gains: dict[str, float]
) -> Table:
    rows = [
        [
            way,
            f"{medians[way]:.2f}",
            f"{gains[way]:.1f} ×",
            str(counted[way].calls["PATCH"] if way in counted else SOVEREIGNS),
            str(counted[way].calls["GET"] if way in counted else 0),
            _range([one.failed for one in rounds[way]]),
        ]
        for way in rounds
    ]
    columns = ["how", "median s", "faster than one after the other", "PATCHes", "reads", "failed, of 100"]
    return Table(f"{SOVEREIGNS} Sovereigns into a signed zone of {RRSETS:,} rrsets", columns, rows)


def _range(counts: Sequence[int]) -> str:
    return str(min(counts)) if min(counts) == max(counts) else f"{min(counts)} to {max(counts)}"


def _goals(rounds: dict[str, list[Round]], counted: dict[str, Counted], gains: dict[str, float]) -> list[Goal]:
    failed = counted[OURS].failed + counted[OURS].failed_sovereigns + sum(one.failed for one in rounds[OURS])
    quick = gains[OURS] >= LEAST_GAIN
    reads = f"its reads take the time: the group commit alone is {gains[GROUP_COMMIT]:.1f} × faster"
    return [
        Goal(
            f"≥ {LEAST_GAIN:.0f} × faster than one PATCH after the other",
            f"{gains[OURS]:.1f}",
            quick,
            "" if quick else reads,
        ),
        Goal(
            "no failed call", str(failed), not failed, "" if not failed else "PowerDNS answered with an error, or late"
        ),
    ]

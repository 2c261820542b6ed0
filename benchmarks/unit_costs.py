"""What single steps cost, by size: what `docs/scaling.md` computes with, and what the simulation draws from."""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx

from benchmarks import audit, powerdns_api, provisioning_costs
from benchmarks.planted_zones import POOL, pool_alone, write
from benchmarks.provisioning_costs import Samples
from benchmarks.report import CheckFailedError, Report, Table
from benchmarks.sovereigns import ADDRESS, PER_SOVEREIGN, names_of
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer

API_KEY = "bench"

ZONE_SIZES = (100, 1_400, 14_000, 50_000)
BATCHES = {1: 8, 10: 5, 100: 3}
"""How many Sovereigns one PATCH holds, and how often it is measured."""

SEARCHES = 12
AUDITED_RRSETS = 5_000
HOSTED_ZONES = (100, 2_000)
"""Each with its SOA only. Any search lists them all."""


def patch_key(zone_rrsets: int, rrsets: int) -> str:
    """The name of what one PATCH takes."""
    return f"PATCH zone={zone_rrsets} rrsets={rrsets}"


def search_key(database_rrsets: int) -> str:
    """The name of what one search takes."""
    return f"search database={database_rrsets}"


def metadata_key(zone_rrsets: int) -> str:
    """The name of what a zone's metadata take."""
    return f"metadata zone={zone_rrsets}"


def listing_key(zones: int) -> str:
    """The name of what one search among the names of so many zones takes."""
    return f"zone search zones={zones}"


def measure() -> Report:
    """Measures PowerDNS alone, an audit, and then whole provisionings on an embedded stack."""
    samples: Samples = {}
    for size in ZONE_SIZES:
        samples |= _powerdns(size)
    for zones in HOSTED_ZONES:
        samples |= _listing(zones)
    samples |= _audit()
    samples |= asyncio.run(provisioning_costs.measured())
    return Report(
        number="costs",
        title="What single steps cost",
        about="Calls of PowerDNS by the size of a zone and of a batch; CPU, requests, questions and history of a "
        "provisioning. The figures that docs/scaling.md computes with. Nothing is compared, so there are no ratios.",
        tables=[_table(samples)],
        goals=[],
        checked=["every PATCH answered 204", "every search found its records", "every Sovereign complete, all created"],
        samples=samples,
    )


def _table(samples: Samples) -> Table:
    rows = [
        [name, str(len(taken)), f"{statistics.median(taken):.4g}", f"{min(taken):.4g}", f"{max(taken):.4g}"]
        for name, taken in samples.items()
    ]
    return Table("Unit costs (seconds, unless the name says otherwise)", ["what", "n", "median", "min", "max"], rows)


@contextmanager
def _server() -> Iterator[tuple[httpx.Client, Path]]:
    """A PowerDNS of its own: its API, and its database."""
    with (
        tempfile.TemporaryDirectory(prefix="sovereign-dns-costs-") as folder,
        PowerDNSServer(Path(folder), free_port(), free_port(), API_KEY) as server,
        powerdns_api.client(server) as api,
    ):
        yield api, server.folder() / "pdns.sqlite3"


def _powerdns(size: int) -> Samples:
    with _server() as (api, database):
        empty = database.stat().st_size
        write(pool_alone(size), api, database)
        api.put(f"/zones/{POOL}./rectify").raise_for_status()
        samples = _calls(api, size)
        if size == max(ZONE_SIZES):
            samples["database bytes per rrset"] = [(database.stat().st_size - empty) / size]
        return samples


def _listing(zones: int) -> Samples:
    def search(turn: int) -> None:
        answer = api.get("/search-data", params={"q": f"z{turn}.works", "object_type": "zone", "max": 50})
        if [found["name"] for found in answer.json()] != [f"z{turn}.works."]:
            raise CheckFailedError(f"a search among {zones} zones found {answer.text[:200]}")

    with _server() as (api, database):
        with closing(sqlite3.connect(database, timeout=30)) as connection, connection:
            connection.executemany(
                "INSERT INTO domains (id, name, type) VALUES (?, ?, 'NATIVE')",
                [(number + 1, f"z{number}.works") for number in range(zones)],
            )
            connection.executemany(
                "INSERT INTO records (domain_id, name, type, content, ttl, disabled, auth) "
                "VALUES (?, ?, 'SOA', 'ns1.openova.io hostmaster.openova.io 1 10800 3600 604800 3600', 3600, 0, 1)",
                [(number + 1, f"z{number}.works") for number in range(zones)],
            )
        return {listing_key(zones): _times(SEARCHES, search)}


def _calls(api: httpx.Client, size: int) -> Samples:
    def search(turn: int) -> None:
        query: dict[str, str | int] = {"q": f"*s{turn % 7}.{POOL}", "object_type": "record", "max": 1000}
        answer = api.get("/search-data", params=query)
        if len(answer.json()) < PER_SOVEREIGN:
            raise CheckFailedError(f"a search of {size} rrsets found too little: {answer.text[:200]}")

    def metadata(_: int) -> None:
        api.get(f"/zones/{POOL}.", params={"rrsets": "false"}).raise_for_status()

    samples = {search_key(size): _times(SEARCHES, search), metadata_key(size): _times(SEARCHES, metadata)}
    # Each batch that is written makes the zone bigger: by a tenth at most, or it is not measured here.
    for sovereigns, count in BATCHES.items():
        if sovereigns * PER_SOVEREIGN <= max(size / 10, 140):
            samples[patch_key(size, sovereigns * PER_SOVEREIGN)] = _times(count, _patch(api, sovereigns))
    return samples


def _patch(api: httpx.Client, sovereigns: int) -> Callable[[int], None]:
    """Each one writes names that are not there yet."""

    def patch(turn: int) -> None:
        rrsets = batch(f"b{sovereigns}x{turn}", sovereigns)
        answer = api.patch(f"/zones/{POOL}.", json={"rrsets": rrsets})
        if answer.status_code != httpx.codes.NO_CONTENT:
            raise CheckFailedError(f"a PATCH of {len(rrsets)} rrsets answered {answer.status_code}: {answer.text}")

    return patch


def batch(tag: str, sovereigns: int) -> list[dict[str, object]]:
    """What is sent for so many Sovereigns, comments and all."""
    hosts = [f"{tag}h{number}.{POOL}" for number in range(sovereigns)]
    return [
        {
            "name": f"{name}.",
            "type": "A",
            "ttl": 60,
            "changetype": "REPLACE",
            "records": [{"content": ADDRESS, "disabled": False}],
            "comments": [
                {"content": f"sovereign={host} deployment=bench written=0123456789abcdef", "account": "sovereign-dns"}
            ],
        }
        for host in hosts
        for name in names_of(host)
    ]


def _times(count: int, once: Callable[[int], None]) -> list[float]:
    taken = []
    for turn in range(count):
        started = time.perf_counter()
        once(turn)
        taken.append(time.perf_counter() - started)
    return taken


def _audit() -> Samples:
    played = audit.played(AUDITED_RRSETS)
    return {"audit seconds per rrset": [played.seconds / played.traced.result.rrsets_total]}

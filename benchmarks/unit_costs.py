"""What single steps cost, by size: what `docs/scaling.md` computes with, and what the simulation draws from."""

import asyncio
import os
import re
import sqlite3
import statistics
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import audit
from benchmarks.planted_zones import POOL, Planted, planted, write
from benchmarks.processes import cpu_seconds
from benchmarks.report import CheckFailedError, Report, Table
from benchmarks.stampede import RATE
from devstack.ports import Ports, free_port
from devstack.powerdns_server import PowerDNSServer
from devstack.stack import Stack
from sovereign_dns.contract import PROVISION_SOVEREIGN, TASK_QUEUE, ProvisionResult, sovereign_workflow_id
from sovereign_dns.intent import CANONICAL_SUBDOMAINS

ADDRESS = "77.42.11.95"
PER_SOVEREIGN = len(CANONICAL_SUBDOMAINS) + 1
API_KEY = "bench"

ZONE_SIZES = (100, 1_400, 14_000, 50_000)
BATCHES = {1: 8, 10: 5, 100: 3}
"""How many Sovereigns one PATCH holds, and how often it is measured."""

SEARCHES = 12
AUDITED_RRSETS = 5_000
ROUNDS, AT_ONCE = 3, 40
"""CPU is counted over rounds of some Sovereigns at once: a process' own clock ticks in hundredths of a second."""

ROUNDS_DATABASE = 14_000
"""The rrsets of others in the database meanwhile."""

ROUNDS_ZONES = AT_ONCE
"""One for each Sovereign of a round, so that none shares a call with another."""

HOSTED_ZONES = (100, 2_000)
"""Each with its SOA only. Any search lists them all."""

UNPACED = 1_000

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Crowd:
    """A case that the model has to predict: so many Sovereigns start at once."""

    sovereigns: int
    zones: int
    rrsets_before: int = 0
    """Of others, in the first zone."""

    @property
    def key(self) -> str:
        """Under which the measured seconds are kept."""
        return f"crowd sovereigns={self.sovereigns} zones={self.zones} rrsets={self.rrsets_before}"


CROWDS = (Crowd(40, 1), Crowd(80, 10), Crowd(80, 1, ROUNDS_DATABASE))


def patch_key(zone_rrsets: int, rrsets: int) -> str:
    """The name of what one PATCH takes."""
    return f"PATCH zone={zone_rrsets} rrsets={rrsets}"


def search_key(database_rrsets: int) -> str:
    """The name of what one search takes."""
    return f"search database={database_rrsets}"


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
    samples |= asyncio.run(_provisionings())
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


def _one_zone(rrsets: int) -> Planted:
    zones = planted(rrsets)
    zones.rows = {POOL: zones.rows[POOL]}
    return zones


@contextmanager
def _server() -> Iterator[tuple[httpx.Client, Path]]:
    """A PowerDNS of its own: its API, and its database."""
    with (
        tempfile.TemporaryDirectory(prefix="sovereign-dns-costs-") as folder,
        PowerDNSServer(Path(folder), free_port(), free_port(), API_KEY) as server,
        httpx.Client(
            base_url=f"{server.api_url}/api/v1/servers/localhost", headers={"X-API-Key": API_KEY}, timeout=120
        ) as api,
    ):
        yield api, server.folder() / "pdns.sqlite3"


def _powerdns(size: int) -> Samples:
    with _server() as (api, database):
        empty = database.stat().st_size
        write(_one_zone(size), api, database)
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

    samples = {search_key(size): _times(SEARCHES, search), f"metadata zone={size}": _times(SEARCHES, metadata)}
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
        for name in (host, *(f"{label}.{host}" for label in CANONICAL_SUBDOMAINS))
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


_CALL = re.compile(r'^\w+ +\d+ \S+ \[webserver\] \S+ \S+ "(GET|PATCH|POST|PUT|DELETE) \S+ HTTP', re.MULTILINE)
"""In PowerDNS' log. A line that tells a body may hold what looks like it: the statistics tell the last log messages."""


class _Telling(PowerDNSServer):
    """Writes all of each request into its log."""

    def command(self) -> list[str]:
        return [*super().command(), "--webserver-loglevel=detailed", "--loglevel=6"]

    def requests(self) -> Counter[str]:
        """So many of each kind since its start; searches by what they look for."""
        said = self.log.read_text(encoding="utf-8", errors="replace")
        methods = Counter(_CALL.findall(said))
        searches = Counter(f"{kind} search" for kind in re.findall(r"^.*  object_type: (\w+)$", said, re.MULTILINE))
        methods["other GET"] = methods.pop("GET", 0) - searches.total()
        return methods + searches


async def _provisionings() -> Samples:
    with tempfile.TemporaryDirectory() as state, _stack(Path(state)) as stack:
        client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
        _plant(stack)
        await _run(client, [f"warm{number}.z{number}.works" for number in range(ROUNDS_ZONES)])
        samples = await _rounds(client, stack)
        for number, crowd in enumerate(CROWDS):
            zones = [POOL] if crowd.rrsets_before else [f"z{zone}.works" for zone in range(crowd.zones)]
            fqdns = [f"v{number}x{at}.{zones[at % len(zones)]}" for at in range(crowd.sovereigns)]
            samples[crowd.key] = [await _run(client, fqdns)]
        return samples


def _plant(stack: Stack) -> None:
    """Empty zones, and one with many Sovereigns."""
    base = f"{stack.powerdns.api_url}/api/v1/servers/localhost"
    with httpx.Client(base_url=base, headers={"X-API-Key": _key(stack)}, timeout=60) as api:
        for number in range(ROUNDS_ZONES):
            body = {"name": f"z{number}.works.", "kind": "Native", "nameservers": ["ns1.openova.io."]}
            api.post("/zones", json=body | {"dnssec": True}).raise_for_status()
        write(_one_zone(ROUNDS_DATABASE), api, stack.powerdns.folder() / "pdns.sqlite3")
        api.put(f"/zones/{POOL}./rectify").raise_for_status()


def _key(stack: Stack) -> str:
    return Path(stack.environment()["CATALYST_POWERDNS_API_KEY_FILE"]).read_text(encoding="utf-8").strip()


@contextmanager
def _stack(state: Path) -> Iterator[Stack]:
    ports = Ports.free()
    stack = Stack(state, ports, simulators=False, settings={RATE: str(UNPACED)})
    stack.powerdns = _Telling(stack.state, ports.powerdns_dns, ports.powerdns_api, _key(stack))
    os.environ.update(stack.environment())
    with stack:
        yield stack


async def _run(client: Client, fqdns: list[str]) -> float:
    """Provisions all at once. Returns the seconds until the last one is complete."""

    async def provision(fqdn: str) -> None:
        request = {
            "deploymentId": "bench",
            "sovereignFQDN": fqdn,
            "loadBalancerIP": ADDRESS,
            "parentDomains": [{"name": fqdn.partition(".")[2], "role": "primary"}],
            "certificate": {"enabled": False},
        }
        result = await client.execute_workflow(
            PROVISION_SOVEREIGN,
            request,
            id=sovereign_workflow_id(fqdn),
            task_queue=TASK_QUEUE,
            result_type=ProvisionResult,
            run_timeout=timedelta(seconds=90),
        )
        if result.phase != "complete" or {record.change for record in result.records} != {"created"}:
            raise CheckFailedError(f"{fqdn} is not as it shall be: {result.model_dump_json()[:500]}")

    started = time.perf_counter()
    await asyncio.gather(*(provision(fqdn) for fqdn in fqdns))
    return time.perf_counter() - started


async def _rounds(client: Client, stack: Stack) -> Samples:
    samples: Samples = {f"{name} CPU per Sovereign": [] for name in ("worker", "Temporal", "PowerDNS")}
    servers = {"worker": stack.worker, "Temporal": stack.temporal, "PowerDNS": stack.powerdns}
    powerdns = stack.powerdns
    assert isinstance(powerdns, _Telling)  # noqa: S101 (`_stack` has put it there)
    questions, operations, requests = _questions(stack), _persistence(stack), powerdns.requests()
    for turn in range(ROUNDS):
        before = cpu_seconds(servers)
        fqdns = [f"c{turn}x{number}.z{number % ROUNDS_ZONES}.works" for number in range(AT_ONCE)]
        samples.setdefault(f"seconds per Sovereign, {AT_ONCE} at once", []).append(await _run(client, fqdns) / AT_ONCE)
        await asyncio.sleep(0.5)  # Temporal closes its books after the answer.
        for name, spent in cpu_seconds(servers).items():
            samples[f"{name} CPU per Sovereign"].append((spent - before[name]) / AT_ONCE)
    runs = ROUNDS * AT_ONCE
    for kind, count in (powerdns.requests() - requests).items():
        samples[f"{kind} requests per Sovereign"] = [count / runs]
    samples["authoritative questions per Sovereign"] = [(_questions(stack) - questions) / runs]
    samples["persistence operations per Sovereign"] = [(_persistence(stack) - operations) / runs]
    samples |= await _histories(client, [f"c0x{number}.z{number % ROUNDS_ZONES}.works" for number in range(AT_ONCE)])
    return samples


async def _histories(client: Client, fqdns: list[str]) -> Samples:
    samples: Samples = {}
    for fqdn in fqdns:
        handle = client.get_workflow_handle(sovereign_workflow_id(fqdn))
        info = (await handle.describe()).raw_description.workflow_execution_info
        for name, figure in (
            ("history bytes", info.history_size_bytes),
            ("history events", info.history_length),
            ("state transitions", info.state_transition_count),
        ):
            samples.setdefault(f"{name} per Sovereign", []).append(float(figure))
    return samples


def _questions(stack: Stack) -> float:
    """DNS questions that PowerDNS has got."""
    url = f"{stack.powerdns.api_url}/api/v1/servers/localhost/statistics"
    statistics_ = httpx.get(url, headers={"X-API-Key": _key(stack)}).json()
    wanted = {"udp-queries", "tcp-queries"}
    return sum(float(item["value"]) for item in statistics_ if item["name"] in wanted)


def _persistence(stack: Stack) -> float:
    """Operations on Temporal's database."""
    command = stack.temporal.command()
    port = command[command.index("--metrics-port") + 1]
    page: str = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    lines = [line for line in page.splitlines() if line.startswith("persistence_requests")]
    if not lines:
        raise CheckFailedError("Temporal's metrics count no operations on its database")
    return sum(float(line.rpartition(" ")[2]) for line in lines)

"""What whole provisionings cost, in rounds of some at once; and how long others take, which the model must predict."""

import asyncio
import os
import re
import tempfile
import time
import urllib.request
from collections import Counter
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import powerdns_api
from benchmarks.crowd import RATE
from benchmarks.planted_zones import POOL, pool_alone, write
from benchmarks.processes import cpu_seconds
from benchmarks.report import CheckFailedError
from benchmarks.sovereigns import names_of, request_without_certificate
from devstack.ports import Ports
from devstack.powerdns_server import PowerDNSServer
from devstack.stack import Stack
from sovereign_dns.contract import PROVISION_SOVEREIGN, TASK_QUEUE, ProvisionResult, sovereign_workflow_id

ROUNDS, AT_ONCE = 3, 40
"""CPU is counted over rounds of some Sovereigns at once: a process' own clock ticks in hundredths of a second."""

ROUNDS_DATABASE = 14_000
"""The rrsets of others in the database meanwhile."""

ROUNDS_ZONES = AT_ONCE
"""One for each Sovereign of a round, so that none shares a call with another."""

UNPACED = 1_000

Samples = dict[str, list[float]]


@dataclass(frozen=True)
class Case:
    """What the model has to predict: so many Sovereigns start at once."""

    sovereigns: int
    zones: int
    rrsets_before: int = 0
    """Of others, in the first zone."""

    @property
    def key(self) -> str:
        """Under which the measured seconds are kept."""
        return f"crowd sovereigns={self.sovereigns} zones={self.zones} rrsets={self.rrsets_before}"

    def fqdns(self, tag: str) -> list[str]:
        """Labels of one length: a short one costs a search more."""
        zones = [POOL] if self.rrsets_before else [f"z{zone}.works" for zone in range(self.zones)]
        return [f"{tag}x{number:03}.{zones[number % len(zones)]}" for number in range(self.sovereigns)]


CASES = (Case(40, 1), Case(80, 10), Case(80, 1, ROUNDS_DATABASE))
_ROUND = Case(AT_ONCE, ROUNDS_ZONES)


async def measured() -> Samples:
    """Rounds and cases in turns, on an embedded stack: what is compared meets the same moods of the machine."""
    with tempfile.TemporaryDirectory() as state, _stack(Path(state)) as stack:
        client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
        with powerdns_api.client(stack.powerdns) as api:
            _plant(stack, api)
            await _run(client, _ROUND.fqdns("warm"))
            spending = _Spending(stack, api)
            samples: Samples = {case.key: [] for case in CASES}
            for turn in range(ROUNDS):
                seconds = await spending.counted(_run(client, fqdns := _ROUND.fqdns(f"c{turn}")))
                samples.setdefault(f"seconds per Sovereign, {AT_ONCE} at once", []).append(seconds / AT_ONCE)
                _remove(api, fqdns)
                for number, case in enumerate(CASES):
                    samples[case.key].append(await _run(client, fqdns := case.fqdns(f"v{number}t{turn}")))
                    _remove(api, fqdns)
        return spending.samples() | await _histories(client, _ROUND.fqdns("c0")) | samples


def _plant(stack: Stack, api: httpx.Client) -> None:
    """Empty zones, and one with many Sovereigns."""
    for number in range(ROUNDS_ZONES):
        api.post("/zones", json=powerdns_api.signed_zone(f"z{number}.works")).raise_for_status()
    write(pool_alone(ROUNDS_DATABASE), api, stack.powerdns.folder() / "pdns.sqlite3")
    api.put(f"/zones/{POOL}./rectify").raise_for_status()


def _remove(api: httpx.Client, fqdns: Sequence[str]) -> None:
    """So that each turn meets the same zones."""
    by_zone: dict[str, list[dict[str, str]]] = {}
    for fqdn in fqdns:
        gone = [{"name": f"{name}.", "type": "A", "changetype": "DELETE"} for name in names_of(fqdn)]
        by_zone.setdefault(fqdn.partition(".")[2], []).extend(gone)
    for zone, rrsets in by_zone.items():
        api.patch(f"/zones/{zone}.", json={"rrsets": rrsets}).raise_for_status()


_CALL = re.compile(
    r'^\w+ +\d+ \S+ \[webserver\] \S+ \S+ "(GET|PATCH|POST|PUT|DELETE) (?!\S+/statistics)\S+ HTTP', re.MULTILINE
)
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


@contextmanager
def _stack(state: Path) -> Iterator[Stack]:
    ports = Ports.free()
    stack = Stack(state, ports, simulators=False, settings={RATE: str(UNPACED)})
    stack.powerdns = _Telling(stack.state, ports.powerdns_dns, ports.powerdns_api, stack.powerdns.api_key)
    os.environ.update(stack.environment())
    with stack:
        yield stack


async def _run(client: Client, fqdns: list[str]) -> float:
    """Provisions all at once. Returns the seconds until the last one is complete."""

    async def provision(fqdn: str) -> None:
        domains = [{"name": fqdn.partition(".")[2], "role": "primary"}]
        request = request_without_certificate(fqdn, parentDomains=domains)
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


class _Spending:
    """What the Sovereigns of all rounds together have cost."""

    def __init__(self, stack: Stack, api: httpx.Client) -> None:
        self._stack, self._api = stack, api
        self._cpu: Samples = {}
        self._counted: Counter[str] = Counter()
        self._rounds = 0

    async def counted(self, run: Coroutine[None, None, float]) -> float:
        """Counts what one round costs."""
        before, cpu = self._counts(), self._cpu_seconds()
        seconds = await run
        await asyncio.sleep(0.5)  # Temporal closes its books after the answer.
        for name, spent in self._cpu_seconds().items():
            self._cpu.setdefault(f"{name} CPU per Sovereign", []).append((spent - cpu[name]) / AT_ONCE)
        after = self._counts()
        after.subtract(before)
        self._counted.update(after)
        self._rounds += 1
        return seconds

    def samples(self) -> Samples:
        """CPU by round, and all else over all of them."""
        runs = self._rounds * AT_ONCE
        return self._cpu | {f"{kind} per Sovereign": [count / runs] for kind, count in self._counted.items() if count}

    def _cpu_seconds(self) -> dict[str, float]:
        """Of each part; the others are the resolver, and this process, which starts the runs."""
        stack = self._stack
        of = cpu_seconds(
            {
                "worker": stack.worker,
                "Temporal": stack.temporal,
                "PowerDNS": stack.powerdns,
                "others'": stack.recursor,
            }
        )
        return of | {"others'": of["others'"] + time.process_time()}

    def _counts(self) -> Counter[str]:
        powerdns = self._stack.powerdns
        assert isinstance(powerdns, _Telling)  # noqa: S101 (`_stack` has put it there)
        counts = Counter({f"{kind} requests": count for kind, count in powerdns.requests().items()})
        counts["authoritative questions"] = _questions(self._api)
        counts["persistence operations"] = _persistence(self._stack)
        return counts


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


def _questions(api: httpx.Client) -> int:
    """DNS questions that PowerDNS has got."""
    answers = [api.get("/statistics", params={"statistic": f"{over}-queries"}).json() for over in ("udp", "tcp")]
    return sum(int(item["value"]) for answer in answers for item in answer)


def _persistence(stack: Stack) -> int:
    """Operations on Temporal's database."""
    command = stack.temporal.command()
    port = command[command.index("--metrics-port") + 1]
    page: str = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    lines = [line for line in page.splitlines() if line.startswith("persistence_requests")]
    if not lines:
        raise CheckFailedError("Temporal's metrics count no operations on its database")
    return sum(int(float(line.rpartition(" ")[2])) for line in lines)

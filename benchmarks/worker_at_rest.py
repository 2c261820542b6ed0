"""B7: what a worker process costs: its start, its memory, and its CPU while it has nothing to do."""

import asyncio
import os
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks.processes import cpu_seconds_of
from benchmarks.report import CheckFailedError, Goal, Report, Table
from benchmarks.sovereigns import PER_SOVEREIGN, request_without_certificate
from devstack.ports import Ports, free_port
from devstack.readiness import http_ok
from devstack.stack import Stack
from devstack.worker_process import WorkerProcess
from sovereign_dns.contract import PROVISION_SOVEREIGN, TASK_QUEUE, sovereign_workflow_id

ZONE = "bench.works"
STARTS = 5
AT_ONCE = 40
SETTLING_SECONDS = 3.0
IDLE_SECONDS = 20.0
PROBE_EVERY_SECONDS = 10.0
"""A kubelet's own rhythm; a probe has the worker ask Temporal for its pollers."""

MOST_SECONDS_TO_READY = 2.0
MOST_IDLE_MB = 120.0
MOST_IDLE_CPU = 0.01


@dataclass(frozen=True)
class Memory:
    """Of one process, in MB (10^6 bytes): resident, its share of what it shares, and what nobody else maps."""

    rss: float
    pss: float
    uss: float

    @classmethod
    def of(cls, pid: int) -> "Memory":
        """As the kernel counts it now."""
        kilobytes: dict[str, int] = {}
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()[1:]:
            name, size, _unit = line.split()
            kilobytes[name.rstrip(":")] = int(size)
        private = kilobytes["Private_Clean"] + kilobytes["Private_Dirty"]
        return cls(*(size * 1024 / 1e6 for size in (kilobytes["Rss"], kilobytes["Pss"], private)))


@dataclass(frozen=True)
class Measured:
    """What one worker process was seen to take.

    Attributes:
        seconds_to_ready: of each start, to the first `/readyz` that is 200, for which Temporal itself must see it poll.
        cpu_to_ready: seconds of CPU of each of these starts.
        idle: memory, before it has had anything to do.
        idle_cpu: share of one core, probed as in a cluster, its metrics served.
        busiest: the most memory while the Sovereigns are provisioned.
        after: memory when all of them are.
        threads: of the idle process.
    """

    seconds_to_ready: list[float]
    cpu_to_ready: list[float]
    idle: Memory
    idle_cpu: float
    busiest: Memory
    after: Memory
    threads: int


def measure() -> Report:
    """Measures the worker of this working copy, on a stack of its own."""
    with (
        tempfile.TemporaryDirectory() as state,
        Stack(Path(state), Ports.free(), worker=False, simulators=False) as stack,
    ):
        worker = _worker(stack)
        worker.start()  # compiles its modules, where that has not been done yet, and registers search attributes
        starts = [_start_again(worker) for _ in range(STARTS)]
        try:
            measured = asyncio.run(_at_rest_and_under_load(worker, stack, starts))
        finally:
            worker.stop()
    return _report(measured)


def _worker(stack: Stack) -> WorkerProcess:
    settings = {"SOVEREIGN_DNS_METRICS_ADDRESS": f"127.0.0.1:{free_port()}"}
    return WorkerProcess(stack.environment() | settings, free_port(), stack.state / "logs" / "worker.log")


def _start_again(worker: WorkerProcess) -> tuple[float, float]:
    """Seconds until it is ready, and of CPU."""
    worker.stop()
    started = time.perf_counter()
    worker.start()
    return time.perf_counter() - started, cpu_seconds_of(_pid(worker))


def _pid(worker: WorkerProcess) -> int:
    if worker.pid is None:
        raise CheckFailedError("the worker does not run")
    return worker.pid


def _cpu_seconds_of_threads(pid: int) -> float:
    """To the nanosecond, of the threads that there are: an idle worker takes less than a clock tick in 20 s."""
    spent = (file.read_text(encoding="ascii").split()[0] for file in Path(f"/proc/{pid}/task").glob("*/schedstat"))
    return sum(map(int, spent)) / 1e9


async def _at_rest_and_under_load(worker: WorkerProcess, stack: Stack, starts: list[tuple[float, float]]) -> Measured:
    pid = _pid(worker)
    await asyncio.sleep(SETTLING_SECONDS)
    idle = Memory.of(pid)
    threads = len(os.listdir(f"/proc/{pid}/task"))  # noqa: PTH208 (a kernel's list, which blocks nobody)
    idle_cpu = await _idle_cpu(worker, pid)
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    watching = asyncio.create_task(_watch(pid))
    results = await asyncio.gather(*(_provision(client, f"t{index}.{ZONE}") for index in range(AT_ONCE)))
    watching.cancel()
    busiest = max([*await watching, Memory.of(pid)], key=lambda memory: memory.rss)
    _check(results)
    return Measured(
        [seconds for seconds, _ in starts], [cpu for _, cpu in starts], idle, idle_cpu, busiest, Memory.of(pid), threads
    )


async def _idle_cpu(worker: WorkerProcess, pid: int) -> float:
    began, before = time.perf_counter(), _cpu_seconds_of_threads(pid)
    end = began + IDLE_SECONDS
    while (left := end - time.perf_counter()) > 0:
        if not await asyncio.to_thread(http_ok, f"{worker.health_url}/readyz"):
            raise CheckFailedError("the idle worker says that it is not ready")
        await asyncio.sleep(min(left, PROBE_EVERY_SECONDS))
    return (_cpu_seconds_of_threads(pid) - before) / (time.perf_counter() - began)


async def _watch(pid: int) -> list[Memory]:
    """Its memory every now and then, until it is cancelled."""
    seen = []
    try:
        while True:
            seen.append(Memory.of(pid))
            await asyncio.sleep(0.1)
    except asyncio.CancelledError:
        return seen


async def _provision(client: Client, fqdn: str) -> dict[str, Any]:
    result: dict[str, Any] = await client.execute_workflow(
        PROVISION_SOVEREIGN,
        request_without_certificate(fqdn),
        id=sovereign_workflow_id(fqdn),
        task_queue=TASK_QUEUE,
    )
    return result


def _check(results: list[dict[str, Any]]) -> None:
    for result in results:
        changes = [record["change"] for record in result["records"]]
        if result["phase"] != "complete" or changes != ["created"] * PER_SOVEREIGN:
            raise CheckFailedError(f"{result['sovereignFQDN']} is {result['phase']}, its records {changes}")


def _report(measured: Measured) -> Report:
    ready, cpu = statistics.median(measured.seconds_to_ready), statistics.median(measured.cpu_to_ready)
    memory = {
        "idle": measured.idle,
        f"most, {AT_ONCE} Sovereigns at once": measured.busiest,
        "when they are done": measured.after,
    }
    return Report(
        number="B7",
        title="The worker",
        about=f"One worker process with its metrics page. Ready means that Temporal sees it poll for every kind of "
        f"task: the median of {STARTS} starts. Idle: {IDLE_SECONDS:.0f} s without a run, asked for its health every "
        f"{PROBE_EVERY_SECONDS:.0f} s. Load: {AT_ONCE} Sovereigns at once, without certificates. RSS is what is "
        "resident, PSS counts shared pages by their share, USS only what is the process' own. MB are 10^6 bytes. The "
        "load checks no delegation: the first check of one adds `cryptography` (docs/tuning.md).",
        tables=[
            Table(
                "Start and idleness",
                ["what", "median", "all"],
                [
                    ["ready after", f"{ready:.2f} s", " ".join(f"{s:.2f}" for s in measured.seconds_to_ready)],
                    ["CPU until then", f"{cpu:.2f} s", " ".join(f"{s:.2f}" for s in measured.cpu_to_ready)],
                    ["CPU idle", f"{measured.idle_cpu:.2%} of a core", ""],
                    ["threads", str(measured.threads), ""],
                ],
            ),
            Table(
                "Memory",
                ["when", "RSS MB", "PSS MB", "USS MB"],
                [[when, f"{m.rss:.0f}", f"{m.pss:.0f}", f"{m.uss:.0f}"] for when, m in memory.items()],
            ),
        ],
        goals=[
            _goal(
                f"ready in less than {MOST_SECONDS_TO_READY:.0f} s",
                f"{ready:.2f} s",
                f"{cpu:.2f} s of it are the process' CPU, the rest is waiting, for Temporal or for a core",
                met=ready < MOST_SECONDS_TO_READY,
            ),
            _goal(
                f"less than {MOST_IDLE_MB:.0f} MB (RSS), idle before the load",
                f"{measured.idle.rss:.1f} MB",
                _IMPORTS,
                met=measured.idle.rss < MOST_IDLE_MB,
            ),
            _goal(
                f"less than {MOST_IDLE_MB:.0f} MB (RSS), idle after the load",
                f"{measured.after.rss:.1f} MB",
                _AFTER_A_LOAD,
                met=measured.after.rss < MOST_IDLE_MB,
            ),
            Goal(
                f"less than {MOST_IDLE_CPU:.0%} of a core idle",
                f"{measured.idle_cpu:.2%}",
                measured.idle_cpu < MOST_IDLE_CPU,
            ),
        ],
        checked=[
            "Temporal itself saw the worker poll for each kind of task, at every start and while it was idle",
            f"afterwards it provisioned {AT_ONCE} Sovereigns at once: each complete, its 14 records created",
        ],
        ratios={
            "seconds until ready to the goal": ready / MOST_SECONDS_TO_READY,
            "memory before the load to the goal": measured.idle.rss / MOST_IDLE_MB,
            "memory after the load to the goal": measured.after.rss / MOST_IDLE_MB,
            "CPU idle to the goal": measured.idle_cpu / MOST_IDLE_CPU,
        },
    )


_IMPORTS = "Imports take most of it: docs/tuning.md tells which."

_AFTER_A_LOAD = (
    "Of what the runs took, Python and the C library give back only what lies together; the SDK's core has more of its "
    "code resident, and runs that are done wait for the next garbage collection. docs/tuning.md has the parts."
)


def _goal(text: str, figure: str, reason: str, *, met: bool) -> Goal:
    return Goal(text, figure, met, "" if met else reason)

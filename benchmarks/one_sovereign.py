"""B1: one Sovereign end to end, against the same calls with no Temporal, and against Temporal with no calls."""

import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import dns.asyncresolver
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import do_nothing
from benchmarks.do_nothing import DoNothing, Shape
from benchmarks.do_nothing_worker import DoNothingWorker
from benchmarks.parts_of_a_run import Parts, parts_of
from benchmarks.processes import cpu_seconds, cpu_seconds_of
from benchmarks.report import CheckFailedError, Goal, Report, Table
from benchmarks.sovereigns import ADDRESS, PER_SOVEREIGN, names_of, request
from benchmarks.straight_line import StraightLine, straight_line
from devstack.child_process import ChildProcess
from devstack.ports import Ports
from devstack.stack import Stack
from service import event_loop, logs
from sovereign_dns.contract import (
    PROVISION_SOVEREIGN,
    TASK_QUEUE,
    ProvisionRequest,
    ProvisionResult,
    sovereign_workflow_id,
)

COUNT = 20
MOST = 1.25
ZONE = "bench.works"
SHAPE = Shape(chains=[2, 2])
"""`zone-create`; then `records-upsert` and `dns-verify` beside `certificate-request` and `certificate-ready`."""

OURS = "ProvisionSovereign"
STRAIGHT = "the same calls, no Temporal"
NOTHING = "a workflow that does nothing"

WORKER = "the worker, or the script"

Processes = Mapping[str, ChildProcess | None]
"""By what they are called; None is this one."""


@dataclass
class Taken:
    """What one of the three has taken, run by run."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[dict[str, float]] = field(default_factory=list)
    """Seconds, by process."""
    parts: list[Parts] = field(default_factory=list)
    """None of the straight line, which has no history."""

    def median_ms(self, of: Callable[[Parts], float] | None = None) -> float:
        """Of the whole, or of a part of it."""
        return statistics.median(self.seconds if of is None else map(of, self.parts)) * 1000

    def cpu_ms(self, process: str) -> float:
        """The mean: a single run's is too short for the kernel's clock."""
        return statistics.mean(used.get(process, 0.0) for used in self.cpu) * 1000

    def without_first(self) -> "Taken":
        """The first creates the zone, and warms every cache."""
        return Taken(self.seconds[1:], self.cpu[1:], self.parts[1:])


def measure() -> Report:
    """Plays the three in turns, and checks every result and its answers.

    Raises:
        CheckFailedError: something is not exactly as it should be.
    """
    with ExitStack() as ending:
        state = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        stack = ending.enter_context(Stack(state, Ports.free(), issue_seconds=0))
        do_nothing_worker = DoNothingWorker(stack.environment(), state / "logs" / "do-nothing.log")
        ending.enter_context(do_nothing_worker)
        # The straight line's settings are read as the worker reads its own.
        os.environ.update(stack.environment())
        logs.configure("WARNING")
        return _report(event_loop.run(_play(stack, do_nothing_worker)))


async def _play(stack: Stack, do_nothing_worker: ChildProcess) -> dict[str, Taken]:
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    resolver = dns.asyncresolver.Resolver(configure=False)
    host, _, port = stack.recursor.address.rpartition(":")
    resolver.nameservers, resolver.port = [host], int(port)
    servers: Processes = {"PowerDNS": stack.powerdns, "recursor": stack.recursor}
    processes: dict[str, Processes] = {
        OURS: {WORKER: stack.worker, "Temporal": stack.temporal, **servers},
        STRAIGHT: {WORKER: None, **servers},
        NOTHING: {WORKER: do_nothing_worker, "Temporal": stack.temporal},
    }
    taken = {OURS: Taken(), STRAIGHT: Taken(), NOTHING: Taken()}
    async with straight_line(client) as line:
        for index in range(COUNT + 1):
            ours, straight, nothing = f"t{index}.{ZONE}", f"s{index}.{ZONE}", f"do-nothing/{index}"
            for fqdn in (ours, straight):
                await line.certify(ProvisionRequest.model_validate(request(fqdn)))
            await _measured(_provision(client, ours), taken[OURS], processes[OURS])
            await _measured(_straight(line, straight), taken[STRAIGHT], processes[STRAIGHT])
            await _measured(_nothing(client, nothing), taken[NOTHING], processes[NOTHING])
            for id_, of in ((sovereign_workflow_id(ours), taken[OURS]), (nothing, taken[NOTHING])):
                history = await client.get_workflow_handle(id_).fetch_history()
                of.parts.append(parts_of(history.events, of.seconds[-1]))
            for fqdn in (ours, straight):
                await _check_answers(resolver, fqdn)
    return {what: of.without_first() for what, of in taken.items()}


async def _measured(run: Awaitable[None], taken: Taken, processes: Processes) -> None:
    """Adds one run, and what it took of the processes."""
    before = _cpu(processes)
    began = time.perf_counter()
    await run
    taken.seconds.append(time.perf_counter() - began)
    taken.cpu.append({name: used - before[name] for name, used in _cpu(processes).items()})


def _cpu(processes: Processes) -> dict[str, float]:
    others = {name: process for name, process in processes.items() if process is not None}
    mine = {name: cpu_seconds_of(os.getpid()) for name in processes if name not in others}
    return mine | cpu_seconds(others)


async def _provision(client: Client, fqdn: str) -> None:
    result = await client.execute_workflow(
        PROVISION_SOVEREIGN,
        request(fqdn),
        id=sovereign_workflow_id(fqdn),
        task_queue=TASK_QUEUE,
        result_type=ProvisionResult,
    )
    created = [record for record in result.records if record.change == "created"]
    ready = [certificate.ready for certificate in result.certificates]
    if (result.phase, len(created), ready) != ("complete", PER_SOVEREIGN, [True]):
        raise CheckFailedError(f"{fqdn}: {result.model_dump_json()[:500]}")


async def _straight(line: StraightLine, fqdn: str) -> None:
    done = await line.provision(ProvisionRequest.model_validate(request(fqdn)))
    created = [record for record in done.records if record.change == "created"]
    if len(created) != PER_SOVEREIGN or not done.certificate_ready or done.converged != done.total:
        raise CheckFailedError(f"{fqdn}, without Temporal: {done}")


async def _nothing(client: Client, workflow_id: str) -> None:
    await client.execute_workflow(DoNothing.run, SHAPE, id=workflow_id, task_queue=do_nothing.TASK_QUEUE)


async def _check_answers(resolver: dns.asyncresolver.Resolver, fqdn: str) -> None:
    for name in names_of(fqdn):
        addresses = [record.to_text() for record in await resolver.resolve(name, "A")]
        if addresses != [ADDRESS]:
            raise CheckFailedError(f"{name} is answered {addresses}")


def _report(taken: dict[str, Taken]) -> Report:
    ratio = taken[OURS].median_ms() / (taken[NOTHING].median_ms() + taken[STRAIGHT].median_ms())
    return Report(
        number="B1",
        title="One Sovereign, end to end",
        about=(
            "A BYO Sovereign under one signed parent domain: 14 records, the proof of their answers up to the "
            "recursor (level `propagated`), and a certificate, asked for and issued before: both find it so, and "
            "neither waits for an issuer's pace. Against the same activities' functions called in one asyncio script, "
            "and against a workflow with as many activities in the same order, which do nothing, in a worker with the "
            "SDK's defaults. All three on uvloop, and with Python's garbage collection set as in the worker. In turns. "
            "What a run is made of is told by its history: medians, so they need not add up; the CPU is the mean of "
            "all runs, from start to result. Beyond both is what a Sovereign takes more than the two others together."
        ),
        tables=[_times(taken), _parts(taken), _sizes(taken)],
        goals=[
            Goal(
                text=f"≤ {MOST} × (the do-nothing workflow + the same calls)",
                figure=f"{ratio:.2f}",
                met=ratio <= MOST,
                reason="" if ratio <= MOST else _why_missed(taken),
            )
        ],
        checked=[
            "every run's result is `complete`, tells of 14 rrsets created, and its certificate is ready",
            "the recursor answers each of the 14 names with exactly the address asked for",
        ],
        ratios={"one Sovereign / (do-nothing + the same calls)": ratio},
        samples={
            "one Sovereign": taken[OURS].seconds,
            STRAIGHT: taken[STRAIGHT].seconds,
            NOTHING: taken[NOTHING].seconds,
        },
    )


def _times(taken: dict[str, Taken]) -> Table:
    return Table(
        title=f"{COUNT} of each, in turns",
        columns=["what", "median ms", "fastest ms", "slowest ms"],
        rows=[
            [what, *(f"{ms:.0f}" for ms in (of.median_ms(), min(of.seconds) * 1000, max(of.seconds) * 1000))]
            for what, of in taken.items()
        ],
    )


@dataclass(frozen=True)
class _Row:
    """Milliseconds of one part, in each of the three."""

    what: str
    ours: float
    straight: float
    nothing: float

    @property
    def beyond(self) -> float:
        return self.ours - self.straight - self.nothing

    def cells(self) -> list[str]:
        return [self.what, *(f"{ms:.0f}" for ms in (self.ours, self.straight, self.nothing, self.beyond))]


def _rows_of_time(taken: dict[str, Taken]) -> list[_Row]:
    """The calls of the straight line are what the activities do."""
    parts: dict[str, tuple[Callable[[Parts], float], float]] = {
        "an activity under way": (lambda parts: parts.activity, taken[STRAIGHT].median_ms()),
        "a workflow task under way, no activity": (lambda parts: parts.workflow_task, 0.0),
        "waiting in a queue": (lambda parts: parts.queue, 0.0),
        "start, and result on its way": (lambda parts: parts.around, 0.0),
    }
    return [
        _Row(what, taken[OURS].median_ms(of), straight, taken[NOTHING].median_ms(of))
        for what, (of, straight) in parts.items()
    ]


def _rows_of_cpu(taken: dict[str, Taken]) -> list[_Row]:
    processes = dict.fromkeys(name for used in taken[OURS].cpu for name in used)
    return [_Row(f"CPU of {name}", *(of.cpu_ms(name) for of in taken.values())) for name in processes]


def _parts(taken: dict[str, Taken]) -> Table:
    return Table(
        title="What a run is made of, ms",
        columns=["part", *taken, "beyond both"],
        rows=[row.cells() for row in (*_rows_of_time(taken), *_rows_of_cpu(taken))],
    )


def _sizes(taken: dict[str, Taken]) -> Table:
    sides = {what: of for what, of in taken.items() if of.parts}
    return Table(
        title="Of its history, median",
        columns=["what", "workflow tasks", "events", "kB"],
        rows=[[what, *(f"{number:.0f}" for number in _size(of))] for what, of in sides.items()],
    )


def _size(taken: Taken) -> tuple[float, float, float]:
    """Workflow tasks, events and kB of the history."""
    return (
        statistics.median(parts.workflow_tasks for parts in taken.parts),
        statistics.median(parts.events for parts in taken.parts),
        statistics.median(parts.bytes for parts in taken.parts) / 1000,
    )


def _why_missed(taken: dict[str, Taken]) -> str:
    beyond = taken[OURS].median_ms() - taken[STRAIGHT].median_ms() - taken[NOTHING].median_ms()
    times = ", ".join(f"{row.beyond:.0f} {row.what}" for row in _rows_of_time(taken))
    cpu = _rows_of_cpu(taken)
    whole, more = sum(row.ours for row in cpu), sum(row.beyond for row in cpu)
    tasks, events, kilobytes = _size(taken[OURS])
    their_tasks, their_events, their_kilobytes = _size(taken[NOTHING])
    return (
        f"{beyond:.0f} ms are neither: {times}. Of {os.cpu_count()} cores' CPU a Sovereign takes {whole:.0f} ms, "
        f"{more:.0f} more than both: its history has {tasks:.0f} workflow tasks, {events:.0f} events and "
        f"{kilobytes:.0f} kB instead of {their_tasks:.0f}, {their_events:.0f} and {their_kilobytes:.0f}. What each of "
        "its causes costs is in docs/tuning.md."
    )

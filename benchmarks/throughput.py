"""B4: Sovereigns a minute with everything on one machine, against a workflow of activities that do nothing."""

import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import crowd, do_nothing, powerdns_api
from benchmarks.crowd import Scene
from benchmarks.do_nothing import DoNothing, Shape
from benchmarks.do_nothing_worker import DoNothingWorker
from benchmarks.processes import cpu_seconds
from benchmarks.report import CheckFailedError, Goal, Plot, Report, Table
from benchmarks.sovereigns import request_without_certificate
from devstack.child_process import ChildProcess
from devstack.ports import Ports
from devstack.stack import Stack
from sovereign_dns.contract import PROVISION_SOVEREIGN, TASK_QUEUE, sovereign_workflow_id

ZONES = 10
WANTED = 0.7

FULL = 0.8
"""The part of all cores from which on the CPU counts as what binds. The starter takes more, uncounted."""

SHAPE = Shape(chains=[2])
"""`zone-create`, and then `records-upsert` and `dns-verify`."""


@dataclass(frozen=True)
class Load:
    """How many run at once, in how many rounds of how many runs each."""

    at_once: int
    runs: int
    rounds: int


LOADS = (Load(1, 10, 3), Load(10, 40, 2), Load(100, 100, 2), Load(500, 500, 1))


@dataclass
class Outcome:
    """Runs a minute of each round, and seconds of CPU for each Sovereign, by process."""

    load: Load
    ours: list[float] = field(default_factory=list)
    theirs: list[float] = field(default_factory=list)
    our_cpu: dict[str, float] = field(default_factory=dict)
    their_cpu: dict[str, float] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    """Of single Sovereigns."""

    @property
    def ratio(self) -> float:
        """Our throughput, theirs being 1."""
        return statistics.median(self.ours) / statistics.median(self.theirs)


def measure() -> Report:
    """Plays every load on a stack of its own, and checks every result and every zone.

    Raises:
        CheckFailedError: something is not exactly as it should be.
    """
    return _report([play(load) for load in LOADS])


def play(load: Load) -> Outcome:
    """Ours and theirs in turns, on one stack.

    Raises:
        CheckFailedError: a result or a zone is not exactly as it should be.
    """
    with (
        tempfile.TemporaryDirectory() as state,
        Stack(Path(state), Ports.free(), simulators=False) as stack,
        DoNothingWorker(stack.environment(), Path(state) / "logs" / "do-nothing.log") as their_worker,
    ):
        return asyncio.run(_play(load, stack, their_worker))


async def _play(load: Load, stack: Stack, their_worker: ChildProcess) -> Outcome:
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    scene = Scene(load.runs * load.rounds + 1, ZONES)
    outcome = Outcome(load)
    processes: dict[str, ChildProcess] = {
        "worker": stack.worker,
        "Temporal": stack.temporal,
        "PowerDNS": stack.powerdns,
        "recursor": stack.recursor,
    }
    async with powerdns_api.async_client(stack.powerdns) as powerdns:
        zones = sorted(set(scene.fqdns.values()))
        for zone in zones:
            (await powerdns.post("/zones", json=powerdns_api.signed_zone(zone))).raise_for_status()
        to_do = list(scene.fqdns)
        await provision(client, to_do.pop())  # warms every cache
        await _nothing(client, "warm")
        for number in range(load.rounds):
            of_this_round = [to_do.pop() for _ in range(load.runs)]
            before = cpu_seconds(processes)
            rate, seconds = await rate_of(load.at_once, of_this_round, lambda fqdn: provision(client, fqdn))
            _add(outcome.our_cpu, before, cpu_seconds(processes), load)
            outcome.ours.append(rate)
            outcome.seconds += seconds
            before = cpu_seconds(processes | {"worker": their_worker})
            ids = [f"{number}-{index}" for index in range(load.runs)]
            outcome.theirs.append((await rate_of(load.at_once, ids, lambda id_: _nothing(client, id_)))[0])
            _add(outcome.their_cpu, before, cpu_seconds(processes | {"worker": their_worker}), load)
        wrong = await crowd.wrong_results(client, scene)
        for zone in zones:
            wrong += crowd.wrong_records(scene, zone, (await powerdns.get(f"/zones/{zone}.")).json()["rrsets"])
    if wrong:
        raise CheckFailedError(f"{load.at_once} at once: " + "; ".join(wrong[:5]))
    return outcome


async def provision(client: Client, fqdn: str) -> None:
    """Runs one Sovereign to its end, without a certificate."""
    await client.execute_workflow(
        PROVISION_SOVEREIGN,
        request_without_certificate(fqdn),
        id=sovereign_workflow_id(fqdn),
        task_queue=TASK_QUEUE,
    )


async def _nothing(client: Client, name: str) -> None:
    await client.execute_workflow(DoNothing.run, SHAPE, id=f"do-nothing/{name}", task_queue=do_nothing.TASK_QUEUE)


async def rate_of(at_once: int, names: list[str], run: Callable[[str], Awaitable[None]]) -> tuple[float, list[float]]:
    """Runs a minute, with so many under way at any time; and the seconds of each."""
    turn = asyncio.Semaphore(at_once)
    seconds: list[float] = []

    async def one(name: str) -> None:
        async with turn:
            began = time.perf_counter()
            await run(name)
            seconds.append(time.perf_counter() - began)

    started = time.perf_counter()
    await asyncio.gather(*(one(name) for name in names))
    return len(names) / (time.perf_counter() - started) * 60, seconds


def _add(total: dict[str, float], before: dict[str, float], after: dict[str, float], load: Load) -> None:
    for name, used in after.items():
        total[name] = total.get(name, 0.0) + (used - before[name]) / (load.runs * load.rounds)


def _report(outcomes: list[Outcome]) -> Report:
    worst = min(outcomes, key=lambda outcome: outcome.ratio)
    return Report(
        number="B4",
        title="Throughput",
        about=(
            f"Sovereigns in {ZONES} signed parent zones, records and their proof up to the recursor (level "
            "`propagated`), without a certificate; Temporal, PowerDNS, recursor, worker and the starter share the "
            "machine. Against a workflow with as many activities, which do nothing, in a worker with the SDK's "
            "defaults on the same Temporal, on uvloop and with garbage collection as in ours. So many "
            "are under way at any time; in turns, medians of the rounds."
        ),
        tables=[_rates(outcomes), _cpu(outcomes)],
        goals=[
            Goal(
                text=f"≥ {WANTED} × the do-nothing workflow's throughput, at each number at once",
                figure=", ".join(f"{o.ratio:.2f} at {o.load.at_once}" for o in outcomes),
                met=worst.ratio >= WANTED,
                reason="" if worst.ratio >= WANTED else _why_missed(outcomes),
            )
        ],
        checked=[
            "every run's result is `complete` and tells of 14 rrsets created",
            "every zone holds exactly its Sovereigns' records",
        ],
        plots=[
            Plot(
                name="throughput",
                title="Runs a minute by how many are under way",
                x="under way at once",
                y="runs a minute",
                series={
                    "Sovereigns": [(o.load.at_once, statistics.median(o.ours)) for o in outcomes],
                    "workflow that does nothing": [(o.load.at_once, statistics.median(o.theirs)) for o in outcomes],
                },
                log_x=True,
            )
        ],
        ratios={f"throughput at {o.load.at_once} / do-nothing": o.ratio for o in outcomes},
        samples={f"provision, {o.load.at_once} at once": o.seconds for o in outcomes},
    )


def _rates(outcomes: list[Outcome]) -> Table:
    return Table(
        title="Runs a minute",
        columns=["at once", "Sovereigns a minute", "do-nothing a minute", "ratio", "median s of one Sovereign"],
        rows=[
            [
                str(o.load.at_once),
                f"{statistics.median(o.ours):.0f}",
                f"{statistics.median(o.theirs):.0f}",
                f"{o.ratio:.2f}",
                f"{statistics.median(o.seconds):.2f}",
            ]
            for o in outcomes
        ],
    )


def _cpu(outcomes: list[Outcome]) -> Table:
    return Table(
        title="CPU of one run, ms: a Sovereign's / the do-nothing workflow's",
        columns=["at once", *outcomes[0].our_cpu],
        rows=[
            [
                str(o.load.at_once),
                *(f"{used * 1000:.0f} / {o.their_cpu[name] * 1000:.0f}" for name, used in o.our_cpu.items()),
            ]
            for o in outcomes
        ],
    )


def _why_missed(outcomes: list[Outcome]) -> str:
    return " ".join(_why_missed_at(outcome) for outcome in outcomes if outcome.ratio < WANTED)


def _why_missed_at(outcome: Outcome) -> str:
    """By how much of the machine the servers and the worker take; what starts the runs comes on top."""
    ours, theirs = sum(outcome.our_cpu.values()), sum(outcome.their_cpu.values())
    cores = os.cpu_count() or 1
    used = ours * statistics.median(outcome.ours) / 60 / cores
    parts = ", ".join(f"{name} {cpu * 1000:.0f} ms" for name, cpu in outcome.our_cpu.items())
    left = ""
    if used >= FULL:
        bound = "bound by the CPU"
        servers = outcome.our_cpu["PowerDNS"] + outcome.our_cpu["recursor"]
        left = (
            f"; {WANTED} would leave {_left_by(theirs) * 1000:.0f} ms of it for all that a Sovereign does more, of "
            f"which PowerDNS and the recursor alone take {servers * 1000:.0f}"
        )
    elif outcome.load.at_once == 1:
        bound = "bound by latency"
        run = 60 / statistics.median(outcome.theirs)
        left = f"; {WANTED} would leave {_left_by(run) * 1000:.0f} ms of a run for all that a Sovereign does more"
    else:
        bound = "not bound by the CPU of these processes alone"
    return (
        f"At {outcome.load.at_once}: {bound}: {used:.0%} of {cores} cores are taken by a Sovereign's "
        f"{ours * 1000:.0f} ms of CPU ({parts}); a run that does nothing takes {theirs * 1000:.0f} ms{left}."
    )


def _left_by(nothing: float) -> float:
    """By how much a Sovereign may take more than a run that does nothing, for the goal to be met."""
    return nothing / WANTED - nothing

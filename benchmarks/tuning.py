"""What each setting of the engine gains: Sovereigns with it, and with what is set, in turns."""

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import crowd, powerdns_api, shown
from benchmarks.converter_costs import converter_costs
from benchmarks.crowd import RATE, Scene
from benchmarks.killed_worker import killed_worker
from benchmarks.processes import cpu_seconds
from benchmarks.report import CheckFailedError, Table
from benchmarks.throughput import provision, rate_of
from benchmarks.varied_worker import CHANGES, VariedWorker
from devstack.ports import Ports
from devstack.stack import Stack
from devstack.temporal_server import TemporalServer
from sovereign_dns.contract import sovereign_workflow_id

ALONE = 5
"""One after the other."""

CROWD = 40
"""At once."""

ZONES = 10

RATES = (20, 50, 200, 1000)
CROWD_BY_RATE = 100

FIGURES = ("one alone, ms", "a minute, 40 at once", "worker's CPU, ms", "Temporal's CPU, ms")


@dataclass(frozen=True)
class Variant:
    """What is changed: the options of Temporal's that make it quick, or something of the worker."""

    what: str
    temporal: tuple[str, ...] | None = None
    change: str | None = None

    def apply(self, stack: Stack) -> None:
        """Changes it on a stack that has not started."""
        if self.temporal is not None:
            stack.temporal = _VariedTemporal(stack, self.temporal)
        if self.change is not None:
            stack.worker = VariedWorker(
                stack, stack.ports.worker_health, stack.state / "logs" / "worker.log", self.change
            )


class _VariedTemporal(TemporalServer):
    def __init__(self, stack: Stack, tuning: Sequence[str]) -> None:
        super().__init__(stack.state, stack.ports.temporal, stack.ports.temporal_ui)
        self._tuning = list(tuning)

    def tuning(self) -> list[str]:
        return self._tuning


AS_SET = Variant("as it is set")

_POLLS = ("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000")
_WAL = ("--sqlite-pragma", "journal_mode=WAL")
_NORMAL = ("--sqlite-pragma", "synchronous=NORMAL")

OF_TEMPORAL = (
    Variant("20 polls of the transfer queue a second (2,000)", (*_WAL, *_NORMAL)),
    Variant("SQLite with a rollback journal, synchronous=FULL (WAL, NORMAL)", _POLLS),
    Variant("SQLite with synchronous=FULL (NORMAL)", (*_POLLS, *_WAL)),
)
OF_THE_WORKER = tuple(Variant(what, change=what) for what in CHANGES)


@dataclass(frozen=True)
class Turn:
    """What one play came to, in the order of `FIGURES`."""

    figures: tuple[float, ...]
    history: WorkflowHistory


def _turn(variant: Variant) -> Turn:
    """Plays the load on a stack of its own.

    Raises:
        CheckFailedError: a result or a zone is not exactly as it should be.
    """
    with tempfile.TemporaryDirectory() as state:
        stack = Stack(Path(state), Ports.free(), simulators=False)
        variant.apply(stack)
        with stack:
            return asyncio.run(_load(variant, stack))


async def _load(variant: Variant, stack: Stack) -> Turn:
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    scene = Scene(1 + ALONE + CROWD, ZONES)
    processes = {"worker": stack.worker, "temporal": stack.temporal}
    async with powerdns_api.async_client(stack.powerdns) as powerdns:
        zones = sorted(set(scene.fqdns.values()))
        for zone in zones:
            (await powerdns.post("/zones", json=powerdns_api.signed_zone(zone))).raise_for_status()
        first, *to_do = scene.fqdns
        await provision(client, first)  # warms every cache
        _, alone = await rate_of(1, to_do[:ALONE], lambda fqdn: provision(client, fqdn))
        before = cpu_seconds(processes)
        a_minute, _ = await rate_of(CROWD, to_do[ALONE:], lambda fqdn: provision(client, fqdn))
        after = cpu_seconds(processes)
        wrong = await crowd.wrong_results(client, scene)
        for zone in zones:
            wrong += crowd.wrong_records(scene, zone, (await powerdns.get(f"/zones/{zone}.")).json()["rrsets"])
    if wrong:
        raise CheckFailedError(f"{variant.what}: " + "; ".join(wrong[:5]))
    cpu = [(after[name] - before[name]) / CROWD * 1000 for name in processes]
    history = await client.get_workflow_handle(sovereign_workflow_id(to_do[-1])).fetch_history()
    return Turn((statistics.median(alone) * 1000, a_minute, *cpu), history)


def _in_turns(title: str, variants: Sequence[Variant]) -> Iterator[Table]:
    """By twos between plays of what is set, which is compared with itself in the same way."""
    as_set = [_turn(AS_SET).figures]
    rows = []
    for first in range(0, len(variants), 2):
        two = variants[first : first + 2]
        played = [_turn(variant).figures for variant in two]
        as_set.append(_turn(AS_SET).figures)
        rows += [[of.what, *_compared(figures, as_set[-2:])] for of, figures in zip(two, played, strict=True)]
    yield Table(title, ["what is set stands in parentheses", *FIGURES], [*rows, ["what is set", *_spread(as_set)]])


def _compared(played: Sequence[float], beside: Sequence[Sequence[float]]) -> list[str]:
    means = [statistics.mean(of) for of in zip(*beside, strict=True)]
    return [f"{figure:.0f} ({figure / mean - 1:+.0%})" for figure, mean in zip(played, means, strict=True)]


def _spread(turns: Sequence[Sequence[float]]) -> list[str]:
    """The median, and how far single turns lay from the mean of the two beside them: what is noise."""
    shown_as = []
    for of in zip(*turns, strict=True):
        apart = [2 * here / (before + after) - 1 for before, here, after in zip(of, of[1:], of[2:], strict=False)]
        shown_as.append(f"{statistics.median(of):.0f} ({min(apart):+.0%} to {max(apart):+.0%})")
    return shown_as


def _temporal() -> Iterator[Table]:
    return _in_turns("The embedded Temporal", OF_TEMPORAL)


def _worker() -> Iterator[Table]:
    return _in_turns("The worker", OF_THE_WORKER)


def _rates() -> Iterator[Table]:
    rows = []
    for rate in RATES:
        outcome = crowd.play(Scene(CROWD_BY_RATE, ZONES, rate=str(rate), outage=False))
        if outcome.wrong:
            raise CheckFailedError(f"{rate} steps a second: " + "; ".join(outcome.wrong[:5]))
        calls = outcome.calls
        failed = f"{calls.failed} of {calls.answered + calls.failed}"
        rows.append([str(rate), f"{outcome.seconds:.1f}", str(calls.most_in_flight), failed])
    yield Table(
        f"Steps of PowerDNS' a second ({RATE}), {CROWD_BY_RATE} Sovereigns at once in {ZONES} zones",
        ["rate", "seconds until all are complete", "most calls at once", "failed calls"],
        rows,
    )


def _converter() -> Iterator[Table]:
    yield converter_costs(_turn(AS_SET).history)


def _killed() -> Iterator[Table]:
    yield killed_worker()


PARTS: dict[str, Callable[[], Iterator[Table]]] = {
    "temporal": _temporal,
    "worker": _worker,
    "rates": _rates,
    "killed": _killed,
    "converter": _converter,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which parts of it are measured."""
    parser.add_argument("part", nargs="*", choices=[[], *PARTS], help="these only (default: all, four minutes)")


def show(options: argparse.Namespace) -> bool:
    """Measures, prints a table for each part, and returns whether all that was checked was right."""
    console = shown.console()
    began = time.monotonic()
    try:
        for part in options.part or PARTS:
            for table in PARTS[part]():
                console.print(shown.as_rich(table))
    except CheckFailedError as error:
        console.print(f"Its own check failed, so its figures mean nothing: {error}")
        return False
    console.print(
        "checked: every run complete, 14 rrsets created; every zone holds exactly its Sovereigns' records; what is "
        f"read and written by a converter stays the same. {time.monotonic() - began:.0f} s"
    )
    return True

"""What each setting of the engine gains: Sovereigns with it, and with what is set, in turns."""

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence

from benchmarks import crowd, shown
from benchmarks.converter_costs import converter_costs
from benchmarks.crowd import RATE, Scene
from benchmarks.report import CheckFailedError, Table
from benchmarks.sticky_timeout import timed_out_in_a_crowd, waited_for_killed_workers
from benchmarks.varied_engine import AS_SET, ZONES, Variant, play
from benchmarks.varied_worker import CHANGES, SHORT_STICKY

AT_ONCE = 40

ALONE_OF_TEMPORAL = 25
"""One after the other: its limit of polls lets a burst of fewer pass."""

ALONE = 5

RATES = (20, 200, 1000)
CROWD_BY_RATE = 100

FIGURES = ("one alone, ms", f"a minute, {AT_ONCE} at once", "worker's CPU, ms", "Temporal's CPU, ms")

_POLLS = ("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000")
_WAL = ("--sqlite-pragma", "journal_mode=WAL")
_NORMAL = ("--sqlite-pragma", "synchronous=NORMAL")

OF_TEMPORAL = (
    Variant("20 polls of the transfer queue a second (2,000)", (*_WAL, *_NORMAL)),
    Variant("SQLite with a rollback journal, synchronous=FULL (WAL, NORMAL)", _POLLS),
    Variant("SQLite with synchronous=FULL (NORMAL)", (*_POLLS, *_WAL)),
)
OF_THE_WORKER = tuple(Variant(what, change=what) for what in CHANGES if what != SHORT_STICKY)


def _in_turns(title: str, variants: Sequence[Variant], alone: int) -> Iterator[Table]:
    """By twos between plays of what is set, which is compared with itself in the same way."""
    as_set = [play(AS_SET, alone, AT_ONCE).figures]
    rows = []
    for first in range(0, len(variants), 2):
        two = variants[first : first + 2]
        played = [play(variant, alone, AT_ONCE).figures for variant in two]
        as_set.append(play(AS_SET, alone, AT_ONCE).figures)
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
    return _in_turns("The embedded Temporal", OF_TEMPORAL, ALONE_OF_TEMPORAL)


def _worker() -> Iterator[Table]:
    return _in_turns("The worker", OF_THE_WORKER, ALONE)


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
    yield converter_costs(play(AS_SET, 0, 1).histories[0])


def _sticky() -> Iterator[Table]:
    yield waited_for_killed_workers()


def _crowd() -> Iterator[Table]:
    yield timed_out_in_a_crowd()


PARTS: dict[str, Callable[[], Iterator[Table]]] = {
    "temporal": _temporal,
    "worker": _worker,
    "rates": _rates,
    "sticky": _sticky,
    "converter": _converter,
    "crowd": _crowd,
}

BY_DEFAULT = [part for part in PARTS if part != "crowd"]
"""It alone takes minutes."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which parts of it are measured."""
    parser.add_argument("part", nargs="*", type=_part, help=f"of {', '.join(PARTS)} (default: all but the crowd)")


def _part(text: str) -> str:
    if text not in PARTS:
        raise argparse.ArgumentTypeError(f"there is no {text!r}, but {', '.join(PARTS)}")
    return text


def show(options: argparse.Namespace) -> bool:
    """Measures, prints a table for each part, and returns whether all that was checked was right."""
    console = shown.console()
    began = time.monotonic()
    try:
        for part in options.part or BY_DEFAULT:
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

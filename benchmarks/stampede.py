"""Many Sovereigns wait for a PowerDNS that is away, and it comes back."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.crowd import RATE, Outcome, Scene, play
from devstack.programs import PROJECT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be varied. Several values of one option make a scene each."""
    parser.add_argument("--sovereigns", type=int, default=500, help="how many wait")
    parser.add_argument("--zones", type=int, nargs="+", default=[10], help="over how many zones they are spread")
    parser.add_argument("--workers", type=int, nargs="+", default=[1], help="how many workers there are")
    parser.add_argument("--rate", nargs="+", default=[None], help=RATE)
    parser.add_argument("--at-once", action="store_true", help="has all of them attempt at once after the start")
    parser.add_argument("--worker", type=Path, default=PROJECT / "worker.py", help="another version's worker.py")


def _scenes(arguments: argparse.Namespace) -> list[Scene]:
    return [
        Scene(arguments.sovereigns, zones, workers, rate, arguments.at_once, arguments.worker)
        for zones in arguments.zones
        for workers in arguments.workers
        for rate in arguments.rate
    ]


def show(options: argparse.Namespace) -> bool:
    """Plays the scenes and prints a table; returns whether every zone and every result was exactly right."""
    scenes = _scenes(options)
    table = Table(title="PowerDNS comes back to Sovereigns that wait for it", title_justify="left")
    for column in ("waiting", "zones", "workers", "steps/s", "attempts come"):
        table.add_column(column)
    for column in ("s until all complete", "calls", "failed", "most in flight", "failed attempts"):
        table.add_column(column, justify="right")
    right = True
    console = Console(width=120)
    for scene in scenes:
        outcome = play(scene)
        row = _row(scene, outcome)
        console.print(" ".join(row), *outcome.wrong[:10], sep="\n")  # a scene takes minutes
        table.add_row(*row)
        right = right and not outcome.wrong
    console.print(table)
    return right


def _row(scene: Scene, outcome: Outcome) -> list[str]:
    return [
        str(scene.sovereigns),
        str(scene.zones),
        str(scene.workers),
        scene.rate or "default",
        "all at once" if scene.at_once else "by backoff",
        f"{outcome.seconds:.0f}",
        str(outcome.calls.answered + outcome.calls.failed),
        str(outcome.calls.failed),
        str(outcome.calls.most_in_flight),
        ", ".join(f"{count} {kind}" for kind, count in outcome.failed_attempts.items()) or "0",
    ]

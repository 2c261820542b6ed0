"""`make bench ARGS=simulate`: prints what fleets of any size need; `--write` brings docs/scaling.md up to date."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from benchmarks import shown
from benchmarks.generated_parts import filled
from benchmarks.page import FOLDER
from benchmarks.plots import draw
from benchmarks.report import Table
from benchmarks.simulation import claims, sizing
from benchmarks.simulation.measured import Measured, NotMeasuredError, read
from devstack.programs import PROJECT

PAGE = Path("docs/scaling.md")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what to do besides printing."""
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE}, and the plots beside it")


def show(options: argparse.Namespace) -> bool:
    """Prints all tables. Returns whether the model has predicted what was measured."""
    console = Console(width=180)
    measured = read(PROJECT)
    try:
        report = claims.simulate(measured)
        tables = parts(measured, report.tables)
    except NotMeasuredError as error:
        console.print(escape(str(error)))
        return False
    console.print(*map(shown.as_rich, tables.values()), sep="\n")
    console.print(shown.as_rich(shown.table_of_goals([report])))
    if options.write:
        page = PROJECT / PAGE
        page.write_text(filled(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
        for plot in report.plots:
            draw(plot, PROJECT / FOLDER / f"{plot.name}.svg")
    return all(goal.met for goal in report.goals)


NAMES = (
    "unit-costs",
    "limits",
    "at-rest",
    "rerun",
    "within-an-hour",
    "certificates",
    "first-bottlenecks",
    "validation",
    "one-zone",
    "most-in-one-zone",
    "fleet",
)
"""Of the page's generated parts, in the order in which they are made."""


def parts(measured: Measured, simulated: Sequence[Table]) -> dict[str, Table]:
    """Each table, by its place in the page."""
    return dict(zip(NAMES, [*sizing.tables(measured), *simulated], strict=True))

"""`make bench ARGS=simulate`: prints what fleets of any size need; `--write` brings docs/scaling.md up to date."""

import argparse
import re
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table as Shown

from benchmarks import unit_costs
from benchmarks.report import Plot, Table
from benchmarks.simulation import claims, sizing
from benchmarks.simulation.measured import COSTS, Measured, NotMeasuredError, read
from devstack.programs import PROJECT

PAGE = Path("docs/scaling.md")
PLOTS = Path("docs/benchmarks")

_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


class PageError(Exception):
    """The page and what is generated for it do not fit together."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says what to do besides printing."""
    parser.add_argument("--measure", action="store_true", help=f"measure the unit costs anew, into {COSTS}")
    parser.add_argument("--write", action="store_true", help=f"write the tables into {PAGE}, and the plots beside it")


def show(options: argparse.Namespace) -> bool:
    """Prints all tables. Returns whether the model has predicted what was measured."""
    console = Console(width=180)
    if options.measure:
        (PROJECT / COSTS).parent.mkdir(parents=True, exist_ok=True)
        (PROJECT / COSTS).write_text(unit_costs.as_run(unit_costs.measure()), encoding="utf-8")
    try:
        measured = read(PROJECT)
    except NotMeasuredError as error:
        console.print(str(error))
        return False
    report = claims.simulate(measured)
    tables = parts(measured, report.tables)
    for table in tables.values():
        console.print(_shown(table))
    for goal in report.goals:
        console.print(f"{'met' if goal.met else 'missed'}: {goal.text}: {goal.figure} {goal.reason}")
    if options.write:
        page = PROJECT / PAGE
        page.write_text(filled(page.read_text(encoding="utf-8"), tables), encoding="utf-8")
        for plot in report.plots:
            draw(plot, PROJECT / PLOTS / f"{plot.name}.svg")
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


def filled(page: str, tables: dict[str, Table]) -> str:
    """The page with all its generated parts made anew.

    Raises:
        PageError: a part of it has no table, or a table no part.
    """
    places = [found["name"] for found in _PART.finditer(page)]
    if sorted(places) != sorted(tables):
        raise PageError(f"{PAGE} has places for {sorted(places)}, and there are tables for {sorted(tables)}")
    return _PART.sub(lambda found: f"{found[1]}\n{_markdown(tables[found['name']])}\n{found[3]}", page)


def _markdown(table: Table) -> str:
    lines = [table.columns, ["---"] * len(table.columns), *table.rows]
    return f"**{table.title}**\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _shown(table: Table) -> Shown:
    shown = Shown(title=table.title, title_justify="left")
    for column in table.columns:
        shown.add_column(column)
    for row in table.rows:
        shown.add_row(*row)
    return shown


def draw(plot: Plot, file: Path) -> None:
    """One line for each of the series, as SVG. The same figures give the same file."""
    import matplotlib as mpl  # noqa: PLC0415 (only who draws needs it)
    from matplotlib.figure import Figure  # noqa: PLC0415

    mpl.rcParams["svg.hashsalt"] = plot.name
    figure = Figure(figsize=(7, 4.2), layout="constrained")
    axes = figure.subplots()
    for name, points in plot.series.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
    if plot.log_x:
        axes.set_xscale("log")
    if plot.log_y:
        axes.set_yscale("log")
    axes.grid(visible=True, which="major", alpha=0.4)
    axes.legend()
    figure.savefig(file, format="svg", metadata={"Date": None})

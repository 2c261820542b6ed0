"""Reports as a terminal shows them."""

from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.table import Table as RichTable

from benchmarks.measured import Width
from benchmarks.report import Goal, Report, Table

WIDTH_COLUMNS = ["benchmark", "ratio", "runs", "lowest", "median", "highest", "width %"]


def console() -> Console:
    """Wide enough for the tables, and not wider because a terminal is."""
    return Console(width=130, highlight=False)


def lines_of(report: Report, seconds: float) -> Iterator[RenderableType]:
    """One report: its tables, goals and checks."""
    yield f"[bold]{report.number}  {escape(report.title)}[/bold]  ({seconds:.0f} s)"
    for table in report.tables:
        yield as_rich(table)
    for goal in report.goals:
        yield _goal(goal)
    for checked in report.checked:
        yield f"  checked: {escape(checked)}"
    yield ""


def _goal(goal: Goal) -> str:
    verdict = "[green]met[/green]   " if goal.met else "[red]missed[/red]"
    reason = f" ({escape(goal.reason)})" if goal.reason else ""
    return f"  {verdict} {escape(goal.text)}: {escape(goal.figure)}{reason}"


def as_rich(table: Table) -> RichTable:
    """A report's table for a terminal: figures to the right."""
    shown = RichTable(title=escape(table.title), title_justify="left")
    for number, column in enumerate(table.columns):
        shown.add_column(escape(column), justify="right" if number else "left")
    for row in table.rows:
        shown.add_row(*(escape(cell) for cell in row))
    return shown


def table_of_widths(widths: Iterable[Width]) -> Table:
    """How far the ratios were apart over several runs."""
    return Table("How wide each ratio was over the runs", WIDTH_COLUMNS, [_row(width) for width in widths])


def _row(width: Width) -> list[str]:
    figures = [f"{value:.3g}" for value in (width.lowest, width.median, width.highest)]
    return [width.number, width.ratio, str(width.runs), *figures, f"{width.percent:.0f}"]


def table_of_goals(reports: Sequence[Report]) -> Table:
    """All goals at a glance."""
    rows = [
        [report.number, goal.text, goal.figure, "met" if goal.met else "missed"]
        for report in reports
        for goal in report.goals
    ]
    return Table("Goals", ["benchmark", "goal", "figure", ""], rows)

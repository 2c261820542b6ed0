"""`docs/benchmarks.md`, made from what was measured and nothing else, with its plots."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks import measured as kept
from benchmarks.measured import Measured, Run
from benchmarks.plots import draw
from benchmarks.report import Goal, Table
from benchmarks.shown import table_of_goals, table_of_widths

PAGE = Path("docs/benchmarks.md")
FOLDER = Path("docs/benchmarks")
"""Of the plots and of `measured.json`."""
MEASURED = FOLDER / "measured.json"

_HEAD = """\
# Benchmarks

`make bench` measures all of this on the embedded stack and writes this page. Everything runs on one machine: Temporal,
PowerDNS, the recursor, the worker and what measures them.

**Ratios are what count.** Seconds depend on the machine and on what else it does. So each benchmark measures what it
compares in turns (ours, theirs, ours, theirs …), takes medians, and gives their ratio: a busy moment hits both. Each
checks its own result before it gives any figure; where a check fails, nothing is written.
"""

_NOISE = """\
`make bench ARGS="--runs 3"` runs everything three times. The width is the distance from the lowest to the highest of a
ratio's values, in percent of their median. It says what a difference means: a change that moves a ratio by less than
its width has shown nothing. Ratios of few or short calls are wide, and so are those of two processes that share the
cores with whatever else runs. The last column is the run that the tables above show, in italics where it lies outside
of the lowest and the highest.
"""


def write(measured: Measured, root: Path) -> None:
    """The page, its plots, and the figures that they are made from. Plots that are no longer drawn go."""
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    before = {plot.name for run in kept.read(root / MEASURED).shown for plot in run.plots}
    plots = {plot.name: plot for run in measured.shown for plot in run.plots}
    for name in before - plots.keys():
        (root / FOLDER / f"{name}.svg").unlink(missing_ok=True)
    for plot in plots.values():
        draw(plot, root / FOLDER / f"{plot.name}.svg")
    kept.write(measured, root / MEASURED)
    (root / PAGE).write_text(markdown(measured), encoding="utf-8")


def markdown(measured: Measured) -> str:
    """The whole page."""
    return "\n".join(_parts(measured)).rstrip() + "\n"


def _parts(measured: Measured) -> Iterator[str]:
    yield _HEAD
    if goals := table_of_goals(measured.shown).rows:
        yield "## Goals\n"
        yield table(Table("", ["benchmark", "goal", "figure", ""], goals))
    yield "## Measured on\n"
    yield table(Table("", ["", ""], [[what, said] for what, said in (measured.machine | measured.versions).items()]))
    for run in measured.shown:
        yield from _benchmark(run, len(measured.of(run.number)))
    yield "## Noise\n"
    yield _NOISE
    if measured.widths:
        yield _widths(measured)
    else:
        yield "Not measured yet.\n"


def _benchmark(run: Run, runs: int) -> Iterator[str]:
    yield f"## {run.number}: {run.title}\n"
    yield f"{run.about}\n"
    for shown in run.tables:
        if shown.title:
            yield f"**{shown.title}**\n"
        yield table(shown)
    for plot in run.plots:
        yield f"![{plot.title}]({FOLDER.name}/{plot.name}.svg)\n"
    if run.goals:
        yield "Goals:\n"
        yield "".join(_goal(goal) for goal in run.goals)
    yield "Checked of its own result:\n"
    yield "".join(f"- {checked}\n" for checked in run.checked)
    how = "whose ratios are nearest to their medians" if run.ratios else "that came first"
    of = f"; the run of {runs} {how}" if runs > 1 else ""
    yield f"Measured on {run.date} at commit {run.commit}, by `{run.command}`, in {run.seconds:.0f} s{of}.\n"


def _goal(goal: Goal) -> str:
    reason = f" {goal.reason}" if goal.reason else ""
    return f"- **{'met' if goal.met else 'missed'}**: {goal.text}: {goal.figure}.{reason}\n"


def _widths(measured: Measured) -> str:
    latest = {(run.number, ratio): value for run in measured.shown for ratio, value in run.ratios.items()}
    rows = []
    for width, row in zip(measured.widths, table_of_widths(measured.widths).rows, strict=True):
        value = latest.get((width.number, width.ratio))
        outside = value is not None and not width.lowest <= value <= width.highest
        figure = "" if value is None else f"{value:.3g}"
        rows.append([*row, f"{width.date}, {width.commit}", f"*{figure}*" if outside else figure])
    return table(Table("", [*table_of_widths([]).columns, "measured", "shown above"], rows))


def table(shown: Table) -> str:
    """A table in Markdown, its figures to the right."""
    marks = ["---:" if all(row[at][:1].isdigit() for row in shown.rows) else "---" for at in range(len(shown.columns))]
    marks[0] = "---"
    return "".join(_line(cells) for cells in (shown.columns, marks, *shown.rows))


def _line(cells: Iterable[str]) -> str:
    escaped = " | ".join(cell.replace("|", "\\|") for cell in cells)
    return f"| {escaped} |\n"

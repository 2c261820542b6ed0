"""Plots as SVG: the same figures give the same file, and a changed figure a small difference."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.report import Plot

_FEW = 8
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000")
"""Okabe's and Ito's, which everyone can tell apart; with the marks they can be told without colour too."""
_MARKS = "osD^vPX"


@contextmanager
def as_svg(name: str) -> Iterator[None]:
    """Where a figure is made and saved: its text stays text, and its file is the same each time."""
    import matplotlib as mpl  # noqa: PLC0415 (of the extra `bench`: only who draws needs it)

    with mpl.rc_context({"svg.hashsalt": name, "svg.fonttype": "none", "font.family": "sans-serif"}):
        yield


def draw(plot: Plot, file: Path) -> None:
    """One line for each of the series, on white, so that it can be read on a dark page too."""
    from matplotlib.figure import Figure  # noqa: PLC0415

    with as_svg(plot.name):
        figure = Figure(figsize=(7.5, 4.5), layout="constrained", facecolor="white")
        axes = figure.subplots()
        for number, (name, points) in enumerate(plot.series.items()):
            colour, mark = _COLOURS[number % len(_COLOURS)], _MARKS[number % len(_MARKS)]
            axes.plot(*zip(*sorted(points), strict=True), label=name, color=colour, marker=mark, markersize=5)
        axes.set(title=plot.title, xlabel=plot.x, ylabel=plot.y)
        points = [point for series in plot.series.values() for point in series]
        if plot.log_x:
            axes.set_xscale("log")
        if plot.log_y:
            axes.set_yscale("log")
        else:
            axes.set_ylim(bottom=min(0.0, *(y for _, y in points)))
        _tick(axes.xaxis, sorted({x for x, _ in points}) if plot.log_x else [])
        _tick(axes.yaxis, [])
        axes.grid(visible=True, which="major", color="#dddddd")
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=len(plot.series), frameon=False)  # never over a line
        figure.savefig(file, format="svg", metadata={"Date": None})


def _tick(axis: Any, measured_at: list[float]) -> None:
    """Plain numbers, and where few places of a logarithmic axis were measured, just these."""
    from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: PLC0415

    if 0 < len(measured_at) <= _FEW:
        axis.set_ticks(measured_at)
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.set_minor_formatter(NullFormatter())

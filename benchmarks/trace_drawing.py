"""One run as a picture: a row for the workflow's tasks, one for each step, and one for each kind of its calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.plots import as_svg
from benchmarks.traced_run import RUN, Round, Task, TracedRun

_INCHES_WIDE = 9.0
_INCHES_A_ROW = 0.21
_LEAST_MS_SHOWN = 0.8
_SPACE_AFTER_THE_PROOF = 1.06

_WORKFLOW, _STEP, _QUEUE = "#3b4a5a", "#4c78a8", "#cfd8e3"
_SERVERS = {
    "PowerDNS": "#f58518",
    "PDM": "#54a24b",
    "Kubernetes": "#b279a2",
    "name server": "#e45756",
    "resolver": "#9d2f2e",
}


@dataclass(frozen=True)
class _Row:
    """Bars of one height; each is a start, an end, in ms since the run's, and a colour."""

    label: str
    bars: list[tuple[float, float, str]]
    heads_a_step: bool = True


def draw(run: TracedRun, path: Path) -> None:
    """Writes the picture as SVG."""
    with as_svg(path.stem):
        _figure(run).savefig(path, format="svg", metadata={"Date": None})


def _figure(run: TracedRun) -> Figure:
    rows = _rows(run)
    figure = Figure(figsize=(_INCHES_WIDE, 1.1 + _INCHES_A_ROW * len(rows)), facecolor="white", layout="constrained")
    axes = figure.subplots()
    for place, row in enumerate(rows):
        _draw_row(axes, place, row)
    _set_axes(axes, rows, (run.proved - run.began) * 1000 * _SPACE_AFTER_THE_PROOF)
    _tell_what_is_beyond(axes, rows)
    figure.legend(handles=_legend(run), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def _rows(run: TracedRun) -> list[_Row]:
    def ms(seconds: float) -> float:
        return (seconds - run.began) * 1000

    def task_bars(task: Task, colour: str) -> list[tuple[float, float, str]]:
        return [(ms(task.scheduled), ms(task.started), _QUEUE), (ms(task.started), ms(task.ended), colour)]

    rows = [_Row(RUN, [bar for task in run.workflow_tasks for bar in task_bars(task, _WORKFLOW)])]
    for step in run.steps:
        rows.append(_Row(_of_step(step), task_bars(step, _STEP)))
        for kind, rounds in _by_kind(step.rounds).items():
            bars = [(ms(r.began), ms(r.ended), _SERVERS[r.server]) for r in rounds]
            rows.append(_Row(_of_calls(kind, rounds), bars, heads_a_step=False))
    return rows


def _of_step(step: Task) -> str:
    return step.what.split("/", 1)[0] + (f" (attempt {step.attempt})" if step.attempt > 1 else "")


def _by_kind(rounds: Sequence[Round]) -> dict[str, list[Round]]:
    kinds: dict[str, list[Round]] = {}
    for round_ in rounds:
        kinds.setdefault(f"{round_.server}  {round_.what}", []).append(round_)
    return kinds


def _of_calls(kind: str, rounds: Sequence[Round]) -> str:
    calls = sum(round_.count for round_ in rounds)
    return f"{kind}  ×{calls}" if calls > 1 else kind


def _draw_row(axes: Axes, place: int, row: _Row) -> None:
    if row.heads_a_step:
        axes.axhspan(place - 0.5, place + 0.5, color="#f4f6f8", zorder=0)
    height = 0.7 if row.heads_a_step else 0.5
    for began, ended, colour in row.bars:
        # A call of a fraction of a millisecond would not be seen at all.
        axes.barh(place, max(ended - began, _LEAST_MS_SHOWN), left=began, height=height, color=colour, zorder=3)


def _set_axes(axes: Axes, rows: Sequence[_Row], milliseconds: float) -> None:
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.set_xlim(0, milliseconds)
    axes.set_yticks(range(len(rows)), [row.label for row in rows], fontsize=8)
    for label, row in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_fontweight("bold" if row.heads_a_step else "normal")
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labeltop=True, top=True, labelsize=8)
    axes.set_xlabel("milliseconds since the run's start", fontsize=8)
    axes.grid(axis="x", color="#d0d7de", linewidth=0.6)
    for side in ("left", "right"):
        axes.spines[side].set_visible(False)


def _tell_what_is_beyond(axes: Axes, rows: Sequence[_Row]) -> None:
    """Waiting for a certificate lasts much longer than all else, and is cut off."""
    for place, row in enumerate(rows):
        if row.heads_a_step and row.label.startswith("certificate-ready"):
            until = max(end for _, end, _ in row.bars)
            text = f"issued, seen at {until:,.0f} ms →  "
            axes.text(axes.get_xlim()[1], place, text, ha="right", va="center", fontsize=8, zorder=4)


def _legend(run: TracedRun) -> list[Patch]:
    servers = {round_.server for step in run.steps for round_ in step.rounds}
    colours = {
        "waiting: in its queue, or for its next attempt": _QUEUE,
        "workflow task": _WORKFLOW,
        "step under way": _STEP,
    }
    colours |= {f"call to {server}": colour for server, colour in _SERVERS.items() if server in servers}
    return [Patch(color=colour, label=label) for label, colour in colours.items()]

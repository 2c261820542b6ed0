"""All that was measured, as `docs/benchmarks/measured.json` keeps it: the page is made from nothing else."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.registry import BENCHMARKS, place
from benchmarks.report import Report


class OtherMachineError(Exception):
    """What is to be merged was measured on another machine, or with other versions, than what is there."""


@dataclass(frozen=True, kw_only=True)
class Run(Report):
    """One run of one benchmark: its report, and when and how it came to be."""

    date: str
    commit: str
    command: str
    seconds: float
    """That the whole of it took."""


@dataclass(frozen=True)
class Width:
    """How far one ratio was apart over several runs."""

    number: str
    ratio: str
    runs: int
    lowest: float
    median: float
    highest: float
    date: str
    commit: str

    @property
    def percent(self) -> float:
        """From the lowest to the highest, in percent of the median."""
        return 100 * (self.highest - self.lowest) / abs(self.median) if self.median else 0.0


@dataclass(frozen=True)
class Measured:
    """The latest runs of each benchmark, and how wide its ratios were when it last ran several times."""

    machine: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    widths: list[Width] = field(default_factory=list)

    def of(self, number: str) -> list[Run]:
        """The runs of one benchmark."""
        return [run for run in self.runs if run.number == number]

    @property
    def shown(self) -> list[Run]:
        """Of each benchmark that was measured, the run to be shown."""
        return [typical(runs) for number in BENCHMARKS if (runs := self.of(number))]


_FILE = TypeAdapter(Measured)


def read(file: Path) -> Measured:
    """What was measured before; nothing where there is no file."""
    return _FILE.validate_json(file.read_bytes()) if file.exists() else Measured()


def write(measured: Measured, file: Path) -> None:
    """Keeps it, samples to the microsecond."""
    runs = [replace(run, samples={key: _rounded(taken) for key, taken in run.samples.items()}) for run in measured.runs]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_FILE.dump_json(replace(measured, runs=runs), indent=1) + b"\n")


def _rounded(taken: Iterable[float]) -> list[float]:
    return [round(seconds, 6) for seconds in taken]


def merged(before: Measured, now: Measured) -> Measured:
    """New runs instead of the same benchmark's earlier ones; widths stay until new ones come, on the same machine only.

    Raises:
        OtherMachineError: some earlier runs would stay that were measured elsewhere.
    """
    renewed = {run.number for run in now.runs}
    staying = [run for run in before.runs if run.number not in renewed and run.number in BENCHMARKS]
    if staying:
        _require_same(before.machine | before.versions, now.machine | now.versions)
    replaced = {width.number for width in now.widths}
    here = before.machine | before.versions == now.machine | now.versions
    widths = [w for w in before.widths if here and w.number not in replaced and w.number in BENCHMARKS]
    return replace(
        now,
        runs=sorted([*staying, *now.runs], key=lambda run: place(run.number)),
        widths=sorted([*widths, *now.widths], key=lambda width: place(width.number)),
    )


def _require_same(before: dict[str, str], now: dict[str, str]) -> None:
    differing = [
        f"{what} was {before.get(what, 'none')} and is {now.get(what, 'none')}"
        for what in before | now
        if before.get(what) != now.get(what)
    ]
    if differing:
        raise OtherMachineError(
            f"The other benchmarks' figures were measured elsewhere: {'; '.join(differing)}. "
            "Nothing is written; `make bench` measures all of them here."
        )


def typical(runs: Sequence[Run]) -> Run:
    """The run whose ratios are nearest to the medians of all."""
    medians = {ratio: statistics.median(values) for ratio, values in _ratios(runs).items()}
    return min(runs, key=lambda run: sum(_apart(run.ratios[ratio], medians[ratio]) for ratio in run.ratios))


def widths(runs: Sequence[Run]) -> list[Width]:
    """Of every ratio of one benchmark, over its runs; none where there is only one of them."""
    if len(runs) < 2:
        return []
    last = runs[-1]
    return [
        Width(
            last.number, ratio, len(values), min(values), statistics.median(values), max(values), last.date, last.commit
        )
        for ratio, values in _ratios(runs).items()
        if len(values) == len(runs)
    ]


def _ratios(runs: Iterable[Run]) -> dict[str, list[float]]:
    values: dict[str, list[float]] = {}
    for run in runs:
        for ratio, value in run.ratios.items():
            values.setdefault(ratio, []).append(value)
    return values


def _apart(value: float, median: float) -> float:
    return abs(value - median) / abs(median) if median else abs(value)

"""What a benchmark says: its tables, its goals and whether they are met, and what it has checked of its own result."""

from dataclasses import dataclass, field


class CheckFailedError(Exception):
    """The benchmark's own check of its result failed: its figures mean nothing."""


@dataclass(frozen=True)
class Goal:
    """What was promised, and what came of it."""

    text: str
    """With its unit and what it is compared with: `≤ 1.3 × the bare PATCH at 10,000`."""
    figure: str
    """What was measured, in the same terms: `1.18`."""
    met: bool
    reason: str = ""
    """Where it is missed: why, and what would change it."""


@dataclass(frozen=True)
class Table:
    """Figures as they are read; the first column says what each row is about."""

    title: str
    columns: list[str]
    rows: list[list[str]]


@dataclass(frozen=True)
class Plot:
    """One line for each of the series, drawn as SVG by the frame."""

    name: str
    """Of its file, without an ending."""
    title: str
    x: str
    y: str
    series: dict[str, list[tuple[float, float]]]
    log_x: bool = False
    log_y: bool = False


@dataclass(frozen=True)
class Report:
    """All that one benchmark has to say of one run."""

    number: str
    title: str
    about: str
    """What it does and against what it compares, for someone who reads only the page."""
    tables: list[Table]
    goals: list[Goal]
    checked: list[str]
    """What of its own result it has checked."""
    plots: list[Plot] = field(default_factory=list)
    ratios: dict[str, float] = field(default_factory=dict)
    """What is compared between runs: the machine is shared, so seconds are not."""
    samples: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of single calls, by what was measured; the simulation draws from them."""

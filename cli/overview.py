"""All Sovereigns at a glance: as lines for people, those that need one first, and as JSON, one object a line."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from cli.display import PHASE_STYLES, one_line
from cli.outcome import how_to_start_again
from cli.purpose import is_refused
from cli.survey import Run, ShownPhase, count_by_phase
from cli.waiting import State, Waiting, clock
from sovereign_dns.contract import DEPROVISION_SOVEREIGN, PROVISION_SOVEREIGN
from sovereign_dns.wire import Message

MOST_SHOWN = 100
MOST_WAITING_SHOWN = 3
MOST_HAZARDS_SHOWN = 10


class WaitingLine(Message):
    """One thing that a run waits for."""

    activity_id: str
    step: str
    state: State
    attempt: int
    error_type: str | None
    message: str
    next_attempt_at: datetime | None


class SovereignLine(Message):
    """One Sovereign. Where `phase_is_guessed`, no search attribute tells a complete run from a degraded one."""

    sovereign_fqdn: str
    phase: ShownPhase
    phase_is_guessed: bool
    workflow_type: str
    workflow_id: str
    run_id: str
    started_at: datetime
    ended_at: datetime | None
    failure: str | None
    hazards: list[str]
    waiting: list[WaitingLine]


def as_json(runs: Iterable[Run]) -> Iterator[str]:
    """One object a line."""
    for run in runs:
        yield SovereignLine(
            sovereign_fqdn=run.sovereign if run.holds_lock else run.fqdn or run.sovereign,
            phase=run.phase,
            phase_is_guessed=run.is_guessed,
            workflow_type=run.workflow_type,
            workflow_id=run.workflow_id,
            run_id=run.run_id,
            started_at=run.started_at,
            ended_at=run.ended_at,
            failure=run.failure,
            hazards=list(run.hazards),
            waiting=[_waiting_line(item) for item in run.waiting],
        ).model_dump_json()


def _waiting_line(item: Waiting) -> WaitingLine:
    return WaitingLine(
        activity_id=item.activity_id,
        step=item.step,
        state=item.state,
        attempt=item.attempt,
        error_type=item.error_type,
        message=item.message,
        next_attempt_at=item.next_attempt,
    )


def show(everyone: Sequence[Run], shown: Sequence[Run], more: int, terminal: Console) -> None:
    """Prints the count by phase, the Sovereigns that are to be shown, all hazards, and what to do next.

    `more` is how many were wanted besides.
    """
    for told in _counts(everyone):
        terminal.print(told)
    for line in _lines(shown):
        one_line(terminal, line)
    if more:
        terminal.print(f"{more:,} more are not shown. All: --limit 0; only some: --phase stalled; for programs: --json")
    for told in _hazards(everyone):
        one_line(terminal, Text(told, "bold yellow"))
    for hint in _hints(shown):
        terminal.print(hint, markup=False)


def _counts(everyone: Sequence[Run]) -> Iterator[str]:
    sovereigns = [run for run in everyone if run.holds_lock]
    others = [run for run in everyone if not run.holds_lock]
    if sovereigns:
        yield f"{len(sovereigns):,} Sovereign{'' if len(sovereigns) == 1 else 's'}: {count_by_phase(sovereigns)}"
    else:
        yield "no Sovereigns yet"
    if others:
        yield f"{len(others):,} parent domain{'' if len(others) == 1 else 's'} more: {count_by_phase(others)}"


def _lines(runs: Sequence[Run]) -> Iterator[Text]:
    """On a terminal a long message is cut, on a pipe it is whole."""
    now = datetime.now(UTC)
    width = max((len(run.sovereign) for run in runs), default=0)
    for run in runs:
        head = Text.assemble((f"{run.phase:<14} ", PHASE_STYLES[run.phase]), f"{run.sovereign:<{width}}  ")
        first, *others = _told(run, now)
        yield head + Text(first)
        for other in others:
            yield Text(" " * len(head) + other)


def _told(run: Run, now: datetime) -> list[str]:
    if run.ended_at is not None:
        what = "" if run.workflow_type in {PROVISION_SOVEREIGN, DEPROVISION_SOVEREIGN} else f" ({run.workflow_type})"
        ended = f"ended {clock(run.ended_at, now)}{what}"
        return [f"{ended}: {' '.join(run.failure.split())}" if run.failure else ended]
    lines = [
        f"{item.activity_id}  attempt {item.attempt}, {item.when(now)}: {' '.join(item.told.split())}"
        for item in run.waiting[:MOST_WAITING_SHOWN]
    ]
    if len(run.waiting) > MOST_WAITING_SHOWN:
        lines.append(f"and {len(run.waiting) - MOST_WAITING_SHOWN} more: sovereign-dns status {run.sovereign}")
    return lines or [f"started {clock(run.started_at, now)}"]


def _hazards(everyone: Sequence[Run]) -> list[str]:
    """Each hazard once, those that most runs have reported first."""
    reported = Counter(hazard for run in everyone for hazard in run.hazards)
    first_of = {hazard: run.sovereign for run in reversed(everyone) for hazard in run.hazards}
    lines = [
        f"hazard: {hazard}, reported by {count:,} of their last runs: sovereign-dns status {first_of[hazard]}"
        for hazard, count in reported.most_common(MOST_HAZARDS_SHOWN)
    ]
    more = len(reported) - len(lines)
    return [*lines, *([f"and {more:,} hazards more: --json has them all"] if more else [])]


def _hints(shown: Sequence[Run]) -> Iterator[str]:
    failed = Counter(item.error_type for run in shown for item in run.waiting if item.in_trouble)
    for error_type, _ in failed.most_common(1):
        yield f"What it means, and what to do: sovereign-dns explain {error_type}"
    if any(item.state == "waiting" for run in shown for item in run.waiting):
        yield "Attempt at once what waits: sovereign-dns retry FQDN, or: sovereign-dns retry --all"
    ended_early = [run for run in shown if run.phase in {"failed", "degraded", "cancelled"}]
    if any(run.workflow_type == PROVISION_SOVEREIGN for run in ended_early):
        yield "Why: sovereign-dns status FQDN. Start one again: sovereign-dns provision --again FQDN"
    others = {run.workflow_type for run in ended_early if not is_refused(run.failure)} - {PROVISION_SOVEREIGN}
    for workflow_type in sorted(others):
        yield f"{workflow_type}: {how_to_start_again('FQDN', workflow_type)}"
    if any(run.is_guessed for run in shown):
        yield (
            "Some ended in this namespace without search attributes: of those, what is shown as complete may be "
            "degraded. Which it is: sovereign-dns status FQDN"
        )

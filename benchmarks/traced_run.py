"""One run as its history and its calls tell it: what took how long, and what waited for what."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent

from benchmarks.report import CheckFailedError
from benchmarks.timed_relays import Call

RUN = "the workflow's tasks"
KUBERNETES = "Kubernetes"


@dataclass(frozen=True)
class Round:
    """Calls of one kind to one server, side by side: each began while another of them was under way."""

    server: str
    what: str
    count: int
    began: float
    ended: float


@dataclass(frozen=True)
class Task:
    """A workflow task, or a step's activity: it waited in its queue until it was started.

    Of an activity that was attempted more than once the history knows only the last attempt's start.
    """

    what: str
    scheduled: float
    started: float
    ended: float
    attempt: int = 1
    rounds: tuple[Round, ...] = ()


@dataclass(frozen=True)
class TracedRun:
    """All times are of the wall clock, in seconds."""

    began: float
    ended: float
    workflow_tasks: list[Task]
    steps: list[Task]

    @property
    def proved(self) -> float:
        """When nothing was left but to wait for the certificate."""
        return max(step.ended for step in self.steps if step.what.split("/")[0] != "certificate-ready")

    @property
    def covered(self) -> float:
        """The share of the run's time in which a task was in its queue, or under way."""
        spans = [(task.scheduled, task.ended) for task in (*self.workflow_tasks, *self.steps)]
        return total(spans) / (self.ended - self.began)


def total(spans: Iterable[tuple[float, float]], end: float = float("inf")) -> float:
    """For how long at least one of the spans lasts, up to the end."""
    seconds, until = 0.0, float("-inf")
    for began, ended in sorted((min(began, end), min(ended, end)) for began, ended in spans):
        seconds += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return seconds


def traced(events: Sequence[HistoryEvent], calls: Sequence[Call]) -> TracedRun:
    """Puts each call below the step that made it.

    Raises:
        CheckFailedError: no step can have made one of them, or more than one can.
    """
    steps = _tasks(events, EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
    of_steps: dict[str, list[Call]] = {step.what: [] for step in steps}
    for call in calls:
        makers = [
            step for step in steps if step.scheduled <= call.began <= step.ended and _calls(step.what, call.server)
        ]
        if len(makers) != 1:
            raise CheckFailedError(f"{call.server} {call.what} was called by {[step.what for step in makers]}")
        of_steps[makers[0].what].append(call)
    return TracedRun(
        began=_seconds(events[0]),
        ended=_seconds(events[-1]),
        workflow_tasks=_tasks(events, EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED),
        steps=[replace(step, rounds=tuple(rounds_of(of_steps[step.what]))) for step in steps],
    )


def _calls(step: str, server: str) -> bool:
    """A certificate's steps go beside the others, and only they call Kubernetes, and nothing else."""
    return step.startswith("certificate-") == (server == KUBERNETES)


def rounds_of(calls: Iterable[Call]) -> list[Round]:
    """The calls of each kind that were under way together, as one."""
    rounds: list[Round] = []
    for call in sorted(calls, key=lambda call: call.began):
        last = next((r for r in reversed(rounds) if (r.server, r.what) == (call.server, call.what)), None)
        if last is not None and call.began <= last.ended:
            rounds.remove(last)
            rounds.append(Round(last.server, last.what, last.count + 1, last.began, max(last.ended, call.ended)))
        else:
            rounds.append(Round(call.server, call.what, 1, call.began, call.ended))
    return sorted(rounds, key=lambda r: r.began)


def _tasks(events: Sequence[HistoryEvent], completed: "EventType.ValueType") -> list[Task]:
    by_id = {event.event_id: event for event in events}
    tasks = []
    for event in events:
        if event.event_type != completed:
            continue
        told = (
            event.activity_task_completed_event_attributes
            if completed == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED
            else event.workflow_task_completed_event_attributes
        )
        scheduled = by_id[told.scheduled_event_id]
        what = scheduled.activity_task_scheduled_event_attributes.activity_id or RUN
        started = by_id[told.started_event_id]
        attempt = max(started.activity_task_started_event_attributes.attempt, 1)
        tasks.append(Task(what, _seconds(scheduled), _seconds(started), _seconds(event), attempt))
    return sorted(tasks, key=lambda task: task.scheduled)


def _seconds(event: HistoryEvent) -> float:
    return event.event_time.ToNanoseconds() / 1e9

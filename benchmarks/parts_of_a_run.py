"""What a run's time is made of, and how big its history is."""

from collections.abc import Sequence
from dataclasses import dataclass

from temporalio.api.history.v1 import HistoryEvent

from benchmarks.traced_run import total, traced


@dataclass(frozen=True)
class Parts:
    """Seconds, each counted once, which add up to the run as its starter saw it; and the history's size."""

    activity: float
    """An activity is under way, whatever else is."""
    workflow_task: float
    """A workflow task is under way, and no activity."""
    queue: float
    """Nothing is under way: what comes next waits in its queue."""
    around: float
    """Before the history's first event and after its last: the start, and the result on its way."""
    workflow_tasks: int
    events: int
    bytes: int


def parts_of(events: Sequence[HistoryEvent], seconds: float) -> Parts:
    """Of one run, from its history, and the seconds that its starter waited for it."""
    run = traced(events, calls=[])
    activities = [(step.started, step.ended) for step in run.steps]
    tasks = [(task.started, task.ended) for task in run.workflow_tasks]
    activity, under_way = total(activities), total([*activities, *tasks])
    lasted = run.ended - run.began
    return Parts(
        activity=activity,
        workflow_task=under_way - activity,
        queue=lasted - under_way,
        around=seconds - lasted,
        workflow_tasks=len(run.workflow_tasks),
        events=len(events),
        bytes=sum(event.ByteSize() for event in events),
    )

"""What a run waits for, as Temporal keeps it: steps that failed and are attempted again, and what nobody works on."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from temporalio.api.enums.v1 import PendingActivityState, TimeoutType
from temporalio.api.failure.v1 import Failure
from temporalio.api.workflow.v1 import PendingActivityInfo, PendingWorkflowTaskInfo
from temporalio.client import WorkflowExecutionDescription

from sovereign_dns import failures
from sovereign_dns.failures import Kind

NO_WORKER = "NoWorker"
WORKFLOW_TASK_FAILED = "WorkflowTaskFailed"
WORKFLOW_TASK = "workflow-task"

TAKEN_WITHIN = timedelta(seconds=10)
"""A task that nobody has taken for so long waits for a worker."""

_TIMEOUTS = {
    TimeoutType.TIMEOUT_TYPE_HEARTBEAT: "HeartbeatTimeout",
    TimeoutType.TIMEOUT_TYPE_START_TO_CLOSE: "StartToCloseTimeout",
}

_CALLED_BACK = "ActivityReset"
"""What the SDK makes of an attempt that a reset has met while it ran."""

ERROR_TYPES = [
    *(name for name, failure in failures.by_error_type().items() if failure.kind is not Kind.REFUSED),
    "WorkerFault",
    *_TIMEOUTS.values(),
]
"""Those that a step can wait with. One that was refused for good has ended its run."""

State = Literal["waiting", "running", "paused", "workflow-task"]


@dataclass(frozen=True)
class Waiting:
    """One thing that a run waits for.

    Only a step in the state `waiting` can be told to attempt at once. `attempt` is the number of the next one, or of
    the one that runs; `next_attempt` is when it is due, and `deadline` when Temporal gives the step up.
    """

    activity_id: str
    step: str
    state: State
    attempt: int
    error_type: str | None
    message: str
    next_attempt: datetime | None
    deadline: datetime | None

    @property
    def told(self) -> str:
        """Why."""
        return f"{self.error_type}: {self.message}" if self.error_type else self.message

    @property
    def in_trouble(self) -> bool:
        """Whether it failed. What is merely not yet so is looked at again, and needs nobody."""
        known = failures.by_error_type().get(self.error_type or "")
        return self.error_type is not None and (known is None or known.kind is not Kind.NOT_YET)

    def when(self, now: datetime, *, live: bool = False) -> str:
        """When the next attempt is: in so many seconds for a display that is kept current, by the clock otherwise."""
        if self.state == "paused":
            return "paused by hand"
        if self.state == "running":
            return "under way"
        if self.next_attempt is None or now - TAKEN_WITHIN <= self.next_attempt <= now:
            return "due now"
        if self.next_attempt < now:
            return f"due since {clock(self.next_attempt, now)}, no worker has taken it"
        if live:
            return f"next in {(self.next_attempt - now).total_seconds():.0f} s"
        return f"next at {clock(self.next_attempt, now)}"

    def line(self, *, live: bool = False) -> str:
        """The whole of it."""
        return f"attempt {self.attempt}, {self.when(datetime.now(UTC), live=live)}: {self.told}"


def clock(time: datetime, now: datetime) -> str:
    """A time for people, with its date where that is not today."""
    return f"{time:%H:%M:%S} UTC" if time.date() == now.date() else f"{time:%Y-%m-%d %H:%M:%S} UTC"


def waiting_in(description: WorkflowExecutionDescription) -> list[Waiting]:
    """What a run waits for now, worst first."""
    raw = description.raw_description
    now = datetime.now(UTC)
    found = [_activity(pending, now) for pending in raw.pending_activities]
    if raw.HasField("pending_workflow_task"):
        found.append(_workflow_task(raw.pending_workflow_task, now))
    return sorted((item for item in found if item), key=lambda item: (not item.in_trouble, item.activity_id))


def _activity(pending: PendingActivityInfo, now: datetime) -> Waiting | None:
    """None for a step whose first attempt runs, or is about to."""
    has_failed = pending.HasField("last_failure")
    due = _time(pending, "next_attempt_schedule_time") or _time(pending, "scheduled_time")
    error_type, message = _failure(pending.last_failure) if has_failed else (None, "no failure since it was reset")
    state = _state(pending)
    if not has_failed and state == "waiting" and due is not None and due < now - TAKEN_WITHIN:
        error_type, message = (
            NO_WORKER,
            "does one run, or does the task queue's rate hold the step back?",
        )
    elif not has_failed and not (state == "paused" or (state == "waiting" and due is not None and due > now)):
        return None
    return Waiting(
        activity_id=pending.activity_id,
        step=pending.activity_type.name,
        state=state,
        attempt=pending.attempt,
        error_type=error_type,
        message=message,
        next_attempt=due if state == "waiting" else None,
        deadline=_time(pending, "expiration_time"),
    )


def _state(pending: PendingActivityInfo) -> State:
    if pending.paused:
        return "paused"
    return "waiting" if pending.state == PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED else "running"


def _failure(failure: Failure) -> tuple[str | None, str]:
    """Its error type and message. An attempt that was called back by a reset has not failed."""
    if failure.application_failure_info.type == _CALLED_BACK:
        return None, "it was reset while it ran, and is made again"
    if failure.HasField("timeout_failure_info"):
        error_type = _TIMEOUTS.get(failure.timeout_failure_info.timeout_type, "failed")
    else:
        error_type = failure.application_failure_info.type or "failed"
    return error_type, failure.message


def _workflow_task(pending: PendingWorkflowTaskInfo, now: datetime) -> Waiting | None:
    """The run itself, where the worker fails to go on with it, or no worker does."""
    since = _time(pending, "original_scheduled_time") or _time(pending, "scheduled_time")
    if pending.attempt > 1:
        error_type, message = WORKFLOW_TASK_FAILED, "the worker can't go on with the run; its log says why"
    elif since is not None and since < now - TAKEN_WITHIN:
        error_type, message = NO_WORKER, "no worker has taken up the run: does one run on this task queue?"
    else:
        return None
    return Waiting(WORKFLOW_TASK, WORKFLOW_TASK, "workflow-task", pending.attempt, error_type, message, since, None)


def _time(message: PendingActivityInfo | PendingWorkflowTaskInfo, field: str) -> datetime | None:
    if not message.HasField(field):  # type: ignore[arg-type]
        return None
    time: datetime = getattr(message, field).ToDatetime(UTC)
    return time

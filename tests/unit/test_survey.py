"""What phase a run is shown with, and when its next attempt is."""

from datetime import UTC, datetime, timedelta

import pytest
from temporalio.api.enums.v1 import PendingActivityState, TimeoutType
from temporalio.api.failure.v1 import ApplicationFailureInfo, Failure, TimeoutFailureInfo
from temporalio.api.workflow.v1 import PendingActivityInfo, PendingWorkflowTaskInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import WorkflowExecutionDescription, WorkflowExecutionStatus

from cli.survey import Run, ShownPhase
from cli.waiting import Waiting, waiting_in
from sovereign_dns.contract import Phase

NOW = datetime.now(UTC).replace(microsecond=0, hour=12)


def waiting(*, error_type: str | None = "PowerDNSUnavailable", seconds: float = 43) -> Waiting:
    return Waiting(
        activity_id="zone-create/omani.works", step="zone-create", state="waiting", attempt=7, error_type=error_type,
        message="it is away", next_attempt=NOW + timedelta(seconds=seconds), deadline=None,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("status", "published", "errors", "phase"),
    [
        (WorkflowExecutionStatus.RUNNING, "provisioning", [], "provisioning"),
        (WorkflowExecutionStatus.RUNNING, None, [], "provisioning"),
        (WorkflowExecutionStatus.RUNNING, "verifying", [], "verifying"),
        (WorkflowExecutionStatus.RUNNING, "provisioning", ["PowerDNSUnavailable"], "waiting"),
        (WorkflowExecutionStatus.RUNNING, None, ["WorkerFault"], "waiting"),
        (WorkflowExecutionStatus.RUNNING, "provisioning", ["NotYetConverged", None], "provisioning"),
        (WorkflowExecutionStatus.RUNNING, "stalled", ["PowerDNSUnavailable"], "stalled"),
        (WorkflowExecutionStatus.COMPLETED, "degraded", [], "degraded"),
        (WorkflowExecutionStatus.COMPLETED, None, [], "complete"),
        (WorkflowExecutionStatus.TERMINATED, "provisioning", [], "failed"),
        (WorkflowExecutionStatus.TIMED_OUT, "stalled", [], "failed"),
        (WorkflowExecutionStatus.FAILED, None, [], "failed"),
        (WorkflowExecutionStatus.CANCELED, "provisioning", [], "cancelled"),
    ],
)
def test_a_phase_is_the_published_one_where_it_still_holds(
    status: WorkflowExecutionStatus, published: Phase | None, errors: list[str | None], phase: ShownPhase
) -> None:
    run = Run(
        "sovereign/t1.omani.works", "r", "ProvisionSovereign", status, published, NOW, None,
        tuple(waiting(error_type=error) for error in errors),
    )  # fmt: skip

    assert run.phase == phase
    assert run.sovereign == "t1.omani.works"
    assert run.is_guessed == (status is WorkflowExecutionStatus.COMPLETED and published is None)


@pytest.mark.parametrize(
    ("workflow_type", "status", "published", "phase"),
    [
        ("DeprovisionSovereign", WorkflowExecutionStatus.RUNNING, None, "deprovisioning"),
        ("RemoveParentDomain", WorkflowExecutionStatus.RUNNING, None, "deprovisioning"),
        ("VerifySovereign", WorkflowExecutionStatus.RUNNING, None, "verifying"),
        ("DeprovisionSovereign", WorkflowExecutionStatus.COMPLETED, "complete", "deprovisioned"),
        ("DeprovisionSovereign", WorkflowExecutionStatus.COMPLETED, "degraded", "degraded"),
        ("DeprovisionSovereign", WorkflowExecutionStatus.CANCELED, "deprovisioning", "cancelled"),
        ("RemoveParentDomain", WorkflowExecutionStatus.COMPLETED, "complete", "complete"),
    ],
)
def test_a_sovereign_that_was_taken_away_is_shown_as_that(
    workflow_type: str, status: WorkflowExecutionStatus, published: Phase | None, phase: ShownPhase
) -> None:
    assert Run("sovereign/t1.omani.works", "r", workflow_type, status, published, NOW, None).phase == phase


@pytest.mark.parametrize(
    ("seconds", "live", "words"),
    [
        (43, True, "next in 43 s"),
        (43, False, "next at 12:00:43 UTC"),
        (-3, True, "due now"),
        (-3, False, "due now"),
        (-43, True, "due since 11:59:17 UTC, no worker has taken it"),
    ],
)
def test_the_next_attempt_is_told_for_a_display_and_for_a_line_that_stays(
    seconds: float, live: bool, words: str
) -> None:
    at = NOW.replace(minute=0, second=0)
    item = Waiting("a", "a", "waiting", 2, None, "", at + timedelta(seconds=seconds), None)

    assert item.when(at, live=live) == words


def test_the_next_attempt_of_another_day_is_told_with_its_date() -> None:
    tomorrow = Waiting("a", "a", "waiting", 2, None, "", datetime(2026, 3, 2, 1, 2, 3, tzinfo=UTC), None)

    assert tomorrow.when(datetime(2026, 3, 1, 23, 0, 0, tzinfo=UTC)) == "next at 2026-03-02 01:02:03 UTC"


def activity(name: str, *, failure: Failure | None = None, due_in: float = 30, **fields: object) -> PendingActivityInfo:
    pending = PendingActivityInfo(
        activity_id=name, state=PendingActivityState.PENDING_ACTIVITY_STATE_SCHEDULED, attempt=2, last_failure=failure
    )
    pending.scheduled_time.FromDatetime(datetime.now(UTC) + timedelta(seconds=due_in))
    for field, value in fields.items():
        setattr(pending, field, value)
    return pending


def described(*activities: PendingActivityInfo, task: PendingWorkflowTaskInfo | None = None) -> list[Waiting]:
    response = DescribeWorkflowExecutionResponse(pending_activities=activities, pending_workflow_task=task)
    description = WorkflowExecutionDescription.__new__(WorkflowExecutionDescription)
    description.raw_description = response
    return waiting_in(description)


def refused(error_type: str) -> Failure:
    return Failure(message="m", application_failure_info=ApplicationFailureInfo(type=error_type))


def test_what_is_in_trouble_comes_before_what_is_merely_not_yet_so() -> None:
    found = described(activity("a", failure=refused("NotYetIssued")), activity("b", failure=refused("ZoneMissing")))

    assert [(item.activity_id, item.in_trouble) for item in found] == [("b", True), ("a", False)]


def test_a_first_attempt_waits_for_nothing_and_a_paused_one_for_a_person() -> None:
    running = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    assert described(activity("a", state=running, due_in=-100), activity("b", due_in=-1)) == []
    assert [item.state for item in described(activity("a", paused=True))] == ["paused"]


def test_a_step_that_was_reset_still_waits_for_its_attempt() -> None:
    (found,) = described(activity("a", due_in=20))
    assert (found.state, found.error_type, found.in_trouble) == ("waiting", None, False)


def test_an_attempt_that_a_reset_has_called_back_is_no_trouble() -> None:
    (found,) = described(activity("a", failure=refused("ActivityReset")))
    assert (found.error_type, found.in_trouble) == (None, False)


def test_timeouts_and_a_lack_of_workers_have_names() -> None:
    heartbeat = TimeoutFailureInfo(timeout_type=TimeoutType.TIMEOUT_TYPE_HEARTBEAT)
    found = described(
        activity("a", failure=Failure(message="activity Heartbeat timeout", timeout_failure_info=heartbeat)),
        activity("b", due_in=-30),
        task=PendingWorkflowTaskInfo(attempt=3),
    )
    assert [item.error_type for item in found] == ["HeartbeatTimeout", "NoWorker", "WorkflowTaskFailed"]

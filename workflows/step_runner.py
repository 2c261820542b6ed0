"""One step, run until it has happened: retried for ever or to its deadline, given up where a person says so."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    FailureError,
    is_cancelled_exception,
)

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import POWERDNS_TASK_QUEUE
    from sovereign_dns.messages import ChangeReport, Task
    from sovereign_dns.progress import AnyStep, Progress
    from sovereign_dns.wire import Message
    from workflows.one_writer import typed_failure_in
    from workflows.patches import SETTLE_STEPS_THAT_WERE_GIVEN_UP
    from workflows.publication import Publication

Report = TypeVar("Report", bound=Message)

PATIENT = RetryPolicy(
    initial_interval=timedelta(seconds=1),
    backoff_coefficient=2.0,
    maximum_interval=timedelta(seconds=60),
)
"""For ever. What needs another rhythm says so in its failure (`activities.classification`)."""

ATTEMPT_TIMEOUT = timedelta(seconds=120)
"""Longer than any single attempt's own time-outs add up to. A killed worker is noticed by its heartbeats."""

HEARTBEAT_TIMEOUT = timedelta(seconds=10)
"""How long a killed worker is waited for, before another one tries."""


_UNTIL_ENDED = workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED
_AT_ONCE = workflow.ActivityCancellationType.TRY_CANCEL
_CANCELLATION: dict[AnyStep, workflow.ActivityCancellationType] = {
    "zone-create": _UNTIL_ENDED,
    "certificate-request": _UNTIL_ENDED,
    "pool-commit": _UNTIL_ENDED,
    "records-upsert": _UNTIL_ENDED,
    "records-remove": _UNTIL_ENDED,
    "records-restore": _UNTIL_ENDED,
    "certificate-delete": _UNTIL_ENDED,
    "pool-release": _UNTIL_ENDED,
    "zone-remove": _UNTIL_ENDED,
    "nameservers-set": _UNTIL_ENDED,
    "records-compare": _AT_ONCE,
    "records-find": _AT_ONCE,
    "lock-await": _AT_ONCE,
    "dns-verify": _AT_ONCE,
    "certificate-ready": _AT_ONCE,
}
"""The run holds the Sovereign's lock until what it writes has ended: a later run's address must not be overwritten."""

_TASK_QUEUES: dict[AnyStep, str] = {
    "zone-create": POWERDNS_TASK_QUEUE,
    "records-upsert": POWERDNS_TASK_QUEUE,
    "records-compare": POWERDNS_TASK_QUEUE,
    "records-find": POWERDNS_TASK_QUEUE,
    "records-remove": POWERDNS_TASK_QUEUE,
    "records-restore": POWERDNS_TASK_QUEUE,
    "zone-remove": POWERDNS_TASK_QUEUE,
}
"""All other steps are done from the workflow's own. Temporal doesn't compare the queue when it replays a history."""


class StepNotDoneError(Exception):
    """The step's deadline has passed; `reason` is the deepest known one, `evidence` what the last attempt saw."""

    def __init__(self, reason: str, evidence: Sequence[Any]) -> None:
        super().__init__(reason)
        self.reason = reason
        self.evidence = evidence


class StepRunner:
    """Runs steps as activities, and keeps their progress."""

    def __init__(self, progress: Progress, publication: Publication) -> None:
        self._progress = progress
        self._publication = publication
        self._given_up: dict[tuple[AnyStep, str], str] = {}
        self._running: dict[tuple[AnyStep, str], workflow.ActivityHandle[Any]] = {}

    @property
    def gave_up(self) -> bool:
        """Whether somebody gave up waiting for a step."""
        return bool(self._given_up)

    async def run(
        self,
        step: AnyStep,
        domain: str,
        task: Task,
        report_type: type[Report],
        *,
        summary: str,
        deadline: timedelta | None = None,
    ) -> Report | None:
        """Runs one step. Returns its report, or None where somebody gave it up.

        Raises:
            StepNotDoneError: its deadline has passed.
            ApplicationError: it was refused for good.
        """
        key = (step, domain)
        if key in self._given_up:
            self._skip(key)
            return None
        self._progress.start(step, domain, workflow.now())
        self._publication.update()
        handle: workflow.ActivityHandle[Any] = workflow.start_activity(
            step,
            task,
            activity_id=f"{step}/{domain}",
            task_queue=_TASK_QUEUES.get(step),
            result_type=report_type,
            start_to_close_timeout=ATTEMPT_TIMEOUT,
            heartbeat_timeout=HEARTBEAT_TIMEOUT,
            schedule_to_close_timeout=deadline,
            retry_policy=PATIENT,
            summary=summary,
            cancellation_type=_CANCELLATION[step],
        )
        self._running[key] = handle
        try:
            report = await handle
        except ActivityError as error:
            self._ended_without_report(error, key, has_deadline=deadline is not None)
            return None
        finally:
            del self._running[key]
        assert isinstance(report, report_type)  # noqa: S101 (the converter has read it as such)
        self._given_up.pop(key, None)  # it was done before anybody could stop it
        return report

    def _ended_without_report(self, error: ActivityError, key: tuple[AnyStep, str], *, has_deadline: bool) -> None:
        """Returns where the step was given up, and the run goes on."""
        cancelled = is_cancelled_exception(error)
        failure = None if cancelled else typed_failure_in(error)
        if failure is not None and failure.non_retryable:
            self._progress.fail(*key, workflow.now(), f"{failure.type}: {failure.message}")
            raise failure from error
        if key in self._given_up and (cancelled or workflow.patched(SETTLE_STEPS_THAT_WERE_GIVEN_UP)):
            self._skip(key)
            _stop_if_cancelled(since=SETTLE_STEPS_THAT_WERE_GIVEN_UP)
            return
        if cancelled or not has_deadline:
            raise error
        reason = f"{failure.type}: {failure.message}" if failure else "no attempt ended before the deadline"
        self._progress.fail(*key, workflow.now(), f"not done before its deadline. {reason}")
        raise StepNotDoneError(reason, failure.details if failure else ()) from error

    def give_up(self, step: AnyStep, domain: str, reason: str) -> None:
        """Stops waiting for a step, now or when its turn comes."""
        self._given_up[step, domain] = reason
        if handle := self._running.get((step, domain)):
            handle.cancel()
        elif not self._progress.is_settled(step, domain):
            self._skip((step, domain))
        self._publication.update()

    def _skip(self, key: tuple[AnyStep, str]) -> None:
        self._progress.skip(*key, workflow.now(), f"given up: {self._given_up[key]}")
        self._publication.update()

    def report(self, step: AnyStep, domain: str, report: ChangeReport, *, dry_run: bool = False) -> None:
        """The step has its outcome, and the run's result what it has found or done. Raises as `finish` does."""
        self._progress.add_report(report)
        self.finish(step, domain, report.outcome, dry_run=dry_run)

    def finish(self, step: AnyStep, domain: str, outcome: str, *, dry_run: bool = False) -> None:
        """The step has its outcome; in a dry run nothing was done, and it counts as skipped.

        Raises:
            asyncio.CancelledError: the run was cancelled while the step was being done; no further one may follow.
        """
        settle = self._progress.skip if dry_run else self._progress.finish
        settle(step, domain, workflow.now(), outcome)
        self._publication.update()
        _stop_if_cancelled()

    def leave_out(self, step: AnyStep, domain: str, reason: str) -> None:
        """The step doesn't apply to this request."""
        self._progress.skip(step, domain, workflow.now(), reason)
        self._publication.update()

    async def watch_for_stalls(self) -> None:
        """Marks steps as stalled when they are. One timer at a time, and none when nothing runs."""
        while True:
            await workflow.wait_condition(lambda: self._progress.next_stall() is not None)
            due = self._progress.next_stall()
            if due is not None and due > workflow.now():
                await workflow.sleep(due - workflow.now(), summary="is a step stalled?")
            self._progress.mark_stalled(workflow.now())
            self._publication.update()


def _stop_if_cancelled(*, since: str | None = None) -> None:
    """An activity that was waited for may end well although its run is cancelled; no further step may follow."""
    task = asyncio.current_task()
    if task is not None and task.cancelling() and (since is None or workflow.patched(since)):
        raise asyncio.CancelledError


async def all_or_first_failure(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    """Waits for all; at the first failure the others are cancelled, and it is raised when they have ended.

    A bug is raised at once, and cancels nothing: it fails the workflow task, and what the others were told would
    stand in a history that mended code could not replay.

    Raises:
        BaseException: the first task's failure, as it is.
    """
    if not tasks:
        return
    try:
        done, _ = await workflow.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    except asyncio.CancelledError:
        await _cancel(tasks)
        raise
    failures = [failure for task in done if not task.cancelled() and (failure := task.exception())]
    for failure in failures:
        if not isinstance(failure, FailureError):
            raise failure
    if failures:
        await _cancel(tasks)
    for failure in failures:
        raise failure


async def _cancel(tasks: Sequence["asyncio.Task[Any]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def as_workflow_failure(error: BaseException) -> BaseException:
    """What ended a run, as the run's own failure: typed, and not wrapped."""
    if is_cancelled_exception(error):
        return CancelledError("cancelled; what is done stays done, and a new run carries on from it")
    if isinstance(error, ApplicationError):
        return error
    return typed_failure_in(error) or error

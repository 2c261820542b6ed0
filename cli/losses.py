"""What a run that has ended removed or replaced: read from its result or, where it has none, from its last status."""

from typing import Any

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from cli import following
from cli.following import NoSuchRunError
from cli.recorded import input_of
from sovereign_dns.audit_contract import FIX_FINDING
from sovereign_dns.contract import (
    ADD_PARENT_DOMAIN,
    DEPROVISION_SOVEREIGN,
    PROVISION_SOVEREIGN,
    REMOVE_PARENT_DOMAIN,
    RESTORE_RECORDS,
    ProvisionResult,
    sovereign_workflow_id,
)
from sovereign_dns.notes_left import with_notes
from sovereign_dns.restoring import is_anything_lost, lost_in

WRITING = {
    PROVISION_SOVEREIGN,
    DEPROVISION_SOVEREIGN,
    REMOVE_PARENT_DOMAIN,
    RESTORE_RECORDS,
    ADD_PARENT_DOMAIN,
    FIX_FINDING,
}
"""The workflow types whose runs tell what they changed."""

ENDED_FROM_OUTSIDE = {WorkflowExecutionStatus.TERMINATED, WorkflowExecutionStatus.TIMED_OUT}
"""Such a run hears nothing of the steps that were under way."""

MOST_EARLIER = 50
"""Runs under one workflow id that are looked through."""


class NothingKnownError(Exception):
    """What the run changed can't be found out; the message says why, and what to do."""


async def ended_run(client: Client, workflow_id: str, run_id: str | None) -> WorkflowExecution:
    """The run with this id, or the latest one under the workflow id that has ended.

    Raises:
        NoSuchRunError: there is none, or it is under way.
    """
    try:
        found: WorkflowExecution = await client.get_workflow_handle(workflow_id, run_id=run_id).describe()
    except RPCError as error:
        if error.status in {RPCStatusCode.NOT_FOUND, RPCStatusCode.INVALID_ARGUMENT}:
            named = f"run {run_id} of {workflow_id}" if run_id else f"run {workflow_id}"
            meant = (
                "" if "/" in workflow_id else f" What worked on a Sovereign is {sovereign_workflow_id(workflow_id)}."
            )
            raise NoSuchRunError(
                f"no {named} is known in this namespace: none was started, or its history is older than the namespace "
                f"keeps it.{meant} To see which there are: "
                f"temporal workflow list --query 'WorkflowId=\"{workflow_id}\"'"
            ) from error
        raise
    if found.status is not WorkflowExecutionStatus.RUNNING:
        return found
    if run_id is None:
        query = f'WorkflowId = "{workflow_id}" AND ExecutionStatus != "Running"'
        ended = [run async for run in client.list_workflows(query)]
        if ended:
            return max(ended, key=lambda run: run.start_time)
    raise NoSuchRunError(
        f"run {found.run_id} of {workflow_id} is still under way: what it changes is known when it has ended. Wait for "
        "it, or cancel it"
    )


async def losses_of(client: Client, run: WorkflowExecution) -> ProvisionResult:
    """What a run that has ended removed or replaced, as its result's own part.

    Raises:
        NothingKnownError: it has no result, and can't be asked.
    """
    body = await input_of(client, run)
    if run.workflow_type not in WRITING or (body or {}).get("dryRun") is True:
        return lost_in(ProvisionResult(deployment_id="", sovereign_fqdn=""))  # it has written nothing
    handle = _handle_of(client, run)
    completed = run.status is WorkflowExecutionStatus.COMPLETED
    status = await handle.result() if completed else (await following.look(handle)).status
    if status is None and await _has_done_nothing(handle):
        return lost_in(ProvisionResult(deployment_id="", sovereign_fqdn=""))
    if status is None:
        which = f"--workflow-id {run.id} --run-id {run.run_id}"
        raise NothingKnownError(
            f"run {run.run_id} of {run.id} ({run.workflow_type}) has ended without a result, and no worker answers for "
            "it, so nothing that it removed is known here: perhaps it had removed something. Start a worker on this "
            "namespace and try again. Or read it by hand: of the steps that were done, what they reported (temporal "
            f"workflow show {which} --detailed), and of those that were under way when it was terminated, what they "
            f"had noted before they wrote (temporal workflow describe {which} --output json: pendingActivities, "
            "heartbeatDetails)"
        )
    if run.status in ENDED_FROM_OUTSIDE:
        status = with_notes(status, await _notes_left(client, run))
    if status.handed_over_to is not None and not _has_adopted(status):
        child = await _run_that_took_over(client, run, status.handed_over_to)
        return await losses_of(client, child) if child else lost_in(status)
    return lost_in(status)


async def earlier_with_losses(client: Client, run: WorkflowExecution) -> WorkflowExecution | None:
    """The latest run before this one, under the same workflow id, that removed or replaced something.

    Raises:
        NothingKnownError: none is known to have done so, and there is one that can't be asked.
    """
    query = f'WorkflowId = "{run.id}" AND ExecutionStatus != "Running"'
    ended = [one async for one in client.list_workflows(query, limit=MOST_EARLIER)]
    unknown: NothingKnownError | None = None
    for earlier in sorted(ended, key=lambda one: one.start_time, reverse=True):
        if earlier.start_time >= run.start_time:
            continue
        try:
            if is_anything_lost(await losses_of(client, earlier)):
                return earlier
        except NothingKnownError as error:
            unknown = unknown or error
    if unknown is not None:
        raise unknown
    return None


async def _has_done_nothing(handle: following.Handle) -> bool:
    """Whether it ended before its first step, as one does whose input can't be read."""
    async for event in handle.fetch_history_events():
        if event.HasField("activity_task_scheduled_event_attributes"):
            return False
        if event.HasField("start_child_workflow_execution_initiated_event_attributes"):
            return False
    return True


async def _notes_left(client: Client, run: WorkflowExecution) -> list[dict[str, Any]]:
    """Those of the steps that were under way, which Temporal keeps as it keeps the run."""
    description = await _handle_of(client, run).describe()
    notes: list[dict[str, Any]] = []
    for step in description.raw_description.pending_activities:
        told = await client.data_converter.decode(list(step.heartbeat_details.payloads))
        notes += [one for one in told if isinstance(one, dict)]
    return notes


def _has_adopted(status: ProvisionResult) -> bool:
    """Whether it knows what the run did that it has handed over to. Ended before, it has but the steps to the lock."""
    return any(step.step != "lock-await" for step in status.steps)


def _handle_of(client: Client, run: WorkflowExecution) -> following.Handle:
    return client.get_workflow_handle(run.id, run_id=run.run_id, result_type=ProvisionResult)


async def _run_that_took_over(client: Client, run: WorkflowExecution, lock_id: str) -> WorkflowExecution | None:
    """The very run that held the lock for it, whatever has run under that id since; None where it never got it."""
    async for event in client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history_events():
        if event.HasField("child_workflow_execution_started_event_attributes"):
            child = event.child_workflow_execution_started_event_attributes.workflow_execution
            return await ended_run(client, lock_id, child.run_id)
    return None

"""The step `lock-await`: ends the run that holds a Sovereign's lock, for one that was told to follow it by force."""

import asyncio
from datetime import UTC, datetime
from typing import Any

from temporalio import activity
from temporalio.api.common.v1 import Payloads
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import GetWorkflowExecutionHistoryReverseRequest
from temporalio.client import (
    Client,
    WorkflowExecutionDescription,
    WorkflowHandle,
    WorkflowHistoryEventFilterType,
)
from temporalio.service import RPCError, RPCStatusCode

from sovereign_dns.contract import Owner
from sovereign_dns.failures import LockHeld, OwnershipConflict, TemporalUnavailable
from sovereign_dns.lifecycle_messages import AwaitLock, LockReport

ENDS_WITHIN_SECONDS = 5
"""How long an attempt waits for a cancelled run to end, before it says that it has not."""

LATEST_EVENTS = 50
"""Among these the request to cancel is looked for: a cancelled run does little more."""

Run = WorkflowHandle[Any, Any]


class LockActivities:
    """Cancels a run by the worker's own client of Temporal, and waits for its end."""

    @activity.defn(name="lock-await")
    async def await_lock(self, task: AwaitLock) -> LockReport:
        """Returns when no run has the lock's workflow id any more. A run that holds it is cancelled once.

        Raises:
            LockHeld: a run was cancelled, and has not ended yet.
            OwnershipConflict: the run works for another deployment than the one that the lock is wanted for.
            TemporalUnavailable: Temporal doesn't say.
        """
        try:
            return await _free(activity.client(), task)
        except RPCError as error:
            raise TemporalUnavailable(
                f"Temporal doesn't say whether a run holds the lock {task.workflow_id} ({error.message}); tried again"
            ) from error


async def _free(client: Client, task: AwaitLock) -> LockReport:
    holder = await _holder(client, task.workflow_id)
    if holder is None:
        return LockReport(outcome="no run held the lock")
    run: Run = client.get_workflow_handle(holder.id, run_id=holder.run_id)
    since = datetime.now(UTC)
    if holder.raw_description.workflow_extended_info.cancel_requested:
        since = await _cancelled_at(client, holder) or since
    else:
        await _refuse_newer_deployment(client, run, holder, task.owner)
        await run.cancel()
    if not await _ends_soon(run):
        raise LockHeld(await _why_it_lasts(run, holder, since))
    return LockReport(outcome=f"cancelled {holder.workflow_type}, run {holder.run_id}, and it has ended")


async def _holder(client: Client, workflow_id: str) -> WorkflowExecutionDescription | None:
    try:
        latest = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return latest if latest.close_time is None else None  # one that is paused holds it too


async def _refuse_newer_deployment(
    client: Client, run: Run, holder: WorkflowExecutionDescription, owner: Owner
) -> None:
    """A late request for an old deployment must not end the work on a newer one."""
    first = await anext(run.fetch_history_events(page_size=1))
    works_for = await _deployment_in(client, first.workflow_execution_started_event_attributes.input)
    if not owner.deployment_id or works_for in {None, owner.deployment_id}:
        return
    raise OwnershipConflict(
        f"{holder.workflow_type} (run {holder.run_id}) works on {owner.sovereign_fqdn} for the deployment {works_for}, "
        f"and this request is about the deployment {owner.deployment_id}: that run was not cancelled, and nothing was "
        "changed. Leave deploymentId out to mean every deployment of this Sovereign"
    )


async def _deployment_in(client: Client, given: Payloads) -> str | None:
    try:
        values = await client.data_converter.decode(list(given.payloads))
    except (ValueError, KeyError, RuntimeError):  # no JSON, or an encoding that no converter knows
        return None
    found = values[0].get("deploymentId") if values and isinstance(values[0], dict) else None
    return found if isinstance(found, str) and found else None


async def _cancelled_at(client: Client, holder: WorkflowExecutionDescription) -> datetime | None:
    wanted = GetWorkflowExecutionHistoryReverseRequest(
        namespace=client.namespace,
        execution=holder.raw_description.workflow_execution_info.execution,
        maximum_page_size=LATEST_EVENTS,
    )
    page = await client.workflow_service.get_workflow_execution_history_reverse(wanted)
    asked = EventType.EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED
    return next((event.event_time.ToDatetime(UTC) for event in page.history.events if event.event_type == asked), None)


async def _ends_soon(run: Run) -> bool:
    last = run.fetch_history_events(wait_new_event=True, event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT)
    try:
        await asyncio.wait_for(anext(last), ENDS_WITHIN_SECONDS)
    except TimeoutError:
        return False
    return True


async def _why_it_lasts(run: Run, holder: WorkflowExecutionDescription, since: datetime) -> str:
    raw = (await run.describe()).raw_description
    waits = [_told(pending) for pending in raw.pending_activities]
    if raw.HasField("pending_workflow_task"):
        waits.append(f"a worker that goes on with it (attempt {max(raw.pending_workflow_task.attempt, 1)})")
    what = "; ".join(waits) or "nothing that Temporal knows of"
    return (
        f"{holder.workflow_type} (run {holder.run_id}) still holds the lock {holder.id}. It was cancelled at "
        f"{since:%Y-%m-%d %H:%M:%S} UTC and ends when what it writes has ended; it waits for {what}. Looked at again. "
        f"Should it never end: temporal workflow terminate --workflow-id {holder.id} --run-id {holder.run_id}"
    )


def _told(pending: PendingActivityInfo) -> str:
    """A step that is under way, and what its last attempt failed with."""
    if not pending.HasField("last_failure"):
        return f"{pending.activity_id} (attempt {pending.attempt})"
    failure = pending.last_failure
    told = ": ".join(filter(None, (failure.application_failure_info.type, failure.message)))
    return f"{pending.activity_id} (attempt {pending.attempt}, last failed with {told[:200]})"

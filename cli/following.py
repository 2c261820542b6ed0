"""Following a run: its status by query, and what its pending activities last failed with, from Temporal itself."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowHandle, WorkflowQueryFailedError
from temporalio.service import RPCError, RPCStatusCode

from cli.waiting import Waiting, waiting_in
from sovereign_dns.contract import ProvisionResult, sovereign_workflow_id

LOOK_EVERY_SECONDS = 0.4
QUERY_TIMEOUT = timedelta(seconds=5)

_DECIDED = {
    RPCStatusCode.INVALID_ARGUMENT,
    RPCStatusCode.NOT_FOUND,
    RPCStatusCode.PERMISSION_DENIED,
    RPCStatusCode.UNAUTHENTICATED,
    RPCStatusCode.UNIMPLEMENTED,
}

Handle = WorkflowHandle[object, ProvisionResult]


@dataclass(frozen=True)
class Look:
    """A run as of now. `status` is None where no worker answers the query; `waiting` goes by activity id.

    `trouble` is why Temporal itself could not be asked; then the workflow type is unknown too.
    """

    status: ProvisionResult | None
    waiting: dict[str, Waiting]
    running: bool
    execution_status: WorkflowExecutionStatus | None
    trouble: str | None = None
    workflow_type: str | None = None

    @property
    def handed_over(self) -> bool:
        """Whether another run does the work, or the run has ended."""
        return not self.running or bool(self.status and self.status.handed_over_to)


class NoSuchRunError(Exception):
    """There is no such run of this Sovereign."""


def handle_of(client: Client, workflow_id: str) -> Handle:
    """A handle on the latest run with this id."""
    return client.get_workflow_handle(workflow_id, result_type=ProvisionResult)


async def run_under_way(client: Client, fqdn: str) -> Handle:
    """The run that holds a Sovereign's lock; not a later one, should it end meanwhile.

    Raises:
        NoSuchRunError: none does.
    """
    workflow_id = sovereign_workflow_id(fqdn)
    try:
        latest = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise NoSuchRunError(f"no run {workflow_id} is known in this namespace") from error
        raise
    if latest.status != WorkflowExecutionStatus.RUNNING:
        state = latest.status.name if latest.status else "unknown"
        raise NoSuchRunError(f"no run works on {fqdn}: the latest one has ended ({state})")
    return client.get_workflow_handle(workflow_id, run_id=latest.run_id, result_type=ProvisionResult)


async def look(handle: Handle) -> Look:
    """Looks once.

    Raises:
        NoSuchRunError: Temporal doesn't know the run.
    """
    try:
        description = await handle.describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            raise NoSuchRunError(f"no run {handle.id} is known in this namespace") from error
        raise
    waiting = {item.activity_id: item for item in waiting_in(description)}
    status = await _status(handle)
    match description.status:
        case WorkflowExecutionStatus.RUNNING:
            return Look(
                status,
                waiting,
                running=True,
                execution_status=description.status,
                workflow_type=description.workflow_type,
            )
        case WorkflowExecutionStatus.COMPLETED if status is None:  # without a worker the result is still there
            status = await handle.result()
        case WorkflowExecutionStatus.TERMINATED | WorkflowExecutionStatus.TIMED_OUT as ended if status is not None:
            status = status.changed(phase="failed", failure=_ended_from_outside(ended, status))
    return Look(status, {}, running=False, execution_status=description.status, workflow_type=description.workflow_type)


def _ended_from_outside(how: WorkflowExecutionStatus, status: ProvisionResult) -> str:
    return (
        f"the run was {how.name.lower().replace('_', ' ')} when it was {status.phase}: nothing works on "
        f"{status.sovereign_fqdn} any more. What is done stays done; start it again to carry on from it"
    )


async def _status(handle: Handle) -> ProvisionResult | None:
    try:
        status: ProvisionResult | None = await handle.query(
            "status", result_type=ProvisionResult, rpc_timeout=QUERY_TIMEOUT
        )
    except (RPCError, WorkflowQueryFailedError):  # no worker, or a run whose input could not even be read
        return None
    return status


async def follow(handle: Handle, *, until_handed_over: bool = False) -> AsyncIterator[Look]:
    """Looks until the run has ended, or another one does its work; the last look is of that.

    A moment without Temporal is waited out.
    """
    while True:
        try:
            seen = await look(handle)
        except RPCError as error:
            if error.status in _DECIDED:
                raise
            seen = Look(None, {}, running=True, execution_status=None, trouble=error.message)
        yield seen
        if not seen.running or (until_handed_over and seen.handed_over):
            return
        await asyncio.sleep(LOOK_EVERY_SECONDS)

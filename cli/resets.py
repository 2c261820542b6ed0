"""Having waiting steps attempt at once, by Temporal's own resets: one by one, or many in one batch on the server.

A reset never clears the heartbeat details: they are the step's journal of what it has written. Nor does it wake a step
that somebody has paused. An attempt that has begun by then, as it may where a person thinks before the answer, hears of
it by its heartbeat and is made anew; with its journal kept, no harm comes of that.

`ResetActivity` is called deprecated beside `ResetActivityExecution`, which older servers do not know.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.duration_pb2 import Duration
from temporalio.api.batch.v1 import BatchOperationResetActivities
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import BatchOperationState
from temporalio.api.workflowservice.v1 import (
    DescribeBatchOperationRequest,
    DescribeBatchOperationResponse,
    ResetActivityRequest,
    StartBatchOperationRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cli.survey import EVERY_RUN_THAT_WORKS, Run
from cli.waiting import Waiting
from sovereign_dns.concurrency import side_by_side

RESET_AT_ONCE = 20
LOOK_EVERY_SECONDS = 0.5

REASON = "sovereign-dns retry"


class BatchBusyError(Exception):
    """Another batch is under way in the namespace; a server takes one at a time, unless it is told otherwise."""


@dataclass(frozen=True)
class Aim:
    """One waiting step of one run, and over how long its attempt may be spread."""

    run: Run
    step: Waiting
    within: timedelta = timedelta()


@dataclass(frozen=True)
class Told:
    """How many steps were told to attempt, how many had gone on meanwhile, and why others could not be told."""

    told: int
    gone: int
    refusals: list[str]


async def reset_each(client: Client, aims: Sequence[Aim]) -> Told:
    """Resets exactly these steps."""

    async def reset(aim: Aim) -> RPCError | None:
        request = ResetActivityRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=aim.run.workflow_id, run_id=aim.run.run_id),
            identity=client.identity,
            id=aim.step.activity_id,
            keep_paused=True,
            jitter=_duration(aim.within),
        )
        try:
            await client.workflow_service.reset_activity(request, retry=True)
        except RPCError as error:
            return error
        return None

    outcomes = await side_by_side((reset(aim) for aim in aims), at_once=RESET_AT_ONCE)
    errors = [error for error in outcomes if error is not None]
    refused = [error for error in errors if error.status is not RPCStatusCode.NOT_FOUND]
    return Told(
        told=len(outcomes) - len(errors),
        gone=len(errors) - len(refused),
        refusals=[f"Temporal answered {error.status.name}: {error.message}" for error in refused],
    )


async def start_batch(client: Client, step: str | None, within: timedelta) -> str:
    """Has Temporal reset all of its namespace's steps of a kind, or of every kind. Returns the batch's job id.

    Raises:
        BatchBusyError: the server takes no further batch now.
    """
    job_id = f"retry-{uuid.uuid4()}"
    operation = BatchOperationResetActivities(identity=client.identity, keep_paused=True, jitter=_duration(within))
    if step is None:
        operation.match_all = True
    else:
        operation.type = step  # an activity's type is the name of its step
    request = StartBatchOperationRequest(
        namespace=client.namespace,
        visibility_query=EVERY_RUN_THAT_WORKS,
        job_id=job_id,
        reason=REASON,
        reset_activities_operation=operation,
    )
    try:
        await client.workflow_service.start_batch_operation(request)
    except RPCError as error:
        if error.status is RPCStatusCode.RESOURCE_EXHAUSTED:
            raise BatchBusyError(error.message) from error
        raise
    return job_id


async def end_of_batch(client: Client, job_id: str) -> DescribeBatchOperationResponse:
    """Returns what became of a batch, when it has ended."""
    request = DescribeBatchOperationRequest(namespace=client.namespace, job_id=job_id)
    while True:
        batch = await client.workflow_service.describe_batch_operation(request, retry=True)
        if batch.state not in {
            BatchOperationState.BATCH_OPERATION_STATE_RUNNING,
            BatchOperationState.BATCH_OPERATION_STATE_UNSPECIFIED,
        }:
            return batch
        await asyncio.sleep(LOOK_EVERY_SECONDS)


def _duration(time: timedelta) -> Duration:
    duration = Duration()
    duration.FromTimedelta(time)
    return duration

"""The input of a Sovereign's newest provisioning, as the history of its run keeps it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.service import RPCError, RPCStatusCode

from cli.connection import connect
from sovereign_dns.contract import PROVISION_SOVEREIGN, sovereign_workflow_id


class NothingToRepeatError(Exception):
    """There is no recorded input that could be used again; the message says why, and what to do."""


@dataclass(frozen=True)
class RecordedRequest:
    """A run's input, and which run that was."""

    body: dict[str, Any]
    run_id: str
    started_at: datetime
    execution_status: WorkflowExecutionStatus | None

    def __str__(self) -> str:
        state = self.execution_status.name if self.execution_status else "unknown"
        return f"run {self.run_id}, started {self.started_at:%Y-%m-%d %H:%M} UTC, {state}"


def newest_request(fqdn: str) -> RecordedRequest:
    """The input of the newest `ProvisionSovereign` under the Sovereign's lock.

    Raises:
        NothingToRepeatError: there is no such run, or its input is not one JSON object.
    """
    return asyncio.run(_newest_request(fqdn))


async def _newest_request(fqdn: str) -> RecordedRequest:
    client = await connect()
    start_it = f"Start it with its request: sovereign-dns provision {fqdn} --ip ADDRESS, or --request FILE"
    async for found in _newest_first(client, sovereign_workflow_id(fqdn)):
        body = await input_of(client, found)
        if body is None:
            raise NothingToRepeatError(
                f"the input of run {found.run_id} of {fqdn} is not one JSON object, so that it can't be used again. "
                f"{start_it}"
            )
        if body.get("dryRun") is not True:  # one that wrote nothing is no run to go on from
            return RecordedRequest(body, found.run_id, found.start_time, found.status)
    raise NothingToRepeatError(
        f"no {PROVISION_SOVEREIGN} but dry runs is known in this namespace under the workflow id "
        f"{sovereign_workflow_id(fqdn)}: none was started, or its history is older than the namespace keeps it. "
        f"{start_it}"
    )


async def _newest_first(client: Client, workflow_id: str) -> AsyncIterator[WorkflowExecution]:
    """The latest run by itself, where it is of this type: what lists runs may be some seconds behind."""
    try:
        latest = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return
        raise
    if latest.workflow_type == PROVISION_SOVEREIGN:
        yield latest
    query = f'WorkflowId = "{workflow_id}" AND WorkflowType = "{PROVISION_SOVEREIGN}"'
    listed = [execution async for execution in client.list_workflows(query)]
    for execution in sorted(listed, key=lambda execution: execution.start_time, reverse=True):
        if execution.run_id != latest.run_id:
            yield execution


async def input_of(client: Client, run: WorkflowExecution) -> dict[str, Any] | None:
    """A run's input; None where it is not one JSON object."""
    return await input_at(client.get_workflow_handle(run.id, run_id=run.run_id), client.data_converter)


async def input_at(handle: WorkflowHandle[Any, Any], converter: DataConverter) -> dict[str, Any] | None:
    """As `input_of`, of the run that a handle is on."""
    first = await anext(handle.fetch_history_events(page_size=1))
    try:
        values = await converter.decode(list(first.workflow_execution_started_event_attributes.input.payloads))
    except (ValueError, KeyError, RuntimeError):  # no JSON, or an encoding that no converter knows
        return None
    return values[0] if len(values) == 1 and isinstance(values[0], dict) else None

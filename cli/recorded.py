"""The input of a Sovereign's newest provisioning, as the history of its run keeps it."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
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
    found = await _newest_run(client, sovereign_workflow_id(fqdn))
    if found is None:
        raise NothingToRepeatError(
            f"no {PROVISION_SOVEREIGN} is known in this namespace under the workflow id {sovereign_workflow_id(fqdn)}: "
            "none was started, or its history is older than the namespace keeps it. Start it with its request: "
            f"sovereign-dns provision {fqdn} --ip ADDRESS, or --request FILE"
        )
    handle = client.get_workflow_handle(found.id, run_id=found.run_id)
    async for event in handle.fetch_history_events(page_size=1):
        payloads = event.workflow_execution_started_event_attributes.input.payloads
        body = await _one_object(client, list(payloads))
        if body is not None:
            return RecordedRequest(body, found.run_id, found.start_time, found.status)
        break
    raise NothingToRepeatError(
        f"the input of run {found.run_id} of {fqdn} is not one JSON object, so that it can't be used again. "
        f"Start it with its request: sovereign-dns provision {fqdn} --ip ADDRESS, or --request FILE"
    )


async def _newest_run(client: Client, workflow_id: str) -> WorkflowExecution | None:
    """By the run itself where the latest one is of this type: what lists runs may be some seconds behind."""
    try:
        latest = await client.get_workflow_handle(workflow_id).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return None
        raise
    if latest.workflow_type == PROVISION_SOVEREIGN:
        return latest
    query = f'WorkflowId = "{workflow_id}" AND WorkflowType = "{PROVISION_SOVEREIGN}"'
    earlier = [execution async for execution in client.list_workflows(query)]
    return max(earlier, key=lambda execution: execution.start_time, default=None)


async def _one_object(client: Client, payloads: list[Payload]) -> dict[str, Any] | None:
    try:
        values = await client.data_converter.decode(payloads)
    except (ValueError, KeyError, RuntimeError):  # no JSON, or an encoding that no converter knows
        return None
    return values[0] if len(values) == 1 and isinstance(values[0], dict) else None

"""Starting workflows in tests, and what became of them, as a caller in another language would see it: as JSON."""

import secrets
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import ActivityTaskStartedEventAttributes
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from tests.eventually import eventually

Result = dict[str, Any]
Handle = WorkflowHandle[Any, Any]


async def start(client: Client, request: Any, *, workflow_id: str | None = None) -> Handle:
    return await client.start_workflow(
        "ProvisionSovereign",
        request,
        id=workflow_id or f"anything-{secrets.token_hex(4)}",
        task_queue="sovereign-dns",
    )


async def provision(client: Client, request: dict[str, Any], *, workflow_id: str | None = None) -> Result:
    result: Result = await (await start(client, request, workflow_id=workflow_id)).result()
    return result


async def failure_of(handle: Handle) -> ApplicationError:
    """The typed failure that a run ended with, which must stand on top and not be wrapped."""
    with pytest.raises(WorkflowFailureError) as caught:
        await handle.result()
    cause = caught.value.cause
    assert isinstance(cause, ApplicationError), f"wrapped, or not typed: {cause!r}"
    return cause


async def refused(client: Client, request: Any) -> ApplicationError:
    failure = await failure_of(await start(client, request))
    assert failure.non_retryable
    return failure


async def waiting_for(handle: Handle, activity_id: str) -> str:
    """The last failure of a pending activity, as the Web UI shows it, as soon as there is one."""

    async def last_failure() -> str | None:
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:  # not handed over yet
                return None
            raise
        for pending in description.raw_description.pending_activities:
            if pending.activity_id == activity_id and pending.HasField("last_failure"):
                return f"{pending.last_failure.application_failure_info.type}: {pending.last_failure.message}"
        return None

    return await eventually(last_failure)


async def waiting_with(handle: Handle, activity_id: str, *words: str) -> str:
    """As `waiting_for`, as soon as these words are in it."""

    async def told() -> str | None:
        failure = await waiting_for(handle, activity_id)
        return failure if all(word in failure for word in words) else None

    return await eventually(told)


def step(result: Result, name: str, domain: str | None = None) -> dict[str, Any]:
    found = [s for s in result["steps"] if s["step"] == name and domain in {None, s["domain"]}]
    assert len(found) == 1, f"{name} {domain}: {result['steps']}"
    one: dict[str, Any] = found[0]
    return one


def changes(result: Result) -> dict[str, int]:
    """How many rrsets were created, replaced, removed, unchanged."""
    counts: dict[str, int] = {}
    for record in result["records"]:
        counts[record["change"]] = counts.get(record["change"], 0) + 1
    return counts


def raw(data: bytes, encoding: bytes = b"json/plain") -> RawValue:
    """A payload exactly as given, for what no well-behaved client would send."""
    return RawValue(Payload(metadata={"encoding": encoding}, data=data))


async def attempt_that_ended(handle: Handle, activity_id: str) -> ActivityTaskStartedEventAttributes:
    """The attempt with which an activity ended; Temporal keeps no other one in the history."""
    events = (await handle.fetch_history()).events
    (scheduled,) = [
        event.event_id for event in events if event.activity_task_scheduled_event_attributes.activity_id == activity_id
    ]
    started = [event.activity_task_started_event_attributes for event in events]
    (attempt,) = [one for one in started if one.scheduled_event_id == scheduled]
    return attempt

"""A run that writes nothing lives no longer than the person who started it reads."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError, RPCStatusCode

from cli import display

Result = TypeVar("Result")
Handle = WorkflowHandle[object, Result]

CANCELLED_WITHIN_SECONDS = 5
"""How long an interrupted run is seen to its end. Without a worker it has none."""


class ReaderGoneError(Exception):
    """Ctrl-C: the run was cancelled, or asked to end."""


async def result_of(
    start: Coroutine[Any, Any, Handle[Result]], workflow_id: str, show: Callable[[Handle[Result]], Awaitable[None]]
) -> Result:
    """Starts a run, shows it, and returns its result.

    Raises:
        ReaderGoneError: Ctrl-C. It has been told what became of the run.
        WorkflowFailureError: the run failed.
    """
    starting = asyncio.create_task(start)
    try:
        handle = await asyncio.shield(starting)
        await show(handle)
        result = await handle.result()
    except asyncio.CancelledError:
        ended = await _cancelled(starting, workflow_id)
        display.console(stderr=True).print(f"interrupted: {ended}", markup=False)
        raise ReaderGoneError from None
    return result


async def _cancelled(starting: "asyncio.Task[Handle[Result]]", workflow_id: str) -> str:
    """Cancels the run, of which nobody else will hear. Returns what became of it."""
    try:
        await asyncio.wait_for(_cancel_and_await_end(starting), CANCELLED_WITHIN_SECONDS)
    except (TimeoutError, RPCError):
        command = f"temporal workflow cancel --workflow-id {workflow_id}"
        return f"its run is asked to end, but was not seen to. Should it live on: {command}"
    return "its run is cancelled; nothing was changed"


async def _cancel_and_await_end(starting: "asyncio.Task[Handle[Result]]") -> None:
    handle = await starting
    try:
        await handle.cancel()
        await handle.result()
    except WorkflowFailureError:
        return
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:  # it had ended already
            raise

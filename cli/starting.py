"""Starting a run that changes something, and seeing it to its end."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError

from cli import display, watching
from cli.following import Handle
from cli.outcome import report_end_of
from sovereign_dns.contract import TASK_QUEUE, ProvisionResult
from sovereign_dns.wire import StrictMessage


async def start(client: Client, workflow_type: str, wanted: StrictMessage, workflow_id: str, *, summary: str) -> Handle:
    """Starts a run, for real or as a plan.

    Raises:
        WorkflowAlreadyStartedError: one has this id and works.
    """
    return await client.start_workflow(
        workflow_type,
        wanted,
        id=workflow_id,
        task_queue=TASK_QUEUE,
        result_type=ProvisionResult,
        static_summary=summary,
    )


Busy = str | Callable[[], Awaitable[str]]
"""What is said where another run is in the way; found out only then, where that takes a look at it."""


async def started(starting: Coroutine[Any, Any, Handle], *, busy: Busy) -> Handle | None:
    """The run; or None where another one is in its way, which `busy` tells."""
    try:
        return await starting
    except WorkflowAlreadyStartedError:
        told = busy if isinstance(busy, str) else await busy()
        display.console(stderr=True).print(f"AlreadyInProgress: {told}", markup=False)
        return None


async def see_to_its_end(
    starting: Coroutine[Any, Any, Handle],
    *,
    busy: Busy,
    wait: bool,
    as_json: bool,
    show: Callable[[Handle], Awaitable[None]] | None = None,
) -> int:
    """Starts a run, shows it, and prints how it ends. Returns the exit code.

    Args:
        starting: starts it.
        busy: said where another run is in its way.
        wait: whether to show more than that it was started.
        as_json: whether only its result is wanted on stdout.
        show: follows it, where that takes more than its own steps.
    """
    handle = await started(starting, busy=busy)
    if handle is None:
        return 1
    if not wait:
        display.console(stderr=as_json).print(f"started {handle.id}")
        return 0
    await (show(handle) if show else watching.show(handle, as_json=as_json))
    return await report_end_of(handle, as_json=as_json)

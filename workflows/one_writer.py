"""One writer for a Sovereign: the workflow id `sovereign/<fqdn>` is the lock.

A run that was started under another id hands over to one with that id, and ends as that one does.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError, FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.wire import Message, StrictMessage

Result = TypeVar("Result", bound=Message)


async def run_under_lock(
    lock_id: str, request: StrictMessage, result_type: type[Result], *, summary: str, advice: str = ""
) -> Result:
    """Runs the caller's own workflow type again as the holder of the lock; the summary says what for.

    `advice` is what may be done besides where a run holds it already.

    Raises:
        ApplicationError: `AlreadyInProgress` where a run holds the lock; else the failure of the run itself.
    """
    try:
        child = await _start_under_lock(lock_id, request, result_type, summary)
    except WorkflowAlreadyStartedError:
        raise ApplicationError(
            f"a run already works on this Sovereign, under the workflow id {lock_id}. Nothing was written by this one. "
            f"Wait for that run, or cancel it, and start again.{advice and f' {advice}'}",
            type="AlreadyInProgress",
            non_retryable=True,
        ) from None
    return await _outcome_of(child)


async def run_under_lock_by_force(
    lock_id: str,
    request: StrictMessage,
    result_type: type[Result],
    *,
    summary: str,
    free: Callable[[], Awaitable[None]],
    started: Callable[[], None],
) -> Result:
    """As `run_under_lock`; but a run that holds the lock is ended first, by `free`, however often one does.

    `started` is called as soon as the caller's own run holds it.

    Raises:
        ApplicationError: the failure of the run itself.
    """
    while True:
        await free()
        try:
            child = await _start_under_lock(lock_id, request, result_type, summary)
        except WorkflowAlreadyStartedError:
            continue
        started()
        return await _outcome_of(child)


Child = workflow.ChildWorkflowHandle[Any, Result]


async def _start_under_lock(
    lock_id: str, request: StrictMessage, result_type: type[Result], summary: str
) -> Child[Result]:
    return await workflow.start_child_workflow(
        workflow.info().workflow_type,
        request,
        id=lock_id,
        result_type=result_type,
        parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
        static_summary=f"{summary}, started as {workflow.info().workflow_id}",
    )


async def _outcome_of(child: Child[Result]) -> Result:
    try:
        result: Result = await child
    except ChildWorkflowError as error:
        typed = typed_failure_in(error)
        if typed is None:
            raise
        raise typed from None
    return result


def typed_failure_in(error: BaseException) -> ApplicationError | None:
    """The typed failure below Temporal's wrappings, made anew: wrapped in another it would lose its flag."""
    current: BaseException | None = error
    found: ApplicationError | None = None
    while current is not None:
        if isinstance(current, ApplicationError) and found is None:
            found = current
        current = current.cause if isinstance(current, FailureError) else current.__cause__
    if found is None:
        return None
    return ApplicationError(found.message, *found.details, type=found.type, non_retryable=found.non_retryable)

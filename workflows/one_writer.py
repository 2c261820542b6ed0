"""One writer for a Sovereign: the workflow id `sovereign/<fqdn>` is the lock.

A run that was started under another id hands over to one with that id, and ends as that one does.
"""

from collections.abc import Mapping
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ApplicationError, ChildWorkflowError, FailureError, WorkflowAlreadyStartedError

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.wire import Message, StrictMessage

Result = TypeVar("Result", bound=Message)


async def run_under_lock(
    lock_id: str,
    request: StrictMessage,
    result_type: type[Result],
    *,
    summary: str,
    memo: Mapping[str, str] | None = None,
) -> Result:
    """Runs the caller's own workflow type again as the holder of the lock; the summary says what for.

    The memo tells that run what it is told by nobody who starts one by hand.

    Raises:
        ApplicationError: `AlreadyInProgress` where a run holds the lock; else the failure of the run itself.
    """
    try:
        result: Result = await workflow.execute_child_workflow(
            workflow.info().workflow_type,
            request,
            id=lock_id,
            result_type=result_type,
            parent_close_policy=workflow.ParentClosePolicy.REQUEST_CANCEL,
            memo=memo,
            static_summary=f"{summary}, started as {workflow.info().workflow_id}",
        )
    except WorkflowAlreadyStartedError:
        raise ApplicationError(
            f"a run already works on this Sovereign, under the workflow id {lock_id}. Nothing was written by this one. "
            "Wait for that run, or cancel it, and start again.",
            type="AlreadyInProgress",
            non_retryable=True,
        ) from None
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

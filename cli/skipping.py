"""`skip`: give up waiting for a step."""

import asyncio
from typing import Annotated

import typer
from temporalio.client import WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from cli import display, following, request
from cli.connection import connect
from cli.following import Handle
from sovereign_dns.contract import ProvisionResult, SkippableStep, SkipStepRequest

ANSWERED_WITHIN_SECONDS = 10
"""Without a worker an update would be waited for as long as the run lives."""

Step = Annotated[SkippableStep, typer.Argument(help="Which step.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stays in the result.", show_default=False)]
Domain = Annotated[str | None, typer.Option("--domain", help="Only for this parent domain.", show_default="all")]


def skip(fqdn: request.RunName, step: Step, *, reason: Reason, domain: Domain = None) -> None:
    """Give up waiting for a step of the run that is under way. The run goes on, and ends as degraded."""
    wanted = request.read_as(SkipStepRequest, {"step": step, "domain": domain, "reason": reason})
    raise typer.Exit(asyncio.run(_skip(request.named(fqdn), wanted)))


async def _skip(fqdn: str, wanted: SkipStepRequest) -> int:
    handle = await following.run_under_way(await connect(), fqdn)
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_SECONDS):
            status = await _ask(handle, wanted)
    except (TimeoutError, WorkflowUpdateRPCTimeoutOrCancelledError):
        return _refused(
            f"no worker answered within {ANSWERED_WITHIN_SECONDS} s: does one run on this task queue and namespace? "
            f"Temporal may still hand this to the next one that comes, and skip {wanted.step} then. Look with "
            f"`sovereign-dns status {fqdn}` before you ask again"
        )
    except WorkflowUpdateFailedError as error:
        cause = error.cause
        told = f"{cause.type}: {cause.message}" if isinstance(cause, ApplicationError) else str(cause)
        return _refused(f"nothing was skipped: {told}")
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return _refused(f"nothing was skipped: the run of {fqdn} has just ended")
    for line in _what_became_of(status, wanted):
        display.console().print(line, markup=False)
    return 0


async def _ask(handle: Handle, wanted: SkipStepRequest) -> ProvisionResult:
    status: ProvisionResult = await handle.execute_update("skip_step", wanted, result_type=ProvisionResult)
    return status


def _refused(told: str) -> int:
    display.console(stderr=True).print(told, markup=False)
    return 1


def _what_became_of(status: ProvisionResult, wanted: SkipStepRequest) -> list[str]:
    """A step that is settled already stays as it is; one that runs is skipped as soon as its attempt has ended."""
    given_up = f"given up: {wanted.reason}"
    return [
        f"{step.step} for {step.domain} is {given_up}"
        if step.state == "running" or step.outcome == given_up
        else f"{step.step} for {step.domain} was {step.state} already: {step.outcome}"
        for step in status.steps
        if step.step == wanted.step and wanted.domain in {None, step.domain}
    ]

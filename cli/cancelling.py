"""`cancel`: stop the run that works on a Sovereign."""

import asyncio

from temporalio.client import WorkflowExecutionStatus

from cli import display, following, interrupting, request
from cli.connection import connect
from cli.following import Handle, Look
from cli.outcome import Wait, report_end_of
from cli.purpose import purpose_of_run
from cli.watching import UNANSWERED_SECONDS

RECORDED = (
    "the cancellation is recorded, but no worker answers. It takes effect as soon as one runs on this task queue and "
    "namespace"
)


def cancel(fqdn: request.RunName, *, wait: Wait = True) -> None:
    """Stop the run that works on a Sovereign, cleanly: what is done stays done, and a new run carries on from it."""
    interrupting.end_with(
        _cancel(request.named(fqdn), wait=wait), interrupted="not followed any further; the cancellation stays recorded"
    )


async def _cancel(fqdn: str, *, wait: bool) -> int:
    handle = await following.run_under_way(await connect(), fqdn)
    await handle.cancel()
    if not wait:
        display.console().print(f"asked {handle.id} to end; see sovereign-dns status {fqdn}")
        return 0
    return await _report(fqdn, handle, await _end_of(handle))


async def _end_of(handle: Handle) -> Look:
    clock = asyncio.get_running_loop().time
    answered, told = clock(), False
    async for seen in following.follow(handle):
        if not seen.running:
            return seen
        if seen.status is not None or seen.trouble is not None:
            answered = clock()
        elif not told and clock() - answered > UNANSWERED_SECONDS:
            told = True
            display.console(stderr=True).print(RECORDED)
    raise AssertionError("a run that is followed ends")


async def _report(fqdn: str, handle: Handle, ended: Look) -> int:
    terminal = display.console()
    if ended.status is None and ended.execution_status is not WorkflowExecutionStatus.CANCELED:
        return await report_end_of(handle, as_json=False)
    purpose = await purpose_of_run(handle)
    if ended.status is None:
        terminal.print(
            f"cancelled. No worker answers, so what the run of {fqdn} had done can't be shown here; as soon as one "
            f"runs: sovereign-dns status {fqdn}"
        )
        display.console(stderr=True).print(purpose.how_to_start_again(), markup=False)
        return 0
    terminal.print(display.whole_status(ended.status, {}, subject=purpose.subject))
    if ended.status.phase != "cancelled":
        display.console(stderr=True).print(
            f"the run had ended before the cancellation reached it: {fqdn} is {ended.status.phase}"
        )
        return 1
    terminal.print("cancelled: what is done stays done, and a new run carries on from it")
    display.console(stderr=True).print(purpose.how_to_start_again(), markup=False)
    return 0

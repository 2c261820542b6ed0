"""How a command ends: its exit code, and what it says of a run that failed."""

from typing import Annotated

import typer
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError

from cli import display
from cli.following import Handle
from sovereign_dns.contract import (
    DEPROVISION_SOVEREIGN,
    PROVISION_SOVEREIGN,
    REMOVE_PARENT_DOMAIN,
    ProvisionResult,
)
from sovereign_dns.standing import standing

Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the result and show the steps.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result's JSON and nothing else.")]

DONE = {"complete", "planned"}

PROVISION_AGAIN = "sovereign-dns provision --again"

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


_START_AGAIN = {
    PROVISION_SOVEREIGN: f"from its own input, with options over what shall change: {PROVISION_AGAIN} {{fqdn}}",
    DEPROVISION_SOVEREIGN: "for what is left of it: sovereign-dns deprovision {fqdn}",
    REMOVE_PARENT_DOMAIN: "for what is left of it: sovereign-dns remove-domain NAME --sovereign {fqdn}",
}


def how_to_start_again(fqdn: str, workflow_type: str | None) -> str:
    """For a run that has ended without everything done."""
    how = _START_AGAIN.get(workflow_type or PROVISION_SOVEREIGN)
    if how is None:
        return "to start it again, give the command that it was started with"
    return f"to start it again {how.format(fqdn=fqdn)}"


def failed(error: WorkflowFailureError, *, again: str | None = None) -> int:
    """Says why a run failed. Returns the exit code.

    Args:
        error: how it ended.
        again: how to start it again, where that makes sense.
    """
    cause = error.cause
    match cause:
        case ApplicationError():
            told = f"{cause.type}: {cause.message}"
        case TerminatedError():
            told = f"the run was terminated ({cause.message}). What is done stays done"
        case CancelledError():
            told = "the run was cancelled. What is done stays done"
        case _:
            told = str(cause)
    terminal = display.console(stderr=True)
    terminal.print(f"failed: {told}", markup=False)
    if again is not None:
        terminal.print(again, markup=False)
    return 1


def report(result: ProvisionResult, *, as_json: bool, again: str | None = None, ends: str | None = None) -> int:
    """Prints a result, or what a live display has not shown of it. Returns the exit code.

    Args:
        result: how the run ended.
        as_json: whether nothing but its JSON is printed.
        again: how to start it again, where that makes sense.
        ends: the last sentence, of a run that is about no Sovereign.
    """
    if as_json:
        print(result.model_dump_json())
    else:
        terminal = display.console()
        if not terminal.is_terminal:
            for hazard in result.hazards:
                terminal.print(display.HazardNotice(hazard))
            terminal.print(display.proof(result.verification))
        for line in display.besides_records(result):
            terminal.print(line, markup=False)
        terminal.print(ends or standing(result), markup=False)
    if result.phase in DONE:
        return 0
    if again is not None:
        display.console(stderr=True).print(again, markup=False)
    return 1


async def report_end_of(handle: Handle, *, as_json: bool, repeatable: str) -> int:
    """Prints how a run ends, or why it failed, and how to start it again. Returns the exit code."""
    again = how_to_start_again(repeatable, (await handle.describe()).workflow_type)
    try:
        return report(await handle.result(), as_json=as_json, again=again)
    except WorkflowFailureError as error:
        return failed(error, again=again)

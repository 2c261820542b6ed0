"""How a command ends: its exit code, and what it says of a run that failed."""

from typing import Annotated

import typer
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError

from cli import display
from sovereign_dns.contract import ProvisionResult

Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the result and show the steps.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result's JSON and nothing else.")]

DONE = {"complete", "planned"}

PROVISION_AGAIN = "sovereign-dns provision --again"

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def how_to_start_again(fqdn: str) -> str:
    """For a provisioning that has ended without everything done."""
    return f"to start it again from its own input, with options over what shall change: {PROVISION_AGAIN} {fqdn}"


def failed(error: WorkflowFailureError, *, repeatable: str | None = None) -> int:
    """Says why a run failed. Returns the exit code.

    Args:
        error: how it ended.
        repeatable: the FQDN, where it was a provisioning that can be started again.
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
    if repeatable is not None:
        terminal.print(how_to_start_again(repeatable), markup=False)
    return 1


def report(result: ProvisionResult, *, as_json: bool, repeatable: str | None = None) -> int:
    """Prints a result, or what a live display has not shown of it. Returns the exit code."""
    if as_json:
        print(result.model_dump_json())
    else:
        terminal = display.console()
        if not terminal.is_terminal:
            for hazard in result.hazards:
                terminal.print(display.HazardNotice(hazard))
            terminal.print(display.proof(result.verification))
        terminal.print(f"{result.subject} is {result.phase}")
    if result.phase in DONE:
        return 0
    if repeatable is not None:
        display.console(stderr=True).print(how_to_start_again(repeatable), markup=False)
    return 1

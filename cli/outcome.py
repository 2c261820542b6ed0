"""How a command ends: its exit code, and what it says of a run that failed."""

from typing import Annotated

import typer
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ApplicationError, TerminatedError

from cli import display
from sovereign_dns.contract import ProvisionResult

Json = Annotated[bool, typer.Option("--json", help="Print the result's JSON and nothing else.")]

DONE = {"complete", "planned"}

INTERRUPTED = 130
"""The exit code after Ctrl-C."""


def failed(error: WorkflowFailureError) -> int:
    """Says why a run failed. Returns the exit code."""
    cause = error.cause
    match cause:
        case ApplicationError():
            told = f"{cause.type}: {cause.message}"
        case TerminatedError():
            told = f"the run was terminated ({cause.message}). What is done stays done; start it again to carry on"
        case _:
            told = str(cause)
    display.console(stderr=True).print(f"failed: {told}", markup=False)
    return 1


def report(result: ProvisionResult, *, as_json: bool) -> int:
    """Prints a result, or what a live display has not shown of it. Returns the exit code."""
    if as_json:
        print(result.model_dump_json())
    else:
        terminal = display.console()
        if not terminal.is_terminal:
            for hazard in result.hazards:
                terminal.print(display.HazardNotice(hazard))
            terminal.print(display.proof(result.verification))
        terminal.print(f"{result.sovereign_fqdn} is {result.phase}")
    return 0 if result.phase in DONE else 1

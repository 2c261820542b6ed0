"""A dry run, and what it says would be changed."""

import secrets
from collections.abc import Coroutine
from typing import Any

from rich.console import Console
from temporalio.client import WorkflowFailureError

from cli import display, reading, watching
from cli.following import Handle
from cli.outcome import DONE, INTERRUPTED, failed
from sovereign_dns.contract import ProvisionResult
from sovereign_dns.standing import standing


def plan_id(fqdn: str) -> str:
    """A workflow id for one dry run. It takes no lock."""
    return f"plan/{fqdn}/{secrets.token_hex(4)}"


async def planned(starting: Coroutine[Any, Any, Handle], workflow_id: str, *, as_json: bool) -> ProvisionResult | int:
    """Starts a dry run, shows on stderr what it waits for, and returns its result; or the exit code, if it has none.

    Its steps are cleared from a terminal at the end, and not told on a pipe: whoever shows the result shows them.
    """
    progress = display.console(stderr=True)

    async def follow(handle: Handle) -> None:
        if as_json or not progress.is_terminal:
            await watching.show_trouble(handle, progress)
        else:
            await watching.show_steps(handle, progress, transient=True)

    try:
        return await reading.result_of(starting, workflow_id, follow)
    except WorkflowFailureError as error:
        return failed(error)
    except reading.ReaderGoneError:
        return INTERRUPTED


async def print_planned(starting: Coroutine[Any, Any, Handle], workflow_id: str, *, as_json: bool) -> int:
    """Prints what a dry run says, as a diff or as JSON. Returns the exit code."""
    result = await planned(starting, workflow_id, as_json=as_json)
    if isinstance(result, int):
        return result
    if as_json:
        print(result.model_dump_json())
    else:
        show(result, display.console())
    return exit_code(result)


def exit_code(result: ProvisionResult) -> int:
    """Of a command that only plans."""
    return 0 if result.phase in DONE else 1


def show(result: ProvisionResult, terminal: Console) -> None:
    """Steps, what would be changed as a diff, and hazards."""
    terminal.print(display.steps(result.steps, {}))
    terminal.print(display.diff(result.records, result.sovereign_fqdn))
    for line in display.besides_records(result):
        terminal.print(line, markup=False)
    for hazard in result.hazards:
        terminal.print(display.HazardNotice(hazard))
    terminal.print(standing(result))

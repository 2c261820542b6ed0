"""A dry run, and what it says would be changed."""

import secrets
from collections.abc import Coroutine
from typing import Any

from rich.console import Console

from cli import display, reading, watching
from cli.following import Handle
from sovereign_dns.contract import ProvisionResult
from sovereign_dns.standing import standing


def plan_id(fqdn: str) -> str:
    """A workflow id for one dry run. It takes no lock."""
    return f"plan/{fqdn}/{secrets.token_hex(4)}"


async def result_of(start: Coroutine[Any, Any, Handle], workflow_id: str, *, as_json: bool) -> ProvisionResult:
    """Starts a dry run, shows on stderr what it waits for, and returns its result.

    Raises:
        ReaderGoneError: Ctrl-C.
        WorkflowFailureError: it failed.
    """
    progress = display.console(stderr=True)

    async def follow(handle: Handle) -> None:
        if as_json:
            await watching.show_trouble(handle, progress)
        else:
            await watching.show_steps(handle, progress, transient=True)

    return await reading.result_of(start, workflow_id, follow)


def show(result: ProvisionResult, terminal: Console) -> None:
    """Steps, what would be changed as a diff, and hazards."""
    terminal.print(display.steps(result.steps, {}))
    terminal.print(display.diff(result.records, result.sovereign_fqdn))
    for line in display.besides_records(result):
        terminal.print(line, markup=False)
    for hazard in result.hazards:
        terminal.print(display.HazardNotice(hazard))
    terminal.print(standing(result))

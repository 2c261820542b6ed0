"""`status`: one Sovereign in full, or all of them by phase."""

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console

from cli import display, following, overview, request, survey
from cli.choices import among
from cli.connection import connect
from cli.following import Look
from cli.outcome import DONE, Json, report_end_of
from cli.purpose import purpose_of_run
from cli.survey import ShownPhase

Fqdn = Annotated[
    str | None,
    typer.Argument(
        help="One Sovereign's FQDN, or a workflow id such as parent-domain/omani.homes. Without it: all.",
        show_default=False,
    ),
]
Phases = Annotated[
    list[str] | None,
    typer.Option("--phase", help=f"Only these, repeat: {', '.join(survey.PHASES)}.", callback=among(survey.PHASES)),
]
Limit = Annotated[
    int | None,
    typer.Option("--limit", help="Show so many Sovereigns; 0: all.", min=0, show_default=f"{overview.MOST_SHOWN}"),
]


def status(fqdn: Fqdn = None, *, phases: Phases = None, limit: Limit = None, json: Json = False) -> None:
    """Show how far a Sovereign's latest run is, and what it waits for; or list all Sovereigns by phase."""
    if fqdn is None:
        asyncio.run(_show_all(phases or survey.PHASES, limit, as_json=json))
        return
    if phases or limit is not None:
        raise typer.BadParameter("--phase and --limit are for the list of all Sovereigns: leave the FQDN out")
    raise typer.Exit(asyncio.run(_show_one(request.named(fqdn), as_json=json)))


async def _show_all(phases: Sequence[str | ShownPhase], limit: int | None, *, as_json: bool) -> None:
    client = await connect()
    everyone = await survey.every_sovereign(client)
    wanted = [run for run in everyone if run.phase in phases]
    most = overview.MOST_SHOWN if limit is None and not as_json else limit
    shown = await survey.with_failures(client, wanted[:most] if most else wanted)
    if as_json:
        for line in overview.as_json(shown):
            print(line)
    else:
        overview.show(everyone, shown, len(wanted) - len(shown), display.console())


async def _show_one(fqdn: str, *, as_json: bool) -> int:
    client = await connect()
    handle = following.handle_of(client, following.workflow_id_of(fqdn))
    seen = await following.look(handle)
    if seen.status is None:
        if not seen.running:  # its input could not be read, so that it knows nothing of itself
            return await report_end_of(handle, as_json=as_json)
        _show_what_temporal_knows(seen)
        return 1
    purpose = await purpose_of_run(handle)
    if as_json:
        print(seen.status.model_dump_json())
    else:
        display.console().print(display.whole_status(seen.status, seen.waiting, subject=purpose.subject))
        _hint_at_retry(fqdn, seen, display.console())
    if seen.running or seen.status.phase in DONE:
        return 0
    display.console(stderr=True).print(purpose.how_to_start_again(seen.status.failure), markup=False)
    return 1


def _show_what_temporal_knows(seen: Look) -> None:
    state = seen.execution_status.name if seen.execution_status else "unknown"
    terminal = display.console(stderr=True)
    terminal.print(f"the run is {state}, and no worker answers the query `status`: does one run on this task queue?")
    for activity_id, cause in seen.waiting.items():
        terminal.print(f"{activity_id} waits, {cause.line()}", markup=False)


def _hint_at_retry(fqdn: str, seen: Look, terminal: Console) -> None:
    """Where something failed: what is merely not yet so is looked at again soon enough."""
    if any(item.state == "waiting" and item.in_trouble for item in seen.waiting.values()):
        terminal.print(f"Attempt at once what waits: sovereign-dns retry {fqdn}")

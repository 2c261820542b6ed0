"""`audit run` and `audit show`."""

import asyncio
import secrets
from typing import Annotated, get_args

import typer
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowHandle
from temporalio.service import RPCError

from cli import audit_display, display, reading, request
from cli.audit_results import latest_audit
from cli.choices import among
from cli.connection import connect
from cli.following import DECIDED, LOOK_EVERY_SECONDS
from cli.outcome import INTERRUPTED, failed
from cli.waiting import waiting_in
from sovereign_dns.audit_contract import AUDIT_SCHEDULE_ID, AUDIT_ZONES, AuditRequest, AuditResult, InventorySource
from sovereign_dns.audit_report import as_markdown
from sovereign_dns.contract import TASK_QUEUE

SOURCES: tuple[str, ...] = get_args(InventorySource)

Zones = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ZONE]...", help="Only these zones; all of them by default.", show_default=False),
]
Inventory = Annotated[
    list[str] | None,
    typer.Option(
        "--inventory",
        metavar="SOURCE",
        help=f"Read only this part of the inventory, may be repeated: {', '.join(SOURCES)}.",
        callback=among(SOURCES),
        show_default="all that are configured",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print the result's JSON and nothing else.")]
Markdown = Annotated[bool, typer.Option("--markdown", help="Print the result as Markdown.")]

Handle = WorkflowHandle[object, AuditResult]


def run(zones: Zones = None, *, inventory: Inventory = None, json: Json = False, markdown: Markdown = False) -> None:
    """Look through the managed zones now. Writes nothing. Exits 0 without findings, 1 with any."""
    _insist_on_one_form(json, markdown)
    wanted = audit_request(zones or [], inventory or [])
    raise typer.Exit(asyncio.run(_run(wanted, as_json=json, as_markdown_=markdown)))


def show(*, json: Json = False, markdown: Markdown = False) -> None:
    """Print the latest audit's result, and what stands from those before. Exits 0 without findings, 1 with any."""
    _insist_on_one_form(json, markdown)
    raise typer.Exit(asyncio.run(_show(as_json=json, as_markdown_=markdown)))


def _insist_on_one_form(json: bool, markdown: bool) -> None:
    if json and markdown:
        raise typer.BadParameter("--json and --markdown are two forms of the result: give one of them")


def audit_request(zones: list[str], inventory: list[str]) -> AuditRequest:
    """The input of an audit, by its options.

    Raises:
        typer.BadParameter: a zone's name is none.
    """
    given = {"zones": zones, "inventory": inventory or None}
    return request.read_as(AuditRequest, given)


async def _run(wanted: AuditRequest, *, as_json: bool, as_markdown_: bool) -> int:
    try:
        result = await audited(await connect(), wanted)
    except WorkflowFailureError as error:
        return failed(error)
    except reading.ReaderGoneError:
        return INTERRUPTED
    return _report(result, as_json=as_json, as_markdown_=as_markdown_)


async def audited(client: Client, wanted: AuditRequest) -> AuditResult:
    """What an audit finds now.

    Raises:
        ReaderGoneError: Ctrl-C. It has been told what became of the run.
        WorkflowFailureError: the run failed.
    """
    workflow_id = f"{AUDIT_SCHEDULE_ID}/{secrets.token_hex(4)}"
    return await reading.result_of(_start(client, wanted, workflow_id), workflow_id, _show_trouble)


async def _start(client: Client, wanted: AuditRequest, workflow_id: str) -> Handle:
    return await client.start_workflow(
        AUDIT_ZONES,
        wanted,
        id=workflow_id,
        task_queue=TASK_QUEUE,
        result_type=AuditResult,
        static_summary=f"zones {', '.join(wanted.zones[:5])}" if wanted.zones else "all zones",
    )


async def _show_trouble(handle: Handle) -> None:
    """Prints what the run waits for, each thing once, until it has ended."""
    terminal = display.console(stderr=True)
    printed: set[str] = set()
    while True:
        try:
            description = await handle.describe()
        except RPCError as error:
            if error.status in DECIDED:
                raise
            lines, running = [f"Temporal can't be asked ({error.message}): tried again"], True
        else:
            lines = [f"… {item.activity_id} waits: {item.told}" for item in waiting_in(description) if item.error_type]
            running = description.status is WorkflowExecutionStatus.RUNNING
        for line in lines:
            if line not in printed:
                printed.add(line)
                terminal.print(line, markup=False)
        if not running:
            return
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _show(*, as_json: bool, as_markdown_: bool) -> int:
    latest = await latest_audit(await connect())
    if latest is None:
        terminal = display.console(stderr=True)
        terminal.print("no audit has a result in this namespace. Start one with: sovereign-dns audit run", markup=False)
        return 1
    code = _report(latest.result, as_json=as_json, as_markdown_=as_markdown_, standing=True)
    return 1 if latest.result.standing else code


def _report(result: AuditResult, *, as_json: bool, as_markdown_: bool, standing: bool = False) -> int:
    if as_json:
        print(result.model_dump_json())
    elif as_markdown_:
        print(as_markdown(result, most=None))
    else:
        audit_display.show(result, display.console(), standing=standing)
    return 1 if result.findings or result.left_out else 0

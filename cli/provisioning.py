"""`provision`, `plan` and `status`."""

import asyncio
import secrets
from typing import Annotated

import typer
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError, TerminatedError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from cli import display, following, request, watching
from cli.connection import connect
from cli.following import Handle
from sovereign_dns import names
from sovereign_dns.contract import (
    PROVISION_SOVEREIGN,
    TASK_QUEUE,
    ProvisionRequest,
    ProvisionResult,
    sovereign_workflow_id,
)

Json = Annotated[bool, typer.Option("--json", help="Print the result's JSON and nothing else.")]
Wait = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the result and show the steps.")]

DONE = {"complete", "planned"}

INTERRUPTED = 130
"""The exit code after Ctrl-C."""

CANCELLED_WITHIN_SECONDS = 5
"""How long an interrupted plan's run is seen to its end. Without a worker it has none."""


@request.takes_request
def provision(wanted: ProvisionRequest, *, wait: Wait = True, json: Json = False) -> None:
    """Provision a Sovereign's DNS and TLS, and show the steps until it is done."""
    try:
        code = asyncio.run(provision_and_show(wanted, wait=wait, as_json=json))
    except KeyboardInterrupt:
        display.console(stderr=True).print("interrupted: not followed any further; the run itself goes on")
        code = INTERRUPTED
    raise typer.Exit(code)


@request.takes_request
def plan(wanted: ProvisionRequest, *, json: Json = False) -> None:
    """Show what provisioning would change, as a diff. Reads only."""
    raise typer.Exit(asyncio.run(_plan(wanted.changed(dry_run=True), as_json=json)))


def status(fqdn: request.Fqdn, json: Json = False) -> None:
    """Show how far a Sovereign's latest run is, and what it waits for."""
    try:
        normal = names.normalise_fqdn(fqdn)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    raise typer.Exit(asyncio.run(_show_status(normal, as_json=json)))


async def provision_and_show(wanted: ProvisionRequest, *, wait: bool = True, as_json: bool = False) -> int:
    """Starts the run under the Sovereign's lock and shows its steps. Returns the exit code."""
    client = await connect()
    workflow_id = sovereign_workflow_id(wanted.sovereign_fqdn)
    try:
        handle = await _start(client, wanted, workflow_id)
    except WorkflowAlreadyStartedError:
        display.console(stderr=True).print(
            f"AlreadyInProgress: a run already works on {wanted.sovereign_fqdn}, under the workflow id {workflow_id}. "
            f"Follow it with: sovereign-dns status {wanted.sovereign_fqdn}"
        )
        return 1
    if not wait:
        display.console(stderr=as_json).print(f"started {workflow_id}")
        return 0
    if as_json:
        await watching.show_trouble(handle, display.console(stderr=True))
    else:
        await watching.show_steps(handle, display.console())
    return await _report(handle, as_json=as_json)


async def _plan(wanted: ProvisionRequest, *, as_json: bool) -> int:
    client = await connect()
    progress = display.console(stderr=True)
    workflow_id = f"plan/{wanted.sovereign_fqdn}/{secrets.token_hex(4)}"
    starting = asyncio.create_task(_start(client, wanted, workflow_id))
    try:
        handle = await asyncio.shield(starting)
        if as_json:
            await watching.show_trouble(handle, progress)
        else:
            await watching.show_steps(handle, progress, transient=True)
        result = await handle.result()
    except WorkflowFailureError as error:
        return _failed(error)
    except asyncio.CancelledError:
        progress.print(f"interrupted: {await _cancelled(starting, workflow_id)}", markup=False)
        return INTERRUPTED
    if as_json:
        print(result.model_dump_json())
    else:
        terminal = display.console()
        terminal.print(display.steps(result.steps, {}))
        terminal.print(display.diff(result.records))
        for hazard in result.hazards:
            terminal.print(display.HazardNotice(hazard))
        terminal.print(f"{result.sovereign_fqdn} is {result.phase}")
    return 0 if result.phase in DONE else 1


async def _cancelled(starting: "asyncio.Task[Handle]", workflow_id: str) -> str:
    """Cancels a plan's run, of which nobody else will hear. Returns what became of it."""
    try:
        await asyncio.wait_for(_cancel_and_await_end(starting), CANCELLED_WITHIN_SECONDS)
    except (TimeoutError, RPCError):
        command = f"temporal workflow cancel --workflow-id {workflow_id}"
        return f"the plan's run is asked to end, but was not seen to. Should it live on: {command}"
    return "the plan's run is cancelled; nothing was changed"


async def _cancel_and_await_end(starting: "asyncio.Task[Handle]") -> None:
    handle = await starting
    try:
        await handle.cancel()
        await handle.result()
    except WorkflowFailureError:
        return
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:  # it had ended already
            raise


async def _start(client: Client, wanted: ProvisionRequest, workflow_id: str) -> Handle:
    return await client.start_workflow(
        PROVISION_SOVEREIGN,
        wanted,
        id=workflow_id,
        task_queue=TASK_QUEUE,
        result_type=ProvisionResult,
        static_summary=f"{wanted.sovereign_fqdn} to {wanted.load_balancer_ip}",
    )


async def _report(handle: Handle, *, as_json: bool) -> int:
    try:
        result = await handle.result()
    except WorkflowFailureError as error:
        return _failed(error)
    if as_json:
        print(result.model_dump_json())
    else:
        terminal = display.console()
        if not terminal.is_terminal:
            for hazard in result.hazards:
                terminal.print(display.HazardNotice(hazard))
        terminal.print(display.server_lines(result.verification.servers))
        terminal.print(f"{result.sovereign_fqdn} is {result.phase}")
    return 0 if result.phase in DONE else 1


def _failed(error: WorkflowFailureError) -> int:
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


async def _show_status(fqdn: str, *, as_json: bool) -> int:
    client = await connect()
    seen = await following.look(following.handle_of(client, sovereign_workflow_id(fqdn)))
    if seen.status is None:
        state = seen.execution_status.name if seen.execution_status else "unknown"
        display.console(stderr=True).print(
            f"the run is {state}, and no worker answers the query `status`: does one run on this task queue?"
        )
        for activity_id, failure in seen.waiting.items():
            display.console(stderr=True).print(f"{activity_id} waits: {failure}", markup=False)
        return 1
    if as_json:
        print(seen.status.model_dump_json())
    else:
        terminal = display.console()
        terminal.print(display.whole_status(seen.status, seen.waiting))
        terminal.print(display.server_lines(seen.status.verification.servers))
    return 0 if seen.running or seen.status.phase in DONE else 1

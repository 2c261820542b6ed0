"""`provision` and `plan`."""

import asyncio

import typer
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import WorkflowAlreadyStartedError

from cli import display, planning, reading, request, watching
from cli.connection import connect
from cli.following import Handle
from cli.outcome import DONE, INTERRUPTED, Json, Wait, failed, how_to_start_again, report
from sovereign_dns.contract import (
    PROVISION_SOVEREIGN,
    TASK_QUEUE,
    ProvisionRequest,
    ProvisionResult,
    sovereign_workflow_id,
)


@request.built_by(request.build_request)
def provision(wanted: ProvisionRequest, *, wait: Wait = True, json: Json = False) -> None:
    """Provision a Sovereign's DNS and TLS, and show the steps until it is done."""
    try:
        code = asyncio.run(provision_and_show(wanted, wait=wait, as_json=json))
    except KeyboardInterrupt:
        display.console(stderr=True).print("interrupted: not followed any further; the run itself goes on")
        code = INTERRUPTED
    raise typer.Exit(code)


@request.built_by(request.build_request)
def plan(wanted: ProvisionRequest, *, json: Json = False) -> None:
    """Show what provisioning would change, as a diff. Reads only."""
    raise typer.Exit(asyncio.run(_plan(wanted.changed(dry_run=True), as_json=json)))


async def provision_and_show(wanted: ProvisionRequest, *, wait: bool = True, as_json: bool = False) -> int:
    """Starts the run under the Sovereign's lock and shows its steps. Returns the exit code."""
    client = await connect()
    workflow_id = sovereign_workflow_id(wanted.sovereign_fqdn)
    try:
        handle = await _start(client, wanted, workflow_id)
    except WorkflowAlreadyStartedError:
        display.console(stderr=True).print(
            f"AlreadyInProgress: a run already works on {wanted.sovereign_fqdn}, under the workflow id {workflow_id}. "
            f"Follow it with: sovereign-dns watch {wanted.sovereign_fqdn}, or stop it with: sovereign-dns cancel "
            f"{wanted.sovereign_fqdn}"
        )
        return 1
    if not wait:
        display.console(stderr=as_json).print(f"started {workflow_id}")
        return 0
    if as_json:
        await watching.show_trouble(handle, display.console(stderr=True))
    else:
        await watching.show_steps(handle, display.console())
    return await report_end_of(handle, as_json=as_json, repeatable=wanted.sovereign_fqdn)


async def _plan(wanted: ProvisionRequest, *, as_json: bool) -> int:
    client = await connect()
    workflow_id = planning.plan_id(wanted.sovereign_fqdn)
    try:
        result = await planning.result_of(_start(client, wanted, workflow_id), workflow_id, as_json=as_json)
    except WorkflowFailureError as error:
        return failed(error)
    except reading.ReaderGoneError:
        return INTERRUPTED
    if as_json:
        print(result.model_dump_json())
    else:
        planning.show(result, display.console())
    return 0 if result.phase in DONE else 1


async def _start(client: Client, wanted: ProvisionRequest, workflow_id: str) -> Handle:
    return await client.start_workflow(
        PROVISION_SOVEREIGN,
        wanted,
        id=workflow_id,
        task_queue=TASK_QUEUE,
        result_type=ProvisionResult,
        static_summary=f"{wanted.sovereign_fqdn} to {wanted.load_balancer_ip}",
    )


async def report_end_of(handle: Handle, *, as_json: bool, repeatable: str) -> int:
    """Prints how a run ends, or why it failed, and how to start it again. Returns the exit code."""
    again = how_to_start_again(repeatable, (await handle.describe()).workflow_type)
    try:
        return report(await handle.result(), as_json=as_json, again=again)
    except WorkflowFailureError as error:
        return failed(error, again=again)

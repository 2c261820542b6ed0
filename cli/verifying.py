"""`verify` and `watch`: what DNS answers, server by server."""

import asyncio
import secrets

import typer
from temporalio.client import WorkflowFailureError

from cli import display, following, provisioning, reading, request, watching
from cli.connection import connect
from cli.following import Handle
from cli.outcome import INTERRUPTED, Json, failed, report
from sovereign_dns.contract import (
    TASK_QUEUE,
    VERIFY_SOVEREIGN,
    ProvisionResult,
    VerifyRequest,
    sovereign_workflow_id,
)


@request.built_by(request.build_verification)
def verify(wanted: VerifyRequest, *, json: Json = False) -> None:
    """Check what DNS answers for a Sovereign that exists. Writes nothing; exits 1 on anything not converged."""
    raise typer.Exit(asyncio.run(_verify(wanted, as_json=json)))


def watch(fqdn: request.Fqdn) -> None:
    """Follow a Sovereign's latest run until it has ended."""
    try:
        code = asyncio.run(_watch(request.normalised(fqdn)))
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise typer.Exit(code)


async def _verify(wanted: VerifyRequest, *, as_json: bool) -> int:
    client = await connect()
    workflow_id = f"verify/{wanted.sovereign_fqdn}/{secrets.token_hex(4)}"

    async def start() -> Handle:
        return await client.start_workflow(
            VERIFY_SOVEREIGN,
            wanted,
            id=workflow_id,
            task_queue=TASK_QUEUE,
            result_type=ProvisionResult,
            static_summary=f"{wanted.sovereign_fqdn} is {wanted.load_balancer_ip}",
        )

    async def show(handle: Handle) -> None:
        if as_json:
            await watching.show_trouble(handle, display.console(stderr=True))
        else:
            await watching.show_steps(handle, display.console())

    try:
        return report(await reading.result_of(start(), workflow_id, show), as_json=as_json)
    except WorkflowFailureError as error:
        return failed(error)
    except reading.ReaderGoneError:
        return INTERRUPTED


async def _watch(fqdn: str) -> int:
    handle = following.handle_of(await connect(), sovereign_workflow_id(fqdn))
    await watching.show_steps(handle, display.console())
    return await provisioning.report_end_of(handle, as_json=False, repeatable=fqdn)

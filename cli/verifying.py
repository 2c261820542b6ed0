"""`verify` and `watch`: what DNS answers, server by server."""

import asyncio
import secrets

import typer
from temporalio.client import WorkflowFailureError

from cli import display, following, interrupting, reading, request, starting, watching
from cli.connection import connect
from cli.following import Handle
from cli.outcome import INTERRUPTED, Json, failed, report, report_end_of
from sovereign_dns.contract import (
    VERIFY_SOVEREIGN,
    VerifyRequest,
)


@request.built_by(request.build_verification)
def verify(wanted: VerifyRequest, *, json: Json = False) -> None:
    """Check what DNS answers for a Sovereign that exists. Writes nothing; exits 1 on anything not converged."""
    raise typer.Exit(asyncio.run(_verify(wanted, as_json=json)))


def watch(fqdn: request.RunName) -> None:
    """Follow a Sovereign's latest run until it has ended."""
    interrupting.end_with(_watch(request.named(fqdn)))


async def _verify(wanted: VerifyRequest, *, as_json: bool) -> int:
    client = await connect()
    workflow_id = f"verify/{wanted.sovereign_fqdn}/{secrets.token_hex(4)}"

    summary = f"{wanted.sovereign_fqdn} is {wanted.load_balancer_ip}"
    starts = starting.start(client, VERIFY_SOVEREIGN, wanted, workflow_id, summary=summary)

    async def show(handle: Handle) -> None:
        await watching.show(handle, as_json=as_json)

    try:
        return report(await reading.result_of(starts, workflow_id, show), as_json=as_json)
    except WorkflowFailureError as error:
        return failed(error)
    except reading.ReaderGoneError:
        return INTERRUPTED


async def _watch(fqdn: str) -> int:
    handle = following.handle_of(await connect(), following.workflow_id_of(fqdn))
    await watching.show_steps(handle, display.console())
    return await report_end_of(handle, as_json=False)

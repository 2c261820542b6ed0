"""`provision` and `plan`."""

import asyncio

import typer
from temporalio.client import Client

from cli import interrupting, planning, request, starting
from cli.connection import connect
from cli.following import Handle
from cli.outcome import Json, Wait
from sovereign_dns.contract import PROVISION_SOVEREIGN, ProvisionRequest, sovereign_workflow_id


@request.built_by(request.build_request)
def provision(wanted: ProvisionRequest, *, wait: Wait = True, json: Json = False) -> None:
    """Provision a Sovereign's DNS and TLS, and show the steps until it is done."""
    interrupting.end_with(
        provision_and_show(wanted, wait=wait, as_json=json),
        interrupted="not followed any further; the run itself goes on",
    )


@request.built_by(request.build_request)
def plan(wanted: ProvisionRequest, *, json: Json = False) -> None:
    """Show what provisioning would change, as a diff. Reads only."""
    raise typer.Exit(asyncio.run(_plan(wanted.changed(dry_run=True), as_json=json)))


async def provision_and_show(wanted: ProvisionRequest, *, wait: bool = True, as_json: bool = False) -> int:
    """Starts the run under the Sovereign's lock and shows its steps. Returns the exit code."""
    client, fqdn = await connect(), wanted.sovereign_fqdn
    workflow_id = sovereign_workflow_id(fqdn)
    return await starting.see_to_its_end(
        _start(client, wanted, workflow_id),
        busy=f"a run already works on {fqdn}, under the workflow id {workflow_id}. Follow it with: sovereign-dns watch "
        f"{fqdn}, or stop it with: sovereign-dns cancel {fqdn}",
        wait=wait,
        as_json=as_json,
    )


async def _plan(wanted: ProvisionRequest, *, as_json: bool) -> int:
    client, workflow_id = await connect(), planning.plan_id(wanted.sovereign_fqdn)
    return await planning.print_planned(_start(client, wanted, workflow_id), workflow_id, as_json=as_json)


async def _start(client: Client, wanted: ProvisionRequest, workflow_id: str) -> Handle:
    summary = f"{wanted.sovereign_fqdn} to {wanted.load_balancer_ip}"
    return await starting.start(client, PROVISION_SOVEREIGN, wanted, workflow_id, summary=summary)

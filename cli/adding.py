"""`add-domain`: one more parent domain for a Sovereign that exists."""

import asyncio
from typing import Annotated, Any

import typer
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import WorkflowAlreadyStartedError

from cli import display, planning, provisioning, reading, request, watching
from cli.connection import connect
from cli.following import Handle
from cli.outcome import DONE, INTERRUPTED, Json, Wait, failed
from sovereign_dns.contract import ADD_PARENT_DOMAIN, TASK_QUEUE, ProvisionResult
from sovereign_dns.lifecycle_requests import AddParentDomainRequest, parent_domain_workflow_id

Name = Annotated[str | None, typer.Argument(help="The domain, such as omani.homes.", show_default=False)]
Sovereign = Annotated[
    str | None, typer.Option("--sovereign", help="The FQDN of the Sovereign that is to be served there.")
]
RegistrarKind = Annotated[
    str | None,
    typer.Option("--registrar", help="Where it is registered, as PDM calls it; without it: delegate it yourself."),
]
Credentials = Annotated[
    str | None,
    typer.Option(
        "--credentials", help="The file with the registrar's token, in the worker's CATALYST_REGISTRAR_CREDENTIALS_DIR."
    ),
]
GlueIp = Annotated[str | None, typer.Option("--glue-ip", help="The name servers' address, for the registrar.")]
Nameservers = Annotated[
    list[str] | None, typer.Option("--nameserver", help="Instead of the worker's CATALYST_EXPECTED_NS; repeat.")
]
Role = Annotated[str | None, typer.Option("--role", help="primary or org-pool.", show_default="org-pool")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Read and plan, write nothing.")]


def build_addition(
    name: Name = None,
    *,
    sovereign: Sovereign = None,
    ip: request.Ip = None,
    ipv6: request.Ipv6 = None,
    console_ip: request.ConsoleIp = None,
    registrar: RegistrarKind = None,
    credentials: Credentials = None,
    glue_ip: GlueIp = None,
    nameservers: Nameservers = None,
    role: Role = None,
    deployment_id: request.DeploymentId = None,
    subdomains: request.Subdomains = None,
    ttl: request.Ttl = None,
    certificate: request.Certificate = None,
    issuer: request.Issuer = None,
    level: request.Level = None,
    takeover: request.Takeover = None,
    dry_run: DryRun = False,
    request_file: request.RequestFile = None,
) -> AddParentDomainRequest:
    """Builds the request from the options, over the JSON file where one is given.

    Raises:
        typer.BadParameter: it isn't one; names the field.
    """
    body: dict[str, Any] = {"deploymentId": request.DEPLOYMENT_ID}
    if request_file is not None:
        body = request.read_body(request_file)
    body |= request.given(
        name=name,
        sovereignFQDN=sovereign,
        loadBalancerIP=ip,
        loadBalancerIPv6=ipv6,
        consoleLoadBalancerIP=console_ip,
        nameservers=nameservers or None,
        role=role,
        deploymentId=deployment_id,
        subdomains=subdomains or None,
        ttl=ttl,
        takeover=takeover,
        dryRun=True if dry_run else None,
    )
    parts = {
        "registrar": request.given(kind=registrar, credentialsRef=credentials, glueIP=glue_ip),
        "certificate": request.given(enabled=certificate, issuer=issuer),
        "verification": request.given(level=level),
    }
    for field, options in parts.items():
        if options:
            body[field] = request.over(body.get(field), options)
    return request.read_as(AddParentDomainRequest, body)


@request.built_by(build_addition)
def add_domain(wanted: AddParentDomainRequest, *, wait: Wait = True, json: Json = False) -> None:
    """Serve a Sovereign under one more parent domain: zone, records, Certificates, and the registry's delegation."""
    try:
        code = asyncio.run(_plan(wanted, as_json=json) if wanted.dry_run else _add(wanted, wait=wait, as_json=json))
    except KeyboardInterrupt:
        display.console(stderr=True).print("interrupted: not followed any further; the run itself goes on")
        code = INTERRUPTED
    raise typer.Exit(code)


async def _plan(wanted: AddParentDomainRequest, *, as_json: bool) -> int:
    client, workflow_id = await connect(), planning.plan_id(wanted.sovereign_fqdn)
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


async def _add(wanted: AddParentDomainRequest, *, wait: bool, as_json: bool) -> int:
    client, workflow_id = await connect(), parent_domain_workflow_id(wanted.name)
    try:
        handle = await _start(client, wanted, workflow_id)
    except WorkflowAlreadyStartedError:
        display.console(stderr=True).print(
            f"AlreadyInProgress: a run already works on {wanted.name}, under the workflow id {workflow_id}. Follow it "
            f"with: sovereign-dns watch {workflow_id}, or stop it with: sovereign-dns cancel {workflow_id}",
            markup=False,
        )
        return 1
    if not wait:
        display.console(stderr=as_json).print(f"started {handle.id}")
        return 0
    if as_json:
        await watching.show_trouble(handle, display.console(stderr=True))
    else:
        await watching.show_steps(handle, display.console())
    return await provisioning.report_end_of(handle, as_json=as_json, repeatable=wanted.sovereign_fqdn)


async def _start(client: Client, wanted: AddParentDomainRequest, workflow_id: str) -> Handle:
    return await client.start_workflow(
        ADD_PARENT_DOMAIN,
        wanted,
        id=workflow_id,
        task_queue=TASK_QUEUE,
        result_type=ProvisionResult,
        static_summary=f"{wanted.name} for {wanted.sovereign_fqdn}",
    )

"""`add-domain`: one more parent domain for a Sovereign that exists."""

from typing import Annotated, Any

import typer
from temporalio.client import Client

from cli import interrupting, planning, request, starting
from cli.connection import connect
from cli.following import Handle
from cli.outcome import Json, Wait
from cli.recorded import input_of
from sovereign_dns.contract import ADD_PARENT_DOMAIN
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

_OPTIONS = {
    "name": "NAME",
    "sovereignFQDN": "--sovereign",
    "registrar.kind": "--registrar",
    "registrar.credentialsRef": "--credentials",
    "registrar.glueIP": "--glue-ip",
    "nameservers": "--nameserver",
    "role": "--role",
}


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
    body |= request.names_given(sovereign, ip, ipv6, console_ip, subdomains=subdomains, ttl=ttl)
    body |= request.given(
        name=name,
        nameservers=nameservers or None,
        role=role,
        deploymentId=deployment_id,
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
    return request.read_as(AddParentDomainRequest, body, _OPTIONS)


@request.built_by(build_addition)
def add_domain(wanted: AddParentDomainRequest, *, wait: Wait = True, json: Json = False) -> None:
    """Serve a Sovereign under one more parent domain: zone, records, Certificates, and the registry's delegation."""
    interrupting.end_with(
        _plan(wanted, as_json=json) if wanted.dry_run else _add(wanted, wait=wait, as_json=json),
        interrupted="not followed any further; the run itself goes on",
    )


async def _plan(wanted: AddParentDomainRequest, *, as_json: bool) -> int:
    client, workflow_id = await connect(), planning.plan_id(wanted.sovereign_fqdn)
    return await planning.print_planned(_start(client, wanted, workflow_id), workflow_id, as_json=as_json)


async def _add(wanted: AddParentDomainRequest, *, wait: bool, as_json: bool) -> int:
    client, workflow_id = await connect(), parent_domain_workflow_id(wanted.name)

    async def busy() -> str:
        return await _busy(client, wanted, workflow_id)

    return await starting.see_to_its_end(
        _start(client, wanted, workflow_id),
        busy=busy,
        wait=wait,
        as_json=as_json,
    )


async def _busy(client: Client, wanted: AddParentDomainRequest, workflow_id: str) -> str:
    """Whose run it is: one workflow id is for all Sovereigns."""
    body = await input_of(client, await client.get_workflow_handle(workflow_id).describe())
    whose = str((body or {}).get("sovereignFQDN") or "a Sovereign that its input does not name")
    is_own = whose.lower().rstrip(".") == wanted.sovereign_fqdn
    ask = "" if is_own else f"It is not {wanted.sovereign_fqdn}'s: ask those who run {whose} before you stop it. "
    return (
        f"a run already works on {wanted.name}, for {whose}, under the workflow id {workflow_id}. {ask}Follow it with: "
        f"sovereign-dns watch {workflow_id}, or stop it with: sovereign-dns cancel {workflow_id}"
    )


async def _start(client: Client, wanted: AddParentDomainRequest, workflow_id: str) -> Handle:
    summary = f"{wanted.name} for {wanted.sovereign_fqdn}"
    return await starting.start(client, ADD_PARENT_DOMAIN, wanted, workflow_id, summary=summary)

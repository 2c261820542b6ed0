"""From the command line's options to the contract's JSON."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from sovereign_dns.contract import ProvisionRequest
from sovereign_dns.wire import explain

Fqdn = Annotated[str, typer.Argument(help="The Sovereign's FQDN, such as t110.omani.works.", show_default=False)]
Ip = Annotated[str | None, typer.Option("--ip", help="IPv4 address of its load balancer.", show_default=False)]
Ipv6 = Annotated[str | None, typer.Option("--ipv6", help="IPv6 address of its load balancer.", show_default=False)]
ConsoleIp = Annotated[
    str | None, typer.Option("--console-ip", help="Another address for console, api and marketplace.")
]
Parents = Annotated[list[str] | None, typer.Option("--parent", help="A parent domain; repeat for several.")]
DeploymentId = Annotated[str, typer.Option("--deployment-id", help="Named in every record's comment.")]
Pool = Annotated[str | None, typer.Option("--pool", help="The pool domain, for a name that PDM handed out.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--reservation-token-file", help="Where PDM's reservation token stands.", exists=True, dir_okay=False),
]
Subdomains = Annotated[list[str] | None, typer.Option("--subdomain", help="Replaces the canonical list; repeat.")]
Ttl = Annotated[int, typer.Option("--ttl", help="Seconds.")]
Certificate = Annotated[bool, typer.Option("--certificate/--no-certificate", help="Whether to ask cert-manager.")]
RemoveWildcards = Annotated[list[str] | None, typer.Option("--remove-wildcard", help="A stale wildcard to remove.")]
Takeover = Annotated[bool, typer.Option("--takeover", help="Replace what belongs to another Sovereign.")]
RequestFile = Annotated[
    str | None,
    typer.Option("--request", help="The whole request as JSON: a file, or - for standard input.", show_default=False),
]


def build_request(
    fqdn: str | None,
    *,
    ip: str | None = None,
    ipv6: str | None = None,
    console_ip: str | None = None,
    parents: list[str] | None = None,
    deployment_id: str = "manual",
    pool: str | None = None,
    token_file: Path | None = None,
    subdomains: list[str] | None = None,
    ttl: int = 60,
    certificate: bool = True,
    remove_wildcards: list[str] | None = None,
    takeover: bool = False,
    request_file: str | None = None,
    dry_run: bool = False,
) -> ProvisionRequest:
    """Builds the request from the options, over the JSON file where one is given.

    Raises:
        typer.BadParameter: it isn't one; names the field.
    """
    body: dict[str, Any] = _read(request_file) if request_file else {}
    defaults = {"deploymentId": deployment_id, "ttl": ttl} if not request_file else {}
    given = {
        "sovereignFQDN": fqdn,
        "loadBalancerIP": ip,
        "loadBalancerIPv6": ipv6,
        "consoleLoadBalancerIP": console_ip,
        "parentDomains": [{"name": name} for name in parents or []] or None,
        "pool": _pool(fqdn, pool, deployment_id, token_file),
        "subdomains": subdomains or None,
        "certificate": None if certificate else {"enabled": False},
        "removeWildcards": remove_wildcards or None,
        "takeover": takeover or None,
        "dryRun": dry_run or None,
    }
    body = defaults | body | {key: value for key, value in given.items() if value is not None}
    try:
        return ProvisionRequest.model_validate(body)
    except ValidationError as error:
        raise typer.BadParameter(explain(error)) from error


def _pool(fqdn: str | None, domain: str | None, deployment_id: str, token_file: Path | None) -> dict[str, Any] | None:
    if domain is None:
        return None
    token = token_file.read_text(encoding="utf-8").strip() if token_file else None
    return {
        "domain": domain,
        "subdomain": (fqdn or "").removesuffix(".").removesuffix(f".{domain}"),
        "reservationToken": token,
        "createdBy": f"sovereign-dns-cli-{deployment_id}",
    }


def _read(place: str) -> dict[str, Any]:
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
        body = json.loads(text)
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"--request {place}: {error}") from error
    if not isinstance(body, dict):
        raise typer.BadParameter(f"--request {place}: must be one JSON object")
    return body

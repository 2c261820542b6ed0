"""From the command line's options to the contract's JSON."""

import inspect
import json
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, Concatenate, TypeVar

import typer
from pydantic import ValidationError

from cli import display, recorded
from cli.changed_fields import changed_fields
from cli.recorded import NothingToRepeatError, RecordedRequest
from sovereign_dns import names
from sovereign_dns.contract import (
    CertificateRequest,
    ProvisionRequest,
    VerificationLevel,
    VerificationRequest,
    VerifyRequest,
)
from sovereign_dns.wire import StrictMessage, explain, wire_name

Built = TypeVar("Built", bound=StrictMessage)
Read = TypeVar("Read", bound=StrictMessage)

DEPLOYMENT_ID = "manual"
"""Of a request that comes from options alone."""

_OPTIONS = {
    "sovereignFQDN": "FQDN",
    "loadBalancerIP": "--ip",
    "loadBalancerIPv6": "--ipv6",
    "consoleLoadBalancerIP": "--console-ip",
    "parentDomains.name": "--parent",
    "deploymentId": "--deployment-id",
    "pool.domain": "--pool",
    "subdomains": "--subdomain",
    "ttl": "--ttl",
    "certificate.issuer": "--issuer",
    "removeWildcards": "--remove-wildcard",
    "verification.level": "--level",
}
"""What sets a field of a request on the command line."""

WITHIN_SECONDS = 20
"""Time for one look at every server, and a second one at those that said nothing."""

Fqdn = Annotated[str, typer.Argument(help="The Sovereign's FQDN, such as t110.omani.works.", show_default=False)]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="FQDN",
        help="The Sovereign's FQDN, or a workflow id such as parent-domain/omani.homes.",
        show_default=False,
    ),
]
OptionalFqdn = Annotated[str | None, typer.Argument(help="The Sovereign's FQDN.", show_default=False)]
Ip = Annotated[str | None, typer.Option("--ip", help="IPv4 address of its load balancer.", show_default=False)]
Ipv6 = Annotated[str | None, typer.Option("--ipv6", help="IPv6 address of its load balancer.", show_default=False)]
ConsoleIp = Annotated[
    str | None, typer.Option("--console-ip", help="Another address for console, api and marketplace.")
]
Parents = Annotated[list[str] | None, typer.Option("--parent", help="A parent domain; repeat for several.")]
DeploymentId = Annotated[
    str | None, typer.Option("--deployment-id", help="Named in every record's comment.", show_default=DEPLOYMENT_ID)
]
Pool = Annotated[str | None, typer.Option("--pool", help="The pool domain, for a name that PDM handed out.")]
TokenFile = Annotated[
    Path | None,
    typer.Option("--reservation-token-file", help="Where PDM's reservation token stands.", exists=True, dir_okay=False),
]
Subdomains = Annotated[list[str] | None, typer.Option("--subdomain", help="Replaces the canonical list; repeat.")]
Ttl = Annotated[
    int | None,
    typer.Option("--ttl", help="Seconds.", show_default=str(ProvisionRequest.model_fields["ttl"].default)),
]
Certificate = Annotated[
    bool | None,
    typer.Option("--certificate/--no-certificate", help="Whether to ask cert-manager.", show_default="certificate"),
]
Issuer = Annotated[
    str | None,
    typer.Option("--issuer", help="The ClusterIssuer that signs.", show_default=CertificateRequest().issuer),
]
RemoveWildcards = Annotated[list[str] | None, typer.Option("--remove-wildcard", help="A stale wildcard to remove.")]
Takeover = Annotated[
    bool | None,
    typer.Option(
        "--takeover/--no-takeover", help="Replace what belongs to another Sovereign.", show_default="no-takeover"
    ),
]
Level = Annotated[
    VerificationLevel | None,
    typer.Option("--level", help="How far answers are followed.", show_default=VerificationRequest().level),
]
Within = Annotated[int, typer.Option("--within", help="Seconds to wait for what is not as expected yet.")]
Again = Annotated[
    bool,
    typer.Option("--again", help="From the recorded input of its newest run. Other options override what they name."),
]
RequestFile = Annotated[
    str | None,
    typer.Option(
        "--request",
        help="The request as JSON: a file, or - for standard input. Other options override what they name.",
        show_default=False,
    ),
]


def build_request(
    fqdn: OptionalFqdn = None,
    *,
    ip: Ip = None,
    ipv6: Ipv6 = None,
    console_ip: ConsoleIp = None,
    parents: Parents = None,
    deployment_id: DeploymentId = None,
    pool: Pool = None,
    token_file: TokenFile = None,
    subdomains: Subdomains = None,
    ttl: Ttl = None,
    certificate: Certificate = None,
    issuer: Issuer = None,
    remove_wildcards: RemoveWildcards = None,
    takeover: Takeover = None,
    level: Level = None,
    request_file: RequestFile = None,
    again: Again = False,
) -> ProvisionRequest:
    """Builds the request from the options, over the JSON file or the recorded input where one is asked for.

    Raises:
        typer.BadParameter: it isn't one; names the field.
        NothingToRepeatError: there is no recorded input, or today's contract refuses it.
    """
    before = _newest(fqdn, request_file) if again else None
    body: dict[str, Any] = {"deploymentId": DEPLOYMENT_ID} if request_file is None else read_body(request_file)
    if before is not None:
        body = dict(before.body)
    body |= names_given(fqdn, ip, ipv6, console_ip, parents=parents, subdomains=subdomains, ttl=ttl)
    body |= given(deploymentId=deployment_id, removeWildcards=remove_wildcards or None, takeover=takeover)
    if of_certificate := given(enabled=certificate, issuer=issuer):
        body["certificate"] = over(body.get("certificate"), of_certificate)
    if level is not None:
        body["verification"] = over(body.get("verification"), {"level": level})
    if pool is not None:
        named = pool_name(body.get("sovereignFQDN"), pool)
        created_by = f"sovereign-dns-cli-{body.get('deploymentId')}"
        body["pool"] = over(body.get("pool"), named, or_new={"createdBy": created_by})
    if token_file is not None:
        body["pool"] = over(body.get("pool"), {"reservationToken": _token_in(token_file)})
    return read_as(ProvisionRequest, body) if before is None else _read_again(before, body)


def build_verification(
    fqdn: OptionalFqdn = None,
    *,
    ip: Ip = None,
    ipv6: Ipv6 = None,
    console_ip: ConsoleIp = None,
    parents: Parents = None,
    subdomains: Subdomains = None,
    ttl: Ttl = None,
    level: Level = None,
    within: Within = WITHIN_SECONDS,
    request_file: RequestFile = None,
    again: Again = False,
) -> VerifyRequest:
    """Builds what is to be verified. A file may hold the request by which it was provisioned, as the record does.

    Raises:
        typer.BadParameter: it isn't one; names the field.
        NothingToRepeatError: there is no recorded input.
    """
    told = {} if request_file is None else read_body(request_file)
    if again:
        told = _newest(fqdn, request_file).body
    only_written = {wire_name(field) for field in ProvisionRequest.model_fields.keys() - VerifyRequest.model_fields}
    body = {key: value for key, value in told.items() if key not in only_written}
    body |= names_given(fqdn, ip, ipv6, console_ip, parents=parents, subdomains=subdomains, ttl=ttl)
    body["verification"] = over(body.get("verification"), given(level=level) | {"deadlineSeconds": within})
    return read_as(VerifyRequest, body)


def names_given(
    fqdn: str | None,
    ip: str | None,
    ipv6: str | None,
    console_ip: str | None,
    *,
    parents: list[str] | None = None,
    subdomains: list[str] | None = None,
    ttl: int | None = None,
) -> dict[str, Any]:
    """The fields that say which names a Sovereign has, and where they lead."""
    return given(
        sovereignFQDN=fqdn,
        loadBalancerIP=ip,
        loadBalancerIPv6=ipv6,
        consoleLoadBalancerIP=console_ip,
        parentDomains=[{"name": name} for name in parents or []] or None,
        subdomains=subdomains or None,
        ttl=ttl,
    )


def given(**options: object) -> dict[str, Any]:
    """Those that are given, by their JSON names."""
    return {key: value for key, value in options.items() if value is not None}


def named(run: str) -> str:
    """What a run is known by: a workflow id as it is, or a Sovereign's FQDN as the contract spells it.

    Raises:
        typer.BadParameter: it is neither.
    """
    return run if "/" in run else normalised(run)


def normalised(fqdn: str) -> str:
    """The FQDN as the contract spells it.

    Raises:
        typer.BadParameter: it is none.
    """
    try:
        return names.normalise_fqdn(fqdn)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def _newest(fqdn: str | None, request_file: str | None) -> RecordedRequest:
    if fqdn is None:
        raise typer.BadParameter("--again needs the Sovereign's FQDN")
    if request_file is not None:
        raise typer.BadParameter("--again takes the recorded input, and --request another one: give one of them")
    return recorded.newest_request(normalised(fqdn))


def _read_again(before: RecordedRequest, body: dict[str, Any]) -> ProvisionRequest:
    """The recorded input with what is given. It is shown, since nobody has typed it."""
    try:
        wanted = ProvisionRequest.model_validate(body)
    except ValidationError as error:
        _insist_that_it_would_serve(before)
        raise typer.BadParameter(explain(error, _OPTIONS)) from error
    shown = wanted
    if wanted.pool and wanted.pool.reservation_token:
        shown = wanted.changed(pool=wanted.pool.changed(reservation_token="(not shown)"))  # noqa: S106 (no token)
    terminal = display.console(stderr=True)
    terminal.print(
        f"from the recorded input ({before}), defaults left out: {shown.model_dump_json(exclude_defaults=True)}",
        markup=False,
    )
    changed = "; ".join(changed_fields(before.body, body))
    terminal.print(
        f"changed against the recorded run: {changed}" if changed else "nothing is changed against the recorded run",
        markup=False,
    )
    return wanted


def _insist_that_it_would_serve(before: RecordedRequest) -> None:
    """Whose fault a refusal is: that of the record, or of the options."""
    try:
        ProvisionRequest.model_validate(before.body)
    except ValidationError as error:
        raise NothingToRepeatError(
            f"the recorded input ({before}) is refused by the contract of today: {explain(error)}. Give what is wrong "
            "as an option (sovereign-dns provision --help), or the whole request with --request FILE instead of --again"
        ) from error


def read_as(kind: type[Read], body: dict[str, Any], options: Mapping[str, str] | None = None) -> Read:
    """A message of the contract.

    Args:
        kind: of message.
        body: its JSON.
        options: what sets its fields on this command line, where it is not the same as on others.

    Raises:
        typer.BadParameter: it isn't one; names the field.
    """
    try:
        return kind.model_validate(body)
    except ValidationError as error:
        raise typer.BadParameter(explain(error, _OPTIONS | dict(options or {}))) from error


def built_by(build: Callable[..., Built]) -> Callable[[Callable[Concatenate[Built, ...], None]], Callable[..., None]]:
    """Gives a command the options of a function, and what it builds of them as the first argument.

    Typer learns a command's options from its signature.
    """
    options = inspect.signature(build).parameters

    def decorate(command: Callable[Concatenate[Built, ...], None]) -> Callable[..., None]:
        _, *own_options = inspect.signature(command).parameters.values()

        @wraps(command)
        def run(**given: Any) -> None:
            wanted = build(**{name: given.pop(name) for name in options})
            command(wanted, **given)

        vars(run)["__signature__"] = inspect.Signature([*options.values(), *own_options])
        return run

    return decorate


def over(existing: object, options: dict[str, Any], *, or_new: dict[str, Any] | None = None) -> object:
    """The file's object with these options. One that is mistyped stays as it is, for the contract to refuse."""
    if existing is None:
        return (or_new or {}) | options
    return existing | options if isinstance(existing, dict) else existing


def pool_name(fqdn: object, domain: str) -> dict[str, str]:
    """The name within its pool, however both are spelled; what is no name is left to the contract to refuse.

    Raises:
        typer.BadParameter: the name doesn't lie below the pool domain.
    """
    try:
        normal, pool = names.normalise_fqdn(str(fqdn or "")), names.normalise_fqdn(domain)
    except ValueError:
        return {"domain": domain, "subdomain": str(fqdn or "")}
    if normal == pool or not names.is_at_or_below(normal, pool):
        raise typer.BadParameter(f"{normal} doesn't lie below {pool}, so it can't be a name of that pool (--pool)")
    return {"domain": domain, "subdomain": normal.removesuffix(f".{pool}")}


def _token_in(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise typer.BadParameter(f"--reservation-token-file {file}: {error}") from error


def read_body(place: str) -> dict[str, Any]:
    """The JSON object in a file, or on standard input where the place is `-`.

    Raises:
        typer.BadParameter: there is none.
    """
    try:
        text = sys.stdin.read() if place == "-" else Path(place).read_text(encoding="utf-8")
        body = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise typer.BadParameter(f"--request {place}: {error}") from error
    if not isinstance(body, dict):
        raise typer.BadParameter(f"--request {place}: must be one JSON object")
    return body

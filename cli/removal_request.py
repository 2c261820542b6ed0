"""From the command line's options to what is taken away. What is not given comes from the recorded provisioning."""

from typing import Annotated, Any

import typer

from cli import display, recorded, request
from cli.changed_fields import shown
from cli.recorded import NothingToRepeatError
from cli.request import ConsoleIp, Fqdn, Ip, Ipv6, Subdomains
from sovereign_dns.contract import VerificationLevel
from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemoveParentDomainRequest

Parents = Annotated[
    list[str] | None,
    typer.Option("--parent", help="A parent domain; repeat.", show_default="those of its provisioning"),
]
DeploymentId = Annotated[
    str | None,
    typer.Option(
        "--deployment-id",
        help="Refuse where records are of another deployment of this Sovereign.",
        show_default="every deployment",
    ),
]
Pool = Annotated[
    str | None, typer.Option("--pool", help="The pool domain of its name.", show_default="that of its provisioning")
]
KeepPool = Annotated[bool, typer.Option("--keep-pool", help="Leave the pool name with PDM.")]
KeepCertificates = Annotated[bool, typer.Option("--keep-certificates", help="Leave its Certificates.")]
CertificateNamespace = Annotated[
    str | None,
    typer.Option("--certificate-namespace", help="Where they are.", show_default="that of its provisioning"),
]
Level = Annotated[
    VerificationLevel | None, typer.Option("--level", help="How far the proof reaches.", show_default="propagated")
]
Domain = Annotated[str, typer.Argument(metavar="NAME", help="The parent domain.", show_default=False)]
OfSovereign = Annotated[str, typer.Option("--sovereign", help="The Sovereign's FQDN.", show_default=False)]

_ADDRESSES = ("loadBalancerIP", "loadBalancerIPv6", "consoleLoadBalancerIP")


def build_deprovision(
    fqdn: Fqdn,
    *,
    ip: Ip = None,
    ipv6: Ipv6 = None,
    console_ip: ConsoleIp = None,
    parents: Parents = None,
    deployment_id: DeploymentId = None,
    pool: Pool = None,
    keep_pool: KeepPool = False,
    subdomains: Subdomains = None,
    keep_certificates: KeepCertificates = False,
    certificate_namespace: CertificateNamespace = None,
    level: Level = None,
) -> DeprovisionRequest:
    """Builds the request.

    Raises:
        typer.BadParameter: it isn't one; names the field.
    """
    given = _given(fqdn, ip, ipv6, console_ip, deployment_id, subdomains, certificate_namespace, level)
    if parents:
        given["parentDomains"] = [{"name": name} for name in parents]
    if pool is not None:
        given["pool"] = request.pool_name(fqdn, pool)
    body = _over_recorded(given, fqdn, ("parentDomains", "pool"))
    body |= {"releasePool": not keep_pool, "deleteCertificates": not keep_certificates}
    return request.read_as(DeprovisionRequest, body)


def build_domain_removal(
    name: Domain,
    *,
    sovereign: OfSovereign,
    ip: Ip = None,
    ipv6: Ipv6 = None,
    console_ip: ConsoleIp = None,
    deployment_id: DeploymentId = None,
    subdomains: Subdomains = None,
    keep_certificates: KeepCertificates = False,
    certificate_namespace: CertificateNamespace = None,
    level: Level = None,
) -> RemoveParentDomainRequest:
    """Builds the request.

    Raises:
        typer.BadParameter: it isn't one; names the field.
    """
    given = _given(sovereign, ip, ipv6, console_ip, deployment_id, subdomains, certificate_namespace, level)
    body = _over_recorded(given, sovereign, ()) | {"name": name, "deleteCertificates": not keep_certificates}
    return request.read_as(RemoveParentDomainRequest, body, {"name": "NAME", "sovereignFQDN": "--sovereign"})


def _given(
    fqdn: str,
    ip: str | None,
    ipv6: str | None,
    console_ip: str | None,
    deployment_id: str | None,
    subdomains: list[str] | None,
    certificate_namespace: str | None,
    level: VerificationLevel | None,
) -> dict[str, Any]:
    return request.names_given(fqdn, ip, ipv6, console_ip, subdomains=subdomains) | request.given(
        deploymentId=deployment_id,
        certificateNamespace=certificate_namespace,
        verification={"level": level} if level else None,
    )


def _over_recorded(given: dict[str, Any], fqdn: str, more: tuple[str, ...]) -> dict[str, Any]:
    """What is given, and for the rest what the newest provisioning was asked for. It is shown: nobody has typed it."""
    terminal = display.console(stderr=True)
    try:
        before = recorded.newest_request(request.normalised(fqdn))
    except NothingToRepeatError:
        terminal.print(
            f"no provisioning of {fqdn} is recorded in this namespace: what its owner comments name is found. Records "
            "from before there were comments need --ip, a pool name --pool, Certificates elsewhere than in kube-system "
            "--certificate-namespace",
            markup=False,
        )
        return given
    taken = {field: value for field, value in _removable(before.body, more).items() if field not in given}
    if taken:
        told = "; ".join(f"{field} {_as_typed(value)}" for field, value in taken.items())
        terminal.print(f"from its recorded provisioning ({before}): {told}", markup=False)
    return taken | given


def _as_typed(value: object) -> str:
    """A list of names, or of what has one, as people type it."""
    if isinstance(value, list):
        return ", ".join(str(item.get("name")) if isinstance(item, dict) else str(item) for item in value)
    return shown(value)


def _removable(body: dict[str, Any], more: tuple[str, ...]) -> dict[str, Any]:
    """Of a provisioning's request, what says where a Sovereign's things are."""
    fields = {field: body.get(field) for field in (*_ADDRESSES, "subdomains", *more)}
    if isinstance(pool := fields.get("pool"), dict):
        fields["pool"] = {key: pool.get(key) for key in ("domain", "subdomain")}
    if isinstance(certificate := body.get("certificate"), dict):
        fields |= {"certificateNamespace": certificate.get("namespace"), "certificateName": certificate.get("name")}
    return {field: value for field, value in fields.items() if value}

"""What a run is for, by its workflow type and its input: its headline, and the command that asks for the same again."""

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cli.following import Handle
from cli.recorded import input_at
from sovereign_dns import audit_contract, contract, failures
from sovereign_dns.contract import CertificateRequest, ProvisionRequest, VerificationRequest
from sovereign_dns.failures import Kind

PROVISION_AGAIN = "sovereign-dns provision --again"

_REMOVES = {contract.DEPROVISION_SOVEREIGN, contract.REMOVE_PARENT_DOMAIN, audit_contract.FIX_FINDING}

_ADDRESSES = {"loadBalancerIP": "--ip", "loadBalancerIPv6": "--ipv6", "consoleLoadBalancerIP": "--console-ip"}
_OF_REMOVAL = _ADDRESSES | {"deploymentId": "--deployment-id", "certificateNamespace": "--certificate-namespace"}
_OF_ADDING = _ADDRESSES | {"deploymentId": "--deployment-id", "role": "--role", "ttl": "--ttl"}
_OF_REGISTRAR = {"kind": "--registrar", "credentialsRef": "--credentials", "glueIP": "--glue-ip"}

_LEFT_OUT = {
    "--level": VerificationRequest().level,
    "--ttl": ProvisionRequest.model_fields["ttl"].default,
    "--issuer": CertificateRequest().issuer,
    "--certificate-namespace": CertificateRequest().namespace,
}
"""What needs no option, since it is so without one."""


@dataclass(frozen=True)
class Purpose:
    """`subject` is None where the run's own status says it; `command` where nobody can say what it was started with."""

    workflow_type: str
    subject: str | None
    command: str | None

    def how_to_start_again(self, failure: str | None = None) -> str:
        """For a run that has ended without everything done, perhaps with this failure (`type: message`)."""
        if self.command is None:
            return "to start it again, give the command that it was started with"
        if self.workflow_type == contract.PROVISION_SOVEREIGN:
            return f"to start it again from its own input, with options over what shall change: {self.command}"
        if is_refused(failure):
            return f"it was refused as it was asked for. Correct what the failure names, and ask again: {self.command}"
        left = " for what is left of it" if self.workflow_type in _REMOVES else ""
        return f"to start it again{left}: {self.command}"


def is_refused(failure: str | None) -> bool:
    """Whether it failed for good, as it was asked for: the same again would fail again."""
    known = failures.by_error_type().get((failure or "").partition(":")[0])
    return known is not None and known.kind is Kind.REFUSED


def purpose_of(workflow_type: str, body: Mapping[str, Any], workflow_id: str = "") -> Purpose:
    """What a run of this type with this input is for. Where the input names no Sovereign, its workflow id may."""
    fqdn = str(body.get("sovereignFQDN") or workflow_id.removeprefix("sovereign/"))
    name = str(body.get("name") or "NAME")
    subject: str | None
    command: str | None
    match workflow_type:
        case contract.PROVISION_SOVEREIGN:
            subject, command = None, f"{PROVISION_AGAIN} {fqdn}"
        case contract.VERIFY_SOVEREIGN:
            subject, command = None, f"sovereign-dns verify --again {fqdn}"
        case contract.DEPROVISION_SOVEREIGN:
            subject, command = f"removal of {fqdn}", _command(["deprovision", fqdn, *_of_removal(body)])
        case contract.REMOVE_PARENT_DOMAIN:
            words = ["remove-domain", name, "--sovereign", fqdn, *_of_removal(body)]
            subject, command = f"removal of {fqdn} under {name}", _command(words)
        case contract.ADD_PARENT_DOMAIN:
            words = ["add-domain", name, "--sovereign", fqdn, *_of_adding(body)]
            subject, command = f"{fqdn} under {name}", _command(words)
        case contract.RESTORE_RECORDS:
            subject, command = _restoring(body)
        case audit_contract.FIX_FINDING:
            subject, command = _fixing(_part(body, "finding"))
        case _:
            subject, command = None, None
    return Purpose(workflow_type, subject, command)


def _of_removal(body: Mapping[str, Any]) -> Iterable[str]:
    yield from _valued(body, _OF_REMOVAL)
    for parent in body.get("parentDomains") or []:
        yield from ("--parent", str(parent.get("name") if isinstance(parent, dict) else parent))
    yield from _valued(_part(body, "pool"), {"domain": "--pool"})
    yield from _repeated(body, "subdomains", "--subdomain")
    if body.get("releasePool") is False:
        yield "--keep-pool"
    if body.get("deleteCertificates") is False:
        yield "--keep-certificates"
    yield from _valued(_part(body, "verification"), {"level": "--level"})


def _of_adding(body: Mapping[str, Any]) -> Iterable[str]:
    yield from _valued(body, _OF_ADDING)
    yield from _valued(_part(body, "registrar"), _OF_REGISTRAR)
    yield from _repeated(body, "nameservers", "--nameserver")
    yield from _repeated(body, "subdomains", "--subdomain")
    yield from _valued(_part(body, "certificate"), {"issuer": "--issuer"})
    yield from _valued(_part(body, "verification"), {"level": "--level"})


def _restoring(body: Mapping[str, Any]) -> tuple[str, str | None]:
    """`restore` names the run that it restores by its workflow id and run id; others may name it as they like."""
    restored = str(body.get("restores") or "a run")
    named = re.fullmatch(r"(\S+) ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", restored)
    if named is None:
        return f"restoring what {restored} took away", None
    return f"restoring what {named[1]} took away", _command(["restore", named[1], "--run-id", named[2]])


def _fixing(finding: Mapping[str, Any]) -> tuple[str | None, str | None]:
    if not finding:
        return None, None
    subject = f"removal of {finding.get('name')} {finding.get('type')}, which an audit found"
    return subject, _command(["audit", "fix", str(finding.get("id"))])


def _valued(body: Mapping[str, Any], options: Mapping[str, str]) -> Iterable[str]:
    for field, option in options.items():
        if body.get(field) and body[field] != _LEFT_OUT.get(option):
            yield from (option, str(body[field]))


def _repeated(body: Mapping[str, Any], field: str, option: str) -> Iterable[str]:
    for value in body.get(field) or []:
        yield from (option, str(value))


def _part(body: Mapping[str, Any], field: str) -> Mapping[str, Any]:
    part = body.get(field)
    return part if isinstance(part, dict) else {}


def _command(words: Iterable[str]) -> str:
    return f"sovereign-dns {shlex.join(words)}"


async def purpose_of_run(handle: Handle) -> Purpose:
    """What a run is for, whether or not its input can be read."""
    description = await handle.describe()
    return purpose_of(description.workflow_type, await input_at(handle, description.data_converter) or {}, handle.id)

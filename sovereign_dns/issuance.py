"""cert-manager's Certificate: what we ask for, when it is ready, and why it is not. Pure.

Objects are the plain JSON of the Kubernetes API. The conditions and reasons are described on
https://cert-manager.io/docs/reference/api-docs/.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sovereign_dns.contract import CertificateStatus, Owner
from sovereign_dns.wire import Message

KubernetesObject = Mapping[str, Any]

SOVEREIGN_LABEL = "catalyst.openova.io/sovereign"
COMPONENT_LABEL = "catalyst.openova.io/component"
COMPONENT = "sovereign-dns"
OWNER_ANNOTATION = "sovereign-dns.openova.io/owner"
DEPLOYMENT_ANNOTATION = "sovereign-dns.openova.io/deployment"
REVISION_ANNOTATION = "cert-manager.io/certificate-revision"

LONGEST_LABEL_VALUE = 63
"""Kubernetes' limit, which an FQDN may exceed: the annotation always holds it, the label where it fits."""

NAMES_SHOWN = 3
"""Of the DNS names in a difference; a Certificate of somebody else's may have a hundred."""


class WantedCertificate(Message):
    """The Certificate of one host; its Secret has the same name, where no other one is named.

    With `in_place_of`, one that is there and asks for something else is changed only where it names exactly these: none
    of them where none may be there.
    """

    name: str
    namespace: str
    issuer: str
    issuer_kind: str = "ClusterIssuer"
    dns_names: list[str]
    secret_name: str | None = None
    owner: Owner
    in_place_of: list[str] | None = None


def selecting_labels(sovereign_fqdn: str) -> dict[str, str]:
    """By which its Certificates are listed: its own label, or, where its name is too long for one, everybody's."""
    if len(sovereign_fqdn) <= LONGEST_LABEL_VALUE:
        return {SOVEREIGN_LABEL: sovereign_fqdn}
    return {COMPONENT_LABEL: COMPONENT}


def manifest(wanted: WantedCertificate) -> dict[str, Any]:
    """What we apply. No common name: it adds nothing to the DNS names (RFC 9525 §2), and holds 64 octets at most."""
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {
            "name": wanted.name,
            "namespace": wanted.namespace,
            "labels": {COMPONENT_LABEL: COMPONENT} | selecting_labels(wanted.owner.sovereign_fqdn),
            "annotations": {
                OWNER_ANNOTATION: wanted.owner.sovereign_fqdn,
                DEPLOYMENT_ANNOTATION: wanted.owner.deployment_id,
            },
        },
        "spec": {
            "secretName": wanted.secret_name or wanted.name,
            "dnsNames": wanted.dns_names,
            "issuerRef": {"name": wanted.issuer, "kind": wanted.issuer_kind, "group": "cert-manager.io"},
        },
    }


def is_as_wanted(certificate: KubernetesObject, wanted: WantedCertificate) -> bool:
    """Whether its spec asks for exactly what is wanted, whoever wrote it.

    One that is right is never touched: Let's Encrypt counts duplicates.
    """
    return not differences(certificate, wanted)


def differences(certificate: KubernetesObject, wanted: WantedCertificate) -> list[str]:
    """What its spec asks for and what is wanted instead, field by field; nothing where it is as wanted."""
    return list(_differences(_spec(certificate), wanted))


def _differences(spec: Mapping[str, Any], wanted: WantedCertificate) -> Iterator[str]:
    issuer = spec.get("issuerRef") or {}
    kind = issuer.get("kind") or "Issuer"
    if kind != wanted.issuer_kind and issuer:
        yield f"issuer {kind} {issuer.get('name')} -> {wanted.issuer_kind} {wanted.issuer}"
    elif issuer.get("name") != wanted.issuer:
        yield f"issuer {issuer.get('name') or 'none'} -> {wanted.issuer}"
    names = spec.get("dnsNames") or []
    if sorted(names) != sorted(wanted.dns_names):
        yield f"dnsNames {_some_of(names)} -> {_some_of(wanted.dns_names)}"
    secret_name = wanted.secret_name or wanted.name
    if spec.get("secretName") != secret_name:
        yield f"secretName {spec.get('secretName') or 'none'} -> {secret_name}"


def _some_of(names: Sequence[str]) -> str:
    more = len(names) - NAMES_SHOWN
    shown = ", ".join(names[:NAMES_SHOWN]) or "none"
    return f"{shown} and {more} more" if more > 0 else shown


def may_be_changed(certificate: KubernetesObject, wanted: WantedCertificate) -> bool:
    """Whether what is wanted may take its place; whose it is stands on another page."""
    if wanted.in_place_of is None or is_as_wanted(certificate, wanted):
        return True
    return sorted(_spec(certificate).get("dnsNames") or []) == sorted(wanted.in_place_of)


def owner_of(certificate: KubernetesObject) -> str | None:
    """The FQDN of the Sovereign that the Certificate belongs to, as its annotation or label says."""
    metadata = _metadata(certificate)
    owner = (metadata.get("annotations") or {}).get(OWNER_ANNOTATION)
    return owner or (metadata.get("labels") or {}).get(SOVEREIGN_LABEL)


def status_of(certificate: KubernetesObject) -> CertificateStatus:
    """The Certificate's own word. A Ready condition about an earlier generation of its spec is stale, and not ready."""
    metadata, status = _metadata(certificate), certificate.get("status") or {}
    ready = _current_condition(certificate, "Ready")
    is_ready = ready is not None and ready.get("status") == "True"
    return CertificateStatus(
        name=str(metadata.get("name")),
        namespace=str(metadata.get("namespace")),
        dns_names=list(_spec(certificate).get("dnsNames") or []),
        ready=is_ready,
        not_after=_moment(status.get("notAfter")) if is_ready else None,
        reason=None if is_ready else _own_reason(certificate, ready),
    )


def _own_reason(certificate: KubernetesObject, ready: Mapping[str, Any] | None) -> str:
    issuing = _current_condition(certificate, "Issuing")
    if issuing and issuing.get("status") == "False":
        failed = (certificate.get("status") or {}).get("lastFailureTime")
        since = f" (last attempt failed at {failed}; cert-manager tries again by itself)" if failed else ""
        return f"{_said(issuing)}{since}"
    return _said(ready) if ready else "cert-manager has not looked at it yet; does its controller run?"


def deepest_reason(
    certificate: KubernetesObject,
    requests: Sequence[KubernetesObject],
    orders: Sequence[KubernetesObject],
    challenges: Sequence[KubernetesObject],
) -> str | None:
    """Why it is not issued, as far down as cert-manager's objects tell: request, order, challenge."""
    request = _request_in_progress(certificate, requests)
    if request is None:
        return None
    reason = None
    ready = condition(request, "Ready")
    if ready and ready.get("status") != "True":
        reason = f"CertificateRequest {_metadata(request).get('name')}: {_said(ready)}"
    order = next((order for order in orders if _is_owned_by(order, request)), None)
    if order is None:
        return reason
    reason = _stage_reason("Order", order) or reason
    stuck = [c for c in challenges if _is_owned_by(c, order) and (c.get("status") or {}).get("state") != "valid"]
    told = [text for text in (_stage_reason("Challenge", challenge) for challenge in stuck) if text]
    return told[0] if told else reason


def missing_issuer(certificate: KubernetesObject, requests: Sequence[KubernetesObject]) -> str | None:
    """cert-manager's words where the request waits for an issuer that doesn't exist."""
    request = _request_in_progress(certificate, requests)
    ready = condition(request, "Ready") if request else None
    message = str((ready or {}).get("message") or "")
    return message if re.search(r"[Ii]ssuer.* not found", message) else None


def condition(subject: KubernetesObject, kind: str) -> Mapping[str, Any] | None:
    """A condition by its type, or None."""
    conditions = (subject.get("status") or {}).get("conditions") or []
    return next((c for c in conditions if isinstance(c, Mapping) and c.get("type") == kind), None)


def _current_condition(certificate: KubernetesObject, kind: str) -> Mapping[str, Any] | None:
    """A Certificate's condition, unless it speaks of an earlier generation of the spec."""
    found = condition(certificate, kind)
    return found if found is not None and _is_current(certificate, found) else None


def _is_current(certificate: KubernetesObject, found: Mapping[str, Any]) -> bool:
    return int(found.get("observedGeneration") or 0) >= int(_metadata(certificate).get("generation") or 0)


def _request_in_progress(
    certificate: KubernetesObject, requests: Sequence[KubernetesObject]
) -> KubernetesObject | None:
    """The owned CertificateRequest of the next revision (`status.revision` + 1, or 1 for the first).

    After a change of the spec, the former request has that revision too, until cert-manager deletes it: none is
    believed before cert-manager has looked at the change, nor ever one to another issuer.
    """
    ready = condition(certificate, "Ready")
    if ready is not None and not _is_current(certificate, ready):
        return None
    revision = str(int((certificate.get("status") or {}).get("revision") or 0) + 1)
    issuer = _issuer(certificate)
    owned = [r for r in requests if _is_owned_by(r, certificate) and _issuer(r) == issuer]
    return next(
        (r for r in owned if (_metadata(r).get("annotations") or {}).get(REVISION_ANNOTATION) == revision), None
    )


def _issuer(subject: KubernetesObject) -> tuple[Any, Any, Any]:
    """Name, kind and group of an `issuerRef`, with the defaults of cert-manager's schema."""
    issuer = _spec(subject).get("issuerRef") or {}
    return issuer.get("name"), issuer.get("kind") or "Issuer", issuer.get("group") or "cert-manager.io"


def _is_owned_by(subject: KubernetesObject, owner: KubernetesObject) -> bool:
    uid = _metadata(owner).get("uid")
    return any(reference.get("uid") == uid for reference in _metadata(subject).get("ownerReferences") or [])


def _stage_reason(stage: str, subject: KubernetesObject) -> str | None:
    status = subject.get("status") or {}
    if not status.get("reason"):
        return None
    name = _spec(subject).get("dnsName") or _metadata(subject).get("name")
    return f"{stage} {name} is {status.get('state') or 'pending'}: {status['reason']}"


def _said(condition_: Mapping[str, Any]) -> str:
    return f"{condition_.get('reason')}: {condition_.get('message')}"


def _spec(subject: KubernetesObject) -> Mapping[str, Any]:
    return subject.get("spec") or {}


def _metadata(subject: KubernetesObject) -> Mapping[str, Any]:
    metadata = subject.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None

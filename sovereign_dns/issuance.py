"""cert-manager's Certificate: what we ask for, when it is ready, and why it is not. Pure.

Objects are the plain JSON of the Kubernetes API. The conditions and reasons are described on
https://cert-manager.io/docs/reference/api-docs/.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sovereign_dns.contract import CertificateStatus, Owner
from sovereign_dns.wire import Message

KubernetesObject = Mapping[str, Any]

SOVEREIGN_LABEL = "catalyst.openova.io/sovereign"
COMPONENT_LABEL = "catalyst.openova.io/component"
OWNER_ANNOTATION = "sovereign-dns.openova.io/owner"
DEPLOYMENT_ANNOTATION = "sovereign-dns.openova.io/deployment"
REVISION_ANNOTATION = "cert-manager.io/certificate-revision"

LONGEST_LABEL_VALUE = 63
"""Kubernetes' limit, which an FQDN may exceed: the annotation always holds it, the label where it fits."""


class WantedCertificate(Message):
    """The Certificate of one host; its Secret has the same name."""

    name: str
    namespace: str
    issuer: str
    dns_names: list[str]
    owner: Owner


def manifest(wanted: WantedCertificate) -> dict[str, Any]:
    """What we apply. No common name: it adds nothing to the DNS names (RFC 9525 §2), and holds 64 octets at most."""
    labels = {COMPONENT_LABEL: "sovereign-dns"}
    if len(wanted.owner.sovereign_fqdn) <= LONGEST_LABEL_VALUE:
        labels[SOVEREIGN_LABEL] = wanted.owner.sovereign_fqdn
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": {
            "name": wanted.name,
            "namespace": wanted.namespace,
            "labels": labels,
            "annotations": {
                OWNER_ANNOTATION: wanted.owner.sovereign_fqdn,
                DEPLOYMENT_ANNOTATION: wanted.owner.deployment_id,
            },
        },
        "spec": {
            "secretName": wanted.name,
            "dnsNames": wanted.dns_names,
            "issuerRef": {"name": wanted.issuer, "kind": "ClusterIssuer", "group": "cert-manager.io"},
        },
    }


def is_as_wanted(certificate: KubernetesObject, wanted: WantedCertificate) -> bool:
    """Whether its spec asks for exactly what is wanted, whoever wrote it.

    One that is right is never touched: Let's Encrypt counts duplicates.
    """
    spec = certificate.get("spec") or {}
    issuer = spec.get("issuerRef") or {}
    return (
        sorted(spec.get("dnsNames") or []) == sorted(wanted.dns_names)
        and spec.get("secretName") == wanted.name
        and issuer.get("name") == wanted.issuer
        and issuer.get("kind") == "ClusterIssuer"
    )


def owner_of(certificate: KubernetesObject) -> str | None:
    """The FQDN of the Sovereign that the Certificate belongs to, as its annotation or label says."""
    metadata = _metadata(certificate)
    owner = (metadata.get("annotations") or {}).get(OWNER_ANNOTATION)
    return owner or (metadata.get("labels") or {}).get(SOVEREIGN_LABEL)


def status_of(certificate: KubernetesObject) -> CertificateStatus:
    """The Certificate's own word. A Ready condition about an earlier generation of its spec is stale, and not ready."""
    metadata, status = _metadata(certificate), certificate.get("status") or {}
    ready = condition(certificate, "Ready") or {}
    current = int(ready.get("observedGeneration") or 0) >= int(metadata.get("generation") or 0)
    is_ready = ready.get("status") == "True" and current
    return CertificateStatus(
        name=str(metadata.get("name")),
        namespace=str(metadata.get("namespace")),
        dns_names=list((certificate.get("spec") or {}).get("dnsNames") or []),
        ready=is_ready,
        not_after=_moment(status.get("notAfter")) if is_ready else None,
        reason=None if is_ready else _own_reason(certificate, ready, current=current),
    )


def _own_reason(certificate: KubernetesObject, ready: Mapping[str, Any], *, current: bool) -> str:
    issuing = condition(certificate, "Issuing")
    if issuing and issuing.get("status") == "False":
        failed = (certificate.get("status") or {}).get("lastFailureTime")
        since = f" (last attempt failed at {failed}; cert-manager tries again by itself)" if failed else ""
        return f"{_said(issuing)}{since}"
    if not ready or (ready.get("status") == "True" and not current):
        return "cert-manager has not looked at it yet; does its controller run?"
    return _said(ready)


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


def _request_in_progress(
    certificate: KubernetesObject, requests: Sequence[KubernetesObject]
) -> KubernetesObject | None:
    """The owned CertificateRequest of the next revision (`status.revision` + 1, or 1 for the first)."""
    revision = str(int((certificate.get("status") or {}).get("revision") or 0) + 1)
    owned = [request for request in requests if _is_owned_by(request, certificate)]
    return next(
        (r for r in owned if (_metadata(r).get("annotations") or {}).get(REVISION_ANNOTATION) == revision), None
    )


def _is_owned_by(subject: KubernetesObject, owner: KubernetesObject) -> bool:
    uid = _metadata(owner).get("uid")
    return any(reference.get("uid") == uid for reference in _metadata(subject).get("ownerReferences") or [])


def _stage_reason(stage: str, subject: KubernetesObject) -> str | None:
    status = subject.get("status") or {}
    if not status.get("reason"):
        return None
    name = (subject.get("spec") or {}).get("dnsName") or _metadata(subject).get("name")
    return f"{stage} {name} is {status.get('state') or 'pending'}: {status['reason']}"


def _said(condition_: Mapping[str, Any]) -> str:
    return f"{condition_.get('reason')}: {condition_.get('message')}"


def _metadata(subject: KubernetesObject) -> Mapping[str, Any]:
    metadata = subject.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _moment(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None

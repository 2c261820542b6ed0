"""The resource types that are served, and what makes an object invalid."""

import re
from typing import Any

from devstack.simulators.kubernetes_objects import Object
from devstack.simulators.kubernetes_status import Cause, Resource, StatusError, invalid

CERTIFICATE = Resource("cert-manager.io", "certificates", "Certificate")
REQUEST = Resource("cert-manager.io", "certificaterequests", "CertificateRequest")
ISSUER = Resource("cert-manager.io", "issuers", "Issuer")
CLUSTER_ISSUER = Resource("cert-manager.io", "clusterissuers", "ClusterIssuer", namespaced=False)
ORDER = Resource("acme.cert-manager.io", "orders", "Order")
CHALLENGE = Resource("acme.cert-manager.io", "challenges", "Challenge")
RESOURCES = {
    (resource.group, resource.version, resource.plural): resource
    for resource in (CERTIFICATE, REQUEST, ISSUER, CLUSTER_ISSUER, ORDER, CHALLENGE)
}

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_VALUE = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_SUBDOMAIN_RULE = "it takes a-z, 0-9, '-' and '.', and a letter or digit at both ends of each part (RFC 1123)"
_LABEL_VALUE_RULE = "it takes letters, digits, '-', '_' and '.', and a letter or digit at both ends, unless it is empty"
_COMMON_NAME_BYTES = 64  # RFC 5280, ub-common-name


def validate(resource: Resource, obj: Object) -> None:
    """Check an object against the rules of its metadata and its schema.

    Raises:
        StatusError: 422 with a cause for each mistake; 403 where cert-manager's webhook would refuse.
    """
    name = obj["metadata"]["name"]
    causes = _metadata_mistakes(obj["metadata"])
    if resource is CERTIFICATE:
        causes += _certificate_mistakes(obj.get("spec"))
    if causes:
        raise invalid(resource, name, causes)
    if resource is CERTIFICATE:
        _ask_webhook(obj["spec"])


def _metadata_mistakes(metadata: dict[str, Any]) -> list[Cause]:
    name = metadata["name"]
    causes = []
    if not _SUBDOMAIN.fullmatch(name):
        causes.append(_wrong("metadata.name", f'"{name}"', _SUBDOMAIN_RULE))
    if len(name) > 253:
        causes.append(_wrong("metadata.name", f'"{name}"', "it is longer than 253 characters"))
    for value in (metadata.get("labels") or {}).values():
        if not isinstance(value, str) or not _LABEL_VALUE.fullmatch(value):
            causes.append(_wrong("metadata.labels", f'"{value}"', _LABEL_VALUE_RULE))
        elif len(value) > 63:
            causes.append(_wrong("metadata.labels", f'"{value}"', "it is longer than 63 characters"))
    return causes


def _certificate_mistakes(spec: Any) -> list[Cause]:
    if not isinstance(spec, dict):
        return [_missing("spec")]
    causes = [_missing(f"spec.{field}") for field in ("issuerRef", "secretName") if field not in spec]
    issuer = spec.get("issuerRef", {"name": ""})
    if not isinstance(issuer, dict):
        causes.append(_mistyped("spec.issuerRef", issuer, "object"))
    elif "name" not in issuer:
        causes.append(_missing("spec.issuerRef.name"))
    strings = (field for field in ("secretName", "commonName") if not isinstance(spec.get(field, ""), str))
    causes += [_mistyped(f"spec.{field}", spec[field], "string") for field in strings]
    names = spec.get("dnsNames", [])
    if not isinstance(names, list):
        causes.append(_mistyped("spec.dnsNames", names, "array"))
    return causes


def _ask_webhook(spec: dict[str, Any]) -> None:
    """Refuse what cert-manager's webhook refuses; by its code that is a 403 which no RBAC rule mends."""
    mistakes = []
    if not spec.get("commonName") and not spec.get("dnsNames"):
        mistakes.append('spec: Invalid value: "": it names nothing to certify; give commonName or dnsNames')
    if len(spec.get("commonName", "").encode()) > _COMMON_NAME_BYTES:
        mistakes.append(f"spec.commonName: Too long: it has more than {_COMMON_NAME_BYTES} bytes")
    if mistakes:
        listed = mistakes[0] if len(mistakes) == 1 else f"[{', '.join(mistakes)}]"
        webhook = 'admission webhook "webhook.cert-manager.io" denied the request'
        raise StatusError(403, "Forbidden", f"{webhook}: {listed}")


def _missing(field: str) -> Cause:
    return {"reason": "FieldValueRequired", "message": "Required value", "field": field}


def _wrong(field: str, value: str, rule: str) -> Cause:
    return {"reason": "FieldValueInvalid", "message": f"Invalid value: {value}: {rule}", "field": field}


def _mistyped(field: str, value: Any, wanted: str) -> Cause:
    found = {str: "string", list: "array", dict: "object", bool: "boolean", type(None): "null"}
    word = found.get(type(value), "number")
    message = f'Invalid value: "{word}": {field} takes the type {wanted}'
    return {"reason": "FieldValueTypeInvalid", "message": message, "field": field}

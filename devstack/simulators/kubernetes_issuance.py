"""What cert-manager makes on the way to a certificate: CertificateRequest, Order, Challenges.

Each is owned by the one before it. Only the fields that explain an issuance are filled in.
"""

import base64
import hashlib
import json
from typing import Any

from devstack.simulators.kubernetes_objects import Object, Objects, timestamp
from devstack.simulators.kubernetes_schema import CERTIFICATE, CHALLENGE, ORDER, REQUEST
from devstack.simulators.kubernetes_status import Resource

REVISION = "cert-manager.io/certificate-revision"
CERTIFICATE_NAME = "cert-manager.io/certificate-name"
# A change of any of these needs another certificate; a change of others does not.
REQUESTED_FIELDS = ("commonName", "dnsNames", "issuerRef", "duration", "usages", "isCA")
ACME = "https://acme-v02.api.letsencrypt.org/acme"


def set_condition(obj: Object, kind: str, status: bool, reason: str, message: str, **more: Any) -> None:
    """Set one condition; its transition time changes with its status only."""
    conditions = obj.setdefault("status", {}).setdefault("conditions", [])
    value = "True" if status else "False"
    before = condition(obj, kind)
    same = before is not None and before["status"] == value
    since = before["lastTransitionTime"] if before is not None and same else timestamp()
    made = {"type": kind, "status": value, "reason": reason, "message": message, "lastTransitionTime": since}
    obj["status"]["conditions"] = [c for c in conditions if c["type"] != kind] + [made | more]


def condition(obj: Object, kind: str) -> dict[str, Any] | None:
    """Return a condition of an object by its type."""
    conditions = obj.get("status", {}).get("conditions", [])
    return next((c for c in conditions if c["type"] == kind), None)


def remove_condition(obj: Object, kind: str) -> None:
    """Take a condition away."""
    status = obj.setdefault("status", {})
    status["conditions"] = [c for c in status.get("conditions", []) if c["type"] != kind]


def requested(spec: dict[str, Any]) -> str:
    """Return what stands for the signing request of a Certificate: equal when no new one is needed."""
    fields = {field: spec[field] for field in REQUESTED_FIELDS if field in spec}
    return base64.b64encode(json.dumps(fields, sort_keys=True).encode()).decode()


def next_revision(certificate: Object) -> int:
    """Return the revision that is being issued."""
    return int(certificate.get("status", {}).get("revision", 0)) + 1


def find_request(objects: Objects, certificate: Object, revision: int) -> Object | None:
    """Return the CertificateRequest of a revision."""
    metadata = certificate["metadata"]
    name = f"{metadata['name']}-{revision}"
    found = objects.get(REQUEST, metadata["namespace"], name)
    return found if found and found["metadata"]["ownerReferences"][0]["uid"] == metadata["uid"] else None


def make_request(objects: Objects, certificate: Object, revision: int) -> Object:
    """Create the CertificateRequest of a revision, approved and pending; an older one gives way."""
    metadata, spec = certificate["metadata"], certificate["spec"]
    name = f"{metadata['name']}-{revision}"
    objects.delete(REQUEST, metadata["namespace"], name)
    annotations = {CERTIFICATE_NAME: metadata["name"], REVISION: str(revision)}
    request = _owned(REQUEST, name, certificate, CERTIFICATE, annotations)
    request["spec"] = {"issuerRef": _issuer_ref(spec), "request": requested(spec)}
    approved = "cert-manager approves of every request"
    set_condition(request, "Approved", True, "cert-manager.io", approved)
    return objects.put(REQUEST, request)


def make_order(objects: Objects, request: Object, spec: dict[str, Any]) -> Object:
    """Create the pending Order of a request, and tell so in the request."""
    identifiers = _dns_names(spec)
    digest = int(hashlib.sha256(request["spec"]["request"].encode()).hexdigest(), 16) % 10**10
    name = f"{request['metadata']['name']}-{digest}"
    order = _owned(ORDER, name, request, REQUEST, request["metadata"]["annotations"])
    order["spec"] = {
        "dnsNames": identifiers,
        "issuerRef": request["spec"]["issuerRef"],
        "request": request["spec"]["request"],
    }
    order["status"] = {"state": "pending", "url": f"{ACME}/order/{digest}", "finalizeURL": f"{ACME}/finalize/{digest}"}
    order = objects.put(ORDER, order)
    message = f"order {order['metadata']['namespace']}/{name} is pending"
    set_condition(request, "Ready", False, "Pending", message)
    objects.put(REQUEST, request)
    return order


def make_challenges(objects: Objects, order: Object) -> None:
    """Create a presented, pending DNS-01 Challenge for every name of an order."""
    for number, identifier in enumerate(order["spec"]["dnsNames"]):
        name = f"{order['metadata']['name']}-{number}"
        challenge = _owned(CHALLENGE, name, order, ORDER, {})
        domain = identifier.removeprefix("*.")
        challenge["spec"] = {
            "dnsName": domain,
            "wildcard": identifier != domain,
            "type": "DNS-01",
            "issuerRef": order["spec"]["issuerRef"],
            "url": f"{ACME}/chall/{number}",
        }
        reason = f"Waiting for DNS-01 challenge propagation: the TXT record of {domain} is not to be seen yet"
        challenge["status"] = {"processing": True, "presented": True, "state": "pending", "reason": reason}
        objects.put(CHALLENGE, challenge)


def delete_challenges(objects: Objects, order: Object) -> None:
    """Delete an order's Challenges, as cert-manager does when the order is final."""
    for challenge in objects.owned_by(CHALLENGE, order):
        objects.delete(CHALLENGE, order["metadata"]["namespace"], challenge["metadata"]["name"])


def _owned(resource: Resource, name: str, owner: Object, owner_type: Resource, annotations: dict[str, str]) -> Object:
    metadata = owner["metadata"]
    reference = {
        "apiVersion": owner_type.api_version,
        "kind": owner_type.kind,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    labels = {"labels": metadata["labels"]} if metadata.get("labels") else {}
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "annotations": annotations,
            "ownerReferences": [reference],
            **labels,
        },
    }


def _issuer_ref(spec: dict[str, Any]) -> dict[str, str]:
    # The kind's default is that of cert-manager's schema.
    return {"group": "cert-manager.io", "kind": "Issuer", **spec["issuerRef"]}


def _dns_names(spec: dict[str, Any]) -> list[str]:
    names = [spec["commonName"]] if spec.get("commonName") else []
    return list(dict.fromkeys([*names, *spec.get("dnsNames", [])]))

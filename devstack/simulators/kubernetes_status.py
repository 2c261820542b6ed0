"""The error bodies of the Kubernetes API: objects of kind ``Status``."""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

USER = "system:serviceaccount:catalyst-system:sovereign-dns"
Cause = dict[str, str]


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource type that the API serves."""

    group: str
    plural: str
    kind: str
    namespaced: bool = True
    version: str = "v1"

    @property
    def api_version(self) -> str:
        """The value of ``apiVersion`` in its objects."""
        return f"{self.group}/{self.version}"

    @property
    def qualified(self) -> str:
        """Its name in messages, such as ``certificates.cert-manager.io``."""
        return f"{self.plural}.{self.group}"


class StatusError(Exception):
    """An answer with an error: the HTTP code, and a ``Status`` with reason, message and details."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            **({"details": details} if details else {}),
            "code": code,
        }

    def response(self) -> web.Response:
        """Return the error as an HTTP answer."""
        return json_answer(self.body, self.code)


def json_answer(body: Any, code: int = 200) -> web.Response:
    """Return JSON without a charset in its content type: clients compare that type as a whole."""
    return web.Response(body=json.dumps(body).encode(), status=code, headers={"Content-Type": "application/json"})


def page_not_found() -> web.Response:
    """Return the plain text that a real server has for a group or resource that it doesn't know."""
    headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=b"404 page not found\n", status=404, headers=headers)


def unauthorized() -> StatusError:
    """401: no token, or another one than the server knows."""
    return StatusError(401, "Unauthorized", "Unauthorized")


def forbidden(verb: str, resource: Resource, namespace: str | None, name: str | None) -> StatusError:
    """403: RBAC has no rule for this verb."""
    subject = f'{resource.qualified} "{name}"' if name else resource.qualified
    where = f"in namespace {namespace}" if namespace else "in the whole cluster"
    message = f"{subject} is forbidden: no RBAC rule gives {USER} the verb {verb} {where}"
    return StatusError(403, "Forbidden", message, _details(name, resource.group, resource.plural))


def not_found(resource: Resource, name: str) -> StatusError:
    """404: no such object."""
    message = f'{resource.qualified} "{name}" not found'
    return StatusError(404, "NotFound", message, _details(name, resource.group, resource.plural))


def namespace_not_found(namespace: str) -> StatusError:
    """404: an object can't be created, its namespace is missing."""
    details = {"name": namespace, "kind": "namespaces"}
    return StatusError(404, "NotFound", f'namespaces "{namespace}" not found', details)


def bad_request(message: str) -> StatusError:
    """400: the request makes no sense."""
    return StatusError(400, "BadRequest", message)


def invalid(resource: Resource, name: str, causes: list[Cause]) -> StatusError:
    """422: the object breaks its schema; each cause has ``reason``, ``message`` and ``field``."""
    faults = [f"{cause['field']}: {cause['message']}" for cause in causes]
    listed = faults[0] if len(faults) == 1 else f"[{', '.join(faults)}]"
    message = f'{resource.kind}.{resource.group} "{name}" is invalid: {listed}'
    details = _details(name, resource.group, resource.kind) | {"causes": causes}
    return StatusError(422, "Invalid", message, details)


def apply_conflict(conflicts: list[tuple[str, str]]) -> StatusError:
    """409: other managers own fields that an apply would change.

    Args:
        conflicts: For each field the manager as messages show it, and the field's path.
    """
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager}", "field": path}
        for manager, path in conflicts
    ]
    if len(conflicts) == 1:
        manager, path = conflicts[0]
        message = f"Apply failed with 1 conflict: conflict with {manager}: {path}"
    else:
        managers = sorted({manager for manager, _ in conflicts})
        parts = [
            "\n- ".join([f"conflicts with {manager}:", *(p for m, p in conflicts if m == manager)])
            for manager in managers
        ]
        message = f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(parts)
    return StatusError(409, "Conflict", message, {"causes": causes})


def precondition_failed(resource: Resource, name: str, field: str, expected: str, present: str) -> StatusError:
    """409: an object is no longer as a deletion asks for."""
    message = (
        f'{resource.qualified} "{name}" stays as it is: its {field} is {present}, and the precondition says {expected}'
    )
    return StatusError(409, "Conflict", message, _details(name, resource.group, resource.plural))


def expired(resource_version: int, oldest: int) -> StatusError:
    """410: a watch from a version that the server has forgotten."""
    return StatusError(
        410, "Expired", f"changes since version {resource_version} are forgotten; the oldest to watch from is {oldest}"
    )


def _details(name: str | None, group: str, kind: str) -> dict[str, Any]:
    return ({"name": name} if name else {}) | {"group": group, "kind": kind}

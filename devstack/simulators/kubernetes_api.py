"""The HTTP verbs on resources: get, list, watch, server-side apply, delete."""

import asyncio
import json
from typing import Any

from aiohttp import web

from devstack.simulators.faults import Faults, Target
from devstack.simulators.kubernetes_apply import apply
from devstack.simulators.kubernetes_objects import Key, Object, Objects
from devstack.simulators.kubernetes_paging import page_of
from devstack.simulators.kubernetes_schema import CERTIFICATE, RESOURCES, validate
from devstack.simulators.kubernetes_selectors import parse_fields, parse_labels, selects
from devstack.simulators.kubernetes_status import (
    Resource,
    StatusError,
    bad_request,
    forbidden,
    json_answer,
    namespace_not_found,
    not_found,
    precondition_failed,
)

APPLY = "application/apply-patch+yaml"
MISSING_NAMESPACE_PREFIX = "missing-"  # every other namespace exists
_NAMESPACE = Resource("", "namespaces", "Namespace", namespaced=False)


class Namespaces:
    """``/api/v1/namespaces``: every namespace is there, and ``missing-...`` once it was created."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def insist_on(self, name: str) -> None:
        """Refuse a namespace that is missing."""
        if name.startswith(MISSING_NAMESPACE_PREFIX) and self._objects.get(_NAMESPACE, None, name) is None:
            raise namespace_not_found(name)

    async def get(self, request: web.Request) -> web.Response:
        """Return one."""
        name = request.match_info["name"]
        self.insist_on(name)
        return json_answer(_namespace(name))

    async def create(self, request: web.Request) -> web.Response:
        """Create one, as ``kubectl create namespace`` does."""
        name = (await request.json())["metadata"]["name"]
        return json_answer(self._objects.put(_NAMESPACE, _namespace(name)), 201)


def _namespace(name: str) -> Object:
    metadata = {"name": name, "labels": {"kubernetes.io/metadata.name": name}}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata, "status": {"phase": "Active"}}


class ResourceAPI:
    """The calls below ``/apis/{group}/{version}``; unknown resources are ``404 page not found``."""

    def __init__(self, objects: Objects, faults: Faults, namespaces: Namespaces) -> None:
        self._objects = objects
        self._faults = faults
        self._namespaces = namespaces

    async def get(self, request: web.Request) -> web.Response:
        """Return one object."""
        resource, namespace, name = _addressed(request)
        found = self._objects.get(resource, namespace, name)
        if found is None:
            raise not_found(resource, name)
        return json_answer(found)

    async def list_or_watch(self, request: web.Request) -> web.StreamResponse:
        """Return a collection, or with ``watch=true`` stream its changes."""
        resource = _resource(request, collection=True)
        namespace = request.match_info.get("namespace")
        labels = parse_labels(request.query.get("labelSelector", ""))
        fields = parse_fields(request.query.get("fieldSelector", ""))
        if request.query.get("watch") in {"true", "1"}:
            return await self._watch(request, resource, namespace, lambda obj: selects(labels, fields, obj))
        items = [obj for obj in self._objects.all(resource, namespace) if selects(labels, fields, obj)]
        page, metadata = page_of(items, request.query, self._objects.version)
        return json_answer(
            {
                "apiVersion": resource.api_version,
                "kind": f"{resource.kind}List",
                "metadata": metadata,
                "items": page,
            }
        )

    async def patch(self, request: web.Request) -> web.Response:
        """Apply: 201 when it made the object, 200 when it changed it or not."""
        resource, namespace, name = _addressed(request)
        if request.content_type != APPLY:
            message = f"every PATCH here is an apply: send it as {APPLY}"
            raise StatusError(415, "UnsupportedMediaType", message)
        manager = _field_manager(request)
        applied = _applied_object(await request.text(), resource, namespace, name)
        current = self._objects.get(resource, namespace, name)
        if current is None:
            self._insist_on_creatable(resource, namespace, name)
        result = apply(current, applied, manager, force=request.query.get("force") == "true")
        validate(resource, result)
        if request.query.get("dryRun") != "All":
            result = self._objects.put(resource, result)
        return json_answer(result, 200 if current else 201)

    async def delete(self, request: web.Request) -> web.Response:
        """Delete an object and what it owns, where it fulfils the preconditions that the body may hold."""
        resource, namespace, name = _addressed(request)
        found = self._objects.get(resource, namespace, name)
        if found is None:
            raise not_found(resource, name)
        for field, expected in (await _preconditions(request)).items():
            if found["metadata"][field] != expected:
                raise precondition_failed(resource, name, field, expected, found["metadata"][field])
        if request.query.get("dryRun") != "All":
            self._objects.delete(resource, namespace, name)
        details = {"name": name, "group": resource.group, "kind": resource.plural, "uid": found["metadata"]["uid"]}
        status = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        return json_answer(status)

    def _insist_on_creatable(self, resource: Resource, namespace: str | None, name: str) -> None:
        """Refuse to create in a missing namespace, or where RBAC allows patch and not create."""
        call = "create" if resource is CERTIFICATE else f"create-{resource.plural}"
        if self._faults.take(Target(call, namespace, name), ["forbidden"]):
            raise forbidden("create", resource, namespace, name)
        if namespace is not None:
            self._namespaces.insist_on(namespace)

    async def _watch(
        self, request: web.Request, resource: Resource, namespace: str | None, selected: Any
    ) -> web.StreamResponse:
        version = request.query.get("resourceVersion", "")
        since = int(version) if version not in {"", "0"} else None

        def wanted(key: Key) -> bool:
            return key[0] == resource.qualified and namespace in (None, key[1])

        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        try:
            async with asyncio.timeout(float(request.query.get("timeoutSeconds", 3600))):
                async for event in self._objects.watch(since, wanted):
                    if selected(event.object):
                        await response.write(_line(event.type, event.object))
        except TimeoutError:
            pass
        except StatusError as error:
            await response.write(_line("ERROR", error.body))
        except ConnectionError:
            return response
        await response.write_eof()
        return response


def _line(kind: str, obj: Object) -> bytes:
    return json.dumps({"type": kind, "object": obj}).encode() + b"\n"


def _resource(request: web.Request, *, collection: bool = False) -> Resource:
    """Return the addressed type, in its right scope; a collection may span all namespaces."""
    match = request.match_info
    resource = RESOURCES.get((match["group"], match["version"], match["plural"]))
    in_namespace = "namespace" in match
    if resource is None or (in_namespace != resource.namespaced and not (collection and resource.namespaced)):
        raise web.HTTPNotFound
    return resource


def _addressed(request: web.Request) -> tuple[Resource, str | None, str]:
    return _resource(request), request.match_info.get("namespace"), request.match_info["name"]


async def _preconditions(request: web.Request) -> dict[str, str]:
    """Return what a deletion's body, if it has one, asks of the object's metadata."""
    text = await request.text()
    try:
        options = json.loads(text) if text else {}
    except ValueError as error:
        raise bad_request(f"the body is no DeleteOptions: {error}") from None
    if options and options.get("kind") != "DeleteOptions":
        raise bad_request(f"the body must be DeleteOptions, and is {options.get('kind')}")
    asked = options.get("preconditions") or {}
    return {field: asked[field] for field in ("uid", "resourceVersion") if asked.get(field)}


def _field_manager(request: web.Request) -> str:
    manager = request.query.get("fieldManager", "")
    if not manager:
        rule = "Required value: an apply names its manager"
        cause = {"reason": "FieldValueRequired", "message": rule, "field": "fieldManager"}
        details = {"group": "meta.k8s.io", "kind": "PatchOptions", "causes": [cause]}
        raise StatusError(422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: fieldManager: {rule}', details)
    return manager


def _applied_object(text: str, resource: Resource, namespace: str | None, name: str) -> Object:
    """Read the body of an apply (JSON, which is YAML) and check that it is what the URL says."""
    try:
        applied = json.loads(text)
    except ValueError as error:
        raise bad_request(f"no JSON, which is all the YAML that the simulator reads: {error}") from None
    if not isinstance(applied, dict) or not isinstance(applied.setdefault("metadata", {}), dict):
        raise bad_request("the body must be an object with metadata")
    metadata = applied["metadata"]
    if (applied.get("apiVersion"), applied.get("kind")) != (resource.api_version, resource.kind):
        raise bad_request(f"the URL is of {resource.api_version} {resource.kind}, the body is of another type")
    if metadata.setdefault("name", name) != name:
        raise bad_request(f"the URL says {name}, and metadata.name says {metadata['name']}")
    if namespace is not None and metadata.setdefault("namespace", namespace) != namespace:
        raise bad_request(f"the URL says {namespace}, and metadata.namespace says {metadata['namespace']}")
    if metadata.get("managedFields"):
        raise bad_request("an apply brings no metadata.managedFields")
    return applied

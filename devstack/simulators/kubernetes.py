"""A simulator of the Kubernetes API with cert-manager installed.

Run it as ``python -m devstack.simulators.kubernetes --help``. It serves what is used of
cert-manager's resources, issues certificates as cert-manager does (without any cryptography),
and fails on demand: see ``devstack.simulators.faults``.
"""

import argparse
import asyncio
import hmac
import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from devstack.simulators.faults import Fault, Faults, Journal, Target, add_control_routes, failing_middleware
from devstack.simulators.kubernetes_api import Namespaces, ResourceAPI
from devstack.simulators.kubernetes_apply import apply
from devstack.simulators.kubernetes_certmanager import FAULT_KINDS, CertManager
from devstack.simulators.kubernetes_objects import Objects
from devstack.simulators.kubernetes_schema import CERTIFICATE, RESOURCES
from devstack.simulators.kubernetes_status import (
    StatusError,
    forbidden,
    json_answer,
    page_not_found,
    unauthorized,
)

ANSWERED_KINDS = frozenset({"forbidden", "crd-missing", "unauthorized"})
PUBLIC_PATHS = frozenset({"/version", "/healthz", "/livez", "/readyz"})
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class CertificateControl:
    """The control calls ``/simulator/certificates/{namespace}/{name}``."""

    def __init__(self, objects: Objects, cert_manager: CertManager) -> None:
        self._objects = objects
        self._cert_manager = cert_manager

    async def plant(self, request: web.Request) -> web.Response:
        """Apply a Certificate with force as another field manager, past all rules."""
        body = await request.json()
        namespace, name = request.match_info["namespace"], request.match_info["name"]
        metadata = {"name": name, "namespace": namespace}
        metadata |= {field: body[field] for field in ("labels", "annotations") if field in body}
        applied = {
            "apiVersion": CERTIFICATE.api_version,
            "kind": CERTIFICATE.kind,
            "metadata": metadata,
            "spec": body["spec"],
        }
        current = self._objects.get(CERTIFICATE, namespace, name)
        planted = apply(current, applied, body.get("manager", "kubectl"), force=True)
        return json_answer(self._objects.put(CERTIFICATE, planted), 200 if current else 201)

    async def renew(self, request: web.Request) -> web.Response:
        """Issue again at once, as ``cmctl renew`` does."""
        known = self._cert_manager.renew(request.match_info["namespace"], request.match_info["name"])
        return web.Response(status=204 if known else 404)


async def _identify(request: web.Request) -> Target:
    """Name a call by its verb; calls on other types than certificates as ``list-orders``."""
    plural = request.match_info.get("plural", "certificates")
    name = request.match_info.get("name")
    if request.method == "GET" and name is None:
        verb = "watch" if request.query.get("watch") in {"true", "1"} else "list"
    else:
        verb = request.method.lower()
    call = verb if plural == "certificates" else f"{verb}-{plural}"
    if request.path.startswith("/api/v1/namespaces/"):
        return Target("get-namespaces", name, name)
    return Target(call, request.match_info.get("namespace"), name)


def _fault_answer(request: web.Request, target: Target, fault: Fault) -> web.StreamResponse:
    """Answer a fault in the form of the API server."""
    if fault.kind == "crd-missing":
        return page_not_found()
    if fault.kind == "unauthorized":
        return unauthorized().response()
    if fault.kind == "forbidden":
        verb = target.call.partition("-")[0]
        key = tuple(request.match_info.get(part, "") for part in ("group", "version", "plural"))
        resource = RESOURCES.get((key[0], key[1], key[2]), CERTIFICATE)
        return forbidden(verb, resource, request.match_info.get("namespace"), target.name).response()
    reason = REASONS.get(fault.status, "InternalError")
    return StatusError(fault.status, reason, fault.message or "simulated failure").response()


@web.middleware
async def _answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except StatusError as error:
        return error.response()
    except web.HTTPNotFound:
        return page_not_found()


def make_app(options: argparse.Namespace) -> web.Application:
    """Build the application from the command line's options."""
    faults, journal = Faults(), Journal()
    objects = Objects(options.state)
    cert_manager = CertManager(objects, faults, options.issue_seconds, options.retry_seconds)

    def refuse(request: web.Request, _target: Target) -> web.Response | None:
        # Read afresh at each call, so that a test can rotate the token.
        expected = f"Bearer {options.token_file.read_text().strip()}".encode()
        given = request.headers.get("Authorization", "").encode()
        if request.path in PUBLIC_PATHS or hmac.compare_digest(given, expected):
            return None
        return unauthorized().response()

    fail = failing_middleware(faults, journal, _identify, refuse, _fault_answer, ANSWERED_KINDS)
    app = web.Application(middlewares=[fail, _answer_errors])

    async def run_cert_manager(_app: web.Application) -> AsyncIterator[None]:
        controllers = asyncio.create_task(cert_manager.run())
        yield
        controllers.cancel()
        with suppress(asyncio.CancelledError):
            await controllers
        objects.save()

    app.cleanup_ctx.append(run_cert_manager)
    namespaces = Namespaces(objects)
    app.router.add_get("/api/v1/namespaces/{name}", namespaces.get)
    app.router.add_post("/api/v1/namespaces", namespaces.create)
    _add_routes(app, ResourceAPI(objects, faults, namespaces), CertificateControl(objects, cert_manager))
    add_control_routes(app, faults, journal, "namespace", FAULT_KINDS | ANSWERED_KINDS)
    return app


def _add_routes(app: web.Application, api: ResourceAPI, control: CertificateControl) -> None:
    async def version(_request: web.Request) -> web.Response:
        return json_answer({"major": "1", "minor": "33", "gitVersion": "v1.33.0-simulator"})

    async def healthy(_request: web.Request) -> web.Response:
        return web.Response(text="ok")

    app.router.add_get("/version", version)
    for path in PUBLIC_PATHS - {"/version"}:
        app.router.add_get(path, healthy)
    for scope in ("/apis/{group}/{version}", "/apis/{group}/{version}/namespaces/{namespace}"):
        app.router.add_get(scope + "/{plural}", api.list_or_watch)
        app.router.add_get(scope + "/{plural}/{name}", api.get)
        app.router.add_patch(scope + "/{plural}/{name}", api.patch)
        app.router.add_delete(scope + "/{plural}/{name}", api.delete)
    app.router.add_post("/simulator/certificates/{namespace}/{name}", control.plant)
    app.router.add_post("/simulator/certificates/{namespace}/{name}/renew", control.renew)


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m devstack.simulators.kubernetes", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token-file", type=Path, required=True, help="the bearer token that is accepted")
    parser.add_argument("--issue-seconds", type=float, default=1.0, help="from order to certificate")
    parser.add_argument("--retry-seconds", type=float, default=3600.0, help="back-off after a first failure")
    parser.add_argument("--state", type=Path, help="JSON file that keeps the objects over a restart")
    return parser.parse_args(arguments)


def main() -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    options = parse_options()

    async def app() -> web.Application:
        return make_app(options)

    web.run_app(
        app(),
        host="127.0.0.1",
        port=options.port,
        access_log=None,
        print=lambda _: None,
        shutdown_timeout=0.5,
        handler_cancellation=True,  # ends the watches of clients that are gone
    )


if __name__ == "__main__":
    main()

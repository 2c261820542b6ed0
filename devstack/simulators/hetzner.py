"""A simulator of the Hetzner Cloud API: what it lists of servers, load balancers, floating and primary IPs.

Run it as ``python -m devstack.simulators.hetzner --help``. It answers as the documented API does, paging and rate
limit included, and fails on demand: see ``devstack.simulators.faults``; a fault's scope is the project. A token of the
token file's form ``<project>-<anything>`` opens that project, and no other.
"""

import argparse
import hmac
import ipaddress
import logging
import math
import time
from collections import defaultdict
from itertools import count
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from devstack.simulators.faults import Fault, Faults, Journal, Target, add_control_routes, failing_middleware

KINDS = ("servers", "load_balancers", "floating_ips", "primary_ips")
FAULT_KINDS = frozenset({"rate-limit", "nonsense", "deleted-while-paging"})
SORTED_BY_NAME = frozenset({"servers", "load_balancers"})
DEFAULT_PER_PAGE, MOST_PER_PAGE = 25, 50
LIMIT = 3600
"""Requests an hour, for each project."""
CODES = {
    400: "invalid_input",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    423: "locked",
    429: "rate_limit_exceeded",
    500: "server_error",
    502: "bad_gateway",
    503: "unavailable",
    504: "timeout",
}
MESSAGES = {
    401: "the token you have provided is invalid",
    404: "not found",
    429: "limit of 3600 requests per hour reached",
}
CREATED = "2026-01-30T23:55:00+00:00"

Resource = dict[str, Any]


class Project:
    """One project's resources by kind, in the order of their ids."""

    def __init__(self) -> None:
        self.resources: dict[str, list[Resource]] = {kind: [] for kind in KINDS}
        self.requests = 0

    def delete_first(self, kind: str) -> None:
        """Delete the newest resource of a kind, which stands on the first page of a list that begins with it."""
        if self.resources[kind]:
            self.resources[kind].pop()


class Projects:
    """All projects; ids are unique over all of them, as in the real API."""

    def __init__(self) -> None:
        self._projects: defaultdict[str, Project] = defaultdict(Project)
        self._ids = count(10_001)

    def of(self, name: str) -> Project:
        """Return a project; one that is not known yet is empty."""
        return self._projects[name]

    def add(self, name: str, kind: str, given: dict[str, Any]) -> Resource:
        """Add one resource.

        Args:
            name: The project.
            kind: One of ``KINDS``.
            given: ``ipv4`` and ``ipv6`` (servers, load balancers), or ``ip``; ``private_ip``.

        Raises:
            web.HTTPBadRequest: An address that is none.
        """
        try:
            resource = _made(kind, next(self._ids), given)
        except (KeyError, ValueError) as error:
            raise web.HTTPBadRequest(text=f"{kind}: {error}") from error
        self.of(name).resources[kind].append(resource)
        return resource


def _made(kind: str, identity: int, given: dict[str, Any]) -> Resource:
    common = {"id": identity, "name": given.get("name", f"{kind}-{identity}"), "labels": {}, "created": CREATED}
    match kind:
        case "servers":
            return common | {"status": "running", "public_net": _server_net(identity, given), **_private(given)}
        case "load_balancers":
            return common | {"public_net": _balancer_net(given), **_private(given), "targets": [], "services": []}
        case _:
            address = ipaddress.ip_network(given["ip"])
            shown = str(address.network_address) if address.version == 4 else str(address)
            owner = {"server": None} if kind == "floating_ips" else {"assignee_type": "server", "assignee_id": None}
            return common | {"ip": shown, "type": f"ipv{address.version}", "blocked": False, "dns_ptr": [], **owner}


def _server_net(identity: int, given: dict[str, Any]) -> dict[str, Any]:
    """A server may have been made without a public IPv4 or IPv6: null."""
    ipv4, ipv6 = given.get("ipv4"), given.get("ipv6")
    return {
        "ipv4": {"id": identity, "ip": str(ipaddress.IPv4Address(ipv4)), "blocked": False} if ipv4 else None,
        "ipv6": {"id": identity, "ip": str(ipaddress.IPv6Network(ipv6)), "blocked": False} if ipv6 else None,
        "floating_ips": [],
        "firewalls": [],
    }


def _balancer_net(given: dict[str, Any]) -> dict[str, Any]:
    """A load balancer has one address of each kind, no network; it keeps them while its public interface is off."""
    ipv4, ipv6 = given.get("ipv4"), given.get("ipv6")
    return {
        "enabled": given.get("enabled", True),
        "ipv4": {"ip": str(ipaddress.IPv4Address(ipv4)) if ipv4 else None, "dns_ptr": None},
        "ipv6": {"ip": str(ipaddress.IPv6Address(ipv6)) if ipv6 else None, "dns_ptr": None},
    }


def _private(given: dict[str, Any]) -> dict[str, Any]:
    address = given.get("private_ip")
    return {"private_net": [{"network": 4711, "ip": address, "alias_ips": []}] if address else []}


class ListAPI:
    """The calls ``GET /v1/<kind>``."""

    def __init__(self, projects: Projects, faults: Faults) -> None:
        self._projects = projects
        self._faults = faults

    async def list(self, request: web.Request) -> web.Response:
        """List a page of a kind of resources."""
        target: Target = request["target"]
        project = self._projects.of(target.scope or "")
        page, per_page = _number(request, "page", 1), min(_number(request, "per_page", DEFAULT_PER_PAGE), MOST_PER_PAGE)
        if page > 1 and self._faults.take(target, {"deleted-while-paging"}):
            project.delete_first(target.call)
        resources = _sorted(request, target.call, project.resources[target.call])
        start = (page - 1) * per_page
        last = max(math.ceil(len(resources) / per_page), 1)
        pagination = {
            "page": page,
            "per_page": per_page,
            "previous_page": page - 1 if page > 1 else None,
            "next_page": page + 1 if page < last else None,
            "last_page": last,
            "total_entries": len(resources),
        }
        return web.json_response({target.call: resources[start : start + per_page], "meta": {"pagination": pagination}})


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, str(default))
    if not text.isdigit() or int(text) < 1:
        raise _RefusedError(400, f"invalid input in field '{name}'")
    return int(text)


def _sorted(request: web.Request, kind: str, resources: list[Resource]) -> list[Resource]:
    found = list(resources)
    for wanted in reversed(request.query.getall("sort", ["id:asc"])):
        field, _, direction = wanted.partition(":")
        fields = {"id", "created"} | ({"name"} if kind in SORTED_BY_NAME else set())
        if field not in fields or direction not in {"", "asc", "desc"}:
            raise _RefusedError(400, "invalid input in field 'sort'")
        found.sort(key=lambda resource: resource[field], reverse=direction == "desc")
    return found


class _RefusedError(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def _error(status: int, message: str | None = None) -> web.Response:
    told = message or MESSAGES.get(status, "simulated failure")
    body = {"error": {"code": CODES.get(status, "unknown_error"), "message": told, "details": None}}
    return web.json_response(body, status=status)


class Tokens:
    """Which project a token opens; the file is read at each request."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def project(self, request: web.Request) -> str | None:
        """Return the project of the request's token, or None where it is unknown."""
        scheme, _, given = request.headers.get("Authorization", "").partition(" ")
        known = self._file.read_text(encoding="utf-8").split()
        if scheme != "Bearer" or not any(hmac.compare_digest(given.encode(), token.encode()) for token in known):
            return None
        return given.partition("-")[0]


def _fault_answer(_request: web.Request, _target: Target, fault: Fault) -> web.Response:
    """Answer ``rate-limit`` (``seconds`` until the reset), ``nonsense``, and ``status``."""
    if fault.kind == "nonsense":
        return web.json_response({"servers": "many"})
    if fault.kind == "rate-limit":
        return _limited(_error(429, fault.message), 0, math.ceil(time.time() + fault.seconds))
    return _error(fault.status, fault.message)


def _limited(response: web.StreamResponse, remaining: int, reset: int) -> web.Response:
    response.headers["RateLimit-Limit"] = str(LIMIT)
    response.headers["RateLimit-Remaining"] = str(remaining)
    response.headers["RateLimit-Reset"] = str(reset)
    assert isinstance(response, web.Response)  # noqa: S101 - made here
    return response


@web.middleware
async def _in_the_form_of_the_api(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer refusals and unknown paths as JSON, and tell the rate limit."""
    try:
        response = await handler(request)
    except _RefusedError as refused:
        response = _error(refused.status, str(refused))
    except web.HTTPNotFound:
        response = _error(404)
    if not request.path.startswith("/simulator/") and "RateLimit-Limit" not in response.headers:
        response = _limited(response, LIMIT - 1, math.ceil(time.time() + 1))
    return response


def make_app(options: argparse.Namespace) -> web.Application:
    """Build the application from the command line's options."""
    faults, journal = Faults(), Journal()
    tokens, projects = Tokens(options.token_file), Projects()

    async def identify(request: web.Request) -> Target:
        call = request.path.rpartition("/")[2]
        target = Target(call, tokens.project(request))
        request["target"] = target
        return target

    def refuse(_request: web.Request, target: Target) -> web.Response | None:
        return None if target.scope else _error(401)

    fail = failing_middleware(faults, journal, identify, refuse, _fault_answer, FAULT_KINDS - {"deleted-while-paging"})
    app = web.Application(middlewares=[_in_the_form_of_the_api, fail])
    api = ListAPI(projects, faults)
    for kind in KINDS:
        app.router.add_get(f"/v1/{kind}", api.list)

    async def add(request: web.Request) -> web.Response:
        project, kind = request.match_info["project"], request.match_info["kind"]
        given = await request.json()
        if kind not in KINDS or not isinstance(given, list):
            raise web.HTTPBadRequest(text=f"the body is a JSON list, the kind one of {list(KINDS)}")
        return web.json_response([projects.add(project, kind, one) for one in given])

    async def empty(request: web.Request) -> web.Response:
        projects.of(request.match_info["project"]).resources = {kind: [] for kind in KINDS}
        return web.Response(status=204)

    async def healthz(_request: web.Request) -> web.Response:
        return web.Response()

    app.router.add_get("/simulator/healthz", healthz)
    app.router.add_post("/simulator/projects/{project}/{kind}", add)
    app.router.add_delete("/simulator/projects/{project}", empty)
    add_control_routes(app, faults, journal, "project", FAULT_KINDS)
    return app


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m devstack.simulators.hetzner", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token-file", type=Path, required=True, help="the tokens that are known, one a line")
    return parser.parse_args(arguments)


def main() -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    options = parse_options()
    app = make_app(options)
    web.run_app(app, host="127.0.0.1", port=options.port, access_log=None, print=lambda _: None, shutdown_timeout=0.5)


if __name__ == "__main__":
    main()

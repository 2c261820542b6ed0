"""A simulator of the pool-domain-manager (PDM): its HTTP API over a real PowerDNS.

Run it as ``python -m devstack.simulators.pdm --help``. It answers as PDM's source does, the quirks
included, and fails on demand: see ``devstack.simulators.faults``.
"""

import argparse
import asyncio
import base64
import json
import logging
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from devstack.simulators.faults import Fault, Faults, Journal, Target, add_control_routes, failing_middleware
from devstack.simulators.pdm_allocator import FAULT_KINDS, RESERVED_LABELS, Allocator
from devstack.simulators.pdm_powerdns import PoolDNS
from devstack.simulators.pdm_registrars import REGISTRARS, Registrars, registrar_error
from devstack.simulators.pdm_rows import RefusalError, Row, Rows

LABEL = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
LABEL_RULE = "a label is 1 to 63 characters of a-z, 0-9, '-', the first a letter, the last no hyphen"


class PoolAPI:
    """The calls below ``/api/v1/pool/{domain}``."""

    def __init__(self, allocator: Allocator) -> None:
        self._allocator = allocator

    async def check(self, request: web.Request) -> web.Response:
        """Answer 200 whatever the verdict, as PDM does."""
        subdomain = request.query.get("sub", "").strip().lower()
        if not LABEL.fullmatch(subdomain):
            refused = {"available": False, "reason": "invalid-format", "detail": LABEL_RULE}
            return web.json_response(refused)
        return web.json_response(await self._allocator.check(_pool(request), subdomain))

    async def reserve(self, request: web.Request) -> web.Response:
        """Reserve a name: 201 with the token."""
        body = await _json_object(request)
        created_by = body.get("createdBy") or "catalyst-api"
        row = await self._allocator.reserve(_pool(request), _label(body.get("subdomain")), created_by)
        return web.json_response(row.as_json(), status=201)

    async def commit(self, request: web.Request) -> web.Response:
        """Commit a reservation: 200, or 202 when its row changed and its DNS did not."""
        body = await _json_object(request)
        subdomain = _label(body.get("subdomain"))
        address = str(body.get("loadBalancerIP") or "").strip()
        if not address:
            raise RefusalError(422, "missing-lb-ip", "without a loadBalancerIP there is nothing to publish")
        token, fqdn = str(body.get("reservationToken") or ""), str(body.get("sovereignFQDN") or "")
        row, failure = await self._allocator.commit(_pool(request), subdomain, token, fqdn, address)
        if failure is None:
            return web.json_response(row.as_json())
        shown = {k: v for k, v in row.as_json().items() if k not in {"reservedAt", "createdBy"}}
        warning = "the name is active, yet none of its records are in PowerDNS"
        return web.json_response({"warning": warning, "detail": failure, **shown}, status=202)

    async def release(self, request: web.Request) -> web.Response:
        """Release a name, in whatever state: 200, or 202 when its DNS is left behind."""
        try:
            wanted = (await _json_object(request)).get("subdomain")
        except RefusalError:
            wanted = request.query.get("sub")
        row, failure = await self._allocator.release(_pool(request), _label(wanted))
        if failure is None:
            return web.json_response({"freed": row.as_json()})
        warning = "the name is free again, yet some of its DNS is still there"
        return web.json_response({"warning": warning, "detail": failure, "freed": row.as_json()}, status=202)

    async def list(self, request: web.Request) -> web.Response:
        """List a pool's rows."""
        pool = _pool(request)
        rows = await self._allocator.list(pool)
        return web.json_response({"poolDomain": pool, "allocations": [row.as_json() for row in rows]})


class RowControl:
    """The control calls ``/simulator/pools/{pool}/{sub}`` and ``/simulator/sweep``: rows, without DNS."""

    def __init__(self, rows: Rows, allocator: Allocator) -> None:
        self._rows = rows
        self._allocator = allocator

    async def put(self, request: web.Request) -> web.Response:
        """Write a row as told; ``state`` is active unless said otherwise."""
        body = await request.json()
        expires = body.get("expiresAt")
        row = Row(
            pool=request.match_info["pool"],
            subdomain=request.match_info["sub"],
            state=body.get("state", "active"),
            reserved_at=datetime.now(UTC),
            created_by=body.get("createdBy", "simulator"),
            expires_at=datetime.fromisoformat(expires).astimezone(UTC) if expires else None,
            sovereign_fqdn=body.get("sovereignFQDN"),
            load_balancer_ip=body.get("loadBalancerIP"),
            token=body.get("reservationToken"),
        )
        self._rows.put(row)
        return web.json_response(row.as_json())

    async def delete(self, request: web.Request) -> web.Response:
        """Forget a row; its zone stays."""
        self._rows.remove(request.match_info["pool"], request.match_info["sub"])
        return web.Response(status=204)

    async def sweep(self, request: web.Request) -> web.Response:
        """Sweep at once, one pool or all."""
        return web.json_response({"swept": await self._allocator.sweep(request.query.get("pool"))})


def _pool(request: web.Request) -> str:
    return request.match_info["domain"].strip().lower()


def _label(value: Any) -> str:
    label = value.strip().lower() if isinstance(value, str) else ""
    if not LABEL.fullmatch(label):
        raise RefusalError(422, "invalid-format", LABEL_RULE)
    return label


async def _json_object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RefusalError(400, "the body has to be a JSON object")
    return body


async def _identify(request: web.Request) -> Target:
    """Name a call for faults and journal; a registrar call's scope is its domain."""
    call = request.path.rstrip("/").rpartition("/")[2]
    body: Any = None
    if request.can_read_body:
        with suppress(ValueError):
            body = json.loads(await request.text())
    fields = body if isinstance(body, dict) else {}
    if "domain" in request.match_info:
        return Target(call, _pool(request), fields.get("subdomain") or request.query.get("sub"))
    return Target(call, fields.get("domain"), request.match_info.get("registrar"))


def _fault_answer(_request: web.Request, target: Target, fault: Fault) -> web.Response:
    if target.call in {"set-ns", "validate"}:
        refusal = registrar_error(fault.status, target.name or "", target.scope or "", fault.message)
        return web.json_response(refusal.body, status=refusal.status)
    if target.call == "healthz":
        return web.json_response({"status": "unhealthy", "db": "connection refused"}, status=fault.status)
    return web.json_response({"error": fault.message or "simulated failure"}, status=fault.status)


def _basic_auth(credentials: str | None) -> Callable[[web.Request, Target], web.Response | None]:
    """Return the check of the public ingress; ``credentials`` is ``user:password``, None asks for none."""
    expected = "Basic " + base64.b64encode((credentials or "").encode()).decode()

    def refuse(request: web.Request, _target: Target) -> web.Response | None:
        if request.path == "/healthz":  # probes come past the ingress
            return None
        if credentials is None or request.headers.get("Authorization") == expected:
            return None
        challenge = {"WWW-Authenticate": 'Basic realm="traefik"'}
        return web.Response(status=401, text="401 Unauthorized\n", headers=challenge)

    return refuse


@web.middleware
async def _answer_refusals(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except RefusalError as refusal:
        body = {"error": refusal.error} | ({"detail": refusal.detail} if refusal.detail else {})
        return web.json_response(body, status=refusal.status)


def make_app(options: argparse.Namespace, session: aiohttp.ClientSession) -> web.Application:
    """Build the application from the command line's options; it closes the session at its end."""
    faults, journal = Faults(), Journal()
    rows = Rows(timedelta(seconds=options.reservation_seconds), options.state)
    key = options.powerdns_key_file.read_text().strip()
    dns = PoolDNS(session, options.powerdns_url, key, options.nameservers.split(","), options.powerdns_server_id)
    managed = frozenset(options.managed_domains.split(",")) if options.managed_domains else None
    allocator = Allocator(rows, dns, faults, managed)
    credentials = options.basic_auth_file.read_text().strip() if options.basic_auth_file else None
    fail = failing_middleware(faults, journal, _identify, _basic_auth(credentials), _fault_answer)
    app = web.Application(middlewares=[fail, _answer_refusals])

    async def run_sweeper(_app: web.Application) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(allocator.sweep_for_ever(options.sweep_seconds))
        yield
        sweeper.cancel()
        await session.close()

    app.cleanup_ctx.append(run_sweeper)
    _add_routes(app, allocator, rows)
    add_control_routes(app, faults, journal, "pool", FAULT_KINDS)
    return app


def _add_routes(app: web.Application, allocator: Allocator, rows: Rows) -> None:
    async def healthz(_request: web.Request) -> web.Response:
        known = {"managedDomains": allocator.managed_domains(), "registrars": list(REGISTRARS)}
        return web.json_response({"status": "ok", **known})

    async def reserved(_request: web.Request) -> web.Response:
        return web.json_response({"reserved": list(RESERVED_LABELS)})

    pool, registrars, control = PoolAPI(allocator), Registrars(), RowControl(rows, allocator)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/api/v1/reserved", reserved)
    app.router.add_get("/api/v1/pool/{domain}/check", pool.check)
    app.router.add_get("/api/v1/pool/{domain}/list", pool.list)
    app.router.add_post("/api/v1/pool/{domain}/reserve", pool.reserve)
    app.router.add_post("/api/v1/pool/{domain}/commit", pool.commit)
    app.router.add_delete("/api/v1/pool/{domain}/release", pool.release)
    app.router.add_post("/api/v1/registrar/{registrar}/set-ns", registrars.set_nameservers)
    app.router.add_post("/api/v1/registrar/{registrar}/validate", registrars.validate)
    app.router.add_post("/simulator/pools/{pool}/{sub}", control.put)
    app.router.add_delete("/simulator/pools/{pool}/{sub}", control.delete)
    app.router.add_post("/simulator/sweep", control.sweep)


def parse_options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Read the command line; where an option names PowerDNS, the worker's environment is its default."""
    parser = argparse.ArgumentParser(prog="python -m devstack.simulators.pdm", description=__doc__)
    url = os.environ.get("CATALYST_POWERDNS_API_URL")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--powerdns-url", default=url, required=url is None)
    parser.add_argument("--powerdns-key-file", type=Path, required=True)
    parser.add_argument("--powerdns-server-id", default="localhost")
    parser.add_argument("--nameservers", default="ns1.openova.io,ns2.openova.io,ns3.openova.io")
    parser.add_argument("--managed-domains", help="comma-separated; default: every zone that PowerDNS hosts")
    parser.add_argument("--reservation-seconds", type=float, default=600)
    parser.add_argument("--sweep-seconds", type=float, default=30)
    parser.add_argument("--basic-auth-file", type=Path, help="user:password, as the public ingress asks for")
    parser.add_argument("--state", type=Path, help="JSON file that keeps the rows over a restart")
    return parser.parse_args(arguments)


def main() -> None:
    """Serve on 127.0.0.1 until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.WARNING)
    options = parse_options()

    async def app() -> web.Application:
        return make_app(options, aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)))

    web.run_app(
        app(),
        host="127.0.0.1",
        port=options.port,
        access_log=None,
        print=lambda _: None,
        shutdown_timeout=0.5,
    )


if __name__ == "__main__":
    main()

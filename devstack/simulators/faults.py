"""Faults on demand, and a journal of calls: what both simulators share.

A fault is scoped (to a pool, to a namespace), so that tests that run side by side never
disturb each other. The control calls live below ``/simulator`` and want no credentials.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import asdict, dataclass, fields
from socket import SO_LINGER, SOL_SOCKET
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

TRANSPORT_KINDS = frozenset({"status", "html", "slow", "reset", "lost-answer"})
JOURNAL_LENGTH = 20_000
BAD_GATEWAY_PAGE = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body>\r\n</html>\r\n"


@dataclass(slots=True)
class Fault:
    """One way to fail, for the calls that it matches.

    Attributes:
        kind: What goes wrong: one of ``TRANSPORT_KINDS``, or a kind of the simulator's own.
        scope: The pool or namespace; None matches every one.
        call: The call's name (``commit``, ``patch`` ...); None matches every one.
        name: The label or the object's name; None matches every one.
        status: HTTP status of the kinds ``status`` and ``html``.
        times: How many calls it fails; None for ever.
        seconds: Delay of the kind ``slow``.
        retryAfter: Sent as the header Retry-After, in seconds.
        message: Text for people in the answer; None leaves it to the simulator.
    """

    kind: str
    scope: str | None = None
    call: str | None = None
    name: str | None = None
    status: int = 503
    times: int | None = None
    seconds: float = 1.0
    retryAfter: int | None = None  # noqa: N815 - the field's name in the control call's JSON
    message: str | None = None

    def matches(self, target: "Target") -> bool:
        """Tell whether a call is one that this fault is meant for."""
        return (
            self.scope in (None, target.scope) and self.call in (None, target.call) and self.name in (None, target.name)
        )


@dataclass(frozen=True, slots=True)
class Target:
    """What a request is about: its call's name, and the scope and name that faults match."""

    call: str
    scope: str | None = None
    name: str | None = None


class Faults:
    """The faults that are in force."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force; earlier ones are matched first."""
        self._faults.append(fault)

    def clear(self, scope: str | None) -> None:
        """Lift the faults of one scope, and of no other; None lifts the unscoped ones."""
        self._faults = [fault for fault in self._faults if fault.scope != scope]

    def find(self, target: Target, kinds: Iterable[str]) -> Fault | None:
        """Return the first matching fault of these kinds without using it up."""
        wanted = frozenset(kinds)
        return next((f for f in self._faults if f.kind in wanted and f.matches(target)), None)

    def take(self, target: Target, kinds: Iterable[str]) -> Fault | None:
        """Return the first matching fault of these kinds, and count one of its times down."""
        fault = self.find(target, kinds)
        if fault is not None and fault.times is not None:
            fault.times -= 1
            if fault.times <= 0:
                self._faults.remove(fault)
        return fault


class Journal:
    """The latest calls, without headers and bodies: it never holds a token."""

    def __init__(self) -> None:
        self._entries: deque[dict[str, Any]] = deque(maxlen=JOURNAL_LENGTH)

    def note(self, request: web.Request, target: Target, status: int | None, fault: Fault | None) -> None:
        """Append a call; ``status`` None means that the client got no answer."""
        self._entries.append(
            {
                "method": request.method,
                "path": request.path,
                "query": dict(request.query),
                "status": status,
                "fault": fault.kind if fault else None,
                **asdict(target),
            }
        )

    def calls(self, scope: str | None) -> list[dict[str, Any]]:
        """Return the calls of one scope in the order of their end; None returns all."""
        return [entry for entry in self._entries if scope is None or entry["scope"] == scope]


Identify = Callable[[web.Request], Awaitable[Target]]
Refuse = Callable[[web.Request, Target], web.StreamResponse | None]
FaultAnswer = Callable[[web.Request, Target, Fault], web.StreamResponse]


def failing_middleware(
    faults: Faults,
    journal: Journal,
    identify: Identify,
    refuse: Refuse,
    fault_answer: FaultAnswer,
    answered_kinds: frozenset[str] = frozenset(),
) -> Middleware:
    """Make the middleware that fails calls on demand and keeps the journal.

    Args:
        faults: The faults in force.
        journal: Where every call is noted.
        identify: Names the call, its scope and its object.
        refuse: Answers a call that is not authenticated, None lets it pass.
        fault_answer: Answers the kind ``status``, and ``answered_kinds``, in the simulated server's form.
        answered_kinds: The simulator's own kinds that are answered here, and not in its handlers.
    """

    @web.middleware
    async def fail_on_demand(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path.startswith("/simulator/"):
            return await handler(request)
        target = await identify(request)
        fault: Fault | None = None
        status: int | None = None
        try:
            refused = refuse(request, target)
            if refused is not None:
                response = refused
            else:
                fault = faults.take(target, TRANSPORT_KINDS | answered_kinds)
                response = await _answer(request, handler, fault, target, fault_answer)
            if fault is None or fault.kind not in {"reset", "lost-answer"}:
                status = response.status
        except web.HTTPException as error:
            status = error.status
            raise
        finally:
            journal.note(request, target, status, fault)
        return response

    return fail_on_demand


async def _answer(
    request: web.Request, handler: Handler, fault: Fault | None, target: Target, fault_answer: FaultAnswer
) -> web.StreamResponse:
    """Answer a call as its fault, if any, wants it."""
    if fault is None:
        return await handler(request)
    if fault.kind == "status" or fault.kind not in TRANSPORT_KINDS:
        response = fault_answer(request, target, fault)
        if fault.retryAfter is not None:
            response.headers["Retry-After"] = str(fault.retryAfter)
        return response
    if fault.kind == "html":
        return web.Response(status=fault.status, text=BAD_GATEWAY_PAGE, content_type="text/html")
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return await handler(request)
    if fault.kind == "lost-answer":
        await handler(request)
    drop_connection(request, reset=fault.kind == "reset")
    return web.Response(status=500)  # goes nowhere: the connection is gone


def drop_connection(request: web.Request, *, reset: bool) -> None:
    """Close the client's connection without an answer: with a TCP reset, or with a plain end."""
    transport = request.transport
    if transport is None:
        return
    connection = transport.get_extra_info("socket")
    if reset and connection is not None:
        # A linger time of nought makes close() send RST instead of FIN.
        connection.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def fault_from_json(data: Any, scope_field: str, kinds: frozenset[str]) -> Fault:
    """Read the body of ``POST /simulator/faults``.

    Args:
        data: The decoded JSON.
        scope_field: What the scope is called there (``pool``, ``namespace``).
        kinds: The simulator's own kinds, beside ``TRANSPORT_KINDS``.

    Raises:
        web.HTTPBadRequest: A field or kind that is unknown, or no kind at all.
    """
    if not isinstance(data, dict):
        raise web.HTTPBadRequest(text="the body must be a JSON object")
    known = {field.name for field in fields(Fault)} - {"scope"} | {scope_field}
    if unknown := data.keys() - known:
        raise web.HTTPBadRequest(text=f"unknown fields: {sorted(unknown)}; known: {sorted(known)}")
    if data.get("kind") not in TRANSPORT_KINDS | kinds:
        raise web.HTTPBadRequest(text=f"kind must be one of {sorted(TRANSPORT_KINDS | kinds)}")
    return Fault(scope=data.get(scope_field), **{k: v for k, v in data.items() if k != scope_field})


def add_control_routes(
    app: web.Application, faults: Faults, journal: Journal, scope_field: str, kinds: frozenset[str]
) -> None:
    """Serve ``/simulator/faults`` (POST, DELETE) and ``/simulator/calls`` (GET)."""

    async def add_fault(request: web.Request) -> web.Response:
        faults.add(fault_from_json(await request.json(), scope_field, kinds))
        return web.Response(status=204)

    async def clear_faults(request: web.Request) -> web.Response:
        faults.clear(request.query.get(scope_field))
        return web.Response(status=204)

    async def list_calls(request: web.Request) -> web.Response:
        return web.json_response({"calls": journal.calls(request.query.get(scope_field))})

    app.router.add_post("/simulator/faults", add_fault)
    app.router.add_delete("/simulator/faults", clear_faults)
    app.router.add_get("/simulator/calls", list_calls)

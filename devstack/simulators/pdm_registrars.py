"""PDM's registrar calls: check a registrar's token, point a domain at name servers."""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

REGISTRARS = ("cloudflare", "dynadot", "godaddy", "namecheap", "ovh")
REFUSED_TOKEN_PREFIX = "invalid"  # noqa: S105 - what a test starts a token with to have it refused
PROPAGATION = "resolvers may know the former name servers for two more days"
ERRORS = {
    401: ("invalid-token", "{registrar} does not take this token"),
    403: ("domain-not-in-account", "at {registrar} this token opens an account without {domain}"),
    429: ("rate-limited", "{registrar} has had too many calls"),
    502: ("api-unavailable", "{registrar} does not answer"),
}
UNKNOWN_ERROR = ("registrar-error", "{registrar} would not do it; PDM's log may say why")


class RegistrarRefusalError(Exception):
    """A registrar call that is answered with an error: the HTTP status and the body."""

    def __init__(self, status: int, error: str, detail: str, **more: Any) -> None:
        super().__init__(error)
        self.status = status
        self.body = {"error": error, "detail": detail, **more}


def registrar_error(status: int, registrar: str, domain: str, detail: str | None = None) -> RegistrarRefusalError:
    """Return PDM's answer when a registrar fails; a status that PDM has no word for reads as 500."""
    about = {"registrar": registrar, "domain": domain}
    error, usual = ERRORS.get(status, UNKNOWN_ERROR)
    told = usual.format(**about) if detail is None else detail
    return RegistrarRefusalError(status if status in ERRORS else 500, error, told, **about)


@dataclass(frozen=True, slots=True)
class RegistrarCall:
    """What a registrar call asks for; what its body leaves out is empty."""

    registrar: str
    domain: str
    token: str
    nameservers: list[str]
    glue_ip: str | None


class Registrars:
    """The registrars, with the name servers that each domain was given.

    Every token is accepted, except those that start with ``invalid``.
    """

    def __init__(self) -> None:
        self._nameservers: dict[str, list[str]] = {}
        self._registered_hosts: set[str] = set()

    async def validate(self, request: web.Request) -> web.Response:
        """``POST /api/v1/registrar/{registrar}/validate``."""
        try:
            call = await _accepted(request, "domain", "token")
        except RegistrarRefusalError as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        return web.json_response({"valid": True, "registrar": call.registrar, "domain": call.domain})

    async def set_nameservers(self, request: web.Request) -> web.Response:
        """``POST /api/v1/registrar/{registrar}/set-ns``."""
        try:
            call = await _accepted(request, "domain", "token", "nameservers")
            self._insist_on_registered_hosts(call)
        except RegistrarRefusalError as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        self._nameservers[call.domain] = call.nameservers
        done = {"registrar": call.registrar, "domain": call.domain, "nameservers": call.nameservers}
        return web.json_response({"success": True, **done, "propagation": PROPAGATION})

    def _insist_on_registered_hosts(self, call: RegistrarCall) -> None:
        # Dynadot alone takes no name server that it was never told an address of.
        if call.registrar != "dynadot":
            return
        if call.glue_ip:
            self._registered_hosts.update(call.nameservers)
        if not self._registered_hosts.issuperset(call.nameservers):
            raise registrar_error(500, call.registrar, call.domain)


async def _accepted(request: web.Request, *required: str) -> RegistrarCall:
    """Return a call that has all the fields it needs, and a token that its registrar takes."""
    registrar = request.match_info["registrar"].lower()
    if registrar not in REGISTRARS:
        known = {"supported": list(REGISTRARS)}
        raise RegistrarRefusalError(404, "unsupported-registrar", f"PDM does not know {registrar}", **known)
    call = _read(registrar, await _body(request, required))
    for field in required:
        if not getattr(call, field):
            raise RegistrarRefusalError(422, f"missing-{field}", f"the body says nothing of {field}")
    if call.token.startswith(REFUSED_TOKEN_PREFIX):
        raise registrar_error(401, registrar, call.domain)
    return call


async def _body(request: web.Request, required: tuple[str, ...]) -> dict[str, Any]:
    try:
        body = await request.json()
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise RegistrarRefusalError(400, "invalid-body", f"send one JSON object with {', '.join(required)}")
    return body


def _read(registrar: str, body: dict[str, Any]) -> RegistrarCall:
    named = (str(name).strip().lower() for name in body.get("nameservers") or [])
    return RegistrarCall(
        registrar=registrar,
        domain=str(body.get("domain") or "").strip().lower(),
        token=str(body.get("token") or ""),
        nameservers=list(dict.fromkeys(name for name in named if name)),
        glue_ip=body.get("glueIP"),
    )

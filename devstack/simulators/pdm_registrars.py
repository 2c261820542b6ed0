"""PDM's registrar calls: check a registrar's token, point a domain at name servers."""

from typing import Any

from aiohttp import web

REGISTRARS = ("cloudflare", "dynadot", "godaddy", "namecheap", "ovh")
REFUSED_TOKEN_PREFIX = "invalid"  # noqa: S105 - what a test starts a token with to have it refused
PROPAGATION = "registrar-specific; full TLD propagation up to 48 hours"
ERRORS = {
    401: ("invalid-token", "credentials rejected by {registrar}"),
    403: ("domain-not-in-account", "{domain} is not visible to the supplied {registrar} credentials"),
    429: ("rate-limited", "{registrar} rate-limited the request"),
    502: ("api-unavailable", "{registrar} API is unreachable"),
}


class RegistrarRefusalError(Exception):
    """A registrar call that is answered with an error: the HTTP status and the body."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(body["error"])
        self.status = status
        self.body = body


def registrar_error(status: int, registrar: str, domain: str) -> RegistrarRefusalError:
    """Return PDM's answer when a registrar fails; a status that PDM has no word for reads as 500."""
    error, detail = ERRORS.get(status, ("registrar-error", "registrar API call failed (see PDM logs)"))
    text = detail.format(registrar=registrar, domain=domain)
    body = {"error": error, "detail": text, "registrar": registrar, "domain": domain}
    return RegistrarRefusalError(status if status in ERRORS else 500, body)


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
            registrar, domain, _ = await _credentials(request)
        except RegistrarRefusalError as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        return web.json_response({"valid": True, "registrar": registrar, "domain": domain})

    async def set_nameservers(self, request: web.Request) -> web.Response:
        """``POST /api/v1/registrar/{registrar}/set-ns``."""
        try:
            registrar, domain, body = await _credentials(request)
            nameservers = _nameservers(body)
            self._insist_on_registered_hosts(registrar, domain, nameservers, body.get("glueIP"))
        except RegistrarRefusalError as refusal:
            return web.json_response(refusal.body, status=refusal.status)
        self._nameservers[domain] = nameservers
        answer = {"success": True, "registrar": registrar, "domain": domain, "nameservers": nameservers}
        return web.json_response(answer | {"propagation": PROPAGATION})

    def _insist_on_registered_hosts(
        self, registrar: str, domain: str, nameservers: list[str], glue_ip: str | None
    ) -> None:
        # Dynadot alone takes no name server that it was never told an address of.
        if registrar != "dynadot":
            return
        if glue_ip:
            self._registered_hosts.update(nameservers)
        if not self._registered_hosts.issuperset(nameservers):
            raise registrar_error(500, registrar, domain)


async def _credentials(request: web.Request) -> tuple[str, str, dict[str, Any]]:
    """Return registrar, domain and body of a call whose token is in order."""
    registrar = request.match_info["registrar"].lower()
    if registrar not in REGISTRARS:
        detail = f"no adapter for registrar {registrar}"
        body = {"error": "unsupported-registrar", "detail": detail, "supported": list(REGISTRARS)}
        raise RegistrarRefusalError(404, body)
    try:
        data = await request.json()
        domain, token = str(data.get("domain") or "").strip().lower(), str(data.get("token") or "")
    except (ValueError, AttributeError):
        raise RegistrarRefusalError(
            400, {"error": "invalid-body", "detail": "request body must be JSON {domain, token}"}
        ) from None
    if not domain:
        raise RegistrarRefusalError(422, {"error": "missing-domain", "detail": "domain is required"})
    if not token:
        raise RegistrarRefusalError(422, {"error": "missing-token", "detail": "registrar API credentials are required"})
    if token.startswith(REFUSED_TOKEN_PREFIX):
        raise registrar_error(401, registrar, domain)
    return registrar, domain, data


def _nameservers(body: dict[str, Any]) -> list[str]:
    named = (str(name).strip().lower() for name in body.get("nameservers") or [])
    nameservers = list(dict.fromkeys(name for name in named if name))
    if not nameservers:
        raise RegistrarRefusalError(
            422, {"error": "missing-nameservers", "detail": "nameservers must be a non-empty array"}
        )
    return nameservers

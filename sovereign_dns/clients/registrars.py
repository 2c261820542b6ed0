"""Domain registrars, by way of PDM: the name servers to which a domain is delegated."""

import urllib.parse
from collections.abc import Sequence
from typing import Any

import httpx
from pydantic import ValidationError

from sovereign_dns.clients import http
from sovereign_dns.clients.pdm import backend_of_pdm, basic_auth
from sovereign_dns.failures import (
    DomainNotInAccount,
    Failure,
    InvalidInput,
    PDMUnavailable,
    RegistrarUnauthorized,
    RegistrarUnavailable,
)
from sovereign_dns.mounted import MountedURL
from sovereign_dns.redaction import without_secret
from sovereign_dns.registrar_credentials import RegistrarToken
from sovereign_dns.secrets import Secret
from sovereign_dns.wire import Message

KNOWN_REGISTRARS = ("cloudflare", "dynadot", "godaddy", "namecheap", "ovh")
"""Those of PDM when this was written; what it says itself counts."""

_WANTS_ADDRESSES = "dynadot"

_LONGEST_SAID = 200


class _Done(Message):
    success: bool
    propagation: str | None = None


class _Refusal(Message):
    error: str = ""
    detail: str | None = None
    supported: list[str] = []


class Registrars:
    """A client of PDM's registrar calls. What it says of an answer never holds the token that was sent."""

    def __init__(self, client: httpx.AsyncClient, url: MountedURL, *, user: Secret, password: Secret) -> None:
        self._client = client
        self._user = user
        self._password = password
        self._backend = backend_of_pdm(url, user, password)

    async def set_nameservers(
        self, registrar: str, domain: str, token: RegistrarToken, nameservers: Sequence[str], glue_ip: str | None
    ) -> str:
        """Has the registrar delegate the domain to these name servers. May be done again at any time.

        Returns what it says of how long that takes, or nothing.

        Raises:
            PDMUnavailable: PDM itself, or what is before it, doesn't answer, or not with sense.
            PDMUnauthorized: its ingress doesn't accept the worker's credentials.
            RegistrarUnavailable: the registrar doesn't answer, or has had too many calls.
            RegistrarUnauthorized: it doesn't take the token.
            DomainNotInAccount: the token's account doesn't hold the domain.
            InvalidInput: PDM doesn't know the registrar, or refuses the call.
        """
        doing = f"setting the name servers of {domain} at {registrar}"
        url = f"{self._backend.address(doing=doing)}/api/v1/registrar/{urllib.parse.quote(registrar, safe='')}/set-ns"
        secret = token.secret.get_secret_value()
        body: dict[str, Any] = {"domain": domain, "token": secret, "nameservers": list(nameservers)}
        response = await http.send(
            self._client,
            self._backend,
            "POST",
            url,
            doing=doing,
            auth=basic_auth(self._user, self._password),
            json=body | ({"glueIP": glue_ip} if glue_ip else {}),
        )
        answer = _Answer(response, secret)
        if response.status_code == 200:
            return self._propagation(answer, doing)
        if (failure := _failure_of_registrar(answer, registrar, domain, token)) is not None:
            raise failure
        hint = _hint(registrar, nameservers, glue_ip) if answer.refusal.error else ""
        http.decided(response, self._backend, doing=doing, shown=answer.shown(response.text) + hint)
        raise self._unexpected(answer, doing)

    def _propagation(self, answer: "_Answer", doing: str) -> str:
        try:
            done = _Done.model_validate_json(answer.response.content)
        except ValidationError:
            done = _Done(success=False)
        if not done.success:
            raise self._unexpected(answer, doing)
        return answer.shown(done.propagation) if done.propagation else ""

    def _unexpected(self, answer: "_Answer", doing: str) -> PDMUnavailable:
        response = answer.response
        return PDMUnavailable(
            f"PDM at {response.request.url.host} answered {response.status_code} while {doing}, which is not of its "
            f"API: {answer.shown(response.text)}. Look whether {self._backend.url.where} is right, and whether that "
            "PDM has registrars."
        )


class _Answer:
    """What came back, and how to show any of it: redacted before it is cut, since half a token tells much."""

    def __init__(self, response: httpx.Response, secret: str) -> None:
        self.response = response
        self.refusal = _refusal_in(response)
        self._secret = secret

    def shown(self, text: str) -> str:
        """On one line, without the token, and without the credentials of PDM's ingress."""
        redacted = without_secret(http.without_credentials(" ".join(text.split()), self.response), self._secret)
        return (redacted[:_LONGEST_SAID] + "...") if len(redacted) > _LONGEST_SAID else redacted or "no body"


def _refusal_in(response: httpx.Response) -> _Refusal:
    """What PDM itself says; without an error where something else answers in its place."""
    try:
        return _Refusal.model_validate_json(response.content)
    except ValidationError:
        return _Refusal()


def _failure_of_registrar(answer: _Answer, registrar: str, domain: str, token: RegistrarToken) -> Failure | None:
    """What PDM says in words of its API; None where that is no answer of it."""
    error = answer.refusal.error
    detail = answer.shown(answer.refusal.detail or error)
    later = http.retry_after(answer.response.headers.get("Retry-After", ""))
    match answer.response.status_code, error:
        case 401, "invalid-token":
            return RegistrarUnauthorized(
                f"{registrar} doesn't take the token in the file {token.file} ({detail}), so the name servers of "
                f"{domain} were not set: put a token into it that may change them. The next attempt reads it afresh"
            )
        case 403, "domain-not-in-account":
            return DomainNotInAccount(
                f"at {registrar}, the token in the file {token.file} opens an account that doesn't hold {domain} "
                f"({detail}), so its name servers were not set: put a token of the account that does into that file. "
                f"Or have them set by hand: the next attempt sees that, as soon as the zone above {domain} says so"
            )
        case 429, "rate-limited":
            return RegistrarUnavailable(
                f"{registrar} has had too many calls ({detail}), so the name servers of {domain} were not set. "
                "It is tried again when it takes some again.",
                retry_after=later,
            )
        case 502, "api-unavailable":
            return RegistrarUnavailable(
                f"PDM can't reach {registrar} ({detail}), so the name servers of {domain} were not set. "
                "It is tried again until it can.",
                retry_after=later,
            )
        case 404, "unsupported-registrar":
            known = answer.shown(", ".join(answer.refusal.supported or KNOWN_REGISTRARS))
            return InvalidInput(f"registrar.kind: PDM knows no registrar {registrar}; it knows {known}")
        case 400 | 422, _ if error:
            return InvalidInput(
                f"registrar: PDM refused to set the name servers of {domain}: {answer.shown(error)}: {detail}"
            )
        case _:
            return None


def _hint(registrar: str, nameservers: Sequence[str], glue_ip: str | None) -> str:
    if registrar != _WANTS_ADDRESSES or glue_ip is not None:
        return ""
    return (
        f". {registrar} takes no name server that was not registered there with its address, and the address of "
        f"{nameservers[0]} is not known: start the run again with registrar.glueIP"
    )

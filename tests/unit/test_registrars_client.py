"""What PDM answers of a registrar, and what a person is told of it: each answer in its own words, never the token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from sovereign_dns.clients.registrars import Registrars
from sovereign_dns.failures import (
    DomainNotInAccount,
    Failure,
    InvalidInput,
    PDMUnauthorized,
    PDMUnavailable,
    RegistrarUnauthorized,
    RegistrarUnavailable,
)
from sovereign_dns.mounted import MountedURL
from sovereign_dns.registrar_credentials import RegistrarToken
from sovereign_dns.secrets import Secret

TOKEN = "Zx9-token\nof-two-lines-77Q"
FILE = Path("/run/registrars/cf")
PAGE = "<html><head><title>502 Bad Gateway</title></head></html>"

Handler = Callable[[httpx.Request], httpx.Response]


async def set_nameservers(
    answer: Handler, *, registrar: str = "cloudflare", glue_ip: str | None = None, password: str = ""
) -> str:
    url = MountedURL("POOL_DOMAIN_MANAGER_URL", "http://pdm:8080")
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        user = Secret("CATALYST_PDM_BASIC_AUTH_USER", SecretStr("catalyst" if password else ""))
        secret = Secret("CATALYST_PDM_BASIC_AUTH_PASS", SecretStr(password))
        registrars = Registrars(client, url, user=user, password=secret)
        token = RegistrarToken(SecretStr(TOKEN), FILE)
        return await registrars.set_nameservers(registrar, "omani.homes", token, ["ns1.openova.io"], glue_ip)


async def failure_of(answer: Handler, **options: Any) -> Failure:
    with pytest.raises(Failure) as caught:
        await set_nameservers(answer, **options)
    chain: BaseException | None = caught.value
    while chain is not None:
        assert "Zx9-to" not in f"{chain!r} {chain}"
        assert "lines-77Q" not in f"{chain!r} {chain}"
        chain = chain.__cause__ or chain.__context__
    return caught.value


def answers(status: int, body: object, **headers: str) -> Handler:
    def answer(_: httpx.Request) -> httpx.Response:
        content = body if isinstance(body, str) else json.dumps(body)
        return httpx.Response(status, content=content, headers=headers)

    return answer


def said(error: str, detail: str = "in its own words", **more: Any) -> dict[str, Any]:
    return {"error": error, "detail": detail, "registrar": "cloudflare", "domain": "omani.homes", **more}


@pytest.mark.parametrize("glue_ip", [None, "77.42.11.95"])
async def test_the_registrar_is_told_and_what_it_says_of_the_time_is_returned(glue_ip: str | None) -> None:
    sent: dict[str, Any] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        sent.update(json.loads(request.content), path=request.url.path)
        done = {"success": True, "registrar": "cloudflare", "propagation": f"up to 48 h ({TOKEN})"}
        return httpx.Response(200, json=done)

    assert await set_nameservers(answer, glue_ip=glue_ip) == "up to 48 h ([redacted])"
    wanted = {"domain": "omani.homes", "token": TOKEN, "nameservers": ["ns1.openova.io"]}
    glue = {"glueIP": glue_ip} if glue_ip else {}
    assert sent == wanted | glue | {"path": "/api/v1/registrar/cloudflare/set-ns"}


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (401, said("invalid-token"), RegistrarUnauthorized, ["cloudflare doesn't take the token", str(FILE)]),
        (401, "Unauthorized", PDMUnauthorized, ["its ingress wants basic auth"]),
        (401, said("unauthorized"), PDMUnauthorized, ["its ingress wants basic auth"]),
        (403, said("domain-not-in-account"), DomainNotInAccount, ["doesn't hold omani.homes", str(FILE)]),
        (403, PAGE, PDMUnavailable, ["403", "not of its API"]),
        (429, said("rate-limited"), RegistrarUnavailable, ["cloudflare has had too many calls"]),
        (429, PAGE, PDMUnavailable, ["429"]),
        (502, said("api-unavailable"), RegistrarUnavailable, ["PDM can't reach cloudflare"]),
        (502, PAGE, PDMUnavailable, ["502 Bad Gateway"]),
        (500, said("registrar-error"), PDMUnavailable, ["answered 500", "registrar-error"]),
        (503, "", PDMUnavailable, ["answered 503", "no body"]),
        (404, said("unsupported-registrar", supported=["ovh", "godaddy"]), InvalidInput, ["it knows ovh, godaddy"]),
        (404, said("unsupported-registrar"), InvalidInput, ["dynadot, godaddy, namecheap"]),
        (404, "404 page not found", PDMUnavailable, ["not of its API", "has registrars"]),
        (422, said("missing-nameservers"), InvalidInput, ["missing-nameservers"]),
        (400, said("invalid-body"), InvalidInput, ["invalid-body"]),
        (200, PAGE, PDMUnavailable, ["answered 200", "not of its API"]),
        (200, {"success": False}, PDMUnavailable, ["answered 200"]),
        (200, ["success"], PDMUnavailable, ["answered 200"]),
    ],
)
async def test_each_answer_is_what_it_is(status: int, body: object, kind: type[Failure], words: list[str]) -> None:
    failure = await failure_of(answers(status, body))
    assert type(failure) is kind
    for word in words:
        assert word in str(failure)


@pytest.mark.parametrize("status", [200, 401, 403, 404, 422, 429, 500, 502])
@pytest.mark.parametrize("error", ["", TOKEN, *("invalid-token", "domain-not-in-account", "rate-limited")])
async def test_a_token_that_comes_back_is_shown_nowhere(status: int, error: str) -> None:
    for body in (said(error, detail=f"token {TOKEN!r} is bad: {TOKEN}", supported=[TOKEN]), f"<p>{TOKEN}</p>", TOKEN):
        await failure_of(answers(status, body))


@pytest.mark.parametrize("status", [200, 302, 403, 404, 500])
async def test_the_credentials_of_pdms_ingress_that_come_back_are_shown_nowhere(status: int) -> None:
    """As a proxy or a server in debugging mode shows the request in its answer."""
    sent: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append(request.headers["Authorization"].split()[-1])
        return httpx.Response(status, text=f"you sent: {request.headers['Authorization']}")

    failure = await failure_of(answer, password="a-password-of-PDM")
    assert "you sent" in str(failure)
    assert sent[0] not in str(failure)


async def test_when_to_come_again_is_kept() -> None:
    for status, error in ((429, "rate-limited"), (502, "api-unavailable")):
        failure = await failure_of(answers(status, said(error), **{"Retry-After": "90"}))
        assert failure.retry_after == 90


async def test_a_connection_that_breaks_is_an_outage_of_pdm() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ReadError("reset", request=request)

    failure = await failure_of(answer)
    assert isinstance(failure, PDMUnavailable)
    assert failure.sent


async def test_dynadot_without_an_address_says_what_it_may_lack() -> None:
    broken = answers(500, said("registrar-error"))
    assert "registrar.glueIP" in str(await failure_of(broken, registrar="dynadot"))
    assert "registrar.glueIP" not in str(await failure_of(broken, registrar="dynadot", glue_ip="77.42.11.95"))
    assert "registrar.glueIP" not in str(await failure_of(answers(502, PAGE), registrar="dynadot"))

"""Answers in PDM's and the Kubernetes API's place, from an ingress or a proxy: they are believed nothing."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer

from sovereign_dns.clients.certificates import Certificates
from sovereign_dns.clients.pdm import PDM
from sovereign_dns.failures import CertManagerMissing, Failure, KubernetesUnavailable, PDMUnavailable
from sovereign_dns.issuance import WantedCertificate
from sovereign_dns.mounted import MountedURL
from sovereign_dns.pool_names import Claim
from sovereign_dns.secrets import Secret
from tests.unit.builders import OWNER

PAGE = "<html><body>default backend - 404</body></html>"
CLAIM = Claim(
    pool_domain="omani.works",
    subdomain="otech5",
    sovereign_fqdn="otech5.omani.works",
    load_balancer_ip="77.42.11.95",
    created_by="catalyst-api/d1",
    reservation_token="token",
)

OTHER_ROW = {"poolDomain": "omani.works", "subdomain": "otech6", "state": "active"}
STILL_RESERVED = {"poolDomain": "omani.works", "subdomain": "otech5", "state": "reserved"}


async def of_pdm(answer: httpx.Response, call: Callable[[PDM], Awaitable[object]]) -> object:
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: answer)) as client:
        url = MountedURL("POOL_DOMAIN_MANAGER_URL", "http://pdm.test")
        nothing = Secret("CATALYST_PDM_BASIC_AUTH_USER", None, None)
        return await call(PDM(client, url, user=nothing, password=nothing))


@pytest.mark.parametrize("status", [200, 202, 403, 404, 409, 410, 422])
async def test_a_commit_is_what_pdm_says_and_no_page(status: int) -> None:
    with pytest.raises(PDMUnavailable, match=r"otech5\.omani\.works"):
        await of_pdm(httpx.Response(status, text=PAGE), lambda pdm: pdm.claim(CLAIM))


@pytest.mark.parametrize("row", [{}, [], OTHER_ROW, STILL_RESERVED])
async def test_a_commit_is_done_where_pdm_shows_this_very_name_active(row: object) -> None:
    with pytest.raises(PDMUnavailable):
        await of_pdm(httpx.Response(200, json=row), lambda pdm: pdm.claim(CLAIM))


@pytest.mark.parametrize("status", [200, 202, 404, 422])
async def test_a_release_is_what_pdm_says_and_no_page(status: int) -> None:
    with pytest.raises(PDMUnavailable, match=r"otech5\.omani\.works"):
        await of_pdm(httpx.Response(status, text=PAGE), lambda pdm: pdm.release("omani.works", "otech5"))


async def test_a_page_does_not_say_that_a_pool_is_not_managed() -> None:
    with pytest.raises(PDMUnavailable):
        await of_pdm(httpx.Response(422, text=PAGE), lambda pdm: pdm.rows("omani.works"))


CERTIFICATE = WantedCertificate(
    name="t110.omani.works-wildcard-tls",
    namespace="kube-system",
    dns_names=["t110.omani.works", "*.t110.omani.works"],
    issuer="letsencrypt-dns01-prod",
    owner=OWNER,
)

SEEN = {"metadata": {"name": CERTIFICATE.name, "namespace": "kube-system", "uid": "u1", "resourceVersion": "7"}}

OF_KUBERNETES: list[Callable[[Certificates], Awaitable[object]]] = [
    lambda certificates: certificates.apply(CERTIFICATE, force=False),
    lambda certificates: certificates.delete(SEEN),
    lambda certificates: certificates.find("kube-system", CERTIFICATE.name),
    lambda certificates: certificates.marked_as_of("kube-system", "t110.omani.works"),
]

FOREIGN: list[tuple[int, dict[str, Any]]] = [
    (200, {"text": PAGE, "content_type": "text/html"}),
    (200, {"body": b"", "content_type": "application/json"}),
    (200, {"text": "{}", "content_type": "application/json"}),
    (200, {"text": '{"status": "ok"}', "content_type": "application/json"}),
    (404, {"text": PAGE, "content_type": "text/html"}),
    (404, {"text": "{}", "content_type": "application/json"}),
]


@pytest.mark.parametrize("call", OF_KUBERNETES, ids=["apply", "delete", "find", "list"])
@pytest.mark.parametrize(("status", "answer"), FOREIGN, ids=["page", "nothing", "empty", "other", "404-page", "404-{}"])
async def test_a_certificate_is_what_kubernetes_says(
    call: Callable[[Certificates], Awaitable[object]], status: int, answer: dict[str, Any], tmp_path: Path
) -> None:
    async def say(_: web.BaseRequest) -> web.Response:
        return web.Response(status=status, **answer)

    async with RawTestServer(say) as server:
        config = tmp_path / "kubeconfig"
        config.write_text(json.dumps(_kubeconfig(str(server.make_url("/")))), encoding="utf-8")
        certificates = Certificates(config)
        with pytest.raises(Failure) as failed:
            await call(certificates)
        await certificates.close()

    assert isinstance(failed.value, KubernetesUnavailable | CertManagerMissing), failed.value
    assert "Certificate" in str(failed.value)


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": url.rstrip("/")}}],
        "users": [{"name": "worker", "user": {"token": "t"}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "worker"}}],
        "current-context": "here",
    }

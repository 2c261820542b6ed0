"""The client of the Kubernetes API where its credentials can't even be sent."""

import asyncio
import json
import traceback
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import RawTestServer
from lightkube import ApiError
from lightkube.resources.core_v1 import Pod

from activities.certificate_search import CertificateSearch
from activities.kubernetes import KubernetesActivities
from sovereign_dns.clients.certificates import Certificates
from sovereign_dns.clients.kubernetes_connection import KubernetesConnection
from sovereign_dns.clients.powerdns_search import Found, PowerDNSSearch
from sovereign_dns.failures import KubernetesForbidden, KubernetesNotConfigured, KubernetesUnavailable
from sovereign_dns.issuance import WantedCertificate, manifest
from sovereign_dns.messages import RequestCertificate
from tests.unit.builders import FQDN, OWNER


async def nobody_asks(pattern: str, _kind: str, _most: int, doing: str) -> list[Found]:
    raise AssertionError(f"PowerDNS was asked for {pattern} while {doing}")


def kubeconfig(folder: Path, port: int, token: str) -> Path:
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "here", "cluster": {"server": f"http://127.0.0.1:{port}"}}],
        "users": [{"name": "worker", "user": {"token": token}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "worker"}}],
        "current-context": "here",
    }
    path = folder / "kubeconfig"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


@pytest.mark.parametrize("token", ["canary-7f3a\n", "canary\r\n-7f3a", "canary\0-7f3a", "canary-7f3a-\ud800"])
async def test_a_token_that_no_header_may_hold_needs_a_hand_and_is_never_shown(tmp_path: Path, token: str) -> None:
    sent = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.extend(await reader.read())
        writer.close()

    async with await asyncio.start_server(listen, "127.0.0.1", 0) as server:
        path = kubeconfig(tmp_path, server.sockets[0].getsockname()[1], token)
        certificates = Certificates(path)
        with pytest.raises(KubernetesForbidden) as caught:
            await certificates.status("kube-system", "sovereign-wildcard-tls")

        told = "".join(traceback.format_exception(caught.value))
        assert "credentials hold a line break or another character that no HTTP header may hold" in str(caught.value)
        assert "reading Certificate kube-system/sovereign-wildcard-tls" in str(caught.value)
        for secret in ("canary", "7f3a"):
            assert secret not in told
        assert "httpx" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert sent == b""


async def test_a_token_that_was_mended_is_read_afresh(tmp_path: Path) -> None:
    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        certificates = Certificates(kubeconfig(tmp_path, port, "broken\n"))
        with pytest.raises(KubernetesForbidden):
            await certificates.status("kube-system", "tls")

        kubeconfig(tmp_path, port, "whole")
        with pytest.raises(KubernetesUnavailable):
            await certificates.status("kube-system", "tls")
        await certificates.close()


async def test_a_token_file_that_is_gone_is_told_by_its_path(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, 1, "unused")
    content = json.loads(path.read_text(encoding="utf-8"))
    content["users"] = [{"name": "worker", "user": {"tokenFile": str(tmp_path / "gone")}}]
    path.write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(KubernetesNotConfigured, match="gone"):
        await Certificates(path).status("kube-system", "tls")


async def test_a_credentials_plugin_that_is_missing_is_told_by_its_name(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, 1, "unused")
    content = json.loads(path.read_text(encoding="utf-8"))
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "no-such-plugin",
        "interactiveMode": "Never",
    }
    content["users"] = [{"name": "worker", "user": {"exec": plugin}}]
    path.write_text(json.dumps(content), encoding="utf-8")

    with pytest.raises(KubernetesNotConfigured, match="no-such-plugin"):
        await Certificates(path).status("kube-system", "tls")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{users: [{token: canary", "it is no kubeconfig: ParserError"),
        ("", "it is no kubeconfig: "),
        ("[canary]", "it is no kubeconfig: "),
        ("{}", "'clusters' is missing"),
    ],
)
async def test_a_broken_kubeconfig_is_told_without_what_it_holds(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "kubeconfig"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(KubernetesNotConfigured) as caught:
        await Certificates(path).status("kube-system", "tls")

    assert f"the kubeconfig {path} can't be used ({words}" in str(caught.value)
    assert "canary" not in "".join(traceback.format_exception(caught.value))


async def test_a_server_that_was_mended_is_found_without_any_refusal(tmp_path: Path) -> None:
    asked: list[str] = []

    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readline()).decode())
        writer.close()

    certificates = Certificates(kubeconfig(tmp_path, 1, "token"))
    with pytest.raises(KubernetesUnavailable):
        await certificates.status("kube-system", "tls")
    async with await asyncio.start_server(hang_up, "127.0.0.1", 0) as server:
        kubeconfig(tmp_path, server.sockets[0].getsockname()[1], "token")
        with pytest.raises(KubernetesUnavailable):
            await certificates.status("kube-system", "tls")
    await certificates.close()

    assert asked, "the server of the mended kubeconfig"


async def test_a_connection_that_is_renewed_serves_those_who_use_it_to_their_end(tmp_path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\ncontent-type: application/json\r\n\r\n{}")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        connection = KubernetesConnection(kubeconfig(tmp_path, server.sockets[0].getsockname()[1], "token"))
        async with connection.client() as before:
            await connection.renew(before)
            async with connection.client() as after:
                assert after is not before
            with pytest.raises(ApiError):
                await before.get(Pod, "any", namespace="default")
        await connection.close()


async def test_a_change_of_a_certificate_is_told_with_its_issuer_before_and_after(tmp_path: Path) -> None:
    wanted = WantedCertificate(
        name="tls", namespace="ns", issuer="letsencrypt-dns01-prod", dns_names=[f"*.{FQDN}", FQDN], owner=OWNER
    )
    staging = wanted.changed(issuer="letsencrypt-dns01-staging")
    held = manifest(staging)
    held["metadata"]["uid"] = "u1"
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(request.method)
        return web.Response(body=json.dumps(held).encode(), headers={"Content-Type": "application/json"})

    async with RawTestServer(answer) as server:
        certificates = Certificates(kubeconfig(tmp_path, server.port or 0, "token"))
        step = KubernetesActivities(certificates, CertificateSearch(certificates, PowerDNSSearch(nobody_asks)))
        task = RequestCertificate(owner=OWNER, wanted=wanted)
        planned = await step.request_certificate(task.changed(dry_run=True))
        asked_to_plan = list(asked)
        done = await step.request_certificate(task)
        right = await step.request_certificate(task.changed(wanted=staging, dry_run=True))
        await certificates.close()

    change = "issuer letsencrypt-dns01-staging -> letsencrypt-dns01-prod"
    assert (planned.outcome, asked_to_plan) == (f"dry run: would be changed: {change}", ["GET"])
    assert (done.outcome, "PATCH" in asked) == (f"changed: {change}", True)
    assert right.outcome == "dry run: unchanged"

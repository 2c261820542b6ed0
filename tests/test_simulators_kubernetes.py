"""What only the simulated Kubernetes can do: issue certificates at once, and fail on demand."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import httpx2
import pytest
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.generic_resource import create_namespaced_resource

from devstack.kubernetes_simulator import KubernetesSimulator
from devstack.ports import free_port
from tests.trust import TRUST

CERTIFICATES = "/apis/cert-manager.io/v1/namespaces/{}/certificates"
CLUSTER_ISSUERS = "/apis/cert-manager.io/v1/clusterissuers"
Certificate: Any = create_namespaced_resource("cert-manager.io", "v1", "Certificate", "certificates")
Json = dict[str, Any]


class Cluster:
    """A namespace of a test's own at the simulated Kubernetes API, by plain HTTP."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.namespace = f"n{secrets.token_hex(5)}"
        self.path = CERTIFICATES.format(self.namespace)

    async def apply(self, manager: str = "test", name: str = "tls", path: str | None = None, **spec: Any) -> Any:
        wanted = {
            "secretName": name,
            "dnsNames": ["*.t1.example.test", "t1.example.test"],
            "issuerRef": {"name": "letsencrypt-dns01-prod", "kind": "ClusterIssuer"},
        }
        body = {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "spec": wanted | spec}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        return await self.http.patch(
            f"{path or self.path}/{name}", params={"fieldManager": manager}, json=body, headers=headers
        )

    async def fail(self, kind: str, **more: Any) -> None:
        fault = {"namespace": self.namespace, "kind": kind, **more}
        (await self.http.post("/simulator/faults", json=fault)).raise_for_status()

    async def mend(self) -> None:
        await self.http.delete("/simulator/faults", params={"namespace": self.namespace})

    async def list(self, plural: str) -> list[Json]:
        group = "acme.cert-manager.io" if plural in {"orders", "challenges"} else "cert-manager.io"
        answer = await self.http.get(f"/apis/{group}/v1/namespaces/{self.namespace}/{plural}")
        items: list[Json] = answer.raise_for_status().json()["items"]
        return items

    async def until(self, plural: str, matches: Callable[[Json], Any]) -> Json:
        """Watch objects of a type until one matches."""
        group = "acme.cert-manager.io" if plural in {"orders", "challenges"} else "cert-manager.io"
        path = f"/apis/{group}/v1/namespaces/{self.namespace}/{plural}"
        async with (
            asyncio.timeout(30),
            self.http.stream("GET", path, params={"watch": "true"}, timeout=None) as events,
        ):
            async for line in events.aiter_lines():
                event: Json = json.loads(line)
                if event["type"] != "DELETED" and matches(event["object"]):
                    found: Json = event["object"]
                    return found
        raise AssertionError("the watch has ended")

    async def issued(self, generation: int = 1) -> Json:
        return await self.until("certificates", lambda obj: ready(obj, generation))


def conditions(obj: Json) -> dict[str, Json]:
    return {c["type"]: c for c in obj.get("status", {}).get("conditions", [])}


def ready(obj: Json, generation: int) -> bool:
    found = conditions(obj).get("Ready", {})
    return found.get("status") == "True" and found["observedGeneration"] == generation


def observed(obj: Json, kind: str) -> int | None:
    return conditions(obj).get(kind, {}).get("observedGeneration")


@pytest.fixture(scope="module")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubernetesSimulator]:
    state = tmp_path_factory.mktemp("kubernetes")
    with KubernetesSimulator(state, free_port(), state / "token", issue_seconds=0.1) as simulator:
        yield simulator


@pytest.fixture
async def cluster(api_server: KubernetesSimulator) -> AsyncIterator[Cluster]:
    user = json.loads(api_server.kubeconfig.read_text())["users"][0]["user"]
    headers = {"Authorization": f"Bearer {user['token']}"}
    async with httpx.AsyncClient(
        base_url=api_server.url, headers=headers, trust_env=False, timeout=20, verify=TRUST
    ) as http:
        yield Cluster(http)


class TestIssuance:
    async def test_a_certificate_is_issued(self, cluster: Cluster) -> None:
        assert (await cluster.apply()).status_code == 201
        certificate = await cluster.issued()
        assert conditions(certificate).keys() == {"Ready"}
        status = certificate["status"]
        assert status["revision"] == 1
        span = datetime.fromisoformat(status["notAfter"]) - datetime.fromisoformat(status["notBefore"])
        assert span == timedelta(days=90)
        [request] = await cluster.list("certificaterequests")
        assert request["metadata"]["ownerReferences"][0]["uid"] == certificate["metadata"]["uid"]
        assert conditions(request)["Ready"]["reason"] == "Issued"
        [order] = await cluster.list("orders")
        assert order["metadata"]["ownerReferences"][0]["uid"] == request["metadata"]["uid"]
        assert order["status"]["state"] == "valid"
        assert await cluster.list("challenges") == []

    async def test_ready_is_stale_just_after_a_change(self, cluster: Cluster) -> None:
        await cluster.apply()
        await cluster.issued()
        changed = (await cluster.apply(dnsNames=["t1.example.test"])).json()
        assert changed["metadata"]["generation"] == 2
        stale = conditions(changed)["Ready"]
        assert (stale["status"], stale["observedGeneration"]) == ("True", 1)
        working = await cluster.until("certificates", lambda obj: "Issuing" in conditions(obj))
        assert conditions(working)["Ready"]["reason"] == "RequestChanged"
        assert (await cluster.issued(2))["status"]["revision"] == 2
        requests = await cluster.list("certificaterequests")
        revisions = [r["metadata"]["annotations"]["cert-manager.io/certificate-revision"] for r in requests]
        assert revisions == ["1", "2"]

    async def test_a_change_that_needs_no_new_certificate_issues_none(self, cluster: Cluster) -> None:
        await cluster.apply()
        await cluster.issued()
        await cluster.apply(secretTemplate={"labels": {"a": "b"}})
        assert (await cluster.issued(2))["status"]["revision"] == 1

    async def test_a_missing_issuer_holds_the_request_until_it_is_made(self, cluster: Cluster) -> None:
        issuer = f"late-{cluster.namespace}"
        await cluster.apply(issuerRef={"name": issuer, "kind": "ClusterIssuer"})
        request = await cluster.until("certificaterequests", lambda obj: "Ready" in conditions(obj))
        absent = f'clusterissuer.cert-manager.io "{issuer}" not found'
        assert conditions(request)["Ready"]["message"] == f'Referenced "ClusterIssuer" not found: {absent}'
        body = {"apiVersion": "cert-manager.io/v1", "kind": "ClusterIssuer", "spec": {"acme": {}}}
        made = await cluster.http.patch(
            f"{CLUSTER_ISSUERS}/{issuer}",
            params={"fieldManager": "admin"},
            json=body,
            headers={"Content-Type": "application/apply-patch+yaml"},
        )
        assert made.status_code == 201
        await cluster.issued()

    async def test_the_default_issuer_can_be_missing_for_one_namespace(self, cluster: Cluster) -> None:
        await cluster.fail("issuer-missing")
        await cluster.apply()
        request = await cluster.until("certificaterequests", lambda obj: "Ready" in conditions(obj))
        assert conditions(request)["Ready"]["reason"] == "Pending"
        await cluster.mend()
        await cluster.issued()

    async def test_a_change_under_way_replaces_the_request_of_the_same_revision(self, cluster: Cluster) -> None:
        await cluster.apply(issuerRef={"name": "nobody", "kind": "ClusterIssuer"})
        former = await cluster.until("certificaterequests", lambda obj: "Ready" in conditions(obj))
        await cluster.fail("controller-away")
        await cluster.apply(issuerRef={"name": "another", "kind": "ClusterIssuer"})
        assert await cluster.list("certificaterequests") == [former], "until cert-manager looks at the change"
        await cluster.mend()
        seen = await cluster.until("certificates", lambda obj: observed(obj, "Ready") == 2)
        assert (observed(seen, "Issuing"), conditions(seen)["Ready"]["reason"]) == (1, "DoesNotExist")
        told = await cluster.until("certificaterequests", lambda obj: '"another"' in str(conditions(obj)))
        assert await cluster.list("certificaterequests") == [told]
        assert told["metadata"]["uid"] != former["metadata"]["uid"]
        assert told["metadata"]["annotations"] == former["metadata"]["annotations"]
        await cluster.apply()
        assert (await cluster.issued(3))["status"]["revision"] == 1

    async def test_a_stuck_challenge_says_what_it_waits_for(self, cluster: Cluster) -> None:
        await cluster.fail("challenge-stuck", name="tls")
        await cluster.apply()
        challenge = await cluster.until("challenges", lambda obj: obj["spec"]["wildcard"])
        assert challenge["status"]["reason"].startswith("Waiting for DNS-01 challenge propagation: ")
        assert (challenge["status"]["state"], challenge["status"]["presented"]) == ("pending", True)
        assert len(await cluster.list("challenges")) == 2
        await cluster.apply(name="other")
        await cluster.until("certificates", lambda obj: obj["metadata"]["name"] == "other" and ready(obj, 1))
        [order] = [o for o in await cluster.list("orders") if o["metadata"]["name"].startswith("tls-1-")]
        assert order["status"]["state"] == "pending"
        await cluster.mend()
        await cluster.until("certificates", lambda obj: obj["metadata"]["name"] == "tls" and ready(obj, 1))

    async def test_an_errored_order_fails_the_issuance_and_a_new_spec_mends_it(self, cluster: Cluster) -> None:
        await cluster.fail("order-errored", times=1)
        await cluster.apply()
        failed = await cluster.until("certificates", lambda obj: "lastFailureTime" in obj.get("status", {}))
        issuing = conditions(failed)["Issuing"]
        assert (issuing["status"], issuing["reason"]) == ("False", "Failed")
        assert failed["status"]["failedIssuanceAttempts"] == 1
        [order] = await cluster.list("orders")
        assert order["status"]["state"] == "errored"
        wanted = "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: "
        assert order["status"]["reason"].startswith(wanted)
        await cluster.apply(secretTemplate={"labels": {"a": "b"}})
        waiting = await cluster.until("certificates", lambda obj: observed(obj, "Ready") == 2)
        assert conditions(waiting)["Issuing"] == issuing, "the same request waits for its time"
        await cluster.apply(dnsNames=["t1.example.test"])
        status = (await cluster.issued(3))["status"]
        assert not status.keys() & {"lastFailureTime", "failedIssuanceAttempts"}

    async def test_a_failed_issuance_can_be_begun_again_by_hand(self, cluster: Cluster) -> None:
        await cluster.fail("order-errored", times=1)
        await cluster.apply()
        await cluster.until("certificates", lambda obj: "lastFailureTime" in obj.get("status", {}))
        renewal = f"/simulator/certificates/{cluster.namespace}/tls/renew"
        assert (await cluster.http.post(renewal)).status_code == 204
        assert (await cluster.issued())["status"]["revision"] == 1

    async def test_a_certificate_of_another_manager_can_be_planted(self, cluster: Cluster) -> None:
        spec = {"secretName": "s", "dnsNames": ["a.test"], "issuerRef": {"name": "nobody"}}
        planted = {"manager": "flux", "labels": {"a": "b"}, "spec": spec}
        made = await cluster.http.post(f"/simulator/certificates/{cluster.namespace}/tls", json=planted)
        assert made.status_code == 201
        conflict = await cluster.apply()
        assert conflict.status_code == 409
        causes = conflict.json()["details"]["causes"]
        assert {cause["message"] for cause in causes} == {'conflict with "flux"'}
        assert ".spec.dnsNames" in [cause["field"] for cause in causes]

    async def test_objects_survive_a_restart_and_old_watches_do_not(
        self, cluster: Cluster, api_server: KubernetesSimulator
    ) -> None:
        first = (await cluster.apply()).json()["metadata"]["resourceVersion"]
        before = await cluster.issued()
        api_server.stop()
        api_server.start()
        assert await cluster.list("certificates") == [before]
        config = KubeConfig.from_file(str(api_server.kubeconfig)).get()
        async with AsyncClient(config, namespace=cluster.namespace, trust_env=False) as client:
            watch: Any = client.watch(Certificate, resource_version=first)
            with pytest.raises(ApiError) as gone:
                await anext(watch)
        assert gone.value.status.code == 410


class TestKubernetesFaults:
    async def test_apply_tells_creation_from_change(self, cluster: Cluster) -> None:
        assert [(await cluster.apply()).status_code for _ in range(2)] == [201, 200]

    async def test_forbidden_names_verb_resource_and_namespace(self, cluster: Cluster) -> None:
        await cluster.fail("forbidden", call="patch")
        refused = await cluster.apply()
        assert refused.status_code == 403
        message = refused.json()["message"]
        assert message.startswith('certificates.cert-manager.io "tls" is forbidden: ')
        assert message.endswith(f" the verb patch in namespace {cluster.namespace}")
        assert await cluster.list("certificates") == []

    async def test_patch_without_create_changes_and_does_not_create(self, cluster: Cluster) -> None:
        await cluster.apply()
        await cluster.fail("forbidden", call="create")
        assert (await cluster.apply(secretName="other")).status_code == 200
        refused = await cluster.apply(name="new")
        assert refused.status_code == 403
        assert " the verb create in namespace " in refused.json()["message"]

    async def test_other_types_can_be_forbidden_alone(self, cluster: Cluster) -> None:
        await cluster.fail("forbidden", call="list-orders")
        with pytest.raises(httpx.HTTPStatusError, match="403"):
            await cluster.list("orders")
        assert await cluster.list("certificaterequests") == []

    async def test_a_forbidden_list_names_no_object_and_leaves_the_other_verbs(self, cluster: Cluster) -> None:
        await cluster.apply()
        await cluster.fail("forbidden", call="list")
        refused = await cluster.http.get(cluster.path)
        assert refused.status_code == 403
        message = refused.json()["message"]
        assert message.startswith("certificates.cert-manager.io is forbidden: ")
        assert message.endswith(f" the verb list in namespace {cluster.namespace}")
        assert (await cluster.http.get(f"{cluster.path}/tls")).status_code == 200

    async def test_a_forbidden_watch_is_no_api_error_for_the_client(
        self, cluster: Cluster, api_server: KubernetesSimulator
    ) -> None:
        await cluster.fail("forbidden", call="watch")
        config = KubeConfig.from_file(str(api_server.kubeconfig)).get()
        async with AsyncClient(config, namespace=cluster.namespace, trust_env=False) as client:
            watch: Any = client.watch(Certificate)
            with pytest.raises(httpx2.HTTPStatusError) as refused:
                await anext(watch)
        assert refused.value.response.status_code == 403
        assert not isinstance(refused.value, ApiError)

    async def test_a_missing_crd_is_plain_text(self, cluster: Cluster) -> None:
        await cluster.fail("crd-missing")
        answer = await cluster.http.get(cluster.path)
        assert (answer.status_code, answer.text) == (404, "404 page not found\n")

    async def test_unauthorized(self, cluster: Cluster) -> None:
        await cluster.fail("unauthorized", times=1)
        refused = await cluster.apply()
        assert (refused.status_code, refused.json()["reason"]) == (401, "Unauthorized")
        assert (await cluster.apply()).status_code == 201

    async def test_a_status_is_of_one_namespace_and_says_when_to_retry(self, cluster: Cluster) -> None:
        await cluster.fail("status", status=503, retryAfter=3)
        refused = await cluster.apply()
        assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
        assert (refused.json()["kind"], refused.json()["reason"]) == ("Status", "ServiceUnavailable")
        assert (await Cluster(cluster.http).apply()).status_code == 201

    async def test_a_lost_answer_is_work_done_and_a_reset_is_not(self, cluster: Cluster) -> None:
        await cluster.fail("reset", call="patch", times=1)
        with pytest.raises(httpx.ReadError):
            await cluster.apply()
        assert await cluster.list("certificates") == []
        await cluster.fail("lost-answer", call="patch", times=1)
        with pytest.raises(httpx.RemoteProtocolError):
            await cluster.apply()
        assert [obj["metadata"]["name"] for obj in await cluster.list("certificates")] == ["tls"]

    async def test_a_slow_call_outlasts_its_client(self, cluster: Cluster) -> None:
        await cluster.fail("slow", seconds=30)
        with pytest.raises(httpx.ReadTimeout):
            await cluster.http.get(cluster.path, timeout=0.2)

    async def test_the_journal_names_calls_and_holds_no_token(
        self, cluster: Cluster, api_server: KubernetesSimulator
    ) -> None:
        await cluster.apply()
        await cluster.list("orders")
        answer = await cluster.http.get("/simulator/calls", params={"namespace": cluster.namespace})
        calls = [(call["call"], call["name"], call["status"]) for call in answer.json()["calls"]]
        assert calls == [("patch", "tls", 201), ("list-orders", None, 200)]
        token = (api_server.kubeconfig.parent / "token").read_text()
        assert token not in answer.text

    async def test_every_namespace_exists_unless_it_is_named_missing_and_not_created(self, cluster: Cluster) -> None:
        found = [await cluster.http.get(f"/api/v1/namespaces/{name}") for name in ("any", "missing-one")]
        assert [answer.status_code for answer in found] == [200, 404]
        gone = await cluster.apply(path=CERTIFICATES.format("missing-one"))
        assert (gone.status_code, gone.json()["message"]) == (404, 'namespaces "missing-one" not found')
        created = await cluster.http.post("/api/v1/namespaces", json={"metadata": {"name": "missing-one"}})
        assert created.status_code == 201
        assert (await cluster.http.get("/api/v1/namespaces/missing-one")).status_code == 200
        assert (await cluster.apply(path=CERTIFICATES.format("missing-one"))).status_code == 201

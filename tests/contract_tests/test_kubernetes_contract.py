"""What we rely on in Kubernetes and cert-manager, through the client library that the product uses.

No certificate is ever ordered here: the issuer that the tests name does not exist.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from lightkube import ApiError, AsyncClient, KubeConfig
from lightkube.generic_resource import create_global_resource, create_namespaced_resource

from sovereign_dns.clients.conditional_delete import delete_as_seen

# The client library's own HTTP library, whose errors it lets through.
import httpx2  # isort: skip

Certificate: Any = create_namespaced_resource("cert-manager.io", "v1", "Certificate", "certificates")
Request: Any = create_namespaced_resource("cert-manager.io", "v1", "CertificateRequest", "certificaterequests")
ClusterIssuer: Any = create_global_resource("cert-manager.io", "v1", "ClusterIssuer", "clusterissuers")
Unknown: Any = create_namespaced_resource("nobody.example.test", "v1", "Thing", "things")

ISSUER = "contract-tests-absent"
Object = dict[str, Any]


def certificate(name: str, labels: dict[str, str] | None = None, **spec: Any) -> Any:
    """Return a Certificate as the product would apply it."""
    wanted = {
        "secretName": name,
        "dnsNames": ["*.t1.example.test", "t1.example.test"],
        "issuerRef": {"name": ISSUER, "kind": "ClusterIssuer", "group": "cert-manager.io"},
    }
    metadata = {"name": name, "labels": {"contract-tests": name} | (labels or {})}
    return Certificate(metadata=metadata, spec=wanted | spec)


async def applied(client: AsyncClient, obj: Any, **options: Any) -> Object:
    """Apply, and return the answer without what differs from one run to the next."""
    result: Object = await client.apply(obj, name=obj["metadata"]["name"], **options)
    return result


async def first(client: AsyncClient, kind: Any, matches: Callable[[Object], bool], **selection: Any) -> Object:
    """Watch until an object matches.

    Raises:
        TimeoutError: none did in half a minute.
    """
    watch: Any = client.watch(kind, **selection)
    try:
        async with asyncio.timeout(30):
            async for operation, obj in watch:
                if operation != "DELETED" and matches(obj):
                    return dict(obj)
    finally:
        await watch.aclose()
    raise AssertionError("the watch has ended")


@pytest.fixture
async def name(kubernetes: AsyncClient) -> AsyncIterator[str]:
    """A Certificate's name, with dots as the product's have; the Certificate is deleted afterwards."""
    made = f"t{secrets.token_hex(5)}.example.test-wildcard-tls"
    yield made
    with suppress(ApiError):
        await kubernetes.delete(Certificate, made)


async def test_apply_creates(kubernetes: AsyncClient, name: str, namespace: str) -> None:
    made = await applied(kubernetes, certificate(name))
    assert made["metadata"]["namespace"] == namespace
    assert made["metadata"]["generation"] == 1
    assert made["metadata"]["uid"]
    assert made["spec"]["dnsNames"] == ["*.t1.example.test", "t1.example.test"]
    assert (await kubernetes.get(Certificate, name))["metadata"]["uid"] == made["metadata"]["uid"]


async def test_an_apply_that_changes_nothing_keeps_the_resource_version(kubernetes: AsyncClient, name: str) -> None:
    made = await applied(kubernetes, certificate(name))
    # The controllers write too, until all waits for the absent issuer.
    await first(kubernetes, Request, lambda obj: _uid(obj) == made["metadata"]["uid"] and _pending(obj))
    before = await kubernetes.get(Certificate, name)
    again = await applied(kubernetes, certificate(name))
    assert again["metadata"]["resourceVersion"] == before["metadata"]["resourceVersion"]


async def test_the_generation_grows_with_the_spec_and_not_with_labels(kubernetes: AsyncClient, name: str) -> None:
    await applied(kubernetes, certificate(name))
    labelled = await applied(kubernetes, certificate(name, {"more": "yes"}))
    assert labelled["metadata"]["labels"]["more"] == "yes"
    assert labelled["metadata"]["generation"] == 1
    changed = await applied(kubernetes, certificate(name, {"more": "yes"}, dnsNames=["t1.example.test"]))
    assert changed["metadata"]["generation"] == 2
    assert changed["spec"]["dnsNames"] == ["t1.example.test"]


async def test_what_is_no_longer_applied_goes_away(kubernetes: AsyncClient, name: str) -> None:
    await applied(kubernetes, certificate(name, {"more": "yes"}, commonName="*.t1.example.test"))
    less = await applied(kubernetes, certificate(name))
    assert "commonName" not in less["spec"]
    assert "more" not in less["metadata"]["labels"]


async def test_a_field_of_another_manager_is_a_conflict_that_names_both(kubernetes: AsyncClient, name: str) -> None:
    await applied(kubernetes, certificate(name), field_manager="flux")
    with pytest.raises(ApiError) as conflict:
        await applied(kubernetes, certificate(name, dnsNames=["t1.example.test"]))
    status = conflict.value.status
    assert (status.code, status.reason) == (409, "Conflict")
    assert status.message == 'Apply failed with 1 conflict: conflict with "flux": .spec.dnsNames'
    assert status.details is not None
    [cause] = status.details.causes or []
    assert (cause.reason, cause.message, cause.field) == (
        "FieldManagerConflict",
        'conflict with "flux"',
        ".spec.dnsNames",
    )


async def test_several_conflicts_are_listed(kubernetes: AsyncClient, name: str) -> None:
    await applied(kubernetes, certificate(name), field_manager="flux")
    with pytest.raises(ApiError) as conflict:
        await applied(kubernetes, certificate(name, dnsNames=["t1.example.test"], secretName="other"))
    message = conflict.value.status.message
    assert message is not None
    assert message.startswith('Apply failed with 2 conflicts: conflicts with "flux":\n- ')
    assert {".spec.dnsNames", ".spec.secretName"} <= set(message.replace("\n- ", "\n").split("\n"))


async def test_the_same_value_is_shared_and_force_takes_another(kubernetes: AsyncClient, name: str) -> None:
    await applied(kubernetes, certificate(name), field_manager="flux")
    await applied(kubernetes, certificate(name))
    taken = await applied(kubernetes, certificate(name, dnsNames=["t1.example.test"]), force=True)
    assert taken["spec"]["dnsNames"] == ["t1.example.test"]
    owners = {
        entry["manager"]: entry["fieldsV1"]["f:spec"]
        for entry in taken["metadata"]["managedFields"]
        if entry["operation"] == "Apply"
    }
    assert "f:dnsNames" not in owners["flux"]
    assert "f:secretName" in owners["flux"]
    assert {"f:dnsNames", "f:secretName"} <= owners["contract-tests"].keys()


async def test_a_dry_run_answers_and_writes_nothing(kubernetes: AsyncClient, name: str) -> None:
    planned = await applied(kubernetes, certificate(name), dry_run=True)
    assert planned["spec"]["secretName"] == name
    with pytest.raises(ApiError) as missing:
        await kubernetes.get(Certificate, name)
    assert missing.value.status.code == 404


async def test_a_missing_object_is_not_found(kubernetes: AsyncClient, name: str) -> None:
    for call in (kubernetes.get, kubernetes.delete):
        with pytest.raises(ApiError) as missing:
            await call(Certificate, name)
        status = missing.value.status
        assert (status.code, status.reason) == (404, "NotFound")
        assert status.message == f'certificates.cert-manager.io "{name}" not found'


async def test_a_deletion_is_done_only_to_the_object_that_was_seen(kubernetes: AsyncClient, name: str) -> None:
    async def apply_and_see(**spec: Any) -> Object:
        """When no controller writes to it any more, as long as its issuer is absent."""
        made = await applied(kubernetes, certificate(name, **spec))
        mine = made["metadata"]["uid"]
        await first(kubernetes, Request, lambda obj: _uid(obj) == mine and _pending(obj))
        return dict(await kubernetes.get(Certificate, name))

    seen = await apply_and_see()
    await applied(kubernetes, certificate(name, {"more": "yes"}))
    with pytest.raises(ApiError) as changed_since:
        await delete_as_seen(kubernetes, Certificate, seen)
    await kubernetes.delete(Certificate, name)
    with pytest.raises(ApiError) as gone:
        await delete_as_seen(kubernetes, Certificate, seen)
    again = await apply_and_see()
    former = again | {"metadata": again["metadata"] | {"uid": seen["metadata"]["uid"]}}
    with pytest.raises(ApiError) as made_anew:
        await delete_as_seen(kubernetes, Certificate, former)

    assert [(error.value.status.code, error.value.status.reason) for error in (changed_since, gone, made_anew)] == [
        (409, "Conflict"),
        (404, "NotFound"),
        (409, "Conflict"),
    ]
    await delete_as_seen(kubernetes, Certificate, dict(await kubernetes.get(Certificate, name)))
    with pytest.raises(ApiError):
        await kubernetes.get(Certificate, name)


async def test_a_missing_namespace_is_told_at_creation(kubernetes: AsyncClient, name: str) -> None:
    gone = f"missing-{secrets.token_hex(4)}"
    with pytest.raises(ApiError) as missing:
        await applied(kubernetes, certificate(name), namespace=gone)
    assert (missing.value.status.code, missing.value.status.message) == (404, f'namespaces "{gone}" not found')


async def test_an_unknown_resource_is_not_even_a_status(kubernetes: AsyncClient) -> None:
    with pytest.raises(httpx2.HTTPStatusError) as missing:
        [thing async for thing in kubernetes.list(Unknown)]
    assert not isinstance(missing.value, ApiError)
    assert (missing.value.response.status_code, missing.value.response.text) == (404, "404 page not found\n")


async def test_a_wrong_token_is_unauthorized(kubeconfig: Path, name: str) -> None:
    loaded = KubeConfig.from_file(str(kubeconfig)).get()
    assert loaded is not None
    user = type(loaded.user)(token="wrong") if loaded.user else None
    async with AsyncClient(loaded._replace(user=user), trust_env=False) as stranger:
        with pytest.raises(ApiError) as refused:
            await stranger.get(Certificate, name, namespace="default")
    assert (refused.value.status.code, refused.value.status.reason) == (401, "Unauthorized")


async def test_a_certificate_without_an_issuer_is_invalid(kubernetes: AsyncClient, name: str) -> None:
    wrong = certificate(name)
    del wrong["spec"]["issuerRef"]
    with pytest.raises(ApiError) as refused:
        await applied(kubernetes, wrong)
    status = refused.value.status
    assert (status.code, status.reason) == (422, "Invalid")
    assert f'Certificate.cert-manager.io "{name}" is invalid' in (status.message or "")
    assert status.details is not None
    assert "spec.issuerRef" in [cause.field for cause in status.details.causes or []]


async def test_a_label_of_more_than_63_characters_is_invalid(kubernetes: AsyncClient, name: str) -> None:
    with pytest.raises(ApiError) as refused:
        await applied(kubernetes, certificate(name, {"catalyst.openova.io/sovereign": "a" * 64}))
    assert (refused.value.status.code, refused.value.status.reason) == (422, "Invalid")


async def test_a_common_name_of_more_than_64_bytes_is_denied(kubernetes: AsyncClient, name: str) -> None:
    with pytest.raises(ApiError) as refused:
        await applied(kubernetes, certificate(name, commonName=f"*.{'a' * 63}"))
    message = refused.value.status.message or ""
    assert 'admission webhook "webhook.cert-manager.io" denied the request: spec.commonName: Too long' in message


async def test_list_selects_by_label(kubernetes: AsyncClient, name: str) -> None:
    await applied(kubernetes, certificate(name))
    found = [obj["metadata"]["name"] async for obj in kubernetes.list(Certificate, labels={"contract-tests": name})]
    assert found == [name]
    none = [obj async for obj in kubernetes.list(Certificate, labels={"contract-tests": "nothing"})]
    assert none == []


async def test_a_list_comes_in_parts_that_are_asked_for_one_by_one(
    kubernetes: AsyncClient, name: str, namespace: str
) -> None:
    names = [f"{name}{number}" for number in range(3)]
    for made in names:
        await applied(kubernetes, certificate(made, {"contract-tests": name}))
    try:
        chosen = kubernetes.list(Certificate, labels={"contract-tests": name}, chunk_size=2)
        assert [obj["metadata"]["name"] async for obj in chosen] == names
        raw = kubernetes._client._client  # the client library shows no single part
        path = f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificates"
        asked = {"labelSelector": f"contract-tests={name}", "limit": "2"}
        part = (await raw.get(path, params=asked)).json()
        rest = (await raw.get(path, params=asked | {"continue": part["metadata"]["continue"]})).json()
        assert [len(listed["items"]) for listed in (part, rest)] == [2, 1]
        assert not rest["metadata"].get("continue")
        assert (await raw.get(path, params=asked | {"continue": "nonsense"})).status_code == 400
    finally:
        for made in names:
            await kubernetes.delete(Certificate, made)


async def test_a_watch_shows_changes_and_the_end(kubernetes: AsyncClient, name: str) -> None:
    made = await applied(kubernetes, certificate(name))
    version = made["metadata"]["resourceVersion"]
    watch: Any = kubernetes.watch(Certificate, fields={"metadata.name": name}, resource_version=version)
    seen = []
    await applied(kubernetes, certificate(name, {"more": "yes"}))
    await kubernetes.delete(Certificate, name)
    async with asyncio.timeout(30):
        async for operation, obj in watch:
            seen.append((operation, obj["metadata"]["labels"].get("more")))
            if operation == "DELETED":
                break
    await watch.aclose()
    assert ("MODIFIED", "yes") in seen
    assert seen[-1][0] == "DELETED"
    assert "ADDED" not in [operation for operation, _ in seen]


async def test_a_request_says_that_its_issuer_is_missing(kubernetes: AsyncClient, name: str) -> None:
    made = await applied(kubernetes, certificate(name))

    mine = made["metadata"]["uid"]
    request = await first(kubernetes, Request, lambda obj: _uid(obj) == mine and _pending(obj))
    assert request["metadata"]["annotations"]["cert-manager.io/certificate-revision"] == "1"
    absent = f'clusterissuer.cert-manager.io "{ISSUER}" not found'
    assert _condition(request, "Ready")["message"] == f'Referenced "ClusterIssuer" not found: {absent}'
    current = await kubernetes.get(Certificate, name)
    assert _condition(current, "Issuing")["status"] == "True"
    assert _condition(current, "Ready")["status"] == "False"
    assert _condition(current, "Ready")["reason"] == "DoesNotExist"


async def test_another_issuer_means_another_request_of_the_same_revision(kubernetes: AsyncClient, name: str) -> None:
    made = await applied(kubernetes, certificate(name))
    mine = made["metadata"]["uid"]
    former = await first(kubernetes, Request, lambda obj: _uid(obj) == mine and _pending(obj))
    issuer = {"name": f"{ISSUER}-too", "kind": "ClusterIssuer", "group": "cert-manager.io"}
    await applied(kubernetes, certificate(name, issuerRef=issuer))
    latter = await first(
        kubernetes, Request, lambda obj: _uid(obj) == mine and obj["spec"]["issuerRef"] == issuer and _pending(obj)
    )
    assert latter["metadata"]["uid"] != former["metadata"]["uid"]
    revisions = [obj["metadata"]["annotations"]["cert-manager.io/certificate-revision"] for obj in (former, latter)]
    assert revisions == ["1", "1"]
    seen = await first(
        kubernetes,
        Certificate,
        lambda obj: _condition(obj, "Ready").get("observedGeneration") == 2,
        fields={"metadata.name": name},
    )
    assert _condition(seen, "Issuing")["observedGeneration"] == 1, "it is about the issuance that began then"


async def test_what_a_certificate_owns_goes_with_it(kubernetes: AsyncClient, name: str) -> None:
    made = await applied(kubernetes, certificate(name))
    request = await first(kubernetes, Request, lambda obj: _uid(obj) == made["metadata"]["uid"])
    version = request["metadata"]["resourceVersion"]
    watch: Any = kubernetes.watch(
        Request, fields={"metadata.name": request["metadata"]["name"]}, resource_version=version
    )
    await kubernetes.delete(Certificate, name)
    async with asyncio.timeout(60):
        operations = []
        async for operation, _ in watch:
            operations.append(operation)
            if operation == "DELETED":
                break
    await watch.aclose()
    assert operations[-1] == "DELETED"


async def test_a_missing_cluster_issuer_is_not_found(kubernetes: AsyncClient) -> None:
    with pytest.raises(ApiError) as missing:
        await kubernetes.get(ClusterIssuer, ISSUER)
    assert missing.value.status.message == f'clusterissuers.cert-manager.io "{ISSUER}" not found'


def _pending(request: Object) -> bool:
    return bool(_condition(request, "Ready").get("reason") == "Pending")


def _uid(obj: Object) -> str:
    return str(obj["metadata"]["ownerReferences"][0]["uid"])


def _condition(obj: Object, kind: str) -> Object:
    conditions = (obj.get("status") or {}).get("conditions", [])
    return next((dict(c) for c in conditions if c["type"] == kind), {})

"""The steps on a Certificate, one at a time, against the simulated Kubernetes API: what they change, and keep."""

from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from sovereign_dns.clients.certificates import Certificates
from sovereign_dns.failures import KubernetesUnavailable
from tests.single_steps import Report, last_failure_of, report_of, start_step
from tests.world import World, rrset

ISSUER = "letsencrypt-dns01-prod"


def fqdn(world: World) -> str:
    return f"t1.{world.parent}"


def name_of(world: World) -> str:
    return f"{fqdn(world)}-wildcard-tls"


def namespace_of(world: World) -> str:
    return f"ns-{world.unique}"


def owner(world: World) -> dict[str, str]:
    return {"sovereignFQDN": fqdn(world), "deploymentId": "d1"}


def names(world: World) -> list[str]:
    return [fqdn(world), f"*.{fqdn(world)}"]


async def request(
    temporal: Client, world: World, *, issuer: str = ISSUER, holder: dict[str, str] | None = None, **fields: Any
) -> Report:
    """What `certificate-request` reports, for another Sovereign where one is named."""
    wanted = {
        "name": name_of(world),
        "namespace": namespace_of(world),
        "issuer": issuer,
        "dnsNames": names(world),
        "owner": holder or owner(world),
    }
    return await report_of(temporal, "certificate-request", {"owner": owner(world), "wanted": wanted} | fields)


def deletion(world: World, namespace: str | None = None, **fields: Any) -> dict[str, Any]:
    place = {"name": name_of(world), "namespace": namespace or namespace_of(world)}
    return {"owner": owner(world)} | place | fields


async def delete(temporal: Client, world: World, **fields: Any) -> Report:
    return await report_of(temporal, "certificate-delete", deletion(world, **fields))


async def plant(
    world: World,
    namespace: str | None = None,
    name: str | None = None,
    dns_names: list[str] | None = None,
    **fields: Any,
) -> None:
    """Somebody else applies the Certificate, or one with another name."""
    spec = {
        "secretName": "theirs",
        "dnsNames": dns_names or names(world),
        "issuerRef": {"name": ISSUER, "kind": "ClusterIssuer"},
    }
    path = f"/simulator/certificates/{namespace or namespace_of(world)}/{name or name_of(world)}"
    (await world.kubernetes_call("POST", path, json={"spec": spec} | fields)).raise_for_status()


async def present(world: World, namespace: str | None = None) -> dict[str, Any] | None:
    return await world.certificate(namespace or namespace_of(world), name_of(world))


def before(world: World, **changed: Any) -> dict[str, Any]:
    return {
        "dnsNames": names(world),
        "issuer": ISSUER,
        "issuerKind": "ClusterIssuer",
        "secretName": name_of(world),
        "owner": owner(world),
    } | changed


async def test_a_certificate_of_this_sovereign_is_deleted_and_can_be_asked_for_again(
    temporal: Client, world: World
) -> None:
    await request(temporal, world)

    planned = await delete(temporal, world, dryRun=True)
    still_there = await present(world)
    first = await delete(temporal, world)
    second = await delete(temporal, world)

    secret = f"its Secret {namespace_of(world)}/{name_of(world)}"
    assert planned["outcome"] == f"dry run: would be deleted; {secret} stays"
    assert still_there is not None
    assert first["outcome"] == f"deleted; {secret} was left"
    assert await present(world) is None
    for report in (planned, first):
        assert (report["certificate"]["change"], report["certificate"]["before"]) == ("removed", before(world))
        assert report["certificate"]["ready"] is False
    assert second["outcome"] == "was gone already"
    assert (second["certificate"]["change"], second["certificate"]["before"]) == ("unchanged", None)


async def test_a_deletion_whose_answer_was_lost_is_reported_with_what_was_there(temporal: Client, world: World) -> None:
    await request(temporal, world)
    await world.fault(world.kubernetes, namespace=namespace_of(world), call="delete", kind="lost-answer", times=1)

    report = await delete(temporal, world)

    assert report["outcome"].startswith("deleted by an attempt before; its Secret ")
    assert (report["certificate"]["change"], report["certificate"]["before"]) == ("removed", before(world))
    assert await present(world) is None


@pytest.mark.parametrize("neighbour", [True, False])
async def test_a_certificate_of_another_or_of_nobody_is_left_alone(
    temporal: Client, world: World, neighbour: bool
) -> None:
    await plant(world, annotations={"sovereign-dns.openova.io/owner": "t2.example.com"} if neighbour else {})

    report = await delete(temporal, world)

    why = "it belongs to Sovereign t2.example.com" if neighbour else "no annotation or label says whose it is"
    assert report["outcome"] == f"left alone: {why}"
    assert (report["certificate"]["change"], report["certificate"]["before"]) == ("unchanged", None)
    assert await present(world) is not None


async def test_a_certificate_for_a_protected_name_is_left_and_told(temporal: Client, world: World) -> None:
    """Though it says that it is the Sovereign's; a wildcard answers for a name one label below it."""
    platform = f"p{world.unique}.io"
    annotations = {"sovereign-dns.openova.io/owner": owner(world)["sovereignFQDN"]}
    await plant(world, dns_names=[f"*.{platform}"], annotations=annotations)

    report = await delete(temporal, world, protectedFQDNs=[f"api.{platform}"])

    assert await present(world) is not None
    assert (report["certificate"]["change"], report["certificate"]["before"]) == ("unchanged", None)
    assert [(hazard["kind"], hazard["content"]) for hazard in report["hazards"]] == [
        ("certificate-left", [f"*.{platform}"])
    ]
    assert f"api.{platform}, which is protected" in report["hazards"][0]["message"]
    assert (await delete(temporal, world, protectedFQDNs=[]))["outcome"].startswith("deleted; ")


async def test_a_certificate_that_only_a_label_calls_ours_is_deleted(temporal: Client, world: World) -> None:
    await plant(world, labels={"catalyst.openova.io/sovereign": fqdn(world)})

    report = await delete(temporal, world)

    assert report["outcome"] == f"deleted; its Secret {namespace_of(world)}/theirs was left"
    ours = {"sovereignFQDN": fqdn(world), "deploymentId": ""}
    assert report["certificate"]["before"] == before(world, secretName="theirs", owner=ours)


async def test_one_that_was_changed_since_it_was_seen_is_not_deleted(
    temporal: Client, world: World, stack_description: dict[str, str]
) -> None:
    await request(temporal, world)
    certificates = Certificates(Path(stack_description["KUBECONFIG"]))
    seen = await certificates.find(namespace_of(world), name_of(world))
    assert seen is not None
    await plant(world, annotations={"sovereign-dns.openova.io/owner": "t2.example.com"})

    with pytest.raises(KubernetesUnavailable, match="was changed while it was looked at") as refused:
        await certificates.delete(seen)
    await certificates.close()

    assert not refused.value.sent
    assert await present(world) is not None


async def test_in_a_cluster_without_cert_manager_there_is_nothing_to_delete(temporal: Client, world: World) -> None:
    await world.fault(world.kubernetes, namespace=namespace_of(world), kind="crd-missing")

    report = await delete(temporal, world)

    assert report["outcome"] == "was gone already: the cluster doesn't know cert-manager's Certificates"


def deletion_with_search(world: World, holder: dict[str, str] | None = None) -> dict[str, Any]:
    """As a whole Sovereign's."""
    intent = {"owner": holder or owner(world), "nameservers": [], "domains": [], "everywhere": True}
    return deletion(world, owner=holder or owner(world), besides={"intent": intent, "named": [name_of(world)]})


def marked(fqdn: str, **labels: str) -> dict[str, Any]:
    """As our Certificates are."""
    ours = {"catalyst.openova.io/component": "sovereign-dns"} | labels
    return {"annotations": {"sovereign-dns.openova.io/owner": fqdn}, "labels": ours}


async def test_the_sovereigns_other_certificates_are_found_by_their_owner(
    temporal: Client, world: World, stack_description: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One is the Sovereign's alone, another serves a neighbour too, a third only a label calls the Sovereign's."""
    await world.create_zone(world.parent, rrset(f"console.t9.{world.parent}", "A", "77.42.11.96", owner="t9.works"))
    ours = {"catalyst.openova.io/sovereign": fqdn(world)}
    mark = marked(fqdn(world), **ours)
    mark["annotations"]["sovereign-dns.openova.io/deployment"] = "d1"
    await request(temporal, world)
    await plant(world, name="custom", **mark)
    await plant(world, name="shared", dns_names=[world.parent], **mark)
    await plant(world, name="catalysts", labels=ours)
    await plant(world, name="taken-over", **(mark | {"annotations": {"sovereign-dns.openova.io/owner": "t9.works"}}))
    # The API server has forgotten where the list was: it is begun anew.
    await world.fault(world.kubernetes, namespace=namespace_of(world), call="list", kind="status", status=410, times=1)

    report = await report_of(temporal, "certificate-delete", deletion_with_search(world))

    assert await present(world) is None
    custom, shared = report["besides"]
    assert custom == {"name": "custom", "ofDomain": None}
    assert (shared["name"], shared["ofDomain"]["domain"]) == ("shared", world.parent)
    assert shared["ofDomain"]["neededBy"] == ["t9.works"]
    assert [hazard["name"] for hazard in report["hazards"]] == [f"{namespace_of(world)}/catalysts"]
    assert report["outcome"].endswith(
        "Others of this Sovereign: found by their owner: custom, shared; 1 left, see the hazards"
    )

    certificates = Certificates(Path(stack_description["KUBECONFIG"]))
    monkeypatch.setattr("sovereign_dns.clients.certificates.LISTED_AT_ONCE", 1)
    listed = await certificates.marked_as_of(namespace_of(world), fqdn(world))
    await certificates.close()
    assert [item["metadata"]["name"] for item in listed] == ["catalysts", "custom", "shared"]


async def test_a_sovereign_whose_name_is_too_long_for_a_label_has_its_certificates_found(
    temporal: Client, world: World
) -> None:
    long = f"{'t' * 52}.{world.parent}"
    await plant(world, name="theirs", **marked(fqdn(world)))
    await plant(world, name="long", dns_names=[long], **marked(long))

    holder = {"sovereignFQDN": long, "deploymentId": ""}
    report = await report_of(temporal, "certificate-delete", deletion_with_search(world, holder))

    assert report["besides"] == [{"name": "long", "ofDomain": None}]


async def test_where_nobody_may_look_for_others_the_one_is_deleted_and_that_is_told(
    temporal: Client, world: World
) -> None:
    """RBAC is told. Credentials that are refused are waited for, as at every other call."""
    await request(temporal, world)
    await world.fault(world.kubernetes, namespace=namespace_of(world), call="list", kind="unauthorized")
    waiting = await start_step(temporal, "certificate-delete", deletion_with_search(world))
    assert "KubernetesForbidden: the Kubernetes API doesn't accept" in await last_failure_of(waiting)
    await waiting.terminate()
    assert await present(world) is not None
    await world.mend(world.kubernetes, namespace=namespace_of(world))
    await world.fault(world.kubernetes, namespace=namespace_of(world), call="list", kind="forbidden")

    report = await report_of(temporal, "certificate-delete", deletion_with_search(world))

    assert await present(world) is None
    assert report["outcome"].endswith("Others of this Sovereign: not looked for, since RBAC doesn't allow it")
    (hazard,) = report["hazards"]
    assert (hazard["kind"], hazard["name"]) == ("certificate-left", f"{namespace_of(world)}/*")
    for words in (VERBS, "Grant list", f"the verb list in namespace {namespace_of(world)}"):
        assert words in hazard["message"]


VERBS = "needs get, list, create, patch and delete on certificates.cert-manager.io"
FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "away": ({"kind": "reset"}, "KubernetesUnavailable: the Kubernetes API doesn't answer"),
    "broken": ({"kind": "status", "status": 503}, "KubernetesUnavailable: the Kubernetes API answered 503"),
    "busy": ({"kind": "status", "status": 429, "retryAfter": 1}, "the Kubernetes API answered 429"),
    "changed": ({"kind": "status", "status": 409}, "was changed while it was looked at"),
    "without-right": ({"kind": "forbidden"}, VERBS),
    "locked": ({"kind": "unauthorized"}, "KubernetesForbidden: the Kubernetes API doesn't accept"),
}


async def test_each_way_in_which_a_deletion_fails_is_told_and_outlived(temporal: Client, world: World) -> None:
    places = {name: f"{name}-{world.unique}" for name in FAULTS}
    steps = {}
    for name, namespace in places.items():
        await plant(world, namespace, labels={"catalyst.openova.io/sovereign": fqdn(world)})
        await world.fault(world.kubernetes, namespace=namespace, call="delete", **FAULTS[name][0])
        steps[name] = await start_step(temporal, "certificate-delete", deletion(world, namespace))

    for name, step in steps.items():
        failure = await last_failure_of(step)
        assert FAULTS[name][1] in failure
        assert f"{places[name]}/{name_of(world)}" in failure
        assert await present(world, places[name]) is not None
        await world.mend(world.kubernetes, namespace=places[name])

    for name in ("without-right", "locked"):
        await steps.pop(name).terminate()  # what needs a hand is attempted once a minute
    for step in steps.values():
        assert (await step.result())["outcome"].startswith("deleted; ")


async def test_a_request_tells_what_it_created_replaced_and_found(temporal: Client, world: World) -> None:
    created = await request(temporal, world)
    unchanged = await request(temporal, world)
    staging = f"{ISSUER}-staging"
    planned = await request(temporal, world, issuer=staging, dryRun=True)
    replaced = await request(temporal, world, issuer=staging)

    told = [report["certificate"]["change"] for report in (created, unchanged, planned, replaced)]
    assert told == ["created", "unchanged", "replaced", "replaced"]
    assert [report["certificate"]["before"] for report in (created, unchanged)] == [None, None]
    assert [report["certificate"]["before"] for report in (planned, replaced)] == [before(world)] * 2


@pytest.mark.parametrize("stood_before", [True, False])
async def test_a_request_whose_answer_was_lost_tells_what_it_has_replaced(
    temporal: Client, world: World, stood_before: bool
) -> None:
    if stood_before:
        await request(temporal, world)
    await world.fault(world.kubernetes, namespace=namespace_of(world), call="patch", kind="lost-answer", times=1)

    report = await request(temporal, world, issuer=f"{ISSUER}-staging")

    expected = (
        ("changed by an attempt before", "replaced") if stood_before else ("created by an attempt before", "created")
    )
    assert (report["outcome"], report["certificate"]["change"]) == expected
    assert report["certificate"]["before"] == (before(world) if stood_before else None)


async def test_what_is_taken_over_is_this_sovereigns_from_then_on_though_it_asks_for_the_same(
    temporal: Client, world: World
) -> None:
    neighbour = {"sovereignFQDN": "t2.example.com", "deploymentId": "d2"}
    await request(temporal, world, holder=neighbour)

    report = await request(temporal, world, takeover=True)

    assert report["outcome"] == f"changed: owner t2.example.com -> {fqdn(world)}"
    assert report["certificate"]["before"] == before(world, owner=neighbour)
    taken = await present(world)
    assert taken is not None
    assert taken["metadata"]["annotations"]["sovereign-dns.openova.io/owner"] == fqdn(world)
    assert taken["metadata"]["generation"] == 1, "no certificate is issued anew for it"
    assert (await delete(temporal, world))["outcome"].startswith("deleted; ")

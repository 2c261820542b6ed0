"""What goes with one parent domain of several, and what stays: names, zones and Certificates."""

from typing import Any

from temporalio.client import Client

from tests.removals import AUTHORITATIVE, content_of, deprovision, removal_of, removed, start_removal
from tests.runs import failure_of, provision, step, waiting_for
from tests.world import LOAD_BALANCER, World, names_of


async def test_under_one_parent_domain_only(temporal: Client, world: World) -> None:
    """The other one stays served; the zone goes with it although nobody hosts one above it."""
    fqdn, other = f"t1.{world.parent}", f"h{world.unique}.homes"
    await world.create_zone(world.parent)
    parents = [{"name": world.parent}, {"name": other}]
    await provision(temporal, world.request(fqdn, parentDomains=parents, verification=AUTHORITATIVE))
    kept = await content_of(world, world.parent)

    request = removal_of(world, fqdn, name=other)
    result = await (await start_removal(temporal, request, kind="RemoveParentDomain")).result()

    assert result["phase"] == "complete", result["steps"]
    assert set(removed(result)) >= set(names_of(f"t1.{other}"))
    assert await world.zone(other) is None
    assert await content_of(world, world.parent) == kept
    assert await world.certificate(f"ns-{world.unique}", f"{fqdn}-wildcard-tls") is not None
    assert await world.certificate(f"ns-{world.unique}", f"t1.{other}-wildcard-tls") is None


async def test_one_of_two_parent_domains_that_lie_in_each_other(temporal: Client, world: World) -> None:
    """Where both have the same host, its records are the inner one's; and below the outer one's host it has its own."""
    inner = f"a.{world.parent}"
    fqdn, below = f"t1.{inner}", f"eu.t1.{inner}"
    await world.create_zone(world.parent)
    parents = [{"name": name} for name in (world.parent, inner, below)]
    await provision(temporal, world.request(fqdn, parentDomains=parents, verification=AUTHORITATIVE))
    zones = (world.parent, inner, below)
    before = [await content_of(world, zone) for zone in zones]

    outer = removal_of(world, fqdn, name=world.parent)
    refused = await failure_of(await start_removal(temporal, outer, kind="RemoveParentDomain"))

    assert refused.type == "InvalidInput"
    assert f"remove-domain {inner} --sovereign {fqdn}" in refused.message
    assert [await content_of(world, zone) for zone in zones] == before
    assert await world.certificate(f"ns-{world.unique}", f"{fqdn}-wildcard-tls") is not None

    request = removal_of(world, fqdn, name=inner)
    result = await (await start_removal(temporal, request, kind="RemoveParentDomain")).result()

    assert set(removed(result)) == {*names_of(fqdn)}
    assert f"{below} is a parent domain of its own" in step(result, "records-find")["outcome"]
    assert await content_of(world, below) == before[2]
    assert await world.answers_other_than([LOAD_BALANCER], names_of(f"t1.{below}")) == {}
    certificates = [f"{fqdn}-wildcard-tls", f"t1.{below}-wildcard-tls"]
    assert await there(world, certificates) == certificates[1:]


async def all_but_certificates_gone(world: World, temporal: Client, fqdn: str, **fields: Any) -> list[str]:
    """A Sovereign under three parent domains, of whose records somebody has deleted all; its Certificates' names."""
    others = [f"{label}{world.unique}.homes" for label in ("h", "i")]
    parents = [{"name": name} for name in (world.parent, *others)]
    request = world.request(fqdn, parentDomains=parents, verification=AUTHORITATIVE)
    await provision(temporal, request | {"certificate": request["certificate"] | fields})
    for zone in others:
        await world.delete_zone(zone)
    await world.delete_zone(world.parent)
    await world.create_zone(world.parent)
    hosts = [fqdn, *(f"t1.{zone}" for zone in others)]
    return [fields.get("name") or f"{fqdn}-wildcard-tls", *(f"{host}-wildcard-tls" for host in hosts[1:])]


async def there(world: World, names: list[str]) -> list[str]:
    """Which of these Certificates are."""
    return [name for name in names if await world.certificate(f"ns-{world.unique}", name)]


async def test_certificates_to_which_no_name_leads_any_more_go_and_can_be_restored(
    temporal: Client, world: World
) -> None:
    """Nothing names their domains, and one has a name of its own; a Certificate that isn't ours is told, and stays."""
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    names = await all_but_certificates_gone(world, temporal, fqdn, name="sovereign-tls")
    theirs = {
        "labels": {"catalyst.openova.io/sovereign": fqdn},
        "spec": {"secretName": "x", "dnsNames": [fqdn], "issuerRef": {"name": "ca"}},
    }
    path = f"/simulator/certificates/ns-{world.unique}/theirs"
    (await world.kubernetes_call("POST", path, json=theirs)).raise_for_status()

    planned = await (
        await start_removal(temporal, removal_of(world, fqdn, dryRun=True), workflow_id=f"plan/{fqdn}/1")
    ).result()
    assert sorted(c["name"] for c in planned["certificates"] if c["change"] == "removed") == sorted(names)
    assert await there(world, names) == names

    result = await deprovision(temporal, removal_of(world, fqdn))

    assert result["phase"] == "complete", result["steps"]
    assert await there(world, [*names, "theirs"]) == ["theirs"]
    assert [(h["kind"], h["name"]) for h in result["hazards"]] == [("certificate-left", f"ns-{world.unique}/theirs")]
    assert step(result, "certificate-delete", "sovereign-tls")["outcome"].startswith("deleted; ")
    assert [s["step"] for s in result["steps"]][-2:] == ["pool-release", "dns-verify"]
    again = await deprovision(temporal, removal_of(world, fqdn))
    assert again["phase"] == "complete", again["steps"]
    assert [c for c in again["certificates"] if c["change"] == "removed"] == []

    request = {"restores": "x", "sovereignFQDN": fqdn, "certificates": result["certificates"]}
    handle = await temporal.start_workflow(
        "RestoreRecords", request, id=f"sovereign/{fqdn}", task_queue="sovereign-dns"
    )
    assert (await handle.result())["phase"] == "complete"
    assert await there(world, names) == names
    back = await world.certificate(f"ns-{world.unique}", "sovereign-tls")
    assert back is not None
    assert sorted(back["spec"]["dnsNames"]) == sorted([fqdn, f"*.{fqdn}"])
    assert back["metadata"]["annotations"]["sovereign-dns.openova.io/owner"] == fqdn


async def test_certificates_are_looked_for_no_further_than_the_request_a_person_and_rbac_go(
    temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    names = await all_but_certificates_gone(world, temporal, fqdn)

    kept = await deprovision(temporal, removal_of(world, fqdn, deleteCertificates=False))
    assert (kept["phase"], await there(world, names)) == ("complete", names)

    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", call="list", kind="status", status=503)
    waiting = await start_removal(temporal, removal_of(world, fqdn))
    await waiting_for(waiting, f"certificate-delete/{names[0]}")
    await waiting.execute_update("skip_step", {"step": "certificate-delete", "reason": "by the test"})
    assert ((await waiting.result())["phase"], await there(world, names)) == ("degraded", names)
    await world.mend(world.kubernetes, namespace=f"ns-{world.unique}")

    outdated = await deprovision(temporal, removal_of(world, fqdn, deploymentId="d0"))
    assert [h["name"] for h in outdated["hazards"]] == [f"ns-{world.unique}/{name}" for name in names[1:]]
    assert await there(world, names) == names[1:]

    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", call="list", kind="forbidden")
    blind = await deprovision(temporal, removal_of(world, fqdn))
    assert blind["phase"] == "complete", blind["steps"]
    assert [(h["kind"], h["name"]) for h in blind["hazards"]] == [("certificate-left", f"ns-{world.unique}/*")]
    await world.mend(world.kubernetes, namespace=f"ns-{world.unique}")

    # One that is for the domain, though its name doesn't say so.
    domain, other = f"h{world.unique}.homes", names[2]
    seen = await world.certificate(f"ns-{world.unique}", names[1])
    assert seen is not None
    copy = {"spec": seen["spec"]} | {field: seen["metadata"][field] for field in ("labels", "annotations")}
    path = f"/simulator/certificates/ns-{world.unique}/copy"
    (await world.kubernetes_call("POST", path, json=copy)).raise_for_status()
    request = removal_of(world, fqdn, name=domain)
    result = await (await start_removal(temporal, request, kind="RemoveParentDomain")).result()
    assert sorted(c["name"] for c in result["certificates"] if c["change"] == "removed") == ["copy", names[1]]
    assert await there(world, [*names, "copy"]) == [other]

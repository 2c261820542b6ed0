"""`DeprovisionSovereign`: everything of a Sovereign is gone, nothing of anybody else, and DNS denies its names."""

import asyncio
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowUpdateFailedError

from tests.eventually import eventually
from tests.removals import content_of, deprovision, removal_of, removed, start_removal
from tests.runs import failure_of, provision, start, step, waiting_for, waiting_with
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset

AUTHORITATIVE = {"level": "authoritative"}


async def create_parent(world: World) -> None:
    """With neighbours, one of them a Sovereign, which must not change by a byte."""
    noted = rrset(f"www.{world.parent}", "A", STRANGER)
    noted["comments"] = [{"content": "asked for by Ada", "account": "ada"}]
    text = rrset(f"console.{world.parent}", "TXT", '"x"', ttl=5)
    neighbour = [
        rrset(name, "A", "77.42.11.96", owner=f"t2.{world.parent}") for name in names_of(f"t2.{world.parent}")[:3]
    ]
    await world.create_zone(world.parent, noted, text, *neighbour)


async def pool_rows(world: World) -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = (await world.pdm.get(f"/api/v1/pool/{world.parent}/list")).json()["allocations"]
    return listed


async def test_the_world_is_what_it_was_before_and_a_second_run_finds_nothing(temporal: Client, world: World) -> None:
    """With a parent domain whose zone, and its delegation, were made for the Sovereign."""
    await create_parent(world)
    before = await content_of(world, world.parent)
    fqdn, nested = f"t1.{world.parent}", f"eu.{world.parent}"
    parents = [{"name": world.parent}, {"name": nested}]
    await provision(temporal, world.request(fqdn, parentDomains=parents, verification=AUTHORITATIVE))
    assert await world.answer(f"console.t1.{nested}") == [LOAD_BALANCER]

    result = await deprovision(temporal, removal_of(world, fqdn, deploymentId="d1"))

    assert result["phase"] == "complete", result["steps"]
    assert await content_of(world, world.parent) == before
    assert await world.zone(nested) is None
    assert await world.answers_other_than([], [*names_of(fqdn), *names_of(f"t1.{nested}")]) == {}
    for host in (fqdn, f"t1.{nested}"):
        assert await world.certificate(f"ns-{world.unique}", f"{host}-wildcard-tls") is None
    assert {*names_of(fqdn), *names_of(f"t1.{nested}")} <= set(removed(result))
    console = next(r for r in result["records"] if r["name"] == f"console.{fqdn}.")
    assert (console["before"], console["beforeTTL"], console["after"]) == ([LOAD_BALANCER], 60, [])
    assert console["beforeOwner"] == {"sovereignFQDN": fqdn, "deploymentId": "d1"}
    assert [(zone["zone"], zone["change"], zone["signed"]) for zone in result["zones"]] == [
        (f"{nested}.", "removed", True)
    ]
    assert sorted(c["name"] for c in result["certificates"] if c["change"] == "removed") == [
        f"{host}-wildcard-tls" for host in sorted([fqdn, f"t1.{nested}"])
    ]
    assert step(result, "certificate-delete", f"{nested}-wildcard-tls")["outcome"] == "was gone already"
    assert [s["step"] for s in result["steps"]][:2] == ["records-find", "records-remove"]

    serial = await world.serial(world.parent)
    again = await deprovision(temporal, removal_of(world, fqdn))

    assert again["phase"] == "complete", again["steps"]
    assert removed(again) == []
    assert step(again, "records-remove", world.parent)["outcome"].startswith("0 removed")
    assert await world.serial(world.parent) == serial


async def test_a_pool_name_is_released_and_what_pdm_leaves_behind_is_removed(temporal: Client, world: World) -> None:
    """Once PDM removes its zone itself; once it can't (202), and nobody but us will."""
    await create_parent(world)
    before = await content_of(world, world.parent)
    for subdomain, leaves in (("otech1", False), ("otech2", True)):
        fqdn = f"{subdomain}.{world.parent}"
        pool = {"domain": world.parent, "subdomain": subdomain}
        token = await world.reserve(world.parent, subdomain)
        request = world.request(fqdn, pool=pool | {"reservationToken": token}, verification=AUTHORITATIVE)
        await provision(temporal, request)
        if leaves:
            await world.fault(world.pdm, pool=world.parent, call="release", kind="dns-write-fails", times=1)

        result = await deprovision(temporal, removal_of(world, fqdn, pool=pool, loadBalancerIP=LOAD_BALANCER))

        assert result["phase"] == "complete", result["steps"]
        assert await pool_rows(world) == []
        assert await world.zone(fqdn) is None
        assert await content_of(world, world.parent) == before
        assert await world.answers_other_than([], [*names_of(fqdn), f"whatever.{fqdn}"]) == {}
        released = [(p["subdomain"], p["change"], p["loadBalancerIP"]) for p in result["poolNames"]]
        assert released == [(subdomain, "released", LOAD_BALANCER)]
        assert step(result, "zone-remove", fqdn)["state"] == ("done" if leaves else "skipped")
        assert [zone["zone"] for zone in result["zones"]] == ([f"{fqdn}."] if leaves else [])


async def test_what_is_somebody_elses_is_left(temporal: Client, world: World) -> None:
    """Other Sovereigns' records at its names, and records that nobody owns and that lead elsewhere."""
    fqdn = f"t1.{world.parent}"
    theirs = [
        rrset(f"console.{fqdn}", "A", "77.42.11.96", owner=f"t9.{world.parent}"),
        rrset(f"auth.{fqdn}", "A", STRANGER),
        rrset(f"api.{fqdn}", "A", LOAD_BALANCER, STRANGER),
    ]
    old = [rrset(f"gitea.{fqdn}", "A", LOAD_BALANCER), rrset(f"www.{fqdn}", "A", LOAD_BALANCER)]
    await world.create_zone(world.parent, *theirs, *old)

    unknown = await deprovision(temporal, removal_of(world, fqdn))
    assert removed(unknown) == []  # without an address, nothing says that they are its own

    result = await deprovision(temporal, removal_of(world, fqdn, loadBalancerIP=LOAD_BALANCER))

    assert removed(result) == [f"gitea.{fqdn}"]
    assert await world.values(world.parent, f"console.{fqdn}", "A") == ["77.42.11.96"]
    assert await world.values(world.parent, f"auth.{fqdn}", "A") == [STRANGER]
    assert sorted(await world.values(world.parent, f"api.{fqdn}", "A")) == [STRANGER, LOAD_BALANCER]
    assert await world.values(world.parent, f"www.{fqdn}", "A") == [LOAD_BALANCER]
    kept = {hazard["name"]: hazard["kind"] for hazard in result["hazards"]}
    assert kept.get(f"console.{fqdn}.") == "kept-for-another"


async def test_a_late_request_never_takes_a_newer_deployment_offline(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    await provision(temporal, world.request(fqdn, deploymentId="d2", verification=AUTHORITATIVE))
    before = await content_of(world, world.parent)

    failure = await failure_of(await start_removal(temporal, removal_of(world, fqdn, deploymentId="d1")))

    assert failure.type == "OwnershipConflict"
    assert "d2" in failure.message
    assert await content_of(world, world.parent) == before
    assert await world.certificate(f"ns-{world.unique}", f"{fqdn}-wildcard-tls") is not None
    status = await temporal.get_workflow_handle(f"sovereign/{fqdn}").query("status")
    assert (status["phase"], status["records"]) == ("failed", [])


@pytest.mark.parametrize("releases", [True, False])
async def test_a_pool_name_that_a_newer_deployment_has_claimed_is_not_released_nor_emptied(
    temporal: Client, world: World, releases: bool
) -> None:
    """Its records are yet to be written: what stands there is PDM's, which names nobody, at the same address."""
    fqdn = f"otech1.{world.parent}"
    await world.create_zone(world.parent)
    pool = {"domain": world.parent, "subdomain": "otech1"}
    token = await world.reserve(world.parent, "otech1", "catalyst-api/d2")
    commit = {"reservationToken": token, "sovereignFQDN": fqdn, "loadBalancerIP": LOAD_BALANCER}
    await eventually(lambda: _accepted(world, {"subdomain": "otech1"} | commit))
    before = await content_of(world, fqdn)
    request = removal_of(world, fqdn, deploymentId="d1", pool=pool, loadBalancerIP=LOAD_BALANCER)

    failure = await failure_of(await start_removal(temporal, request | {"releasePool": releases}))

    assert failure.type == "OwnershipConflict"
    assert "deployment d2" in failure.message
    assert "Nothing was removed" in failure.message
    assert await content_of(world, fqdn) == before
    assert [row["state"] for row in await pool_rows(world)] == ["active"]


async def test_a_pool_name_goes_with_the_deployment_that_followed_the_one_that_claimed_it(
    temporal: Client, world: World
) -> None:
    fqdn = f"otech1.{world.parent}"
    await world.create_zone(world.parent)
    pool = {"domain": world.parent, "subdomain": "otech1"}
    for deployment in ("d1", "d2"):
        request = world.request(fqdn, deploymentId=deployment, pool=pool, verification=AUTHORITATIVE)
        await provision(temporal, request | {"takeover": True})
    assert [row["createdBy"].split("/")[1] for row in await pool_rows(world)] == ["d1"]

    request = removal_of(world, fqdn, deploymentId="d2", pool=pool, loadBalancerIP=LOAD_BALANCER)
    for _ in ("it goes", "nothing is left"):
        kept = await deprovision(temporal, request | {"releasePool": False})
        assert kept["phase"] == "complete", kept["steps"]
    assert len(await pool_rows(world)) == 1
    await provision(temporal, world.request(fqdn, deploymentId="d2", pool=pool, verification=AUTHORITATIVE))

    result = await deprovision(temporal, request)

    assert result["phase"] == "complete", result["steps"]
    assert await pool_rows(world) == []


async def test_a_pool_name_that_is_active_for_another_is_left_with_all_that_is_served_there(
    temporal: Client, world: World
) -> None:
    fqdn = f"otech1.{world.parent}"
    await world.create_zone(world.parent)
    pool = {"domain": world.parent, "subdomain": "otech1"}
    token = await world.reserve(world.parent, "otech1")
    commit = {"reservationToken": token, "sovereignFQDN": f"t9.{world.parent}", "loadBalancerIP": "77.42.11.96"}
    await eventually(lambda: _accepted(world, {"subdomain": "otech1"} | commit))
    before = await content_of(world, fqdn)

    result = await deprovision(temporal, removal_of(world, fqdn, pool=pool))

    assert result["phase"] == "complete", result["steps"]
    assert [hazard["kind"] for hazard in result["hazards"]] == ["kept-for-another"]
    assert "active in PDM for another" in step(result, "zone-remove", fqdn)["outcome"]
    assert "active in PDM for another" in step(result, "dns-verify")["outcome"]
    assert await content_of(world, fqdn) == before


async def _accepted(world: World, commit: dict[str, str]) -> bool:
    """202 where PowerDNS is busy: then 409."""
    return (await world.pdm.post(f"/api/v1/pool/{world.parent}/commit", json=commit)).status_code in {200, 202, 409}


async def test_a_wildcard_that_takes_over_is_said_plainly(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"*.{world.parent}", "A", STRANGER))
    await provision(temporal, world.request(fqdn, verification=AUTHORITATIVE))

    result = await deprovision(temporal, removal_of(world, fqdn))

    assert result["phase"] == "degraded"
    assert step(result, "dns-verify")["state"] == "failed"
    assert STRANGER in step(result, "dns-verify")["outcome"]
    assert [(h["kind"], h["name"]) for h in result["hazards"]] == [("wildcard-answers", f"*.{world.parent}.")]
    assert set(removed(result)) == set(names_of(fqdn))


async def test_a_dry_run_tells_all_of_it_and_changes_nothing(temporal: Client, world: World) -> None:
    await create_parent(world)
    fqdn, nested = f"otech1.{world.parent}", f"eu.{world.parent}"
    pool = {"domain": world.parent, "subdomain": "otech1"}
    token = await world.reserve(world.parent, "otech1")
    parents = [{"name": world.parent}, {"name": nested}]
    request = world.request(fqdn, pool=pool | {"reservationToken": token}, parentDomains=parents)
    await provision(temporal, request | {"verification": AUTHORITATIVE})
    zones = (world.parent, nested, fqdn)
    before = [await world.zone(zone) for zone in zones]
    rows = await pool_rows(world)

    # A plan takes no lock: it is told although a run holds it.
    lock = await start(temporal, request | {"certificate": {"enabled": False}}, workflow_id=f"sovereign/{fqdn}")
    handle = await start_removal(
        temporal,
        removal_of(world, fqdn, pool=pool, loadBalancerIP=LOAD_BALANCER, dryRun=True),
        workflow_id=f"plan/{fqdn}/1",
    )
    result = await handle.result()
    await lock.cancel()

    assert result["phase"] == "planned", result["steps"]
    assert set(names_of(fqdn)) | set(names_of(f"otech1.{nested}")) <= set(removed(result))
    assert f"{nested}." in [zone["zone"] for zone in result["zones"]]
    assert [p["subdomain"] for p in result["poolNames"]] == ["otech1"]
    assert {c["name"] for c in result["certificates"] if c["change"] == "removed"} == {
        f"{host}-wildcard-tls" for host in (fqdn, f"otech1.{nested}")
    }
    assert [await world.zone(zone) for zone in zones] == before
    assert await pool_rows(world) == rows
    assert await world.certificate(f"ns-{world.unique}", f"{fqdn}-wildcard-tls") is not None


async def test_pdm_is_away_for_a_while(temporal: Client, world: World) -> None:
    """The name is let go only when no record of it is left."""
    await world.create_zone(world.parent)
    fqdn = f"otech1.{world.parent}"
    pool = {"domain": world.parent, "subdomain": "otech1"}
    token = await world.reserve(world.parent, "otech1")
    request = world.request(fqdn, pool=pool | {"reservationToken": token}, verification=AUTHORITATIVE)
    await provision(temporal, request)
    await world.fault(world.pdm, pool=world.parent, kind="status", status=503)

    handle = await start_removal(temporal, removal_of(world, fqdn, pool=pool))
    assert "PDMUnavailable" in await waiting_for(handle, f"pool-release/{world.parent}")
    assert await world.answer(f"console.{fqdn}") in ([], [LOAD_BALANCER])  # PDM's wildcard may stand there still
    assert await world.rrset(fqdn, f"auth.{fqdn}", "A") is None
    await world.mend(world.pdm, pool=world.parent)

    result = await handle.result()
    assert result["phase"] == "complete", result["steps"]
    assert await pool_rows(world) == []


async def test_one_that_works_is_refused_or_followed_by_force(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    before = await content_of(world, world.parent)
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    provisioning = await start(
        temporal, world.request(fqdn, verification=AUTHORITATIVE), workflow_id=f"sovereign/{fqdn}"
    )
    await waiting_for(provisioning, f"certificate-ready/{world.parent}")

    refused = await failure_of(await start_removal(temporal, removal_of(world, fqdn), workflow_id="any-" + fqdn))
    assert refused.type == "AlreadyInProgress"
    assert "force" in refused.message

    protected = removal_of(world, "console.openova.io", force=True)
    assert (
        await failure_of(await start_removal(temporal, protected, workflow_id=f"bad-{fqdn}"))
    ).type == "ProtectedName"

    handle = await start_removal(temporal, removal_of(world, fqdn, force=True), workflow_id="forced-" + fqdn)
    result = await handle.result()

    assert result["phase"] == "complete", result["steps"]
    assert result["handedOverTo"] == f"sovereign/{fqdn}"
    waited = step(result, "lock-await", fqdn)
    assert waited["state"] == "done"
    assert provisioning.first_execution_run_id in waited["outcome"]
    cancelled = temporal.get_workflow_handle(provisioning.id, run_id=provisioning.first_execution_run_id)
    assert (await cancelled.describe()).status is WorkflowExecutionStatus.CANCELED
    assert await content_of(world, world.parent) == before
    assert await world.certificate(f"ns-{world.unique}", f"{fqdn}-wildcard-tls") is None


async def test_a_run_that_does_not_end_is_named_and_cancelled_once(temporal: Client, world: World) -> None:
    """As when no worker goes on with it. So is one that somebody else has started meanwhile."""
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    lock_id = f"sovereign/{fqdn}"
    stuck = await temporal.start_workflow(
        "ProvisionSovereign", world.request(fqdn, deploymentId="d2"), id=lock_id, task_queue=f"nobody-{world.unique}"
    )

    older = await start_removal(
        temporal, removal_of(world, fqdn, deploymentId="d1", force=True), workflow_id=f"o-{fqdn}"
    )
    refused = await failure_of(older)
    assert (refused.type, "d2" in refused.message) == ("OwnershipConflict", True), refused.message
    assert not (await stuck.describe()).raw_description.workflow_extended_info.cancel_requested

    handle = await start_removal(temporal, removal_of(world, fqdn, force=True), workflow_id=f"forced-{fqdn}")
    told = await waiting_with(handle, f"lock-await/{fqdn}", "LockHeld", str(stuck.first_execution_run_id), lock_id)
    assert "a worker that goes on with it" in told
    status = await handle.query("status")
    assert (status["phase"], step(status, "lock-await")["state"]) == ("deprovisioning", "running")

    async def looked_twice() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(one.attempt > 2 for one in pending)

    await eventually(looked_twice)
    asked = [
        e
        for e in (await stuck.fetch_history()).events
        if e.HasField("workflow_execution_cancel_requested_event_attributes")
    ]
    assert len(asked) == 1

    await stuck.terminate("by the test")
    next_one = await temporal.start_workflow(
        "ProvisionSovereign", world.request(fqdn), id=lock_id, task_queue=f"nobody-{world.unique}"
    )
    await waiting_with(handle, f"lock-await/{fqdn}", "LockHeld", str(next_one.first_execution_run_id))
    await next_one.terminate("by the test")
    assert (await handle.result())["phase"] == "complete"


async def test_started_under_the_lock_force_changes_nothing(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(fqdn, "A", LOAD_BALANCER, owner=fqdn))

    result = await deprovision(temporal, removal_of(world, fqdn, force=True))

    assert result["phase"] == "complete", result["steps"]
    assert removed(result) == [fqdn]
    assert "lock-await" not in {s["step"] for s in result["steps"]}


async def test_a_protected_name_is_refused(temporal: Client) -> None:
    request = {"sovereignFQDN": "console.openova.io"}
    failure = await failure_of(await start_removal(temporal, request, workflow_id="protected"))

    assert failure.type == "ProtectedName"
    assert "console.openova.io" in failure.message


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


async def test_updates_of_a_removal(temporal: Client, world: World) -> None:
    """A step is awaited, a step that there never is does not hold the run up, and a proof can be given up."""
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(fqdn, "A", LOAD_BALANCER, owner=fqdn))
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="status", status=503)
    handle = await start_removal(temporal, removal_of(world, fqdn))

    status = await handle.execute_update("await_step", {"step": "records-remove"})
    assert step(status, "records-remove", world.parent)["outcome"].startswith("1 removed")
    await handle.execute_update("skip_step", {"step": "dns-verify", "reason": "by the test"})
    never = asyncio.create_task(handle.execute_update("await_step", {"step": "records-upsert"}))
    await waiting_for(handle, f"certificate-delete/{fqdn}-wildcard-tls")
    await world.mend(world.kubernetes, namespace=f"ns-{world.unique}")

    result = await handle.result()
    assert result["phase"] in {"complete", "degraded"}
    with pytest.raises(WorkflowUpdateFailedError) as refused:
        await never
    assert "no step records-upsert" in str(refused.value.cause)

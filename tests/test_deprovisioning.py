"""`DeprovisionSovereign`: everything of a Sovereign is gone, nothing of anybody else, and DNS denies its names."""

import asyncio

import pytest
from temporalio.client import Client, WorkflowUpdateFailedError

from tests.removals import (
    AUTHORITATIVE,
    content_of,
    create_parent,
    deprovision,
    pool_rows,
    removal_of,
    removed,
    start_removal,
)
from tests.runs import failure_of, provision, start, step, waiting_for
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset


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


async def test_a_protected_name_is_refused(temporal: Client) -> None:
    request = {"sovereignFQDN": "console.openova.io"}
    failure = await failure_of(await start_removal(temporal, request, workflow_id="protected"))

    assert failure.type == "ProtectedName"
    assert "console.openova.io" in failure.message


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

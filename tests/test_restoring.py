"""What a run took away is put back: values, TTLs, comments and all; and never over what somebody wrote since."""

import asyncio
import contextlib
import subprocess
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.service import RPCError

from tests import command_line
from tests.conftest import StartWorker
from tests.eventually import eventually
from tests.gates import Hold
from tests.held_steps import gates_before
from tests.removals import deprovision, removal_of
from tests.runs import Handle, Result, changes, failure_of, provision, start, step
from tests.world import LOAD_BALANCER, STRANGER, RRset, World, names_of, rrset

Content = dict[tuple[str, str], Any]


async def content(world: World, zone: str) -> Content:
    """Everything but the SOA, byte for byte."""
    found = await world.zone(zone)
    assert found is not None, f"zone {zone} is not there"
    return {(r["name"], r["type"]): _of(r) for r in found["rrsets"] if r["type"] != "SOA"}


def _of(held: RRset) -> Any:
    records = sorted((record["content"], record["disabled"]) for record in held["records"])
    return held["ttl"], records, sorted((note["account"], note["content"]) for note in held["comments"])


def restoring(result: Result, **fields: Any) -> dict[str, Any]:
    """What catalyst-api would send: the whole of what the run told."""
    told = {key: result[key] for key in ("zones", "records", "certificates", "poolNames")}
    return (
        {
            "restores": "sovereign/that-one",
            "sovereignFQDN": result["sovereignFQDN"],
            "verification": {"level": "authoritative"},
        }
        | told
        | fields
    )


async def restore(client: Client, request: dict[str, Any], *, under: str | None = None) -> Handle:
    return await client.start_workflow(
        "RestoreRecords",
        request,
        id=under or f"restore/{request['sovereignFQDN']}",
        task_queue="sovereign-dns",
    )


async def a_zone_with_something_to_lose(world: World, fqdn: str) -> None:
    """A stranger's wildcard and CNAME, a neighbour's AAAA, and others' comments."""
    noted = rrset(f"auth.{fqdn}", "A", STRANGER, ttl=300)
    noted["comments"] = [{"content": "asked for by Ada", "account": "ada"}]
    wildcard = rrset(f"*.{world.parent}", "A", STRANGER, ttl=120)
    wildcard["comments"] = [{"content": "nobody knows", "account": "bob"}]
    await world.create_zone(
        world.parent,
        wildcard,
        noted,
        rrset(f"console.{fqdn}", "CNAME", "stranger.example.", ttl=30),
        rrset(f"api.{fqdn}", "AAAA", "2a01:4f8::bad", owner="t9.elsewhere.works"),
        rrset(f"www.{world.parent}", "A", "192.0.2.80"),
    )


async def test_what_a_provisioning_replaced_and_removed_is_back_as_it_was(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await a_zone_with_something_to_lose(world, fqdn)
    before = await content(world, world.parent)
    request = world.request(fqdn, takeover=True, removeWildcards=[f"*.{world.parent}"])
    provisioned = await provision(temporal, request, workflow_id=f"sovereign/{fqdn}")

    result = await (await restore(temporal, restoring(provisioned))).result()

    assert result["phase"] == "complete", result["steps"]
    assert result["handedOverTo"] == f"sovereign/{fqdn}"
    after = await content(world, world.parent)
    assert {key: held for key, held in after.items() if key in before} == before
    left = {(f"{name}.", "A") for name in names_of(fqdn)} - before.keys()
    assert after.keys() - before.keys() == left - {(f"console.{fqdn}.", "A"), (f"api.{fqdn}.", "A")}
    assert await world.answer(f"x.{world.parent}") == [STRANGER]
    assert await world.answer(f"api.{fqdn}", "AAAA") == ["2a01:4f8::bad"]
    assert step(result, "dns-verify")["state"] == "done"

    again = await (await restore(temporal, restoring(provisioned))).result()
    assert set(changes(again)) == {"unchanged"}
    assert await content(world, world.parent) == after

    forth = await (await restore(temporal, restoring(result, takeover=True))).result()
    assert forth["phase"] == "complete", forth["steps"]
    assert await world.answer(f"console.{fqdn}") == [LOAD_BALANCER]
    assert await world.answer(f"auth.{fqdn}") == [LOAD_BALANCER]


async def test_what_somebody_wrote_since_is_refused_by_name_and_gives_way_to_a_takeover(
    temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    await a_zone_with_something_to_lose(world, fqdn)
    provisioned = await provision(temporal, world.request(fqdn, takeover=True, removeWildcards=[f"*.{world.parent}"]))
    await world.write(world.parent, rrset(f"*.{world.parent}", "A", "192.0.2.99", owner="t2.elsewhere.works"))
    serial = await world.serial(world.parent)

    failure = await failure_of(await restore(temporal, restoring(provisioned)))

    assert failure.type == "OwnershipConflict"
    for word in (f"*.{world.parent}.", "192.0.2.99", "t2.elsewhere.works", "takeover"):
        assert word in failure.message
    assert await world.serial(world.parent) == serial

    taken = await (await restore(temporal, restoring(provisioned, takeover=True))).result()

    assert taken["phase"] == "complete", taken["steps"]
    assert await world.answer(f"x.{world.parent}") == [STRANGER]
    (wildcard,) = [change for change in taken["records"] if change["name"] == f"*.{world.parent}."]
    assert (wildcard["before"], wildcard["beforeOwner"]["sovereignFQDN"]) == (["192.0.2.99"], "t2.elsewhere.works")


async def test_what_holds_nothing_to_put_back_is_refused_at_once(
    temporal: Client, environment: dict[str, str], world: World
) -> None:
    refused = await restore(temporal, {"restores": "x", "sovereignFQDN": f"t1.{world.parent}"})
    failure = await failure_of(refused)
    assert failure.type == "InvalidInput"
    assert "there is nothing to put back" in failure.message

    unreadable = await restore(temporal, {"restores": ""}, under=f"unreadable-{world.unique}")
    assert (await failure_of(unreadable)).type == "InvalidInput"
    told = command_line.run(environment, "restore", unreadable.id)
    assert (told.returncode, "removed and replaced nothing" in told.stdout) == (0, True), told.stderr
    told = command_line.run(environment, "restore", f"t9.{world.parent}")
    assert f"What worked on a Sovereign is sovereign/t9.{world.parent}." in " ".join(told.stderr.split())


async def test_a_disabled_record_and_an_old_owner_are_put_back_as_they_were(temporal: Client, world: World) -> None:
    """What no Sovereign owns needs no lock; and what is disabled is not answered."""
    await world.create_zone(world.parent)
    held = {
        "zone": f"{world.parent}.",
        "type": "A",
        "ttl": 300,
        "beforeTTL": 300,
        "beforeDisabled": ["192.0.2.7"],
        "beforeOwner": {"sovereignFQDN": "t9.elsewhere.works", "deploymentId": "d0"},
        "beforeComments": [{"content": "nobody knows", "account": "bob", "modifiedAt": 1700000000}],
        "change": "removed",
    }
    records = [
        held | {"name": f"both.{world.parent}.", "before": [STRANGER]},
        held | {"name": f"*.only.{world.parent}."},
    ]
    request = {"restores": "audit-fix/x", "records": records}

    result = await (await restore(temporal, request, under=f"restore/{world.unique}")).result()

    assert result["phase"] == "complete", result["steps"]
    comments = [("bob", "nobody knows"), ("sovereign-dns", "sovereign=t9.elsewhere.works deployment=d0")]
    after = await content(world, world.parent)
    assert after[f"both.{world.parent}.", "A"] == (300, [("192.0.2.7", True), (STRANGER, False)], comments)
    assert after[f"*.only.{world.parent}.", "A"] == (300, [("192.0.2.7", True)], comments)
    assert await world.answer(f"both.{world.parent}") == [STRANGER]
    again = await (await restore(temporal, request, under=f"restore/{world.unique}")).result()
    assert changes(again) == {"unchanged": 2}


async def test_the_command_shows_it_asks_and_puts_it_back(
    temporal: Client, environment: dict[str, str], world: World
) -> None:
    """Of a run that was cancelled, and so has no result; it had handed over, and others have held the lock since."""
    fqdn = f"t1.{world.parent}"
    outer_id, lock, wildcard = f"outer-{world.unique}", f"sovereign/{fqdn}", f"*.{world.parent}"
    await world.create_zone(world.parent, rrset(wildcard, "A", STRANGER, ttl=120))
    request = world.request(fqdn, removeWildcards=[wildcard])
    await provision(temporal, request | {"dryRun": True}, workflow_id=f"plan/{fqdn}")
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    outer = await start(temporal, request, workflow_id=outer_id)
    await eventually(lambda: _exists(temporal, lock))
    inner = temporal.get_workflow_handle(lock)
    await inner.execute_update("await_step", {"step": "records-upsert"})
    which = (lock, "--run-id", str((await inner.describe()).run_id))
    await outer.cancel()
    with pytest.raises(WorkflowFailureError):
        await outer.result()
    await provision(temporal, request | {"certificate": {"enabled": False}}, workflow_id=lock)
    serial = await world.serial(world.parent)

    async def restore_by_command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(command_line.run, environment, "restore", *arguments)

    dry, later, shown, unasked, unknown = await asyncio.gather(
        restore_by_command(f"plan/{fqdn}"),
        restore_by_command(lock),
        restore_by_command(*which, "--dry-run"),
        restore_by_command(outer_id),
        restore_by_command("sovereign/nobody.example"),
    )

    assert (dry.returncode, later.returncode) == (0, 1)
    for nothing in (dry, later):
        assert "removed and replaced nothing" in nothing.stdout
    assert f"sovereign-dns restore {' '.join(which)}" in later.stderr
    assert shown.returncode == 0, shown.stderr
    assert f"+ {wildcard}." in " ".join(shown.stdout.split())
    assert (unasked.returncode, unknown.returncode) == (2, 1)
    assert f"+ {wildcard}." in " ".join(unasked.stdout.split())
    assert "--yes" in unasked.stderr
    assert "no run sovereign/nobody.example is known" in unknown.stderr
    assert await world.serial(world.parent) == serial

    done = await restore_by_command(outer_id, "--yes", "--level", "authoritative")
    again = await restore_by_command(*which)

    assert done.returncode == 0, done.stderr
    assert await world.answer(f"x.{world.parent}") == [STRANGER]
    assert f"{fqdn} is complete" in done.stdout
    assert again.returncode == 0, again.stderr
    assert "everything is there as it was before that run" in again.stdout


async def _exists(client: Client, workflow_id: str) -> bool:
    with contextlib.suppress(RPCError):
        return bool(await client.get_workflow_handle(workflow_id).describe())
    return False


async def test_a_worker_killed_when_it_has_written_leaves_a_true_result(
    special_temporal: Client,
    start_fresh_worker: StartWorker,
    stack_description: dict[str, str],
    world: World,
    tmp_path: Path,
) -> None:
    wildcard = rrset(f"*.{world.parent}", "A", "192.0.2.99", ttl=7)
    await world.create_zone(world.parent, wildcard)
    lost = {"zone": f"{world.parent}.", "name": f"*.{world.parent}.", "type": "A", "ttl": 7, "change": "replaced"}
    records = [lost | {"before": [STRANGER], "beforeTTL": 120, "after": ["192.0.2.99"]}]
    request = {"restores": "audit-fix/x", "records": records}
    async with gates_before(stack_description, tmp_path) as gates:
        hold = Hold("PATCH", f"{world.parent}.", answered=True)
        gates.powerdns.holds.append(hold)
        killed = start_fresh_worker(**gates.settings)
        handle = await restore(special_temporal, request, under=f"restore/{world.unique}")
        await asyncio.wait_for(hold.reached.wait(), 60)
        killed.kill()
        gates.let_everything_through()
        start_fresh_worker(**gates.settings)

        result = await handle.result()

    assert result["phase"] == "complete", result["steps"]
    (change,) = result["records"]
    assert (change["change"], change["before"], change["beforeTTL"]) == ("replaced", ["192.0.2.99"], 7)
    assert await world.answer(f"x.{world.parent}") == [STRANGER]


async def test_a_sovereign_that_was_deprovisioned_is_back(temporal: Client, world: World) -> None:
    """Also under a parent domain whose zone was made for it: it has new keys then, and its delegation the new DS."""
    fqdn, nested = f"t1.{world.parent}", f"eu.{world.parent}"
    await world.create_zone(world.parent, rrset(f"www.{world.parent}", "A", STRANGER))
    parents = [{"name": world.parent}, {"name": nested}]
    proof = {"level": "authoritative"}
    await provision(temporal, world.request(fqdn, parentDomains=parents, verification=proof))
    before, before_nested = await content(world, world.parent), await content(world, nested)
    certificates = [f"{host}-wildcard-tls" for host in (fqdn, f"t1.{nested}")]
    asked = [await _certificate(world, name) for name in certificates]
    removed = await deprovision(temporal, removal_of(world, fqdn))
    assert await world.zone(nested) is None

    result = await (await restore(temporal, restoring(removed))).result()

    assert result["phase"] == "complete", result["steps"]
    after = await content(world, world.parent)
    ds, cut = after.pop((f"{nested}.", "DS")), before.pop((f"{nested}.", "DS"))
    assert ds != cut
    assert after == before
    assert await content(world, nested) == before_nested
    assert [await _certificate(world, name) for name in certificates] == asked
    assert {status["name"]: status["ready"] for status in result["certificates"]} == dict.fromkeys(certificates, True)
    assert await world.answers_other_than([LOAD_BALANCER], [*names_of(fqdn), *names_of(f"t1.{nested}")]) == {}
    assert [(zone["zone"], zone["change"]) for zone in result["zones"]] == [(f"{nested}.", "created")]


async def test_a_pool_name_that_was_released_is_claimed_and_published_again(temporal: Client, world: World) -> None:
    """PDM writes records of its own then, which give way: another console address, and another TTL."""
    fqdn = f"otech5.{world.parent}"
    pool = {"domain": world.parent, "subdomain": "otech5"}
    await world.create_zone(world.parent)
    token = await world.reserve(world.parent, "otech5")
    request = world.request(
        fqdn,
        pool=pool | {"reservationToken": token},
        consoleLoadBalancerIP="77.42.11.96",
        verification={"level": "authoritative"},
    )
    await provision(temporal, request)
    before = await content(world, fqdn)
    removed = await deprovision(temporal, removal_of(world, fqdn, pool=pool))
    assert await world.zone(fqdn) is None

    result = await (await restore(temporal, restoring(removed))).result()

    assert result["phase"] == "complete", result["steps"]
    assert await content(world, fqdn) == before
    assert await world.answer(f"console.{fqdn}") == ["77.42.11.96"]
    assert await world.answer(f"x.{fqdn}") == [LOAD_BALANCER]
    (row,) = (await world.pdm.get(f"/api/v1/pool/{world.parent}/list")).json()["allocations"]
    assert (row["state"], row["sovereignFQDN"], row["loadBalancerIP"]) == ("active", fqdn, LOAD_BALANCER)
    assert [(name["subdomain"], name["change"]) for name in result["poolNames"]] == [("otech5", "committed")]


async def _certificate(world: World, name: str) -> Any:
    """What it asks for, and whose it is."""
    found = await world.certificate(f"ns-{world.unique}", name)
    return found and (found["spec"], found["metadata"]["annotations"], found["metadata"]["labels"])

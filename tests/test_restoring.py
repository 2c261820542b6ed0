"""What a run took away is put back: values, TTLs, comments and all; and never over what somebody wrote since."""

import asyncio
import subprocess
from typing import Any

from temporalio.client import Client

from tests import command_line
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
        held | {"name": f"only.{world.parent}."},
    ]
    request = {"restores": "audit-fix/x", "records": records, "verification": {"level": "authoritative"}}

    result = await (await restore(temporal, request, under=f"restore/{world.unique}")).result()

    assert result["phase"] == "complete", result["steps"]
    comments = [("bob", "nobody knows"), ("sovereign-dns", "sovereign=t9.elsewhere.works deployment=d0")]
    after = await content(world, world.parent)
    assert after[f"both.{world.parent}.", "A"] == (300, [("192.0.2.7", True), (STRANGER, False)], comments)
    assert after[f"only.{world.parent}.", "A"] == (300, [("192.0.2.7", True)], comments)
    assert await world.answer(f"both.{world.parent}") == [STRANGER]
    again = await (await restore(temporal, request, under=f"restore/{world.unique}")).result()
    assert changes(again) == {"unchanged": 2}


async def test_the_command_shows_it_asks_and_puts_it_back(
    temporal: Client, environment: dict[str, str], world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    lock, wildcard = f"sovereign/{fqdn}", f"*.{world.parent}"
    await world.create_zone(world.parent, rrset(wildcard, "A", STRANGER, ttl=120))
    request = world.request(fqdn, removeWildcards=[wildcard])
    await provision(temporal, request | {"dryRun": True}, workflow_id=f"plan/{fqdn}")
    first = await start(temporal, request, workflow_id=lock)
    await first.result()
    which = ("--run-id", str(first.result_run_id))
    await provision(temporal, request, workflow_id=lock)
    serial = await world.serial(world.parent)

    async def restore_by_command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return await asyncio.to_thread(command_line.run, environment, "restore", *arguments)

    dry, later, shown, unasked, unknown = await asyncio.gather(
        restore_by_command(f"plan/{fqdn}"),
        restore_by_command(lock),
        restore_by_command(lock, *which, "--dry-run"),
        restore_by_command(lock, *which),
        restore_by_command("sovereign/nobody.example"),
    )

    for nothing in (dry, later):
        assert nothing.returncode == 0, nothing.stderr
        assert "removed and replaced nothing" in nothing.stdout
    assert shown.returncode == 0, shown.stderr
    assert f"+ {wildcard}." in " ".join(shown.stdout.split())
    assert (unasked.returncode, unknown.returncode) == (2, 1)
    assert "--yes" in unasked.stderr
    assert "no run sovereign/nobody.example is known" in unknown.stderr
    assert await world.serial(world.parent) == serial

    done = await restore_by_command(lock, *which, "--yes", "--level", "authoritative")

    assert done.returncode == 0, done.stderr
    assert await world.answer(f"x.{world.parent}") == [STRANGER]
    assert f"{fqdn} is complete" in done.stdout

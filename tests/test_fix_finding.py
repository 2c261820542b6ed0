"""`FixFinding`: what a finding names is removed where it is as it was found, and whose it was; else nothing is."""

from typing import Any

import pytest
from temporalio.client import Client, WorkflowHandle

from tests.runs import failure_of
from tests.world import LOAD_BALANCER, STRANGER, World, rrset

Finding = dict[str, Any]


def finding(zone: str, name: str, rrtype: str, *content: str, owner: str | None = None, **fields: Any) -> Finding:
    """As an audit tells it."""
    id_ = f"f{abs(hash((name, rrtype))):x}"[:10]
    return {
        "id": id_,
        "kind": "orphan",
        "severity": "warning",
        "zone": f"{zone}.",
        "name": f"{name}.",
        "type": rrtype,
        "content": list(content),
        "owner": {"sovereignFQDN": owner, "deploymentId": "d0"} if owner else None,
        "message": "",
        "mend": f"sovereign-dns audit fix {id_}",
        "firstSeen": "2026-11-23T18:00:00Z",
    } | fields


async def begun(
    temporal: Client, found: Finding, *, under: str | None = None, **fields: Any
) -> WorkflowHandle[Any, Any]:
    owner = found["owner"]
    lock = f"sovereign/{owner['sovereignFQDN']}" if owner else f"audit-fix/{found['id']}"
    return await temporal.start_workflow(
        "FixFinding", {"finding": found} | fields, id=under or lock, task_queue="sovereign-dns"
    )


async def test_what_nobody_owns_is_removed_and_kept_in_the_result(temporal: Client, world: World) -> None:
    zone = world.parent
    orphan, neighbour = f"old.{zone}", f"new.{zone}"
    await world.create_zone(
        zone,
        rrset(orphan, "A", STRANGER, "192.0.2.9", ttl=77),
        rrset(neighbour, "A", STRANGER),
        rrset(orphan, "TXT", '"x"'),
    )

    run = await begun(temporal, finding(zone, orphan, "A", "192.0.2.9", STRANGER), under=f"from-the-web-ui-{zone}")
    result = await run.result()

    assert result["phase"] == "complete"
    assert result["handedOverTo"].startswith("audit-fix/")
    (removed,) = result["records"]
    assert (removed["name"], removed["change"], removed["beforeTTL"]) == (f"{orphan}.", "removed", 77)
    assert sorted(removed["before"]) == sorted([STRANGER, "192.0.2.9"])
    assert await world.rrset(zone, orphan, "A") is None
    assert await world.values(zone, neighbour, "A") == [STRANGER]
    assert await world.values(zone, orphan, "TXT") == ['"x"']


@pytest.mark.parametrize("now", ["another value", "an owner", "gone"])
async def test_what_has_changed_since_it_was_found_is_left(temporal: Client, world: World, now: str) -> None:
    zone = world.parent
    name = f"old.{zone}"
    there = {
        "another value": [rrset(name, "A", LOAD_BALANCER)],
        "an owner": [rrset(name, "A", STRANGER, owner=f"t1.{zone}")],
        "gone": [],
    }[now]
    await world.create_zone(zone, *there)
    before = await world.serial(zone)

    run = await begun(temporal, finding(zone, name, "A", STRANGER))

    if now == "gone":
        assert (await run.result())["records"] == []
    else:
        failure = await failure_of(run)
        assert (failure.type, failure.non_retryable) == ("FindingChanged", True)
        assert name in failure.message
    assert await world.serial(zone) == before


async def test_a_delegation_that_leads_nowhere_goes_with_its_ds(temporal: Client, world: World) -> None:
    zone = world.parent
    child = f"child.{zone}"
    ds = f"12345 13 2 {'ab' * 32}"
    await world.create_zone(zone, rrset(child, "NS", "ns1.openova.io."), rrset(child, "DS", ds))
    ns = finding(zone, child, "NS", "ns1.openova.io.", kind="dangling")

    planned = await (await begun(temporal, ns, under=f"plan-{zone}", dryRun=True)).result()
    assert planned["phase"] == "planned"
    assert await world.values(zone, child, "NS") == ["ns1.openova.io."]
    run = await begun(temporal, ns, togetherWith=[finding(zone, child, "DS", ds, kind="dangling")])
    result = await run.result()

    assert result["phase"] == "complete"
    assert {record["type"] for record in result["records"]} == {"NS", "DS"}
    assert await world.rrset(zone, child, "NS") is await world.rrset(zone, child, "DS") is None


async def test_a_wildcard_that_answers_in_its_place_is_told(temporal: Client, world: World) -> None:
    zone = world.parent
    name = f"old.{zone}"
    await world.create_zone(zone, rrset(name, "A", STRANGER), rrset(f"*.{zone}", "A", STRANGER))

    result = await (await begun(temporal, finding(zone, name, "A", STRANGER))).result()

    assert result["phase"] == "degraded"
    assert [hazard["kind"] for hazard in result["hazards"]] == ["wildcard-answers"]
    assert await world.rrset(zone, name, "A") is None


async def test_what_a_sovereign_owns_is_removed_under_its_lock(temporal: Client, world: World) -> None:
    zone = world.parent
    fqdn = f"t1.{zone}"
    await world.create_zone(zone, rrset(f"console.{fqdn}", "A", STRANGER, owner=fqdn))
    left = finding(zone, f"console.{fqdn}", "A", STRANGER, owner=fqdn, kind="dangling")
    held = await temporal.start_workflow(
        "ProvisionSovereign", {"nothing": "right"}, id=f"sovereign/{fqdn}", task_queue="nobody-serves-this"
    )

    refused = await failure_of(await begun(temporal, left, under=f"by-hand-{zone}"))
    assert refused.type == "AlreadyInProgress"
    await held.terminate()
    result = await (await begun(temporal, left)).result()

    assert result["sovereignFQDN"] == fqdn
    assert result["records"][0]["beforeOwner"]["sovereignFQDN"] == fqdn
    assert await world.rrset(zone, f"console.{fqdn}", "A") is None


@pytest.mark.parametrize(
    ("fields", "error_type", "told"),
    [
        (
            {"kind": "drift", "mend": "sovereign-dns provision --again t1.omani.works"},
            "InvalidInput",
            "provision --again",
        ),
        ({"kind": "unreadable", "type": "", "content": [], "mend": "mend pdm"}, "InvalidInput", "mend pdm"),
        ({"name": "console.openova.io.", "zone": "openova.io."}, "ProtectedName", "console.openova.io"),
        ({"name": "*.openova.io.", "zone": "openova.io."}, "ProtectedName", "api.openova.io"),
        ({"type": "NS", "name": "omani.works."}, "InvalidInput", "makes it a zone"),
        ({"name": "elsewhere.org."}, "InvalidInput", "not in the zone"),
    ],
)
async def test_what_is_not_mended_by_removing_is_refused(
    temporal: Client, world: World, fields: Finding, error_type: str, told: str
) -> None:
    found = finding("omani.works", "old.omani.works", "A", STRANGER) | fields | {"id": f"r{world.unique}"}
    if found["mend"].startswith("sovereign-dns audit fix"):
        found["mend"] = f"sovereign-dns audit fix {found['id']}"

    failure = await failure_of(await begun(temporal, found))

    assert failure.type == error_type
    assert told in failure.message

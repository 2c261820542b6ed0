"""`AuditZones`: what it shows of itself, what a second one tells, and what it waits for."""

import secrets
from typing import Any

from temporalio.client import Client

from devstack.ports import free_port
from tests.eventually import eventually
from tests.mounted_backends import MountedBackends
from tests.runs import Handle, failure_of, waiting_for
from tests.test_outages import attempt_now
from tests.test_stalls import current_details
from tests.world import LOAD_BALANCER, World, nobodys_address, rrset

SOURCES = ["owners", "networks", "temporal"]
"""Without PDM: what other tests do to the pools of the shared one is not this test's business."""


async def start_audit(client: Client, world: World, **fields: Any) -> Handle:
    request = {"zones": [world.parent], "inventory": SOURCES} | fields
    return await client.start_workflow(
        "AuditZones", request, id=f"audit-{secrets.token_hex(4)}", task_queue="sovereign-dns"
    )


async def listed(client: Client, handle: Handle) -> None:
    """Returns when the list of completed runs, which lags behind, has it."""

    async def found() -> bool:
        query = f'WorkflowId = "{handle.id}" AND ExecutionStatus = "Completed"'
        return bool([run async for run in client.list_workflows(query)])

    await eventually(found)


async def test_an_audit_shows_what_it_found_and_the_next_one_what_is_new(temporal: Client, world: World) -> None:
    mine = rrset(f"console.t1.{world.parent}", "A", LOAD_BALANCER, owner=f"t1.{world.parent}")
    stranger = nobodys_address()
    await world.create_zone(world.parent, rrset(f"*.{world.parent}", "A", stranger), mine)
    await world.create_secondary_zone(f"never.{world.parent}")

    first = await start_audit(temporal, world)
    before = await first.result()

    assert {(found["kind"], found["severity"], found["news"]) for found in before["findings"]} == {
        ("orphan", "critical", "new"),
        ("shadowing", "critical", "new"),
    }
    assert {found["name"] for found in before["findings"]} == {f"*.{world.parent}."}
    assert before["partial"] is False
    assert [zone["zone"] for zone in before["zones"]] == [f"{world.parent}."]
    assert any("written before owner comments had a digest" in note for note in before["notes"])
    details = await current_details(first)
    assert "2 critical; 2 new" in details
    assert f"`*.{world.parent}.` A" in details
    assert all(f"`{found['mend']}`" in details for found in before["findings"])
    assert await first.query("status") == before
    assert await (await first.describe()).memo_value("findings") == "2 critical; 2 new"

    await world.write(
        world.parent, {"name": f"*.{world.parent}.", "type": "A", "changetype": "DELETE"},
        rrset(f"old.{world.parent}", "A", stranger),
    )  # fmt: skip
    await listed(temporal, first)
    second = await (await start_audit(temporal, world)).result()

    assert [(found["kind"], found["name"], found["news"]) for found in second["findings"]] == [
        ("orphan", f"old.{world.parent}.", "new")
    ]
    assert {found["id"] for found in second["gone"]} == {found["id"] for found in before["findings"]}


async def test_a_zone_that_is_not_there_is_refused_at_once(temporal: Client, world: World) -> None:
    failure = await failure_of(await start_audit(temporal, world, zones=[f"typo.{world.parent}"]))
    assert (failure.type, failure.non_retryable) == ("InvalidInput", True)
    assert f"zones: PowerDNS hosts no zone typo.{world.parent}" in failure.message


async def test_an_audit_waits_for_a_powerdns_that_is_away(
    mounted: MountedBackends, mounted_temporal: Client, world: World
) -> None:
    await world.create_zone(world.parent)
    mounted.lead_to_powerdns(f"http://127.0.0.1:{free_port()}")
    audit = await start_audit(mounted_temporal, world)
    assert "PowerDNS" in await waiting_for(audit, "audit-zones")

    mounted.lead_to_the_stack()
    await attempt_now(world, mounted_temporal, audit, "audit-zones")

    assert (await audit.result())["findings"] == []

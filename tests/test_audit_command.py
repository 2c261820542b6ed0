"""`sovereign-dns audit`: the incident's wildcard is found, shown and removed; the Schedule; what was not looked at."""

import json
from typing import Any

from tests.command_line import run
from tests.world import LOAD_BALANCER, World, nobodys_address, rrset

OWN_ZONE_ONLY = ("--inventory", "owners", "--inventory", "networks", "--inventory", "temporal")
"""What other tests do to the pools of the shared PDM is not this test's business."""


def audited(environment: dict[str, str], *zones: str) -> dict[str, Any]:
    ended = run(environment, "audit", "run", *zones, *OWN_ZONE_ONLY, "--json")
    assert ended.returncode in {0, 1}, ended.stderr
    result: dict[str, Any] = json.loads(ended.stdout)
    assert ended.returncode == bool(result["findings"])
    return result


async def test_the_incidents_wildcard_is_found_shown_and_removed(environment: dict[str, str], world: World) -> None:
    zone, stranger = world.parent, nobodys_address()
    wildcard = rrset(f"*.{zone}", "A", stranger, ttl=300)
    mine = rrset(f"console.t1.{zone}", "A", LOAD_BALANCER, owner=f"t1.{zone}")
    await world.create_zone(zone, wildcard, mine)

    ended = run(environment, "audit", "run", zone, *OWN_ZONE_ONLY)
    assert ended.returncode == 1, ended.stderr
    for told in ("critical: ", f"*.{zone}. A", stranger, "orphan", "new", "sovereign-dns audit fix "):
        assert told in ended.stdout
    found = {finding["kind"]: finding for finding in audited(environment, zone)["findings"]}
    orphan = found["orphan"]
    assert (orphan["name"], orphan["content"], orphan["news"]) == (f"*.{zone}.", [stranger], "same")
    assert orphan["mend"] == f"sovereign-dns audit fix {orphan['id']}"

    refused = run(environment, "audit", "fix", orphan["id"])
    assert refused.returncode == 2
    assert f"audit fix {orphan['id']} --yes" in refused.stderr
    planned = run(environment, "audit", "fix", orphan["id"], "--dry-run")
    assert planned.returncode == 0, planned.stderr
    assert "planned: nothing was removed" in planned.stdout
    assert await world.values(zone, f"*.{zone}", "A") == [stranger]

    fixed = run(environment, "audit", "fix", orphan["id"], "--yes")
    assert fixed.returncode == 0, fixed.stdout + fixed.stderr
    assert f"restore audit-fix/{orphan['id']}" in fixed.stdout
    assert f"At once: sovereign-dns audit run {zone}" in fixed.stdout
    assert await world.rrset(zone, f"*.{zone}", "A") is None
    assert await world.values(zone, f"console.t1.{zone}", "A") == [LOAD_BALANCER]
    assert await world.answer(f"anything.{zone}") == []

    after = audited(environment, zone)
    assert after["findings"] == []
    assert orphan["id"] in {finding["id"] for finding in after["gone"]}
    assert "no finding" in run(environment, "audit", "fix", orphan["id"], "--yes").stderr

    restored = run(environment, "restore", f"audit-fix/{orphan['id']}", "--yes")
    assert f"the records of audit-fix/{orphan['id']} are restored" in restored.stdout
    assert restored.returncode == 0, restored.stdout + restored.stderr
    back = await world.rrset(zone, f"*.{zone}", "A")
    assert back is not None
    assert (back["ttl"], [record["content"] for record in back["records"]]) == (300, [stranger])


async def test_a_delegation_whose_zone_has_come_meanwhile_is_not_removed(
    environment: dict[str, str], world: World
) -> None:
    """The record is as it was found; what has made it a finding is gone."""
    zone, child = world.parent, f"t1.{world.parent}"
    await world.create_zone(zone, rrset(child, "NS", "ns1.openova.io."))
    (found,) = audited(environment, zone)["findings"]
    assert (found["kind"], found["type"]) == ("dangling", "NS")

    await world.create_zone(child, rrset(f"console.{child}", "A", LOAD_BALANCER, owner=child))
    refused = run(environment, "audit", "fix", found["id"], "--yes")

    assert refused.returncode == 1, refused.stdout
    assert f"{found['id']} is gone by now" in refused.stderr
    assert "nothing was removed" in refused.stderr
    assert await world.values(zone, child, "NS") == ["ns1.openova.io."]

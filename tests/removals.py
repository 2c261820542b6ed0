"""Taking Sovereigns away in tests, and what is left of them."""

from typing import Any

from temporalio.client import Client

from tests.runs import Handle, Result
from tests.world import STRANGER, World, names_of, rrset

ZoneContent = list[dict[str, Any]]

AUTHORITATIVE = {"level": "authoritative"}


def removal_of(world: World, fqdn: str, **fields: Any) -> dict[str, Any]:
    """A request, with a proof that doesn't wait for what a resolver has kept."""
    proof = {"level": "authoritative"}
    return {"sovereignFQDN": fqdn, "certificateNamespace": f"ns-{world.unique}", "verification": proof} | fields


async def start_removal(
    client: Client,
    request: dict[str, Any],
    *,
    workflow_id: str | None = None,
    kind: str = "DeprovisionSovereign",
) -> Handle:
    """Under the Sovereign's lock, or another id."""
    lock = f"sovereign/{request['sovereignFQDN']}"
    return await client.start_workflow(kind, request, id=workflow_id or lock, task_queue="sovereign-dns")


async def deprovision(client: Client, request: dict[str, Any]) -> Result:
    """Its result."""
    result: Result = await (await start_removal(client, request)).result()
    return result


async def content_of(world: World, zone: str) -> ZoneContent | None:
    """Everything in a zone to the last byte, comments included; but for its SOA, whose serial counts every change."""
    found = await world.zone(zone)
    if found is None:
        return None
    rrsets = [rrset for rrset in found["rrsets"] if rrset["type"] != "SOA"]
    return sorted(rrsets, key=lambda rrset: (rrset["name"], rrset["type"]))


def removed(result: Result) -> list[str]:
    """The names whose rrsets a run has removed, or would."""
    return sorted({record["name"].rstrip(".") for record in result["records"] if record["change"] == "removed"})


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

"""Sovereigns whose removals are held in the middle of a step, each in another one, by gates before the backends."""

import asyncio
from dataclasses import dataclass
from typing import Any

from temporalio.client import Client

from tests.gates import DnsHold, Hold
from tests.held_steps import Gates
from tests.removals import ZoneContent, content_of, removal_of, removed, start_removal
from tests.runs import Handle, Result, provision
from tests.world import World, names_of

_PLACES = (
    # step, whether the backend has done what it was asked
    ("records-find", False),
    ("records-remove", False),
    ("records-remove", True),
    ("certificate-delete", False),
    ("certificate-delete", True),
    ("pool-release", False),
    ("pool-release", True),
    ("zone-remove", False),
    ("zone-remove", True),
    ("dns-verify", False),
)


@dataclass(frozen=True)
class HeldRemoval:
    """A removal, the step in which it is held, and what the Sovereign's parent domain held before there was one.

    Each has a pool name, or a parent domain whose zone was made for it: in that, `zone-remove` is held.
    """

    step: str
    fqdn: str
    parent: str
    pool: bool
    before: ZoneContent | None
    handle: Handle
    hold: Hold | DnsHold

    async def is_held(self) -> None:
        """Returns when it is."""
        try:
            await asyncio.wait_for(self.hold.reached.wait(), 60)
        except TimeoutError:
            raise AssertionError(
                f"{self.handle.id} never came to {self.step}: {await self.handle.query('status')}"
            ) from None

    async def completes(self, world: World) -> None:
        """Returns when it has: nothing is left, and the result tells all that was there."""
        result: Result = await self.handle.result()
        assert result["phase"] == "complete", (self.step, result["steps"])
        assert await content_of(world, self.parent) == self.before
        assert set(names_of(self.fqdn)) <= set(removed(result)), self.step
        assert not any(record["unconfirmed"] for record in result["records"])
        (certificate,) = [c for c in result["certificates"] if c["name"] == f"{self.fqdn}-wildcard-tls"]
        assert certificate["change"] == "removed", self.step
        assert await world.certificate(f"ns-{world.unique}", certificate["name"]) is None
        if self.pool:
            assert [name["change"] for name in result["poolNames"]] == ["released"], self.step
            listed = (await world.pdm.get(f"/api/v1/pool/{self.parent}/list")).json()["allocations"]
            assert listed == []
            assert await world.zone(self.fqdn) is None
        else:
            assert [zone["zone"] for zone in result["zones"]] == [f"eu.{self.parent}."], self.step
            assert await world.zone(f"eu.{self.parent}") is None
        assert await world.answers_other_than([], names_of(self.fqdn)) == {}


async def hold_removals_in_every_step(world: World, client: Client, gates: Gates) -> list[HeldRemoval]:
    """Provisions a Sovereign for each place where its removal can be held; returns when each is held there."""
    held = await asyncio.gather(*(_hold_in(world, client, gates, step, answered) for step, answered in _PLACES))
    for removal in held:
        await removal.is_held()
    return held


async def _hold_in(world: World, client: Client, gates: Gates, step: str, answered: bool) -> HeldRemoval:
    when = "after" if answered else "before"
    parent = f"{step}-{when}-{world.unique}.works"
    await world.create_zone(parent)
    before = await content_of(world, parent)
    pool = step == "pool-release"
    fqdn = f"t1.{parent}"
    more: dict[str, Any]
    named: dict[str, Any] = {}
    if pool:
        named = {"pool": {"domain": parent, "subdomain": "t1"}}
        more = {"pool": named["pool"] | {"reservationToken": await world.reserve(parent, "t1")}}
    else:
        more = {"parentDomains": [{"name": parent}, {"name": f"eu.{parent}"}]}
    await provision(client, world.request(fqdn, verification={"level": "authoritative"}, **more))
    hold = _hold(gates, step, parent, fqdn, answered=answered)
    return HeldRemoval(
        step, fqdn, parent, pool, before, await start_removal(client, removal_of(world, fqdn, **named)), hold
    )


def _hold(gates: Gates, step: str, parent: str, fqdn: str, *, answered: bool) -> Hold | DnsHold:
    if step == "dns-verify":
        gates.dns_holds.append(dns_hold := DnsHold(parent))
        return dns_hold
    match step:
        case "records-find":
            gate, hold = gates.powerdns, Hold("GET", f"/zones?zone={fqdn}")
        case "records-remove":
            gate, hold = gates.powerdns, Hold("PATCH", f"/zones/{parent}.", answered=answered)
        case "certificate-delete":
            gate, hold = gates.kubernetes, Hold("DELETE", f"/certificates/{fqdn}-wildcard-tls", answered=answered)
        case "pool-release":
            gate, hold = gates.pdm, Hold("DELETE", f"/pool/{parent}/release", answered=answered)
        case "zone-remove":
            gate, hold = gates.powerdns, Hold("DELETE", f"/zones/eu.{parent}.", answered=answered)
        case _:
            raise ValueError(step)
    gate.holds.append(hold)
    return hold

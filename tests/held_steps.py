"""Sovereigns whose runs are held in the middle of a step, each in another one, by gates before the backends."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from temporalio.client import Client

from tests.gates import DnsHold, Hold, HttpGate, dns_gate
from tests.runs import Handle, Result, start
from tests.whole_zones import Sovereign, assert_exactly_right
from tests.world import World


@dataclass
class Gates:
    """Before every backend. `settings` lead a worker to them."""

    powerdns: HttpGate
    pdm: HttpGate
    kubernetes: HttpGate
    settings: dict[str, str]
    dns_holds: list[DnsHold] = field(default_factory=list)

    def let_everything_through(self) -> None:
        """What is held goes on, and nothing is held any more."""
        held: list[Hold | DnsHold] = [*self.powerdns.holds, *self.pdm.holds, *self.kubernetes.holds, *self.dns_holds]
        for hold in held:
            hold.let_through.set()


@asynccontextmanager
async def gates_before(backends: dict[str, str], folder: Path) -> AsyncIterator[Gates]:
    """Gates before the backends that these settings name."""
    dns_holds: list[DnsHold] = []
    async with (
        HttpGate(backends["CATALYST_POWERDNS_API_URL"]) as powerdns,
        HttpGate(backends["POOL_DOMAIN_MANAGER_URL"]) as pdm,
        HttpGate(backends["KUBERNETES_URL"]) as kubernetes,
        dns_gate(backends["POWERDNS_DNS"], dns_holds) as dns,
    ):
        settings = {
            "CATALYST_POWERDNS_API_URL": powerdns.url,
            "POOL_DOMAIN_MANAGER_URL": pdm.url,
            "KUBECONFIG": str(_kubeconfig(Path(backends["KUBECONFIG"]), kubernetes.url, folder)),
            "CATALYST_DNS_AUTHORITATIVE": dns,
            # One that is held must not hold up the others.
            "SOVEREIGN_DNS_POWERDNS_WRITES_AT_ONCE": "8",
        }
        gates = Gates(powerdns, pdm, kubernetes, settings, dns_holds)
        try:
            yield gates
        finally:
            gates.let_everything_through()


def _kubeconfig(given: Path, url: str, folder: Path) -> Path:
    content = json.loads(given.read_text(encoding="utf-8"))
    content["clusters"][0]["cluster"]["server"] = url
    changed = folder / "kubeconfig"
    changed.write_text(json.dumps(content), encoding="utf-8")
    return changed


@dataclass(frozen=True)
class HeldRun:
    """A run, and the step in which it is held: before the backend has done its part of it, or after (`answered`)."""

    sovereign: Sovereign
    step: str
    answered: bool
    handle: Handle
    hold: Hold | DnsHold

    @property
    def activity_id(self) -> str:
        """What it is held in, as Temporal knows it."""
        return f"{self.step}/{self.sovereign.parent}"

    async def is_held(self) -> None:
        """Returns when it is."""
        try:
            await asyncio.wait_for(self.hold.reached.wait(), 60)
        except TimeoutError:
            raise AssertionError(
                f"{self.handle.id} never came to {self.step}: {await self.handle.query('status')}"
            ) from None

    async def completes(self, world: World, *, pdm_could_write: bool = True) -> None:
        """Returns when it has, and the world is exactly right."""
        result: Result = await self.handle.result()
        assert result["phase"] == "complete", result["steps"]
        await assert_exactly_right(world, self.sovereign, pdm_could_write=pdm_could_write)


_PLACES = (
    # step, whether the backend has done what it was asked, whether it is a pool name
    ("zone-create", False, False),
    ("zone-create", True, False),
    ("certificate-request", False, False),
    ("certificate-request", True, False),
    ("pool-commit", False, True),
    ("pool-commit", True, True),
    ("records-upsert", False, False),
    ("records-upsert", True, True),
    ("dns-verify", False, False),
    ("certificate-ready", True, False),
)


async def hold_in_every_step(world: World, client: Client, gates: Gates, series: str = "") -> list[HeldRun]:
    """Starts a run for each place where one can be held, and returns when each is held there.

    `series` tells the Sovereigns of several calls apart.
    """
    held = await asyncio.gather(
        *(
            hold_in(world, client, gates, step, answered=answered, pool=pool, series=series)
            for step, answered, pool in _PLACES
        )
    )
    for run in held:
        await run.is_held()
    return held


async def hold_in(
    world: World,
    client: Client,
    gates: Gates,
    step: str,
    *,
    answered: bool = False,
    pool: bool = False,
    series: str = "",
) -> HeldRun:
    """Starts a run that will be held in the middle of a step: before the backend has done it, or after."""
    when = "after" if answered else "before"
    sovereign = Sovereign("t1", f"{step}-{when}-{series}{world.unique}.works", pool=pool)
    hold = _hold(gates, step, sovereign, answered=answered)
    token = await _reserved(world, sovereign) if pool else None
    handle = await start(client, sovereign.request(world, token), workflow_id=f"sovereign/{sovereign.fqdn}")
    return HeldRun(sovereign, step, answered, handle, hold)


def _hold(gates: Gates, step: str, sovereign: Sovereign, *, answered: bool) -> Hold | DnsHold:
    if step == "dns-verify":
        gates.dns_holds.append(dns_hold := DnsHold(sovereign.parent))
        return dns_hold
    certificate = f"/certificates/{sovereign.fqdn}-wildcard-tls"
    match step:
        case "zone-create":
            gate, hold = gates.powerdns, Hold("POST", "/zones", f'"{sovereign.parent}."', answered=answered)
        case "certificate-request":
            gate, hold = gates.kubernetes, Hold("PATCH", certificate, answered=answered)
        case "pool-commit":
            gate, hold = gates.pdm, Hold("POST", f"/pool/{sovereign.parent}/commit", answered=answered)
        case "records-upsert":
            gate, hold = gates.powerdns, Hold("PATCH", f"{sovereign.parent}.", answered=answered)
        case "certificate-ready":
            # It is read before it is asked for, too; then it isn't there.
            gate, hold = gates.kubernetes, Hold("GET", certificate, answered=True, status=200)
        case _:
            raise ValueError(step)
    gate.holds.append(hold)
    return hold


async def _reserved(world: World, sovereign: Sovereign) -> str:
    await world.create_zone(sovereign.parent)
    return await world.reserve(sovereign.parent, sovereign.label)


async def all_complete(world: World, runs: Sequence[HeldRun]) -> None:
    """Every run completes by itself, and the world is exactly right then."""
    for run in runs:
        await run.completes(world)

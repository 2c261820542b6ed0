"""One play of Sovereigns, with the engine as it is set or with one of its settings changed."""

import asyncio
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from temporalio.client import Client, WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import crowd, powerdns_api
from benchmarks.crowd import Scene
from benchmarks.processes import cpu_seconds
from benchmarks.report import CheckFailedError
from benchmarks.throughput import provision, rate_of
from benchmarks.varied_worker import VariedWorker
from devstack.ports import Ports
from devstack.stack import Stack
from devstack.temporal_server import TemporalServer
from sovereign_dns.contract import sovereign_workflow_id

ZONES = 10


@dataclass(frozen=True)
class Variant:
    """What is changed: the options of Temporal's that make it quick, or something of the worker."""

    what: str
    temporal: tuple[str, ...] | None = None
    change: str | None = None

    def apply(self, stack: Stack) -> None:
        """Changes it on a stack that has not started."""
        if self.temporal is not None:
            stack.temporal = _VariedTemporal(stack, self.temporal)
        if self.change is not None:
            stack.worker = VariedWorker(
                stack, stack.ports.worker_health, stack.state / "logs" / "worker.log", self.change
            )


class _VariedTemporal(TemporalServer):
    def __init__(self, stack: Stack, tuning: Sequence[str]) -> None:
        super().__init__(stack.state, stack.ports.temporal, stack.ports.temporal_ui)
        self._tuning = list(tuning)

    def tuning(self) -> list[str]:
        return self._tuning


AS_SET = Variant("as it is set")


@dataclass(frozen=True)
class Played:
    """What one play came to: median milliseconds of one alone; of the crowd the rate, and CPU for each of it."""

    alone_ms: float
    a_minute: float
    worker_ms: float
    temporal_ms: float
    histories: list[WorkflowHistory]
    """Of the crowd."""

    @property
    def figures(self) -> tuple[float, ...]:
        """All that is compared."""
        return self.alone_ms, self.a_minute, self.worker_ms, self.temporal_ms


def play(variant: Variant, alone: int, at_once: int) -> Played:
    """Plays so many one after the other, and then a crowd at once, on a stack of its own.

    Raises:
        CheckFailedError: a result or a zone is not exactly as it should be.
    """
    with tempfile.TemporaryDirectory() as state:
        stack = Stack(Path(state), Ports.free(), simulators=False)
        variant.apply(stack)
        with stack:
            return asyncio.run(_play(variant, stack, alone, at_once))


async def _play(variant: Variant, stack: Stack, alone: int, at_once: int) -> Played:
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    scene = Scene(1 + alone + at_once, ZONES)
    processes = {"worker": stack.worker, "temporal": stack.temporal}
    async with powerdns_api.async_client(stack.powerdns) as powerdns:
        zones = sorted(set(scene.fqdns.values()))
        for zone in zones:
            (await powerdns.post("/zones", json=powerdns_api.signed_zone(zone))).raise_for_status()
        first, *to_do = scene.fqdns
        await provision(client, first)  # warms every cache
        _, seconds = await rate_of(1, to_do[:alone], lambda fqdn: provision(client, fqdn))
        before = cpu_seconds(processes)
        a_minute, _ = await rate_of(at_once, to_do[alone:], lambda fqdn: provision(client, fqdn))
        after = cpu_seconds(processes)
        wrong = await crowd.wrong_results(client, scene)
        for zone in zones:
            wrong += crowd.wrong_records(scene, zone, (await powerdns.get(f"/zones/{zone}.")).json()["rrsets"])
    if wrong:
        raise CheckFailedError(f"{variant.what}: " + "; ".join(wrong[:5]))
    worker, temporal = ((after[name] - before[name]) / at_once * 1000 for name in processes)
    histories = [
        await client.get_workflow_handle(sovereign_workflow_id(fqdn)).fetch_history() for fqdn in to_do[alone:]
    ]
    return Played(statistics.median(seconds) * 1000 if seconds else 0, a_minute, worker, temporal, histories)

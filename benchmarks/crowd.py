"""A crowd of Sovereigns that are provisioned at once, by some workers: at their start, or when an outage ends."""

import asyncio
import json
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetActivityRequest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError, RPCStatusCode

from benchmarks import powerdns_api
from benchmarks.counting_proxy import Calls, CountingProxy
from benchmarks.sovereigns import ADDRESS, PER_SOVEREIGN, names_of, request_without_certificate
from devstack.ports import Ports, free_port
from devstack.programs import PROJECT
from devstack.stack import Stack
from devstack.worker_process import WorkerProcess
from sovereign_dns.contract import PROVISION_SOVEREIGN, TASK_QUEUE, sovereign_workflow_id

ATTEMPT_OF_THE_LONGEST_WAIT = 7
"""From the seventh failure on, the next attempt comes after the longest wait of all."""

RATE = "SOVEREIGN_DNS_POWERDNS_ACTIVITIES_PER_SECOND"

_AT_ONCE = 50

_AT_ONCE_FILLED = 4_000
"""So that a PATCH stays below the 2 MB that PowerDNS takes."""

_COMMENTS = [{"content": "sovereign=others.example deployment=bench", "account": "sovereign-dns"}]


@dataclass(frozen=True)
class Scene:
    """Who waits for what, and with which workers.

    With `rrsets` each zone holds so many of others before. Without an `outage` nobody waits: all start at once.
    """

    sovereigns: int
    zones: int
    workers: int = 1
    rate: str | None = None
    at_once: bool = False
    worker_script: Path = PROJECT / "worker.py"
    rrsets: int = 0
    outage: bool = True

    @property
    def fqdns(self) -> dict[str, str]:
        """Each Sovereign, with its zone."""
        return {
            f"t{index}.z{index % self.zones}.works": f"z{index % self.zones}.works" for index in range(self.sovereigns)
        }


@dataclass(frozen=True)
class Outcome:
    """What happened: from the start, or from the end of the outage.

    Attributes:
        calls: what PowerDNS was asked.
        failed_attempts: of steps, by error type.
        most_of_a_step: how often the step failed that failed most often.
        seconds: until the last Sovereign was complete.
        wrong: what is not exactly as it should be, in results and zones.
    """

    calls: Calls
    failed_attempts: Counter[str]
    most_of_a_step: int
    seconds: float
    wrong: list[str]


def play(scene: Scene) -> Outcome:
    """Plays a scene on a stack of its own."""
    with (
        tempfile.TemporaryDirectory() as state,
        Stack(Path(state), Ports.free(), worker=False, simulators=False) as stack,
    ):
        return asyncio.run(_play(scene, stack))


async def _play(scene: Scene, stack: Stack) -> Outcome:
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    zones = sorted(set(scene.fqdns.values()))
    async with powerdns_api.async_client(stack.powerdns) as powerdns, CountingProxy(stack.powerdns.api_url) as proxy:
        for zone in zones:
            (await powerdns.post("/zones", json=powerdns_api.signed_zone(zone))).raise_for_status()
            await _fill(powerdns, zone, _of_others(scene, zone))
        if scene.outage:
            stack.powerdns.stop()
        else:
            await proxy.open()
        workers = [_worker(scene, stack, proxy.url, number) for number in range(scene.workers)]
        try:
            for worker in workers:
                await asyncio.to_thread(worker.start)
            started = time.perf_counter()
            await _start_all(client, scene)
            if scene.outage:
                await _all_wait(client, scene)
                await asyncio.to_thread(stack.powerdns.start)
                started = time.perf_counter()
                await proxy.open()
            failed_before = [len(_failed_attempts(worker.log)) if scene.outage else 0 for worker in workers]
            if scene.at_once:
                await _reset_all(client, scene)
            await _none_runs(client)
            seconds = time.perf_counter() - started
            failed: list[Failed] = []
            for worker, before in zip(workers, failed_before, strict=True):
                failed += _failed_attempts(worker.log)[before:]
        finally:
            for worker in workers:
                await asyncio.to_thread(worker.stop)
        wrong = await wrong_results(client, scene)
        for zone in zones:
            wrong += wrong_records(scene, zone, (await powerdns.get(f"/zones/{zone}.")).json()["rrsets"])
    return Outcome(
        calls=replace(proxy.calls),
        failed_attempts=Counter(error_type for _, error_type in failed),
        most_of_a_step=max(Counter(step for step, _ in failed).values(), default=0),
        seconds=seconds,
        wrong=wrong,
    )


def _of_others(scene: Scene, zone: str) -> list[str]:
    """The names that the zone holds before."""
    return [f"n{index % 14}.o{index // 14}.{zone}." for index in range(scene.rrsets)]


async def _fill(powerdns: httpx.AsyncClient, zone: str, names: Sequence[str]) -> None:
    records = [{"content": ADDRESS, "disabled": False}]
    for first in range(0, len(names), _AT_ONCE_FILLED):
        rrsets = [
            {"name": name, "type": "A", "ttl": 60, "changetype": "REPLACE", "records": records, "comments": _COMMENTS}
            for name in names[first : first + _AT_ONCE_FILLED]
        ]
        (await powerdns.patch(f"/zones/{zone}.", json={"rrsets": rrsets})).raise_for_status()


def _worker(scene: Scene, stack: Stack, powerdns_url: str, number: int) -> WorkerProcess:
    settings = {"CATALYST_POWERDNS_API_URL": powerdns_url, "CATALYST_DNS_PROPAGATION_RESOLVERS": ""}
    if scene.rate is not None:
        settings[RATE] = scene.rate
    log = stack.state / "logs" / f"worker-{number}.log"
    return WorkerProcess(stack.environment() | settings, free_port(), log, scene.worker_script)


async def _start_all(client: Client, scene: Scene) -> None:
    turn = asyncio.Semaphore(_AT_ONCE)

    async def start(fqdn: str) -> None:
        request = request_without_certificate(fqdn, verification={"level": "authoritative"})
        async with turn:
            await client.start_workflow(
                PROVISION_SOVEREIGN, request, id=sovereign_workflow_id(fqdn), task_queue=TASK_QUEUE
            )

    await asyncio.gather(*(start(fqdn) for fqdn in scene.fqdns))


async def _all_wait(client: Client, scene: Scene) -> None:
    """Until each has failed so often that its next attempt is up to a minute away, as after an hour's outage.

    Where all are to attempt at once, it doesn't matter how long they would have waited.
    """
    attempt = 1 if scene.at_once else ATTEMPT_OF_THE_LONGEST_WAIT
    for fqdn in scene.fqdns:
        handle = client.get_workflow_handle(sovereign_workflow_id(fqdn))
        while True:
            pending = (await handle.describe()).raw_description.pending_activities
            if pending and pending[0].attempt > attempt:
                break
            await asyncio.sleep(0.5)


async def _reset_all(client: Client, scene: Scene) -> None:
    """As an operator has all of them attempt at once."""
    turn = asyncio.Semaphore(_AT_ONCE)

    async def reset(fqdn: str, zone: str) -> None:
        request = ResetActivityRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=sovereign_workflow_id(fqdn)),
            id=f"zone-create/{zone}",
        )
        async with turn, _unless_it_is_done():
            await client.workflow_service.reset_activity(request)

    await asyncio.gather(*(reset(fqdn, zone) for fqdn, zone in scene.fqdns.items()))


@asynccontextmanager
async def _unless_it_is_done() -> AsyncIterator[None]:
    try:
        yield
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def _none_runs(client: Client) -> None:
    while (await client.count_workflows('ExecutionStatus = "Running"')).count:  # noqa: ASYNC110 (it is in Temporal)
        await asyncio.sleep(0.2)


Failed = tuple[tuple[str | None, str | None], str]
"""Sovereign and step, and the error's type."""


def _failed_attempts(log: Path) -> list[Failed]:
    """As a worker's log tells them. Not yet is no failure."""
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [
        ((line.get("sovereign"), line.get("step")), line.get("error_type", line["event"]))
        for line in lines
        if line["event"].startswith("step not done") or line["event"].startswith("step failed")
        if not str(line.get("error_type", "")).startswith("NotYet")
    ]


async def wrong_results(client: Client, scene: Scene) -> list[str]:
    """Runs that are not complete, or have not created every record."""
    wrong = []
    for fqdn in scene.fqdns:
        result = await client.get_workflow_handle(sovereign_workflow_id(fqdn)).result()
        changes = Counter(record["change"] for record in result["records"])
        if result["phase"] != "complete" or changes != {"created": PER_SOVEREIGN}:
            wrong.append(f"{fqdn} is {result['phase']}, {dict(changes)}")
    return wrong


def wrong_records(scene: Scene, zone: str, rrsets: Sequence[dict[str, object]]) -> list[str]:
    """What the zone lacks of the Sovereigns' records, and what else it holds."""
    names = [f"{name}." for host, of in scene.fqdns.items() if of == zone for name in names_of(host)]
    wanted = {(name, "A", 60, (ADDRESS,)) for name in [*names, *_of_others(scene, zone)]}
    found = {
        (r["name"], r["type"], r["ttl"], tuple(record["content"] for record in r["records"]))  # type: ignore[attr-defined]
        for r in rrsets
        if r["type"] not in {"SOA", "NS"}
    }
    missing, strange = wanted - found, found - wanted
    return [f"zone {zone} lacks {item}" for item in missing] + [f"zone {zone} holds {item}" for item in strange]

"""B1: one Sovereign end to end, against the same calls with no Temporal, and against Temporal with no calls."""

import os
import statistics
import tempfile
import time
from collections.abc import Awaitable
from contextlib import ExitStack
from pathlib import Path

import dns.asyncresolver
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import do_nothing
from benchmarks.do_nothing import DoNothing, Shape
from benchmarks.do_nothing_worker import DoNothingWorker
from benchmarks.report import CheckFailedError, Goal, Report, Table
from benchmarks.sovereigns import ADDRESS, PER_SOVEREIGN, names_of, request
from benchmarks.straight_line import StraightLine, straight_line
from devstack.ports import Ports
from devstack.stack import Stack
from service import event_loop, logs
from sovereign_dns.contract import (
    PROVISION_SOVEREIGN,
    TASK_QUEUE,
    ProvisionRequest,
    ProvisionResult,
    sovereign_workflow_id,
)

COUNT = 20
MOST = 1.25
ZONE = "bench.works"
SHAPE = Shape(chains=[2, 2])
"""`zone-create`; then `records-upsert` and `dns-verify` beside `certificate-request` and `certificate-ready`."""

OURS = "ProvisionSovereign"
STRAIGHT = "the same calls, no Temporal"
NOTHING = "a workflow that does nothing"


def measure() -> Report:
    """Plays the three in turns, and checks every result and its answers.

    Raises:
        CheckFailedError: something is not exactly as it should be.
    """
    with ExitStack() as ending:
        state = Path(ending.enter_context(tempfile.TemporaryDirectory()))
        stack = ending.enter_context(Stack(state, Ports.free(), issue_seconds=0))
        ending.enter_context(DoNothingWorker(stack.environment(), state / "logs" / "do-nothing.log"))
        # The straight line's settings are read as the worker reads its own.
        os.environ.update(stack.environment())
        logs.configure("WARNING")
        return _report(event_loop.run(_play(stack)))


async def _play(stack: Stack) -> dict[str, list[float]]:
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    resolver = dns.asyncresolver.Resolver(configure=False)
    host, _, port = stack.recursor.address.rpartition(":")
    resolver.nameservers, resolver.port = [host], int(port)
    taken: dict[str, list[float]] = {OURS: [], STRAIGHT: [], NOTHING: []}
    async with straight_line(client) as line:
        for index in range(COUNT + 1):
            for fqdn in (f"t{index}.{ZONE}", f"s{index}.{ZONE}"):
                await line.certify(ProvisionRequest.model_validate(request(fqdn)))
            taken[OURS].append(await _timed(_provision(client, f"t{index}.{ZONE}")))
            taken[STRAIGHT].append(await _timed(_straight(line, f"s{index}.{ZONE}")))
            taken[NOTHING].append(await _timed(_nothing(client, index)))
            for fqdn in (f"t{index}.{ZONE}", f"s{index}.{ZONE}"):
                await _check_answers(resolver, fqdn)
    # The first of each creates the zone, and warms every cache.
    return {what: seconds[1:] for what, seconds in taken.items()}


async def _timed(run: Awaitable[None]) -> float:
    began = time.perf_counter()
    await run
    return time.perf_counter() - began


async def _provision(client: Client, fqdn: str) -> None:
    result = await client.execute_workflow(
        PROVISION_SOVEREIGN,
        request(fqdn),
        id=sovereign_workflow_id(fqdn),
        task_queue=TASK_QUEUE,
        result_type=ProvisionResult,
    )
    created = [record for record in result.records if record.change == "created"]
    ready = [certificate.ready for certificate in result.certificates]
    if (result.phase, len(created), ready) != ("complete", PER_SOVEREIGN, [True]):
        raise CheckFailedError(f"{fqdn}: {result.model_dump_json()[:500]}")


async def _straight(line: StraightLine, fqdn: str) -> None:
    done = await line.provision(ProvisionRequest.model_validate(request(fqdn)))
    created = [record for record in done.records if record.change == "created"]
    if len(created) != PER_SOVEREIGN or not done.certificate_ready or done.converged != done.total:
        raise CheckFailedError(f"{fqdn}, without Temporal: {done}")


async def _nothing(client: Client, index: int) -> None:
    await client.execute_workflow(DoNothing.run, SHAPE, id=f"do-nothing/{index}", task_queue=do_nothing.TASK_QUEUE)


async def _check_answers(resolver: dns.asyncresolver.Resolver, fqdn: str) -> None:
    for name in names_of(fqdn):
        addresses = [record.to_text() for record in await resolver.resolve(name, "A")]
        if addresses != [ADDRESS]:
            raise CheckFailedError(f"{name} is answered {addresses}")


def _report(taken: dict[str, list[float]]) -> Report:
    median = {what: statistics.median(seconds) for what, seconds in taken.items()}
    ratio = median[OURS] / (median[NOTHING] + median[STRAIGHT])
    excess = median[OURS] - median[NOTHING] - median[STRAIGHT]
    return Report(
        number="B1",
        title="One Sovereign, end to end",
        about=(
            "A BYO Sovereign under one signed parent domain: 14 records, the proof of their answers up to the "
            "recursor (level `propagated`), and a certificate, asked for and issued before: both find it so, and "
            "neither waits for an issuer's pace. Against the same activities' functions called in one asyncio script, "
            "and against a workflow with as many activities in the same order, which do nothing, in a worker with the "
            "SDK's defaults. All three on uvloop, and with Python's garbage collection set as in the worker. In turns."
        ),
        tables=[
            Table(
                title=f"{COUNT} of each, in turns",
                columns=["what", "median ms", "fastest ms", "slowest ms"],
                rows=[
                    [what, *(f"{s * 1000:.0f}" for s in (median[what], min(seconds), max(seconds)))]
                    for what, seconds in taken.items()
                ],
            )
        ],
        goals=[
            Goal(
                text=f"≤ {MOST} × (the do-nothing workflow + the same calls)",
                figure=f"{ratio:.2f}",
                met=ratio <= MOST,
                reason=""
                if ratio <= MOST
                else f"{excess * 1000:.0f} ms are neither. Which part takes them, this run does not show. What "
                "a task queue of their own costs PowerDNS' steps is in docs/tuning.md.",
            )
        ],
        checked=[
            "every run's result is `complete`, tells of 14 rrsets created, and its certificate is ready",
            "the recursor answers each of the 14 names with exactly the address asked for",
        ],
        ratios={"one Sovereign / (do-nothing + the same calls)": ratio},
        samples={"one Sovereign": taken[OURS], STRAIGHT: taken[STRAIGHT], NOTHING: taken[NOTHING]},
    )

"""The trace of one provisioning: its workflow tasks, its steps, and each step's calls, by the run's own times.

The steps' times are those of the run's history. The calls' are taken on their way, by relays before each server.
"""

import argparse
import asyncio
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import generated_parts, powerdns_api, shown
from benchmarks.report import CheckFailedError, Report, Table
from benchmarks.sovereigns import request
from benchmarks.timed_relays import Call, DNSRelay, HTTPRelay
from benchmarks.trace_drawing import draw
from benchmarks.traced_run import KUBERNETES, TracedRun, total, traced
from devstack.ports import Ports, free_port
from devstack.programs import PROJECT
from devstack.stack import Stack
from devstack.worker_process import WorkerProcess
from sovereign_dns.contract import PROVISION_SOVEREIGN, TASK_QUEUE, sovereign_workflow_id

POOL = "omani.works"
SOVEREIGNS_BEFORE = 3
"""The trace is that of a worker that has done it before, into a zone that is there."""

ISSUE_SECONDS = 0.0
"""The simulated cert-manager issues at once. A real one takes a minute or two, and would leave no room for the rest."""

LEAST_COVERED = 0.95

PAGE = PROJECT / "docs" / "benchmarks" / "one-provisioning.md"
PICTURE = PAGE.with_suffix(".svg")


def add_arguments(_parser: argparse.ArgumentParser) -> None:
    """Nothing can be varied."""


def show(_options: argparse.Namespace) -> bool:
    """Traces one run, draws it, and prints it as tables, of which the page gets one. An unsound trace raises."""
    run = trace()
    report = _report(run)
    shares, _ = report.tables
    draw(run, PICTURE)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(generated_parts.filled(page, {"shares": shares}), encoding="utf-8")
    console = shown.console()
    console.print(*map(shown.as_rich, report.tables), sep="\n")
    console.print(f"Drawn: {PICTURE.relative_to(PROJECT)}, with its table in {PAGE.name}.")
    return True


def trace() -> TracedRun:
    """One run of all six steps, on a stack of its own."""
    with (
        tempfile.TemporaryDirectory() as state,
        Stack(Path(state), Ports.free(), worker=False, issue_seconds=ISSUE_SECONDS) as stack,
    ):
        run = asyncio.run(_traced(stack))
    if run.covered < LEAST_COVERED:
        raise CheckFailedError(f"the trace's spans cover only {run.covered:.0%} of the run's time")
    return run


async def _traced(stack: Stack) -> TracedRun:
    calls: list[Call] = []
    async with AsyncExitStack() as relays:
        worker = _worker(stack, await _settings_through_relays(stack, relays, calls))
        await asyncio.to_thread(worker.start)
        try:
            client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
            async with powerdns_api.async_client(stack.powerdns) as powerdns:
                (await powerdns.post("/zones", json=powerdns_api.signed_zone(POOL))).raise_for_status()
            for index in range(SOVEREIGNS_BEFORE):
                await _provision(client, stack, f"before{index}")
            calls.clear()
            await _provision(client, stack, "otech5")
            history = await client.get_workflow_handle(sovereign_workflow_id(f"otech5.{POOL}")).fetch_history()
        finally:
            await asyncio.to_thread(worker.stop)
    return traced(history.events, calls)


async def _settings_through_relays(stack: Stack, relays: AsyncExitStack, calls: list[Call]) -> dict[str, str]:
    async def http(server: str, url: str) -> str:
        return (await relays.enter_async_context(HTTPRelay(server, url, calls))).url

    async def dns(server: str, address: str) -> str:
        return (await relays.enter_async_context(DNSRelay(server, address, calls))).address

    kubeconfig = stack.state / "kubeconfig-through-relay"
    config = stack.kubernetes.kubeconfig.read_text(encoding="utf-8")
    kubeconfig.write_text(
        config.replace(stack.kubernetes.url, await http(KUBERNETES, stack.kubernetes.url)), encoding="utf-8"
    )
    return {
        "CATALYST_POWERDNS_API_URL": await http("PowerDNS", stack.powerdns.api_url),
        "POOL_DOMAIN_MANAGER_URL": await http("PDM", stack.pdm.url),
        "KUBECONFIG": str(kubeconfig),
        "CATALYST_DNS_AUTHORITATIVE": await dns("name server", stack.powerdns.dns_address),
        "CATALYST_DNS_PROPAGATION_RESOLVERS": await dns("resolver", stack.recursor.address),
    }


def _worker(stack: Stack, settings: dict[str, str]) -> WorkerProcess:
    return WorkerProcess(stack.environment() | settings, free_port(), stack.state / "logs" / "worker.log")


async def _provision(client: Client, stack: Stack, subdomain: str) -> None:
    """Reserved as catalyst-api does before, and provisioned with all six steps."""
    async with httpx.AsyncClient(timeout=30) as pdm:
        reservation = {"subdomain": subdomain, "createdBy": "catalyst-api"}
        reserved = await pdm.post(f"{stack.pdm.url}/api/v1/pool/{POOL}/reserve", json=reservation)
        reserved.raise_for_status()
    fqdn = f"{subdomain}.{POOL}"
    pool = reservation | {"domain": POOL, "reservationToken": reserved.json()["reservationToken"]}
    result: dict[str, Any] = await client.execute_workflow(
        PROVISION_SOVEREIGN, request(fqdn, pool=pool), id=sovereign_workflow_id(fqdn), task_queue=TASK_QUEUE
    )
    states = {step["step"]: step["state"] for step in result["steps"]}
    if result["phase"] != "complete" or set(states.values()) != {"done"} or len(states) != 6:
        raise CheckFailedError(f"{fqdn} is {result['phase']}, its steps {states}")


def _report(run: TracedRun) -> Report:
    columns = ["what", "from ms", "to ms", "ms", "of these in the queue"]
    rows = []
    for step in run.steps:
        rows.append(_row(step.what, step.scheduled, step.ended, run, _ms(step.started - step.scheduled)))
        for r in step.rounds:
            calls = f"{r.count} calls" if r.count > 1 else ""
            rows.append(_row(f"    {r.server}: {r.what}", r.began, r.ended, run, calls))
    return Report(
        number="trace",
        title="Where one provisioning's time goes",
        about="One Sovereign of a pool, all six steps, proved at public resolvers, by a worker that has done "
        f"{SOVEREIGNS_BEFORE} before. Steps' times are those of the run's history; calls were timed by relays before "
        "each server. cert-manager is simulated, and issues at once; the step looks again after a second or more.",
        tables=[
            Table("The run's time", ["what", "ms", "of it"], _shares(run)),
            Table("Its steps and their calls", columns, rows),
        ],
        goals=[],
        checked=[
            "the run is complete, each of its six steps done",
            f"tasks in their queue or under way cover {run.covered:.1%} of the run's time",
            "each call lies within exactly one step that can have made it",
        ],
    )


def _shares(run: TracedRun) -> list[list[str]]:
    """Up to the proof; what goes side by side counts for each."""
    steps = [step for step in run.steps if not step.what.startswith("certificate-")]
    certificate = [step for step in run.steps if step.what.startswith("certificate-")]
    kinds = {
        "until the records are proved": [(run.began, run.proved)],
        "a step of the records under way": [(step.started, step.ended) for step in steps],
        "… and a call of it": [(r.began, r.ended) for step in steps for r in step.rounds],
        "… in its queue": [(step.scheduled, step.started) for step in steps],
        "a workflow task, under way": [(task.started, task.ended) for task in run.workflow_tasks],
        "… in the queue": [(task.scheduled, task.started) for task in run.workflow_tasks],
        "a call to Kubernetes, beside them": [(r.began, r.ended) for step in certificate for r in step.rounds],
    }
    whole = run.proved - run.began
    seconds = {what: total(spans, run.proved) for what, spans in kinds.items()}
    return [[what, _ms(spent), f"{spent / whole:.0%}"] for what, spent in seconds.items()]


def _row(what: str, began: float, ended: float, run: TracedRun, queue: str) -> list[str]:
    return [what, _ms(began - run.began), _ms(ended - run.began), _ms(ended - began), queue]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f}"

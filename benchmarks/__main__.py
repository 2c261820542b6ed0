"""`make bench`: one Sovereign after the other, against the bare PATCH that its records need."""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.ports import Ports
from devstack.stack import Stack
from sovereign_dns.contract import PROVISION_SOVEREIGN, TASK_QUEUE, ProvisionResult, sovereign_workflow_id
from sovereign_dns.intent import CANONICAL_SUBDOMAINS

ZONE = "bench.works"
ADDRESS = "77.42.11.95"


async def _times(count: int, once: Callable[[int], Awaitable[None]]) -> list[float]:
    """Seconds of each of `count` runs, one after the other."""
    taken = []
    for index in range(count):
        started = time.perf_counter()
        await once(index)
        taken.append(time.perf_counter() - started)
    return taken


async def _measure(stack: Stack, key: str, count: int) -> dict[str, list[float]]:
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    zones = f"{stack.powerdns.api_url}/api/v1/servers/localhost/zones"

    async def provision(index: int, expected: str) -> None:
        fqdn = f"t{index}.{ZONE}"
        result = await client.execute_workflow(
            PROVISION_SOVEREIGN,
            {
                "deploymentId": "bench",
                "sovereignFQDN": fqdn,
                "loadBalancerIP": ADDRESS,
                "certificate": {"enabled": False},
            },
            id=sovereign_workflow_id(fqdn),
            task_queue=TASK_QUEUE,
            result_type=ProvisionResult,
        )
        if result.phase != "complete" or {record.change for record in result.records} != {expected}:
            raise SystemExit(f"the benchmark's own check failed: {result.model_dump_json()[:500]}")

    async with httpx.AsyncClient(headers={"X-API-Key": key}, timeout=30) as powerdns:

        async def bare_patch(index: int) -> None:
            names = [f"{label}.p{index}.{ZONE}." for label in CANONICAL_SUBDOMAINS] + [f"p{index}.{ZONE}."]
            records = [{"content": ADDRESS, "disabled": False}]
            rrsets = [
                {"name": name, "type": "A", "ttl": 60, "changetype": "REPLACE", "records": records} for name in names
            ]
            (await powerdns.patch(f"{zones}/{ZONE}.", json={"rrsets": rrsets})).raise_for_status()

        await provision(10_000, "created")  # creates the zone, and warms every cache
        return {
            "bare PATCH of 14 rrsets": await _times(count, bare_patch),
            "provision (records and proof)": await _times(count, lambda index: provision(index, "created")),
            "the same again (nothing to write)": await _times(count, lambda index: provision(index, "unchanged")),
        }


def _print(measured: dict[str, list[float]]) -> None:
    base = statistics.median(measured["bare PATCH of 14 rrsets"])
    table = Table(title="One after the other, on the embedded stack", title_justify="left")
    for column in ("what", "runs", "median ms", "slowest ms", "ratio to the bare PATCH"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, taken in measured.items():
        median = statistics.median(taken)
        table.add_row(what, str(len(taken)), f"{median * 1000:.1f}", f"{max(taken) * 1000:.1f}", f"{median / base:.1f}")
    Console(width=100).print(table)


def main() -> None:
    """Runs the measurements and prints their table."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--count", type=int, default=30, help="runs of each kind")
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory() as state, Stack(Path(state), Ports.free()) as stack:
        os.environ.update(stack.environment())
        key = Path(stack.environment()["CATALYST_POWERDNS_API_KEY_FILE"]).read_text(encoding="utf-8").strip()
        _print(asyncio.run(_measure(stack, key, count)))


if __name__ == "__main__":
    main()

"""`make bench`: one Sovereign against the bare PATCH that its records need.

`make bench ARGS=stampede`: many Sovereigns wait for a PowerDNS that is away, and it comes back.

`make bench ARGS=audit`: an audit of a zone with 50,000 rrsets and 40 findings among them.
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
from rich.console import Console
from rich.table import Table
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from benchmarks import audit, stampede
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


def _print(title: str, measured: dict[str, list[float]]) -> None:
    """The first of them is what the others are compared with."""
    base = statistics.median(next(iter(measured.values())))
    table = Table(title=title, title_justify="left")
    for column in ("what", "runs", "median ms", "slowest ms", "ratio to the first"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for what, taken in measured.items():
        median = statistics.median(taken)
        table.add_row(what, str(len(taken)), f"{median * 1000:.1f}", f"{max(taken) * 1000:.1f}", f"{median / base:.1f}")
    Console(width=100).print(table)


def main() -> int:
    """Runs the measurements and prints their tables."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--count", type=int, default=30, help="runs of each kind")
    measurements = parser.add_subparsers(dest="measurement")
    stampede.add_arguments(measurements.add_parser("stampede", help=stampede.__doc__))
    audit.add_arguments(measurements.add_parser("audit", help=audit.__doc__))
    arguments = parser.parse_args()
    if arguments.measurement == "stampede":
        return 0 if stampede.show(stampede.scenes(arguments)) else 1
    if arguments.measurement == "audit":
        return 0 if audit.show(arguments) else 1
    _latencies(arguments.count)
    return 0


def _latencies(count: int) -> None:
    with tempfile.TemporaryDirectory() as state, Stack(Path(state), Ports.free()) as stack:
        os.environ.update(stack.environment())
        key = Path(stack.environment()["CATALYST_POWERDNS_API_KEY_FILE"]).read_text(encoding="utf-8").strip()
        _print("One Sovereign after the other, on the embedded stack", asyncio.run(_measure(stack, key, count)))


if __name__ == "__main__":
    sys.exit(main())

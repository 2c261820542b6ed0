"""Records histories of real runs for the replay test: `python -m tests.histories.record NAME …`.

Record only what is new. An old history stays as it is: it stands for the runs that are under way when new
code arrives, and a change that can't replay it must be patched.
"""

import asyncio
import contextlib
import gzip
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import httpx
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.ports import Ports
from devstack.stack import Stack
from tests.world import STRANGER, World, rrset

FOLDER = Path(__file__).parent
PARENT = "omani.works"

Handle = WorkflowHandle[Any, Any]


def _request(fqdn: str, **fields: Any) -> dict[str, Any]:
    return {"deploymentId": "d1", "sovereignFQDN": fqdn, "loadBalancerIP": "77.42.11.95"} | fields


class Recorder:
    """Starts runs, and keeps how they went."""

    def __init__(self, client: Client, stack: Stack, wanted: Collection[str]) -> None:
        self._client = client
        self._stack = stack
        self._wanted = wanted

    async def start(
        self, request: dict[str, Any], *, under: str | None = None, kind: str = "ProvisionSovereign"
    ) -> Handle:
        return await self._client.start_workflow(
            kind, request, id=under or f"sovereign/{request['sovereignFQDN']}", task_queue="sovereign-dns"
        )

    async def keep(self, name: str, handle: Handle) -> None:
        """Waits for the end, whatever it is, and writes the history."""
        with contextlib.suppress(WorkflowFailureError):
            await handle.result()
        if name not in self._wanted:
            return
        history = await handle.fetch_history()
        (FOLDER / f"{name}.json.gz").write_bytes(gzip.compress(history.to_json().encode(), mtime=0))
        print(f"{name}: {len(history.events)} events")

    async def verify(self, fqdn: str, address: str) -> Handle:
        expected = {"sovereignFQDN": fqdn, "loadBalancerIP": address, "verification": {"deadlineSeconds": 3}}
        return await self.start(expected, under=f"verify/{fqdn}", kind="VerifySovereign")

    async def mislead_the_resolver(self, name: str) -> None:
        """Has it learn a stranger's address by a wildcard."""
        addresses = {"POWERDNS_DNS": self._stack.powerdns.dns_address, "KUBERNETES_URL": self._stack.kubernetes.url}
        description = self._stack.environment() | addresses
        async with World(description) as world:
            await world.write(PARENT, rrset(f"*.{PARENT}", "A", STRANGER, ttl=4))
            await world.answer(name, server=self._stack.recursor.address)

    async def fault(self, namespace: str, kind: str) -> None:
        async with httpx.AsyncClient() as client:
            body = {"namespace": namespace, "kind": kind}
            (await client.post(f"{self._stack.kubernetes.url}/simulator/faults", json=body)).raise_for_status()


async def _record(recorder: Recorder) -> None:
    two = {"parentDomains": [{"name": PARENT}, {"name": "omani.homes"}]}
    await recorder.keep("complete", await recorder.start(_request(f"t1.{PARENT}", **two)))
    await recorder.keep("unchanged", await recorder.start(_request(f"t1.{PARENT}", **two)))
    await recorder.keep("handed-over", await recorder.start(_request(f"t2.{PARENT}"), under="anything"))
    await recorder.keep("planned", await recorder.start(_request(f"t3.{PARENT}", dryRun=True), under="a-plan"))
    await recorder.keep("refused-input", await recorder.start(_request(f"t4.{PARENT}", loadBalancerIP="10.0.0.1")))
    foreign = _request(f"a.{PARENT}", parentDomains=[{"name": PARENT}, {"name": "omani.homes"}])
    await (await recorder.start(foreign)).result()
    twin = _request("a.omani.homes", parentDomains=[{"name": "omani.homes"}], certificate={"enabled": False})
    await recorder.keep("refused-ownership", await recorder.start(twin))
    pool = {"domain": PARENT, "subdomain": "otech5"}
    await recorder.keep("pool", await recorder.start(_request(f"otech5.{PARENT}", pool=pool)))
    await recorder.fault("stuck", "challenge-stuck")
    degraded = _request(f"t5.{PARENT}", certificate={"namespace": "stuck", "deadlineSeconds": 2})
    await recorder.keep("degraded", await recorder.start(degraded))
    skipped = await recorder.start(_request(f"t6.{PARENT}", certificate={"namespace": "stuck"}))
    await skipped.execute_update("await_step", {"step": "dns-verify"})
    await skipped.execute_update("skip_step", {"step": "certificate-ready", "reason": "recorded"})
    await recorder.keep("skipped", skipped)
    cancelled = await recorder.start(_request(f"t7.{PARENT}", certificate={"namespace": "stuck"}))
    await cancelled.execute_update("await_step", {"step": "dns-verify"})
    await cancelled.cancel()
    await recorder.keep("cancelled", cancelled)
    await recorder.mislead_the_resolver(f"console.t8.{PARENT}")
    await recorder.keep("stale-resolver", await recorder.start(_request(f"t8.{PARENT}")))
    await recorder.keep("verified", await recorder.verify(f"t1.{PARENT}", "77.42.11.95"))
    await recorder.keep("verified-otherwise", await recorder.verify(f"t1.{PARENT}", "77.42.11.99"))


async def _main(stack: Stack) -> None:
    client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
    await _record(Recorder(client, stack, sys.argv[1:]))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as state, Stack(Path(state), Ports.free(), issue_seconds=0.5) as embedded:
        asyncio.run(_main(embedded))

"""A step that doesn't succeed for two minutes is shown as stalled, everywhere, and goes back by itself."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio.api.enums.v1 import EventType
from temporalio.api.sdk.v1 import WorkflowMetadata
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from tests.eventually import eventually
from tests.runs import Handle, start, step, waiting_for
from tests.time_skipping import TimeSkippingServer, WorkerInSkippedTime, let_pass, register_keywords

PARENT = "omani.works"
FQDN = f"t110.{PARENT}"
RUNBOOK = "https://example.com/runbook.md"
REQUEST = {
    "deploymentId": "d1",
    "sovereignFQDN": FQDN,
    "loadBalancerIP": "77.42.11.95",
    "certificate": {"enabled": False},
}


async def current_details(handle: Handle) -> str:
    """What the Web UI shows on the tab User Metadata."""
    metadata: WorkflowMetadata = await handle.query("__temporal_workflow_metadata", result_type=WorkflowMetadata)
    return metadata.current_details


async def stalled_details(handle: Handle) -> str | None:
    details = await current_details(handle)
    return details if "stalled" in details else None


async def verify(client: Client) -> Handle:
    expected = {key: REQUEST[key] for key in ("sovereignFQDN", "loadBalancerIP")}
    return await client.start_workflow("VerifySovereign", expected, id="verify/1", task_queue="sovereign-dns")


async def published_phase(handle: Handle) -> Any:
    attributes = (await handle.describe()).search_attributes
    return attributes["SovereignPhase"]


async def published_phases(client: Client, handle: Handle) -> list[str]:
    """Every value that the search attribute ever had."""
    events = (await handle.fetch_history()).events
    upserts = [
        event.upsert_workflow_search_attributes_event_attributes.search_attributes.indexed_fields
        for event in events
        if event.event_type == EventType.EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES
    ]
    converter = client.data_converter.payload_converter
    return [converter.from_payload(fields["SovereignPhase"]) for fields in upserts if "SovereignPhase" in fields]


async def test_a_step_that_has_not_succeeded_for_two_minutes_is_stalled_until_it_does(tmp_path: Path) -> None:
    powerdns = PowerDNSServer(tmp_path, free_port(), free_port(), "the-key")
    settings = {
        "CATALYST_POWERDNS_API_URL": powerdns.api_url,
        "CATALYST_POWERDNS_API_KEY": "the-key",
        "CATALYST_DNS_AUTHORITATIVE": powerdns.dns_address,
        "CATALYST_DNS_PROPAGATION_RESOLVERS": "",
        "SOVEREIGN_DNS_RUNBOOK_URL": RUNBOOK,
    }
    server = TimeSkippingServer(tmp_path)
    with server, WorkerInSkippedTime(server, settings, tmp_path / "worker.log"):
        client = await Client.connect(server.address, data_converter=pydantic_data_converter)
        await register_keywords(client, "SovereignFQDN", "SovereignPhase", "SovereignDeployment")
        handle = await start(client, REQUEST, workflow_id=f"sovereign/{FQDN}")
        await waiting_for(handle, f"zone-create/{PARENT}")
        verification = await verify(client)
        await waiting_for(verification, f"records-compare/{PARENT}")

        await let_pass(client, timedelta(seconds=60))
        status = await handle.query("status")
        assert status["phase"] == "provisioning"
        assert not step(status, "zone-create")["stalled"]
        assert "stalled" not in await current_details(handle)
        assert await published_phase(handle) == ["provisioning"]

        await let_pass(client, timedelta(seconds=61))

        async def stalled() -> Any:
            status = await handle.query("status")
            return status["phase"] == "stalled" and status

        status = await eventually(stalled)
        assert [s["step"] for s in status["steps"] if s["stalled"]] == ["zone-create"]
        details = await current_details(handle)
        assert f"### {FQDN} is **stalled**: a step has not succeeded for two minutes" in details
        assert f"- ◔ `zone-create` {PARENT}: **stalled** since " in details
        assert f"- `zone-create` on {PARENT} since " in details
        assert f"of `zone-create/{PARENT}`" in details
        assert f"`sovereign-dns status {FQDN}`" in details
        assert f"[runbook: stalled]({RUNBOOK}#stalled)" in details
        assert await published_phase(handle) == ["stalled"]
        told = await eventually(lambda: stalled_details(verification))
        assert f"- `records-compare` on {PARENT} since " in told
        assert f"`temporal workflow describe --workflow-id {verification.id}`" in told
        assert f"({RUNBOOK}#stalled)" in told

        with powerdns:
            await let_pass(client, timedelta(seconds=60))
            result = await handle.result()

        assert result["phase"] == "complete"
        assert not any(s["stalled"] for s in result["steps"])
        assert "stalled" not in await current_details(handle)
        assert await published_phases(client, handle) == ["provisioning", "stalled", "provisioning", "complete"]

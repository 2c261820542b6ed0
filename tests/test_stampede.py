"""A backend that comes back after an outage isn't knocked over again, and one that hangs holds back nobody else."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import PendingActivityState, TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest, ResetActivityRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from benchmarks.counting_proxy import CountingProxy
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.clients.powerdns import READS_IN_FLIGHT, WRITES_AT_ONCE
from tests.conftest import StartWorker
from tests.eventually import eventually
from tests.lossy_api import LossyApi
from tests.mounted_backends import MountedBackends
from tests.runs import Handle, start, waiting_for
from tests.world import LOAD_BALANCER, World, names_of
from worker import POWERDNS_ACTIVITIES_AT_ONCE

WAITING = 30
KEY = "the-key"


@pytest.fixture
async def own_powerdns(tmp_path: Path) -> AsyncIterator[PowerDNSServer]:
    """A PowerDNS that the test may stop and start."""
    powerdns = PowerDNSServer(tmp_path, free_port(), free_port(), KEY)
    yield powerdns
    powerdns.stop()


async def rate_is(client: Client, wanted: float) -> None:
    """How many of PowerDNS' steps Temporal lets start in a second."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name="sovereign-dns-powerdns"),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        report_config=True,
    )

    async def told() -> bool:
        answer = await client.workflow_service.describe_task_queue(request)
        return answer.effective_rate_limit.requests_per_second == wanted

    await eventually(told)


def set_rate(world: World, client: Client, rate: str) -> None:
    """As the operator does who doesn't want to restart workers for it."""
    done = world.temporal_command(
        client.namespace, "task-queue", "config", "set", "--task-queue", "sovereign-dns-powerdns",
        "--task-queue-type", "activity", "--queue-rps-limit", rate,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


async def held(powerdns: PowerDNSServer, zone: str) -> set[tuple[str, str, tuple[str, ...]]]:
    async with httpx.AsyncClient(headers={"X-API-Key": KEY}, timeout=30) as client:
        response = await client.get(f"{powerdns.api_url}/api/v1/servers/localhost/zones/{zone}.")
    return {
        (rrset["name"], rrset["type"], tuple(record["content"] for record in rrset["records"]))
        for rrset in response.json()["rrsets"]
        if rrset["type"] not in {"SOA", "NS"}
    }


async def test_many_that_wait_for_powerdns_do_not_overwhelm_it_when_it_comes_back(
    special_temporal: Client, start_worker: StartWorker, own_powerdns: PowerDNSServer, world: World
) -> None:
    zones = [f"{name}.{world.parent}" for name in ("a", "b", "c")]
    fqdns = {f"t{number}.{zone}": zone for number, zone in zip(range(WAITING), zones * WAITING, strict=False)}
    async with CountingProxy(own_powerdns.api_url) as proxy:
        start_worker(
            CATALYST_POWERDNS_API_URL=proxy.url,
            CATALYST_POWERDNS_API_KEY=KEY,
            CATALYST_POWERDNS_API_KEY_FILE="",
            CATALYST_DNS_AUTHORITATIVE=own_powerdns.dns_address,
            CATALYST_DNS_PROPAGATION_RESOLVERS="",
            SOVEREIGN_DNS_POWERDNS_ACTIVITIES_PER_SECOND="25",
        )
        handles = [
            await start(
                special_temporal,
                world.request(fqdn, certificate={"enabled": False}, parentDomains=[{"name": zone}]),
                workflow_id=f"sovereign/{fqdn}",
            )
            for fqdn, zone in fqdns.items()
        ]
        for handle, zone in zip(handles, fqdns.values(), strict=True):
            await waiting_for(handle, f"zone-create/{zone}")
        await rate_is(special_temporal, 25)
        set_rate(world, special_temporal, "40")
        await rate_is(special_temporal, 40)
        set_rate(world, special_temporal, "default")
        await rate_is(special_temporal, 25)
        leave_on_the_queue_of_earlier_versions(world, special_temporal, handles[0], f"zone-create/{zones[0]}")

        own_powerdns.start()
        await proxy.open()
        await attempt_at_once(special_temporal, dict(zip(handles, fqdns.values(), strict=True)))
        results = await asyncio.gather(*(handle.result() for handle in handles))

        assert [result["phase"] for result in results] == ["complete"] * WAITING
        for zone in zones:
            names = [name for fqdn, of in fqdns.items() if of == zone for name in names_of(fqdn)]
            assert await held(own_powerdns, zone) == {(f"{name}.", "A", (LOAD_BALANCER,)) for name in names}
        assert proxy.calls.failed == 0
        assert proxy.calls.most_in_flight <= READS_IN_FLIGHT + WRITES_AT_ONCE


async def attempt_at_once(client: Client, zones: dict[Handle, str]) -> None:
    """The worst that may happen to a server that has just come back."""
    for handle, zone in zones.items():
        request = ResetActivityRequest(
            namespace=client.namespace,
            execution=WorkflowExecution(workflow_id=handle.id),
            id=f"zone-create/{zone}",
        )
        try:
            await client.workflow_service.reset_activity(request)
        except RPCError as error:  # it was just done
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise


def leave_on_the_queue_of_earlier_versions(world: World, client: Client, handle: Handle, activity_id: str) -> None:
    """As it was scheduled before PowerDNS' steps had a queue of their own."""
    moved = world.temporal_command(
        client.namespace, "activity", "update-options", "--workflow-id", handle.id, "--activity-id", activity_id,
        "--task-queue", "sovereign-dns",
    )  # fmt: skip
    assert moved.returncode == 0, moved.stderr


async def test_a_powerdns_that_hangs_holds_back_nobody_who_does_not_need_it(
    mounted_temporal: Client, mounted: MountedBackends, world: World
) -> None:
    namespace = f"ns-{world.unique}"
    await world.fault(world.kubernetes, namespace=namespace, kind="challenge-stuck")
    async with LossyApi(world.description["CATALYST_POWERDNS_API_URL"], "GET") as slow:
        mounted.lead_to_powerdns(slow.url)
        fqdn = f"t1.{world.parent}"
        issuing = await start(mounted_temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
        await waiting_for(issuing, f"certificate-ready/{world.parent}")
        await issuing.execute_update("await_step", {"step": "dns-verify"})

        slow.may_arrive.clear()
        hanging = [
            await start(
                mounted_temporal,
                world.request(f"h{n}.{world.parent}", certificate={"enabled": False}),
                workflow_id=f"sovereign/h{n}.{world.parent}",
            )
            for n in range(POWERDNS_ACTIVITIES_AT_ONCE + 4)
        ]

        async def every_slot_is_taken() -> bool:
            return await under_way(hanging) == POWERDNS_ACTIVITIES_AT_ONCE

        await eventually(every_slot_is_taken)
        await world.kubernetes.delete("/simulator/faults", params={"namespace": namespace})

        assert (await issuing.result())["phase"] == "complete"
        assert await under_way(hanging) <= POWERDNS_ACTIVITIES_AT_ONCE
        for handle in hanging:
            await handle.terminate()


async def under_way(handles: list[Handle]) -> int:
    """How many of these runs have a step that is being tried at this moment."""
    started = PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
    described = [await handle.describe() for handle in handles]
    return sum(pending.state == started for run in described for pending in run.raw_description.pending_activities)

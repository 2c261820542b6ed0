"""The level `delegated` in a run, on a private DNS of real servers: it waits, says for what, and goes on by itself."""

from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client

from tests.conftest import StartWorker
from tests.counting_resolver import CountingResolver
from tests.dns_bench import API_KEY, HOST_1, NAMESERVERS, PARENT_1, ROOT, Bench
from tests.runs import start, waiting_for
from tests.world import World


@pytest.fixture
async def resolver(bench: Bench) -> AsyncIterator[CountingResolver]:
    async with CountingResolver(f"{HOST_1}:{bench.port}") as counting:
        yield counting


async def test_a_run_waits_for_the_delegation_and_names_what_is_wrong(
    bench: Bench,
    zone: str,
    special_temporal: Client,
    start_worker: StartWorker,
    world: World,
    resolver: CountingResolver,
) -> None:
    server = bench.hosts[0]
    start_worker(
        CATALYST_POWERDNS_API_URL=server.api_url.replace("127.0.0.1", HOST_1),
        CATALYST_POWERDNS_API_KEY=API_KEY,
        CATALYST_POWERDNS_API_KEY_FILE="",
        CATALYST_DNS_AUTHORITATIVE=f"{HOST_1}:{bench.port}",
        CATALYST_DNS_ROOT_SERVERS=f"{ROOT}:{bench.port}",
        CATALYST_DNS_TRUST_ANCHORS=",".join(bench.trust_anchors),
        CATALYST_EXPECTED_NS=NAMESERVERS[0],
        CATALYST_DNS_PROPAGATION_RESOLVERS=resolver.address,
    )
    request = world.request(f"t1.{zone}", parentDomains=[{"name": zone}], certificate={"enabled": False})
    handle = await start(special_temporal, request, workflow_id=f"sovereign/t1.{zone}")

    told = await waiting_for(handle, f"dns-verify/{zone}")
    assert told.startswith("NotYetConverged: ")
    assert f"({PARENT_1}) is missing: " in told
    assert f"set the NS records of {zone}" in told
    status = await handle.query("status")
    assert status["verification"]["servers"][0]["kind"] == "parent"
    assert not resolver.asked, "no resolver is asked for what nothing leads to yet"

    bench.delegate(zone, NAMESERVERS[:1], ds=server.ds(zone))
    result = await handle.result()
    assert result["phase"] == "complete"
    assert (result["verification"]["level"], result["verification"]["notes"]) == ("propagated", [])
    assert {s["kind"] for s in result["verification"]["servers"]} == {"authoritative", "parent", "resolver"}
    assert resolver.asked[f"t1.{zone}", "A"] == 1

"""A Sovereign with thousands of rrsets, in a zone full of other people's: taken away in one run, and put back."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.intent import MOST_RRSETS
from tests.conftest import StartWorker
from tests.powerdns_bench import API_KEY, WholeZone, own_powerdns, whole, world_of
from tests.removals import deprovision, removal_of, removed, start_removal
from tests.runs import Result, step
from tests.world import LOAD_BALANCER, STRANGER, RRset, World, rrset

AUTHORITATIVE = {"level": "authoritative"}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[PowerDNSServer]:
    """Of the test's own: in a shared one, others' audits would read all of it."""
    with own_powerdns(tmp_path / "powerdns") as server:
        yield server


@pytest.fixture
async def own_world(server: PowerDNSServer, tmp_path: Path) -> AsyncIterator[World]:
    async with world_of(server, tmp_path) as world:
        yield world


def owned(name: str, owner: str) -> RRset:
    """As we write it."""
    entry = rrset(name, "A", LOAD_BALANCER)
    said = f"sovereign={owner} deployment=fe09897a1b6b3c1d written=0123456789abcdef"
    entry["comments"] = [{"content": said, "account": "sovereign-dns"}]
    return entry


async def test_all_that_one_request_may_have_written_goes_in_one_run_and_comes_back(
    special_temporal: Client, start_worker: StartWorker, server: PowerDNSServer, own_world: World
) -> None:
    zone, fqdn = own_world.parent, f"t1.{own_world.parent}"
    mine = [owned(f"h{number}.{fqdn}", fqdn) for number in range(MOST_RRSETS)]
    mine[7]["records"][0]["disabled"] = True
    neighbours = [owned(f"h{number}.t2.{zone}", f"t2.{zone}") for number in range(500)]
    await own_world.create_zone(zone, rrset(f"www.{zone}", "A", STRANGER), *neighbours, *mine)
    seeded = await whole(own_world, zone) or {}
    start_worker(
        CATALYST_POWERDNS_API_URL=server.api_url,
        CATALYST_POWERDNS_API_KEY=API_KEY,
        CATALYST_POWERDNS_API_KEY_FILE="",
        CATALYST_DNS_AUTHORITATIVE=server.dns_address,
        CATALYST_DNS_PROPAGATION_RESOLVERS="",
    )

    request = removal_of(own_world, fqdn, deleteCertificates=False, verification=AUTHORITATIVE)
    taken = await deprovision(special_temporal, request)

    assert taken["phase"] == "complete", taken["steps"]
    assert step(taken, "records-remove")["outcome"] == f"{MOST_RRSETS} removed"
    assert taken["verification"]["converged"] == taken["verification"]["total"] >= MOST_RRSETS
    assert await whole(own_world, zone) == {key: held for key, held in seeded.items() if f".{fqdn}." not in key[0]}

    back = await restored(special_temporal, taken)

    assert back["phase"] == "complete", back["steps"]
    assert back["verification"]["converged"] == back["verification"]["total"] >= MOST_RRSETS - 1
    assert without_times(await whole(own_world, zone)) == without_times(seeded)


async def restored(client: Client, result: Result, **fields: Any) -> Result:
    told = {key: result[key] for key in ("sovereignFQDN", "zones", "records", "certificates", "poolNames")}
    request = {"restores": "that-run", "verification": AUTHORITATIVE} | told | fields
    lock = f"sovereign/{result['sovereignFQDN']}"
    handle = await client.start_workflow("RestoreRecords", request, id=lock, task_queue="sovereign-dns")
    outcome: Result = await handle.result()
    return outcome


def without_times(zone: WholeZone | None) -> WholeZone:
    """A comment of ours that is written again has the time of that."""
    return {
        key: (ttl, records, [(account, said) for account, said, _ in comments])
        for key, (ttl, records, comments) in (zone or {}).items()
    }


async def test_what_no_result_could_tell_of_besides_is_left_to_the_next_run(temporal: Client, world: World) -> None:
    """Others' notes on a Sovereign's rrsets are put back too: with these, two runs are needed for a dozen rrsets."""
    zone, fqdn = world.parent, f"t1.{world.parent}"
    noted = [owned(f"h{number:02}.{fqdn}", fqdn) for number in range(12)]
    for entry in noted:
        entry["comments"] += [{"content": letter * 50_000, "account": "ada"} for letter in "ab"]
    await world.create_zone(zone, rrset(f"www.{zone}", "A", STRANGER))
    without_it = await whole(world, zone)
    await world.write(zone, *noted)
    with_it = await whole(world, zone)

    dry = await (
        await start_removal(temporal, removal_of(world, fqdn, dryRun=True), workflow_id=f"plan/{fqdn}/1")
    ).result()
    first = await deprovision(temporal, removal_of(world, fqdn))

    assert (dry["phase"], first["phase"]) == ("planned", "degraded")
    gone = removed(first)
    assert removed(dry) == gone
    assert 0 < len(gone) < 12
    for told in (step(first, "records-find")["outcome"], step(first, "dns-verify")["outcome"]):
        assert f"{12 - len(gone)} more" in told
    assert step(first, "certificate-delete", f"{fqdn}-wildcard-tls")["state"] == "skipped"

    second = await deprovision(temporal, removal_of(world, fqdn))

    assert second["phase"] == "complete", second["steps"]
    assert len(gone + removed(second)) == 12
    assert await whole(world, zone) == without_it
    for result in (second, first):
        assert (await restored(temporal, result))["phase"] == "complete"
    assert without_times(await whole(world, zone)) == without_times(with_it)

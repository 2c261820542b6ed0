"""The sequence, end to end, checked by asking DNS."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from temporalio.client import Client

from tests.eventually import eventually
from tests.lossy_api import LossyApi
from tests.mounted_backends import MountedBackends
from tests.runs import changes, provision, start, step
from tests.world import LABELS, LOAD_BALANCER, STRANGER, World, names_of, rrset

FEWEST_SAMPLES = 5
"""So many looks at a zone during a race are made on the slowest of machines."""


async def test_started_with_the_plain_temporal_command_under_any_id(
    temporal: Client, namespaces: list[str], world: World
) -> None:
    fqdn = f"t110.{world.parent}"
    await world.create_zone(world.parent, rrset(f"*.{world.parent}", "A", STRANGER))
    assert await world.answer(f"console.{fqdn}") == [STRANGER]

    started = world.temporal_command(
        namespaces[0], "workflow", "execute", "--type", "ProvisionSovereign", "--task-queue", "sovereign-dns",
        "--workflow-id", f"anything-{world.unique}", "--output", "json",
        "--input", json.dumps({"deploymentId": "d1", "sovereignFQDN": fqdn, "loadBalancerIP": LOAD_BALANCER}),
    )  # fmt: skip

    assert started.returncode == 0, started.stderr
    result = json.loads(started.stdout)["result"]
    assert result["phase"] == "complete"
    assert result["handedOverTo"] == f"sovereign/{fqdn}"
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}
    lock = await temporal.get_workflow_handle(f"sovereign/{fqdn}").describe()
    assert lock.status is not None
    assert lock.status.name == "COMPLETED"
    assert lock.parent_id == f"anything-{world.unique}"


async def test_the_result_tells_everything(temporal: Client, world: World) -> None:
    fqdn = f"t110.{world.parent}"
    await world.create_zone(world.parent, rrset(f"*.{world.parent}", "A", STRANGER))

    result = await provision(temporal, world.request(fqdn))

    assert [s["step"] for s in result["steps"]] == [
        "zone-create", "certificate-request", "pool-commit", "records-upsert", "dns-verify", "certificate-ready"
    ]  # fmt: skip
    assert {s["step"]: s["state"] for s in result["steps"]} == {
        "zone-create": "done",
        "certificate-request": "done",
        "pool-commit": "skipped",
        "records-upsert": "done",
        "dns-verify": "done",
        "certificate-ready": "done",
    }
    assert step(result, "records-upsert")["outcome"] == "14 created, 0 replaced, 0 unchanged"
    assert "BYO" in step(result, "pool-commit")["outcome"]
    assert {r["name"]: r["after"] for r in result["records"]} == {f"{n}.": [LOAD_BALANCER] for n in names_of(fqdn)}
    assert (result["verification"]["converged"], result["verification"]["total"]) == (28, 28)
    assert {s["kind"]: s["state"] for s in result["verification"]["servers"]} == {
        "authoritative": "converged",
        "resolver": "converged",
    }
    certificate = result["certificates"][0]
    assert certificate["ready"]
    assert certificate["dnsNames"] == [f"*.{fqdn}", fqdn]
    assert certificate["name"] == f"{fqdn}-wildcard-tls"
    assert certificate["notAfter"]
    assert (certificate["change"], certificate["before"]) == ("created", None)
    hazard = result["hazards"][0]
    assert (hazard["kind"], hazard["name"], hazard["content"]) == ("stale-wildcard", f"*.{world.parent}.", [STRANGER])
    assert await world.answer(f"foo.{world.parent}") == [STRANGER], "a hazard is reported, never removed"


async def test_a_second_run_writes_nothing(temporal: Client, world: World) -> None:
    request = world.request(f"t110.{world.parent}")
    await provision(temporal, request)
    serial = await world.serial(world.parent)
    certificate = await world.certificate(f"ns-{world.unique}", f"t110.{world.parent}-wildcard-tls")

    result = await provision(temporal, request)

    assert changes(result) == {"unchanged": 14}
    assert await world.serial(world.parent) == serial
    assert await world.certificate(f"ns-{world.unique}", f"t110.{world.parent}-wildcard-tls") == certificate


async def test_two_parent_domains_are_each_served_under_their_own_host(temporal: Client, world: World) -> None:
    other = f"h{world.unique}.homes"
    fqdn, twin = f"t111.{world.parent}", f"t111.{other}"
    await world.create_zone(world.parent)

    result = await provision(temporal, world.request(fqdn, parentDomains=[{"name": world.parent}, {"name": other}]))

    assert changes(result) == {"created": 28}
    assert result["verification"]["total"] == 56
    for host, zone in ((fqdn, world.parent), (twin, other)):
        assert await world.answers_other_than([LOAD_BALANCER], names_of(host)) == {}
        assert await world.values(zone, f"console.{host}", "A") == [LOAD_BALANCER]
        certificate = await world.certificate(f"ns-{world.unique}", f"{host}-wildcard-tls")
        assert certificate is not None
        assert certificate["spec"]["dnsNames"] == [f"*.{host}", host]
    assert step(result, "zone-create", other)["outcome"] == "created, signed"


async def test_a_parent_domain_nested_in_a_hosted_zone_is_delegated_and_served(temporal: Client, world: World) -> None:
    fqdn = f"t126.{world.parent}"
    await world.create_zone(world.parent)

    result = await provision(temporal, world.request(fqdn, parentDomains=[{"name": fqdn}]))

    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}
    assert await world.values(fqdn, f"console.{fqdn}", "A") == [LOAD_BALANCER]
    assert await world.values(world.parent, fqdn, "NS") == ["ns1.openova.io.", "ns2.openova.io.", "ns3.openova.io."]
    ds = await world.values(world.parent, fqdn, "DS")
    assert await world.answer(fqdn, "DS") == [content.lower() for content in ds]
    assert ds
    assert {(r["name"], r["type"]) for r in result["records"] if r["zone"] == f"{world.parent}."} == {
        (f"{fqdn}.", "NS"),
        (f"{fqdn}.", "DS"),
    }
    serials = await world.serial(world.parent), await world.serial(fqdn)
    again = await provision(temporal, world.request(fqdn, parentDomains=[{"name": fqdn}]))
    assert changes(again) == {"unchanged": 14}
    assert (await world.serial(world.parent), await world.serial(fqdn)) == serials


async def test_nested_parent_domains_in_one_request(temporal: Client, world: World) -> None:
    fqdn = f"a.t7.{world.parent}"
    parents = [{"name": f"t7.{world.parent}"}, {"name": world.parent}]

    result = await provision(temporal, world.request(fqdn, parentDomains=parents))

    assert result["phase"] == "complete"
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}
    assert await world.values(world.parent, f"console.{fqdn}", "A") == [], "hidden below the zone cut"


async def test_records_wait_for_a_requested_zone_below_the_host(
    mounted_temporal: Client, mounted: MountedBackends, world: World
) -> None:
    below = f"api.{world.parent}"
    await world.create_zone(world.parent)
    parents = [{"name": world.parent}, {"name": below}]
    async with LossyApi(world.description["CATALYST_POWERDNS_API_URL"], "POST") as slow:
        mounted.lead_to_powerdns(slow.url)
        slow.may_arrive.clear()
        handle = await start(mounted_temporal, world.request(world.parent, parentDomains=parents))
        await slow.sent.wait()
        lock = mounted_temporal.get_workflow_handle(f"sovereign/{world.parent}")

        async def the_first_domain_has_its_certificate() -> bool:
            status = await lock.query("status")
            return bool(status["steps"]) and step(status, "certificate-ready", world.parent)["state"] == "done"

        await eventually(the_first_domain_has_its_certificate)
        slow.may_arrive.set()
        result = await handle.result()

    assert {r["name"]: r["zone"] for r in result["records"] if r["type"] == "A"}[f"{below}."] == f"{below}."
    assert await world.answers_other_than([LOAD_BALANCER], names_of(world.parent)) == {}


async def test_records_go_to_an_existing_child_zone_below_the_parent_domain(temporal: Client, world: World) -> None:
    fqdn = f"t5.{world.parent}"
    await world.create_zone(world.parent)
    await world.create_zone(f"api.{fqdn}")

    result = await provision(temporal, world.request(fqdn))

    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}
    assert {r["name"]: r["zone"] for r in result["records"]}[f"api.{fqdn}."] == f"api.{fqdn}."


async def test_what_else_leads_to_a_stranger_goes_with_it_and_is_reported(temporal: Client, world: World) -> None:
    fqdn = f"t9.{world.parent}"
    await world.create_zone(
        world.parent,
        rrset(f"console.{fqdn}", "AAAA", "2a01:4f8::1"),
        rrset(f"auth.{fqdn}", "CNAME", "elsewhere.example.com."),
        rrset(f"api.{fqdn}", "A", STRANGER, ttl=300),
        rrset(f"api.{fqdn}", "TXT", '"kept"'),
    )

    result = await provision(temporal, world.request(fqdn))

    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}
    assert await world.answers_other_than([], names_of(fqdn), "AAAA") == {}
    assert await world.answer(f"api.{fqdn}", "TXT") == ['"kept"']
    told = {(r["name"], r["type"]): (r["before"], r["after"], r["change"]) for r in result["records"]}
    assert told[f"console.{fqdn}.", "AAAA"] == (["2a01:4f8::1"], [], "removed")
    assert told[f"auth.{fqdn}.", "CNAME"] == (["elsewhere.example.com."], [], "removed")
    assert told[f"api.{fqdn}.", "A"] == ([STRANGER], [LOAD_BALANCER], "replaced")


async def test_the_console_has_a_load_balancer_of_its_own_and_ipv6(temporal: Client, world: World) -> None:
    fqdn = f"t12.{world.parent}"

    await provision(
        temporal, world.request(fqdn, consoleLoadBalancerIP="77.42.11.96", loadBalancerIPv6="2a01:4f9:c010::1")
    )

    at_console = {"console", "api", "marketplace"}
    for label in LABELS:
        name = f"{label}.{fqdn}"
        assert await world.answer(name) == ["77.42.11.96" if label in at_console else LOAD_BALANCER]
        assert await world.answer(name, "AAAA") == ([] if label in at_console else ["2a01:4f9:c010::1"])


async def test_a_named_wildcard_is_removed_and_what_it_was_is_kept(temporal: Client, world: World) -> None:
    await world.create_zone(world.parent, rrset(f"*.{world.parent}", "A", STRANGER))

    result = await provision(temporal, world.request(f"t1.{world.parent}", removeWildcards=[f"*.{world.parent}"]))

    assert await world.answer(f"foo.{world.parent}") == []
    assert result["hazards"] == []
    removed = [r for r in result["records"] if r["change"] == "removed"]
    assert [(r["name"], r["before"]) for r in removed] == [(f"*.{world.parent}.", [STRANGER])]


async def test_a_dry_run_plans_everything_and_writes_nothing(temporal: Client, world: World) -> None:
    fqdn = f"t2.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER))
    serial = await world.serial(world.parent)
    other = f"h{world.unique}.homes"

    result = await provision(
        temporal, world.request(fqdn, dryRun=True, parentDomains=[{"name": world.parent}, {"name": other}])
    )

    assert result["phase"] == "planned"
    assert changes(result) == {"created": 27, "replaced": 1}
    assert {s["state"] for s in result["steps"]} == {"skipped"}
    assert await world.serial(world.parent) == serial
    assert await world.zone(other) is None
    assert await world.certificate(f"ns-{world.unique}", f"{fqdn}-wildcard-tls") is None


@asynccontextmanager
async def samples_of(world: World, zone: str) -> AsyncIterator[list[set[str]]]:
    """The addresses in the zone, looked at again and again beside what is done in the block, and once after it."""
    samples: list[set[str]] = []

    async def look() -> None:
        content = await world.zone(zone)
        assert content is not None
        samples.append({r["content"] for found in content["rrsets"] if found["type"] == "A" for r in found["records"]})

    async def look_for_ever() -> None:
        while True:
            await look()
            await asyncio.sleep(0.005)

    looking = asyncio.create_task(look_for_ever())
    try:
        yield samples
    finally:
        looking.cancel()
        await asyncio.wait({looking})
    if not looking.cancelled():
        looking.result()
    await look()


async def test_two_starts_at_once_with_two_addresses_never_mix(temporal: Client, world: World) -> None:
    fqdn = f"t3.{world.parent}"
    addresses = [LOAD_BALANCER, "77.42.11.99"]
    await world.create_zone(world.parent)

    async with samples_of(world, world.parent) as samples:
        await eventually(_filled(samples))
        handles = await asyncio.gather(
            *(start(temporal, world.request(fqdn, loadBalancerIP=address)) for address in addresses)
        )
        ends = await asyncio.gather(*(handle.result() for handle in handles), return_exceptions=True)

    failed = [index for index, end in enumerate(ends) if isinstance(end, BaseException)]
    assert len(failed) == 1, ends
    cause = getattr(ends[failed[0]], "cause", None)
    assert getattr(cause, "type", None) == "AlreadyInProgress"
    assert f"sovereign/{fqdn}" in str(cause)
    written = addresses[1 - failed[0]]
    assert await world.answers_other_than([written], names_of(fqdn)) == {}
    seen = [sorted(sample) for sample in samples]
    assert seen[0] == []
    assert seen[-1] == [written]
    assert [sample for sample in seen if sample not in ([], [written])] == []
    assert len(seen) >= FEWEST_SAMPLES


def _filled(samples: list[set[str]]) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return bool(samples)

    return look


@pytest.mark.parametrize("spelled", ["T4.{parent}.", "t4.{PARENT}"])
async def test_one_name_has_one_lock_however_it_is_spelled(temporal: Client, world: World, spelled: str) -> None:
    fqdn = spelled.format(parent=world.parent, PARENT=world.parent.upper())

    result = await provision(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")

    assert result["sovereignFQDN"] == f"t4.{world.parent}"
    assert result["handedOverTo"] == f"sovereign/t4.{world.parent}"

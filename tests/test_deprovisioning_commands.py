"""`deprovision` and `remove-domain`: what they show, what they ask, and their exit codes."""

import json

import pytest
from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError

from cli.losses import ended_run, losses_of
from tests.command_line import answered_at_a_terminal, run
from tests.eventually import eventually
from tests.removals import content_of, removal_of, removed, start_removal
from tests.runs import failure_of, provision, start, waiting_for
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset

PROVED = ("--level", "authoritative")


async def test_it_shows_what_would_go_and_asks_before_it_takes_it_away(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    """What it isn't told it knows from the recorded provisioning: the pool, the Certificates' namespace, an address."""
    fqdn = f"otech1.{world.parent}"
    await world.create_zone(world.parent)
    before = await content_of(world, world.parent)
    token = await world.reserve(world.parent, "otech1")
    request = world.request(fqdn, pool={"domain": world.parent, "subdomain": "otech1", "reservationToken": token})
    await provision(temporal, request | {"verification": {"level": "authoritative"}})
    there = await world.zone(fqdn)

    planned = run(environment, "deprovision", fqdn, "--dry-run")
    unasked = run(environment, "deprovision", fqdn)
    refused, shown, asked = await answered_at_a_terminal(environment, "n", "deprovision", fqdn)
    as_json = run(environment, "deprovision", fqdn, "--dry-run", "--json")

    assert (planned.returncode, unasked.returncode, refused) == (0, 2, 1), planned.stderr + unasked.stderr
    for told in (planned.stdout, unasked.stdout, shown):
        assert f"console.{fqdn}." in told
        assert f"- Certificate {fqdn}-wildcard-tls in ns-{world.unique}" in told
        assert f"- pool name {fqdn}" in told
    assert f"the removal of {fqdn} is planned" in planned.stdout
    assert token not in planned.stdout + planned.stderr + unasked.stderr + shown + asked
    assert "--yes" in unasked.stderr
    for once in (planned, unasked):
        assert "records-remove" in once.stdout
        assert "records-remove" not in once.stderr
    assert "1 Certificate, 1 pool name of" in asked
    assert "nothing was removed" in asked
    assert json.loads(as_json.stdout)["phase"] == "planned"
    assert await world.zone(fqdn) == there

    agreed, told, _ = await answered_at_a_terminal(environment, "y", "deprovision", fqdn, *PROVED)

    assert agreed == 0, told
    assert f"{fqdn} is deprovisioned" in told
    assert await world.zone(fqdn) is None
    assert await content_of(world, world.parent) == before
    listed = run(environment, "status", "--phase", "deprovisioned")
    assert f"{fqdn}" in listed.stdout
    whole = run(environment, "status", fqdn)
    assert (whole.returncode, "records-remove" in whole.stdout) == (0, True), whole.stderr
    watched = run(environment, "watch", fqdn)
    assert (watched.returncode, f"{fqdn} is deprovisioned" in watched.stdout) == (0, True), watched.stderr


def test_one_that_is_refused_for_good_is_not_to_be_started_again(environment: dict[str, str]) -> None:
    refused = run(environment, "deprovision", "console.openova.io", "--yes")
    assert (refused.returncode, "ProtectedName: " in refused.stderr) == (1, True), refused.stderr
    assert "to start it again" not in refused.stderr


async def test_one_that_is_degraded_exits_1_and_says_how_to_go_on(environment: dict[str, str], world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(
        world.parent, rrset(fqdn, "A", LOAD_BALANCER, owner=fqdn), rrset(f"*.{world.parent}", "A", STRANGER)
    )

    ended = run(environment, "deprovision", fqdn, "--yes", "--json", *PROVED)

    assert ended.returncode == 1
    result = json.loads(ended.stdout)
    assert (result["phase"], removed(result)) == ("degraded", [fqdn])
    assert f"sovereign-dns deprovision {fqdn}" in ended.stderr
    assert "provision --again" not in ended.stderr
    told = run(environment, "status", fqdn)
    assert (told.returncode, "wildcard-answers" in told.stdout, STRANGER in told.stdout) == (1, True, True)
    assert f"sovereign-dns deprovision {fqdn}" in told.stderr
    nothing_waits = run(environment, "retry", fqdn)
    assert (nothing_waits.returncode, f"sovereign-dns deprovision {fqdn}" in nothing_waits.stderr) == (1, True)


async def test_the_status_of_what_was_refused_names_it_and_its_own_command(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(fqdn, "A", LOAD_BALANCER, owner=fqdn))
    late = removal_of(world, fqdn, deploymentId="d9")
    refusals = {
        "DeprovisionSovereign": (late, f"sovereign/{fqdn}", f"removal of {fqdn}", f"deprovision {fqdn}"),
        "RemoveParentDomain": (
            late | {"name": world.parent},
            f"parent-domain/{world.parent}",
            f"removal of {fqdn} under {world.parent}",
            f"remove-domain {world.parent} --sovereign {fqdn}",
        ),
    }
    for kind, (request, workflow_id, headline, command) in refusals.items():
        await failure_of(await start_removal(temporal, request, workflow_id=workflow_id, kind=kind))

        told = run(environment, "status", workflow_id)

        assert (told.returncode, told.stdout.splitlines()[0]) == (1, f"{headline}  failed")
        assert f"ask again: sovereign-dns {command} --deployment-id d9" in told.stderr
        assert "provision --again" not in told.stderr


async def test_a_run_that_works_is_left_alone_unless_told_otherwise(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    before = await content_of(world, world.parent)
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    provisioning = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    await waiting_for(provisioning, f"certificate-ready/{world.parent}")

    refused = run(environment, "deprovision", fqdn, "--yes")
    assert refused.returncode == 1
    assert "AlreadyInProgress" in refused.stderr
    assert "--force" in refused.stderr

    forced = run(environment, "deprovision", fqdn, "--yes", "--force", *PROVED)

    assert forced.returncode == 0, forced.stdout + forced.stderr
    for shown in ("lock-await", "records-remove", "dns-verify", f"{fqdn} is deprovisioned"):
        assert shown in forced.stdout
    first = temporal.get_workflow_handle(provisioning.id, run_id=provisioning.first_execution_run_id)
    assert (await first.describe()).status is WorkflowExecutionStatus.CANCELED
    assert await content_of(world, world.parent) == before


async def test_a_cancelled_one_leaves_the_rest_to_the_same_command(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    await provision(temporal, world.request(fqdn, verification={"level": "authoritative"}))
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="status", status=503)
    begun = run(environment, "deprovision", fqdn, "--yes", "--no-wait", *PROVED)
    assert begun.returncode == 0, begun.stderr
    handle = temporal.get_workflow_handle(f"sovereign/{fqdn}")
    await waiting_for(handle, f"certificate-delete/{fqdn}-wildcard-tls")
    listed = run(environment, "status")
    assert any(fqdn in line and "certificate-delete/" in line for line in listed.stdout.splitlines()), listed.stdout

    cancelled = run(environment, "cancel", fqdn)
    assert cancelled.returncode == 0, cancelled.stderr
    assert f"sovereign-dns deprovision {fqdn}" in cancelled.stderr
    await world.mend(world.kubernetes, namespace=f"ns-{world.unique}")
    again = run(environment, "deprovision", fqdn, "--yes", *PROVED)

    assert again.returncode == 0, again.stderr
    assert await world.certificate(f"ns-{world.unique}", f"{fqdn}-wildcard-tls") is None
    assert await world.answers_other_than([], names_of(fqdn)) == {}


async def test_remove_domain(environment: dict[str, str], temporal: Client, world: World) -> None:
    fqdn, other = f"t1.{world.parent}", f"h{world.unique}.homes"
    await world.create_zone(world.parent)
    parents = [{"name": world.parent}, {"name": other}]
    await provision(temporal, world.request(fqdn, parentDomains=parents, verification={"level": "authoritative"}))

    ended = run(environment, "remove-domain", other, "--sovereign", fqdn, "--yes", *PROVED)

    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert f"{fqdn} under {other} is removed" in ended.stdout
    assert f"- zone {other}." in ended.stdout
    assert await world.zone(other) is None
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}


def test_wrong_usage_exits_2(environment: dict[str, str]) -> None:
    ended = run(environment, "deprovision", "t1.omani.works", "--ip", "nonsense", "--dry-run")

    assert ended.returncode == 2
    assert "loadBalancerIP" in ended.stderr


async def test_what_a_cancelled_run_by_force_removed_is_known_by_its_own_id(temporal: Client, world: World) -> None:
    """It knows itself only how it came to the lock; what was removed knows the run that held it."""
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, *(rrset(name, "A", LOAD_BALANCER, owner=fqdn) for name in names_of(fqdn)))
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="status", status=503)
    forced = await start_removal(temporal, removal_of(world, fqdn, force=True), workflow_id=f"forced-{fqdn}")

    async def removed_its_records() -> bool:
        status = await forced.query("status")
        if status["handedOverTo"] is None:
            return False
        return bool(removed(await temporal.get_workflow_handle(status["handedOverTo"]).query("status")))

    await eventually(removed_its_records)
    await forced.cancel()
    with pytest.raises(WorkflowFailureError):
        await forced.result()

    lost = await losses_of(temporal, await ended_run(temporal, forced.id, None))

    assert {record.name.rstrip(".") for record in lost.records} == set(names_of(fqdn))

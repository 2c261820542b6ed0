"""`sovereign-dns provision --again`: a run that has ended, started again from its own recorded input."""

import json
from typing import Any

from temporalio.client import Client

from tests.command_line import run
from tests.runs import failure_of, raw, start
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset


async def test_a_run_that_failed_for_good_is_started_again_with_an_option_over_its_input(
    environment: dict[str, str], world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"api.{fqdn}", "A", STRANGER, owner="another.example.com"))
    request = world.request(fqdn, ttl=30, deploymentId="d7", certificate={"enabled": False})
    failed = run(environment, "provision", "--request", "-", given=json.dumps(request))
    assert failed.returncode == 1
    for led_there in (failed, run(environment, "status", fqdn)):
        assert f"sovereign-dns provision --again {fqdn}" in led_there.stderr

    again = run(environment, "provision", "--again", fqdn, "--takeover", "--json")

    assert again.returncode == 0, again.stderr
    result = json.loads(again.stdout)
    assert (result["phase"], result["deploymentId"]) == ("complete", "d7")
    assert {record["ttl"] for record in result["records"]} == {30}
    assert "changed against the recorded run: takeover false -> true" in again.stderr
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}


async def test_a_run_is_not_started_beside_another_and_a_later_one_of_another_type_is_passed_over(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    refused = await start(temporal, world.request(fqdn, loadBalancerIP="10.0.0.1"), workflow_id=f"sovereign/{fqdn}")
    await failure_of(refused)
    other = await temporal.start_workflow(
        "DeprovisionSovereign", {"sovereignFQDN": fqdn}, id=f"sovereign/{fqdn}", task_queue="nobody-serves-it"
    )
    again = ["provision", "--again", fqdn, "--ip", LOAD_BALANCER, "--no-certificate"]

    busy = run(environment, *again)
    await other.terminate()
    started = run(environment, *again, "--no-wait")

    assert busy.returncode == 1
    assert "AlreadyInProgress" in busy.stderr
    assert started.returncode == 0, started.stderr
    assert refused.first_execution_run_id is not None
    assert refused.first_execution_run_id in started.stderr
    assert (await temporal.get_workflow_handle(f"sovereign/{fqdn}").result())["phase"] == "complete"


async def test_a_dry_run_is_no_run_to_start_again(environment: dict[str, str], temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    dry = world.request(fqdn, dryRun=True)
    await (await start(temporal, dry, workflow_id=f"sovereign/{fqdn}")).result()
    alone = run(environment, "provision", "--again", fqdn)
    assert (alone.returncode, "no ProvisionSovereign but dry runs is known" in alone.stderr) == (1, True), alone.stderr

    real = await start(
        temporal, world.request(fqdn, certificate={"enabled": False}, ttl=30), workflow_id=f"sovereign/{fqdn}"
    )
    await real.result()
    await (await start(temporal, dry, workflow_id=f"sovereign/{fqdn}")).result()
    again = run(environment, "provision", "--again", fqdn, "--json")

    assert json.loads(again.stdout)["phase"] == "complete", again.stderr
    assert real.first_execution_run_id is not None
    assert real.first_execution_run_id in again.stderr


async def test_a_sovereign_is_verified_by_its_recorded_request(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    request = world.request(fqdn, certificate={"enabled": False}, consoleLoadBalancerIP="77.42.11.96")
    await (await start(temporal, request, workflow_id=f"sovereign/{fqdn}")).result()

    verified = run(environment, "verify", "--again", fqdn)
    with_another_address = run(environment, "verify", fqdn, "--ip", LOAD_BALANCER, "--within", "1")

    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert with_another_address.returncode == 1, "the console has an address of its own"


async def test_what_was_recorded_and_is_no_request_says_so(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    unreadable: dict[str, Any] = {
        f"t1.{world.parent}": world.request(f"t1.{world.parent}", formerField=1),
        f"t2.{world.parent}": raw(b"{"),
    }
    for fqdn, request in unreadable.items():
        await failure_of(await start(temporal, request, workflow_id=f"sovereign/{fqdn}"))
    told = [run(environment, "provision", "--again", fqdn) for fqdn in unreadable]

    assert [ended.returncode for ended in told] == [1, 1]
    assert "refused by the contract of today: formerField: is not a field of this request" in told[0].stderr
    assert "is not one JSON object" in told[1].stderr
    status = run(environment, "status", f"t1.{world.parent}")
    assert (status.returncode, "InvalidInput: formerField" in status.stderr) == (1, True), status.stderr


async def test_where_no_run_is_known_it_says_what_to_do(environment: dict[str, str], world: World) -> None:
    ended = run(environment, "provision", "--again", f"nobody.{world.parent}")

    assert ended.returncode == 1
    assert f"sovereign-dns provision nobody.{world.parent} --ip ADDRESS" in ended.stderr

"""The command line, as a process: what it prints and its exit code."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from typer.testing import CliRunner

from cli.main import app
from devstack.ports import free_port
from tests.command_line import interrupted, read_until, run, running
from tests.conftest import StartWorker
from tests.eventually import eventually
from tests.mounted_backends import MountedBackends
from tests.runs import Handle, provision, start, waiting_for
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset

SCHEMAS = Path(__file__).parent.parent / "schemas"


async def run_of_plan(client: Client, fqdn: str) -> Handle:
    async def found() -> Handle | None:
        async for execution in client.list_workflows(f'WorkflowId STARTS_WITH "plan/{fqdn}/"'):
            return client.get_workflow_handle(execution.id)
        return None

    return await eventually(found)


async def test_provision_shows_the_steps_and_exits_0(environment: dict[str, str], world: World) -> None:
    fqdn = f"t1.{world.parent}"

    ended = run(environment, "provision", fqdn, "--ip", LOAD_BALANCER, "--no-certificate")

    assert ended.returncode == 0, ended.stderr
    assert "14 created, 0 replaced, 0 unchanged" in ended.stdout
    assert f"{fqdn} is complete" in ended.stdout
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}


async def test_provision_takes_a_request_from_standard_input_and_prints_the_json(
    environment: dict[str, str], world: World
) -> None:
    request = json.dumps(world.request(f"t1.{world.parent}"))

    ended = run(environment, "provision", "--request", "-", "--json", given=request)

    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["phase"] == "complete"


async def test_a_refused_request_exits_1_with_the_reason(environment: dict[str, str], world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    await world.write(world.parent, rrset(f"api.{fqdn}", "A", STRANGER, owner="another.example.com"))

    ended = run(environment, "provision", fqdn, "--ip", LOAD_BALANCER)

    assert ended.returncode == 1
    assert "OwnershipConflict" in ended.stderr
    assert "another.example.com" in ended.stderr


async def test_a_degraded_result_exits_1(environment: dict[str, str], world: World) -> None:
    namespace = f"ns-{world.unique}"
    await world.fault(world.kubernetes, namespace=namespace, kind="challenge-stuck")
    request = world.request(f"t1.{world.parent}", certificate={"namespace": namespace, "deadlineSeconds": 1})

    ended = run(environment, "provision", "--request", "-", given=json.dumps(request))

    assert ended.returncode == 1
    assert "is degraded" in ended.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["provision", "t1.omani.works"], "loadBalancerIP (--ip): is required"),
        (["provision", "t1.omani.works", "--ip", "nonsense"], "loadBalancerIP"),
        (["provision", "--request", "no-such-file"], "no-such-file"),
        (["add-domain", "omani.homes", "--ip", LOAD_BALANCER], "sovereignFQDN (--sovereign): is required"),
        (["add-domain", "--registrar", "ovh"], "registrar.credentialsRef (--credentials): is required"),
        (["add-domain", "--nameserver", "x_y"], "nameservers.0 (--nameserver): "),
        (
            ["deprovision", "otech5.omani.works", "--pool", "omani.work"],
            "otech5.omani.works doesn't lie below omani.work",
        ),
        (["deprovision", "omani.works", "--pool", "omani.works"], "omani.works doesn't lie below omani.works"),
        (["audit", "show", "--json", "--markdown"], "give one of them"),
        (["audit", "run", "--json", "--markdown"], "give one of them"),
        (["schema", "Nonsense"], "Nonsense"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], words: str) -> None:
    ended = CliRunner().invoke(app, arguments, env={"COLUMNS": "500"})

    assert ended.exit_code == 2
    assert words in ended.stderr.replace("\n", " ")


def test_as_a_process_it_exits_2_after_wrong_usage_too() -> None:
    ended = run({"PATH": os.environ["PATH"]}, "provision", "*.omani.works", "--ip", LOAD_BALANCER)

    assert ended.returncode == 2
    assert "sovereignFQDN" in ended.stderr
    assert "Traceback" not in ended.stderr


async def test_plan_prints_a_diff_and_writes_nothing(environment: dict[str, str], world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER, ttl=300))
    serial = await world.serial(world.parent)

    ended = run(environment, "plan", fqdn, "--ip", LOAD_BALANCER)

    assert ended.returncode == 0, ended.stderr
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert f"~ console.{fqdn}. 60 A {STRANGER} (TTL 300, of nobody) -> {LOAD_BALANCER}" in lines
    assert f"+ auth.{fqdn}. 60 A {LOAD_BALANCER}" in lines
    assert await world.serial(world.parent) == serial


async def test_plan_json_tells_once_what_it_waits_for_and_never_on_stdout(
    environment: dict[str, str], mounted_temporal: Client, mounted: MountedBackends, world: World
) -> None:
    mounted.lead_to_powerdns(f"http://127.0.0.1:{free_port()}")
    fqdn = f"t1.{world.parent}"
    of_mounted = environment | {"TEMPORAL_NAMESPACE": mounted_temporal.namespace}
    async with running(of_mounted, "plan", fqdn, "--ip", LOAD_BALANCER, "--json") as process:
        told = await read_until("PowerDNSUnavailable", process.stderr)
        handle = await run_of_plan(mounted_temporal, fqdn)

        async def attempted_thrice() -> bool:
            pending = (await handle.describe()).raw_description.pending_activities
            return any(activity.attempt > 3 for activity in pending)

        await eventually(attempted_thrice)
        stdout, stderr = await interrupted(process)

    assert (process.returncode, stdout) == (130, "")
    assert (told + stderr).count("PowerDNSUnavailable") == 1, told + stderr
    assert f"zone-create/{world.parent} waits: " in told


async def test_a_plan_that_waited_prints_its_json_alone(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    await world.create_secondary_zone(world.parent)
    fqdn = f"t1.{world.parent}"
    async with running(environment, "plan", fqdn, "--ip", LOAD_BALANCER, "--json") as process:
        await read_until("ZoneWrongKind", process.stderr)
        await world.delete_zone(world.parent)
        handle = await run_of_plan(temporal, fqdn)
        activity = ["--workflow-id", handle.id, "--activity-id", f"zone-create/{world.parent}"]
        assert world.temporal_command(temporal.namespace, "activity", "reset", *activity).returncode == 0
        stdout, _ = await process.communicate()

    assert process.returncode == 0
    assert json.loads(stdout)["phase"] == "planned"


async def test_ctrl_c_cancels_the_run_of_a_plan(environment: dict[str, str], temporal: Client, world: World) -> None:
    await world.create_secondary_zone(world.parent)
    fqdn = f"t1.{world.parent}"
    async with running(environment, "plan", fqdn, "--ip", LOAD_BALANCER) as process:
        await read_until("ZoneWrongKind", process.stderr)
        stdout, stderr = await interrupted(process)

    assert (process.returncode, stdout) == (130, "")
    assert "its run is cancelled" in stderr
    description = await (await run_of_plan(temporal, fqdn)).describe()
    assert description.status == WorkflowExecutionStatus.CANCELED


async def test_without_a_worker_a_plan_says_so_and_ctrl_c_still_ends_it(
    environment: dict[str, str], special_temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    special = environment | {"TEMPORAL_NAMESPACE": special_temporal.namespace}
    async with running(special, "plan", fqdn, "--ip", LOAD_BALANCER, "--json") as process:
        await read_until("no worker answers", process.stderr)
        handle = await run_of_plan(special_temporal, fqdn)
        stdout, stderr = await interrupted(process, within_seconds=15)

    assert (process.returncode, stdout) == (130, "")
    assert f"temporal workflow cancel --workflow-id {handle.id}" in stderr
    await handle.terminate()


async def test_plan_is_followed_live_on_a_terminal_beside_its_diff(environment: dict[str, str], world: World) -> None:
    await world.create_secondary_zone(world.parent)
    terminal, its_end = os.openpty()
    environment = environment | {"TERM": "xterm", "COLUMNS": "200"}
    fqdn = f"t1.{world.parent}"
    shown = b""
    try:
        async with running(environment, "plan", fqdn, "--ip", LOAD_BALANCER, stderr=its_end) as process:
            os.close(its_end)
            while b"ZoneWrongKind" not in shown:
                shown += await asyncio.to_thread(os.read, terminal, 65536)
            stdout, _ = await interrupted(process)
        while b"its run is cancelled" not in shown:
            shown += os.read(terminal, 65536)
    finally:
        os.close(terminal)

    assert (process.returncode, stdout) == (130, "")
    assert b"zone-create" in shown


async def test_ctrl_c_leaves_the_run_of_a_provisioning_alone(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    await world.create_secondary_zone(world.parent)
    fqdn = f"t1.{world.parent}"
    async with running(environment, "provision", fqdn, "--ip", LOAD_BALANCER) as process:
        await read_until("ZoneWrongKind", process.stdout)
        _, stderr = await interrupted(process)

    assert process.returncode == 130
    assert "the run itself goes on" in stderr
    handle = temporal.get_workflow_handle(f"sovereign/{fqdn}")
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    await handle.terminate()


async def test_provision_json_says_on_stderr_what_it_waits_for(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    await world.create_secondary_zone(world.parent)
    fqdn = f"t1.{world.parent}"
    async with running(environment, "provision", fqdn, "--ip", LOAD_BALANCER, "--json") as process:
        await read_until(f"zone-create/{world.parent} waits: ZoneWrongKind", process.stderr)
        stdout, _ = await interrupted(process)

    assert stdout == ""
    await temporal.get_workflow_handle(f"sovereign/{fqdn}").terminate()


async def test_with_json_but_without_waiting_stdout_stays_empty(environment: dict[str, str], world: World) -> None:
    fqdn = f"t1.{world.parent}"

    ended = run(environment, "provision", fqdn, "--ip", LOAD_BALANCER, "--no-certificate", "--no-wait", "--json")

    assert (ended.returncode, ended.stdout) == (0, "")
    assert f"started sovereign/{fqdn}" in ended.stderr


async def test_status_shows_what_a_run_waits_for(environment: dict[str, str], temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="forbidden")
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    await waiting_for(handle, f"certificate-request/{world.parent}")

    ended = run(environment, "status", fqdn)

    assert ended.returncode == 0, ended.stderr
    assert "KubernetesForbidden" in ended.stdout
    assert "attempt 2, next at " in ended.stdout
    assert f"Attempt at once what waits: sovereign-dns retry {fqdn}" in ended.stdout
    as_json: dict[str, Any] = json.loads(run(environment, "status", fqdn, "--json").stdout)
    assert as_json["sovereignFQDN"] == fqdn
    busy = run(environment, "provision", fqdn, "--ip", LOAD_BALANCER)
    assert busy.returncode == 1
    assert "AlreadyInProgress" in busy.stderr
    await handle.terminate()


async def test_status_of_a_terminated_run_says_that_nobody_works_on_it(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="forbidden")
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    await waiting_for(handle, f"certificate-request/{world.parent}")
    await handle.terminate()

    ended = run(environment, "status", fqdn)

    assert ended.returncode == 1
    assert "the run was terminated when it was provisioning: nothing works on" in ended.stdout
    assert "KubernetesForbidden" not in ended.stdout, "nothing waits any more"
    assert json.loads(run(environment, "status", fqdn, "--json").stdout)["phase"] == "failed"


async def test_status_of_a_completed_run_needs_no_worker(
    environment: dict[str, str], special_temporal: Client, start_worker: StartWorker, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    worker = start_worker()
    request = world.request(fqdn, certificate={"enabled": False})
    await provision(special_temporal, request, workflow_id=f"sovereign/{fqdn}")
    worker.stop()

    ended = run(environment | {"TEMPORAL_NAMESPACE": special_temporal.namespace}, "status", fqdn)

    assert ended.returncode == 0
    assert "14 created" in ended.stdout


async def test_on_a_pipe_a_hazard_is_told_in_full(environment: dict[str, str], world: World) -> None:
    await world.create_zone(world.parent, rrset(f"*.{world.parent}", "A", STRANGER))

    ended = run(environment, "plan", f"t1.{world.parent}", "--ip", LOAD_BALANCER, "--no-certificate")

    assert f'"removeWildcards": ["*.{world.parent}"]' in ended.stdout


async def test_a_plan_that_could_not_look_at_everything_exits_1(environment: dict[str, str], world: World) -> None:
    namespace = f"ns-{world.unique}"
    await world.fault(world.kubernetes, namespace=namespace, kind="status", status=503)
    request = world.request(f"t1.{world.parent}", certificate={"namespace": namespace, "deadlineSeconds": 2})

    ended = run(environment, "plan", "--request", "-", given=json.dumps(request))

    assert ended.returncode == 1
    assert f"t1.{world.parent} is degraded" in ended.stdout


async def test_status_of_a_refused_run_says_why(environment: dict[str, str], temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER, owner="other.example"))
    assert run(environment, "provision", fqdn, "--ip", LOAD_BALANCER).returncode == 1

    ended = run(environment, "status", fqdn)

    assert ended.returncode == 1
    assert "OwnershipConflict: console." in ended.stdout
    as_json: dict[str, Any] = json.loads(run(environment, "status", fqdn, "--json").stdout)
    assert as_json["failure"].startswith("OwnershipConflict: ")


async def test_verify_shows_every_server_and_exits_1_on_anything_that_is_wrong(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    await provision(temporal, world.request(fqdn, certificate={"enabled": False}))

    right = run(environment, "verify", fqdn, "--ip", LOAD_BALANCER)
    wrong = run(environment, "verify", fqdn, "--ip", "77.42.11.99", "--within", "2")
    as_json = run(environment, "verify", fqdn, "--ip", LOAD_BALANCER, "--level", "authoritative", "--json")

    assert right.returncode == 0, right.stderr
    places = {"authoritative": "POWERDNS_DNS", "resolver": "RECURSOR"}
    for kind, server in ((kind, world.description[place]) for kind, place in places.items()):
        assert f"{server} {kind} converged" in " ".join(right.stdout.split())
    assert f"{fqdn} is complete" in right.stdout
    assert wrong.returncode == 1
    assert "misdirected" in wrong.stdout
    assert f"answers {LOAD_BALANCER}, where 77.42.11.99 was written" in " ".join(wrong.stdout.split())
    assert json.loads(as_json.stdout)["verification"]["level"] == "authoritative"


async def test_verify_takes_the_request_by_which_it_was_provisioned(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    request = world.request(f"t1.{world.parent}", certificate={"enabled": False}, ttl=30)
    await provision(temporal, request)

    ended = run(environment, "verify", "--request", "-", given=json.dumps(request))

    assert ended.returncode == 0, ended.stderr


async def test_watch_follows_a_run_to_its_end(environment: dict[str, str], temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")

    ended = run(environment, "watch", fqdn)

    assert ended.returncode == 0, ended.stderr
    assert "✔ certificate-ready" in ended.stdout
    assert f"{fqdn} is complete" in ended.stdout


async def test_ctrl_c_cancels_the_run_of_a_verification(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent)
    async with running(environment, "verify", fqdn, "--ip", LOAD_BALANCER, "--within", "600") as process:
        await read_until("NotYetConverged", process.stdout)
        _, stderr = await interrupted(process)

    assert process.returncode == 130
    assert "its run is cancelled" in stderr


async def test_ctrl_c_leaves_a_run_that_is_only_watched(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    await world.create_secondary_zone(world.parent)
    fqdn = f"t1.{world.parent}"
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    async with running(environment, "watch", fqdn) as process:
        await read_until("ZoneWrongKind", process.stdout)
        await interrupted(process)

    assert process.returncode == 130
    assert (await handle.describe()).status == WorkflowExecutionStatus.RUNNING
    await handle.terminate()


async def test_status_of_an_unknown_sovereign_exits_1(environment: dict[str, str], world: World) -> None:
    ended = run(environment, "status", f"nobody.{world.parent}")

    assert ended.returncode == 1
    assert f"no run sovereign/nobody.{world.parent} is known" in ended.stderr


def test_without_temporal_it_says_where_it_looked(tmp_path: Path) -> None:
    nowhere = {"PATH": os.environ["PATH"], "TEMPORAL_ADDRESS": "127.0.0.1:1"}

    ended = run(nowhere, "status", "t1.omani.works")

    assert ended.returncode == 1
    assert "127.0.0.1:1" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_checked_in_schemas_are_current(environment: dict[str, str], tmp_path: Path) -> None:
    assert run(environment, "schema", "--check", str(SCHEMAS)).returncode == 0
    stale = run(environment, "schema", "--check", str(tmp_path))
    assert stale.returncode == 1
    assert "ProvisionSovereign.input" in stale.stdout


async def test_results_are_what_the_schema_promises(environment: dict[str, str], world: World) -> None:
    request = json.dumps(world.request(f"t1.{world.parent}"))
    result = run(environment, "provision", "--request", "-", "--json", given=request).stdout
    promised = set(json.loads(run(environment, "schema", "ProvisionSovereign.output").stdout)["properties"])

    assert set(json.loads(result)) == promised

"""The command line, as a process: what it prints and its exit code."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from tests.runs import start, waiting_for
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset

PROGRAM = str(Path(sys.executable).parent / "sovereign-dns")
SCHEMAS = Path(__file__).parent.parent / "schemas"


@pytest.fixture
def environment(temporal: Client, stack_description: dict[str, str]) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "TEMPORAL_ADDRESS": stack_description["TEMPORAL_ADDRESS"],
        "TEMPORAL_NAMESPACE": temporal.namespace,
    }


def run(environment: dict[str, str], *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAM, *arguments], env=environment, input=given, capture_output=True, text=True, timeout=90, check=False
    )


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
        (["provision", "*.omani.works", "--ip", LOAD_BALANCER], "sovereignFQDN"),
        (["provision", "t1.omani.works"], "loadBalancerIP: is required"),
        (["provision", "t1.omani.works", "--ip", "nonsense"], "loadBalancerIP"),
        (["provision", "--request", "no-such-file"], "no-such-file"),
        (["schema", "Nonsense"], "Nonsense"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_usage_exits_2(environment: dict[str, str], arguments: list[str], words: str) -> None:
    ended = run(environment, *arguments)

    assert ended.returncode == 2
    assert words in ended.stderr.replace("\n", " ")
    assert "Traceback" not in ended.stderr


async def test_plan_prints_a_diff_and_writes_nothing(environment: dict[str, str], world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER, ttl=300))
    serial = await world.serial(world.parent)

    ended = run(environment, "plan", fqdn, "--ip", LOAD_BALANCER)

    assert ended.returncode == 0, ended.stderr
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert f"~ console.{fqdn}. 60 A {STRANGER} (TTL 300) -> {LOAD_BALANCER}" in lines
    assert f"+ auth.{fqdn}. 60 A {LOAD_BALANCER}" in lines
    assert await world.serial(world.parent) == serial


async def test_status_shows_what_a_run_waits_for(environment: dict[str, str], temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="forbidden")
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    await waiting_for(handle, f"certificate-request/{world.parent}")

    ended = run(environment, "status", fqdn)

    assert ended.returncode == 0, ended.stderr
    assert "KubernetesForbidden" in ended.stdout
    as_json: dict[str, Any] = json.loads(run(environment, "status", fqdn, "--json").stdout)
    assert as_json["sovereignFQDN"] == fqdn
    busy = run(environment, "provision", fqdn, "--ip", LOAD_BALANCER)
    assert busy.returncode == 1
    assert "AlreadyInProgress" in busy.stderr
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

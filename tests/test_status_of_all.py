"""`sovereign-dns status` without a name: every Sovereign, those that need a person first, read from Temporal alone.

Other tests' Sovereigns are in the namespace too: what is asserted is about a test's own.
"""

import json
import os
from typing import Any

import pytest
from rich.console import Console
from temporalio.client import Client
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from cli import overview, survey
from tests.command_line import environment_of, run
from tests.eventually import eventually
from tests.runs import Handle, provision, start, waiting_for
from tests.world import STRANGER, World, rrset


@pytest.fixture
def environment(temporal: Client, stack_description: dict[str, str]) -> dict[str, str]:
    return environment_of(temporal, stack_description)


@pytest.fixture
def special(special_temporal: Client, stack_description: dict[str, str]) -> dict[str, str]:
    return environment_of(special_temporal, stack_description)


def listed(environment: dict[str, str], world: World, *options: str) -> list[dict[str, Any]]:
    """The test's own Sovereigns, in the order of the list."""
    ended = run(environment, "status", "--json", *options)
    assert ended.returncode == 0, ended.stderr
    everyone = [json.loads(line) for line in ended.stdout.splitlines()]
    return [one for one in everyone if world.unique in one["sovereignFQDN"]]


async def phases_come_to_be(client: Client, world: World, wanted: dict[str, str]) -> None:
    """Waits until the server's list has caught up with its runs."""

    async def as_wanted() -> bool:
        everyone = await survey.every_sovereign(client)
        return {run.sovereign: run.phase for run in everyone if world.unique in run.sovereign} == wanted

    await eventually(as_wanted)


async def start_without_worker(client: Client, fqdn: str, phase: str | None = None) -> Handle:
    """A run as Temporal keeps it, whatever becomes of its worker."""
    key = SearchAttributeKey.for_keyword("SovereignPhase")
    attributes = TypedSearchAttributes([SearchAttributePair(key, phase)] if phase else [])
    return await client.start_workflow(
        "ProvisionSovereign", {}, id=f"sovereign/{fqdn}", task_queue="nobody-serves-this", search_attributes=attributes
    )


async def test_all_sovereigns_are_listed_by_phase_with_what_they_wait_for(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    waits, done, refused = (f"{name}.{world.parent}" for name in ("waits", "done", "refused"))
    without = {"certificate": {"enabled": False}}
    await provision(temporal, world.request(done, **without), workflow_id=f"sovereign/{done}")
    await world.write(world.parent, rrset(f"console.{refused}", "A", STRANGER, owner="other.example"))
    assert run(environment, "provision", refused, "--ip", "77.42.11.95").returncode == 1
    secondary = f"s{world.unique}.homes"
    await world.create_secondary_zone(secondary)
    parents = [{"name": world.parent}, {"name": secondary}]
    handle = await start(
        temporal, world.request(waits, parentDomains=parents, **without), workflow_id=f"sovereign/{waits}"
    )
    await waiting_for(handle, f"zone-create/{secondary}")

    await phases_come_to_be(temporal, world, {waits: "waiting", refused: "failed", done: "complete"})

    mine = listed(environment, world)
    assert [one["sovereignFQDN"] for one in mine] == [waits, refused, done], "what needs a person first"
    (stuck,) = [item for item in mine[0]["waiting"] if item["step"] == "zone-create"]
    assert stuck["activityId"] == f"zone-create/{secondary}"
    assert (stuck["errorType"], stuck["state"], stuck["attempt"]) == ("ZoneWrongKind", "waiting", 2)
    assert "of kind Slave" in stuck["message"]
    assert stuck["nextAttemptAt"] is not None
    assert mine[1]["waiting"] == []
    assert mine[1]["failure"].startswith(
        f"OwnershipConflict: console.{refused}. A in zone {world.parent}. is {STRANGER}"
    )
    assert [one["sovereignFQDN"] for one in listed(environment, world, "--phase", "failed")] == [refused]

    shown = run(environment, "status", "--limit", "0").stdout
    counts, *lines = shown.splitlines()
    assert " waiting" in counts
    (line,) = [line for line in lines if waits in line and "zone-create" in line]
    assert line.startswith("waiting ")
    assert f"zone-create/{secondary}  attempt 2, next at " in line
    assert "ZoneWrongKind: zone" in line
    assert "Attempt at once what waits: sovereign-dns retry FQDN" in shown
    assert [line for line in lines if refused in line and "UTC: OwnershipConflict: " in line]
    assert "sovereign-dns provision --again FQDN" in shown
    few = run(environment, "status", "--limit", "1", "--phase", "complete", "--phase", "failed").stdout
    assert "more are not shown. All: --limit 0" in few
    await handle.terminate()


async def test_hazards_are_listed_with_how_many_runs_report_them(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    await world.create_zone(world.parent, rrset(f"*.{world.parent}", "A", STRANGER))
    fqdns = [f"{name}.{world.parent}" for name in ("t1", "t2")]
    for fqdn in fqdns:
        request = world.request(fqdn, certificate={"enabled": False})
        await provision(temporal, request, workflow_id=f"sovereign/{fqdn}")
    await phases_come_to_be(temporal, world, dict.fromkeys(fqdns, "complete"))

    assert [one["hazards"] for one in listed(environment, world)] == [[f"stale-wildcard *.{world.parent}."]] * 2
    everyone = [run for run in await survey.every_sovereign(temporal) if world.unique in run.sovereign]
    terminal = Console(record=True, width=200)
    overview.show(everyone, everyone, 0, terminal)
    hazard = f"hazard: stale-wildcard *.{world.parent}., reported by 2 of their last runs"
    assert f"{hazard}: sovereign-dns status {fqdns[0]}" in terminal.export_text()


async def test_the_newest_run_counts_and_stalled_ones_come_first_without_any_worker(
    special: dict[str, str], special_temporal: Client, world: World
) -> None:
    stalled, again, gone = (f"{name}.{world.parent}" for name in ("stalled", "again", "gone"))
    handles = [
        await start_without_worker(special_temporal, gone, "provisioning"),
        await start_without_worker(special_temporal, again, "stalled"),
    ]
    for handle in handles:
        await handle.terminate()
    handles = [
        await start_without_worker(special_temporal, again),
        await start_without_worker(special_temporal, stalled, "stalled"),
    ]

    wanted = {stalled: "stalled", gone: "failed", again: "provisioning"}
    await phases_come_to_be(special_temporal, world, wanted)

    mine = listed(special, world)
    page_by_page = await survey.every_sovereign(special_temporal, page_size=1)

    assert [one["sovereignFQDN"] for one in mine] == [stalled, gone, again]
    assert {run.sovereign: run.phase for run in page_by_page if run.sovereign in wanted} == wanted
    for handle in handles:
        await handle.terminate()


async def test_a_run_that_no_worker_takes_up_says_so(
    special: dict[str, str], special_temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    handle = await start_without_worker(special_temporal, fqdn)

    await phases_come_to_be(special_temporal, world, {fqdn: "waiting"})

    (mine,) = listed(special, world)
    assert [item["errorType"] for item in mine["waiting"]] == ["NoWorker"]
    told = run(special, "retry", fqdn)
    assert told.returncode == 0
    assert f"{fqdn} workflow-task: NoWorker: no worker has taken up the run" in told.stdout
    await handle.terminate()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--phase", "stuck"], "'stuck' is none of: stalled, waiting, failed"),
        (["t1.omani.works", "--phase", "stalled"], "leave the FQDN out"),
        (["t1.omani.works", "--limit", "3"], "leave the FQDN out"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], words: str) -> None:
    nowhere = {"PATH": os.environ["PATH"], "TEMPORAL_ADDRESS": "127.0.0.1:1", "COLUMNS": "500"}

    ended = run(nowhere, "status", *arguments)

    assert ended.returncode == 2
    assert words in ended.stderr


def test_without_temporal_the_list_says_where_it_looked() -> None:
    nowhere = {"PATH": os.environ["PATH"], "TEMPORAL_ADDRESS": "127.0.0.1:1"}

    ended = run(nowhere, "status")

    assert ended.returncode == 1
    assert "Temporal at 127.0.0.1:1 doesn't answer" in ended.stderr
    assert "Traceback" not in ended.stderr

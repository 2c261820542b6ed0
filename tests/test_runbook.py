"""Lines of docs/runbook.md, as an operator copies them, do what it says: all of `temporal`, some of `curl`."""

import asyncio
import json
import os
import shlex
import subprocess
from collections.abc import Awaitable, Callable

import pytest
from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import CancelledError

from tests.eventually import eventually
from tests.runbook_page import commands
from tests.runs import Handle, start, step, waiting_for
from tests.world import STRANGER, World, rrset

Look = Callable[[], Awaitable[bool]]


class Operator:
    """Runs lines of the runbook, with its example's names replaced by a test's own."""

    def __init__(self, world: World, client: Client, fqdn: str) -> None:
        self._world = world
        self._namespace = client.namespace
        self._fqdn = fqdn
        self.left = commands("temporal")

    async def types(self, beginning: str, containing: str = "") -> str:
        """Types the one line of the page that is meant; returns what it prints."""
        (line,) = [line for line in self.left if line.startswith(beginning) and containing in line]
        self.left.remove(line)
        ours = line.replace("t110.omani.works", self._fqdn).replace("omani.works", self._world.parent)
        _, *arguments = shlex.split(ours.replace("--jitter 30s", "--jitter 1s"), comments=True)
        done = await asyncio.to_thread(self._world.temporal_command, self._namespace, *arguments)
        assert done.returncode == 0, f"{ours}: {done.stderr}"
        return done.stdout


async def pending(handle: Handle, activity_id: str) -> PendingActivityInfo:
    description = await handle.describe()
    (found,) = [p for p in description.raw_description.pending_activities if p.activity_id == activity_id]
    return found


async def last_attempt_of(handle: Handle, activity_id: str) -> int:
    return (await pending(handle, activity_id)).last_attempt_complete_time.ToNanoseconds()


def attempted_anew_since(handle: Handle, activity_id: str, before: int) -> Look:
    """By a reset, which counts attempts from the beginning; one that came by itself would be the third."""

    async def look() -> bool:
        found = await pending(handle, activity_id)
        attempted = found.last_attempt_complete_time.ToNanoseconds() > before
        assert not attempted or found.attempt <= 2, "it attempted by itself"
        return attempted

    return look


async def test_every_temporal_line_of_the_runbook_does_what_it_says(temporal: Client, world: World) -> None:
    fqdn = f"t110.{world.parent}"
    records = f"records-upsert/{world.parent}"
    await world.create_secondary_zone(f"api.{fqdn}")
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    assert (await waiting_for(handle, records)).startswith("ZoneWrongKind: ")
    operator = Operator(world, temporal, fqdn)

    under_way = json.loads(await operator.types("temporal workflow describe", "heartbeatDetails"))
    assert records in {step["activityId"] for step in under_way["pendingActivities"]}
    shown = await operator.types("temporal workflow describe")
    assert records in shown
    assert "ZoneWrongKind" in shown
    await operator.types("temporal workflow list", "SovereignPhase")
    await operator.types("temporal workflow list", 'WorkflowType="DeprovisionSovereign"')
    await operator.types("temporal workflow list", "WorkflowId=")
    assert handle.id not in await operator.types("temporal workflow list", "TemporalReportedProblems")
    assert f"input[0].sovereignFQDN: {fqdn}" in await operator.types("temporal workflow show")
    await operator.types("temporal task-queue describe", "sovereign-dns-powerdns")
    pollers = await operator.types("temporal task-queue describe", "sovereign-dns")
    assert "activity" in pollers.partition("Pollers:")[2]
    assert "SERVING" in await operator.types("temporal operator cluster health")
    assert temporal.namespace in await operator.types("temporal operator namespace list")

    before = await last_attempt_of(handle, records)
    await operator.types("temporal activity reset", "--activity-id records-upsert/")
    await eventually(attempted_anew_since(handle, records, before))

    assert (await waiting_for(handle, records)).startswith("ZoneWrongKind: ")
    before = await last_attempt_of(handle, records)
    await operator.types("temporal activity reset", "--query")
    await eventually(attempted_anew_since(handle, records, before))

    async def is_moved() -> bool:
        return (await pending(handle, records)).activity_options.task_queue.name == "sovereign-dns"

    assert not await is_moved()
    await operator.types("temporal activity update-options", "--task-queue sovereign-dns ")
    await eventually(is_moved)

    await operator.types("temporal workflow update execute", "skip_step")
    skipped = step(await handle.query("status"), "certificate-ready")
    assert (skipped["state"], skipped["outcome"]) == ("skipped", "given up: issued by hand, ticket 42")

    await operator.types("temporal workflow cancel")
    with pytest.raises(WorkflowFailureError) as ended:
        await handle.result()
    assert isinstance(ended.value.cause, CancelledError)
    assert (await handle.query("status"))["phase"] == "cancelled"

    assert operator.left == []


async def test_lines_of_the_runbook_tell_whose_a_record_is_and_which_issuers_exist(world: World) -> None:
    stranger, neighbour = f"console.t999.{world.parent}", f"t999.{world.parent}"
    await world.create_zone(
        world.parent,
        rrset(f"*.{world.parent}", "A", STRANGER, owner="wild.example"),
        rrset(stranger, "A", STRANGER, owner=neighbour),
    )
    api = {"KUBERNETES_API": world.description["KUBERNETES_URL"], "KUBERNETES_TOKEN": world.kubernetes_token}

    async def types(containing: str) -> str:
        (line,) = {line for line in commands("curl") if containing in line}
        done = await asyncio.to_thread(
            subprocess.run,
            ["bash", "-c", line.replace("omani.works", world.parent)],
            env=os.environ | world.description | api,
            capture_output=True, text=True, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout

    wildcard = await types("rrset_name=*.omani.works.&rrset_type=A")
    assert len(wildcard.splitlines()) == 1
    assert "sovereign=wild.example " in wildcard
    assert STRANGER in wildcard
    assert f"{stranger}." in {found["name"] for found in json.loads(await types(f"q={STRANGER}"))}
    owner = json.loads(await types("q=console.t999"))
    assert f"sovereign={neighbour} deployment=d0" in [found["content"] for found in owner]
    assert "letsencrypt-dns01-prod" in await types("v1/clusterissuers")

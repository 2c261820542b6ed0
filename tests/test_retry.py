"""`sovereign-dns retry`: what waits attempts at once."""

import asyncio
import os
from collections.abc import AsyncIterator

import pytest
from temporalio.client import Client
from typer.testing import CliRunner

from cli import survey
from cli.main import app
from tests.command_line import PROGRAM, answered_at_a_terminal, environment_of, run
from tests.eventually import eventually
from tests.lossy_api import LossyApi
from tests.mounted_backends import MountedBackends
from tests.preloaded import launching
from tests.runs import attempt_that_ended, start, waiting_for
from tests.world import LOAD_BALANCER, STRANGER, World, rrset


@pytest.fixture
def environment(temporal: Client, stack_description: dict[str, str]) -> dict[str, str]:
    return environment_of(temporal, stack_description)


@pytest.fixture
def of_mounted(mounted_temporal: Client, stack_description: dict[str, str]) -> dict[str, str]:
    return environment_of(mounted_temporal, stack_description)


@pytest.fixture
async def lossy(stack_description: dict[str, str]) -> AsyncIterator[LossyApi]:
    async with LossyApi(stack_description["CATALYST_POWERDNS_API_URL"], "PATCH") as api:
        yield api


async def test_retry_of_one_sovereign_attempts_what_waits(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    await world.create_secondary_zone(world.parent)
    fqdn = f"t1.{world.parent}"
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    await waiting_for(handle, f"zone-create/{world.parent}")

    another = run(environment, "retry", fqdn, "--step", "records-upsert")
    assert another.returncode == 0
    assert "nothing of that kind waits (records-upsert); 1 other steps do" in another.stdout

    await world.delete_zone(world.parent)
    ended = run(environment, "retry", fqdn, "--error-type", "ZoneWrongKind")

    assert ended.returncode == 0, ended.stderr
    assert f"{fqdn}  zone-create/{world.parent}  ZoneWrongKind, attempt 2, next at " in ended.stdout
    assert f"told 1 step to attempt now. Watch: sovereign-dns watch {fqdn}" in ended.stdout
    assert (await handle.result())["phase"] == "complete"
    nothing = run(environment, "retry", fqdn)
    assert nothing.returncode == 0
    assert f"{fqdn} is complete: its run has ended, and nothing waits" in nothing.stdout


async def test_what_cannot_be_attempted_says_what_to_do(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    unknown = run(environment, "retry", fqdn)
    assert unknown.returncode == 1
    assert f"no run sovereign/{fqdn} is known in this namespace" in unknown.stderr

    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER, owner="other.example"))
    refused = run(environment, "provision", fqdn, "--ip", LOAD_BALANCER)
    assert refused.returncode == 1

    ended = run(environment, "retry", fqdn)
    assert ended.returncode == 1
    assert f"{fqdn} is failed: its run has ended" in ended.stderr
    assert f"sovereign-dns provision --again {fqdn}" in ended.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "name one Sovereign, or say --all"),
        (["t1.omani.works", "--all"], "name one Sovereign, or say --all"),
        (["t1.omani.works", "--jitter", "5"], "--jitter spreads many attempts"),
        (["--all", "--step", "zone-crate"], "'zone-crate' is none of: zone-create, certificate-request"),
        (["--all", "--error-type", "PowerDNSAway"], "'PowerDNSAway' is none of: PowerDNSUnavailable"),
        (["*.omani.works"], "omani.works"),
    ],
)
def test_wrong_usage_exits_2(arguments: list[str], words: str) -> None:
    nowhere = {"TEMPORAL_ADDRESS": "127.0.0.1:1", "COLUMNS": "500"}

    ended = CliRunner().invoke(app, ["retry", *arguments], env=nowhere)

    assert ended.exit_code == 2, ended.stderr
    assert words in ended.stderr


async def test_what_an_earlier_attempt_has_noted_survives_a_retry(
    of_mounted: dict[str, str], mounted_temporal: Client, mounted: MountedBackends, world: World, lossy: LossyApi
) -> None:
    fqdn = f"t1.{world.parent}"
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER))
    mounted.lead_to_powerdns(lossy.url)
    lossy.lose = 1_000
    handle = await start(
        mounted_temporal, world.request(fqdn, certificate={"enabled": False}), workflow_id=f"sovereign/{fqdn}"
    )
    await waiting_for(handle, f"records-upsert/{world.parent}")

    lossy.lose = 0
    told = await asyncio.to_thread(run, of_mounted, "retry", fqdn)

    assert told.returncode == 0, told.stderr
    (record,) = [r for r in (await handle.result())["records"] if r["name"] == f"console.{fqdn}."]
    assert record["before"] == [STRANGER]


async def test_a_paused_step_stays_paused(environment: dict[str, str], temporal: Client, world: World) -> None:
    await world.create_secondary_zone(world.parent)
    fqdn = f"t1.{world.parent}"
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    await waiting_for(handle, f"zone-create/{world.parent}")
    paused = world.temporal_command(
        temporal.namespace, "activity", "pause", "--workflow-id", handle.id,
        "--activity-id", f"zone-create/{world.parent}",
    )  # fmt: skip
    assert paused.returncode == 0, paused.stderr

    ended = run(environment, "retry", fqdn)

    assert ended.returncode == 0, ended.stderr
    assert "nothing waits for an attempt" in ended.stdout
    assert f"temporal activity unpause --workflow-id sovereign/{fqdn}" in ended.stdout
    assert f"zone-create/{world.parent} attempt" not in ended.stdout
    await handle.terminate()


async def test_retry_of_all_previews_asks_and_is_carried_out_by_temporal(
    of_mounted: dict[str, str], mounted_temporal: Client, mounted: MountedBackends, world: World
) -> None:
    """A wrong key is tried again every minute; nobody wants to wait for that once it is mended."""
    mounted.powerdns_key.write_text("rotated-away", encoding="utf-8")
    domains = [f"p{number}-{world.unique}.works" for number in range(6)]
    minimal = {"certificate": {"enabled": False}, "subdomains": ["console"], "verification": {"level": "authoritative"}}
    handles = [
        await start(mounted_temporal, world.request(f"t1.{domain}", **minimal), workflow_id=f"sovereign/t1.{domain}")
        for domain in domains
    ]
    for handle, domain in zip(handles, domains, strict=True):
        await waiting_for(handle, f"zone-create/{domain}")

    async def all_are_listed() -> bool:
        working = {run.sovereign for run in await survey.every_run_that_works(mounted_temporal)}
        return working >= {f"t1.{domain}" for domain in domains}

    await eventually(all_are_listed)
    unasked = run(of_mounted, "retry", "--all")
    assert unasked.returncode == 2
    assert "nobody is at a terminal to be asked: nothing was told. To mean it: --yes" in unasked.stderr
    assert "PowerDNSUnauthorized, attempt 2, next at " in unasked.stdout

    code, told, _ = await answered_at_a_terminal(of_mounted, "n", "retry", "--all", "--jitter", "1")
    assert code == 1
    assert "steps attempt now? [y/N]" in told
    assert "nothing was told" in told

    others = run(of_mounted, "retry", "--all", "--error-type", "KubernetesForbidden")
    assert others.returncode == 0
    assert "nothing of that kind waits (KubernetesForbidden)" in others.stdout

    by_type = run(
        of_mounted, "retry", "--all", "--error-type", "PowerDNSUnauthorized", "--step", "zone-create", "--yes"
    )
    assert by_type.returncode == 0, by_type.stderr
    assert "steps to attempt now. Watch: sovereign-dns status" in by_type.stdout

    for handle, domain in zip(handles, domains, strict=True):
        await waiting_for(handle, f"zone-create/{domain}")
    mounted.lead_to_the_stack()
    batch = run(of_mounted, "retry", "--all", "--step", "zone-create", "--jitter", "2", "--yes")
    assert batch.returncode == 0, batch.stderr
    assert "runs that are under way to attempt what waits. The attempts come within 2 s" in batch.stdout

    results = await asyncio.gather(*(handle.result() for handle in handles))
    assert {result["phase"] for result in results} == {"complete"}
    for handle, domain in zip(handles, domains, strict=True):
        attempt = await attempt_that_ended(handle, f"zone-create/{domain}")
        assert attempt.attempt == 1, "left to themselves they would have gone on counting"


async def test_the_live_display_says_when_the_next_attempt_is(
    environment: dict[str, str], temporal: Client, world: World
) -> None:
    await world.create_secondary_zone(world.parent)
    fqdn = f"t1.{world.parent}"
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    terminal, its_end = os.openpty()
    process = await asyncio.create_subprocess_exec(
        *launching(PROGRAM, "watch", fqdn),
        env=environment | {"TERM": "xterm", "COLUMNS": "200"},
        stdout=its_end,
        stderr=its_end,
    )
    os.close(its_end)
    shown = b""
    try:
        while b"attempt 2, next in " not in shown:
            shown += await asyncio.to_thread(os.read, terminal, 65536)
    finally:
        process.kill()
        await process.wait()
        os.close(terminal)
    assert b"ZoneWrongKind" in shown
    await handle.terminate()

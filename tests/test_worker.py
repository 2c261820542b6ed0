"""The worker as a process: settings, health, logs, and how it ends."""

import asyncio
import gzip
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from temporalio.client import Client

from devstack.ports import free_port
from devstack.temporal_server import TemporalServer
from devstack.worker_process import WorkerProcess
from tests.conftest import StartWorker
from tests.eventually import eventually
from tests.runs import provision, start, waiting_for
from tests.world import World

PROJECT = Path(__file__).parent.parent


def test_without_settings_it_says_which_are_missing(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, str(PROJECT / "worker.py")],
        env={"PATH": os.environ["PATH"]}, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ended.returncode == 2
    assert "CATALYST_POWERDNS_API_URL or CATALYST_POWERDNS_API_URL_FILE is required" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_cryptography_is_left_out_until_a_delegation_is_checked() -> None:
    imported = subprocess.run(
        [sys.executable, "-c", "import sys, worker; print('cryptography' in sys.modules)"],
        cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert imported.stdout == "False\n", imported.stderr


def _json_lines(worker: WorkerProcess) -> list[dict[str, object]]:
    return [json.loads(line) for line in worker.log.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("variable", ["SOVEREIGN_DNS_HEALTH_ADDRESS", "SOVEREIGN_DNS_METRICS_ADDRESS"])
def test_a_port_that_is_taken_is_told_by_its_setting(
    stack_description: dict[str, str], tmp_path: Path, variable: str
) -> None:
    taken = stack_description["CATALYST_POWERDNS_API_URL"].removeprefix("http://")
    known = {key: value for key, value in stack_description.items() if key.startswith("CATALYST_")}
    ended = subprocess.run(
        [sys.executable, str(PROJECT / "worker.py")],
        env=known | {"PATH": os.environ["PATH"], variable: taken},
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert ended.returncode == 2
    assert f"{variable}: {taken} can't be listened on" in ended.stderr
    assert "Traceback" not in ended.stderr


async def ready(worker: WorkerProcess) -> bool:
    async with httpx.AsyncClient() as client:
        response = await client.get(f"{worker.health_url}/readyz")
        assert response.status_code == (200 if response.json()["ready"] else 503)
        assert response.json()["polling"].keys() == {"workflow", "activity", "powerdnsActivity"}
        return bool(response.json()["ready"])


async def test_health_tells_the_truth_about_its_pollers(stack_description: dict[str, str], tmp_path: Path) -> None:
    known = {key: value for key, value in stack_description.items() if key.startswith(("CATALYST_", "KUBE"))}
    temporal = TemporalServer(tmp_path, free_port(), free_port(), ["default"])
    settings = known | {"TEMPORAL_ADDRESS": temporal.address, "TEMPORAL_NAMESPACE": "default"}
    with temporal, WorkerProcess(settings, free_port(), tmp_path / "worker.log") as worker:
        assert await ready(worker)

        temporal.stop()

        async def is_not_ready() -> bool:
            return not await ready(worker)

        assert await eventually(is_not_ready)
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{worker.health_url}/livez")).status_code == 200

        temporal.start()

        async def is_ready() -> bool:
            return await ready(worker)

        assert await eventually(is_ready, within_seconds=100)


def test_the_core_of_the_sdk_logs_through_us(tmp_path: Path) -> None:
    """A history that doesn't fit makes it warn, and the Replayer runs the same core as a worker."""
    recorded = json.loads(gzip.decompress((PROJECT / "tests/histories/001/planned.json.gz").read_bytes()))
    recorded["events"][0]["workflowExecutionStartedEventAttributes"]["workflowId"] = "another"
    for event in recorded["events"]:
        if scheduled := event.get("activityTaskScheduledEventAttributes"):
            scheduled["activityType"]["name"] = "something-else"
    changed = tmp_path / "changed.json.gz"
    changed.write_bytes(gzip.compress(json.dumps(recorded).encode()))

    ended = subprocess.run(
        [sys.executable, "-m", "tests.histories.replay", str(changed)],
        cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    lines = [json.loads(line) for line in ended.stderr.splitlines()]
    assert any(line["logger"].startswith("temporalio.core") for line in lines)


async def test_sigterm_ends_it_well(start_fresh_worker: StartWorker, special_temporal: Client, world: World) -> None:
    worker = start_fresh_worker()
    await provision(special_temporal, world.request(f"t1.{world.parent}"))

    worker.stop()

    lines = _json_lines(worker)
    assert lines[-1]["event"] == "worker stopped"


HTTP2_HEADERS, END_OF_STREAM = 0x1, 0x1


@asynccontextmanager
async def a_temporal_that_goes_after_its_first_answer(temporal_address: str) -> AsyncIterator[str]:
    """The real server, for one call; from then on nothing listens at its address."""
    connections: list[asyncio.Task[None]] = []

    async def forward(worker: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        host, port = temporal_address.rsplit(":", 1)
        temporal, requests = await asyncio.open_connection(host, int(port))
        connections.append(asyncio.create_task(_copy(worker, requests)))
        answered = False
        while not answered:
            head = await temporal.readexactly(9)
            body = await temporal.readexactly(int.from_bytes(head[:3]))
            answers.write(head + body)
            await answers.drain()
            answered = head[3] == HTTP2_HEADERS and bool(head[4] & END_OF_STREAM)
        server.close()
        answers.close()
        requests.close()

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    try:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await asyncio.gather(*connections, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65536):
        target.write(data)
        await target.drain()


async def test_sigterm_is_heard_while_temporal_is_away(stack_description: dict[str, str], tmp_path: Path) -> None:
    known = {key: value for key, value in stack_description.items() if key.startswith(("CATALYST_", "KUBE"))}
    log = tmp_path / "worker.log"
    async with a_temporal_that_goes_after_its_first_answer(stack_description["TEMPORAL_ADDRESS"]) as address:
        with log.open("wb") as output:
            worker = await asyncio.create_subprocess_exec(
                sys.executable, str(PROJECT / "worker.py"), stderr=output, cwd=tmp_path,
                env=os.environ | known | {
                    "TEMPORAL_ADDRESS": address, "SOVEREIGN_DNS_HEALTH_ADDRESS": f"127.0.0.1:{free_port()}"
                },
            )  # fmt: skip
        try:

            async def it_waits() -> bool:
                return "can't be asked for its search attributes" in log.read_text(encoding="utf-8")

            await eventually(it_waits)
            worker.terminate()
            assert await asyncio.wait_for(worker.wait(), timeout=10) == 0
        finally:
            if worker.returncode is None:
                worker.kill()
                await worker.wait()
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert lines[-1]["event"] == "worker stopped"
    assert not any("Traceback" in str(line) for line in lines)


async def test_every_line_of_a_step_names_the_sovereign_and_the_step_and_no_secret(
    start_fresh_worker: StartWorker, special_temporal: Client, world: World, tmp_path: Path
) -> None:
    key, password = f"canary-key-{world.unique}", f"canary-password-{world.unique}"
    worker = start_fresh_worker(
        CATALYST_POWERDNS_API_KEY_FILE=str(_written(tmp_path / "key", key)),
        CATALYST_PDM_BASIC_AUTH_USER="catalyst",
        CATALYST_PDM_BASIC_AUTH_PASS_FILE=str(_written(tmp_path / "password", password)),
        SOVEREIGN_DNS_LOG_LEVEL="DEBUG",
    )
    fqdn = f"t1.{world.parent}"
    token = f"canary-token-{world.unique}"
    pool = {"domain": world.parent, "subdomain": "t1", "reservationToken": token}
    handle = await start(special_temporal, world.request(fqdn, pool=pool), workflow_id=f"sovereign/{fqdn}")
    told = await waiting_for(handle, f"zone-create/{world.parent}")
    await handle.terminate()
    worker.stop()

    log = worker.log.read_text(encoding="utf-8")
    lines = [json.loads(line) for line in log.splitlines()]
    steps = [line for line in lines if line["event"].startswith("step ")]
    assert steps
    for line in steps:
        assert line["sovereign"] == fqdn
        assert line["step"]
        assert line["workflow_id"] == f"sovereign/{fqdn}"
    refused = [line for line in steps if line.get("error_type") == "PowerDNSUnauthorized"]
    assert refused[0]["step"] == f"zone-create/{world.parent}"
    history = (await handle.fetch_history()).to_json()
    for secret in (key, password):
        assert secret not in log
        assert secret not in history
        assert secret not in told
    assert token not in log


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


async def test_an_internationalised_name_is_read_without_a_word_that_is_no_json(
    start_fresh_worker: StartWorker, special_temporal: Client, world: World
) -> None:
    worker = start_fresh_worker()

    result = await provision(special_temporal, world.request(f"bücher.{world.parent}", certificate={"enabled": False}))
    worker.stop()

    assert result["sovereignFQDN"] == f"xn--bcher-kva.{world.parent}"
    assert not [line for line in _json_lines(worker) if "idna" in str(line["event"])]

"""The embedded stack starts, survives, and leaves nothing behind."""

import dataclasses
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import dns.message
import dns.query
import dns.rdatatype
import httpx
import pytest
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes

from devstack.errors import PortTakenError, ProcessDiedError, StartError, StateInUseError
from devstack.ports import Ports, free_port
from devstack.powerdns_server import PowerDNSServer
from devstack.programs import PROJECT
from devstack.recursor import Recursor
from devstack.stack import Stack
from devstack.temporal_server import TemporalServer
from devstack.worker_process import WorkerProcess
from sovereign_dns.settings import Settings

STAND_IN_WORKER = """
import http.server, os, signal, sys
host, port = os.environ["SOVEREIGN_DNS_HEALTH_ADDRESS"].split(":")
signal.signal(signal.SIGTERM, lambda *_: (print("ended in peace", flush=True), sys.exit()))
print(*sorted(name for name in os.environ if name.startswith(("TEMPORAL_", "CATALYST_"))), flush=True)
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/readyz" else 404)
        self.end_headers()
        if self.path == "/die":
            print("boom", flush=True)
            os._exit(3)
http.server.HTTPServer((host, int(port)), Health).serve_forever()
"""


def await_condition(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain: {what}"
        time.sleep(0.01)


def processes_of(folder: Path) -> list[str]:
    """The other processes that have the folder among their arguments, variables or as working directory."""
    found = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            words = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            place = str((process / "cwd").readlink())
        except OSError:
            continue  # gone, or a zombie
        if str(folder).encode() in words or str(folder) in place:
            found.append(words.split(b"\0")[0].decode())
    return found


def powerdns_on(folder: Path) -> tuple[PowerDNSServer, httpx.Client]:
    server = PowerDNSServer(folder, free_port(), free_port(), "secret")
    url = f"{server.api_url}/api/v1/servers/localhost"
    return server, httpx.Client(base_url=url, headers={"X-API-Key": "secret"}, trust_env=False)


def create_zone(api: httpx.Client, address: str) -> None:
    records = [{"content": address, "disabled": False}]
    rrset = {"name": "www.example.test.", "type": "A", "ttl": 3, "records": records}
    zone = {"name": "example.test.", "kind": "Native", "dnssec": True, "nameservers": [], "rrsets": [rrset]}
    api.post("/zones", json=zone).raise_for_status()


def change_address(api: httpx.Client, address: str) -> None:
    records = [{"content": address, "disabled": False}]
    rrset = {"name": "www.example.test.", "type": "A", "ttl": 3, "changetype": "REPLACE", "records": records}
    api.patch("/zones/example.test.", json={"rrsets": [rrset]}).raise_for_status()


def ask(server: str) -> str:
    host, port = server.split(":")
    query = dns.message.make_query("www.example.test.", "A")
    answer = dns.query.udp(query, host, port=int(port), timeout=5)
    rrset = answer.get_rrset(answer.answer, query.question[0].name, query.question[0].rdclass, dns.rdatatype.A)
    return rrset[0].to_text() if rrset else ""


def test_powerdns_keeps_its_zones_over_a_restart(tmp_path: Path) -> None:
    server, api = powerdns_on(tmp_path)
    with api, server:
        create_zone(api, "192.0.2.1")
        server.stop()
        assert not server.running
        server.start()
        assert ask(server.dns_address) == "192.0.2.1"
        server.kill()  # leaves its control socket behind
        server.start()
        assert ask(server.dns_address) == "192.0.2.1"
    assert not processes_of(tmp_path)
    assert (tmp_path / "powerdns" / "pdns.conf").stat().st_mode & 0o077 == 0


def test_a_start_that_fails_quotes_the_log(tmp_path: Path) -> None:
    server, api = powerdns_on(tmp_path)
    port = int(server.dns_address.split(":")[1])
    with api, socket.create_server(("127.0.0.1", port)), pytest.raises(StartError) as failure:
        server.start()
    assert "powerdns ended before it was ready (exit code" in str(failure.value)
    assert "Address already in use" in str(failure.value)
    assert not server.running


def test_the_recursor_forwards_and_caches_until_the_ttl_is_over(tmp_path: Path) -> None:
    server, api = powerdns_on(tmp_path)
    recursor = Recursor(tmp_path, free_port(), server.dns_address)
    with api, server, recursor:
        create_zone(api, "192.0.2.1")
        assert ask(recursor.address) == "192.0.2.1"
        change_address(api, "192.0.2.2")
        assert ask(server.dns_address) == "192.0.2.2"
        assert ask(recursor.address) == "192.0.2.1"
        await_condition(lambda: ask(recursor.address) == "192.0.2.2", "the cached answer goes")


async def test_temporal_keeps_its_workflows_over_a_crash(tmp_path: Path) -> None:
    attribute = SearchAttributePair(SearchAttributeKey.for_keyword("SovereignFQDN"), "t110.omani.works")
    with TemporalServer(tmp_path, free_port(), free_port(), ("default", "second")) as server:
        client = await Client.connect(server.address, namespace="second")
        handle = await client.start_workflow(
            "Nobody", id="sovereign/x", task_queue="none", search_attributes=TypedSearchAttributes([attribute])
        )
        server.kill()
        server.start()
        client = await Client.connect(server.address, namespace="second")
        described = await client.get_workflow_handle("sovereign/x", run_id=handle.first_execution_run_id).describe()
        assert described.status is WorkflowExecutionStatus.RUNNING
        assert described.typed_search_attributes[attribute.key] == "t110.omani.works"
        server.kill()


def test_every_taken_port_is_named_with_its_purpose_and_option() -> None:
    ports = Ports.free()
    ports.check()
    with socket.socket(type=socket.SOCK_DGRAM) as datagrams, socket.create_server(("127.0.0.1", ports.pdm)):
        datagrams.bind(("127.0.0.1", ports.recursor))
        with pytest.raises(PortTakenError) as failure:
            ports.check()
        ports.check(unused=["pdm", "recursor"])
    recursor, pdm = str(failure.value).splitlines()
    assert recursor.startswith(f"Port {ports.recursor}, for the recursor, is taken")
    assert recursor.endswith("--recursor-port.")
    assert pdm.startswith(f"Port {ports.pdm}, for the simulator of the pool-domain-manager")
    assert pdm.endswith("--pdm-port.")


def test_a_port_given_twice_is_refused() -> None:
    ports = Ports.free()
    with pytest.raises(PortTakenError, match="was given to Temporal and to Temporal's Web UI"):
        dataclasses.replace(ports, temporal_ui=ports.temporal).check()


def test_the_worker_is_supervised_and_sees_no_settings_of_another_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_API_KEY", "of-production")
    monkeypatch.setenv("CATALYST_POWERDNS_API_KEY", "of-production")
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN_WORKER)
    worker = WorkerProcess({"TEMPORAL_ADDRESS": "x"}, free_port(), tmp_path / "worker.log", script)
    with worker:
        assert (tmp_path / "worker.log").read_text().splitlines()[0] == "TEMPORAL_ADDRESS"
        worker.check()
        worker.stop()
        assert "ended in peace" in (tmp_path / "worker.log").read_text()
        worker.start()
        worker.kill()
        assert not worker.running
        worker.start()
        httpx.get(f"{worker.health_url}/die", trust_env=False)
        await_condition(lambda: not worker.running, "the worker dies")
        with pytest.raises(ProcessDiedError, match=r"worker has ended \(exit code 3\)(.|\n)*boom"):
            worker.check()


PLACES_OF_THE_STACK = ("CATALYST_POWERDNS_", "CATALYST_PDM_", "POOL_DOMAIN_MANAGER_")
SET_BY_THE_STACK = {
    "CATALYST_DNS_AUTHORITATIVE",
    "CATALYST_DNS_PROPAGATION_RESOLVERS",
    "CATALYST_REGISTRAR_CREDENTIALS_DIR",
    "KUBECONFIG",
    "SOVEREIGN_DNS_HEALTH_ADDRESS",
}


def test_the_worker_gets_every_setting_from_the_shell_that_the_stack_does_not_decide(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {name.upper() for name in Settings.model_fields}
    for name in settings:
        monkeypatch.setenv(name, "of-the-shell")
    script = tmp_path / "stand_in.py"
    script.write_text(
        "import os; print(*(name for name, value in os.environ.items() if value == 'of-the-shell'), flush=True)"
        + STAND_IN_WORKER
    )
    stack = Stack(tmp_path / "state", Ports.free())

    with WorkerProcess(stack.environment(), free_port(), tmp_path / "worker.log", script):
        got = set((tmp_path / "worker.log").read_text().splitlines()[0].split())

    assert got == {name for name in settings if not name.startswith(PLACES_OF_THE_STACK)} - SET_BY_THE_STACK


def test_a_child_outlives_the_thread_that_started_it(tmp_path: Path) -> None:
    server, api = powerdns_on(tmp_path)
    thread = threading.Thread(target=server.start)
    thread.start()
    thread.join()
    with api, server:
        create_zone(api, "192.0.2.1")
        assert ask(server.dns_address) == "192.0.2.1"


def test_nothing_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path; from devstack.ports import Ports; from devstack.stack import Stack\n"
        f"with Stack(Path({str(tmp_path)!r}), Ports.free(), worker=False, simulators=False): print('up'); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-uc", program], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"up\n"
        assert len(processes_of(tmp_path)) == 4
        with pytest.raises(StateInUseError, match=f"process {parent.pid}"):
            Stack(tmp_path, Ports.free(), worker=False, simulators=False).start()
        parent.kill()
    await_condition(lambda: not processes_of(tmp_path), "the children end with their parent")


def test_a_start_that_fails_half_way_leaves_nothing(tmp_path: Path) -> None:
    stack = Stack(tmp_path, Ports.free(), worker=False, simulators=False)
    obstacle = tmp_path / "recursor"
    obstacle.write_text("a file where a folder should be")
    with pytest.raises(FileExistsError):
        stack.start()
    assert not processes_of(tmp_path)
    obstacle.unlink()
    with stack:
        assert stack.recursor.running
    assert not processes_of(tmp_path)


def dev_command(state: Path, ports: Ports) -> list[str]:
    options = [
        word
        for entry in dataclasses.fields(ports)
        for word in (entry.metadata["option"], str(getattr(ports, entry.name)))
    ]
    program = "import typer; from cli.dev import dev; typer.run(dev)"
    return [sys.executable, "-uc", program, "--state", str(state), *options]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_dev_ends_at_one_signal_and_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    ports = Ports.free()
    with subprocess.Popen(
        dev_command(tmp_path, ports),
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as dev:
        assert dev.stdout is not None
        shown = ""
        for line in dev.stdout:
            shown += line
            if line.startswith("Ctrl-C"):
                dev.send_signal(number)
        shown_all = f"{shown}\n{dev.wait()}"
    assert dev.returncode == 0, shown_all
    assert f"http://127.0.0.1:{ports.temporal_ui}" in shown
    assert f"export CATALYST_DNS_AUTHORITATIVE=127.0.0.1:{ports.powerdns_dns}" in shown
    assert not processes_of(tmp_path)


def test_dev_says_which_port_is_taken_and_ends_with_1(tmp_path: Path) -> None:
    ports = Ports.free()
    with socket.create_server(("127.0.0.1", ports.powerdns_dns)):
        dev = subprocess.run(dev_command(tmp_path, ports), cwd=PROJECT, capture_output=True, text=True, check=False)
    assert dev.returncode == 1
    assert dev.stderr == (
        f"Port {ports.powerdns_dns}, for PowerDNS (DNS), is taken on 127.0.0.1. Choose another one with --dns-port.\n"
    )

"""The ground: real servers on a stack of their own, a faulty proxy before each of them, and several workers."""

import asyncio
import functools
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import AsyncExitStack, closing, contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection, connect
from types import TracebackType
from typing import Self

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig

from devstack.child_process import ChildProcess
from devstack.ports import Ports, free_port
from devstack.recursor import Recursor
from devstack.stack import Stack
from devstack.worker_process import WorkerProcess
from tests.chaos.dns_faults import FaultyDns
from tests.chaos.http_faults import FaultyHttp

DISK_BYTES = 48 * 2**20
"""Of the disk that holds PowerDNS' database."""

_FULL = "filled-up"


LONGEST_DENIAL_SECONDS = 2


class _Recursor(Recursor):
    """Keeps no denial for long: a Sovereign that comes back would be waited for by the hour, as it really is."""

    def command(self) -> list[str]:
        return [*super().command(), f"--max-negative-ttl={LONGEST_DENIAL_SECONDS}"]


class Stage:
    """An async context manager; inside, all runs and no fault is in force.

    Attributes:
        stack: the servers themselves.
        powerdns: the proxy before PowerDNS' API, likewise `pdm` and `kubernetes`.
        authoritative: the relay before the DNS of PowerDNS, as the workers ask it.
        recursor: the relay before the recursor.
        workers: in the order of their start.
        disk: whether PowerDNS' database has a disk of its own, which can be filled.
    """

    def __init__(self, state: Path, *, workers: int = 3, issue_seconds: float = 0.3) -> None:
        ports = Ports.free()
        self.stack = Stack(state, ports, worker=False, sweep_seconds=3600, issue_seconds=issue_seconds)
        self.stack.recursor = _Recursor(self.stack.state, ports.recursor, self.stack.powerdns.dns_address)
        self.powerdns = FaultyHttp(self.stack.powerdns.api_url)
        self.pdm = FaultyHttp(self.stack.pdm.url)
        self.kubernetes = FaultyHttp(self.stack.kubernetes.url)
        self.authoritative = FaultyDns(self.stack.powerdns.dns_address)
        self.recursor = FaultyDns(self.stack.recursor.address)
        self.workers: list[WorkerProcess] = []
        self.disk = False
        self._count = workers
        self._ending = AsyncExitStack()

    @property
    def database(self) -> Path:
        """PowerDNS' own."""
        return self.stack.powerdns.folder() / "pdns.sqlite3"

    @property
    def http(self) -> dict[str, FaultyHttp]:
        """The proxies, by their backend's name."""
        return {"powerdns": self.powerdns, "pdm": self.pdm, "kubernetes": self.kubernetes}

    async def client(self) -> Client:
        """A client of the stack's Temporal."""
        return await Client.connect(
            self.stack.temporal.address, data_converter=pydantic_data_converter, runtime=_quiet_runtime()
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as ending:
            self.disk = ending.enter_context(_disk_of_its_own(self.stack.powerdns.folder()))
            ending.callback(self.stack.stop)
            await asyncio.to_thread(self.stack.start)
            for proxy in (self.powerdns, self.pdm, self.kubernetes, self.authoritative, self.recursor):
                await ending.enter_async_context(proxy)
            ending.callback(self._stop_workers)
            settings = self._settings()
            self.workers = [self._worker(number, settings) for number in range(self._count)]
            await asyncio.gather(*(asyncio.to_thread(worker.start) for worker in self.workers))
            self._ending = ending.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._ending.aclose()

    def _settings(self) -> dict[str, str]:
        kubeconfig = self.stack.state / "kubeconfig-by-the-proxy"
        plain = self.stack.kubernetes.kubeconfig.read_text(encoding="utf-8")
        kubeconfig.write_text(plain.replace(self.stack.kubernetes.url, self.kubernetes.url), encoding="utf-8")
        kubeconfig.chmod(0o600)
        return self.stack.environment() | {
            "CATALYST_POWERDNS_API_URL": self.powerdns.url,
            "POOL_DOMAIN_MANAGER_URL": self.pdm.url,
            "KUBECONFIG": str(kubeconfig),
            "CATALYST_DNS_AUTHORITATIVE": self.authoritative.address,
            "CATALYST_DNS_PROPAGATION_RESOLVERS": self.recursor.address,
        }

    def _worker(self, number: int, settings: dict[str, str]) -> WorkerProcess:
        return WorkerProcess(settings, free_port(), self.stack.state / "logs" / f"worker-{number}.log")

    def _stop_workers(self) -> None:
        for worker in self.workers:
            thaw(worker)
            worker.kill()

    def fill_disk(self) -> None:
        """No byte can be written on the disk of PowerDNS' database from now on."""
        if not self.disk:
            raise RuntimeError("PowerDNS' database is on a disk that others use too: it is not filled")
        full = self.stack.powerdns.folder() / _FULL
        with full.open("ab", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))

    def empty_disk(self) -> None:
        """There is room again."""
        (self.stack.powerdns.folder() / _FULL).unlink(missing_ok=True)

    def refuse_writes(self) -> None:
        """The database takes no change of a record, as a read-only one does."""
        with _connection(self.database) as database:
            for change in ("INSERT", "UPDATE", "DELETE"):
                database.execute(
                    f"CREATE TRIGGER IF NOT EXISTS chaos_read_only_{change} BEFORE {change} ON records "
                    "BEGIN SELECT RAISE(ABORT, 'attempt to write a readonly database'); END"
                )

    def take_writes(self) -> None:
        """It does again."""
        with _connection(self.database) as database:
            for change in ("INSERT", "UPDATE", "DELETE"):
                database.execute(f"DROP TRIGGER IF EXISTS chaos_read_only_{change}")

    @contextmanager
    def locked_database(self) -> Iterator[None]:
        """Another program holds the database's one write lock."""
        with closing(connect(self.database, isolation_level=None, timeout=30, check_same_thread=False)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
            database.execute("ROLLBACK")


@functools.cache
def _quiet_runtime() -> Runtime:
    """That Temporal is away is what is wanted, and not told again and again."""
    return Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="OFF")))


def freeze(process: ChildProcess) -> None:
    """SIGSTOP: connections stay open, and nobody answers."""
    _signal(process, signal.SIGSTOP)


def thaw(process: ChildProcess) -> None:
    """SIGCONT."""
    _signal(process, signal.SIGCONT)


def _signal(process: ChildProcess, number: signal.Signals) -> None:
    if process.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(process.pid, number)


@contextmanager
def _connection(database: Path) -> Iterator[Connection]:
    with closing(connect(database, timeout=30)) as connection, connection:
        yield connection


@contextmanager
def _disk_of_its_own(folder: Path) -> Iterator[bool]:
    """A small one in memory. Whether it could be mounted: that takes root, and a machine that lets it."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = shutil.which("mount")
    options = [f"size={DISK_BYTES}", "mode=700"]
    mounted = mount is not None and _succeeds(mount, "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder))
    try:
        yield mounted
    finally:
        if mounted:
            _succeeds("umount", "--lazy", str(folder))


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False, timeout=30).returncode == 0

"""Temporal namespaces of the tests' stack: their workers, as processes, and their clients."""

import secrets
from contextlib import ExitStack, suppress
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.service import RPCError

from devstack.ports import free_port
from devstack.worker_process import WorkerProcess
from tests.eventually import eventually
from tests.preloaded import launching
from tests.world import World


class PreloadedWorker(WorkerProcess):
    """One whose imports are made already. What is started stands for it, with another pid."""

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        return launching(*super().command()[1:])

    @property
    def pid(self) -> int | None:
        """Not known: a test that asks for it takes a worker that is started from nothing."""
        raise RuntimeError("a forked worker's pid is not known here: take start_fresh_worker")


def worker_in(description: dict[str, str], namespace: str, kind: type[WorkerProcess], **settings: str) -> WorkerProcess:
    """A worker of this namespace, not yet started, with settings of the test's own."""
    known = {key: value for key, value in description.items() if key.startswith(("CATALYST_", "POOL_", "KUBE"))}
    environment = known | {"TEMPORAL_ADDRESS": description["TEMPORAL_ADDRESS"], "TEMPORAL_NAMESPACE": namespace}
    log = Path(description["STATE"]) / "logs" / f"worker-{namespace}-{secrets.token_hex(3)}.log"
    return kind(environment | settings, free_port(), log)


async def client_of(description: dict[str, str], namespace: str) -> Client:
    return await Client.connect(
        description["TEMPORAL_ADDRESS"], namespace=namespace, data_converter=pydantic_data_converter
    )


class OwnNamespace:
    """Made when it is asked for; its workers end with the test."""

    def __init__(self, description: dict[str, str], world: World, ending: ExitStack) -> None:
        self._name = f"own-{world.unique}"
        self._description = description
        self._world = world
        self._ending = ending

    def start_worker(self, **settings: str) -> WorkerProcess:
        return self._started(PreloadedWorker, settings)

    def start_fresh_worker(self, **settings: str) -> WorkerProcess:
        """From nothing: where a run moves to another worker, or where the process itself is looked at."""
        return self._started(WorkerProcess, settings)

    def _started(self, kind: type[WorkerProcess], settings: dict[str, str]) -> WorkerProcess:
        return self._ending.enter_context(worker_in(self._description, self._name, kind, **settings))

    def command(self, *arguments: str) -> str:
        """What the plain `temporal` command answers here."""
        ended = self._world.temporal_command(self._name, *arguments)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    async def create(self) -> Client:
        """Makes it, and returns a client as soon as it is known everywhere."""
        self.command("operator", "namespace", "create")

        async def connected() -> Client | None:
            with suppress(RPCError):
                client = await client_of(self._description, self._name)
                await client.count_workflows()
                return client
            return None

        return await eventually(connected)

"""One embedded stack for the whole run: real Temporal, PowerDNS and recursor, started once by the process that leads.

So is the one browser for the tests that look at the Web UI.

Tests never disturb each other: each works below a parent domain of its own, each xdist worker in a Temporal
namespace of its own. Workers run as processes, as in production; none runs in a test's own process. What most tests
start, and the command line, has its imports made already (`tests.preloaded`).
"""

import gc
import os
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from devstack.ports import Ports, free_port
from devstack.stack import Stack
from devstack.worker_process import WorkerProcess
from tests import settings_of_the_shell
from tests.command_line import environment_of
from tests.counting_resolver import CountingResolver
from tests.mounted_backends import MountedBackends, end_what_runs
from tests.namespaces import OwnNamespace, PreloadedWorker, client_of, worker_in
from tests.preloaded import Preloaded
from tests.web_ui.chromium import Chromium
from tests.world import World

MOST_XDIST_WORKERS = 8

_WITHOUT_STACK = (
    "tests/unit/",
    "tests/removal/",
    "tests/contract_tests/",
    "tests/test_delegated.py",
    "tests/test_group_commit.py",
    "tests/test_hetzner.py",
)
_WITH_BROWSER = "tests/test_web_ui.py"


def _namespaces(name: str) -> list[str]:
    """For each xdist worker one for its standing worker, one for workers with settings of a test's own, and one for
    the worker whose backends are mounted.
    """
    return [name, f"{name}-special", f"{name}-mounted"]


class SharedStack:
    """The leading process' part: makes the stack known to the others at once, and starts it when it is needed."""

    def __init__(self) -> None:
        names = ["main", *(f"gw{index}" for index in range(MOST_XDIST_WORKERS))]
        self._folder = tempfile.TemporaryDirectory(prefix="sovereign-dns-tests-")
        self._stack = Stack(
            Path(self._folder.name),
            Ports.free(),
            [namespace for name in names for namespace in _namespaces(name)],
            worker=False,
            sweep_seconds=3600,
            issue_seconds=0.3,
        )
        self._preloaded = Preloaded(self._stack.state / "preloaded", self._stack.state / "logs" / "preloaded.log")
        self._chromium = Chromium(self._stack.state, free_port())
        self._started = False

    @property
    def description(self) -> dict[str, str]:
        """What a test's process needs to know."""
        stack = self._stack
        return stack.environment() | {
            "STATE": str(stack.state),
            "POWERDNS_DNS": stack.powerdns.dns_address,
            "RECURSOR": stack.recursor.address,
            "KUBERNETES_URL": stack.kubernetes.url,
            "WEB_UI": stack.temporal.ui_url,
            "CHROMIUM": self._chromium.url,
        }

    def start_for(self, test_ids: Sequence[str]) -> None:
        """Starts the stack, once, if any of the tests needs it; and the browser."""
        if not self._started and any(not test_id.startswith(_WITHOUT_STACK) for test_id in test_ids):
            self._started = True
            self._preloaded.start()
            self._stack.start()
            if any(test_id.startswith(_WITH_BROWSER) for test_id in test_ids):
                self._chromium.start()

    def stop(self) -> None:
        """Stops what was started, and forgets its state."""
        if self._started:
            self._chromium.stop()
            self._stack.stop()
            self._preloaded.stop()
        self._folder.cleanup()


_shared = pytest.StashKey[SharedStack]()


def _leads(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput")


def pytest_configure(config: pytest.Config) -> None:
    # Nothing of what is collected ever becomes garbage: to look for some takes each process a second of CPU.
    gc.disable()
    settings_of_the_shell.forget()
    if _leads(config) and not config.option.collectonly:
        config.stash[_shared] = SharedStack()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    node.workerinput["stack"] = node.config.stash[_shared].description


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_node_collection_finished(node: Any, ids: Sequence[str]) -> None:
    node.config.stash[_shared].start_for(ids)


def pytest_collection_finish(session: pytest.Session) -> None:
    gc.freeze()
    gc.enable()
    shared = session.config.stash.get(_shared, None)
    if shared is not None:
        shared.start_for([item.nodeid for item in session.items])


def pytest_unconfigure(config: pytest.Config) -> None:
    shared = config.stash.get(_shared, None)
    if shared is not None:
        shared.stop()


@pytest.fixture(scope="session")
def stack_description(request: pytest.FixtureRequest) -> dict[str, str]:
    if _leads(request.config):
        return request.config.stash[_shared].description
    description: dict[str, str] = request.config.workerinput["stack"]  # type: ignore[attr-defined]
    return description


@pytest.fixture(scope="session")
def namespaces() -> list[str]:
    return _namespaces(os.environ.get("PYTEST_XDIST_WORKER", "main"))


StartWorker = Callable[..., WorkerProcess]


@pytest.fixture(scope="session")
def standing_worker(stack_description: dict[str, str], namespaces: list[str]) -> Iterator[WorkerProcess]:
    with worker_in(stack_description, namespaces[0], PreloadedWorker) as worker:
        yield worker


@pytest.fixture
def start_worker(stack_description: dict[str, str], namespaces: list[str]) -> Iterator[StartWorker]:
    """Starts workers with settings of the test's own, in the special namespace."""
    with ExitStack() as ending:
        yield lambda **settings: ending.enter_context(
            worker_in(stack_description, namespaces[1], PreloadedWorker, **settings)
        )


@pytest.fixture
def start_fresh_worker(stack_description: dict[str, str], namespaces: list[str]) -> Iterator[StartWorker]:
    """The same, from nothing: where a run moves to another worker, or where the process itself is looked at."""
    with ExitStack() as ending:
        yield lambda **settings: ending.enter_context(
            worker_in(stack_description, namespaces[1], WorkerProcess, **settings)
        )


@pytest.fixture(scope="session")
async def temporal(stack_description: dict[str, str], namespaces: list[str], standing_worker: WorkerProcess) -> Client:
    """A client of the namespace that the standing worker serves."""
    return await client_of(stack_description, namespaces[0])


@pytest.fixture(scope="session")
async def special_temporal(stack_description: dict[str, str], namespaces: list[str]) -> Client:
    """A client of the namespace that `start_worker` serves."""
    return await client_of(stack_description, namespaces[1])


@pytest.fixture(scope="session")
async def counting_resolver(stack_description: dict[str, str]) -> AsyncIterator[CountingResolver]:
    """The resolver of the worker whose backends are mounted."""
    async with CountingResolver(stack_description["RECURSOR"]) as counting:
        yield counting


@pytest.fixture(scope="session")
def _mounted(
    stack_description: dict[str, str],
    namespaces: list[str],
    counting_resolver: CountingResolver,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[MountedBackends]:
    backends = MountedBackends(tmp_path_factory.mktemp("mounted"), stack_description)
    resolver = {"CATALYST_DNS_PROPAGATION_RESOLVERS": counting_resolver.address}
    with worker_in(stack_description, namespaces[2], PreloadedWorker, **backends.settings, **resolver):
        yield backends


@pytest.fixture(scope="session")
async def mounted_temporal(
    stack_description: dict[str, str], namespaces: list[str], _mounted: MountedBackends
) -> Client:
    """A client of the namespace whose one worker finds its backends where `mounted` says."""
    return await client_of(stack_description, namespaces[2])


@pytest.fixture
async def mounted(_mounted: MountedBackends, mounted_temporal: Client) -> AsyncIterator[MountedBackends]:
    """A running worker's backends, for a test to exchange. Quicker than a worker of its own, by seconds."""
    yield _mounted
    await end_what_runs(mounted_temporal)
    _mounted.lead_to_the_stack()


@pytest.fixture
def environment(temporal: Client, stack_description: dict[str, str]) -> dict[str, str]:
    """What leads the command line to the standing worker's namespace."""
    return environment_of(temporal, stack_description)


@pytest.fixture
async def world(stack_description: dict[str, str]) -> AsyncIterator[World]:
    """The outside world, as a test looks at it: with its own eyes, not with the product's."""
    async with World(stack_description) as world:
        yield world


@pytest.fixture
def own_namespace(stack_description: dict[str, str], world: World) -> Iterator[OwnNamespace]:
    """For what would reach every other run of a namespace: a current version, a count."""
    with ExitStack() as ending:
        yield OwnNamespace(stack_description, world, ending)

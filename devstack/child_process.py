"""A supervised child process with a log file of its own."""

import atexit
import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

from mirakuru import SimpleExecutor
from mirakuru.base import cleanup_subprocesses
from mirakuru.exceptions import ProcessFinishedWithError, TimeoutExpired

from devstack.errors import ProcessDiedError, StartError
from devstack.programs import PROJECT, find_program

# The kernel sends the parent-death signal when the *thread* that started a child ends, not its process.
# So one thread, which lives as long as the process does, starts them all.
_STARTER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="devstack-starter")

# mirakuru's clean-up at exit looks for this process' id anywhere inside the marks of *all* of mirakuru's
# children on the machine: process 31 kills what process 4312 started. The death signal does it exactly.
atexit.unregister(cleanup_subprocesses)

# A shell that is set up for production must not aim a process of the embedded stack at it.
_NOT_INHERITED = (
    "TEMPORAL_",
    "CATALYST_POWERDNS_",
    "CATALYST_PDM_",
    "POOL_DOMAIN_MANAGER_",
    "CATALYST_OWNED_",
    "CATALYST_REGISTRAR_",
    "HCLOUD_",
)

_TAIL_BYTES = 4_000
_TAIL_LINES = 15


class _ExactEnvironment(SimpleExecutor):
    """mirakuru's executor, with only those variables of the shell that the child inherits."""

    def __init__(self, inherits: Callable[[str], bool], command: list[str], **options: Any) -> None:
        super().__init__(command, **options)
        self._inherits = inherits

    @property
    def envvars(self) -> dict[str, str]:
        inherited = {k: v for k, v in super().envvars.items() if self._inherits(k)}
        return inherited | self._envvars


class ChildProcess(ABC):
    """A program that runs until it is stopped, and never longer than the process that started it.

    Its output goes to `log`. It can be started again after it was stopped, killed, or has died.
    """

    timeout: ClassVar[float] = 30.0
    """Seconds that it may take to become ready, and to end after SIGTERM before it is killed."""

    def __init__(self, name: str, log: Path) -> None:
        self.name = name
        self.log = log
        self._log_start = 0
        self._executor: SimpleExecutor | None = None

    @abstractmethod
    def command(self) -> list[str]:
        """Return the program and its arguments."""

    @abstractmethod
    def ready(self) -> bool:
        """Say whether it serves; asked every few milliseconds while it starts, so it must not block."""

    def prepare(self) -> None:  # noqa: B027 - most programs need no preparation
        """Write the files that the program reads; called before each start."""

    def folder(self) -> Path:
        """Return the working directory of the program."""
        return PROJECT

    def environment(self) -> Mapping[str, str]:
        """Return the variables that it gets on top of the inherited ones."""
        return {}

    def inherits(self, variable: str) -> bool:
        """Say whether it gets a variable of the shell; none that would lead it out of the stack."""
        return not variable.startswith(_NOT_INHERITED)

    @property
    def running(self) -> bool:
        """Whether the process is there."""
        return self._executor is not None and self._executor.running()

    @property
    def pid(self) -> int | None:
        """Its process id, if it was started and nobody has stopped it."""
        process = self._executor.process if self._executor else None
        return process.pid if process else None

    def start(self) -> Self:
        """Start it and return when it is ready; does nothing when it runs already.

        Raises:
            StartError: it ended or was not ready in time; quotes the end of its log.
            ProgramMissingError: it is not installed.
        """
        if self.running:
            return self
        self.prepare()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as output:
            self._log_start = output.tell()
            executor = self._executor = _ExactEnvironment(
                self.inherits,
                [*_ending_with_its_parent(), *self.command()],
                cwd=str(self.folder()),
                envvars={**_without_proxy(), **self.environment()},
                timeout=self.timeout,
                sleep=0.02,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            _STARTER.submit(executor.start).result()
        try:
            executor.wait_for(lambda: self._started(executor))
        except TimeoutExpired:
            raise StartError(f"{self.name} was not ready after {self.timeout:g} s. {self.log_tail()}") from None
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self) -> None:
        """End it with SIGTERM, or with SIGKILL after `timeout` seconds; nothing when it does not run."""
        executor, self._executor = self._executor, None
        if executor is not None:
            # How a process ends that was told to end is its own affair.
            with suppress(ProcessFinishedWithError):
                executor.stop()

    def kill(self) -> None:
        """End it with SIGKILL, at once, as a crash would."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.kill()

    def check(self) -> None:
        """Raise if it has ended by itself.

        Raises:
            ProcessDiedError: says how it ended and quotes the end of its log.
        """
        process = self._executor.process if self._executor else None
        if process is not None and (code := process.poll()) is not None:
            raise ProcessDiedError(f"{self.name} has ended ({_how(code)}). {self.log_tail()}")

    def log_tail(self) -> str:
        """Return the last lines that it wrote since its last start, under the log's name."""
        with self.log.open("rb") as log:
            end = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_start, end - _TAIL_BYTES))
            lines = log.read().decode(errors="replace").splitlines()[-_TAIL_LINES:]
        if not lines:
            return f"It wrote nothing to {self.log}."
        return "\n  ".join([f"The end of {self.log}:", *lines])

    def _started(self, executor: SimpleExecutor) -> bool:
        process = executor.process
        if process is None:
            raise StartError(f"{self.name} was stopped before it was ready.")
        if (code := process.poll()) is not None:
            raise StartError(f"{self.name} ended before it was ready ({_how(code)}). {self.log_tail()}")
        return self.ready()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _ending_with_its_parent() -> list[str]:
    remedy = "It comes with the package util-linux; the embedded stack runs on Linux only."
    return [find_program("setpriv", remedy), "--pdeathsig", "KILL", "--"]


def _without_proxy() -> dict[str, str]:
    """Keep the stack's own traffic away from a proxy that the shell may name."""
    hosts = ",".join(filter(None, (os.environ.get("no_proxy") or os.environ.get("NO_PROXY"), "127.0.0.1,localhost")))
    return {"NO_PROXY": hosts, "no_proxy": hosts}

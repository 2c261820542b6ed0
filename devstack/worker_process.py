"""The worker as a process."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from devstack.child_process import ChildProcess
from devstack.programs import PROJECT
from devstack.readiness import http_ok

_ITS_OWN = ("CATALYST_OWNED_", "HCLOUD_", "TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID")
"""Settings that lead it to no backend of which the stack has one."""

AS_IN_THE_IMAGE = {"MALLOC_TRIM_THRESHOLD_": "131072"}
"""How much unused memory the C library keeps (docs/tuning.md)."""


class WorkerProcess(ChildProcess):
    """`python worker.py`, as it runs in production but for its settings."""

    # Its activities have 30 s to end after SIGTERM.
    timeout: ClassVar[float] = 80.0

    def __init__(
        self,
        environment: Mapping[str, str],
        health_port: int,
        log: Path,
        script: Path = PROJECT / "worker.py",
    ) -> None:
        super().__init__("worker", log)
        self._environment = dict(environment)
        self._health_port = health_port
        self._script = script

    @property
    def health_url(self) -> str:
        """The base of its health endpoints, `/readyz` among them."""
        return f"http://127.0.0.1:{self._health_port}"

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        return [sys.executable, "-u", str(self._script.absolute())]

    def folder(self) -> Path:
        """Return the folder of its log: in the project's it would read `.env`, which may name another cluster."""
        return self.log.parent

    def environment(self) -> dict[str, str]:
        """Return its settings."""
        return AS_IN_THE_IMAGE | self._environment | {"SOVEREIGN_DNS_HEALTH_ADDRESS": f"127.0.0.1:{self._health_port}"}

    def inherits(self, variable: str) -> bool:
        """Say whether it gets a variable of the shell: every setting but those of the stack's own backends."""
        return variable.startswith(_ITS_OWN) or super().inherits(variable)

    def ready(self) -> bool:
        """Say whether it polls Temporal."""
        return http_ok(f"{self.health_url}/readyz")

"""The simulator of the pool-domain-manager as a process."""

import sys
from collections.abc import Sequence
from pathlib import Path

from devstack.child_process import ChildProcess
from devstack.readiness import http_ok

NAME_SERVERS = ("ns1.openova.io", "ns2.openova.io", "ns3.openova.io")


class PDMSimulator(ChildProcess):
    """`python -m devstack.simulators.pdm`; its allocations survive restarts."""

    def __init__(
        self,
        state: Path,
        port: int,
        powerdns_url: str,
        powerdns_key_file: Path,
        *,
        name_servers: Sequence[str] = NAME_SERVERS,
        reservation_seconds: float = 600,
        sweep_seconds: float = 30,
        basic_auth_file: Path | None = None,
    ) -> None:
        super().__init__("pdm", state / "logs" / "pdm.log")
        self._port = port
        self._options = {
            "--port": str(port),
            "--powerdns-url": powerdns_url,
            "--powerdns-key-file": str(powerdns_key_file.absolute()),
            "--nameservers": ",".join(name_servers),
            "--reservation-seconds": f"{reservation_seconds:g}",
            "--sweep-seconds": f"{sweep_seconds:g}",
            "--state": str(state.absolute() / "pdm.json"),
        }
        if basic_auth_file is not None:
            self._options["--basic-auth-file"] = str(basic_auth_file.absolute())

    @property
    def url(self) -> str:
        """The base of its API."""
        return f"http://127.0.0.1:{self._port}"

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        options = [word for option in self._options.items() for word in option]
        return [sys.executable, "-u", "-m", "devstack.simulators.pdm", *options]

    def ready(self) -> bool:
        """Say whether it serves."""
        return http_ok(f"{self.url}/healthz")

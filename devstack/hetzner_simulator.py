"""The simulator of the Hetzner Cloud API as a process."""

import sys
from pathlib import Path

from devstack.child_process import ChildProcess
from devstack.readiness import http_ok
from devstack.state_folder import write_private


class HetznerSimulator(ChildProcess):
    """`python -m devstack.simulators.hetzner`; it knows these tokens, each of the form `<project>-<anything>`."""

    def __init__(self, state: Path, port: int, *tokens: str) -> None:
        super().__init__("hetzner", state / "logs" / "hetzner.log")
        self.token_file = state.absolute() / "secrets" / "hetzner-tokens"
        self._tokens = tokens
        self._port = port

    @property
    def origin(self) -> str:
        """Where its control calls are."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def url(self) -> str:
        """The base of its API."""
        return f"{self.origin}/v1"

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        options = ["--port", str(self._port), "--token-file", str(self.token_file)]
        return [sys.executable, "-u", "-m", "devstack.simulators.hetzner", *options]

    def prepare(self) -> None:
        """Write the file of tokens."""
        self.token_file.parent.mkdir(parents=True, exist_ok=True)
        write_private(self.token_file, "".join(f"{token}\n" for token in self._tokens))

    def ready(self) -> bool:
        """Say whether it serves."""
        return http_ok(f"{self.origin}/simulator/healthz")

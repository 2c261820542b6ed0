"""The simulator of the Kubernetes API with cert-manager as a process."""

import json
import sys
from pathlib import Path

from devstack.child_process import ChildProcess
from devstack.readiness import http_ok
from devstack.state_folder import secret, write_private


class KubernetesSimulator(ChildProcess):
    """`python -m devstack.simulators.kubernetes`; its objects survive restarts."""

    def __init__(self, state: Path, port: int, token_file: Path, *, issue_seconds: float = 3) -> None:
        super().__init__("kubernetes", state / "logs" / "kubernetes.log")
        self.kubeconfig = state.absolute() / "kubeconfig"
        self._port = port
        self._token_file = token_file.absolute()
        self._options = {
            "--port": str(port),
            "--token-file": str(self._token_file),
            "--issue-seconds": f"{issue_seconds:g}",
            "--state": str(state.absolute() / "kubernetes.json"),
        }

    @property
    def url(self) -> str:
        """The base of its API."""
        return f"http://127.0.0.1:{self._port}"

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        options = [word for option in self._options.items() for word in option]
        return [sys.executable, "-u", "-m", "devstack.simulators.kubernetes", *options]

    def prepare(self) -> None:
        """Write the kubeconfig file that leads clients here."""
        content = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "simulator", "cluster": {"server": self.url}}],
            "users": [{"name": "simulator", "user": {"token": secret(self._token_file)}}],
            "contexts": [{"name": "simulator", "context": {"cluster": "simulator", "user": "simulator"}}],
            "current-context": "simulator",
        }
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        write_private(self.kubeconfig, json.dumps(content, indent=2))  # JSON is YAML

    def ready(self) -> bool:
        """Say whether it serves."""
        return http_ok(f"{self.url}/version")

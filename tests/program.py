"""The command line as a process."""

import os
import subprocess
import sys
from pathlib import Path

from temporalio.client import Client

PROGRAM = str(Path(sys.executable).parent / "sovereign-dns")


def environment_of(client: Client, description: dict[str, str]) -> dict[str, str]:
    """Leads it to a client's namespace."""
    return {
        "PATH": os.environ["PATH"],
        "TEMPORAL_ADDRESS": description["TEMPORAL_ADDRESS"],
        "TEMPORAL_NAMESPACE": client.namespace,
    }


def run(environment: dict[str, str], *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """What it prints, and its exit code. Without `given` it is not at a terminal either."""
    return subprocess.run(
        [PROGRAM, *arguments],
        env=environment, input=given or "", capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip

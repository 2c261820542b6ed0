"""The command line as a process."""

import subprocess
import sys
from pathlib import Path

PROGRAM = str(Path(sys.executable).parent / "sovereign-dns")


def run(environment: dict[str, str], *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """What it prints, and its exit code. Without `given` it is not at a terminal either."""
    return subprocess.run(
        [PROGRAM, *arguments],
        env=environment, input=given or "", capture_output=True, text=True, timeout=90, check=False,
    )  # fmt: skip

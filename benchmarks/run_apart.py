"""One run of one benchmark in a process of its own: its memory, event loop or crash is nobody else's.

What is run is `python -m benchmarks.run_apart MODULE FILE`, and FILE holds the report.
"""

import importlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from pydantic import TypeAdapter

from benchmarks.report import CheckFailedError, Report
from devstack.programs import PROJECT

LONGEST_SECONDS = 900.0
CHECK_FAILED = ".check-failed"

_REPORT = TypeAdapter(Report)

# A shell that is set up for production must not aim a benchmark at it.
_NOT_INHERITED = ("TEMPORAL_", "CATALYST_", "POOL_DOMAIN_MANAGER_", "SOVEREIGN_DNS_", "HCLOUD_", "KUBECONFIG")


class NotRunError(Exception):
    """A benchmark ended without a report; the message says how."""


def run(module: str) -> Report:
    """Runs the benchmark of a module.

    Raises:
        CheckFailedError: its own check of its result failed.
        NotRunError: it broke, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="sovereign-dns-bench-") as folder:
        file = Path(folder) / "report.json"
        try:
            ended = subprocess.run(  # noqa: S603 (our own module)
                [sys.executable, "-m", __name__, module, str(file)],
                cwd=PROJECT,
                env={name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)},
                timeout=LONGEST_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotRunError(f"{module} took longer than {LONGEST_SECONDS:.0f} s and was ended.") from None
        if (said := file.with_suffix(CHECK_FAILED)).exists():
            raise CheckFailedError(said.read_text(encoding="utf-8"))
        # Not by its exit code: a process that ran a worker may crash at its very end, after all its work.
        if not file.exists():
            raise NotRunError(
                f"{module} ended with exit code {ended.returncode} and no report: see what it wrote above."
            )
        return _REPORT.validate_json(file.read_bytes())


def main(module: str, file: Path) -> None:
    """What runs in the process of its own. A file is there when it is whole."""
    try:
        report: Report = importlib.import_module(module).measure()
    except CheckFailedError as error:
        _put(file.with_suffix(CHECK_FAILED), str(error).encode())
    else:
        _put(file, _REPORT.dump_json(report))


def _put(file: Path, content: bytes) -> None:
    part = file.with_suffix(".part")
    part.write_bytes(content)
    part.rename(file)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))

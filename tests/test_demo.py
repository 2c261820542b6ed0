"""The demo tells the incident, and its exit code is the proof."""

import os
import subprocess
import sys
from pathlib import Path


def test_the_demo(tmp_path: Path) -> None:
    program = str(Path(sys.executable).parent / "sovereign-dns")

    ended = subprocess.run(
        [program, "demo", "--state", str(tmp_path / "demo")],
        env={"PATH": os.environ["PATH"]}, capture_output=True, text=True, timeout=110, check=False,
    )  # fmt: skip

    assert ended.returncode == 0, ended.stdout + ended.stderr
    lines = [" ".join(line.split()) for line in ended.stdout.splitlines()]
    assert "✔ authoritative console.t110.omani.works 49.12.16.160 (a stranger's server)" in lines
    for place in ("authoritative", "resolver"):
        for label in ("", "console.", "auth.", "guacamole."):
            assert f"✔ {place} {label}t110.omani.works 77.42.11.95 (the Sovereign)" in lines
    assert "✔ authoritative foo.omani.works 49.12.16.160 (still the stranger)" in lines
    assert any(line.startswith("hazard: stale-wildcard *.omani.works.") for line in lines)
    assert any("/namespaces/default/workflows/sovereign%2Ft110.omani.works" in line for line in lines)

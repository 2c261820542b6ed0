"""Old runs survive new code: recorded histories replay, and a history that doesn't fit is noticed."""

import gzip
import json
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parent.parent
HISTORIES = sorted((PROJECT / "tests" / "histories").glob("*.json.gz"))


def replay(*files: Path) -> dict[str, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.histories.replay", *map(str, files)],
        cwd=PROJECT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    told = dict(line.split(": ", 1) for line in ended.stdout.splitlines() if ": " in line)
    assert told, ended.stderr
    return told


def test_every_recorded_history_replays() -> None:
    assert len(HISTORIES) >= 10
    assert replay(*HISTORIES) == {path.name: "replayed" for path in HISTORIES}


def test_a_history_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    recorded = json.loads(gzip.decompress((PROJECT / "tests/histories/complete.json.gz").read_bytes()))
    for event in recorded["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled and scheduled["activityType"]["name"] == "records-upsert":
            scheduled["activityType"]["name"] = "something-else"
    changed = tmp_path / "changed.json.gz"
    changed.write_bytes(gzip.compress(json.dumps(recorded).encode()))

    assert "ondeterminism" in replay(changed)["changed.json.gz"]

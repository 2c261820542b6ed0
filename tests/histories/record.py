"""Records histories of real runs for the replay test: `make record-histories`, or some by `ARGS="complete stalled"`.

Every recording goes into a folder of its own, and none is ever overwritten: the older ones stand for the runs that
are under way when new code arrives, and a change that can't replay one must be patched (docs/changing-workflows.md).
"""

import asyncio
import gzip
import sys
import tempfile
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.ports import Ports
from devstack.stack import Stack
from tests import settings_of_the_shell
from tests.histories.replay import FOLDER
from tests.histories.scenarios import Handle, Scenarios, ended
from tests.lossy_api import LossyApi
from tests.world import World


class Recorder:
    """Keeps how runs went: those that are wanted, or all of them."""

    def __init__(self, wanted: set[str]) -> None:
        self._wanted = wanted
        self.recorded: dict[str, bytes] = {}

    async def keep(self, name: str, run: Handle) -> None:
        """Waits for its end, and takes its history."""
        await ended(run)
        if name in self._wanted or not self._wanted:
            history = await run.fetch_history()
            self.recorded[name] = gzip.compress(history.to_json().encode(), mtime=0)
            print(f"{name}: {len(history.events)} events", flush=True)


async def _record(recorder: Recorder, state: Path) -> None:
    ports = Ports.free()
    async with LossyApi(f"http://127.0.0.1:{ports.powerdns_api}", "PATCH") as lossy:
        settings = {"CATALYST_POWERDNS_API_URL": lossy.url}
        with Stack(state, ports, issue_seconds=0.5, settings=settings) as stack:
            description = stack.environment() | {
                "STATE": str(stack.state),
                "POWERDNS_DNS": stack.powerdns.dns_address,
                "KUBERNETES_URL": stack.kubernetes.url,
            }
            client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
            async with World(description) as world:
                await Scenarios(client, stack, world, lossy, recorder.keep).play()


def main(wanted: set[str]) -> None:
    """All scenarios are played, since some build on others; what is wanted is written when all went well."""
    settings_of_the_shell.forget()
    recorder = Recorder(wanted)
    with tempfile.TemporaryDirectory() as state:
        asyncio.run(_record(recorder, Path(state)))
    if recorder.recorded:
        _write(recorder.recorded)
    if unknown := wanted - recorder.recorded.keys():
        sys.exit(f"No scenario is called {', '.join(sorted(unknown))}: see tests/histories/scenarios.py.")


def _write(histories: dict[str, bytes]) -> None:
    newest = max((int(path.name) for path in FOLDER.glob("[0-9]*")), default=0)
    folder = FOLDER / f"{newest + 1:03}"
    folder.mkdir()
    for name, history in histories.items():
        (folder / f"{name}.json.gz").write_bytes(history)
    print(f"{len(histories)} histories are in {folder}. Have them replayed, and commit them.")


if __name__ == "__main__":
    main(set(sys.argv[1:]))

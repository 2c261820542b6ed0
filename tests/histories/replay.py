"""Replays recorded histories with the code as it is: `python -m tests.histories.replay [FILE …]`.

A process of its own, judged by what it prints: one that has run Temporal's core may crash at its very end.
"""

import asyncio
import gzip
import json
import os
import sys
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from service import logs, telemetry
from workflows.all_workflows import ALL_WORKFLOWS, SANDBOX
from workflows.conversion import contract_data_converter
from workflows.one_request import OneRequestEach

CORE_LOGS_BUFFERED_SECONDS = 0.05

FOLDER = Path(__file__).parent


def recorded_histories() -> list[Path]:
    """Every history, of every recording."""
    return sorted(FOLDER.glob("*/*.json.gz"))


async def _replay(paths: list[Path]) -> None:
    replayer = Replayer(
        workflows=ALL_WORKFLOWS,
        workflow_runner=SANDBOX,
        data_converter=contract_data_converter,
        interceptors=[OneRequestEach()],
    )
    for path in paths:
        recorded = json.loads(gzip.decompress(path.read_bytes()))
        # The true id matters: a run asks it whether it holds the lock.
        workflow_id = recorded["events"][0]["workflowExecutionStartedEventAttributes"]["workflowId"]
        history = WorkflowHistory.from_json(workflow_id, recorded)
        result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
        await asyncio.sleep(CORE_LOGS_BUFFERED_SECONDS)
        outcome = "replayed" if result.replay_failure is None else result.replay_failure
        print(f"{path.parent.name}/{path.name}: {outcome}", flush=True)


if __name__ == "__main__":
    logs.configure("INFO")
    telemetry.configure(None)
    asyncio.run(_replay([Path(name) for name in sys.argv[1:]] or recorded_histories()))
    sys.stdout.flush()
    os._exit(0)

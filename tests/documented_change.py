"""Runs and replays the worked example of docs/changing-workflows.md; processes of their own, as any worker's.

    python -m tests.documented_change work FOLDER CODE ADDRESS NAMESPACE
    python -m tests.documented_change replay FOLDER

FOLDER holds the example's versions as modules, and the histories of their runs as JSON.
"""

import asyncio
import importlib
import json
import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from temporalio import activity
from temporalio.client import Client, WorkflowHistory
from temporalio.exceptions import ApplicationError
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.worker import Replayer, Worker

TASK_QUEUE = "documented-change"
DNS_IS_RIGHT = "dns-is-right"
"""The file, in FOLDER, that has to be there for `dns-verify` to succeed."""


@activity.defn(name="zone-create")
async def _create_zone(name: str) -> None: ...


@activity.defn(name="records-upsert")
async def _upsert_records(name: str) -> None: ...


@activity.defn(name="dns-verify")
async def _verify_dns(name: str) -> None:
    if not (Path(sys.argv[2]) / DNS_IS_RIGHT).exists():
        raise ApplicationError("not yet", type="NotYetConverged", next_retry_delay=timedelta(seconds=0.2))


def _workflow(code: str) -> Any:
    return importlib.import_module(code).PublishName


async def _work(code: str, address: str, namespace: str) -> None:
    client = await Client.connect(address, namespace=namespace)
    activities = [_create_zone, _upsert_records, _verify_dns]
    worker = Worker(
        client,
        task_queue=TASK_QUEUE,
        workflows=[_workflow(code)],
        activities=activities,
        max_cached_workflows=0,  # so that the next worker need not wait until the server gives this one up
    )
    async with worker:
        await asyncio.Event().wait()


async def _replay(codes: list[str], histories: dict[str, str]) -> dict[str, dict[str, str]]:
    """How each history goes with each version of the code."""
    told: dict[str, dict[str, str]] = {}
    for code in codes:
        replayer = Replayer(workflows=[_workflow(code)])
        told[code] = {}
        for began, recorded in histories.items():
            history = WorkflowHistory.from_json(began, recorded)
            result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
            told[code][began] = "replayed" if result.replay_failure is None else str(result.replay_failure)
    return told


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[2])
    Runtime.set_default(Runtime(telemetry=TelemetryConfig(logging=None)))  # it would log to standard output
    match sys.argv[1:]:
        case ["work", _, code, address, namespace]:
            asyncio.run(_work(code, address, namespace))
        case ["replay", folder]:
            codes = [path.stem for path in Path(folder).glob("*.py")]
            recorded = {path.stem: path.read_text(encoding="utf-8") for path in Path(folder).glob("*.json")}
            print(json.dumps(asyncio.run(_replay(codes, recorded))))
    sys.stdout.flush()
    os._exit(0)

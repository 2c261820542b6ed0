"""One step alone, done by a worker as in a run, and again where it fails; without the workflow around it."""

import secrets
from datetime import timedelta
from typing import Any

from temporalio.client import ActivityHandle, Client
from temporalio.common import RetryPolicy

from tests.eventually import eventually

Report = dict[str, Any]
Step = ActivityHandle[Any]


async def start_step(client: Client, step: str, task: dict[str, Any]) -> Step:
    """Starts it. A backend that is away is tried again ten times a second."""
    return await client.start_activity(
        step,
        task,
        id=f"{step}/{secrets.token_hex(4)}",
        task_queue="sovereign-dns",
        start_to_close_timeout=timedelta(seconds=120),
        heartbeat_timeout=timedelta(seconds=10),
        retry_policy=RetryPolicy(initial_interval=timedelta(milliseconds=100), backoff_coefficient=1.0),
    )


async def report_of(client: Client, step: str, task: dict[str, Any]) -> Report:
    """What it reports when it is done."""
    report: Report = await (await start_step(client, step, task)).result()
    return report


async def last_failure_of(step: Step) -> str:
    """Its last attempt's failure, type and message, as soon as there is one."""

    async def failure() -> str | None:
        info = (await step.describe(include_last_failure=True)).raw_info
        if not info.HasField("last_failure"):
            return None
        return f"{info.last_failure.application_failure_info.type}: {info.last_failure.message}"

    return await eventually(failure)

"""A workflow of activities that do nothing: what Temporal itself costs."""

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

from temporalio import activity, workflow

TASK_QUEUE = "do-nothing"

_A_MINUTE = timedelta(minutes=1)


@dataclass
class Shape:
    """One local activity, one activity, and then chains of activities side by side."""

    chains: list[int] = field(default_factory=list)
    """How many activities follow one another in each."""


@activity.defn
async def nothing() -> None:
    """Does nothing."""


@workflow.defn
class DoNothing:
    """As many activities as a provisioning has, in the same order."""

    @workflow.run
    async def run(self, shape: Shape) -> None:
        """Runs them."""
        await workflow.execute_local_activity(nothing, start_to_close_timeout=_A_MINUTE)
        await _one()
        await asyncio.gather(*(_one_after_the_other(length) for length in shape.chains))


async def _one_after_the_other(length: int) -> None:
    for _ in range(length):
        await _one()


async def _one() -> None:
    await workflow.execute_activity(nothing, start_to_close_timeout=_A_MINUTE)

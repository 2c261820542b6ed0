"""A worker that is killed in the middle of each step of a removal, and what becomes of the runs that it held."""

import asyncio
from pathlib import Path

from temporalio.client import Client

from tests.conftest import StartWorker
from tests.held_removals import hold_removals_in_every_step
from tests.held_steps import gates_before
from tests.world import World


async def test_a_worker_is_killed_in_the_middle_of_each_step_and_the_next_one_finishes(
    special_temporal: Client,
    start_fresh_worker: StartWorker,
    world: World,
    stack_description: dict[str, str],
    tmp_path: Path,
) -> None:
    """Whatever the killed one had sent, nothing is left, and the result tells all that was there."""
    async with gates_before(stack_description, tmp_path) as gates:
        killed = start_fresh_worker(**gates.settings)
        held = await hold_removals_in_every_step(world, special_temporal, gates)

        killed.kill()
        gates.let_everything_through()
        await asyncio.to_thread(start_fresh_worker, **gates.settings)

        for removal in held:
            await removal.completes(world)

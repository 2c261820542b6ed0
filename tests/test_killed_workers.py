"""A worker that is ended in the middle of each step, and what becomes of the runs that it held."""

import asyncio
import json
from pathlib import Path

from temporalio.client import Client

from devstack.worker_process import WorkerProcess
from tests.conftest import StartWorker
from tests.eventually import eventually
from tests.held_steps import HeldRun, all_complete, gates_before, hold_in, hold_in_every_step
from tests.runs import attempt_that_ended
from tests.world import World

EVERY_STEP = {
    "zone-create", "certificate-request", "pool-commit", "records-upsert", "dns-verify", "certificate-ready",
}  # fmt: skip


def process_in(identity: str) -> str:
    """Of a worker."""
    return identity.partition("@")[0]


async def who_holds_it(run: HeldRun) -> str | None:
    """The worker's process in which a run is held. None where it went on: no answer is waited for for ever."""
    pending = (await run.handle.describe()).raw_description.pending_activities
    return next((process_in(one.last_worker_identity) for one in pending if one.activity_id == run.activity_id), None)


async def test_of_two_workers_one_is_killed_in_the_middle_of_each_step_and_the_other_one_finishes(
    special_temporal: Client, start_worker: StartWorker, world: World, stack_description: dict[str, str], tmp_path: Path
) -> None:
    async with gates_before(stack_description, tmp_path) as gates:
        killed = start_worker(**gates.settings)
        runs = await hold_in_every_step(world, special_temporal, gates)
        lived = start_worker(**gates.settings)
        its_process = str(lived.pid)
        unharmed: list[HeldRun] = []
        while len(unharmed) < 2:
            run = await hold_in(world, special_temporal, gates, "records-upsert", series=f"{len(runs)}-")
            await run.is_held()
            runs.append(run)
            unharmed += [run] if await who_holds_it(run) == its_process else []

        async def one_in_each_step() -> list[HeldRun] | None:
            """A look at DNS is held for some seconds only, and then made again."""
            held = [run for run in runs if await who_holds_it(run) == str(killed.pid)]
            return held if {run.step for run in held} == EVERY_STEP else None

        held = await eventually(one_in_each_step)
        killed.kill()
        gates.let_everything_through()  # what the killed worker had sent arrives even now

        await all_complete(world, runs)
    for run in unharmed:
        attempt = await attempt_that_ended(run.handle, run.activity_id)
        assert process_in(attempt.identity) == its_process
        assert not attempt.last_failure.HasField("timeout_failure_info")
    for run in held:
        attempt = await attempt_that_ended(run.handle, run.activity_id)
        assert attempt.attempt > 1
        assert process_in(attempt.identity) == its_process


async def test_at_sigterm_each_step_ends_or_is_left_to_the_next_worker(
    special_temporal: Client, start_worker: StartWorker, world: World, stack_description: dict[str, str], tmp_path: Path
) -> None:
    """Half of what is under way is answered in time; the rest never, so that the worker has to give it up."""
    async with gates_before(stack_description, tmp_path) as gates:
        first = start_worker(**gates.settings)
        its_process = str(first.pid)
        held = await hold_in_every_step(world, special_temporal, gates)
        in_time, too_late = held[::2], held[1::2]

        ending = asyncio.create_task(asyncio.to_thread(first.stop))
        await told(first, "stopping: no new tasks, running activities may finish")
        for run in in_time:
            run.hold.let_through.set()
        await asyncio.to_thread(start_worker, **gates.settings)

        await all_complete(world, in_time)
        writes = [run for run in in_time if run.step != "dns-verify"]  # a look at DNS doesn't wait as long
        attempts = [await attempt_that_ended(run.handle, run.activity_id) for run in writes]
        assert [(a.attempt, process_in(a.identity)) for a in attempts] == [(1, its_process)] * len(writes)
        await ending
        await told(first, "worker stopped")
        gates.let_everything_through()
        await all_complete(world, too_late)


async def told(worker: WorkerProcess, event: str) -> None:
    """Returns when the worker's log has this event."""

    async def is_in_the_log() -> bool:
        return event in [json.loads(line)["event"] for line in worker.log.read_text(encoding="utf-8").splitlines()]

    await eventually(is_in_the_log)

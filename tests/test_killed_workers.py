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


DONE_BEFORE_THE_KILL = {"zone-create", "pool-commit"}
"""By the backend, whose answer the killed worker never gets."""


async def attempts_of(run: HeldRun) -> int | None:
    """How many there have been of the step in which a run is held. None where it went on."""
    pending = (await run.handle.describe()).raw_description.pending_activities
    return next((one.attempt for one in pending if one.activity_id == run.activity_id), None)


async def test_of_two_workers_one_is_killed_in_the_middle_of_each_step_and_the_other_one_finishes(
    special_temporal: Client,
    start_fresh_worker: StartWorker,
    world: World,
    stack_description: dict[str, str],
    tmp_path: Path,
) -> None:
    async with gates_before(stack_description, tmp_path) as gates:
        killed, lived = start_fresh_worker(**gates.settings), start_fresh_worker(**gates.settings)
        its_process = str(lived.pid)
        runs: list[HeldRun] = []

        async def held_by(worker: WorkerProcess) -> list[HeldRun]:
            return [run for run in runs if await who_holds_it(run) == str(worker.pid)]

        async def one_in_each_step() -> list[HeldRun] | None:
            """Which worker a step comes to is chance, and it is held only until the worker's own time-out."""
            held = await held_by(killed)
            missing = EVERY_STEP - {run.step for run in held}
            more = await asyncio.gather(
                *(
                    hold_in(
                        world,
                        special_temporal,
                        gates,
                        name,
                        answered=name in DONE_BEFORE_THE_KILL,
                        pool=name == "pool-commit",
                        series=f"{len(runs)}-",
                    )
                    for name in sorted(missing)
                )
            )
            await asyncio.gather(*(run.is_held() for run in more))
            runs.extend(more)
            return None if missing else held

        held = await eventually(one_in_each_step)
        unharmed = await held_by(lived)
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
    special_temporal: Client,
    start_fresh_worker: StartWorker,
    world: World,
    stack_description: dict[str, str],
    tmp_path: Path,
) -> None:
    """Half of what is under way is answered in time; the rest never, so that the worker has to give it up."""
    async with gates_before(stack_description, tmp_path) as gates:
        first = start_fresh_worker(**gates.settings)
        its_process = str(first.pid)
        held = await hold_in_every_step(world, special_temporal, gates)
        in_time, too_late = held[::2], held[1::2]

        # On a busy machine a write may have waited for longer than its own time-out already, or will have.
        still_first = [run for run in in_time if run.step != "dns-verify" and await attempts_of(run) == 1]
        assert still_first
        ending = asyncio.create_task(asyncio.to_thread(first.stop))
        await told(first, "stopping: no new tasks, running activities may finish")
        for run in in_time:
            run.hold.let_through.set()
        await asyncio.to_thread(start_fresh_worker, **gates.settings)

        await all_complete(world, in_time)
        attempts = [await attempt_that_ended(run.handle, run.activity_id) for run in still_first]
        # Nor is it the worker's end that has ended an attempt, where PowerDNS kept it waiting for too long until then.
        in_first = [attempt for attempt in attempts if not attempt.last_failure.message.startswith("PowerDNS")]
        assert in_first
        assert {(attempt.attempt, process_in(attempt.identity)) for attempt in in_first} == {(1, its_process)}
        await ending
        await told(first, "worker stopped")
        gates.let_everything_through()
        await all_complete(world, too_late)


async def told(worker: WorkerProcess, event: str) -> None:
    """Returns when the worker's log has this event."""

    async def is_in_the_log() -> bool:
        return event in [json.loads(line)["event"] for line in worker.log.read_text(encoding="utf-8").splitlines()]

    await eventually(is_in_the_log)

"""Steps side by side: what is refused stops the others, what is a bug must leave them as they are."""

import asyncio

import pytest
from temporalio.exceptions import ApplicationError

from workflows.step_runner import all_or_first_failure


async def for_ever() -> None:
    await asyncio.Event().wait()


async def fail(error: Exception) -> None:
    raise error


async def test_a_refused_step_cancels_the_others() -> None:
    other = asyncio.create_task(for_ever())
    with pytest.raises(ApplicationError, match="refused"):
        await all_or_first_failure([other, asyncio.create_task(fail(ApplicationError("refused")))])
    assert other.cancelled()


async def test_where_there_is_no_step_nothing_is_waited_for() -> None:
    await all_or_first_failure([])


async def test_a_bug_cancels_nothing_so_that_mended_code_can_replay_the_run() -> None:
    other = asyncio.create_task(for_ever())
    with pytest.raises(KeyError):
        await all_or_first_failure([other, asyncio.create_task(fail(KeyError("a bug")))])
    assert not other.done()
    assert not other.cancelling()
    other.cancel()


async def test_a_cancelled_run_ends_when_its_steps_have() -> None:
    ended: list[str] = []

    async def write() -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            ended.append("write")
            raise

    run = asyncio.create_task(all_or_first_failure([asyncio.create_task(write())]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    assert ended == ["write"]

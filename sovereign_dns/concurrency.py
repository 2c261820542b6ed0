"""Calls that run side by side."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

Result = TypeVar("Result")
Other = TypeVar("Other")


async def side_by_side(calls: Iterable[Coroutine[Any, Any, Result]], *, at_once: int | None = None) -> list[Result]:
    """The results, in the order of the calls, of which so many are made `at_once`; all of them where it isn't said.

    Raises:
        Exception: the first failure, as it is; the calls that are still under way are cancelled, so that nobody
            waits for them at a server that is away.
    """
    turns = None if at_once is None else asyncio.Semaphore(at_once)
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call if turns is None else _in_turn(turns, call)) for call in calls]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


async def both(first: Coroutine[Any, Any, Result], second: Coroutine[Any, Any, Other]) -> tuple[Result, Other]:
    """Two calls `side_by_side`, of whatever types."""
    results: list[Any] = await side_by_side([first, second])
    return results[0], results[1]


async def _in_turn(turns: asyncio.Semaphore, call: Coroutine[Any, Any, Result]) -> Result:
    try:
        async with turns:
            return await call
    finally:
        call.close()  # where it was called off before its turn came

"""A write that is under way can't be called back."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


async def to_its_end(write: Coroutine[Any, Any, Result]) -> Result:
    """Runs a write to its end, and returns or raises what became of it: a cancellation that comes meanwhile is late.

    One that came before it, as during an earlier write, is in time: then nothing is sent. The run holds the Sovereign's
    lock until the end, so that a later run's address is never overwritten by an earlier one's request that is still on
    its way; and what the write replaced is reported.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        write.close()
        raise asyncio.CancelledError
    return await undisturbed(write)


async def undisturbed(work: Coroutine[Any, Any, Result]) -> Result:
    """As `to_its_end`, of what has to be done although the run was cancelled before."""
    working = asyncio.ensure_future(work)
    while not working.done():
        try:
            await asyncio.wait([working])
        except asyncio.CancelledError:
            continue
    return working.result()

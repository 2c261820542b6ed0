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
    writing = asyncio.ensure_future(write)
    while not writing.done():
        try:
            await asyncio.wait([writing])
        except asyncio.CancelledError:
            continue
    return writing.result()

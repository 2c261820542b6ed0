"""Waiting for a condition instead of sleeping for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")

_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.2
"""What comes within seconds is not worth twenty looks a second: each takes CPU that what is awaited needs."""


async def eventually(look: Callable[[], Awaitable[Found | None]], *, within_seconds: float = 60) -> Found:
    """The first truthy answer of `look`.

    Raises:
        AssertionError: there was none in time; shows the last one.
    """
    pause = _FIRST_PAUSE_SECONDS
    deadline = asyncio.get_running_loop().time() + within_seconds
    while True:
        found = await look()
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"still {found!r} after {within_seconds} s"
        await asyncio.sleep(pause)
        pause = min(1.2 * pause, _LONGEST_PAUSE_SECONDS)

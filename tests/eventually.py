"""Waiting for a condition instead of sleeping for a while."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")


async def eventually(look: Callable[[], Awaitable[Found | None]], *, within_seconds: float = 60) -> Found:
    """The first truthy answer of `look`.

    Raises:
        AssertionError: there was none in time; shows the last one.
    """
    deadline = asyncio.get_running_loop().time() + within_seconds
    while True:
        found = await look()
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"still {found!r} after {within_seconds} s"
        await asyncio.sleep(0.05)

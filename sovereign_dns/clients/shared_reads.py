"""Equal reads that wait for their turn at the same time, sent once."""

import asyncio
import copy
from collections.abc import Callable, Coroutine, Hashable
from functools import partial
from typing import Any, Generic, TypeVar

from sovereign_dns.failures import Failure

Answer = TypeVar("Answer")

Sending = Callable[[], None]
"""To be called right before a read is sent: from then on nobody may join it."""


class SharedReads(Generic[Answer]):
    """Who wants to read what another is about to, waits for that answer.

    Once it is sent nobody joins any more: the answer may be older than what the newcomer must see, such as what it has
    just written.
    """

    def __init__(self) -> None:
        self._waiting: dict[Hashable, _Read[Answer]] = {}

    async def read(self, key: Hashable, send: Callable[[Sending], Coroutine[Any, Any, Answer]]) -> Answer:
        """The answer to the read with this key that is yet to be sent, or else to `send`.

        Who is cancelled leaves the others be; the last one takes the read along.
        """
        read = self._waiting.get(key)
        if read is None:
            read = self._waiting[key] = _Read()
            close = partial(self._close, key, read)
            read.task = asyncio.create_task(send(close))
            read.task.add_done_callback(lambda _: close())  # where it failed before it was sent
        read.readers += 1
        try:
            return await asyncio.shield(read.task)
        except Failure as failure:
            raise copy.copy(
                failure
            ) from failure.__cause__  # each reader's own: what is raised is marked by where it was
        finally:
            read.readers -= 1
            if not read.readers and not read.task.done():
                self._close(key, read)
                read.task.cancel()
                await asyncio.wait([read.task])

    def _close(self, key: Hashable, read: "_Read[Answer]") -> None:
        if self._waiting.get(key) is read:
            del self._waiting[key]


class _Read(Generic[Answer]):
    """One read, in a task of its own: it outlives who began it."""

    task: "asyncio.Task[Answer]"
    readers: int = 0

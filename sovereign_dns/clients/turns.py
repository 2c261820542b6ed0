"""Turns at what bears only so many at once: who waits for one knows whether the queue moves."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

LONGEST_WAIT_SECONDS = 60.0
"""However well the queue moves: the next attempt may as well wait in Temporal's."""


class NoTurnError(Exception):
    """It is no use to wait any longer: so few turns ended well in the last seconds."""

    def __init__(self, ended_well: int, seconds: float) -> None:
        super().__init__(f"{ended_well} in the last {seconds:.0f} s")


class Turns:
    """A queue that is waited in, however long it is, as long as it moves and an attempt has time for it."""

    def __init__(self, at_once: int, *, longest_standstill: float) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._longest_standstill = longest_standstill
        self._ended_well = 0
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many wait for a turn."""
        return self._waiting

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """One turn.

        Raises:
            NoTurnError: none of those before it ends well, or there are too many of them.
        """
        turn = asyncio.ensure_future(self._turns.acquire())
        self._waiting += 1
        try:
            await while_it_moves(turn, lambda: self._ended_well, self._longest_standstill)
        except BaseException:
            if not turn.cancel():
                self._turns.release()
            raise
        finally:
            self._waiting -= 1
        try:
            yield
            self._ended_well += 1
        finally:
            self._turns.release()


async def while_it_moves(turn: "asyncio.Future[Any]", ended_well: Callable[[], int], longest_standstill: float) -> None:
    """Returns when it is one's turn.

    Args:
        turn: is done then.
        ended_well: how many of those before one have ended well by now.
        longest_standstill: for how many seconds it is waited although none does.

    Raises:
        NoTurnError: none of those before it ends well, or there are too many of them.
    """
    clock = asyncio.get_running_loop().time
    give_up_at = clock() + LONGEST_WAIT_SECONDS
    while not turn.done():
        before = ended_well()
        await asyncio.wait([turn], timeout=min(longest_standstill, max(give_up_at - clock(), 0)))
        meanwhile = ended_well() - before
        if not turn.done() and (meanwhile == 0 or clock() >= give_up_at):
            raise NoTurnError(meanwhile, longest_standstill)

"""Calls to one server take turns: so many at once, and who waits knows whether the queue moves."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

LONGEST_WAIT_SECONDS = 60.0
"""However well the queue moves, an attempt has no time for more."""


class NoTurnError(Exception):
    """It is no use to wait for a turn any longer; the message tells how the queue moved."""


class Turns:
    """A queue that is waited in, however long it is, as long as it moves and an attempt has time for it."""

    def __init__(self, at_once: int, *, give_up_after_silence_of: float) -> None:
        self._turns = asyncio.Semaphore(at_once)
        self._longest_silence = give_up_after_silence_of
        self._answered = 0

    @asynccontextmanager
    async def taken(self) -> AsyncIterator[None]:
        """A turn, for one call; that it was answered counts for those who wait.

        Raises:
            NoTurnError: the calls before it get no answers, or there are too many of them.
        """
        turn = asyncio.ensure_future(self._turns.acquire())
        try:
            await self._while_it_moves(turn)
        except BaseException:
            if not turn.cancel():
                self._turns.release()
            raise
        try:
            yield
            self._answered += 1
        finally:
            self._turns.release()

    async def _while_it_moves(self, turn: "asyncio.Future[Any]") -> None:
        clock = asyncio.get_running_loop().time
        give_up_at = clock() + LONGEST_WAIT_SECONDS
        while not turn.done():
            answered_before = self._answered
            await asyncio.wait([turn], timeout=self._longest_silence)
            answered = self._answered - answered_before
            if not turn.done() and (answered == 0 or clock() >= give_up_at):
                silence = f"in the last {self._longest_silence:.0f} s"
                raise NoTurnError(f"answered {answered} of the calls before it {silence}")

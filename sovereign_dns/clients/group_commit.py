"""Group commit: while one PATCH of a zone is under way, all changes that arrive form the next one.

And the first one waits a moment for those who are still reading what they are to change: of 100 runs that begin at
once the reads end one after the other, and the first to end would have its PATCH stand in the way of all others.

A PATCH costs PowerDNS the same for one Sovereign's rrsets and for a hundred's, since it rectifies the whole zone after
each: in a zone of 14,000 rrsets, 62 ms for 14 of them and 113 ms for 1,400 (measured on 4.7.3).

Other workers' PATCHes of the zone are not waited for, since nothing shows them. PowerDNS answers 500 to all but the
first of those that meet, at once and with nothing done. What that write has changed nobody here has read: so each
caller reads again before it comes back (`MetAnotherWriterError`).
"""

import asyncio
import contextvars
import copy
import math
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import structlog

from sovereign_dns.clients.zone_queue import Change, Suspects, ZoneQueue
from sovereign_dns.failures import Failure, Outage, ZoneRejected
from sovereign_dns.rrsets import RRsetWrite

SHORTEST_PAUSE_SECONDS = 0.1
"""After the first 500: another worker's PATCH of a zone of 14,000 rrsets takes about as long (measured)."""

LONGEST_GATHERING_SECONDS = 0.5
"""For those who are still reading what they are to change: 100 of them take 0.35 to 0.55 s in a zone of 14,000 rrsets
(measured), in which a PATCH that began meanwhile would contend with them for the server."""

MOST_MEETINGS = 6
"""So often PowerDNS' 500 is taken for a write of another worker, which comes to 3 s. Then it is an outage."""

_OF_WRITES_THAT_MEET = 500
"""PowerDNS' answer to all but the first of them (measured on 4.7.3)."""

_PERHAPS_ITS_OWN_FAULT = frozenset({None, 500})
"""What a change may bring about by itself: no answer, or PowerDNS' own failure. All else is nobody's among them."""

_log = structlog.get_logger(__name__)

Turn = Callable[[str], AbstractAsyncContextManager[None]]
"""Where a write may be sent; told which one, as a sentence goes on after "while"."""

Send = Callable[[str, Sequence[RRsetWrite]], Awaitable[None]]
"""Applies writes to a zone, all or none."""


class MetAnotherWriterError(Exception):
    """Another worker's write of the zone was quicker, and nothing of this one is in. What was read may hold no more.

    `pause_seconds` is for how long not to come back: the same for all who were in one PATCH, so that they meet again.
    """

    def __init__(self, pause_seconds: float) -> None:
        super().__init__(pause_seconds)
        self.pause_seconds = pause_seconds


def _pause_after(meetings: int) -> float:
    """For how many seconds nothing is sent into a zone that another worker writes: it would meet the same write."""
    longest = SHORTEST_PAUSE_SECONDS * math.pow(2, meetings - 1)
    return random.uniform(0.5, 1.5) * longest  # noqa: S311 (spreads load; keeps nothing secret)


@dataclass
class _Announced:
    """Somebody who is about to bring a change of a zone."""

    zone: str
    here: asyncio.Future[None]


class GroupCommit:
    """Writes changes of names that nobody else changes meanwhile (`ZoneClaims`), several of one zone in one PATCH."""

    def __init__(self, send: Send, turn: Turn) -> None:
        self._send = send
        self._turn = turn
        self._suspects = Suspects()
        self._queues: dict[str, ZoneQueue] = {}
        self._writers: dict[str, asyncio.Task[None]] = {}
        self._announced: dict[asyncio.Task[Any] | None, _Announced] = {}

    @contextmanager
    def announced(self, zone: str) -> Iterator[None]:
        """While the running task finds out what it is to write into the zone: a PATCH that can wait, waits for it.

        Only for those who were announced before, and not for long. Whoever holds no claim yet must not announce
        itself: those whom it waits for would wait for it.
        """
        task = asyncio.current_task()
        self._announce(task, zone)
        try:
            yield
        finally:
            self._is_here(task)

    def _announce(self, task: asyncio.Task[Any] | None, zone: str) -> None:
        self._announced[task] = _Announced(zone, asyncio.get_running_loop().create_future())

    def _is_here(self, task: asyncio.Task[Any] | None) -> _Announced | None:
        announced = self._announced.pop(task, None)
        if announced is not None:
            announced.here.set_result(None)
        return announced

    async def commit(self, zone: str, writes: Sequence[RRsetWrite], *, meetings: int = 0) -> None:
        """Returns when these writes are in, all of them.

        Cancelled before they are sent, they never are; cancelled later, it returns, or raises, what became of them.

        Args:
            zone: the zone.
            writes: what it shall hold; all of it or none.
            meetings: how often this caller has met another worker's write already.

        Raises:
            MetAnotherWriterError: nothing of them is in; to be read and planned anew, after its pause.
            Failure: they are not in, or, in an outage, perhaps. What another caller's writes were refused for is none
                of this one's concern.
        """
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise asyncio.CancelledError  # during an earlier write that went to its end
        change = Change(zone, writes, meetings)
        self._queue(zone).add(change)
        announced = self._is_here(task)
        try:
            await change.heard()
        except MetAnotherWriterError:
            if announced is not None:  # it will be back, and is waited for as before
                self._announce(task, announced.zone)
            raise

    def _queue(self, zone: str) -> ZoneQueue:
        """The zone's, with a task that writes what is in it, as long as there is something."""
        queue = self._queues.get(zone)
        if queue is None:
            queue = self._queues[zone] = ZoneQueue(zone, self._suspects)
            # Nobody's task, so nobody's context: neither the first caller's log lines nor its activity.
            self._writers[zone] = asyncio.create_task(self._write_all(queue), context=contextvars.Context())
        return queue

    async def _write_all(self, queue: ZoneQueue) -> None:
        try:
            while queue.wanted:
                await self._gather(queue)
                await self._write_next(queue)
        except BaseException as error:  # a bug, or the process' end: nobody may wait for what will never be done
            for change in queue.unanswered:
                change.failed(error)
            raise
        finally:
            del self._queues[queue.zone], self._writers[queue.zone]

    async def _gather(self, queue: ZoneQueue) -> None:
        """Has those who are on their way be in the next PATCH too."""
        on_their_way = [one.here for one in self._announced.values() if one.zone == queue.zone]
        if not on_their_way or queue.is_split:
            return
        _, late = await asyncio.wait(on_their_way, timeout=LONGEST_GATHERING_SECONDS)
        # Waited for once: another's slow search is not to hold up each PATCH of the zone.
        self._announced = {task: one for task, one in self._announced.items() if one.here not in late}

    async def _write_next(self, queue: ZoneQueue) -> None:
        batch: list[Change] = []
        try:
            async with self._turn(f"writing zone {queue.zone}"):
                batch = queue.next_batch()  # not before: until then, more come
                if batch:
                    await self._write(queue, batch)
        except Failure as failure:
            self._fail(batch or queue.wanted, failure)

    def _fail(self, changes: Sequence[Change], failure: Failure) -> None:
        met = MetAnotherWriterError(_pause_after(1 + max((change.meetings for change in changes), default=0)))
        have_met = {change for change in changes if self._may_have_met(change, failure)}
        have_failed = [change for change in changes if change not in have_met]
        for change in changes:  # to each an error of its own: what is raised is marked by where it was
            change.failed(copy.copy(met if change in have_met else failure))
        if isinstance(failure, Outage) and failure.sent and failure.status in _PERHAPS_ITS_OWN_FAULT:
            self._suspects.add(have_failed)

    def _may_have_met(self, change: Change, failure: Failure) -> bool:
        """Not what has failed so often that it is sent alone: each time it would hold up its caller in vain."""
        if not isinstance(failure, Outage) or failure.status != _OF_WRITES_THAT_MEET:
            return False
        return change.meetings + 1 < MOST_MEETINGS and self._suspects.most_together(change) != 1

    async def _write(self, queue: ZoneQueue, batch: Sequence[Change]) -> None:
        writes = [write for change in batch for write in change.writes]
        for change in batch:
            change.sent()
        began = time.monotonic()
        outcome = "failed"
        try:
            await self._send(queue.zone, writes)
            outcome = "written"
        except ZoneRejected as refusal:
            outcome = "refused"
            self._split(queue, batch, refusal)
            return
        finally:
            _log.info(
                "PATCH",
                zone=queue.zone,
                outcome=outcome,
                changes=len(batch),
                rrsets=len(writes),
                seconds=round(time.monotonic() - began, 3),
            )
        self._suspects.written(queue.zone, batch)
        for change in batch:
            change.written()

    def _split(self, queue: ZoneQueue, batch: Sequence[Change], refusal: ZoneRejected) -> None:
        """Until it is known whose the refusal is."""
        if len(batch) == 1:
            self._suspects.forget(batch[0])
            batch[0].failed(refusal)
            return
        for change in batch:
            change.not_written()
        queue.split(batch)

"""What waits to be written into one zone, and how much of it makes the next PATCH."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence

from sovereign_dns.rrsets import RRsetWrite

MOST_BYTES = 1_000_000
"""Of a PATCH's body: half of what PowerDNS takes by default (`webserver-max-bodysize`). In a zone of 14,000 rrsets it
is answered in 0.3 s, whether it replaces 3,500 rrsets or deletes 13,000 (measured on a busy machine)."""

MOST_SUSPECTS = 10_000
"""How many failed changes are remembered: a run that was cancelled never comes back to have its own forgotten."""

_Suspect = tuple[str, frozenset[str]]


def _about_bytes(write: RRsetWrite) -> int:
    """Of a PATCH's body, with some to spare: to make its JSON twice would cost more than it tells."""
    records = sum(40 + len(value.encode()) for value in (*write.values, *write.disabled))
    comments = sum(100 + len(comment.content.encode()) for comment in write.comments)
    return 100 + len(write.name) + records + comments


class Change:
    """What one caller wants written, and waits for. Never split: it is in as a whole, or not at all."""

    def __init__(self, zone: str, writes: Sequence[RRsetWrite], meetings: int) -> None:
        self.writes = writes
        self.meetings = meetings
        self.suspect: _Suspect = (zone, frozenset(write.name for write in writes))
        self.bytes = sum(map(_about_bytes, writes))
        self.under_way = False
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._called_off = False

    @property
    def is_wanted(self) -> bool:
        """Whether somebody still waits for it to be written."""
        return not self.done.done()

    async def heard(self) -> None:
        """Returns when it is in. Called off as long as it is not sent; else it goes to its end."""
        while not self.done.done():
            try:
                await asyncio.wait([self.done])
            except asyncio.CancelledError:
                self._called_off = True
                self._end_if_called_off()
        self.done.result()

    def sent(self) -> None:
        """From now on it can't be called back."""
        self.under_way = True

    def not_written(self) -> None:
        """It may be called off again."""
        self.under_way = False
        self._end_if_called_off()

    def written(self) -> None:
        """It is in."""
        if not self.done.done():
            self.done.set_result(None)

    def failed(self, error: BaseException) -> None:
        """It is not in, or nobody knows; unless that was told already."""
        if self.done.done():
            return
        if isinstance(error, asyncio.CancelledError):
            self.done.cancel()
        else:
            self.done.set_exception(error)

    def _end_if_called_off(self) -> None:
        if self._called_off and not self.under_way:
            self.done.cancel()


class Suspects:
    """Changes whose PATCH PowerDNS failed to do, and how many of them may share the next one.

    A refusal leads to a culprit; a 500, or a server that dies of what it is sent, does not. So those who shared such a
    PATCH share the next attempt's with half as many, until the change that it fails on is alone.
    """

    def __init__(self) -> None:
        self._most_together: OrderedDict[_Suspect, int] = OrderedDict()

    def most_together(self, change: Change) -> int | None:
        """With how many suspects it may be sent, itself among them; None where it is none."""
        return self._most_together.get(change.suspect)

    def add(self, batch: Sequence[Change]) -> None:
        """They shared a PATCH that PowerDNS failed to do."""
        for change in batch:
            self._most_together[change.suspect] = max(len(batch) // 2, 1)
            self._most_together.move_to_end(change.suspect)
        while len(self._most_together) > MOST_SUSPECTS:
            self._most_together.popitem(last=False)

    def written(self, zone: str, batch: Iterable[Change]) -> None:
        """They are none any more; and where some of a zone were, the others may come in greater numbers again."""
        were_suspects = [self._most_together.pop(change.suspect, None) for change in batch]
        if any(limit is not None for limit in were_suspects):
            for suspect in self._most_together:
                if suspect[0] == zone:
                    self._most_together[suspect] *= 2

    def forget(self, change: Change) -> None:
        """What it fails for is known."""
        self._most_together.pop(change.suspect, None)


class ZoneQueue:
    """What waits to be written into one zone: parts of what was refused, and then all that came since."""

    def __init__(self, zone: str, suspects: Suspects) -> None:
        self.zone = zone
        self._suspects = suspects
        self._parts: deque[list[Change]] = deque()
        self._arrived: list[Change] = []
        self._taken: list[Change] = []

    def add(self, change: Change) -> None:
        """Has it wait for its turn after all that came before."""
        self._arrived.append(change)

    def split(self, batch: Sequence[Change]) -> None:
        """Has each half be sent by itself, before all else."""
        middle = len(batch) // 2
        self._parts.extendleft([list(batch[middle:]), list(batch[:middle])])

    @property
    def is_split(self) -> bool:
        """Whether it is being found out what was refused."""
        return bool(self._parts)

    @property
    def wanted(self) -> list[Change]:
        """All that wait."""
        return [change for batch in [*self._parts, self._arrived] for change in batch if change.is_wanted]

    @property
    def unanswered(self) -> list[Change]:
        """All that wait, and what was taken last as long as nobody was told what became of it."""
        return [*(change for change in self._taken if change.is_wanted), *self.wanted]

    def next_batch(self) -> list[Change]:
        """What is to be sent now, and waits no longer."""
        self._taken = self._next_batch()
        return self._taken

    def _next_batch(self) -> list[Change]:
        while self._parts:
            if batch := [change for change in self._parts.popleft() if change.is_wanted]:
                return batch
        arrived = [change for change in self._arrived if change.is_wanted]
        batch = self._together(arrived)
        taken = set(batch)
        self._arrived = [change for change in arrived if change not in taken]
        return batch

    def _together(self, arrived: Sequence[Change]) -> list[Change]:
        """The first of them, and those that may be with it: suspects are only ever with suspects."""
        batch: list[Change] = []
        size, most = 0, None
        for change in arrived:
            limit = self._suspects.most_together(change)
            if batch:
                alike = (limit is None) == (most is None)
                crowded = limit is not None and most is not None and len(batch) >= min(limit, most)
                if not alike or crowded or size + change.bytes > MOST_BYTES:
                    continue
            batch.append(change)
            size += change.bytes
            most = limit if most is None or limit is None else min(most, limit)
        return batch

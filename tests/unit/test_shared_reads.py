"""Reads of the same that wait at the same time: one is sent, nobody gets an answer older than his question."""

import asyncio

import pytest

from sovereign_dns.clients.shared_reads import Sending, SharedReads
from tests.eventually import eventually


class Backend:
    """Answers by number, as many at a time as it is let to."""

    def __init__(self) -> None:
        self.may_send, self.may_answer = asyncio.Event(), asyncio.Event()
        self.asked = self.sent = self.called_off = 0
        self.error: Exception | None = None

    async def send(self, sending: Sending) -> int:
        self.asked += 1
        try:
            await self.may_send.wait()
            sending()
            self.sent += 1
            number = self.sent
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.called_off += 1
            raise
        if self.error:
            raise self.error
        return number

    def lets_all_through(self) -> None:
        self.may_send.set()
        self.may_answer.set()


async def readers(reads: SharedReads[int], backend: Backend, count: int, key: str = "k") -> "list[asyncio.Task[int]]":
    tasks = [asyncio.create_task(reads.read(key, backend.send)) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_who_asks_the_same_while_it_waits_shares_the_answer() -> None:
    reads, backend = SharedReads[int](), Backend()
    same = await readers(reads, backend, 3)
    other = await readers(reads, backend, 1, key="another")

    backend.lets_all_through()

    assert len(set(await asyncio.gather(*same))) == 1
    assert {*(await asyncio.gather(*other, *same))} == {1, 2}
    assert backend.sent == 2


async def test_who_asks_after_it_was_sent_is_answered_by_a_later_read() -> None:
    reads, backend = SharedReads[int](), Backend()
    first = await readers(reads, backend, 2)
    backend.may_send.set()
    await eventually(lambda: _true(backend.sent == 1))

    late = await readers(reads, backend, 1)
    backend.lets_all_through()

    assert await asyncio.gather(*first, *late) == [1, 1, 2]


@pytest.mark.parametrize("cancelled", [0, 1], ids=["who began it", "who joined"])
async def test_who_is_cancelled_leaves_the_others_be(cancelled: int) -> None:
    reads, backend = SharedReads[int](), Backend()
    tasks = await readers(reads, backend, 2)

    tasks[cancelled].cancel()
    with pytest.raises(asyncio.CancelledError):
        await tasks[cancelled]
    backend.lets_all_through()

    assert await tasks[1 - cancelled] == 1
    assert backend.called_off == 0


async def test_the_last_who_is_cancelled_takes_the_read_along_and_nobody_joins_it_any_more() -> None:
    reads, backend = SharedReads[int](), Backend()
    tasks = await readers(reads, backend, 2)
    await eventually(lambda: _true(backend.asked == 1))

    for task in tasks:
        task.cancel()
    newcomer = await readers(reads, backend, 1)
    await asyncio.wait(tasks)
    backend.lets_all_through()

    assert all(task.cancelled() for task in tasks)
    assert (backend.called_off, await newcomer[0]) == (1, 1)


async def test_a_failure_is_told_to_all_and_not_kept() -> None:
    reads, backend = SharedReads[int](), Backend()
    backend.error = ConnectionError("away")
    tasks = await readers(reads, backend, 2)
    backend.lets_all_through()

    assert [str(failed) for failed in await asyncio.gather(*tasks, return_exceptions=True)] == ["away", "away"]
    backend.error = None
    assert await reads.read("k", backend.send) == 2


async def _true(value: bool) -> bool:
    return value

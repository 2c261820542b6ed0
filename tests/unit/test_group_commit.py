"""Changes that meet in one zone become one PATCH; what is wrong with one of them is only its own caller's."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import ExitStack, asynccontextmanager
from contextvars import ContextVar
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from activities.zone_writes import until_nobody_else_writes
from sovereign_dns.clients import group_commit, zone_queue
from sovereign_dns.clients.group_commit import GroupCommit, MetAnotherWriterError
from sovereign_dns.failures import Failure, PowerDNSUnavailable, ZoneMissing, ZoneRejected
from sovereign_dns.rrsets import RRsetWrite

ZONE = "omani.works"


def change(name: str, count: int = 2) -> list[RRsetWrite]:
    return [RRsetWrite(name=f"{label}.{name}", type="A", ttl=60, values=["77.42.11.95"]) for label in range(count)]


def whose(writes: Iterable[RRsetWrite]) -> list[str]:
    """The names of the changes in a PATCH."""
    return list(dict.fromkeys(write.name.partition(".")[2] for write in writes))


class Zone:
    """What answers PATCHes, one after the other: each is noted, and done as `answers` says."""

    def __init__(self, answers: Callable[[list[str]], Exception | None] = lambda _: None) -> None:
        self.patches: list[list[str]] = []
        self.held: list[str] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.turn_comes = asyncio.Event()
        self.turn_comes.set()
        self._answers = answers
        self._turn = asyncio.Lock()
        self.commits = GroupCommit(self._send, self._taken)

    async def _send(self, zone: str, writes: Sequence[RRsetWrite]) -> None:
        assert zone == ZONE
        names = whose(writes)
        self.patches.append(names)
        await self.may_answer.wait()
        if (failure := self._answers(names)) is not None:
            raise failure
        self.held += names

    @asynccontextmanager
    async def _taken(self, doing: str) -> AsyncIterator[None]:
        assert doing == f"writing zone {ZONE}"
        await self.turn_comes.wait()
        async with self._turn:
            yield

    async def written(self, name: str) -> None:
        """As a step does: again, where another worker was quicker."""
        await until_nobody_else_writes(
            lambda meetings: self.commits.commit(ZONE, change(name), meetings=meetings),
        )

    def commit(self, name: str, count: int = 2) -> "asyncio.Task[None]":
        return asyncio.create_task(self.commits.commit(ZONE, change(name, count)))


def refusing(*bad: str) -> Callable[[list[str]], Exception | None]:
    """As PowerDNS does: all of a PATCH for one of its rrsets."""
    return lambda names: ZoneRejected(f"refused for {sorted(set(names) & set(bad))}") if set(names) & set(bad) else None


async def a_moment() -> None:
    """Until all that can go on has."""
    for _ in range(20):
        await asyncio.sleep(0)


async def ends(*tasks: "asyncio.Task[None]") -> list[BaseException | None]:
    return await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)


async def test_all_that_come_while_a_patch_is_under_way_are_the_next_one() -> None:
    zone = Zone()
    zone.may_answer.clear()
    first = zone.commit("t0")
    await a_moment()
    others = [zone.commit(f"t{number}") for number in range(1, 30)]
    await a_moment()
    zone.may_answer.set()

    assert await ends(first, *others) == [None] * 30
    assert zone.patches == [["t0"], [f"t{number}" for number in range(1, 30)]]


async def test_a_patch_waits_for_who_was_on_the_way_before_and_for_nobody_else() -> None:
    zone, ready = Zone(), asyncio.Event()

    async def reads_and_commits(name: str, into: str) -> None:
        with zone.commits.announced(into):
            await ready.wait()
            if into == ZONE:
                await zone.commits.commit(ZONE, change(name))

    reading = [asyncio.create_task(reads_and_commits(*one)) for one in (("t1", ZONE), ("t2", "elsewhere.works"))]
    await a_moment()
    first = zone.commit("t0")
    await a_moment()
    later = asyncio.create_task(reads_and_commits("t3", "elsewhere.works"))
    await a_moment()
    assert zone.patches == []
    ready.set()

    assert await ends(first, *reading, later) == [None] * 4
    assert zone.patches == [["t0", "t1"]]


async def test_a_patch_waits_no_longer_for_who_fails_or_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "LONGEST_GATHERING_SECONDS", 0.05)
    zone = Zone()

    with zone.commits.announced(ZONE):
        assert await ends(zone.commit("t0")) == [None]
    monkeypatch.setattr(group_commit, "LONGEST_GATHERING_SECONDS", 60)
    failing = ExitStack()
    failing.enter_context(zone.commits.announced(ZONE))
    waiting = zone.commit("t1")
    await a_moment()
    failing.close()

    assert await ends(waiting) == [None]
    assert zone.patches == [["t0"], ["t1"]]


async def test_who_comes_while_the_turn_is_waited_for_is_in_the_patch() -> None:
    zone = Zone()
    zone.turn_comes.clear()
    first = zone.commit("t0")
    await a_moment()
    second = zone.commit("t1")
    await a_moment()
    zone.turn_comes.set()

    await ends(first, second)
    assert zone.patches == [["t0", "t1"]]


@given(st.sets(st.integers(0, 19)), st.integers(1, 20))
def test_only_who_is_refused_fails_and_all_others_are_in(bad: set[int], count: int) -> None:
    async def play() -> None:
        zone = Zone(refusing(*(f"t{number}" for number in bad)))
        outcomes = await ends(*(zone.commit(f"t{number}") for number in range(count)))
        for number, outcome in enumerate(outcomes):
            assert str(outcome) == (f"refused for ['t{number}']" if number in bad else "None")
        assert sorted(zone.held) == sorted(f"t{number}" for number in range(count) if number not in bad)

    asyncio.run(play())


async def test_one_culprit_among_many_costs_few_patches() -> None:
    zone = Zone(refusing("t77"))

    outcomes = await ends(*(zone.commit(f"t{number}") for number in range(100)))

    assert [number for number, outcome in enumerate(outcomes) if outcome] == [77]
    assert len(zone.patches) <= 15


async def test_a_zone_that_is_gone_is_told_to_all_of_them_each_with_an_error_of_its_own() -> None:
    zone = Zone(lambda _: ZoneMissing("it is gone"))

    one, other = await ends(zone.commit("t1"), zone.commit("t2"))

    assert [type(one), type(other)] == [ZoneMissing, ZoneMissing]
    assert one is not other
    assert str(one) == str(other) == "it is gone"


async def test_an_outage_reaches_all_of_them_as_it_is() -> None:
    zone = Zone(lambda _: PowerDNSUnavailable("no connection", retry_after=7.0, sent=False))

    outcomes = await ends(zone.commit("t1"), zone.commit("t2"))

    assert [(type(o), o.sent, o.retry_after) for o in outcomes if isinstance(o, PowerDNSUnavailable)] == [
        (PowerDNSUnavailable, False, 7.0)
    ] * 2


async def attempts(zone: Zone, names: Sequence[str]) -> None:
    """As Temporal would: who failed comes back with the others."""
    waiting = list(names)
    for _ in range(12):
        outcomes = await ends(*(asyncio.create_task(zone.written(name)) for name in waiting))
        waiting = [name for name, outcome in zip(waiting, outcomes, strict=True) if outcome is not None]


async def test_a_change_that_powerdns_itself_fails_on_is_alone_in_the_end_and_all_others_are_in() -> None:
    zone = Zone(lambda names: PowerDNSUnavailable("answered 500") if "t13" in names else None)
    names = [f"t{number}" for number in range(30)]

    await attempts(zone, names)

    assert sorted(zone.held) == sorted(set(names) - {"t13"})
    assert zone.patches[-1] == ["t13"]
    in_the_culprits = [len(patch) for patch in zone.patches if "t13" in patch]
    assert all(later <= earlier for earlier, later in pairwise(in_the_culprits))


async def test_who_has_failed_is_not_sent_with_who_has_not() -> None:
    zone = Zone(lambda names: PowerDNSUnavailable("answered 500") if "t1" in names else None)
    await ends(zone.commit("t1"), zone.commit("t2"))

    outcomes = await ends(zone.commit("t1"), zone.commit("t2"), *(zone.commit(f"n{number}") for number in range(9)))

    assert [type(outcome) for outcome in outcomes] == [PowerDNSUnavailable, *[type(None)] * 10]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_an_outage_that_is_no_changes_fault_leaves_no_trace(status: int) -> None:
    away = [True]
    zone = Zone(lambda _: PowerDNSUnavailable(f"answered {status}", status=status) if away else None)
    names = [f"t{number}" for number in range(30)]
    for _ in range(5):
        await ends(*(zone.commit(name) for name in names))
    away.clear()
    zone.patches.clear()

    assert await ends(*(zone.commit(name) for name in names)) == [None] * 30
    assert zone.patches == [names]


async def test_after_a_long_outage_without_an_answer_the_patches_grow_again() -> None:
    away = [True]
    zone = Zone(lambda _: PowerDNSUnavailable("no answer") if away else None)
    names = [f"t{number}" for number in range(60)]
    for _ in range(8):  # so that each is sent alone
        await ends(*(zone.commit(name) for name in names))
    away.clear()
    zone.patches.clear()

    assert await ends(*(zone.commit(name) for name in names)) == [None] * 60
    assert sorted(zone.held) == sorted(names)
    assert len(zone.patches) < 10
    zone.patches.clear()
    await ends(*(zone.commit(name) for name in names))
    assert zone.patches == [names]


async def test_a_patch_stays_below_what_powerdns_takes_and_no_change_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zone_queue, "MOST_BYTES", 1_000)
    zone = Zone()

    outcomes = await ends(zone.commit("big", 40), *(zone.commit(f"t{number}") for number in range(10)))

    assert outcomes == [None] * 11
    assert zone.patches[0] == ["big"]
    assert 2 < len(zone.patches) < 8
    assert sorted(zone.held) == sorted(["big", *(f"t{number}" for number in range(10))])


async def test_who_is_cancelled_before_it_is_sent_is_never_sent() -> None:
    zone = Zone()
    zone.turn_comes.clear()
    cancelled, other = zone.commit("t1"), zone.commit("t2")
    await a_moment()
    cancelled.cancel()
    zone.turn_comes.set()

    outcomes = await ends(cancelled, other)

    assert isinstance(outcomes[0], asyncio.CancelledError)
    assert zone.patches == [["t2"]]


async def test_who_is_cancelled_while_it_is_sent_hears_what_became_of_it() -> None:
    zone = Zone()
    zone.may_answer.clear()
    sent = zone.commit("t1")
    await a_moment()
    sent.cancel()
    await a_moment()
    assert not sent.done()
    zone.may_answer.set()

    assert await ends(sent) == [None]
    assert zone.held == ["t1"]


async def test_who_is_cancelled_is_not_sent_again_for_anothers_refusal() -> None:
    zone = Zone(refusing("bad"))
    zone.may_answer.clear()
    bad, cancelled, other = zone.commit("bad"), zone.commit("t1"), zone.commit("t2")
    await a_moment()
    cancelled.cancel()
    await a_moment()
    zone.may_answer.set()

    outcomes = await ends(bad, cancelled, other)

    assert [type(outcome) for outcome in outcomes] == [ZoneRejected, asyncio.CancelledError, type(None)]
    assert zone.held == ["t2"]
    assert [patch for patch in zone.patches if "t1" in patch] == [["bad", "t1", "t2"]]


async def test_who_was_cancelled_during_an_earlier_write_sends_no_further_one() -> None:
    zone = Zone()
    zone.may_answer.clear()

    async def both() -> None:
        await zone.commits.commit(ZONE, change("t1"))
        await zone.commits.commit(ZONE, change("t2"))

    running = asyncio.create_task(both())
    await a_moment()
    running.cancel()
    await a_moment()
    zone.may_answer.set()

    assert isinstance((await ends(running))[0], asyncio.CancelledError)
    assert zone.held == ["t1"]


async def test_a_turn_that_never_comes_is_told_to_all_who_wait_for_it() -> None:
    @asynccontextmanager
    async def no_turn(_: str) -> AsyncIterator[None]:
        await asyncio.sleep(0)
        raise PowerDNSUnavailable("no turn", sent=False)
        yield

    async def nobody(_: str, __: Sequence[RRsetWrite]) -> None:
        pytest.fail("sent without a turn")

    commits = GroupCommit(nobody, no_turn)
    waiting = [asyncio.create_task(commits.commit(ZONE, change(f"t{number}"))) for number in range(3)]

    assert [str(outcome) for outcome in await ends(*waiting)] == ["no turn"] * 3


def met() -> PowerDNSUnavailable:
    """PowerDNS' 500 to a write: perhaps another worker's was quicker."""
    return PowerDNSUnavailable("answered 500", status=500)


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "SHORTEST_PAUSE_SECONDS", 0)


async def test_who_met_another_workers_write_is_told_so_and_who_came_since_is_written() -> None:
    failures = [met()]
    zone = Zone(lambda _: failures.pop() if failures else None)
    zone.may_answer.clear()
    first = zone.commit("t0")
    await a_moment()
    second = zone.commit("t1")
    await a_moment()
    zone.may_answer.set()

    assert [type(outcome) for outcome in await ends(first, second)] == [MetAnotherWriterError, type(None)]
    assert zone.held == ["t1"]


async def test_a_500_that_never_ends_is_an_outage_and_its_culprit_alone_in_the_end(no_pauses: None) -> None:
    zone = Zone(lambda names: met() if "t13" in names else None)
    names = [f"t{number}" for number in range(30)]

    await attempts(zone, names)

    assert sorted(zone.held) == sorted(set(names) - {"t13"})
    assert zone.patches[-1] == ["t13"]


async def test_a_bug_in_telling_a_failure_reaches_those_whose_patch_it_was() -> None:
    class CannotBeCopiedError(PowerDNSUnavailable):
        def __reduce__(self) -> str:
            raise TypeError("a bug")

    zone = Zone(lambda _: CannotBeCopiedError("away"))

    assert [type(outcome) for outcome in await ends(zone.commit("t1"), zone.commit("t2"))] == [TypeError, TypeError]


async def test_a_bug_reaches_all_who_wait_and_the_next_change_is_written() -> None:
    faults: list[Exception] = [KeyError("a bug")]
    zone = Zone(lambda _: faults.pop() if faults else None)
    zone.may_answer.clear()
    under_way = zone.commit("t1")
    await a_moment()
    waiting = zone.commit("t2")
    await a_moment()
    zone.may_answer.set()

    assert [type(outcome) for outcome in await ends(under_way, waiting)] == [KeyError, KeyError]
    assert await ends(zone.commit("t3")) == [None]


async def test_what_writes_for_several_has_the_context_of_none() -> None:
    sovereign: ContextVar[str] = ContextVar("sovereign", default="nobody")
    seen = []

    def look(_: list[str]) -> Failure | None:
        seen.append(sovereign.get())
        return None

    zone = Zone(look)
    sovereign.set("t1")
    await ends(zone.commit("t1"))

    assert seen == ["nobody"]

"""Claims on names: no two of the same name at once, first come, first served, and nobody waits for ever."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.clients import zone_claims
from sovereign_dns.clients.zone_claims import ZoneClaims
from sovereign_dns.failures import PowerDNSUnavailable
from tests.unit.hurried_time import hurried

Places = tuple[list[str], list[str]]
"""Names, and whole zones."""

PLACES: st.SearchStrategy[Places] = st.tuples(
    st.lists(st.sampled_from(["t1.a.works", "t2.a.works", "T2.a.works", "a.works", "t1.b.works"]), max_size=3),
    st.lists(st.sampled_from(["a.works", "A.works", "t1.a.works", "b.works", "xa.works"]), max_size=2),
)
FATES = st.sampled_from(["well", "fails", "cancelled while it holds", "cancelled while it waits"])


def overlap(one: Places, other: Places) -> bool:
    (mine, my_zones), (theirs, their_zones) = (
        [[text.lower() for text in texts] for texts in places] for places in (one, other)
    )
    return bool(set(mine) & set(theirs)) or any(
        place == zone or place.endswith(f".{zone}")
        for zones, places in ((my_zones, theirs + their_zones), (their_zones, mine + my_zones))
        for zone in zones
        for place in places
    )


@given(st.lists(st.tuples(PLACES, FATES), max_size=8))
def test_claims_that_overlap_are_held_one_after_the_other_in_the_order_they_came(
    steps: list[tuple[Places, str]],
) -> None:
    asyncio.run(play(steps))


async def play(steps: list[tuple[Places, str]]) -> None:
    claims = ZoneClaims()
    holding: list[int] = []
    held: list[int] = []

    async def step(number: int, places: Places, fate: str) -> None:
        async with claims.held(places[0], whole_zones=places[1]):
            assert not [other for other in holding if overlap(places, steps[other][0])]
            held.append(number)
            holding.append(number)
            try:
                await asyncio.sleep(0)
                if fate == "fails":
                    raise ValueError
                if fate == "cancelled while it holds":
                    raise asyncio.CancelledError
                await asyncio.sleep(0)
            finally:
                holding.remove(number)

    running = [asyncio.create_task(step(number, *one)) for number, one in enumerate(steps)]
    await asyncio.sleep(0)
    for task, (number, (_, fate)) in zip(running, enumerate(steps), strict=True):
        if fate == "cancelled while it waits" and number not in held:
            task.cancel()
    await asyncio.wait_for(asyncio.gather(*running, return_exceptions=True), 10)

    lived = [number for number, (_, fate) in enumerate(steps) if fate != "cancelled while it waits" or number in held]
    assert sorted(held) == lived
    for later, number in enumerate(held):
        assert not [after for after in held[later:] if after < number and overlap(steps[after][0], steps[number][0])]
    async with claims.held([], whole_zones=["works"]):
        pass


def test_who_needs_other_names_of_a_zone_waits_for_nobody() -> None:
    claims = ZoneClaims()

    async def play() -> None:
        async with (
            claims.held(["t1.omani.works"]),
            claims.held(["t2.omani.works", "t2.omani.homes"]),
        ):
            waiting = asyncio.create_task(claims.held([], whole_zones=["omani.works"]).__aenter__())
            await asyncio.sleep(1)
            assert not waiting.done(), "the whole zone, while names of it are being changed"
        await waiting

    hurried(play())


def test_who_waits_for_a_name_that_another_run_writes_is_told_so() -> None:
    claims = ZoneClaims()

    async def failure() -> PowerDNSUnavailable:
        async with claims.held(["console.t1.omani.works", "t1.omani.works"]):
            with pytest.raises(PowerDNSUnavailable) as failed:
                async with claims.held(["console.t1.omani.works"], whole_zones=["aa.example"]):
                    pytest.fail("two writers of one name at once")
            async with claims.held([], whole_zones=["aa.example"]):
                return failed.value

    failed = hurried(failure())
    told = "this worker has been writing console.t1.omani.works for other runs"
    seconds = zone_claims.LONGEST_STANDSTILL_SECONDS
    assert str(failed).startswith(f"{told}, and came to an end with 0 in the last {seconds:.0f} s")
    assert not failed.sent


def test_a_long_queue_for_one_name_is_waited_in_as_long_as_it_moves() -> None:
    claims = ZoneClaims()
    written = []

    async def write(number: int) -> None:
        async with claims.held(["t1.omani.works"]):
            await asyncio.sleep(0.9 * zone_claims.LONGEST_STANDSTILL_SECONDS)
            written.append(number)

    async def write_all() -> None:
        await asyncio.gather(*(write(number) for number in range(4)))

    hurried(write_all())

    assert written == list(range(4))

"""How often is looked at what may take days."""

from datetime import timedelta

import pytest

from sovereign_dns.contract import AnswerEvidence, Outcome, ServerVerdict
from sovereign_dns.pacing import delegation_kept_for, pause_after

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("waited", "kept_for", "seconds"),
    [
        (timedelta(), None, 15),
        (timedelta(minutes=5), None, 30),
        (DAY, None, 300),
        (DAY, 172_800, 900),
        (DAY, 3, 60),
        (timedelta(minutes=5), 172_800, 30),
    ],
)
def test_a_tenth_of_what_was_waited_already_and_never_longer_than_makes_sense(
    waited: timedelta, kept_for: int | None, seconds: float
) -> None:
    assert pause_after(waited, kept_for).total_seconds() == seconds


def test_two_days_are_cheap() -> None:
    waited, looks = timedelta(minutes=2, seconds=30), 0
    while waited < 2 * DAY:
        waited += pause_after(waited, 172_800)
        looks += 1
    assert looks < 300


def parent(*answers: tuple[str, Outcome, int | None, int | None]) -> ServerVerdict:
    evidence = [
        AnswerEvidence(name="omani.homes.", type=rrtype, state=state, ttl=ttl, negative_ttl=negative)
        for rrtype, state, ttl, negative in answers
    ]
    return ServerVerdict(server="a.gtld", kind="parent", state="missing", detail="", answers=evidence)


def test_the_shortest_time_that_a_former_delegation_is_kept_counts() -> None:
    former = parent(("NS", "misdirected", 3600, None), ("DS", "missing", 60, None))
    assert delegation_kept_for([former, parent(("NS", "missing", None, 900))]) == 900
    assert delegation_kept_for([parent(("NS", "converged", 60, None)), former]) == 3600
    assert delegation_kept_for([parent(("NS", "missing", None, None))]) is None

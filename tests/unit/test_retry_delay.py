"""When a failed step is tried again, as Temporal is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.activity import Info
from temporalio.common import RetryPolicy
from temporalio.testing import ActivityEnvironment

from activities.classification import retry_delay
from sovereign_dns.failures import (
    Failure,
    KubernetesForbidden,
    KubernetesUnavailable,
    NotYetConverged,
    NotYetIssued,
    PDMUnavailable,
)

POLICY = RetryPolicy(
    initial_interval=timedelta(seconds=1), backoff_coefficient=2, maximum_interval=timedelta(seconds=60)
)


def info(*, attempt: int = 1, seconds_left: float | None = None) -> Info:
    """An attempt of an activity whose deadline, if it has one, is so far away."""
    of_any = replace(ActivityEnvironment().info, attempt=attempt, retry_policy=POLICY, schedule_to_close_timeout=None)
    if seconds_left is None:
        return of_any
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    return replace(
        of_any, scheduled_time=an_hour_ago, schedule_to_close_timeout=timedelta(hours=1, seconds=seconds_left)
    )


LONGEST = 1.0
SHORTEST = 0.0

CHANCES = st.floats(0, 1)
ATTEMPTS = st.integers(1, 10_000)


def exact(failure: Failure, attempt: Info, chance: float) -> float:
    delay = retry_delay(failure, attempt, chance=chance)
    assert delay is not None
    return delay.total_seconds()


def seconds(failure: Failure, attempt: Info) -> float:
    return round(exact(failure, attempt, LONGEST))


def backoff(attempt: int) -> float:
    """The contract: 1 s doubling to 60 s."""
    return min(2.0 ** min(attempt - 1, 10), 60)


@given(ATTEMPTS, CHANCES)
def test_an_outage_is_tried_again_no_later_than_promised_and_not_much_sooner(attempt: int, chance: float) -> None:
    assert backoff(attempt) / 2 <= exact(PDMUnavailable("x"), info(attempt=attempt), chance) <= backoff(attempt)


@given(ATTEMPTS)
def test_those_that_failed_together_come_back_spread_over_half_of_their_wait(attempt: int) -> None:
    earliest, latest = (exact(PDMUnavailable("x"), info(attempt=attempt), chance) for chance in (SHORTEST, LONGEST))
    assert latest - earliest == pytest.approx(backoff(attempt) / 2)


@given(ATTEMPTS, CHANCES, st.floats(0, 3600))
def test_nobody_comes_before_a_server_said_and_all_come_soon_after(
    attempt: int, chance: float, retry_after: float
) -> None:
    failure = PDMUnavailable("x", retry_after=retry_after)
    later = exact(failure, info(attempt=attempt), chance) - retry_after
    assert -1e-6 <= later <= 1 + backoff(attempt) / 2


@given(ATTEMPTS, CHANCES)
def test_what_needs_a_hand_is_looked_at_every_minute(attempt: int, chance: float) -> None:
    assert exact(KubernetesForbidden("x"), info(attempt=attempt), chance) == 60


@given(ATTEMPTS, CHANCES)
def test_an_answer_that_can_not_change_before_is_looked_at_just_then(attempt: int, chance: float) -> None:
    assert exact(NotYetConverged("x", retry_after=37), info(attempt=attempt), chance) == 37


@given(ATTEMPTS, CHANCES, st.floats(2, 10_000), st.none() | st.floats(0, 3600))
def test_however_long_the_wait_a_last_look_fits_before_the_deadline(
    attempt: int, chance: float, left: float, retry_after: float | None
) -> None:
    failure = PDMUnavailable("x", retry_after=retry_after)
    assert exact(failure, info(attempt=attempt, seconds_left=left), chance) < left


@pytest.mark.parametrize(
    ("failure", "attempt", "seconds_left", "delay"),
    [
        (KubernetesUnavailable("x"), 3, 1000, 4),
        (KubernetesUnavailable("x"), 9, 1000, 60),
        (KubernetesUnavailable("x"), 9, 30, 29),
        (KubernetesUnavailable("x", retry_after=600), 1, 30, 29),
        (KubernetesForbidden("x"), 1, 30, 29),
        (NotYetIssued("x"), 30, 1000, 300),
        (NotYetIssued("x"), 30, 6, 5),
    ],
)
def test_before_a_deadline_there_is_always_a_last_look(
    failure: Failure, attempt: int, seconds_left: float, delay: float
) -> None:
    assert seconds(failure, info(attempt=attempt, seconds_left=seconds_left)) == delay


@pytest.mark.parametrize(
    ("waited", "attempt", "delay"),
    [
        (timedelta(), 1, 1),
        (timedelta(seconds=5), 4, 3),
        (timedelta(minutes=2), 30, 15),
        (timedelta(minutes=20), 30, 120),
        (timedelta(days=2), 500, 300),
        (timedelta(days=2), 1, 1),  # after a reset by hand, looks follow each other quickly again
    ],
)
def test_what_is_not_yet_so_is_looked_at_less_often_the_longer_it_takes(
    waited: timedelta, attempt: int, delay: float
) -> None:
    scheduled = replace(info(attempt=attempt), scheduled_time=datetime.now(UTC) - waited)
    assert seconds(NotYetConverged("x"), scheduled) == delay

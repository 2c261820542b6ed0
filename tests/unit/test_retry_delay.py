"""When a failed step is tried again, as Temporal is told."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.activity import Info
from temporalio.common import RetryPolicy
from temporalio.testing import ActivityEnvironment

from activities.classification import retry_delay
from sovereign_dns.failures import Failure, KubernetesForbidden, KubernetesUnavailable, NotYetIssued

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


def seconds(failure: Failure, attempt: Info) -> float | None:
    delay = retry_delay(failure, attempt)
    return None if delay is None else round(delay.total_seconds())


def test_an_outage_without_a_deadline_is_left_to_the_retry_policy() -> None:
    assert seconds(KubernetesUnavailable("x"), info(attempt=9)) is None


@pytest.mark.parametrize(
    ("failure", "attempt", "seconds_left", "delay"),
    [
        (KubernetesUnavailable("x"), 3, 1000, 4),
        (KubernetesUnavailable("x"), 9, 1000, 60),
        (KubernetesUnavailable("x"), 9, 30, 29),
        (KubernetesUnavailable("x", retry_after=600), 1, 30, 29),
        (KubernetesForbidden("x"), 1, 30, 29),
        (NotYetIssued("x"), 30, 1000, 15),
        (NotYetIssued("x"), 30, 6, 5),
    ],
)
def test_before_a_deadline_there_is_always_a_last_look(
    failure: Failure, attempt: int, seconds_left: float, delay: float
) -> None:
    assert seconds(failure, info(attempt=attempt, seconds_left=seconds_left)) == delay


def test_a_server_that_says_when_to_come_again_is_obeyed() -> None:
    assert seconds(KubernetesUnavailable("x", retry_after=90), info()) == 90

"""Every activity's entrance: its log lines name Sovereign and step, its failures become Temporal's."""

import asyncio
import logging
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities import journal
from activities.attempt_time import waited_for
from activities.journal import Journal
from sovereign_dns.failures import Failure, Kind
from sovereign_dns.lifecycle_messages import DecideRemoval, DecideRestoring
from sovereign_dns.messages import DecideIntent, Task
from sovereign_dns.pacing import pause_after

NEEDS_A_HAND_RETRY = timedelta(seconds=60)
FIRST_LOOK_AGAIN = timedelta(seconds=1)
HEARTBEAT_SECONDS = 3.0

_log = structlog.get_logger(__name__)


class ClassifyFailures(Interceptor):
    """Turns a classified `Failure` into an `ApplicationError` that carries its retry rule."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:  # noqa: A002
        """Temporal's hook: the name of the argument is its own."""
        return _Entrance(next)


class _Entrance(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:  # noqa: A002
        info = activity.info()
        context = {
            "sovereign": _sovereign(input.args),
            "step": info.activity_type if info.is_local else info.activity_id,
            "attempt": info.attempt,
            "workflow_id": info.workflow_id,
            "run_id": info.workflow_run_id,
        }
        with structlog.contextvars.bound_contextvars(**context):
            alive = asyncio.create_task(_beat(journal.begin()))
            try:
                result = await super().execute_activity(input)
            except Failure as failure:
                _log.log(_level(failure), "step not done", error_type=failure.error_type, message=str(failure))
                _log.debug("step not done, in detail", exc_info=failure)
                # Without its cause: the libraries' chains of exceptions exceed Temporal's limit on a failure's
                # size, which then shows nothing but that. The message has all that a person needs.
                chance = random.random()  # noqa: S311 (spreads load; nothing is kept secret by it)
                raise as_application_error(failure, retry_delay(failure, info, chance=chance)) from None
            except ApplicationError:
                raise
            except Exception as error:  # noqa: BLE001 (a bug must be readable too)
                _log.exception("step failed in a way that nobody foresaw")
                raise ApplicationError(
                    f"a fault of the worker itself ({type(error).__name__}: {str(error)[:500]}). Its log has the stack "
                    "trace. It is tried again, since a new version of the worker may know better.",
                    type="WorkerFault",
                ) from None
            finally:
                alive.cancel()
            _log.info("step done", outcome=getattr(result, "outcome", None))
            return result


async def _beat(notes: Journal) -> None:
    """Tells Temporal that the worker lives, so that a killed one is noticed at the heartbeat timeout."""
    if activity.info().heartbeat_timeout is None:
        return
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        notes.beat()


def _sovereign(arguments: Any) -> str | None:
    match arguments:
        case [Task(owner=owner)]:
            return owner.sovereign_fqdn
        case [(DecideIntent(request=request) | DecideRemoval(request=request) | DecideRestoring(request=request))]:
            return request.sovereign_fqdn
        case _:
            return None


def _level(failure: Failure) -> int:
    return logging.INFO if failure.kind is Kind.NOT_YET else logging.WARNING


def as_application_error(failure: Failure, delay: timedelta | None) -> ApplicationError:
    """The failure as Temporal keeps it: type, whether and when to try again, and the evidence."""
    category = ApplicationErrorCategory.BENIGN if failure.kind is Kind.NOT_YET else ApplicationErrorCategory.UNSPECIFIED
    return ApplicationError(
        str(failure),
        *([] if failure.evidence is None else [failure.evidence]),
        type=failure.error_type,
        non_retryable=failure.kind is Kind.REFUSED,
        next_retry_delay=delay,
        category=category,
    )


def retry_delay(failure: Failure, info: activity.Info, *, chance: float) -> timedelta | None:
    """When to try again; None leaves it to the activity's retry policy.

    An outage hits many runs at the same moment. Were they all to wait for the same time, they would come back at the
    same moment too, so a part of each wait is left to chance: "equal jitter" of Marc Brooker, "Exponential Backoff And
    Jitter" (AWS Architecture Blog, 2015). Its other half is kept, since here nobody competes for a lock: a server that
    is away need not be asked at once again.

    Args:
        failure: what went wrong.
        info: the attempt.
        chance: between 0 and 1, drawn anew each time.
    """
    delay = _own_delay(failure, info, chance)
    if not info.schedule_to_close_timeout:
        return delay
    deadline = info.scheduled_time + info.schedule_to_close_timeout
    return _within(deadline, _delay_of_policy(info) if delay is None else delay)


def _own_delay(failure: Failure, info: activity.Info, chance: float) -> timedelta | None:
    match failure.kind:
        case Kind.OUTAGE:
            return _spread(_delay_of_policy(info), failure.retry_after, chance)
        case _ if failure.retry_after is not None:
            return timedelta(seconds=max(failure.retry_after, 1.0))
        case Kind.NEEDS_A_HAND:
            return NEEDS_A_HAND_RETRY
        case Kind.NOT_YET:
            return min(FIRST_LOOK_AGAIN * 1.5 ** min(info.attempt - 1, 20), pause_after(waited_for(info)))
        case _:
            return None


def _spread(backoff: timedelta | None, retry_after: float | None, chance: float) -> timedelta | None:
    """Between half of the backoff and the whole; where the server said when to come, up to half of it after that."""
    if backoff is None:
        return None if retry_after is None else timedelta(seconds=max(retry_after, 1.0))
    earliest = backoff / 2 if retry_after is None else timedelta(seconds=max(retry_after, 1.0))
    return earliest + backoff / 2 * chance


def _delay_of_policy(info: activity.Info) -> timedelta | None:
    """What Temporal itself would wait."""
    policy = info.retry_policy
    if policy is None:
        return None
    longest = policy.maximum_interval or policy.initial_interval * 100
    return min(policy.initial_interval * policy.backoff_coefficient ** min(info.attempt - 1, 20), longest)


def _within(deadline: datetime, delay: timedelta | None) -> timedelta | None:
    """Leaves time for a last look: Temporal gives a step up at once whose next attempt would be past its deadline."""
    if delay is None:
        return None
    left = deadline - datetime.now(UTC) - FIRST_LOOK_AGAIN
    return min(delay, left) if left > timedelta() else delay

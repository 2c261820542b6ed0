"""How long an attempt has until it must have sent what it writes.

Temporal gives an attempt up at its time-out, and the run may then end and let its Sovereign's lock go: what this
process still sent later could overwrite a later run's address.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta

from temporalio import activity

from sovereign_dns.failures import Failure

ANSWERED_WITHIN = timedelta(seconds=25)
"""A write's own time-out, and a little more: what is sent before is answered, or given up, within the attempt."""


_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


@asynccontextmanager
async def in_time(too_late: Failure) -> AsyncIterator[None]:
    """Ends what waits for too long. A write that is under way is not called back by it (`shielding`).

    Raises:
        Failure: `too_late`, where the attempt's time to send is over.
    """
    time_out = activity.info().start_to_close_timeout if activity.in_activity() else None
    if time_out is None:
        yield
        return
    deadline = asyncio.get_running_loop().time() + (time_out - ANSWERED_WITHIN).total_seconds()
    _deadline.set(deadline)
    try:
        async with asyncio.timeout_at(deadline) as limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise too_late from None
        raise


def is_over() -> bool:
    """Whether it is too late for this attempt to send a further write."""
    deadline = _deadline.get()
    return deadline is not None and asyncio.get_running_loop().time() > deadline


def waited_for(info: activity.Info) -> timedelta:
    """How long ago the step was scheduled, over all of its attempts."""
    return datetime.now(UTC) - info.scheduled_time


def waited() -> timedelta:
    """How long ago the running step was scheduled; nothing outside an activity."""
    return waited_for(activity.info()) if activity.in_activity() else timedelta()

"""What an attempt is about to change, noted with Temporal before it does.

An attempt whose answer was lost, or whose worker was killed, has perhaps done its work: the next one finds it done,
and would report nothing replaced. The note is the activity's heartbeat details, which its next attempt is given.
"""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.service import RPCError

from sovereign_dns.contract import RecordChange
from sovereign_dns.failures import TemporalUnavailable


class Journal:
    """The notes of one activity, over all of its attempts."""

    def __init__(self, noted: Sequence[RecordChange] = ()) -> None:
        self.noted = list(noted)

    def beat(self) -> None:
        """Tells Temporal that the worker lives. Every beat repeats the notes: the latest replaces all before."""
        activity.heartbeat(*self.noted)


_current: ContextVar[Journal | None] = ContextVar("journal", default=None)


def begin() -> Journal:
    """Opens the running activity's journal, with what its earlier attempts noted."""
    journal = Journal([RecordChange.model_validate(note) for note in activity.info().heartbeat_details])
    _current.set(journal)
    return journal


def noted_before() -> list[RecordChange]:
    """What earlier attempts of the running activity were about to change."""
    journal = _current.get()
    return list(journal.noted) if journal else []


async def note(changes: Sequence[RecordChange]) -> None:
    """Returns when Temporal has the changes. Outside an activity nobody could be told, and nothing happens.

    Raises:
        TemporalUnavailable: it could not be told, so nothing may be changed.
    """
    journal = _current.get()
    if journal is None:
        return
    journal.noted = list(changes)
    # Not by the SDK's heartbeat, which is sent later, at its own pace: perhaps after the worker was killed.
    handle = activity.client().get_async_activity_handle(task_token=activity.info().task_token)
    try:
        await handle.heartbeat(*journal.noted)
    except AsyncActivityCancelledError:
        raise asyncio.CancelledError from None
    except RPCError as error:
        raise TemporalUnavailable(
            f"Temporal could not be told what would be replaced ({error.message}), so nothing was changed; tried again"
        ) from error

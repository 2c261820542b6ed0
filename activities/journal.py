"""What an attempt leaves to the next one: what it is about to change, or what it has seen.

An attempt whose answer was lost, or whose worker was killed, has perhaps done its work: the next one finds it done,
and would report nothing replaced. The notes are the activity's heartbeat details, which its next attempt is given.
"""

import asyncio
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any, TypeVar

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.service import RPCError

from sovereign_dns.failures import TemporalUnavailable
from sovereign_dns.wire import Message

Note = TypeVar("Note", bound=Message)


class Journal:
    """The notes of one activity, over all of its attempts."""

    def __init__(self, notes: Sequence[Any] = ()) -> None:
        self.notes = list(notes)

    def beat(self) -> None:
        """Tells Temporal that the worker lives. Every beat repeats the notes: the latest replaces all before."""
        activity.heartbeat(*self.notes)


_current: ContextVar[Journal | None] = ContextVar("journal", default=None)


def begin() -> Journal:
    """Opens the running activity's journal, with the notes of its earlier attempts."""
    journal = Journal(activity.info().heartbeat_details)
    _current.set(journal)
    return journal


def notes(kind: type[Note]) -> list[Note]:
    """What earlier attempts of the running activity noted."""
    journal = _current.get()
    return [kind.model_validate(note) for note in journal.notes] if journal else []


async def note(*items: Message) -> None:
    """Returns when Temporal has the notes, which replace earlier ones. Outside an activity nothing happens.

    Raises:
        TemporalUnavailable: it could not be told, so nothing may be changed.
    """
    journal = _current.get()
    if journal is None:
        return
    journal.notes = list(items)
    # Not by the SDK's heartbeat, which is sent later, at its own pace: perhaps after the worker was killed.
    handle = activity.client().get_async_activity_handle(task_token=activity.info().task_token)
    try:
        await handle.heartbeat(*items)
    except AsyncActivityCancelledError:
        # Cancelled, paused or reset: the worker hears of it by its own next heartbeat, and ends this attempt.
        await asyncio.Event().wait()
    except RPCError as error:
        raise TemporalUnavailable(
            f"Temporal took no note of what would be changed ({error.message}), so nothing was; tried again"
        ) from error

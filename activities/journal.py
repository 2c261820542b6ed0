"""What an attempt leaves to the next one: what it is about to change, or what it has seen.

An attempt whose answer was lost, or whose worker was killed, has perhaps done its work: the next one finds it done,
and would report nothing replaced. The notes are the activity's heartbeat details, which its next attempt is given.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, TypeVar

from temporalio import activity
from temporalio.client import AsyncActivityCancelledError
from temporalio.service import RPCError

from sovereign_dns.failures import TemporalUnavailable
from sovereign_dns.wire import Message

Note = TypeVar("Note", bound=Message)


class Journal:
    """The notes of one activity, over all of its attempts, by their kind."""

    def __init__(self, notes: Mapping[str, list[Any]] | None = None) -> None:
        self.notes = dict(notes or {})
        self._has_beaten = False

    def beat(self) -> None:
        """Tells Temporal that the worker lives. Every beat repeats the notes: the latest replaces all before."""
        self._has_beaten = True
        activity.heartbeat(self.notes)

    def replace_waiting_beat(self) -> None:
        """A beat of this attempt may still wait in the SDK: it would replace what Temporal is told meanwhile."""
        if self._has_beaten:
            self.beat()


_current: ContextVar[Journal | None] = ContextVar("journal", default=None)


def begin() -> Journal:
    """Opens the running activity's journal, with the notes of its earlier attempts."""
    journal = Journal(next((told for told in activity.info().heartbeat_details if isinstance(told, dict)), None))
    _current.set(journal)
    return journal


def notes(kind: type[Note]) -> list[Note]:
    """What was noted of a kind, by this attempt or an earlier one."""
    journal = _current.get()
    return [kind.model_validate(note) for note in journal.notes.get(kind.__name__, [])] if journal else []


async def note(*items: Message) -> None:
    """Returns when Temporal has the notes, which replace earlier ones of their kind. Outside an activity, at once.

    Raises:
        TemporalUnavailable: it could not be told, so nothing may be changed.
    """
    try:
        await _tell_temporal(*items)
    except AsyncActivityCancelledError:
        # Cancelled, paused or reset: the worker hears of it by its own heartbeat, and ends this attempt.
        _beat_now()
        await asyncio.Event().wait()


async def remember(*items: Message) -> None:
    """Notes what the next attempt can do without, if need be: where Temporal can't be told, nothing happens.

    Nor where the attempt was cancelled, paused or reset. It doesn't wait for its end, which in a write that goes to
    its own end would never come.
    """
    with contextlib.suppress(TemporalUnavailable, AsyncActivityCancelledError):
        await _tell_temporal(*items)


def _beat_now() -> None:
    if journal := _current.get():
        journal.beat()


async def _tell_temporal(*items: Message) -> None:
    journal = _current.get()
    if journal is None or not items:
        return
    by_kind: dict[str, list[Any]] = {}
    for item in items:
        noted = item.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        by_kind.setdefault(type(item).__name__, []).append(noted)
    journal.notes |= by_kind
    # Not by the SDK's own heartbeat alone, which is sent later, at its own pace, perhaps after the worker was killed.
    journal.replace_waiting_beat()
    handle = activity.client().get_async_activity_handle(task_token=activity.info().task_token)
    try:
        await handle.heartbeat(journal.notes)
    except RPCError as error:
        raise TemporalUnavailable(
            f"Temporal took no note of what would be changed ({error.message}), so nothing was; tried again"
        ) from error

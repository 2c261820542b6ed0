"""Activities as Temporal runs them: attempt after attempt, each with the notes of those before; without a Temporal."""

import dataclasses
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar, cast

from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities import journal
from sovereign_dns.failures import Outage

TIME_OUT = timedelta(seconds=120)

Task = TypeVar("Task")
Report = TypeVar("Report")


class Attempts:
    """The attempts of one activity.

    Attributes:
        told: what its workflow was told before it ended.
    """

    def __init__(self) -> None:
        self._notes: dict[str, list[Any]] = {}
        self._scheduled_at = datetime.now(UTC)
        self.told: list[Any] = []

    async def attempt(self, activity: Callable[[Task], Awaitable[Report]], task: Task) -> Report:
        """One attempt."""
        environment = ActivityEnvironment(client=cast("Client", _Temporal(self)))
        environment.info = dataclasses.replace(
            environment.info,
            heartbeat_details=[self._notes],
            start_to_close_timeout=TIME_OUT,
            scheduled_time=self._scheduled_at,
        )

        async def begun() -> Report:
            journal.begin()
            return await activity(task)

        report: Report = await environment.run(begun)
        return report

    async def until_done(self, activity: Callable[[Task], Awaitable[Report]], task: Task) -> Report:
        """As often as it takes: an outage is tried again at once."""
        while True:
            try:
                return await self.attempt(activity, task)
            except Outage:
                continue

    def as_noted(self) -> Self:
        """The same activity as a killed worker would have left it just now: of it nothing is told any more."""
        left = type(self)()
        left.note(self._notes)
        return left

    def note(self, notes: dict[str, list[Any]]) -> None:
        self._notes = dict(notes)


class _Temporal:
    """What an activity uses of a client, and of the handles that it gives."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def get_async_activity_handle(self, **_: object) -> Self:
        return self

    def get_workflow_handle(self, _: str, **__: object) -> Self:
        return self

    async def heartbeat(self, notes: dict[str, list[Any]]) -> None:
        self._attempts.note(notes)

    async def signal(self, _: str, message: Any) -> None:
        self._attempts.told.append(message)

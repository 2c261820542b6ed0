"""Activities as Temporal runs them: attempt after attempt, each with the notes of those before; without a Temporal."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Self, TypeVar, cast

from temporalio.client import Client
from temporalio.testing import ActivityEnvironment

from activities import journal
from sovereign_dns.failures import NotYet, Outage

TIME_OUT = timedelta(seconds=120)
"""As a workflow allows."""

Task = TypeVar("Task")
Report = TypeVar("Report")


class Attempts:
    """The attempts of one activity.

    Attributes:
        told: what its workflow was told before it ended.
        failures: what each attempt failed with that `until_done` or `fail_once` tried again.
    """

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.failures: list[NotYet | Outage] = []
        self._notes: list[Any] = []

    async def attempt(self, activity: Callable[[Task], Awaitable[Report]], task: Task) -> Report:
        """One attempt."""
        environment = ActivityEnvironment(client=cast("Client", _Temporal(self)))
        environment.info = dataclasses.replace(
            environment.info, heartbeat_details=self._notes, start_to_close_timeout=TIME_OUT
        )

        async def begun() -> Report:
            journal.begin()
            return await activity(task)

        report: Report = await environment.run(begun)
        return report

    async def until_done(self, activity: Callable[[Task], Awaitable[Report]], task: Task, *, most: int = 20) -> Report:
        """The report of the first attempt that has one. Waits as long as a failure says, and not otherwise."""
        for _ in range(most):
            try:
                return await self.attempt(activity, task)
            except (NotYet, Outage) as failure:
                self.failures.append(failure)
                await asyncio.sleep(failure.retry_after or 0)
        raise AssertionError(f"not done after {most} attempts: {self.failures[-1]}")

    async def fail_once(self, activity: Callable[[Task], Awaitable[Any]], task: Task) -> None:
        """One attempt, which isn't done yet."""
        try:
            done = await self.attempt(activity, task)
        except NotYet as failure:
            self.failures.append(failure)
        else:
            raise AssertionError(f"done already: {done}")

    def note(self, notes: dict[str, list[Any]]) -> None:
        """What an attempt leaves to the next one."""
        self._notes = [dict(notes)]


class _Temporal:
    """What an activity uses of a client, and of the handles that it gives."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def get_async_activity_handle(self, **_: Any) -> Self:
        return self

    def get_workflow_handle(self, *_: Any, **__: Any) -> Self:
        return self

    async def heartbeat(self, notes: dict[str, list[Any]]) -> None:
        self._attempts.note(notes)

    async def signal(self, _: str, message: Any) -> None:
        self._attempts.told.append(message)

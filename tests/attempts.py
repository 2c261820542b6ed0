"""An activity's attempts one after another, as Temporal makes them: each gets the notes of those before it."""

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeVar

from temporalio.testing import ActivityEnvironment

from activities import journal
from sovereign_dns.failures import NotYet

Report = TypeVar("Report")

LONGEST = timedelta(seconds=120)
"""As a workflow allows."""


class Attempts:
    """`told` is what the run was told by signals, `failures` what each attempt failed with that was not yet done."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.failures: list[NotYet] = []
        self._notes: list[Any] = []

    async def until_done(self, attempt: Callable[[], Awaitable[Report]], *, most: int = 20) -> Report:
        """The report of the first attempt that has one. Waits as long as a failure says, and not otherwise."""
        for _ in range(most):
            try:
                return await self.one(attempt)
            except NotYet as failure:
                self.failures.append(failure)
                await asyncio.sleep(failure.retry_after or 0)
        raise AssertionError(f"not done after {most} attempts: {self.failures[-1]}")

    async def fail_once(self, attempt: Callable[[], Awaitable[Any]]) -> None:
        """One attempt, which isn't done yet."""
        try:
            done = await self.one(attempt)
        except NotYet as failure:
            self.failures.append(failure)
        else:
            raise AssertionError(f"done already: {done}")

    async def one(self, attempt: Callable[[], Awaitable[Report]]) -> Report:
        """One attempt."""
        environment = ActivityEnvironment(client=_Temporal(self))  # type: ignore[arg-type]
        environment.info = dataclasses.replace(
            environment.info, heartbeat_details=self._notes, start_to_close_timeout=LONGEST
        )

        async def with_journal() -> Report:
            journal.begin()
            return await attempt()

        return await environment.run(with_journal)

    def note(self, notes: Any) -> None:
        """What the attempt leaves to the next one."""
        self._notes = [notes]


class _Temporal:
    """As much of a client as journal and signals need."""

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts

    def get_async_activity_handle(self, **_: Any) -> "_Temporal":
        return self

    def get_workflow_handle(self, *_: Any, **__: Any) -> "_Temporal":
        return self

    async def heartbeat(self, notes: Any) -> None:
        self._attempts.note(notes)

    async def signal(self, _: str, message: Any) -> None:
        self._attempts.told.append(message)

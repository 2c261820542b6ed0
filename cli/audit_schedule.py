"""`audit enable`, `audit disable` and `audit status`: the Schedule by which audits run, and what it says."""

import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleDescription,
    ScheduleHandle,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.service import RPCError, RPCStatusCode

from cli import display
from cli.audit_results import latest_audit
from cli.audit_runs import Inventory, audit_request
from cli.connection import connect
from cli.waiting import clock
from sovereign_dns.audit_contract import AUDIT_SCHEDULE_ID, AUDIT_ZONES, AuditRequest
from sovereign_dns.contract import TASK_QUEUE

CATCH_UP = timedelta(minutes=10)
"""After an outage of Temporal one audit is enough: what it missed it finds now."""

SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=30)

ENABLED_NOTE = "enabled by `sovereign-dns audit enable`; runs AuditZones, which reads only"
DISABLED_NOTE = "disabled by `sovereign-dns audit disable`; `sovereign-dns audit enable` turns it on again"

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def interval(text: str) -> timedelta:
    """A time such as `30m`, `1h` or `1d`.

    Raises:
        typer.BadParameter: it is none, or too short or too long.
    """
    found = re.fullmatch(r"([0-9]{1,6})([smhd])", text.strip())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no time such as 30m, 1h or 1d")
    every = timedelta(**{_UNITS[found[2]]: int(found[1])})
    if not SHORTEST <= every <= LONGEST:
        raise typer.BadParameter(f"{text} is not between 1m and 30d")
    return every


Every = Annotated[
    timedelta, typer.Option("--every", metavar="TIME", help="How often, such as 30m, 1h or 1d.", parser=interval)
]


def enable(*, every: Every = timedelta(hours=1), inventory: Inventory = None) -> None:
    """Have the zones audited again and again, by a Temporal Schedule. Run again, it changes how often."""
    raise typer.Exit(asyncio.run(_enable(every, audit_request([], inventory or []))))


def disable() -> None:
    """Pause the Schedule. Its results stay, and `audit enable` turns it on again."""
    raise typer.Exit(asyncio.run(_disable()))


def status() -> None:
    """Say whether audits are enabled, how often, when the next one runs, and what the last one found."""
    raise typer.Exit(asyncio.run(_status()))


async def _enable(every: timedelta, wanted: AuditRequest) -> int:
    client = await connect()
    schedule = _schedule(every, wanted)
    try:
        await client.create_schedule(AUDIT_SCHEDULE_ID, schedule, trigger_immediately=True)
        told = "the first audit runs now"
    except ScheduleAlreadyRunningError:

        def changed(_: ScheduleUpdateInput) -> ScheduleUpdate:
            return ScheduleUpdate(schedule=schedule)

        await client.get_schedule_handle(AUDIT_SCHEDULE_ID).update(changed)
        told = "the Schedule was there already, and is changed"
    terminal = display.console()
    terminal.print(f"audits run every {_in_words(every)}: {told}", markup=False)
    terminal.print(f"in the Web UI: Schedules, {AUDIT_SCHEDULE_ID}; here: sovereign-dns audit status", markup=False)
    return 0


def _schedule(every: timedelta, wanted: AuditRequest) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            AUDIT_ZONES,
            wanted,
            id=AUDIT_SCHEDULE_ID,
            task_queue=TASK_QUEUE,
            static_summary="all zones: what nobody owns, what leads nowhere, what has changed",
            static_details=(
                "Reads every zone and the inventory, and writes nothing. `sovereign-dns audit show` prints the result, "
                "`sovereign-dns audit fix <id>` removes one finding after showing it."
            ),
        ),
        spec=ScheduleSpec(intervals=[ScheduleIntervalSpec(every=every)]),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP, pause_on_failure=False),
        state=ScheduleState(note=ENABLED_NOTE, paused=False),
    )


async def _disable() -> int:
    handle, description = await _described(await connect())
    if description is None:
        return _not_enabled()
    if not description.schedule.state.paused:
        await handle.pause(note=DISABLED_NOTE)
    display.console().print("audits are disabled: the Schedule is paused, and `audit run` still runs one", markup=False)
    return 0


async def _status() -> int:
    client = await connect()
    _, description = await _described(client)
    terminal = display.console()
    if description is None:
        terminal.print("audits are not enabled. Enable them with: sovereign-dns audit enable --every 1h", markup=False)
    else:
        for line in _lines(description):
            terminal.print(line, markup=False)
    latest = await latest_audit(client)
    if latest is None:
        terminal.print("no audit has a result yet", markup=False)
        return 0
    result = latest.result
    terminal.print(
        f"last result: {len(result.findings):,} finding{'' if len(result.findings) == 1 else 's'}"
        f"{' (partial inventory)' if result.partial else ''}, at "
        f"{clock(result.finished_at, datetime.now(UTC))}, by the run {latest.workflow_id}: sovereign-dns audit show",
        markup=False,
    )
    return 0


def _lines(description: ScheduleDescription) -> list[str]:
    now = datetime.now(UTC)
    state = description.schedule.state
    every = ", ".join(_in_words(one.every) for one in description.schedule.spec.intervals)
    lines = [
        f"audits are {'disabled' if state.paused else 'enabled'}: every {every or 'time that the Schedule says'}",
        *([f"note: {state.note}"] if state.note else []),
    ]
    if description.info.recent_actions:
        last = description.info.recent_actions[-1]
        lines.append(f"last run: {clock(last.started_at, now)}")
    if description.info.next_action_times and not state.paused:
        lines.append(f"next run: {clock(description.info.next_action_times[0], now)}")
    if description.info.num_actions_skipped_overlap:
        lines.append(f"skipped, since the one before still ran: {description.info.num_actions_skipped_overlap:,}")
    return lines


async def _described(client: Client) -> tuple[ScheduleHandle, ScheduleDescription | None]:
    handle = client.get_schedule_handle(AUDIT_SCHEDULE_ID)
    try:
        return handle, await handle.describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return handle, None
        raise


def _not_enabled() -> int:
    display.console(stderr=True).print("audits are not enabled: there is no Schedule to pause", markup=False)
    return 1


def _in_words(every: timedelta) -> str:
    seconds = int(every.total_seconds())
    for unit, length in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % length == 0:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"

"""`retry`: have what waits attempt at once, for one Sovereign or for all."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, get_args

import typer
from rich.text import Text
from temporalio.api.enums.v1 import BatchOperationState
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cli import agreeing, display, following, interrupting, resets, survey
from cli.choices import among
from cli.connection import connect
from cli.following import NoSuchRunError
from cli.outcome import DONE, how_to_start_again
from cli.request import named
from cli.resets import Aim, BatchBusyError
from cli.survey import Run
from cli.waiting import ERROR_TYPES
from sovereign_dns.contract import ReadingStep, Step

HANDFUL = 5
"""More steps are asked about before they are told."""

MOST_PREVIEWED = 20

WATCH_ALL = "sovereign-dns status"

STEPS = [*get_args(Step), *get_args(ReadingStep)]

Fqdn = Annotated[str | None, typer.Argument(help="The Sovereign's FQDN.", show_default=False)]
All = Annotated[bool, typer.Option("--all", help="Every run of the namespace that waits, verifications included.")]
Steps = Annotated[
    list[str] | None, typer.Option("--step", help=f"Only these, repeat: {', '.join(STEPS)}.", callback=among(STEPS))
]
ErrorTypes = Annotated[
    list[str] | None,
    typer.Option("--error-type", help="Only what failed with this error type; repeat.", callback=among(ERROR_TYPES)),
]
Jitter = Annotated[
    int, typer.Option("--jitter", help="With --all: spread the attempts over so many seconds.", min=0, max=24 * 3600)
]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask, however many they are.")]


@dataclass(frozen=True)
class Selection:
    """Which waiting steps are meant."""

    steps: Collection[str]
    error_types: Collection[str]

    @property
    def is_temporals_own(self) -> bool:
        """Whether one batch on the server selects the same: it knows steps, but no error types."""
        return not self.error_types and len(self.steps) <= 1

    def __str__(self) -> str:
        return ", ".join([*self.steps, *self.error_types])

    def of(self, runs: Sequence[Run], within: timedelta = timedelta()) -> list[Aim]:
        """The steps that are meant and wait. One with a nearer deadline is not spread beyond it."""
        latest = datetime.now(UTC) + within
        return [
            Aim(run, item, within if item.deadline is None or latest < item.deadline else timedelta())
            for run in runs
            for item in run.waiting
            if item.state == "waiting"
            and (not self.steps or item.step in self.steps)
            and (not self.error_types or item.error_type in self.error_types)
        ]


def retry(
    fqdn: Fqdn = None,
    *,
    everyone: All = False,
    steps: Steps = None,
    error_types: ErrorTypes = None,
    jitter: Jitter = 0,
    yes: Yes = False,
) -> None:
    """Have steps that wait for their next attempt attempt at once. Nothing else is changed."""
    if everyone == (fqdn is not None):
        raise typer.BadParameter("name one Sovereign, or say --all")
    if jitter and not everyone:
        raise typer.BadParameter("--jitter spreads many attempts: it goes with --all")
    selection = Selection(steps or [], error_types or [])
    if fqdn is not None:
        work = _retry_one(named(fqdn), selection, yes=yes)
    else:
        work = _retry_all(selection, timedelta(seconds=jitter), yes=yes)
    interrupting.end_with(work, interrupted="what was told already attempts nevertheless")


async def _retry_one(fqdn: str, selection: Selection, *, yes: bool) -> int:
    client = await connect()
    handle = client.get_workflow_handle(following.workflow_id_of(fqdn))
    try:
        run = await survey.run_of(await handle.describe())
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise NoSuchRunError(
            f"no run {handle.id} is known in this namespace: nothing to attempt. All that are known: "
            "sovereign-dns status. Start one: sovereign-dns provision"
        ) from error
    if not run.running:
        return _ended(run)
    aims = selection.of([run])
    if not aims:
        return _nothing_waits([run], selection)
    if not _agreed(aims, yes=yes):
        return 1
    return await _one_by_one(client, aims, follow=f"sovereign-dns watch {fqdn}")


def _ended(run: Run) -> int:
    """Says so, and what to do. Returns the exit code: 0 where nothing is left to do."""
    if run.phase in {*DONE, "deprovisioned"}:
        display.console().print(f"{run.sovereign} is {run.phase}: its run has ended, and nothing waits")
        return 0
    told = how_to_start_again(run.sovereign, run.workflow_type)
    display.console(stderr=True).print(
        f"{run.sovereign} is {run.phase}: its run has ended, so nothing can be attempted again within it. "
        f"Why: sovereign-dns status {run.sovereign}. {told[0].upper()}{told[1:]}"
    )
    return 1


async def _retry_all(selection: Selection, jitter: timedelta, *, yes: bool) -> int:
    client = await connect()
    runs = await survey.every_run_that_works(client)
    aims = selection.of(runs, jitter)
    if not aims:
        return _nothing_waits(runs, selection)
    if not _agreed(aims, yes=yes):
        return 1
    if len(aims) > HANDFUL and selection.is_temporals_own and all(aim.within == jitter for aim in aims):
        try:
            return await _in_one_batch(client, next(iter(selection.steps), None), jitter)
        except BatchBusyError as busy:
            display.console().print(f"Temporal takes no batch now ({busy}): told one by one", markup=False)
    return await _one_by_one(client, aims, follow=WATCH_ALL)


def _nothing_waits(runs: Sequence[Run], selection: Selection) -> int:
    terminal = display.console()
    others = len(Selection((), ()).of(runs))
    if others:
        terminal.print(f"nothing of that kind waits ({selection}); {others} other steps do: {WATCH_ALL}")
    else:
        terminal.print("nothing waits for an attempt")
    for line in islice(_left_alone(runs), MOST_PREVIEWED):
        terminal.print(line, markup=False)
    return 0


def _left_alone(runs: Sequence[Run]) -> Iterator[str]:
    """What no attempt would help, and what does."""
    for run in runs:
        for item in run.waiting:
            if item.state == "paused":
                yield (
                    f"{run.sovereign} {item.activity_id} was paused by hand, and is left so. To go on: temporal "
                    f"activity unpause --workflow-id {run.workflow_id} --activity-id {item.activity_id}"
                )
            elif item.state == "workflow-task":
                yield f"{run.sovereign} {item.activity_id}: {item.told}"


def _agreed(aims: Sequence[Aim], *, yes: bool) -> bool:
    """Shows what would be attempted, and asks where it is many.

    Raises:
        typer.Exit: nobody is there to be asked.
    """
    terminal = display.console()
    for line in _preview(aims):
        display.one_line(terminal, Text(line))
    if yes or len(aims) <= HANDFUL:
        return True
    return agreeing.agreed(
        f"Have these {len(aims)} steps attempt now?",
        unattended=f"these are {len(aims)} steps, and nobody is at a terminal to be asked: nothing was told. To mean "
        "it: --yes",
        declined="nothing was told",
        on_stdout=True,
    )


def _preview(aims: Sequence[Aim]) -> Iterator[str]:
    now = datetime.now(UTC)
    sovereign = max(len(aim.run.sovereign) for aim in aims)
    step = max(len(aim.step.activity_id) for aim in aims)
    for aim in aims[:MOST_PREVIEWED]:
        item = aim.step
        yield (
            f"{aim.run.sovereign:<{sovereign}}  {item.activity_id:<{step}}  {item.error_type or '-'}, "
            f"attempt {item.attempt}, {item.when(now)}"
        )
    if len(aims) > MOST_PREVIEWED:
        kinds = Counter(f"{aim.step.step} {aim.step.error_type or '-'}" for aim in aims)
        yield f"and {len(aims) - MOST_PREVIEWED} more. In all:"
        yield from (f"  {count:>6,} {kind}" for kind, count in kinds.most_common())


async def _one_by_one(client: Client, aims: Sequence[Aim], *, follow: str) -> int:
    outcome = await resets.reset_each(client, aims)
    gone = f" ({outcome.gone} had gone on meanwhile)" if outcome.gone else ""
    display.console().print(f"told {_steps(outcome.told)} to attempt now{gone}. Watch: {follow}")
    if not outcome.refusals:
        return 0
    reason, times = Counter(outcome.refusals).most_common(1)[0]
    display.console(stderr=True).print(
        f"{_steps(len(outcome.refusals))} could not be told. {times} times: {reason}", markup=False
    )
    return 1


async def _in_one_batch(client: Client, step: str | None, jitter: timedelta) -> int:
    job_id = await resets.start_batch(client, step, jitter)
    terminal = display.console()
    terminal.print(f"Temporal tells them, in the batch {job_id}; it goes on without this command")
    batch = await resets.end_of_batch(client, job_id)
    spread = f" The attempts come within {jitter.total_seconds():.0f} s." if jitter else ""
    terminal.print(
        f"told {batch.complete_operation_count:,} of {batch.total_operation_count:,} runs that are under way to "
        f"attempt what waits.{spread} Watch: {WATCH_ALL}"
    )
    if batch.state == BatchOperationState.BATCH_OPERATION_STATE_COMPLETED and not batch.failure_operation_count:
        return 0
    display.console(stderr=True).print(
        f"not every run was told. What became of the batch: temporal batch describe --job-id {job_id}. "
        "Try again those that still wait: sovereign-dns retry --all"
    )
    return 1


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count:,} steps"

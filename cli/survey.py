"""Every Sovereign's state, and every run that works, read from Temporal itself: no worker needs to be up."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, get_args

from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowHistoryEventFilterType,
)
from temporalio.service import RPCError, RPCStatusCode

from cli.waiting import Waiting, waiting_in
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import (
    DEPROVISION_SOVEREIGN,
    REMOVE_PARENT_DOMAIN,
    TASK_QUEUE,
    VERIFY_SOVEREIGN,
    Phase,
    sovereign_workflow_id,
)
from sovereign_dns.messages import HAZARDS_IN_MEMO

ShownPhase = Phase | Literal["waiting", "deprovisioned"]
"""A run that is under way is `waiting` where a step failed and is attempted again; a Sovereign whose deprovisioning is
complete is not there any more."""

_UNDER_WAY: dict[str, Phase] = {
    VERIFY_SOVEREIGN: "verifying",
    DEPROVISION_SOVEREIGN: "deprovisioning",
    REMOVE_PARENT_DOMAIN: "deprovisioning",
}
"""Of runs that have published no phase; all others provision."""

PHASES: list[ShownPhase] = [
    "stalled",
    "waiting",
    "failed",
    "degraded",
    "cancelled",
    "provisioning",
    "verifying",
    "deprovisioning",
    "planned",
    "complete",
    "deprovisioned",
]
"""What needs a person first."""

LISTED_AT_ONCE = 1000
DESCRIBED_AT_ONCE = 20

_LOCK = sovereign_workflow_id("")
_EVERY_SOVEREIGN = f'WorkflowId STARTS_WITH "{_LOCK}"'

EVERY_RUN_THAT_WORKS = f'TaskQueue = "{TASK_QUEUE}" AND ExecutionStatus = "Running"'
"""By task queue: so it finds runs of every workflow type that there is, or will be."""


@dataclass(frozen=True)
class Run:
    """One run as Temporal knows it.

    `published` is the phase in its search attribute, `hazards` are kind and name of those in its memo, where it has
    them; `failure` is known where it was asked for (`with_failures`).
    """

    workflow_id: str
    run_id: str
    workflow_type: str
    status: WorkflowExecutionStatus | None
    published: Phase | None
    started_at: datetime
    ended_at: datetime | None
    waiting: tuple[Waiting, ...] = ()
    hazards: tuple[str, ...] = ()
    failure: str | None = None

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self.status is WorkflowExecutionStatus.RUNNING

    @property
    def sovereign(self) -> str:
        """The FQDN, of a run that holds a Sovereign's lock; else the workflow id."""
        return self.workflow_id.removeprefix(_LOCK)

    @property
    def phase(self) -> ShownPhase:
        """The phase that it published, where that still holds; else what its execution status says."""
        match self.status:
            case WorkflowExecutionStatus.RUNNING if self.published != "stalled" and any(
                item.in_trouble for item in self.waiting
            ):
                return "waiting"
            case WorkflowExecutionStatus.RUNNING:
                return self.published or _UNDER_WAY.get(self.workflow_type, "provisioning")
            case WorkflowExecutionStatus.COMPLETED:
                reached = self.published or "complete"
                gone = reached == "complete" and self.workflow_type == DEPROVISION_SOVEREIGN
                return "deprovisioned" if gone else reached
            case WorkflowExecutionStatus.CANCELED:
                return "cancelled"
            case _:
                return "failed"

    @property
    def is_guessed(self) -> bool:
        """Whether `complete` may as well be degraded: the run ended without a search attribute."""
        return self.published is None and self.status is WorkflowExecutionStatus.COMPLETED


async def run_of(execution: WorkflowExecution) -> Run:
    """A run as it is listed, or, with what it waits for, as it is described."""
    [published, *_] = execution.search_attributes.get("SovereignPhase") or [None]
    return Run(
        workflow_id=execution.id,
        run_id=execution.run_id,
        workflow_type=execution.workflow_type,
        status=execution.status,
        published=next((phase for phase in get_args(Phase) if phase == published), None),
        started_at=execution.start_time,
        ended_at=execution.close_time,
        waiting=tuple(waiting_in(execution)) if isinstance(execution, WorkflowExecutionDescription) else (),
        hazards=tuple(await execution.memo_value(HAZARDS_IN_MEMO, default=[], type_hint=list[str])),
    )


async def every_sovereign(client: Client, *, page_size: int = LISTED_AT_ONCE) -> list[Run]:
    """The newest run of each Sovereign, those that need a person first. Only what is under way is described."""
    newest: dict[str, Run] = {}
    async for execution in client.list_workflows(_EVERY_SOVEREIGN, page_size=page_size):
        run = await run_of(execution)
        known = newest.get(run.workflow_id)
        if known is None or known.started_at < run.started_at:
            newest[run.workflow_id] = run
    described = await _described(client, [run for run in newest.values() if run.running])
    newest |= {run.workflow_id: run for run in described}
    return sorted(newest.values(), key=lambda run: (PHASES.index(run.phase), run.sovereign))


async def every_run_that_works(client: Client) -> list[Run]:
    """All runs of the worker's task queue that are under way, with what they wait for."""
    listed = client.list_workflows(EVERY_RUN_THAT_WORKS, page_size=LISTED_AT_ONCE)
    runs = await _described(client, [await run_of(execution) async for execution in listed])
    return sorted((run for run in runs if run.running), key=lambda run: run.sovereign)


async def with_failures(client: Client, runs: Sequence[Run]) -> list[Run]:
    """The same runs; those that failed say why, which takes a look at the last event of each."""

    async def told(run: Run) -> Run:
        return replace(run, failure=await _failure(client, run)) if run.phase == "failed" else run

    return await side_by_side((told(run) for run in runs), at_once=DESCRIBED_AT_ONCE)


async def _failure(client: Client, run: Run) -> str | None:
    handle = client.get_workflow_handle(run.workflow_id, run_id=run.run_id)
    try:
        last = await anext(handle.fetch_history_events(event_filter_type=WorkflowHistoryEventFilterType.CLOSE_EVENT))
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    if last.HasField("workflow_execution_terminated_event_attributes"):
        return f"Terminated: {last.workflow_execution_terminated_event_attributes.reason}".removesuffix(": ")
    failure = last.workflow_execution_failed_event_attributes.failure
    return ": ".join(filter(None, (failure.application_failure_info.type, failure.message))) or None


def count_by_phase(runs: Iterable[Run]) -> str:
    """Such as `2 stalled, 31 complete`."""
    counts = Counter(run.phase for run in runs)
    return ", ".join(f"{counts[phase]:,} {phase}" for phase in PHASES if counts[phase])


async def _described(client: Client, runs: Sequence[Run]) -> list[Run]:
    async def describe(run: Run) -> Run:
        try:
            return await run_of(await client.get_workflow_handle(run.workflow_id).describe())
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:  # deleted since it was listed
                return run
            raise

    return await side_by_side((describe(run) for run in runs), at_once=DESCRIBED_AT_ONCE)

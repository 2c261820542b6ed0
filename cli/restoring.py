"""`restore`: show what a run took away, and against what stands there now; ask, and put it back."""

import json as json_text
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from temporalio.client import Client, WorkflowExecution, WorkflowFailureError

from cli import agreeing, display, interrupting, losses, planning, starting, watching
from cli.connection import connect
from cli.following import Handle
from cli.outcome import Json, failed, report
from sovereign_dns.contract import (
    RESTORE_RECORDS,
    ProvisionResult,
    VerificationLevel,
    VerificationRequest,
    sovereign_workflow_id,
)
from sovereign_dns.lifecycle_requests import RestoreRequest
from sovereign_dns.restoring import is_anything_lost

WorkflowId = Annotated[
    str, typer.Argument(help="The run's workflow id, such as sovereign/t110.omani.works.", show_default=False)
]
RunId = Annotated[
    str | None, typer.Option("--run-id", help="Which of several runs under that id; by default the latest that ended.")
]
Takeover = Annotated[bool, typer.Option("--takeover", help="Also over what somebody has written there since.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would be put back. Reads only.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't show it first, and don't ask.")]
Level = Annotated[
    VerificationLevel | None,
    typer.Option("--level", help="How far answers are followed.", show_default=VerificationRequest().level),
]


def restore(
    workflow_id: WorkflowId,
    *,
    run_id: RunId = None,
    takeover: Takeover = False,
    level: Level = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put back what a run removed or replaced: records, zones, Certificates, a pool name. Shows it first, and asks."""
    verification = VerificationRequest(level=level) if level else VerificationRequest()
    work = _restore(workflow_id, run_id, verification, takeover=takeover, dry_run=dry_run, yes=yes, as_json=json)
    try:
        interrupting.end_with(work, interrupted="not followed any further; a run that was started goes on")
    except losses.NothingKnownError as error:
        display.console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(1) from error


async def _restore(
    workflow_id: str,
    run_id: str | None,
    verification: VerificationRequest,
    *,
    takeover: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> int:
    client = await connect()
    run = await losses.ended_run(client, workflow_id, run_id)
    lost = await losses.losses_of(client, run)
    told = f"{run.workflow_type} {run.id}, run {run.run_id}"
    if not is_anything_lost(lost):
        display.console(stderr=as_json).print(f"{told}, removed and replaced nothing", markup=False)
        return 0 if run_id else await _point_to_an_earlier(client, run)
    terminal = display.console(stderr=as_json)
    terminal.print(f"what {told} (started {run.start_time:%Y-%m-%d %H:%M} UTC), took away:", markup=False)
    wanted = _request(f"{run.id} {run.run_id}", lost, verification, takeover=takeover)
    if dry_run or not yes:
        planned = await _planned(client, wanted, as_json=as_json)
        if isinstance(planned, int):
            return planned
        if dry_run and as_json:
            print(planned.model_dump_json())
        else:
            _show(planned, lost, terminal)
        if dry_run:
            return planning.exit_code(planned)
        if _is_as_it_was(planned, lost):
            terminal.print("everything is there as it was before that run: nothing was written")
            return 0
        if not _agreed():
            return 1
    return await _put_back(client, wanted, workflow_id, as_json=as_json)


async def _point_to_an_earlier(client: Client, run: WorkflowExecution) -> int:
    """Names the one that is meant, where a run that changed nothing has followed it. Returns the exit code."""
    earlier = await losses.earlier_with_losses(client, run)
    if earlier is None:
        return 0
    display.console(stderr=True).print(
        f"an earlier one did: {earlier.workflow_type}, started {earlier.start_time:%Y-%m-%d %H:%M} UTC. To put back "
        f"what it took away: sovereign-dns restore {run.id} --run-id {earlier.run_id}",
        markup=False,
        soft_wrap=True,
    )
    return 1


def _request(
    restores: str, lost: ProvisionResult, verification: VerificationRequest, *, takeover: bool
) -> RestoreRequest:
    told = lost.model_dump(mode="json", include={"zones", "records", "certificates", "pool_names"})
    body = told | {
        "restores": restores,
        "sovereignFQDN": lost.sovereign_fqdn or None,
        "deploymentId": lost.deployment_id or None,
        "verification": verification.model_dump(mode="json"),
        "takeover": takeover,
    }
    return RestoreRequest.model_validate_json(json_text.dumps(body))


async def _planned(client: Client, wanted: RestoreRequest, *, as_json: bool) -> ProvisionResult | int:
    """What would be put back; or the exit code, where that can't be had."""
    workflow_id = planning.plan_id(wanted.sovereign_fqdn or "restore")
    starts = _start(client, wanted.changed(dry_run=True), workflow_id)
    return await planning.planned(starts, workflow_id, as_json=as_json)


async def _start(client: Client, wanted: RestoreRequest, workflow_id: str) -> Handle:
    summary = f"{wanted.sovereign_fqdn or 'records of nobody'} as before {wanted.restores}"
    return await starting.start(client, RESTORE_RECORDS, wanted, workflow_id, summary=summary)


def _show(planned: ProvisionResult, lost: ProvisionResult, terminal: Console) -> None:
    for line in _besides_records(lost, planned):
        terminal.print(line, markup=False)
    planning.show(planned, terminal)


def _besides_records(lost: ProvisionResult, planned: ProvisionResult) -> Iterator[str]:
    """One line for each zone, Certificate and pool name that is put back, or is there."""
    of_pools = {f"{name.subdomain}.{name.domain}." for name in lost.pool_names}
    to_be_made = {zone.zone for zone in planned.zones} | of_pools
    for zone in lost.zones:
        if zone.zone not in to_be_made:
            yield f"= zone {zone.zone} is there, and keeps its keys"
            continue
        yield (
            f"+ zone {zone.zone} made anew, with new keys: a hosted zone above it gets the new DS; where a registry "
            "holds a DS of the old keys, replace it there, or validating resolvers refuse the zone"
        )
    for certificate in lost.certificates:
        yield f"+ Certificate {certificate.name} in {certificate.namespace}, as it was (its Secret was left)"
    for name in lost.pool_names:
        yield f"+ pool name {name.subdomain}.{name.domain} ({name.load_balancer_ip or 'no address'}) claimed in PDM"


def _is_as_it_was(planned: ProvisionResult, lost: ProvisionResult) -> bool:
    found = [record.change for record in planned.records] + [item.change for item in planned.certificates]
    return planned.phase == "planned" and set(found) <= {"unchanged"} and not (planned.zones or lost.pool_names)


def _agreed() -> bool:
    return agreeing.agreed(
        "Put this back?",
        unattended="nobody is at a terminal to be asked: nothing was put back. To mean it: --yes. Only to see it: "
        "--dry-run",
        declined="nothing was put back",
    )


async def _put_back(client: Client, wanted: RestoreRequest, restored_id: str, *, as_json: bool) -> int:
    fqdn = wanted.sovereign_fqdn
    workflow_id = sovereign_workflow_id(fqdn) if fqdn else f"restore/{restored_id}"
    handle = await starting.started(
        _start(client, wanted, workflow_id),
        busy=f"a run already works there, under the workflow id {workflow_id}. Wait for its end, or cancel it, and "
        "restore again",
    )
    if handle is None:
        return 1
    await watching.show(handle, as_json=as_json)
    try:
        result = await handle.result()
    except WorkflowFailureError as error:
        return failed(error)
    if not as_json:
        display.console().print(display.diff(result.records, result.sovereign_fqdn))
    if fqdn:
        return report(result, as_json=as_json)
    restored = "restored" if result.phase == "complete" else result.phase
    return report(result, as_json=as_json, ends=f"the records of {restored_id} are {restored}")

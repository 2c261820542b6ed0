"""`FixFinding`: removes what one finding of an audit names, where it still is as the audit found it."""

import asyncio
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.absence import absence_of
    from sovereign_dns.audit_contract import FIX_FINDING, FixFindingRequest
    from sovereign_dns.contract import ProvisionResult, VerificationRequest
    from sovereign_dns.fix_intent import NOBODY, FixIntent, fix_lock_id
    from sovereign_dns.messages import DECIDE_FIX, DecideFix, RecordsReport, RemoveRecords
    from sovereign_dns.names import relative_to_root
    from sovereign_dns.progress import Progress
    from workflows.absence import prove_absence
    from workflows.one_writer import run_under_lock
    from workflows.publication import Publication
    from workflows.step_runner import PATIENT, StepRunner
    from workflows.stepped_run import SteppedRun

PROOF = VerificationRequest(level="authoritative", deadlineSeconds=600)
"""What resolvers have cached runs out by itself; nobody waits for it to be fixed."""

PROVED_BY_ANSWERS = {"A", "AAAA", "CNAME", "ALIAS", "LUA"}
"""The types whose absence an address' absence shows."""


@workflow.defn(name=FIX_FINDING)
class FixFinding(SteppedRun):
    """One run for one finding, under the lock of the Sovereign that owns it, or under the finding's own."""

    @workflow.run
    async def run(self, request: FixFindingRequest) -> ProvisionResult:
        """Removes, or hands over to the run that holds the lock."""
        owner = request.finding.owner or NOBODY
        progress, publication = self._show(Progress("fixing", owner.sovereign_fqdn, owner.deployment_id))
        return await self._to_its_end(self._fix_or_hand_over(request, progress, publication), publication)

    async def _fix_or_hand_over(
        self, request: FixFindingRequest, progress: Progress, publication: Publication
    ) -> ProvisionResult:
        lock_id = fix_lock_id(request.finding)
        if workflow.info().workflow_id != lock_id and not request.dry_run:
            progress.hand_over(lock_id)
            publication.update()
            summary = f"{request.finding.kind} {request.finding.name} removed"
            return progress.adopt(await run_under_lock(lock_id, request, ProvisionResult, summary=summary), lock_id)
        return await self._fix(request, progress, publication)

    async def _fix(self, request: FixFindingRequest, progress: Progress, publication: Publication) -> ProvisionResult:
        intent = await _decide(request)
        self._runner = runner = StepRunner(progress, publication)
        zone = relative_to_root(intent.zone)
        progress.expect("records-remove", zone)
        progress.expect("dns-verify", zone)
        publication.begin(intent)
        watch = asyncio.create_task(runner.watch_for_stalls())
        try:
            await _remove(request, intent, progress, runner)
            await _prove(request, intent, progress, runner)
        finally:
            watch.cancel()
        return progress.end(dry_run=request.dry_run, given_up=runner.gave_up)


async def _decide(request: FixFindingRequest) -> FixIntent:
    """What this installation makes of the finding: asked once, and so part of the run's history."""
    intent: FixIntent = await workflow.execute_local_activity(
        DECIDE_FIX,
        DecideFix(request=request),
        result_type=FixIntent,
        start_to_close_timeout=timedelta(seconds=10),
        retry_policy=PATIENT,
        summary="what this installation makes of the finding",
    )
    return intent


async def _remove(request: FixFindingRequest, intent: FixIntent, progress: Progress, runner: StepRunner) -> None:
    zone = relative_to_root(intent.zone)
    report = await runner.run(
        "records-remove",
        zone,
        RemoveRecords(owner=intent.owner, zone=intent.zone, rrsets=intent.rrsets, dry_run=request.dry_run),
        RecordsReport,
        summary=f"{request.finding.kind} {request.finding.name} {' and '.join(one.type for one in intent.rrsets)}",
    )
    assert report is not None  # noqa: S101 (nobody can give it up)
    progress.add_records(report.changes)
    progress.add_hazards(report.hazards)
    runner.finish("records-remove", zone, report.outcome, dry_run=request.dry_run)


async def _prove(request: FixFindingRequest, intent: FixIntent, progress: Progress, runner: StepRunner) -> None:
    zone = relative_to_root(intent.zone)
    if request.dry_run:
        runner.leave_out("dns-verify", zone, "dry run: nothing was removed that DNS could deny")
        return
    if not all(rrset.type in PROVED_BY_ANSWERS for rrset in intent.rrsets):
        runner.leave_out("dns-verify", zone, "what was removed is no address: its absence is not asked for")
        return
    name = relative_to_root(request.finding.name)
    await prove_absence(
        absence_of(zone, name.removeprefix("*."), [name], removed=progress.snapshot().records),
        intent,
        PROOF,
        progress,
        runner,
    )

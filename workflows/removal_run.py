"""A run that takes a Sovereign away, or one parent domain of it: under the Sovereign's lock, by force if so told."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import ProvisionResult, sovereign_workflow_id
    from sovereign_dns.lifecycle_messages import AwaitLock, LockReport
    from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemoveParentDomainRequest
    from sovereign_dns.progress import Progress
    from workflows.decision import decide_removal
    from workflows.one_writer import run_under_lock_by_force
    from workflows.publication import Publication
    from workflows.removal_steps import RemovalSteps
    from workflows.step_runner import StepRunner
    from workflows.stepped_run import SteppedRun

Request = DeprovisionRequest | RemoveParentDomainRequest

_BY_FORCE = "Or start this one with force: that run is then cancelled and waited for, and this one follows it."


class RemovalRun(SteppedRun):
    """What the workflows that remove have in common; they differ in what is decided."""

    async def _remove_or_hand_over(
        self, request: Request, progress: Progress, publication: Publication
    ) -> ProvisionResult:
        lock_id = sovereign_workflow_id(request.sovereign_fqdn)
        if workflow.info().workflow_id == lock_id or request.dry_run:
            return await self._remove(request, progress, publication)
        if request.force:
            return await self._follow_by_force(lock_id, request, progress, publication)
        return await self._hand_over(
            lock_id, request, progress, publication, summary=_summary(request), advice=_BY_FORCE
        )

    async def _follow_by_force(
        self, lock_id: str, request: Request, progress: Progress, publication: Publication
    ) -> ProvisionResult:
        """Nobody's run is cancelled for a request that would be refused: it is decided first."""
        intent = await decide_removal(request)
        runner = StepRunner(progress, publication)
        publication.begin(intent)

        async def free() -> None:
            progress.expect("lock-await", request.sovereign_fqdn)
            report = await runner.run(
                "lock-await",
                request.sovereign_fqdn,
                AwaitLock(owner=intent.owner, workflow_id=lock_id),
                LockReport,
                summary=f"the run that holds {lock_id} is cancelled, and waited for",
            )
            assert report is not None  # noqa: S101 (nobody can give it up)
            runner.finish("lock-await", request.sovereign_fqdn, report.outcome)

        def started() -> None:
            progress.hand_over(lock_id)
            publication.update()

        watch = asyncio.create_task(runner.watch_for_stalls())
        try:
            result = await run_under_lock_by_force(
                lock_id, request, ProvisionResult, summary=_summary(request), free=free, started=started
            )
        finally:
            watch.cancel()
        return progress.adopt(result, lock_id)

    async def _remove(self, request: Request, progress: Progress, publication: Publication) -> ProvisionResult:
        intent = await decide_removal(request)
        self._expected_nameservers = intent.nameservers
        self._runner = runner = StepRunner(progress, publication)
        steps = RemovalSteps(request, intent, progress, runner)
        return await self._carry_out(steps, intent, progress, publication, dry_run=request.dry_run)


def _summary(request: Request) -> str:
    match request:
        case DeprovisionRequest():
            return f"{request.sovereign_fqdn} deprovisioned"
        case RemoveParentDomainRequest():
            return f"{request.sovereign_fqdn} no longer under {request.name}"

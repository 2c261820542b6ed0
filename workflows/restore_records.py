"""`RestoreRecords`: what another run removed or replaced is put back."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import RESTORE_RECORDS, ProvisionResult, sovereign_workflow_id
    from sovereign_dns.lifecycle_requests import RestoreRequest
    from sovereign_dns.progress import Progress
    from workflows.decision import decide_restoring
    from workflows.publication import Publication
    from workflows.restoring_steps import RestoringSteps
    from workflows.step_runner import StepRunner
    from workflows.stepped_run import SteppedRun


@workflow.defn(name=RESTORE_RECORDS)
class RestoreRecords(SteppedRun):
    """One run, for what one other run has taken away. Its own result can be restored too."""

    @workflow.run
    async def run(self, request: RestoreRequest) -> ProvisionResult:
        """Restores, or hands over to the run that holds the Sovereign's lock, where a Sovereign is concerned."""
        progress, publication = self._show(
            Progress("restoring", request.sovereign_fqdn or "", request.deployment_id or "")
        )
        return await self._to_its_end(self._restore_or_hand_over(request, progress, publication), publication)

    async def _restore_or_hand_over(
        self, request: RestoreRequest, progress: Progress, publication: Publication
    ) -> ProvisionResult:
        lock_id = sovereign_workflow_id(request.sovereign_fqdn) if request.sovereign_fqdn else None
        if lock_id is None or workflow.info().workflow_id == lock_id or request.dry_run:
            return await self._restore(request, progress, publication)
        summary = f"{request.sovereign_fqdn} as it was before {request.restores}"
        return await self._hand_over(lock_id, request, progress, publication, summary=summary)

    async def _restore(self, request: RestoreRequest, progress: Progress, publication: Publication) -> ProvisionResult:
        intent = await decide_restoring(request)
        self._expected_nameservers = intent.nameservers
        self._runner = runner = StepRunner(progress, publication)
        steps = RestoringSteps(request, intent, progress, runner)
        return await self._carry_out(steps, intent, progress, publication, dry_run=request.dry_run)

"""`ProvisionSovereign`: zone, certificate, pool name, records, and the proof that DNS answers them."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import (
        PROVISION_SOVEREIGN,
        ProvisionRequest,
        ProvisionResult,
        sovereign_workflow_id,
    )
    from sovereign_dns.progress import Progress
    from workflows.decision import decide
    from workflows.provisioning_steps import ProvisioningSteps
    from workflows.publication import Publication
    from workflows.step_runner import StepRunner
    from workflows.stepped_run import SteppedRun


@workflow.defn(name=PROVISION_SOVEREIGN)
class ProvisionSovereign(SteppedRun):
    """One run for one Sovereign and all of its parent domains."""

    @workflow.run
    async def run(self, request: ProvisionRequest) -> ProvisionResult:
        """Provisions, or hands over to the run that holds the Sovereign's lock."""
        progress, publication = self._show(Progress("provisioning", request.sovereign_fqdn, request.deployment_id))
        return await self._to_its_end(self._provision_or_hand_over(request, progress, publication), publication)

    async def _provision_or_hand_over(
        self, request: ProvisionRequest, progress: Progress, publication: Publication
    ) -> ProvisionResult:
        lock_id = sovereign_workflow_id(request.sovereign_fqdn)
        if workflow.info().workflow_id != lock_id and not request.dry_run:
            summary = f"{request.sovereign_fqdn} to {request.load_balancer_ip}"
            return await self._hand_over(lock_id, request, progress, publication, summary=summary)
        return await self._provision(request, progress, publication)

    async def _provision(
        self, request: ProvisionRequest, progress: Progress, publication: Publication
    ) -> ProvisionResult:
        intent = await decide(request)
        self._expected_nameservers = intent.nameservers
        self._runner = runner = StepRunner(progress, publication)
        steps = ProvisioningSteps(request, intent, progress, runner)
        return await self._carry_out(steps, intent, progress, publication, dry_run=request.dry_run)

"""`DeprovisionSovereign`: takes away records, Certificates, pool name and zones, and proves that they are gone."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import DEPROVISION_SOVEREIGN, ProvisionResult
    from sovereign_dns.lifecycle_requests import DeprovisionRequest
    from sovereign_dns.progress import Progress
    from workflows.removal_run import RemovalRun


@workflow.defn(name=DEPROVISION_SOVEREIGN)
class DeprovisionSovereign(RemovalRun):
    """One run for one Sovereign: everything that is its own, and nothing else."""

    @workflow.run
    async def run(self, request: DeprovisionRequest) -> ProvisionResult:
        """Removes, or hands over to the run that holds the Sovereign's lock."""
        progress, publication = self._show(Progress("deprovisioning", request.sovereign_fqdn, request.deployment_id))
        return await self._to_its_end(self._remove_or_hand_over(request, progress, publication), publication)

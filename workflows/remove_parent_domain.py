"""`RemoveParentDomain`: a Sovereign is served under a parent domain no longer. The registrar is left as it is."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import REMOVE_PARENT_DOMAIN, ProvisionResult
    from sovereign_dns.lifecycle_requests import RemoveParentDomainRequest
    from sovereign_dns.progress import Progress
    from workflows.removal_run import RemovalRun


@workflow.defn(name=REMOVE_PARENT_DOMAIN)
class RemoveParentDomain(RemovalRun):
    """One run for one Sovereign and one parent domain."""

    @workflow.run
    async def run(self, request: RemoveParentDomainRequest) -> ProvisionResult:
        """Removes, or hands over to the run that holds the Sovereign's lock."""
        progress, publication = self._show(Progress("deprovisioning", request.sovereign_fqdn, request.deployment_id))
        return await self._to_its_end(self._remove_or_hand_over(request, progress, publication), publication)

"""`AddParentDomain`: one more parent domain for a Sovereign, from its zone to the registry's delegation.

A registry may take two days, in which nobody else may be held up: only what is written is done under the Sovereign's
lock, by a child of the same type.
"""

import asyncio
import re

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import ADD_PARENT_DOMAIN, ProvisionResult, sovereign_workflow_id
    from sovereign_dns.intent import ProvisioningIntent
    from sovereign_dns.lifecycle_requests import AddParentDomainRequest, parent_domain_workflow_id
    from sovereign_dns.parent_domains import as_provisioning, only_added
    from sovereign_dns.progress import Progress
    from workflows.conversion import invalid_input
    from workflows.decision import decide
    from workflows.one_writer import run_under_lock, typed_failure_in
    from workflows.parent_domain_steps import ParentDomainSteps
    from workflows.publication import Publication
    from workflows.step_runner import StepRunner
    from workflows.stepped_run import SteppedRun

WRITES_FOR = "writes-for"
"""The memo field by which the run under the lock knows that it is a part, and whose."""


@workflow.defn(name=ADD_PARENT_DOMAIN)
class AddParentDomain(SteppedRun):
    """One run for one parent domain; or the part of one that holds the lock."""

    @workflow.run
    async def run(self, request: AddParentDomainRequest) -> ProvisionResult:
        """Publishes the Sovereign under the domain, has it delegated, and waits until the world is led there."""
        progress, publication = self._show(Progress("provisioning", request.sovereign_fqdn, request.deployment_id))
        return await self._to_its_end(self._add(request, progress, publication), publication)

    async def _add(
        self, request: AddParentDomainRequest, progress: Progress, publication: Publication
    ) -> ProvisionResult:
        writes = _is_the_writing_part(request)
        intent = await _decide(request)
        self._expected_nameservers = intent.nameservers
        self._runner = runner = StepRunner(progress, publication)
        steps = ParentDomainSteps(request, intent, progress, runner)
        watch = asyncio.create_task(runner.watch_for_stalls())
        try:
            if writes:
                return await self._write(steps, progress, publication, intent)
            if request.dry_run:
                return await self._plan(steps, progress, publication, intent)
            return await self._write_and_delegate(request, steps, progress, publication, intent)
        finally:
            watch.cancel()

    async def _write(
        self, steps: ParentDomainSteps, progress: Progress, publication: Publication, intent: ProvisioningIntent
    ) -> ProvisionResult:
        steps.announce_writes()
        publication.begin(intent)
        await steps.write()
        return self._end(progress, dry_run=False)

    async def _plan(
        self, steps: ParentDomainSteps, progress: Progress, publication: Publication, intent: ProvisioningIntent
    ) -> ProvisionResult:
        steps.announce_writes()
        steps.announce_delegation()
        publication.begin(intent)
        await steps.write()
        await steps.plan_delegation()
        return self._end(progress, dry_run=True)

    async def _write_and_delegate(
        self,
        request: AddParentDomainRequest,
        steps: ParentDomainSteps,
        progress: Progress,
        publication: Publication,
        intent: ProvisioningIntent,
    ) -> ProvisionResult:
        lock_id = sovereign_workflow_id(request.sovereign_fqdn)
        steps.announce_delegation(
            waits_for=f"the run {lock_id}, which writes zone, records and Certificates under the Sovereign's lock"
        )
        publication.begin(intent)
        written = await run_under_lock(
            lock_id,
            request,
            ProvisionResult,
            summary=f"{request.name} for {request.sovereign_fqdn}",
            memo={WRITES_FOR: workflow.info().workflow_id},
        )
        progress.take_over(written)
        await steps.delegate(written)
        return self._end(progress, dry_run=False, given_up=written.phase == "degraded")

    def _end(self, progress: Progress, *, dry_run: bool, given_up: bool = False) -> ProvisionResult:
        gave_up = self._runner is not None and self._runner.gave_up
        return progress.end(dry_run=dry_run, given_up=given_up or gave_up)


async def _decide(request: AddParentDomainRequest) -> ProvisioningIntent:
    """As a provisioning would be decided; a refusal names the field of this request.

    Raises:
        FailureError: the request is refused.
    """
    try:
        return only_added(request, await decide(as_provisioning(request)))
    except FailureError as error:
        refused = typed_failure_in(error)
        if refused is None:
            raise
        told = re.sub("^parentDomains: ", "name: ", refused.message)
        raise ApplicationError(told, type=refused.type, non_retryable=refused.non_retryable) from None


def _is_the_writing_part(request: AddParentDomainRequest) -> bool:
    """Whether this run holds the lock for another one.

    Raises:
        ApplicationError: `InvalidInput`, where somebody started it under the lock's id, which it would hold for days.
    """
    lock_id = sovereign_workflow_id(request.sovereign_fqdn)
    if workflow.info().workflow_id != lock_id:
        return False
    if workflow.memo_value(WRITES_FOR, default=None) is None:
        raise invalid_input(
            f"workflow id: {lock_id} is the lock on this Sovereign, and a registry may take days. Start "
            f"{ADD_PARENT_DOMAIN} under the workflow id {parent_domain_workflow_id(request.name)}: it takes the lock "
            "only while it writes"
        )
    return True

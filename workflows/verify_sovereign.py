"""`VerifySovereign`: whether DNS answers what a Sovereign should be. Writes nothing, and takes no lock."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import VERIFY_SOVEREIGN, ProvisionRequest, ProvisionResult, VerifyRequest
    from sovereign_dns.intent import DomainIntent, ProvisioningIntent
    from sovereign_dns.progress import Progress
    from workflows.decision import decide
    from workflows.domain_steps import DomainSteps
    from workflows.proof import prove
    from workflows.publication import Publication
    from workflows.shown_run import ShownRun
    from workflows.step_runner import StepNotDoneError, StepRunner, all_or_first_failure

_WITHOUT_DEPLOYMENT = "verification"


@workflow.defn(name=VERIFY_SOVEREIGN)
class VerifySovereign(ShownRun):
    """The check of one Sovereign, under all of its parent domains."""

    @workflow.run
    async def run(self, request: VerifyRequest) -> ProvisionResult:
        """Compares what PowerDNS holds, and then what DNS answers, with what the request says."""
        progress, publication = self._show(Progress("verifying", request.sovereign_fqdn, request.deployment_id))
        try:
            return await self._verify(request, progress, publication)
        except (FailureError, asyncio.CancelledError) as error:
            failure = self._ended_by(error)
            if failure is error:
                raise
            raise failure from None
        finally:
            publication.update()

    async def _verify(self, request: VerifyRequest, progress: Progress, publication: Publication) -> ProvisionResult:
        intent = await decide(_read_only(request))
        self._expected_nameservers = intent.nameservers
        runner = StepRunner(progress, publication)
        for domain in intent.domains:
            progress.expect("records-compare", domain.domain)
            progress.expect("dns-verify", domain.domain)
        publication.begin(intent)
        watch = asyncio.create_task(runner.watch_for_stalls())
        try:
            await all_or_first_failure(
                [
                    asyncio.create_task(self._verify_domain(domain, intent, request, progress, runner))
                    for domain in intent.domains
                ]
            )
        finally:
            watch.cancel()
        return progress.end(dry_run=False, given_up=False)

    async def _verify_domain(
        self,
        domain: DomainIntent,
        intent: ProvisioningIntent,
        request: VerifyRequest,
        progress: Progress,
        runner: StepRunner,
    ) -> None:
        steps = DomainSteps(intent, takeover=False, dry_run=True, runner=runner)
        try:
            zones = await steps.compare_records(domain, timedelta(seconds=request.verification.deadline_seconds))
        except StepNotDoneError:
            runner.leave_out("dns-verify", domain.domain, "PowerDNS could not say which servers to ask")
            return
        await prove(domain, zones, intent, request.verification, progress, runner)


def _read_only(request: VerifyRequest) -> ProvisionRequest:
    """The provisioning that would have made it so."""
    fields = request.model_dump(mode="json", by_alias=True)
    deployment = request.deployment_id or _WITHOUT_DEPLOYMENT
    return ProvisionRequest.model_validate(
        fields | {"deploymentId": deployment, "certificate": {"enabled": False}, "dryRun": True}
    )

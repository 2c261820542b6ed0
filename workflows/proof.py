"""The step `dns-verify`, for whichever workflow wants a proof."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import VerificationRequest, VerificationResult
    from sovereign_dns.intent import DomainIntent, ProvisioningIntent
    from sovereign_dns.messages import ServedZone, VerificationReport, VerifyDomain
    from sovereign_dns.progress import Progress
    from sovereign_dns.restoring_intent import RestoringIntent
    from workflows.step_runner import StepNotDoneError, StepRunner


async def prove(
    domain: DomainIntent,
    zones: list[ServedZone],
    decided: ProvisioningIntent | RestoringIntent,
    wanted: VerificationRequest,
    progress: Progress,
    runner: StepRunner,
) -> None:
    """Real answers for one parent domain, until they are as written or the deadline has passed."""
    try:
        report = await runner.run(
            "dns-verify",
            domain.domain,
            VerifyDomain(
                owner=decided.owner,
                intent=domain,
                zones=zones,
                level=wanted.level,
                expected_nameservers=decided.nameservers,
            ),
            VerificationReport,
            summary=f"real answers for {domain.host}",
            deadline=timedelta(seconds=wanted.deadline_seconds),
        )
    except StepNotDoneError as late:
        # What the step told on its way has more than a failure can hold.
        for seen in late.evidence if not progress.has_seen(domain.domain) else ():
            progress.set_verification(domain.domain, VerificationResult.model_validate(seen))
        return
    if report is not None:
        progress.set_verification(domain.domain, report.verification)
        runner.finish("dns-verify", domain.domain, report.outcome)

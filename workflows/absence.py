"""The step `dns-verify` for names that shall be gone, for whichever workflow took them away."""

from collections.abc import Sequence
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns import names
    from sovereign_dns.contract import VerificationRequest, VerificationResult, ZoneChange
    from sovereign_dns.intent import DomainIntent
    from sovereign_dns.messages import ServedZone, VerificationReport, VerifyDomain
    from sovereign_dns.progress import Progress
    from sovereign_dns.removal_intent import RemovalIntent
    from workflows.step_runner import StepNotDoneError, StepRunner


async def prove_absence(
    domain: DomainIntent,
    decided: RemovalIntent,
    wanted: VerificationRequest,
    progress: Progress,
    runner: StepRunner,
    removed_zones: Sequence[ZoneChange] = (),
) -> None:
    """Real answers for what is gone, until everybody denies it, somebody else answers for it, or the deadline is over.

    Args:
        domain: what shall be gone under one parent domain (`absence_of`).
        decided: whose it was, and the name servers to ask where no zone is left that names its own.
        wanted: how far the proof shall reach, and for how long it is waited for.
        progress: gets the verification, and the hazards.
        runner: runs the step.
        removed_zones: the zones that this run has removed, with the name servers that they had.
    """
    try:
        report = await runner.run(
            "dns-verify",
            domain.domain,
            VerifyDomain(
                owner=decided.owner,
                intent=domain,
                zones=[_as_it_was(zone) for zone in removed_zones if zone.change == "removed"],
                level=wanted.level,
                expected_nameservers=decided.nameservers,
                gone=True,
            ),
            VerificationReport,
            summary=f"no answers any more for {domain.host}",
            deadline=timedelta(seconds=wanted.deadline_seconds),
        )
    except StepNotDoneError as late:
        # What the step told on its way has more than a failure can hold.
        for seen in late.evidence if not progress.has_seen(domain.domain) else ():
            progress.set_verification(domain.domain, VerificationResult.model_validate(seen))
        return
    if report is None:
        return
    progress.set_verification(domain.domain, report.verification)
    progress.add_hazards(report.hazards)
    if report.taken_over is not None:
        progress.fail("dns-verify", domain.domain, workflow.now(), report.taken_over)
    else:
        runner.finish("dns-verify", domain.domain, report.outcome)


def _as_it_was(zone: ZoneChange) -> ServedZone:
    return ServedZone(zone=names.relative_to_root(zone.zone), nameservers=zone.nameservers, names=[])

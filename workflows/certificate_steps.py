"""The steps of one Certificate, for whichever workflow wants it: asked for, and issued."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import CertificateRequest, CertificateStatus, Owner
    from sovereign_dns.intent import ProvisioningIntent
    from sovereign_dns.issuance import WantedCertificate
    from sovereign_dns.messages import AwaitCertificate, CertificateReport, RequestCertificate
    from sovereign_dns.progress import Progress
    from workflows.step_runner import StepNotDoneError, StepRunner


def wanted_certificate(
    name: str, dns_names: list[str], asked: CertificateRequest, intent: ProvisioningIntent
) -> WantedCertificate:
    """A Certificate as the request wants it."""
    return WantedCertificate(
        name=name, namespace=asked.namespace, issuer=asked.issuer, dns_names=dns_names, owner=intent.owner
    )


@dataclass(frozen=True)
class CertificateSteps:
    """Runs the steps for one owner, and adds what they report to the progress. `what` is what they are known by."""

    owner: Owner
    takeover: bool
    dry_run: bool
    progress: Progress
    runner: StepRunner

    async def obtain(self, what: str, wanted: WantedCertificate, deadline: timedelta) -> None:
        """The Certificate, asked for and issued, within one deadline for both. Ends where that has passed."""
        give_up_at = workflow.now() + deadline
        try:
            await self.request(what, wanted, _until(give_up_at))
            if self.dry_run:
                self.runner.leave_out("certificate-ready", what, "dry run: nothing was asked for")
                return
            await self.await_issued(what, wanted.namespace, wanted.name, _until(give_up_at))
        except StepNotDoneError as late:
            self.keep_evidence(late)
        if not self.progress.is_settled("certificate-ready", what):
            self.runner.leave_out("certificate-ready", what, "the certificate could not be asked for")

    async def request(self, what: str, wanted: WantedCertificate, deadline: timedelta) -> None:
        """The Certificate, asked for.

        Raises:
            StepNotDoneError: its deadline has passed.
        """
        report = await self.runner.run(
            "certificate-request",
            what,
            RequestCertificate(owner=self.owner, wanted=wanted, takeover=self.takeover, dry_run=self.dry_run),
            CertificateReport,
            summary=f"Certificate {wanted.name}",
            deadline=deadline,
        )
        if report is not None:
            self.runner.report("certificate-request", what, report, dry_run=self.dry_run)

    async def await_issued(self, what: str, namespace: str, name: str, deadline: timedelta) -> None:
        """The Certificate, issued. Looked for even where asking was given up: it may be there from before.

        Raises:
            StepNotDoneError: its deadline has passed.
        """
        report = await self.runner.run(
            "certificate-ready",
            what,
            AwaitCertificate(owner=self.owner, name=name, namespace=namespace),
            CertificateReport,
            summary=f"Certificate {name} issued",
            deadline=deadline,
        )
        if report is None:
            self.progress.stop_waiting_for_certificate(namespace, name)
            return
        self.runner.report("certificate-ready", what, report)

    def keep_evidence(self, late: StepNotDoneError) -> None:
        """What the last attempt saw."""
        for seen in late.evidence:
            self.progress.set_certificate(CertificateStatus.model_validate(seen))


def _until(give_up_at: datetime) -> timedelta:
    return max(give_up_at - workflow.now(), timedelta(seconds=1))

"""The steps `certificate-request` and `certificate-ready`, on the Kubernetes API."""

from temporalio import activity

from activities import journal
from activities.shielding import to_its_end
from activities.telling import tell
from sovereign_dns.clients.certificates import Certificates
from sovereign_dns.contract import CertificateStatus
from sovereign_dns.failures import NotYetIssued
from sovereign_dns.messages import (
    CERTIFICATE_SEEN,
    AwaitCertificate,
    CertificateReport,
    CertificateSeen,
    RequestCertificate,
)


class KubernetesActivities:
    """Asks cert-manager for a Certificate, and looks whether it is issued."""

    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    @activity.defn(name="certificate-request")
    async def request_certificate(self, task: RequestCertificate) -> CertificateReport:
        """Makes the Certificate exist as wanted, or finds that it does."""
        if task.dry_run:
            outcome, certificate = await self._certificates.plan(task.wanted, takeover=task.takeover)
            return CertificateReport(outcome=f"dry run: {outcome}", certificate=certificate)
        outcome, certificate = await to_its_end(self._certificates.request(task.wanted, takeover=task.takeover))
        return CertificateReport(outcome=outcome, certificate=certificate)

    @activity.defn(name="certificate-ready")
    async def certificate_ready(self, task: AwaitCertificate) -> CertificateReport:
        """Looks once; `NotYetIssued` says why not yet."""
        status = await self._certificates.status(task.namespace, task.name)
        if status is None:
            raise NotYetIssued(
                f"Certificate {task.namespace}/{task.name} doesn't exist: asking for it was given up, or somebody "
                "deleted it since. Start the run again to ask for it again."
            )
        if not status.ready:
            await _tell_if_news(status)
            raise NotYetIssued(
                f"Certificate {task.namespace}/{task.name} is not issued yet: {status.reason}", evidence=status
            )
        expiry = f", valid until {status.not_after:%Y-%m-%d}" if status.not_after else ""
        return CertificateReport(outcome=f"issued{expiry}", certificate=status)


async def _tell_if_news(status: CertificateStatus) -> None:
    """Shows the deepest known reason in the run's status, whenever there is another one."""
    if status not in journal.notes(CertificateStatus):
        await tell(CERTIFICATE_SEEN, CertificateSeen(certificate=status))
        await journal.remember(status)

"""The steps `certificate-request`, `certificate-ready` and `certificate-delete`, on the Kubernetes API."""

from collections.abc import Coroutine
from typing import Any, TypeVar

from temporalio import activity

from activities import journal
from activities.certificate_search import CertificateSearch
from activities.shielding import to_its_end
from activities.telling import tell, tell_of_attempt
from sovereign_dns import certificate_changes, certificate_scope, issuance
from sovereign_dns.certificate_changes import over_all_attempts
from sovereign_dns.clients.certificates import Certificates
from sovereign_dns.contract import CertificateStatus
from sovereign_dns.failures import CertManagerMissing, KubernetesUnavailable, NotYetIssued
from sovereign_dns.lifecycle_messages import DeleteCertificate
from sovereign_dns.messages import (
    CERTIFICATE_SEEN,
    AwaitCertificate,
    CertificateReport,
    CertificateSeen,
    ChangesAttempted,
    RequestCertificate,
)

Answer = TypeVar("Answer")


class KubernetesActivities:
    """Asks cert-manager for a Certificate, looks whether it is issued, and takes it away."""

    def __init__(self, certificates: Certificates, search: CertificateSearch) -> None:
        self._certificates = certificates
        self._search = search

    @activity.defn(name="certificate-request")
    async def request_certificate(self, task: RequestCertificate) -> CertificateReport:
        """Makes the Certificate exist as wanted, or finds that it does."""
        wanted, noted = task.wanted, _noted()
        present = await self._certificates.find(wanted.namespace, wanted.name)
        asked = certificate_changes.asked_for(present, wanted, takeover=task.takeover)
        if asked.change == "unchanged":
            before = f"{'created' if noted.change == 'created' else 'changed'} by an attempt before" if noted else None
            return _report(before or "unchanged", over_all_attempts(noted, asked), task)
        outcome = f"changed: {certificate_changes.differences(present, wanted)}" if present else "created"
        if task.dry_run:
            return _report(f"would be {outcome}", asked.changed(reason="dry run"), task)
        changing = over_all_attempts(noted, asked)
        await journal.note(changing)
        applied = await _done(self._certificates.apply(wanted, force=task.takeover), changing)
        return _report(outcome, over_all_attempts(changing, applied), task)

    @activity.defn(name="certificate-delete")
    async def delete_certificate(self, task: DeleteCertificate) -> CertificateReport:
        """Takes the Certificate away, where it is this Sovereign's. Its Secret stays, as cert-manager leaves it.

        Where it is told to, it looks first which others there are: an attempt that can't do that has changed nothing.
        """
        if task.besides is None:
            return await self._delete(task)
        others = await self._search.besides(task.namespace, task.besides)
        report = await self._delete(task)
        outcome = f"{report.outcome}. Others of this Sovereign: {others.outcome}" if others.outcome else report.outcome
        hazards = [*report.hazards, *others.hazards]
        return report.changed(outcome=outcome, besides=others.certificates, hazards=hazards)

    async def _delete(self, task: DeleteCertificate) -> CertificateReport:
        noted = _noted()
        try:
            present = await self._certificates.find(task.namespace, task.name)
        except CertManagerMissing:
            return _gone("was gone already: the cluster doesn't know cert-manager's Certificates", task)
        if present is None:
            return _gone("there is none" if task.dry_run else "was gone already", task)
        why = certificate_changes.why_left(present, task.owner)
        if not why and (kept := certificate_scope.kept_as_protected(present, task.protected_fqdns)):
            left = issuance.status_of(present).changed(change="unchanged")
            return _report("left alone, see the hazards: it is for a protected name", left, task).changed(hazards=kept)
        if why := why or certificate_changes.why_needed(task.of_domain, task.owner):
            left = issuance.status_of(present).changed(change="unchanged")
            before = "an attempt before has deleted this Sovereign's; by now " if noted else ""
            told = _report(f"{before}left alone: {why}", over_all_attempts(noted, left), task)
            return told.changed(hazards=certificate_scope.needed_by_nobody(present, task.of_domain, task.owner))
        removing = over_all_attempts(noted, certificate_changes.removed(present))
        if task.dry_run:
            return _report(f"would be deleted; {_secret_of(removing)} stays", removing, task)
        await journal.note(removing)
        if not await _done(self._certificates.delete(present), removing):
            return _gone("was gone already", task)
        return _report(f"deleted; {_secret_of(removing)} was left", removing, task)

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


def _report(
    outcome: str, certificate: CertificateStatus, task: RequestCertificate | DeleteCertificate
) -> CertificateReport:
    return CertificateReport(outcome=f"dry run: {outcome}" if task.dry_run else outcome, certificate=certificate)


def _gone(outcome: str, task: DeleteCertificate) -> CertificateReport:
    """There is none; an attempt whose answer was lost may have deleted it."""
    if noted := _noted():
        return _report(f"deleted by an attempt before; {_secret_of(noted)} was left", noted, task)
    absent = CertificateStatus(name=task.name, namespace=task.namespace, dns_names=[], change="unchanged")
    return _report(outcome, absent, task)


def _secret_of(removing: CertificateStatus) -> str:
    secret = removing.before.secret_name if removing.before else removing.name
    return f"its Secret {removing.namespace}/{secret}"


def _noted() -> CertificateStatus | None:
    """What an earlier attempt was about to change, or this one."""
    return next((status for status in journal.notes(CertificateStatus) if status.change is not None), None)


async def _done(write: Coroutine[Any, Any, Answer], changing: CertificateStatus) -> Answer:
    try:
        return await to_its_end(write)
    except KubernetesUnavailable as outage:
        if outage.sent:
            await tell_of_attempt(ChangesAttempted(certificates=[changing]))
        raise


async def _tell_if_news(status: CertificateStatus) -> None:
    """Shows the deepest known reason in the run's status, whenever there is another one."""
    if status not in journal.notes(CertificateStatus):
        await tell(CERTIFICATE_SEEN, CertificateSeen(certificate=status))
        await journal.remember(status)

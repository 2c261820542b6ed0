"""The steps by which what another run removed or replaced is put back, and what waits for what."""

import asyncio
import contextlib
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns import names
    from sovereign_dns.contract import VerificationRequest
    from sovereign_dns.intent import DomainIntent
    from sovereign_dns.issuance import WantedCertificate
    from sovereign_dns.lifecycle_messages import RestoreZoneRecords
    from sovereign_dns.lifecycle_requests import RestoreRequest
    from sovereign_dns.messages import CommitPoolName, CreateZone, PoolReport, RecordsReport, ZoneReport
    from sovereign_dns.progress import Progress
    from sovereign_dns.restoring import answers_after
    from sovereign_dns.restoring_intent import (
        PoolNameToRestore,
        RecordsToRestore,
        RestoringIntent,
        ZoneToRestore,
    )
    from workflows.certificate_steps import CertificateSteps
    from workflows.patches import PROVE_RESTORED_CERTIFICATES
    from workflows.proof import prove
    from workflows.step_runner import StepNotDoneError, StepRunner, all_or_first_failure

CERTIFICATE_DEADLINE = timedelta(hours=1)

_CREATED_BY = "sovereign-dns"


class RestoringSteps:
    """The steps of one run, in the order of publishing: what is independent runs side by side."""

    def __init__(
        self, request: RestoreRequest, intent: RestoringIntent, progress: Progress, runner: StepRunner
    ) -> None:
        self._request = request
        self._intent = intent
        self._progress = progress
        self._runner = runner
        self._certificates = CertificateSteps(intent.owner, request.takeover, request.dry_run, progress, runner)
        self._proves_certificates = bool(intent.certificates) and workflow.patched(PROVE_RESTORED_CERTIFICATES)

    def announce(self) -> None:
        """Lists every step."""
        for zone in self._intent.zones:
            self._progress.expect("zone-create", zone.domain)
        for certificate in self._intent.certificates:
            self._progress.expect("certificate-request", certificate.name)
            if self._proves_certificates:
                self._progress.expect("certificate-ready", certificate.name)
        for name in self._intent.pool_names:
            self._progress.expect("pool-commit", name.domain)
        for part in self._intent.records:
            self._progress.expect("records-restore", part.zone)
            self._progress.expect("dns-verify", part.zone)

    async def run(self) -> None:
        """Zones first, then the name, then what is published; certificates beside."""
        await all_or_first_failure(
            [asyncio.create_task(self._create_zone(zone)) for zone in self._intent.zones]
            + [asyncio.create_task(self._restore_certificate(wanted)) for wanted in self._intent.certificates]
            + [asyncio.create_task(self._commit_pool_name(name)) for name in self._intent.pool_names]
            + [asyncio.create_task(self._restore_records(part)) for part in self._intent.records]
        )

    async def _zones_above(self, name: str, *, itself: bool = True) -> None:
        """Waits for the zones of this run at or above a name: they get its delegation, or its records."""
        above = [
            zone.domain
            for zone in self._intent.zones
            if names.is_at_or_below(name, zone.domain) and (itself or zone.domain != name)
        ]
        await workflow.wait_condition(lambda: all(self._progress.is_settled("zone-create", zone) for zone in above))

    async def _create_zone(self, zone: ZoneToRestore) -> None:
        await self._zones_above(zone.domain, itself=False)
        report = await self._runner.run(
            "zone-create",
            zone.domain,
            CreateZone(
                owner=self._intent.owner,
                domain=zone.domain,
                names=zone.names,
                nameservers=zone.nameservers,
                may_create=zone.may_create,
                takeover=self._request.takeover,
                dry_run=self._request.dry_run,
            ),
            ZoneReport,
            summary=f"zone {zone.domain} in PowerDNS again, with new keys",
        )
        if report is not None:
            self._runner.report("zone-create", zone.domain, report, dry_run=self._request.dry_run)

    async def _commit_pool_name(self, name: PoolNameToRestore) -> None:
        """The name is claimed before it is published."""
        await self._zones_above(name.domain)
        report = await self._runner.run(
            "pool-commit",
            name.domain,
            CommitPoolName(
                owner=self._intent.owner,
                pool_domain=name.domain,
                subdomain=name.subdomain,
                load_balancer_ip=name.load_balancer_ip,
                created_by=_CREATED_BY,
                dry_run=self._request.dry_run,
            ),
            PoolReport,
            summary=f"{name.fqdn} active in PDM again",
        )
        if report is not None:
            self._runner.report("pool-commit", name.domain, report, dry_run=self._request.dry_run)

    async def _restore_records(self, part: RecordsToRestore) -> None:
        """Once everything is there that they need; then the proof."""
        await self._zones_above(part.zone)
        claimed = [name.domain for name in self._intent.pool_names]
        await workflow.wait_condition(lambda: all(self._progress.is_settled("pool-commit", pool) for pool in claimed))
        report = await self._runner.run(
            "records-restore",
            part.zone,
            RestoreZoneRecords(
                owner=self._intent.owner,
                zone=part.zone,
                records=part.records,
                pool_address=part.pool_address,
                takeover=self._request.takeover,
                dry_run=self._request.dry_run,
            ),
            RecordsReport,
            summary=f"{len(part.records)} rrsets in {part.zone} as they were",
        )
        if report is None:
            return
        self._runner.report("records-restore", part.zone, report, dry_run=self._request.dry_run)
        await self._prove(part.zone, report)

    async def _prove(self, zone: str, report: RecordsReport) -> None:
        answers = answers_after(zone, report.changes, report.hazards)
        if self._request.dry_run:
            self._runner.leave_out("dns-verify", zone, "dry run: nothing was written that DNS could answer")
        elif answers is None:
            self._runner.leave_out("dns-verify", zone, "no address was put back that DNS could answer")
        else:
            own_nameservers = self._intent.changed(nameservers=[])  # whatever this installation's are
            wanted = _within_reach(self._request.verification, answers)
            await prove(answers, report.zones, own_nameservers, wanted, self._progress, self._runner)

    async def _restore_certificate(self, wanted: WantedCertificate) -> None:
        """Issued at once where its Secret is still there. Else a challenge can only fail before the zones are back."""
        if not self._proves_certificates:
            with contextlib.suppress(StepNotDoneError):
                await self._certificates.request(wanted.name, wanted, CERTIFICATE_DEADLINE)
            return
        for name in wanted.dns_names:
            await self._zones_above(name.removeprefix("*."))
        await self._certificates.obtain(wanted.name, wanted, CERTIFICATE_DEADLINE)


def _within_reach(wanted: VerificationRequest, answers: DomainIntent) -> VerificationRequest:
    """A wildcard has no name of its own that a resolver could be asked for: random ones are, at the authority."""
    if wanted.level == "propagated" and all(rrset.name.startswith("*.") for rrset in answers.rrsets):
        return wanted.changed(level="delegated")
    return wanted

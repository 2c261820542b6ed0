"""The steps by which a Sovereign comes to be served under one more parent domain."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import ApplicationError

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import ProvisionResult, VerificationRequest
    from sovereign_dns.intent import ProvisioningIntent
    from sovereign_dns.lifecycle_messages import NameserversReport, SetNameservers
    from sovereign_dns.lifecycle_requests import AddParentDomainRequest
    from sovereign_dns.messages import ServedZone
    from sovereign_dns.parent_domains import HostCertificate, certificates_of, glue_if_ours
    from sovereign_dns.progress import Progress
    from workflows.certificate_steps import CertificateSteps, wanted_certificate
    from workflows.domain_steps import DomainSteps
    from workflows.proof import prove
    from workflows.step_runner import StepNotDoneError, StepRunner, all_or_first_failure

LONGEST_UNDER_LOCK = timedelta(minutes=30)
"""For what has a deadline and is done under the Sovereign's lock: what takes longer there holds everybody else up."""


class ParentDomainSteps:
    """In two parts: what is written, by the run that holds the lock, and what a registry takes its time for."""

    def __init__(
        self, request: AddParentDomainRequest, intent: ProvisioningIntent, progress: Progress, runner: StepRunner
    ) -> None:
        self._request = request
        self._intent = intent
        self._progress = progress
        self._runner = runner
        self._steps = DomainSteps(intent, request.takeover, request.dry_run, runner)
        self._certificate_steps = CertificateSteps(intent.owner, request.takeover, request.dry_run, progress, runner)
        (self._domain,) = intent.domains
        self._certificates: list[HostCertificate] = certificates_of(self._domain)

    def announce_writes(self) -> None:
        """Lists the steps under the lock, the proof among them."""
        self._progress.expect("zone-create", self._domain.domain)
        for certificate in self._certificates:
            self._progress.expect("certificate-request", certificate.host)
        self._progress.expect("records-upsert", self._domain.domain)
        if not self._request.dry_run:
            self._progress.expect("dns-verify", self._domain.domain)

    def announce_delegation(self, *, waits_for: str | None = None) -> None:
        """Lists the steps that need no lock, and what they wait for."""
        self._progress.expect("nameservers-set", self._domain.domain, waits_for=waits_for)
        if not self._request.dry_run:
            self._progress.expect("records-compare", self._domain.domain)
        self._progress.expect("dns-verify", self._domain.domain)
        for certificate in self._certificates:
            self._progress.expect("certificate-ready", certificate.host)

    async def write(self) -> None:
        """Zone, records and Certificates; and the proof that the zone's own servers answer as written."""
        await self._steps.create_zone(self._domain)
        await all_or_first_failure(
            [
                asyncio.create_task(self._publish()),
                *(asyncio.create_task(self._request_certificate(certificate)) for certificate in self._certificates),
            ]
        )

    async def _publish(self) -> None:
        zones_to_come = [self._domain.domain] if self._request.dry_run else []
        zones = await self._steps.write_records(self._domain, zones_to_come=zones_to_come)
        if zones is None or self._request.dry_run:
            return
        deadline = min(self._request.verification.deadline_seconds, int(LONGEST_UNDER_LOCK.total_seconds()))
        await self._prove(zones, VerificationRequest(level="authoritative", deadlineSeconds=deadline))

    async def _request_certificate(self, certificate: HostCertificate) -> None:
        asked = self._request.certificate
        if not asked.enabled:
            self._runner.leave_out("certificate-request", certificate.host, "the request wants no certificate")
            return
        wanted = wanted_certificate(certificate.name, certificate.dns_names, asked, self._intent)
        deadline = min(timedelta(seconds=asked.deadline_seconds), LONGEST_UNDER_LOCK)
        try:
            await self._certificate_steps.request(certificate.host, wanted, deadline)
        except StepNotDoneError as late:
            self._certificate_steps.keep_evidence(late)
        except ApplicationError as refused:
            # The domain's own serves every Sovereign there, and is that one's which has come first.
            if refused.type != "OwnershipConflict" or certificate.host == self._domain.host:
                raise
            self._runner.leave_out("certificate-request", certificate.host, f"left as it is: {refused.message}")

    async def delegate(self, written: ProvisionResult) -> None:
        """The registrar is told, once the name servers answer; then the registry has its time."""
        why_not = next((s.outcome for s in written.steps if s.step == "dns-verify" and s.state == "failed"), None)
        if why_not is not None:
            self._progress.set_verification(self._domain.domain, written.verification)
            self._leave_out_delegation(why_not)
            return
        await self._set_nameservers()
        await all_or_first_failure(
            [
                asyncio.create_task(self._prove_delegation()),
                *(asyncio.create_task(self._await_certificate(certificate)) for certificate in self._certificates),
            ]
        )

    async def plan_delegation(self) -> None:
        """What the registrar would be told."""
        await self._set_nameservers()
        self._runner.leave_out("dns-verify", self._domain.domain, "dry run: nothing was written that DNS could answer")
        for certificate in self._certificates:
            self._runner.leave_out("certificate-ready", certificate.host, "dry run: nothing was asked for")

    def _leave_out_delegation(self, why_not: str) -> None:
        """Nobody is led to servers that don't answer."""
        domain = self._domain.domain
        self._progress.fail("dns-verify", domain, workflow.now(), why_not)
        self._runner.leave_out(
            "nameservers-set", domain, f"not delegated to name servers that don't answer as written: {why_not}"
        )
        self._runner.leave_out("records-compare", domain, "the run under the lock has just written them")
        for certificate in self._certificates:
            self._runner.leave_out("certificate-ready", certificate.host, "can't be issued before the delegation")

    async def _set_nameservers(self) -> None:
        domain, nameservers, registrar = self._domain.domain, self._intent.nameservers, self._request.registrar
        if registrar is None:
            self._runner.leave_out(
                "nameservers-set",
                domain,
                f"the request names no registrar: where a registry delegates {domain}, have it delegated to "
                f"{', '.join(nameservers)} yourself, at its registrar",
            )
            return
        report = await self._runner.run(
            "nameservers-set",
            domain,
            SetNameservers(
                owner=self._intent.owner,
                domain=domain,
                registrar=registrar.kind,
                credentials_ref=registrar.credentials_ref,
                nameservers=nameservers,
                glue_ip=registrar.glue_ip,
                glue_if_ours=glue_if_ours(self._request, nameservers),
                dry_run=self._request.dry_run,
            ),
            NameserversReport,
            summary=f"{domain} delegated to {', '.join(nameservers)} at {registrar.kind}",
        )
        if report is not None:
            unchanged = self._request.dry_run or report.already
            self._runner.finish("nameservers-set", domain, report.outcome, dry_run=unchanged)

    async def _prove_delegation(self) -> None:
        wanted = self._request.verification
        until = workflow.now() + timedelta(seconds=wanted.deadline_seconds)
        self._progress.wait_for_registry("dns-verify", self._domain.domain, until)
        try:
            zones = await self._steps.compare_records(self._domain, timedelta(seconds=wanted.deadline_seconds))
        except StepNotDoneError:
            self._runner.leave_out("dns-verify", self._domain.domain, "PowerDNS could not say which servers to ask")
            return
        # One deadline for both: it is told as the end of the wait.
        left = max(1, int((until - workflow.now()).total_seconds()))
        await self._prove(zones, wanted.changed(deadline_seconds=left))

    async def _prove(self, zones: list[ServedZone], wanted: VerificationRequest) -> None:
        await prove(self._domain, zones, self._intent, wanted, self._progress, self._runner)

    async def _await_certificate(self, certificate: HostCertificate) -> None:
        """Beside the proof: it is issued as soon as the delegation is there, and may have been before."""
        host, asked = certificate.host, self._request.certificate
        if not asked.enabled:
            self._runner.leave_out("certificate-ready", host, "the request wants no certificate")
            return
        if self._progress.status_of("certificate-request", host).state == "failed":
            self._runner.leave_out("certificate-ready", host, "the certificate could not be asked for")
            return
        deadline = timedelta(seconds=asked.deadline_seconds)
        self._progress.wait_for_registry("certificate-ready", host, workflow.now() + deadline)
        try:
            await self._certificate_steps.await_issued(host, asked.namespace, certificate.name, deadline)
        except StepNotDoneError as late:
            self._certificate_steps.keep_evidence(late)

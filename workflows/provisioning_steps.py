"""The six steps of a provisioning, and what waits for what."""

import asyncio
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns import names
    from sovereign_dns.contract import CertificateStatus, ProvisionRequest, Step
    from sovereign_dns.intent import DomainIntent, ProvisioningIntent
    from sovereign_dns.issuance import WantedCertificate
    from sovereign_dns.messages import (
        AwaitCertificate,
        CertificateReport,
        CommitPoolName,
        CreateZone,
        PoolReport,
        RecordsReport,
        RequestCertificate,
        ServedZone,
        UpsertRecords,
        ZoneReport,
    )
    from sovereign_dns.progress import Progress
    from workflows.patches import WAIT_FOR_ZONES_BELOW_THE_HOST
    from workflows.proof import prove
    from workflows.step_runner import StepNotDoneError, StepRunner, all_or_first_failure


class ProvisioningSteps:
    """The steps of one run, and what waits for what."""

    def __init__(
        self, request: ProvisionRequest, intent: ProvisioningIntent, progress: Progress, runner: StepRunner
    ) -> None:
        self._request = request
        self._intent = intent
        self._progress = progress
        self._runner = runner
        self._pool_domain = request.pool.domain if request.pool else intent.primary.domain

    def announce(self) -> None:
        """Lists every step, in the order of the design."""
        for domain in self._intent.domains:
            self._progress.expect("zone-create", domain.domain)
            self._progress.expect("certificate-request", domain.domain)
            if domain.primary:
                self._progress.expect("pool-commit", self._pool_domain)
            self._progress.expect("records-upsert", domain.domain)
            self._progress.expect("dns-verify", domain.domain)
            self._progress.expect("certificate-ready", domain.domain)

    async def run(self) -> None:
        """Parent domains side by side; certificates beside records and their proof."""
        pool = [asyncio.create_task(self._commit_pool_name())]
        await all_or_first_failure(
            [asyncio.create_task(self._create_zone(domain)) for domain in self._intent.domains]
            + [asyncio.create_task(self._certify(domain)) for domain in self._intent.domains]
            + pool
            + [asyncio.create_task(self._publish(domain)) for domain in self._intent.domains]
        )

    async def _settled(self, step: Step, domains: list[str]) -> None:
        await workflow.wait_condition(lambda: all(self._progress.is_settled(step, domain) for domain in domains))

    async def _create_zone(self, domain: DomainIntent) -> None:
        """After the zones of this request that lie above it, since they get its delegation."""
        await self._settled("zone-create", [d for d in self._requested_lineage(domain.domain) if d != domain.domain])
        report = await self._runner.run(
            "zone-create",
            domain.domain,
            CreateZone(
                owner=self._intent.owner,
                domain=domain.domain,
                names=list(dict.fromkeys([*(rrset.name for rrset in domain.rrsets), *domain.remove_wildcards])),
                nameservers=self._intent.nameservers,
                may_create=domain.may_create_zone,
                takeover=self._request.takeover,
                dry_run=self._request.dry_run,
            ),
            ZoneReport,
            summary=f"zone {domain.domain} in PowerDNS",
        )
        if report is not None:
            self._progress.add_zones(report.zones)
            self._progress.add_records(report.changes)
            self._progress.add_hazards(report.hazards)
            self._runner.finish("zone-create", domain.domain, report.outcome, dry_run=self._request.dry_run)

    async def _commit_pool_name(self) -> None:
        """The name is claimed before it is published."""
        pool = self._request.pool
        if pool is None:
            self._runner.leave_out("pool-commit", self._pool_domain, "not a pool name (BYO): PDM has no part in it")
            return
        await self._settled("zone-create", [self._intent.primary.domain])
        report = await self._runner.run(
            "pool-commit",
            pool.domain,
            CommitPoolName(
                owner=self._intent.owner,
                pool_domain=pool.domain,
                subdomain=pool.subdomain,
                load_balancer_ip=self._request.load_balancer_ip,
                created_by=pool.created_by,
                reservation_token=pool.reservation_token,
                dry_run=self._request.dry_run,
            ),
            PoolReport,
            summary=f"{pool.subdomain}.{pool.domain} active in PDM",
        )
        if report is not None:
            self._progress.add_hazards(report.hazards)
            if report.change is not None:
                self._progress.add_pool_name(report.change)
            self._runner.finish("pool-commit", pool.domain, report.outcome, dry_run=self._request.dry_run)

    async def _publish(self, domain: DomainIntent) -> None:
        """Records, once the name is claimed and every zone that could answer for it is there; then the proof."""
        await self._settled("zone-create", self._domains_answering_for(domain))
        await self._settled("pool-commit", [self._pool_domain])
        report = await self._runner.run(
            "records-upsert",
            domain.domain,
            UpsertRecords(
                owner=self._intent.owner,
                intent=domain,
                zones_to_come=self._zones_to_come(),
                takeover=self._request.takeover,
                dry_run=self._request.dry_run,
            ),
            RecordsReport,
            summary=f"{domain.host} and {len(domain.rrsets) - 1} rrsets more",
        )
        if report is None:
            return
        self._progress.add_records(report.changes)
        self._progress.add_hazards(report.hazards)
        self._runner.finish("records-upsert", domain.domain, report.outcome, dry_run=self._request.dry_run)
        await self._prove(domain, report.zones)

    async def _prove(self, domain: DomainIntent, zones: list[ServedZone]) -> None:
        if self._request.dry_run:
            self._runner.leave_out("dns-verify", domain.domain, "dry run: nothing was written that DNS could answer")
            return
        await prove(domain, zones, self._intent, self._request.verification, self._progress, self._runner)

    async def _certify(self, domain: DomainIntent) -> None:
        """One deadline for asking and issuing together."""
        if not self._request.certificate.enabled:
            for step in ("certificate-request", "certificate-ready"):
                self._runner.leave_out(step, domain.domain, "the request wants no certificate")
            return
        await self._settled("zone-create", [domain.domain])
        give_up_at = workflow.now() + timedelta(seconds=self._request.certificate.deadline_seconds)
        try:
            if await self._request_certificate(domain, give_up_at - workflow.now()):
                await self._await_certificate(domain, max(give_up_at - workflow.now(), timedelta(seconds=1)))
        except StepNotDoneError as late:
            for seen in late.evidence:
                self._progress.set_certificate(CertificateStatus.model_validate(seen))
        if not self._progress.is_settled("certificate-ready", domain.domain):
            self._runner.leave_out("certificate-ready", domain.domain, "the certificate could not be asked for")

    async def _request_certificate(self, domain: DomainIntent, deadline: timedelta) -> bool:
        report = await self._runner.run(
            "certificate-request",
            domain.domain,
            RequestCertificate(
                owner=self._intent.owner,
                wanted=WantedCertificate(
                    name=domain.certificate_name,
                    namespace=self._request.certificate.namespace,
                    issuer=self._request.certificate.issuer,
                    dns_names=domain.dns_names,
                    owner=self._intent.owner,
                ),
                takeover=self._request.takeover,
                dry_run=self._request.dry_run,
            ),
            CertificateReport,
            summary=f"Certificate {domain.certificate_name}",
            deadline=deadline,
        )
        if report is not None:
            self._progress.set_certificate(report.certificate)
            self._runner.finish("certificate-request", domain.domain, report.outcome, dry_run=self._request.dry_run)
        if self._request.dry_run:
            self._runner.leave_out("certificate-ready", domain.domain, "dry run: nothing was asked for")
        return not self._request.dry_run

    async def _await_certificate(self, domain: DomainIntent, deadline: timedelta) -> None:
        """Looked for even where asking was given up: the Certificate may be there from before."""
        report = await self._runner.run(
            "certificate-ready",
            domain.domain,
            AwaitCertificate(
                owner=self._intent.owner,
                name=domain.certificate_name,
                namespace=self._request.certificate.namespace,
            ),
            CertificateReport,
            summary=f"Certificate {domain.certificate_name} issued",
            deadline=deadline,
        )
        if report is None:
            namespace = self._request.certificate.namespace
            self._progress.stop_waiting_for_certificate(namespace, domain.certificate_name)
            return
        self._progress.set_certificate(report.certificate)
        self._runner.finish("certificate-ready", domain.domain, report.outcome)

    def _domains_answering_for(self, domain: DomainIntent) -> list[str]:
        """The parent domains of this request whose zones answer for one of the domain's names."""
        above = self._requested_lineage(domain.host)
        answering = [
            d.domain
            for d in self._intent.domains
            if any(names.is_at_or_below(rrset.name, d.domain) for rrset in domain.rrsets)
        ]
        if set(answering) == set(above) or not workflow.patched(WAIT_FOR_ZONES_BELOW_THE_HOST):
            return above
        return answering

    def _zones_to_come(self) -> list[str]:
        """In a dry run, the zones that a real one would have by now: PDM makes one for each pool name."""
        if not self._request.dry_run:
            return []
        pool_names = [self._request.sovereign_fqdn] if self._request.pool else []
        return [domain.domain for domain in self._intent.domains] + pool_names

    def _requested_lineage(self, name: str) -> list[str]:
        """The parent domains of this request that are the name or lie above it."""
        return [d.domain for d in self._intent.domains if names.is_at_or_below(name, d.domain)]

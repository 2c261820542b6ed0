"""The six steps of a provisioning, and what waits for what."""

import asyncio
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns import names
    from sovereign_dns.contract import ProvisionRequest, Step
    from sovereign_dns.intent import DomainIntent, ProvisioningIntent
    from sovereign_dns.messages import CommitPoolName, PoolReport, ServedZone
    from sovereign_dns.progress import Progress
    from workflows.certificate_steps import CertificateSteps, wanted_certificate
    from workflows.domain_steps import DomainSteps
    from workflows.patches import WAIT_FOR_ZONES_BELOW_THE_HOST
    from workflows.proof import prove
    from workflows.step_runner import StepRunner, all_or_first_failure


class ProvisioningSteps:
    """The steps of one run, and what waits for what."""

    def __init__(
        self, request: ProvisionRequest, intent: ProvisioningIntent, progress: Progress, runner: StepRunner
    ) -> None:
        self._request = request
        self._intent = intent
        self._progress = progress
        self._runner = runner
        self._steps = DomainSteps(intent, request.takeover, request.dry_run, runner)
        self._certificates = CertificateSteps(intent.owner, request.takeover, request.dry_run, progress, runner)
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
        await self._steps.create_zone(domain)

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
            self._runner.report("pool-commit", pool.domain, report, dry_run=self._request.dry_run)

    async def _publish(self, domain: DomainIntent) -> None:
        """Records, once the name is claimed and every zone that could answer for it is there; then the proof."""
        await self._settled("zone-create", self._domains_answering_for(domain))
        await self._settled("pool-commit", [self._pool_domain])
        zones = await self._steps.write_records(domain, zones_to_come=self._zones_to_come())
        if zones is not None:
            await self._prove(domain, zones)

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
        asked = self._request.certificate
        wanted = wanted_certificate(domain.certificate_name, domain.dns_names, asked, self._intent)
        await self._certificates.obtain(domain.domain, wanted, timedelta(seconds=asked.deadline_seconds))

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

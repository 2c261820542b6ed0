"""The steps by which a Sovereign, or one parent domain of it, is taken away; and what waits for what."""

import asyncio

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.absence import absence_of
    from sovereign_dns.contract import Step
    from sovereign_dns.lifecycle_messages import (
        DeleteCertificate,
        FindRecords,
        FoundReport,
        FoundZone,
        OtherCertificates,
        ReleasePoolName,
        RemoveRecords,
        RemoveZone,
    )
    from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemoveParentDomainRequest
    from sovereign_dns.messages import CertificateReport, DomainCertificate, PoolReport, RecordsReport, ZoneReport
    from sovereign_dns.progress import AnyStep, Progress
    from sovereign_dns.removal_intent import DomainRemoval, RemovalIntent
    from sovereign_dns.removal_scope import absent_names, domains_of, why_no_pool_name, zones_below
    from workflows.absence import prove_absence
    from workflows.step_runner import StepRunner, all_or_first_failure

_IN_ORDER: list[AnyStep] = [
    "records-find", "records-remove", "certificate-delete", "pool-release", "zone-remove", "dns-verify",
]  # fmt: skip

_KEPT_BY_REQUEST = "the request keeps it"


class RemovalSteps:
    """The steps of one run: the reverse of publishing. What is independent runs side by side."""

    def __init__(
        self,
        request: DeprovisionRequest | RemoveParentDomainRequest,
        intent: RemovalIntent,
        progress: Progress,
        runner: StepRunner,
    ) -> None:
        self._request = request
        self._intent = intent
        self._progress = progress
        self._runner = runner
        self._domains: list[DomainRemoval] = intent.domains
        self._found: list[FoundZone] = []
        self._deployment_seen = False
        self._domain_certificates: dict[str, DomainCertificate] = {}
        self._pool = request.pool if isinstance(request, DeprovisionRequest) else None
        self._pool_dns_left_behind = False
        self._left_over = 0
        self._inner_domains: list[str] = []
        self._active_for_another: str | None = None

    def announce(self) -> None:
        """Lists what is known before anything was looked for."""
        self._expect("records-find", self._request.sovereign_fqdn)
        if isinstance(self._request, DeprovisionRequest):
            self._expect("pool-release", self._pool_step)
        self._announce_domains()

    async def run(self) -> None:
        """Nothing is removed before everything was found, and found to be this Sovereign's."""
        await self._find()
        records = [asyncio.create_task(self._remove_records(zone)) for zone in self._found if zone.rrsets]
        if self._left_over:
            await all_or_first_failure([*records, asyncio.create_task(self._leave_the_rest())])
            return
        await all_or_first_failure(
            records
            + self._delete_certificates()
            + [asyncio.create_task(self._release_pool_name())]
            + [asyncio.create_task(self._remove_zone(zone)) for zone in self._zones_to_remove()]
            + [asyncio.create_task(self._prove_absence(domain)) for domain in self._domains]
        )

    async def _leave_the_rest(self) -> None:
        """What comes after the records is for the run that removes the last of them."""
        await self._settled("records-remove", self._progress.domains_of("records-remove"))
        told = f"{self._left_over} more rrsets are left, of which this run's result can't tell too: start it again"
        for step in ("certificate-delete", "pool-release", "zone-remove"):
            for what in self._progress.domains_of(step):
                self._runner.leave_out(step, what, told)
        for domain in self._domains:
            if self._request.dry_run:
                self._runner.leave_out("dns-verify", domain.domain, told)
            elif not self._progress.is_settled("dns-verify", domain.domain):
                self._progress.fail("dns-verify", domain.domain, workflow.now(), told)

    @property
    def _pool_step(self) -> str:
        return self._pool.domain if self._pool else self._request.sovereign_fqdn

    def _expect(self, step: AnyStep, what: str) -> None:
        if not self._progress.expects(step, what):
            self._progress.expect(step, what)

    def _announce_domains(self) -> None:
        for name in self._certificate_names():
            self._expect("certificate-delete", name)
        for domain in self._domains:
            self._expect("dns-verify", domain.domain)

    def _certificate_names(self) -> list[str]:
        of_hosts = [name for domain in self._domains for name in domain.certificate_names]
        return list(dict.fromkeys([*of_hosts, *self._domain_certificates]))

    async def _settled(self, step: Step, of: list[str]) -> None:
        await workflow.wait_condition(lambda: all(self._progress.is_settled(step, what) for what in of))

    async def _find(self) -> None:
        fqdn = self._request.sovereign_fqdn
        report = await self._runner.run(
            "records-find",
            fqdn,
            FindRecords(
                owner=self._intent.owner,
                intent=self._intent,
                pool_domain=self._pool.domain if self._pool else None,
                keeps_pool_name=not self._releases_pool_name,
            ),
            FoundReport,
            summary=f"what {fqdn} has in PowerDNS",
        )
        assert report is not None  # noqa: S101 (nobody can give it up)
        self._found = report.zones
        self._left_over = report.left_over
        self._inner_domains = report.inner_domains
        self._deployment_seen = report.deployment_seen
        self._domains = domains_of(self._intent, report.zones)
        self._domain_certificates = {certificate.name: certificate for certificate in report.domain_certificates}
        self._progress.add_hazards(report.hazards)
        self._announce_found()
        self._runner.finish("records-find", fqdn, report.outcome)

    def _announce_found(self) -> None:
        """Every step that there will be. A parent domain without records is told to have none."""
        self._announce_domains()
        for zone in self._found:
            if zone.rrsets:
                self._expect("records-remove", zone.zone)
        for zone in self._zones_to_remove():
            self._expect("zone-remove", zone.zone)
        with_records = {zone.domain for zone in self._found if zone.rrsets}
        why_none = (
            "in this run: its result can tell no more" if self._left_over else "nothing there is this Sovereign's"
        )
        for domain in self._domains:
            if domain.domain not in with_records and not self._progress.expects("records-remove", domain.domain):
                self._progress.expect("records-remove", domain.domain)
                self._progress.finish("records-remove", domain.domain, workflow.now(), f"0 removed: {why_none}")
        self._progress.arrange(_IN_ORDER)

    def _zones_to_remove(self) -> list[FoundZone]:
        """Those that were made for this Sovereign, or delegated; and the one that PDM has made for its pool name."""
        made = [zone for zone in self._found if _is_for_us(zone)]
        leftover = self._zone_of_pool_name()
        return [*made, *([leftover] if leftover and leftover.zone not in {zone.zone for zone in made} else [])]

    def _zone_of_pool_name(self) -> FoundZone | None:
        """PDM removes it itself, unless its PowerDNS fails it."""
        if self._pool is None or not self._releases_pool_name:
            return None
        zone = self._request.sovereign_fqdn
        unknown = FoundZone(zone=zone, domain=self._pool.domain, parent_zone=self._pool.domain)
        return next((found for found in self._found if found.zone == zone), unknown)

    @property
    def _releases_pool_name(self) -> bool:
        return isinstance(self._request, DeprovisionRequest) and self._request.release_pool

    async def _remove_records(self, zone: FoundZone) -> None:
        what = zone.zone
        report = await self._runner.run(
            "records-remove",
            what,
            RemoveRecords(
                owner=self._intent.owner,
                zone=zone.zone,
                rrsets=zone.rrsets,
                addresses=self._intent.addresses,
                dry_run=self._request.dry_run,
            ),
            RecordsReport,
            summary=f"{len(zone.rrsets)} rrsets in {what}",
        )
        assert report is not None  # noqa: S101 (nobody can give it up)
        self._runner.report("records-remove", what, report, dry_run=self._request.dry_run)

    def _delete_certificates(self) -> "list[asyncio.Task[None]]":
        """Those that a name leads to; the first one's step also looks for the others, which follow it."""
        first, *more = named = self._certificate_names()
        besides = OtherCertificates(intent=self._intent, named=named, inner_domains=self._inner_domains)
        known = self._domain_certificates
        return [
            asyncio.create_task(self._delete_certificate(first, known.get(first), besides)),
            *(asyncio.create_task(self._delete_certificate(name, known.get(name))) for name in more),
        ]

    async def _delete_certificate(
        self, name: str, of_domain: DomainCertificate | None, besides: OtherCertificates | None = None
    ) -> None:
        if not self._request.delete_certificates:
            self._runner.leave_out("certificate-delete", name, _KEPT_BY_REQUEST)
            return
        report = await self._runner.run(
            "certificate-delete",
            name,
            DeleteCertificate(
                owner=self._intent.owner,
                name=name,
                namespace=self._request.certificate_namespace,
                of_domain=of_domain,
                besides=besides,
                protected_fqdns=self._intent.protected_fqdns,
                dry_run=self._request.dry_run,
            ),
            CertificateReport,
            summary=f"Certificate {name} in {self._request.certificate_namespace}",
        )
        if report is None:
            return
        for found in report.besides:
            self._expect("certificate-delete", found.name)
        self._progress.arrange(_IN_ORDER)
        self._runner.report("certificate-delete", name, report, dry_run=self._request.dry_run)
        if report.besides:
            await all_or_first_failure(
                [asyncio.create_task(self._delete_certificate(found.name, found.of_domain)) for found in report.besides]
            )

    async def _release_pool_name(self) -> None:
        """After all records are gone: a released name may be claimed by somebody at once."""
        if not isinstance(self._request, DeprovisionRequest):
            return
        if self._pool is None or not self._releases_pool_name:
            why = _KEPT_BY_REQUEST if self._pool else why_no_pool_name(self._request.sovereign_fqdn, self._found)
            self._runner.leave_out("pool-release", self._pool_step, why)
            return
        await self._settled("records-remove", self._progress.domains_of("records-remove"))
        report = await self._runner.run(
            "pool-release",
            self._pool.domain,
            ReleasePoolName(
                owner=self._intent.owner,
                pool_domain=self._pool.domain,
                subdomain=self._pool.subdomain,
                deployment_seen=self._deployment_seen,
                dry_run=self._request.dry_run,
            ),
            PoolReport,
            summary=f"{self._pool.subdomain}.{self._pool.domain} free in PDM",
        )
        assert report is not None  # noqa: S101 (nobody can give it up)
        self._pool_dns_left_behind = report.dns_left_behind
        if report.active_for_another:
            self._active_for_another = f"{self._pool.subdomain}.{self._pool.domain}"
        self._runner.report("pool-release", self._pool.domain, report, dry_run=self._request.dry_run)

    async def _remove_zone(self, zone: FoundZone) -> None:
        """After what it holds, and after the zones below it."""
        what = zone.zone
        others = [other.zone for other in self._zones_to_remove()]
        for step in ("records-remove", "pool-release"):
            await self._settled(step, self._progress.domains_of(step))
        await self._settled("zone-remove", zones_below(what, others))
        if not _is_for_us(zone) and not self._pool_dns_left_behind:
            left = f"{what} is active in PDM for another, and its zone with it"
            why = left if self._active_for_another else "it is PDM's, and goes with its name"
            self._runner.leave_out("zone-remove", what, why)
            return
        report = await self._runner.run(
            "zone-remove",
            what,
            RemoveZone(
                owner=self._intent.owner,
                zone=zone.zone,
                parent_zone=zone.parent_zone,
                without_parent=not isinstance(self._request, DeprovisionRequest),
                leftover_of_pool=not _is_for_us(zone),
                nameservers=self._intent.nameservers,
                keys=zone.keys,
                addresses=self._intent.addresses,
                dry_run=self._request.dry_run,
            ),
            ZoneReport,
            summary=f"zone {what}, which is there for this Sovereign alone",
        )
        assert report is not None  # noqa: S101 (nobody can give it up)
        self._runner.report("zone-remove", what, report, dry_run=self._request.dry_run)

    async def _prove_absence(self, domain: DomainRemoval) -> None:
        if self._request.dry_run:
            self._runner.leave_out("dns-verify", domain.domain, "dry run: its names would be proved to be gone")
            return
        for step in ("records-remove", "pool-release", "zone-remove"):
            await self._settled(step, self._progress.domains_of(step))
        result = self._progress.snapshot()
        absent = absent_names(domain, self._found, result.hazards, left_below=self._active_for_another)
        if not absent and self._active_for_another:
            why = f"nothing to deny: {self._active_for_another} is active in PDM for another, who is served there"
            self._runner.leave_out("dns-verify", domain.domain, why)
            return
        await prove_absence(
            absence_of(
                domain.domain,
                domain.host,
                absent,
                removed=result.records,
            ),
            self._intent,
            self._request.verification,
            self._progress,
            self._runner,
            removed_zones=[zone for zone in result.zones if zone.change == "removed"],
        )


def _is_for_us(zone: FoundZone) -> bool:
    return zone.made_for_us or zone.delegated_for_us

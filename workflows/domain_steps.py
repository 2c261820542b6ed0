"""The steps of one parent domain, for whichever workflow publishes a Sovereign there."""

from dataclasses import dataclass
from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.intent import DomainIntent, ProvisioningIntent
    from sovereign_dns.messages import CreateZone, RecordsReport, ServedZone, UpsertRecords, ZoneReport
    from workflows.step_runner import StepRunner


@dataclass(frozen=True)
class DomainSteps:
    """Runs steps as the decided intent says, and adds what they report to the progress."""

    intent: ProvisioningIntent
    takeover: bool
    dry_run: bool
    runner: StepRunner

    async def create_zone(self, domain: DomainIntent) -> None:
        """The zone, delegated from the hosted zone above it."""
        report = await self.runner.run(
            "zone-create",
            domain.domain,
            CreateZone(
                owner=self.intent.owner,
                domain=domain.domain,
                names=list(dict.fromkeys([*(rrset.name for rrset in domain.rrsets), *domain.remove_wildcards])),
                nameservers=self.intent.nameservers,
                may_create=domain.may_create_zone,
                takeover=self.takeover,
                dry_run=self.dry_run,
            ),
            ZoneReport,
            summary=f"zone {domain.domain} in PowerDNS",
        )
        if report is not None:
            self.runner.report("zone-create", domain.domain, report, dry_run=self.dry_run)

    async def write_records(self, domain: DomainIntent, *, zones_to_come: list[str]) -> list[ServedZone] | None:
        """The records. Returns the zones that serve them, or None where somebody gave the step up."""
        report = await self.runner.run(
            "records-upsert",
            domain.domain,
            UpsertRecords(
                owner=self.intent.owner,
                intent=domain,
                zones_to_come=zones_to_come,
                takeover=self.takeover,
                dry_run=self.dry_run,
            ),
            RecordsReport,
            summary=f"{domain.host} and {len(domain.rrsets) - 1} rrsets more",
        )
        if report is None:
            return None
        self.runner.report("records-upsert", domain.domain, report, dry_run=self.dry_run)
        return report.zones

    async def compare_records(self, domain: DomainIntent, deadline: timedelta) -> list[ServedZone]:
        """What PowerDNS holds of the records, and in which zones. Writes nothing.

        Raises:
            StepNotDoneError: its deadline has passed.
        """
        report = await self.runner.run(
            "records-compare",
            domain.domain,
            UpsertRecords(owner=self.intent.owner, intent=domain, dry_run=True),
            RecordsReport,
            summary=f"what PowerDNS holds of {domain.host}",
            deadline=deadline,
        )
        assert report is not None  # noqa: S101 (nobody can give it up)
        self.runner.report("records-compare", domain.domain, report)
        return report.zones

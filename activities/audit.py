"""The activity that looks through the zones."""

from temporalio import activity

from activities.earlier_audits import audit_before
from activities.zone_audit import ZoneAudit
from sovereign_dns.audit_ledger import beside
from sovereign_dns.audit_messages import AUDIT, AuditReport, LookThroughZones
from sovereign_dns.audit_news import complete_at, known_from
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.inventory import InventoryReader

ATTEMPTS_FOR_THE_WHOLE_INVENTORY = 4
"""So often a source that is away for now is asked, over some seconds, before the audit makes do without it."""


class AuditActivities:
    """Reads only."""

    def __init__(
        self,
        powerdns: PowerDNS,
        inventory: InventoryReader,
        expected_nameservers: list[str],
        *,
        runbook_url: str | None = None,
    ) -> None:
        self._powerdns = powerdns
        self._inventory = inventory
        self._expected_nameservers = expected_nameservers
        self._runbook_url = runbook_url

    @activity.defn(name=AUDIT)
    async def audit_zones(self, task: LookThroughZones) -> AuditReport:
        """Everything that is wrong in the zones, and what of it is new."""
        before = await audit_before()
        audit = ZoneAudit(
            self._powerdns,
            self._inventory,
            self._expected_nameservers,
            task.request,
            known_from(before),
            tell_outages=activity.info().attempt >= ATTEMPTS_FOR_THE_WHOLE_INVENTORY,
        )
        result = await audit.run()
        latest = await audit_before()
        if latest is not None and latest != before:
            result = beside(result, latest)
        result = result.changed(complete_at=complete_at(result, latest))
        return AuditReport(result=result, runbook_url=self._runbook_url)

"""The step `records-restore`, on PowerDNS' API."""

from collections.abc import Iterable

from temporalio import activity

from activities.attempt_time import in_time
from activities.zone_writes import ZoneWrites, refuse_conflicts, too_late, until_nobody_else_writes
from sovereign_dns import names
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.rrsets_at_names import RRsetsAtNames, ZoneAtNames
from sovereign_dns.contract import RecordChange
from sovereign_dns.failures import ZoneMissing
from sovereign_dns.lifecycle_messages import RestoreZoneRecords
from sovereign_dns.messages import RecordsReport, ServedZone
from sovereign_dns.records import ZonePlan, summary
from sovereign_dns.restoring import plan_restoring

_TAKE_OVER = (
    "What stands there is neither what the run left, nor what was there before: somebody wrote it since. If it shall "
    'give way, send "takeover": true; it then stays in the result.'
)


class RestoringActivities:
    """Puts back what a run removed or replaced: reads what stands there by now, and sends only differences."""

    def __init__(self, powerdns: PowerDNS) -> None:
        self._powerdns = powerdns
        self._rrsets = RRsetsAtNames(powerdns)
        self._writes = ZoneWrites(powerdns)

    @activity.defn(name="records-restore")
    async def restore_records(self, task: RestoreZoneRecords) -> RecordsReport:
        """Makes one zone hold again what it held, in one atomic PATCH; or finds that it does."""
        at_names = list(dict.fromkeys(names.relative_to_root(change.name) for change in task.records))
        async with in_time(too_late(task.zone)), self._powerdns.claims.held(at_names):
            return await until_nobody_else_writes(lambda meetings: self._restore(task, at_names, meetings))

    async def _restore(self, task: RestoreZoneRecords, at_names: list[str], meetings: int) -> RecordsReport:
        plan, served = await self._plan(task, at_names)
        refuse_conflicts([plan], _TAKE_OVER)
        changes = await self._writes.apply([plan], dry_run=task.dry_run, meetings=meetings)
        return RecordsReport(
            outcome=summary(changes, planned=task.dry_run), changes=changes, hazards=plan.hazards, zones=[served]
        )

    async def _plan(self, task: RestoreZoneRecords, at_names: list[str]) -> tuple[ZonePlan, ServedZone]:
        try:
            seen = await self._rrsets.look(task.zone, at_names)
        except ZoneMissing:
            if not task.dry_run:
                raise
            seen = ZoneAtNames(rrsets=[], nameservers=[])  # a real run would have made the zone by now
        plan = plan_restoring(
            task.zone,
            task.records,
            seen.rrsets,
            task.owner.sovereign_fqdn,
            zones_below=await self._zones_below(task.zone, task.records),
            pool_address=task.pool_address,
            takeover=task.takeover,
        )
        return plan, ServedZone(zone=task.zone, nameservers=seen.nameservers, names=at_names)

    async def _zones_below(self, zone: str, records: Iterable[RecordChange]) -> set[str]:
        """Those that would answer in this one's place for a name that is put back into it."""
        lineages = (names.lineage(names.relative_to_root(change.name), zone) for change in records)
        return await self._powerdns.hosted(
            {name for lineage in lineages for name in lineage if "*" not in name} - {zone}
        )

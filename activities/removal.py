"""The steps `records-find`, `records-remove` and `zone-remove`, on PowerDNS' API."""

from temporalio import activity

from activities import journal
from activities.attempt_time import in_time
from activities.sovereign_search import SovereignSearch
from activities.zone_looks import ZoneLooks
from activities.zone_writes import ZoneWrites, refuse_conflicts, too_late, until_nobody_else_writes
from sovereign_dns import names
from sovereign_dns.clients.pdm import PDM
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import ZoneChange
from sovereign_dns.failures import FindingChanged, PowerDNSUnavailable
from sovereign_dns.intent import MOST_RRSETS
from sovereign_dns.lifecycle_messages import FindRecords, FoundReport, RemoveRecords, RemoveZone
from sovereign_dns.messages import RecordsReport, ZoneReport
from sovereign_dns.names import relative_to_root
from sovereign_dns.removal import ANOTHER_DEPLOYMENT, changed_since, first_named, plan_removals, removal_summary
from sovereign_dns.removal_intent import RemovalIntent
from sovereign_dns.rrsets import RRset
from sovereign_dns.zone_removal import ZoneRemoval, ZoneSeen, plan_zone_removal


class RemovalActivities:
    """Finds what is a Sovereign's by name and comment, and reads it again before it removes it."""

    def __init__(self, powerdns: PowerDNS, pdm: PDM) -> None:
        self._powerdns = powerdns
        self._pdm = pdm
        self._looks = ZoneLooks(powerdns)
        self._search = SovereignSearch(powerdns, pdm, self._looks)
        self._writes = ZoneWrites(powerdns)

    @activity.defn(name="records-find")
    async def find_records(self, task: FindRecords) -> FoundReport:
        """Everything that the Sovereign has in PowerDNS, in whatever zone; or its names' part of that. Reads only."""
        async with in_time(_too_late_to_find(task.intent)):
            return await self._search.found(task)

    @activity.defn(name="records-remove")
    async def remove_records(self, task: RemoveRecords) -> RecordsReport:
        """Removes rrsets from one zone in one atomic PATCH, after it has looked again whose they are."""
        zone = relative_to_root(task.zone)
        at_names = list(dict.fromkeys(relative_to_root(rrset.name) for rrset in task.rrsets))
        async with in_time(too_late(zone)), self._powerdns.claims.held(at_names):
            return await until_nobody_else_writes(lambda meetings: self._remove_records(task, zone, at_names, meetings))

    async def _remove_records(
        self, task: RemoveRecords, zone: str, at_names: list[str], meetings: int
    ) -> RecordsReport:
        present = await self._looks.held(zone, at_names)
        _refuse_changed_findings(changed_since(zone, task.rrsets, present))
        plan = plan_removals(zone, task.rrsets, present, task.owner, task.addresses)
        refuse_conflicts([plan], ANOTHER_DEPLOYMENT)
        changes = await self._writes.apply([plan], dry_run=task.dry_run, meetings=meetings)
        return RecordsReport(
            outcome=removal_summary(changes, planned=task.dry_run),
            changes=changes,
            hazards=plan.hazards,
        )

    @activity.defn(name="zone-remove")
    async def remove_zone(self, task: RemoveZone) -> ZoneReport:
        """Removes a zone that was made for the Sovereign, its delegation first; or finds that it has to stay."""
        zone = relative_to_root(task.zone)
        # Its delegation too, whose name is the zone's own.
        async with in_time(too_late(zone)), self._powerdns.claims.held([], whole_zones=[zone]):
            parent_zone = await self._looks.zone_above(zone)
            return await until_nobody_else_writes(lambda meetings: self._remove_zone(task, zone, parent_zone, meetings))

    async def _remove_zone(self, task: RemoveZone, zone: str, parent_zone: str | None, meetings: int) -> ZoneReport:
        seen = await self._see_zone(zone, parent_zone, task)
        held_again = task.leftover_of_pool and await self._is_claimed(zone)
        removal = plan_zone_removal(seen, task, claimed_since=held_again)
        removed = _removed(seen) if removal.removed else None
        plans = [plan for plan in (removal.delegation, removal.lost_with_it) if plan is not None]
        changes = await self._writes.apply(plans, dry_run=task.dry_run, then_remove=removed, meetings=meetings)
        gone_before = journal.notes(ZoneChange) if not seen.hosted else []
        zones = [removed] if removed else gone_before
        return ZoneReport(
            outcome=_zone_outcome(removal, seen, delegated=bool(changes), earlier=bool(gone_before), task=task),
            zones=zones,
            changes=changes,
            hazards=removal.hazards,
        )

    async def _see_zone(self, zone: str, parent_zone: str | None, task: RemoveZone) -> ZoneSeen:
        metadata = await self._powerdns.zone(zone)
        at_the_cut = await self._looks.held(parent_zone, [zone]) if parent_zone else []
        if metadata is None:
            return ZoneSeen(zone=zone, hosted=False, parent_zone=parent_zone, at_the_cut=at_the_cut)
        apex, below = await side_by_side([self._looks.held(zone, [zone]), self._below(zone, task)])
        return ZoneSeen(
            zone=zone,
            writable=metadata.writable,
            signed=metadata.dnssec,
            keys=await self._looks.keys(zone),
            parent_zone=parent_zone,
            apex=apex,
            below=below,
            at_the_cut=at_the_cut,
        )

    async def _is_claimed(self, pool_name: str) -> bool:
        """Whether PDM holds a released name again: it takes a zone that it finds there for the new holder's."""
        pool_domain = names.parent_of(pool_name)
        rows = await self._pdm.rows(pool_domain) if pool_domain else None
        return any(f"{row.subdomain}.{pool_domain}" == pool_name for row in rows or [])

    async def _below(self, zone: str, task: RemoveZone) -> list[RRset]:
        """Whose it is matters only in a dry run, before which nothing was removed, and in what PDM left."""
        if not task.dry_run and not task.leftover_of_pool:
            return await self._powerdns.search.some_below(zone)
        some = await self._powerdns.search.some_below(zone, enough=MOST_RRSETS + 1)
        held = await self._looks.held(zone, {rrset.name.lower() for rrset in some})
        # What is never served, and only goes with the zone, is somebody's nevertheless.
        return [*held, *(rrset for rrset in some if rrset.name != rrset.name.lower())]


def _removed(seen: ZoneSeen) -> ZoneChange:
    name = names.absolute(seen.zone)
    return ZoneChange(zone=name, change="removed", nameservers=seen.nameservers, signed=seen.signed)


def _refuse_changed_findings(changed: list[str]) -> None:
    if changed:
        raise FindingChanged(
            f"{first_named(changed)}: somebody changed it since it was found, and nothing was removed. Audit the zone "
            "anew, and decide by what is found then."
        )


def _too_late_to_find(intent: RemovalIntent) -> PowerDNSUnavailable:
    return PowerDNSUnavailable(
        f"PowerDNS answers so slowly that this attempt had no time left to find all that "
        f"{intent.owner.sovereign_fqdn} has. Nothing was removed. Tried again; look whether it is overloaded, or its "
        "database hangs",
        sent=False,
    )


def _zone_outcome(removal: ZoneRemoval, seen: ZoneSeen, *, delegated: bool, earlier: bool, task: RemoveZone) -> str:
    delegation = f", with its delegation in {seen.parent_zone}" if delegated else ""
    if removal.removed or earlier:
        return f"dry run: would be removed{delegation}" if task.dry_run else f"removed{delegation}"
    if removal.kept is not None:
        cut = f"; the delegation that this Sovereign wrote in {seen.parent_zone} is removed" if delegated else ""
        return f"left: {removal.kept}{cut}"
    return f"was gone already{'; its delegation in ' + str(seen.parent_zone) + ' is removed' if delegated else ''}"

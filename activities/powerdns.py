"""The steps `zone-create` and `records-upsert`, on PowerDNS' API."""

from collections.abc import Awaitable, Callable

from temporalio import activity

from activities import journal
from activities.attempt_time import in_time
from activities.shielding import to_its_end
from activities.telling import tell, tell_of_attempt
from activities.zone_writes import ZoneWrites, insist_on_writable, refuse_conflicts, too_late
from sovereign_dns import names
from sovereign_dns.clients.powerdns import PowerDNS, ZoneMetadata
from sovereign_dns.clients.rrsets_at_names import RRsetsAtNames
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import Hazard, RecordChange, ZoneChange
from sovereign_dns.delegation import harms_of_a_new_cut, hidden_by_a_new_cut, hidden_hazards, plan_delegation
from sovereign_dns.failures import Outage, OwnershipConflict, ProtectedName, ZoneMissing
from sovereign_dns.intent import DomainIntent
from sovereign_dns.messages import (
    CHANGES_ATTEMPTED,
    ChangesAttempted,
    CreateZone,
    RecordsReport,
    ServedZone,
    UpsertRecords,
    ZoneReport,
)
from sovereign_dns.records import ZonePlan, plan_zone, summary, wildcards_over
from sovereign_dns.rrsets import RRset

_TAKE_OVER = (
    'If those names shall be this Sovereign\'s from now on, send "takeover": true; what was there stays in the result.'
)


ReadsAtNames = Callable[[str, list[str]], Awaitable[list[RRset]]]
"""What a zone holds at some names, or serves."""


class PowerDNSActivities:
    """Reads before it writes, and sends only differences: one atomic PATCH a zone."""

    def __init__(self, powerdns: PowerDNS) -> None:
        self._powerdns = powerdns
        self._rrsets = RRsetsAtNames(powerdns)
        self._writes = ZoneWrites(powerdns)

    @activity.defn(name="zone-create")
    async def create_zone(self, task: CreateZone) -> ZoneReport:
        """Makes a parent domain a signed zone, delegated from the hosted zone above it, or finds that it is."""
        async with in_time(too_late(task.domain)):
            return await self._create_zone(task)

    async def _create_zone(self, task: CreateZone) -> ZoneReport:
        zone = await self._powerdns.zone(task.domain)
        if zone is not None:
            insist_on_writable(zone)
        if zone is None and not task.may_create:
            raise ProtectedName(
                f"parentDomains: {task.domain} holds a protected name (CATALYST_PROTECTED_FQDNS) and is no zone in "
                "PowerDNS; no request may create it"
            )
        parent_zone = await self._zone_above(task.domain)
        hazards = journal.notes(Hazard)  # an earlier attempt may have created the zone
        if zone is None and parent_zone is not None:
            hazards = await self._hidden_below(task, parent_zone)
        if zone is None and task.dry_run:
            would_be = "dry run: would be created, signed"
            return ZoneReport(outcome=would_be, zones=[_created(task)], hazards=hazards)
        created = await self._create(task) if zone is None else await self._created_before(task)
        outcome = "created, signed" if created else _was_there(zone)
        try:
            changes = await self._delegate(task, parent_zone) if parent_zone is not None else []
        except BaseException:
            if created:  # the run may end before this step does
                await tell_of_attempt(ChangesAttempted(zones=created, hazards=hazards))
            raise
        if any(change.change != "unchanged" for change in changes):
            outcome += f", {'to be ' if task.dry_run else ''}delegated from {parent_zone}"
        return ZoneReport(outcome=outcome, zones=created, changes=changes, hazards=hazards)

    async def _create(self, task: CreateZone) -> list[ZoneChange]:
        """Returns the zone, or nothing where somebody else made it meanwhile."""
        created = _created(task)
        async with self._powerdns.turn_to_write(f"creating zone {task.domain}"):
            await journal.note(created)
            try:
                fresh = await to_its_end(self._powerdns.create_zone(task.domain, task.nameservers, task.owner))
            except Outage as failure:
                if failure.sent:
                    await tell_of_attempt(ChangesAttempted(zones=[created.changed(unconfirmed=True)]))
                raise
        return [created] if fresh else []

    async def _created_before(self, task: CreateZone) -> list[ZoneChange]:
        """The zone, where an earlier attempt created it, whose answer was lost or whose worker was killed."""
        noted = [zone for zone in journal.notes(ZoneChange) if zone.change == "created"]
        if not noted:
            return []
        apex = await self._powerdns.rrsets(task.domain, [task.domain], "NS")
        return noted if any(rrset.owner == task.owner for rrset in apex) else []

    async def _zone_above(self, domain: str) -> str | None:
        above = names.parent_of(domain)
        hosted = await self._powerdns.hosted(names.lineage(above)) if above else set()
        return names.longest_hosted_suffix(domain, hosted)

    async def _hidden_below(self, task: CreateZone, parent_zone: str) -> list[Hazard]:
        """What the zone that is to be created will hide. Refused where that does harm, unless it is taken over."""
        at_the_cut, below = await side_by_side(
            [
                self._powerdns.rrsets(parent_zone, [task.domain]),
                self._powerdns.search.rrsets_below(parent_zone, task.domain),
            ]
        )
        nameservers = [names.absolute(server) for server in task.nameservers]
        hidden = hidden_by_a_new_cut(task.domain, nameservers, [*at_the_cut, *below], task.owner)
        harms = harms_of_a_new_cut(task.domain, hidden, task.names)
        if harms and not task.takeover:
            raise OwnershipConflict(
                f"parentDomains: {task.domain} is no zone of its own, and creating it below {parent_zone} would hide "
                f"what stands there: {'; '.join(harms)}. Nothing was created. Name the parent domain that was meant "
                f'("parentDomains": [{{"name": "{parent_zone}"}}]), or send "takeover": true.'
            )
        hazards = hidden_hazards(parent_zone, task.domain, hidden, task.names)
        if hazards and not task.dry_run:
            await journal.note(*hazards)
            await tell(CHANGES_ATTEMPTED, ChangesAttempted(hazards=hazards))
        return hazards

    async def _delegate(self, task: CreateZone, parent_zone: str) -> list[RecordChange]:
        """Writes what the hosted zone above lacks of the delegation, on every run: an earlier one may have died."""
        nameservers, keys = await side_by_side(
            [self._powerdns.nameservers(task.domain), self._powerdns.ds_records(task.domain)]
        )
        async with self._powerdns.claims.held({parent_zone: [task.domain]}):
            present = await self._powerdns.rrsets(parent_zone, [task.domain])
            plan = plan_delegation(
                parent_zone, task.domain, nameservers, keys, present, task.owner, takeover=task.takeover
            )
            refuse_conflicts([plan], _TAKE_OVER)
            return await self._writes.apply([plan], dry_run=task.dry_run)

    @activity.defn(name="records-upsert")
    async def upsert_records(self, task: UpsertRecords) -> RecordsReport:
        """Makes the authoritative zone of every name hold exactly the addresses asked for."""
        async with in_time(too_late(task.intent.domain)):
            parts = await self._parts_by_zone(task.intent, task.zones_to_come)
            async with self._powerdns.claims.held({zone: _written_names(part) for zone, part in parts.items()}):
                reads = self._rrsets.held  # what is disabled is replaced too, and so must be told
                planned = await side_by_side(self._plan(zone, part, task, reads) for zone, part in parts.items())
                plans = [plan for plan, _ in planned]
                refuse_conflicts(plans, _TAKE_OVER)
                changes = await self._writes.apply(plans, dry_run=task.dry_run)
        return RecordsReport(
            outcome=summary(changes, planned=task.dry_run),
            changes=changes,
            hazards=[hazard for plan in plans for hazard in plan.hazards],
            zones=[served for _, served in planned],
        )

    @activity.defn(name="records-compare")
    async def compare_records(self, task: UpsertRecords) -> RecordsReport:
        """What the authoritative zones hold of what is expected, whoever wrote it. Reads only."""
        expected = task.intent.changed(rrsets=[rrset.changed(only_values=True) for rrset in task.intent.rrsets])
        parts = await self._parts_by_zone(expected, [])
        planned = await side_by_side(
            self._plan(zone, part, task.changed(takeover=True, dry_run=True), self._rrsets.served)
            for zone, part in parts.items()
        )
        changes = [change for plan, _ in planned for change in plan.changes]
        wrong = [change for change in changes if change.change != "unchanged"]
        held = f"PowerDNS holds {len(changes) - len(wrong)} of {len(changes)} rrsets as expected"
        first = f"; {wrong[0].name} {wrong[0].type} is {', '.join(wrong[0].before) or 'not there'}" if wrong else ""
        return RecordsReport(
            outcome=held + first,
            changes=changes,
            hazards=[hazard for plan, _ in planned for hazard in plan.hazards],
            zones=[served for _, served in planned],
        )

    async def _parts_by_zone(self, intent: DomainIntent, zones_to_come: list[str]) -> dict[str, DomainIntent]:
        """The intent, split by the zone that really answers: the longest hosted suffix of each name.

        A record in the parent of an existing child zone would be accepted and never served. The parent domain
        itself counts as hosted: the step before made it so, or, in a dry run, would have.
        """
        owner_names = [rrset.name for rrset in intent.rrsets] + intent.remove_wildcards
        candidates = {ancestor for name in owner_names for ancestor in names.lineage(name, intent.domain)}
        hosted = await self._powerdns.hosted(c for c in candidates if "*" not in c) | {intent.domain, *zones_to_come}
        zone_of = {name: names.longest_hosted_suffix(name, hosted) or intent.domain for name in owner_names}
        host_zone = names.longest_hosted_suffix(intent.host, hosted) or intent.domain
        return {
            zone: intent.changed(
                rrsets=[rrset for rrset in intent.rrsets if zone_of[rrset.name] == zone],
                remove_wildcards=[name for name in intent.remove_wildcards if zone_of[name] == zone],
            )
            for zone in dict.fromkeys([host_zone, *zone_of.values()])
        }

    async def _plan(
        self, zone: str, part: DomainIntent, task: UpsertRecords, reads: ReadsAtNames
    ) -> tuple[ZonePlan, ServedZone]:
        owner_names = list(dict.fromkeys(rrset.name for rrset in part.rrsets))
        watched = wildcards_over(part.host, zone) if names.is_at_or_below(part.host, zone) else []
        try:
            existing = await reads(zone, [*owner_names, *watched, *part.remove_wildcards])
            nameservers = await self._powerdns.nameservers(zone)
        except ZoneMissing:
            if not task.dry_run:
                raise
            existing, nameservers = [], []
        plan = plan_zone(zone, part, existing, task.owner, takeover=task.takeover)
        return plan, ServedZone(zone=zone, nameservers=nameservers, names=owner_names)


def _written_names(part: DomainIntent) -> list[str]:
    """Where it may change something: at the wildcards over the host too, where they are to go."""
    return [*(rrset.name for rrset in part.rrsets), *part.remove_wildcards]


def _created(task: CreateZone) -> ZoneChange:
    nameservers = [names.absolute(server) for server in task.nameservers]
    return ZoneChange(zone=names.absolute(task.domain), change="created", nameservers=nameservers, signed=True)


def _was_there(zone: ZoneMetadata | None) -> str:
    return "was there already" if zone is None else f"was there already, {'signed' if zone.dnssec else 'unsigned'}"

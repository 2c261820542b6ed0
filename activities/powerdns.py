"""The steps `zone-create` and `records-upsert`, on PowerDNS' API."""

from collections.abc import Mapping
from contextlib import nullcontext

from temporalio import activity

from activities import journal
from activities.attempt_time import in_time
from activities.shielding import to_its_end
from activities.telling import tell, tell_of_attempt
from activities.zone_writes import (
    ZoneWrites,
    insist_on_writable,
    refuse_conflicts,
    too_late,
    until_nobody_else_writes,
)
from sovereign_dns import names
from sovereign_dns.clients.around_host import AroundHost, look_around
from sovereign_dns.clients.powerdns import PowerDNS, ZoneMetadata
from sovereign_dns.clients.rrsets_at_names import RRsetsAtNames, ZoneAtNames
from sovereign_dns.concurrency import both, side_by_side
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

_TAKE_OVER = (
    'If those names shall be this Sovereign\'s from now on, send "takeover": true; what was there stays in the result.'
)


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
        zone, parent_zone = await both(self._powerdns.zone(task.domain), self._zone_above(task.domain))
        if zone is not None:
            insist_on_writable(zone)
        if zone is None and not task.may_create:
            raise ProtectedName(
                f"parentDomains: {task.domain} holds a protected name (CATALYST_PROTECTED_FQDNS) and is no zone in "
                "PowerDNS; no request may create it"
            )
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
        apex = await self._rrsets.served(task.domain, [task.domain])
        return noted if any(rrset.type == "NS" and rrset.owner == task.owner for rrset in apex) else []

    async def _zone_above(self, domain: str) -> str | None:
        above = names.parent_of(domain)
        hosted = await self._powerdns.hosted(names.lineage(above)) if above else set()
        return names.longest_hosted_suffix(domain, hosted)

    async def _hidden_below(self, task: CreateZone, parent_zone: str) -> list[Hazard]:
        """What the zone that is to be created will hide. Refused where that does harm, unless it is taken over."""
        at_the_cut, below = await side_by_side(
            [
                self._rrsets.served(parent_zone, [task.domain]),
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
        async with self._powerdns.claims.held([task.domain]):
            return await until_nobody_else_writes(lambda meetings: self._write_delegation(task, parent_zone, meetings))

    async def _write_delegation(self, task: CreateZone, parent_zone: str, meetings: int) -> list[RecordChange]:
        (nameservers, keys), present = await both(
            both(self._rrsets.nameservers(task.domain), self._powerdns.ds_records(task.domain)),
            self._rrsets.served(parent_zone, [task.domain]),
        )
        plan = plan_delegation(parent_zone, task.domain, nameservers, keys, present, task.owner, takeover=task.takeover)
        refuse_conflicts([plan], _TAKE_OVER)
        return await self._writes.apply([plan], dry_run=task.dry_run, meetings=meetings)

    @activity.defn(name="records-upsert")
    async def upsert_records(self, task: UpsertRecords) -> RecordsReport:
        """Makes the authoritative zone of every name hold exactly the addresses asked for."""
        # An owner name is the same in whatever zone it is found to be.
        domain = task.intent.domain
        async with in_time(too_late(domain)), self._powerdns.claims.held(_written_names(task.intent)):
            with nullcontext() if task.dry_run else self._powerdns.group_commit.announced(domain):
                return await until_nobody_else_writes(lambda meetings: self._upsert(task, meetings))

    async def _upsert(self, task: UpsertRecords, meetings: int) -> RecordsReport:
        domain = task.intent.domain
        (around, parts), zone = await both(self._parts(task, task.intent), self._powerdns.zone(domain))
        others = [other for other in parts if other != domain]
        planned, metadata = await both(
            self._planned(task, parts, around), side_by_side(self._powerdns.zone(other) for other in others)
        )
        plans = [plan for plan, _ in planned]
        refuse_conflicts(plans, _TAKE_OVER)
        known = {domain: zone} | dict(zip(others, metadata, strict=True))
        changes = await self._writes.apply(plans, dry_run=task.dry_run, known=known, meetings=meetings)
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
        alone = task.changed(takeover=True, dry_run=True, zones_to_come=[])
        around, parts = await self._parts(alone, expected)
        planned = await self._planned(alone, parts, around, only_served=True)
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

    async def _parts(
        self, task: UpsertRecords, intent: DomainIntent
    ) -> tuple[AroundHost | None, dict[str, DomainIntent]]:
        """What each zone that really answers for a name of the intent shall hold of it; and what was found by the way.

        The parent domain itself counts as hosted: the step before made it so, or, in a dry run, would have.
        """
        around = await look_around(self._powerdns.search, intent.host, intent.domain)
        known = {intent.domain, *task.zones_to_come}
        hosted = known | (await self._hosted(intent, known) if around is None else around.hosted)
        return around, _parts_by_zone(intent, hosted)

    async def _planned(
        self,
        task: UpsertRecords,
        parts: Mapping[str, DomainIntent],
        around: AroundHost | None,
        *,
        only_served: bool = False,
    ) -> list[tuple[ZonePlan, ServedZone]]:
        return await side_by_side(
            self._plan(zone, part, task, around, only_served=only_served) for zone, part in parts.items()
        )

    async def _hosted(self, intent: DomainIntent, known: set[str]) -> set[str]:
        candidates = {above for name in _written_names(intent) for above in names.lineage(name, intent.domain)} - known
        return await self._powerdns.hosted_for(intent.host, (name for name in candidates if "*" not in name))

    async def _plan(
        self, zone: str, part: DomainIntent, task: UpsertRecords, around: AroundHost | None, *, only_served: bool
    ) -> tuple[ZonePlan, ServedZone]:
        """What is disabled is replaced too, and so must be told, unless it is `only_served` that counts."""
        owner_names = list(dict.fromkeys(rrset.name for rrset in part.rrsets))
        watched = wildcards_over(part.host, zone) if names.is_at_or_below(part.host, zone) else []
        try:
            seen = await self._rrsets.look(zone, _written_names(part), watched=watched, around=around)
        except ZoneMissing:
            if not task.dry_run:
                raise
            seen = ZoneAtNames(rrsets=[], nameservers=[])
        existing = seen.served if only_served else seen.rrsets
        plan = plan_zone(zone, part, existing, task.owner, takeover=task.takeover)
        return plan, ServedZone(zone=zone, nameservers=seen.nameservers, names=owner_names)


def _written_names(part: DomainIntent) -> list[str]:
    """Where it may change something: at the wildcards over the host too, where they are to go."""
    return [*(rrset.name for rrset in part.rrsets), *part.remove_wildcards]


def _parts_by_zone(intent: DomainIntent, hosted: set[str]) -> dict[str, DomainIntent]:
    """The intent, split by the zone that really answers: the longest hosted suffix of each name.

    A record in the parent of an existing child zone would be accepted and never served.
    """
    zone_of = {
        name: names.longest_hosted_suffix(name, hosted) or intent.domain
        for name in [intent.host, *_written_names(intent)]
    }
    return {
        zone: intent.changed(
            rrsets=[rrset for rrset in intent.rrsets if zone_of[rrset.name] == zone],
            remove_wildcards=[name for name in intent.remove_wildcards if zone_of[name] == zone],
        )
        for zone in dict.fromkeys(zone_of.values())
    }


def _created(task: CreateZone) -> ZoneChange:
    nameservers = [names.absolute(server) for server in task.nameservers]
    return ZoneChange(zone=names.absolute(task.domain), change="created", nameservers=nameservers, signed=True)


def _was_there(zone: ZoneMetadata | None) -> str:
    return "was there already" if zone is None else f"was there already, {'signed' if zone.dnssec else 'unsigned'}"

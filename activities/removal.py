"""The steps `records-find`, `records-remove` and `zone-remove`, on PowerDNS' API."""

from collections.abc import Iterable

from temporalio import activity

from activities import journal
from activities.attempt_time import in_time
from activities.zone_writes import ZoneWrites, refuse_conflicts, too_late
from sovereign_dns import names
from sovereign_dns.clients.pdm import PDM
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.powerdns_search import ENOUGH_TO_TELL
from sovereign_dns.clients.rrsets_at_names import RRsetsAtNames
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import Owner, ZoneChange
from sovereign_dns.failures import (
    FindingChanged,
    InvalidInput,
    OwnershipConflict,
    PowerDNSUnavailable,
    ZoneMissing,
)
from sovereign_dns.intent import MOST_RRSETS
from sovereign_dns.kept_for_platform import kept_as_protected
from sovereign_dns.lifecycle_messages import FindRecords, FoundReport, FoundZone, RemoveRecords, RemoveZone
from sovereign_dns.messages import DomainCertificate, RecordsReport, ZoneReport
from sovereign_dns.names import relative_to_root
from sovereign_dns.nested_parents import of_inner_domains, why_shared
from sovereign_dns.pool_names import Allocation
from sovereign_dns.pool_release import claimed_by_another_deployment
from sovereign_dns.removal import (
    MOST_NAMED,
    changed_since,
    cuts_delegated_for,
    first_portion,
    found_in,
    has_records_of_deployment,
    is_in_scope,
    is_zone_in_scope,
    kept_for_another,
    left_without_owner,
    names_in_question,
    other_deployments,
    plan_removals,
    pool_host,
    removal_summary,
)
from sovereign_dns.removal_intent import RemovalIntent
from sovereign_dns.removal_scope import domain_certificates, domains_of
from sovereign_dns.rrsets import RRset
from sovereign_dns.zone_removal import ZoneRemoval, ZoneSeen, ZoneWish, plan_zone_removal

_ANOTHER_DEPLOYMENT = (
    "It may be newer, and in use. If the Sovereign shall go whatever deployment it is of, send no deploymentId."
)


class RemovalActivities:
    """Finds what is a Sovereign's by name and comment, and reads it again before it removes it."""

    def __init__(self, powerdns: PowerDNS, pdm: PDM) -> None:
        self._powerdns = powerdns
        self._pdm = pdm
        self._rrsets = RRsetsAtNames(powerdns)
        self._writes = ZoneWrites(powerdns)

    @activity.defn(name="records-find")
    async def find_records(self, task: FindRecords) -> FoundReport:
        """Everything that the Sovereign has in PowerDNS, in whatever zone; or its names' part of that. Reads only."""
        async with in_time(_too_late_to_find(task.intent)):
            return await self._find(task)

    async def _find(self, task: FindRecords) -> FoundReport:
        intent = task.intent
        at_names, asked_for = await self._where_to_look(intent)
        present = await self._present(at_names)
        _refuse_other_deployments(intent, present)
        deployment_seen = any(has_records_of_deployment(rrsets, intent.owner) for rrsets in present.values())
        found = {zone: found_in(zone, rrsets, asked_for.get(zone, set()), intent) for zone, rrsets in present.items()}
        at_stake = not task.keeps_pool_name or any(zone.rrsets for zone in found.values())
        if task.pool_domain is not None and intent.owner.deployment_id and not deployment_seen and at_stake:
            await self._refuse_claim_of_another_deployment(task.pool_domain, intent.owner)
        if told := why_shared(found.values(), intent):
            raise InvalidInput(told)
        inner = of_inner_domains(found.values(), intent)
        await self._add_children(found, present, intent)
        concerned = [zone for zone in found.values() if _concerns(zone) and zone.zone not in inner]
        zones, left_over = first_portion(await self._with_parents(concerned), present)
        hazards = [
            hazard
            for zone, rrsets in present.items()
            for kept in (kept_for_another, kept_as_protected)
            for hazard in kept(zone, rrsets, asked_for.get(zone, set()), intent)
        ]
        pool_zones = {host for domain in intent.domains if (host := pool_host(domain))}
        left = [
            told
            for zone, rrsets in present.items()
            if zone not in pool_zones  # what PDM wrote there goes when the name is released
            for told in left_without_owner(rrsets, asked_for.get(zone, set()), intent)
        ]
        certificates = await self._domain_certificates(intent, zones)
        return FoundReport(
            outcome=_told(zones, left, left_over, inner),
            deployment_seen=deployment_seen,
            zones=zones,
            hazards=hazards,
            domain_certificates=certificates,
            left_over=len(left_over),
            inner_domains=inner,
        )

    async def _refuse_claim_of_another_deployment(self, pool_domain: str, owner: Owner) -> None:
        """One that has written no record yet is known to PDM alone: the records that PDM writes name nobody."""
        for row in await self._pool_rows(pool_domain):
            claimed = claimed_by_another_deployment(row, pool_domain, owner)
            if claimed is not None and f"{row.subdomain}.{pool_domain}" == owner.sovereign_fqdn:
                raise OwnershipConflict(f"deploymentId: {claimed}. Nothing was removed. {_ANOTHER_DEPLOYMENT}")

    async def _domain_certificates(self, intent: RemovalIntent, zones: list[FoundZone]) -> list[DomainCertificate]:
        """With those who need them besides."""
        own, fqdn = domain_certificates(domains_of(intent, zones)), intent.owner.sovereign_fqdn
        others = await side_by_side(self._powerdns.search.other_owners_below(one.domain, fqdn) for one in own)
        return [one.changed(needed_by=needed_by) for one, needed_by in zip(own, others, strict=True)]

    async def _where_to_look(self, intent: RemovalIntent) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
        """By zone: the names to read, and of those the ones that the zone answers for in question."""
        in_question = {name for domain in intent.domains for name in names_in_question(domain)}
        candidates = {above for name in in_question for above in names.lineage(name) if "*" not in above}
        noted = await self._powerdns.search.noted_as_of(intent.owner.sovereign_fqdn)
        hosted = await self._powerdns.hosted(candidates)
        asked_for: dict[str, set[str]] = {}
        for name in in_question:
            zone = names.longest_hosted_suffix(name, hosted)
            if zone is not None:
                asked_for.setdefault(zone, set()).add(name)
        at_names = {zone: set(asked) for zone, asked in asked_for.items()}
        for rrset in noted:
            if is_in_scope(rrset.name, intent) or is_zone_in_scope(rrset.name, intent):
                at_names.setdefault(rrset.zone, set()).add(rrset.name)
        return at_names, asked_for

    async def _present(self, at_names: dict[str, set[str]]) -> dict[str, list[RRset]]:
        found = await side_by_side(self._held(zone, at) for zone, at in at_names.items())
        return dict(zip(at_names, found, strict=True))

    async def _held(self, zone: str, at_names: Iterable[str]) -> list[RRset]:
        """With what is disabled: it goes with its rrset. None where the zone is gone by now: then so are they."""
        try:
            return await self._rrsets.held(zone, sorted(at_names))
        except ZoneMissing:
            return []

    async def _add_children(
        self, found: dict[str, FoundZone], present: dict[str, list[RRset]], intent: RemovalIntent
    ) -> None:
        """Zones that are known only by their delegation, or as PDM's; also those whose records are gone already."""
        cuts = {cut for zone, rrsets in present.items() for cut in cuts_delegated_for(zone, rrsets, intent)}
        pool_zones = await self._powerdns.hosted({host for domain in intent.domains if (host := pool_host(domain))})
        for zone in sorted(cuts | pool_zones):
            known = found.get(zone) or found_in(zone, [], [], intent)
            found[zone] = known.changed(
                delegated_for_us=zone in cuts, made_by_pdm=zone in pool_zones and not known.made_for_us
            )

    async def _with_parents(self, zones: Iterable[FoundZone]) -> list[FoundZone]:
        """The deepest first: what lies above them holds their delegations."""
        ordered = sorted(zones, key=lambda zone: (-zone.zone.count("."), zone.zone))
        parents = await side_by_side(self._zone_above(zone.zone) for zone in ordered)
        keys = await side_by_side(self._keys(zone.zone) for zone in ordered)
        return [
            zone.changed(parent_zone=parent, keys=of_it)
            for zone, parent, of_it in zip(ordered, parents, keys, strict=True)
        ]

    async def _keys(self, zone: str) -> list[str]:
        try:
            return sorted(await self._powerdns.ds_records(zone))
        except ZoneMissing:
            return []

    async def _zone_above(self, zone: str) -> str | None:
        above = names.parent_of(zone)
        hosted = await self._powerdns.hosted(names.lineage(above)) if above else set()
        return names.longest_hosted_suffix(zone, hosted)

    @activity.defn(name="records-remove")
    async def remove_records(self, task: RemoveRecords) -> RecordsReport:
        """Removes rrsets from one zone in one atomic PATCH, after it has looked again whose they are."""
        zone = relative_to_root(task.zone)
        at_names = list(dict.fromkeys(relative_to_root(rrset.name) for rrset in task.rrsets))
        async with in_time(too_late(zone)), self._powerdns.sole_writer([zone]):
            present = await self._held(zone, at_names)
            _refuse_changed_findings(changed_since(zone, task.rrsets, present))
            plan = plan_removals(zone, task.rrsets, present, task.owner, task.addresses)
            refuse_conflicts([plan], _ANOTHER_DEPLOYMENT)
            changes = await self._writes.apply([plan], dry_run=task.dry_run)
        return RecordsReport(
            outcome=removal_summary(changes, planned=task.dry_run),
            changes=changes,
            hazards=plan.hazards,
        )

    @activity.defn(name="zone-remove")
    async def remove_zone(self, task: RemoveZone) -> ZoneReport:
        """Removes a zone that was made for the Sovereign, its delegation first; or finds that it has to stay."""
        zone = relative_to_root(task.zone)
        parent_zone = await self._zone_above(zone)
        async with in_time(too_late(zone)), self._powerdns.sole_writer([zone, *([parent_zone] if parent_zone else [])]):
            seen = await self._see_zone(zone, parent_zone, task)
            claimed = task.leftover_of_pool and await self._is_claimed(zone)
            removal = plan_zone_removal(seen, _wish(task), claimed_since=claimed)
            removed = _removed(seen) if removal.removed else None
            plans = [plan for plan in (removal.delegation, removal.lost_with_it) if plan is not None]
            changes = await self._writes.apply(plans, dry_run=task.dry_run, then_remove=removed)
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
        at_the_cut = await self._held(parent_zone, [zone]) if parent_zone else []
        if metadata is None:
            return ZoneSeen(zone=zone, hosted=False, parent_zone=parent_zone, at_the_cut=at_the_cut)
        apex, below = await side_by_side([self._held(zone, [zone]), self._below(zone, task)])
        return ZoneSeen(
            zone=zone,
            writable=metadata.writable,
            signed=metadata.dnssec,
            keys=await self._keys(zone),
            parent_zone=parent_zone,
            apex=apex,
            below=below,
            at_the_cut=at_the_cut,
        )

    async def _is_claimed(self, pool_name: str) -> bool:
        """Whether PDM holds a released name again: it takes a zone that it finds there for the new holder's."""
        pool_domain = names.parent_of(pool_name)
        rows = await self._pool_rows(pool_domain) if pool_domain else []
        return any(f"{row.subdomain}.{pool_domain}" == pool_name for row in rows)

    async def _pool_rows(self, pool_domain: str) -> list[Allocation]:
        """Of a pool that PDM doesn't manage, none."""
        return await self._pdm.rows(pool_domain) or []

    async def _below(self, zone: str, task: RemoveZone) -> list[RRset]:
        """Whose it is matters only in a dry run, before which nothing was removed, and in what PDM left."""
        if not task.dry_run and not task.leftover_of_pool:
            return await self._powerdns.search.some_below(zone)
        some = await self._powerdns.search.some_below(zone, MOST_RRSETS + ENOUGH_TO_TELL)
        return await self._held(zone, {rrset.name for rrset in some})


def _removed(seen: ZoneSeen) -> ZoneChange:
    name = names.absolute(seen.zone)
    return ZoneChange(zone=name, change="removed", nameservers=seen.nameservers, signed=seen.signed)


def _concerns(zone: FoundZone) -> bool:
    return bool(zone.rrsets) or zone.made_for_us or zone.delegated_for_us or zone.made_by_pdm


def _refuse_other_deployments(intent: RemovalIntent, present: dict[str, list[RRset]]) -> None:
    others = [told for zone, rrsets in present.items() for told in other_deployments(zone, rrsets, intent)]
    if not others:
        return
    raise OwnershipConflict(
        f"deploymentId: {intent.owner.deployment_id} is not the only deployment of {intent.owner.sovereign_fqdn} that "
        f"has records: {_first(others)}. Nothing was removed. {_ANOTHER_DEPLOYMENT}"
    )


def _refuse_changed_findings(changed: list[str]) -> None:
    if changed:
        raise FindingChanged(
            f"{_first(changed)}: somebody changed it since it was found, and nothing was removed. Audit the zone anew, "
            "and decide by what is found then."
        )


def _too_late_to_find(intent: RemovalIntent) -> PowerDNSUnavailable:
    return PowerDNSUnavailable(
        f"PowerDNS answers so slowly that this attempt had no time left to find all that "
        f"{intent.owner.sovereign_fqdn} has. Nothing was removed. Tried again; look whether it is overloaded, or its "
        "database hangs",
        sent=False,
    )


def _first(told: list[str]) -> str:
    more = len(told) - MOST_NAMED
    return "; ".join(told[:MOST_NAMED]) + (f"; and {more} more" if more > 0 else "")


def _told(zones: list[FoundZone], left: list[str], left_over: list[str], inner: list[str]) -> str:
    count = sum(len(zone.rrsets) for zone in zones)
    told = f"{count} rrsets in {', '.join(zone.zone for zone in zones if zone.rrsets)}" if count else "no records"
    if left_over:
        told += f" in this run, whose result can tell no more; {len(left_over)} more for the next: {_first(left_over)}"
    made = [zone.zone for zone in zones if zone.made_for_us or zone.made_by_pdm]
    if made:
        told += f"; made for this Sovereign: zone {', '.join(made)}"
    if inner:
        told += "".join(f"; left, since {zone} is a parent domain of its own: what is in it" for zone in inner)
    if not left:
        return told
    return (
        f"{told}. Left, since it has no owner and leads elsewhere than to the request's addresses: {_first(left)}. If "
        "it is this Sovereign's, give its address too, and run again"
    )


def _wish(task: RemoveZone) -> ZoneWish:
    return ZoneWish(
        owner=task.owner,
        without_parent=task.without_parent,
        leftover_of_pool=task.leftover_of_pool,
        nameservers=task.nameservers,
        keys=task.keys,
        addresses=task.addresses,
        dry_run=task.dry_run,
    )


def _zone_outcome(removal: ZoneRemoval, seen: ZoneSeen, *, delegated: bool, earlier: bool, task: RemoveZone) -> str:
    delegation = f", with its delegation in {seen.parent_zone}" if delegated else ""
    if removal.removed or earlier:
        return f"dry run: would be removed{delegation}" if task.dry_run else f"removed{delegation}"
    if removal.kept is not None:
        cut = f"; the delegation that this Sovereign wrote in {seen.parent_zone} is removed" if delegated else ""
        return f"left: {removal.kept}{cut}"
    return f"was gone already{'; its delegation in ' + str(seen.parent_zone) + ' is removed' if delegated else ''}"

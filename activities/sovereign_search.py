"""What a Sovereign has in PowerDNS, by owner comments and by name. Reads only."""

from collections.abc import Iterable

from activities.zone_looks import ZoneLooks
from sovereign_dns import names
from sovereign_dns.clients.pdm import PDM
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import Owner
from sovereign_dns.failures import (
    InvalidInput,
    OwnershipConflict,
)
from sovereign_dns.kept_for_platform import kept_as_protected
from sovereign_dns.lifecycle_messages import FindRecords, FoundReport, FoundZone
from sovereign_dns.messages import DomainCertificate
from sovereign_dns.nested_parents import of_inner_domains, why_shared
from sovereign_dns.pool_release import claimed_by_another_deployment
from sovereign_dns.removal import (
    ANOTHER_DEPLOYMENT,
    cuts_delegated_for,
    first_named,
    first_portion,
    found_in,
    has_records_of_deployment,
    is_in_scope,
    is_zone_in_scope,
    kept_for_another,
    left_without_owner,
    names_in_question,
    other_deployments,
    pool_host,
)
from sovereign_dns.removal_intent import RemovalIntent
from sovereign_dns.removal_scope import domain_certificates, domains_of
from sovereign_dns.rrsets import RRset


class SovereignSearch:
    """Finds it in whatever zone, and what it is left with besides."""

    def __init__(self, powerdns: PowerDNS, pdm: PDM, looks: ZoneLooks) -> None:
        self._powerdns = powerdns
        self._pdm = pdm
        self._looks = looks

    async def found(self, task: FindRecords) -> FoundReport:
        """Everything, or the names' part of that.

        Raises:
            OwnershipConflict: it is another deployment that has it.
            InvalidInput: a parent domain shares its host with one that lies in it.
        """
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
        for row in await self._pdm.rows(pool_domain) or []:
            claimed = claimed_by_another_deployment(row, pool_domain, owner)
            if claimed is not None and f"{row.subdomain}.{pool_domain}" == owner.sovereign_fqdn:
                raise OwnershipConflict(f"deploymentId: {claimed}. Nothing was removed. {ANOTHER_DEPLOYMENT}")

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
        found = await side_by_side(self._looks.held(zone, at) for zone, at in at_names.items())
        return dict(zip(at_names, found, strict=True))

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
        parents = await side_by_side(self._looks.zone_above(zone.zone) for zone in ordered)
        keys = await side_by_side(self._looks.keys(zone.zone) for zone in ordered)
        return [
            zone.changed(parent_zone=parent, keys=of_it)
            for zone, parent, of_it in zip(ordered, parents, keys, strict=True)
        ]


def _concerns(zone: FoundZone) -> bool:
    return bool(zone.rrsets) or zone.made_for_us or zone.delegated_for_us or zone.made_by_pdm


def _refuse_other_deployments(intent: RemovalIntent, present: dict[str, list[RRset]]) -> None:
    others = [told for zone, rrsets in present.items() for told in other_deployments(zone, rrsets, intent)]
    if not others:
        return
    raise OwnershipConflict(
        f"deploymentId: {intent.owner.deployment_id} is not the only deployment of {intent.owner.sovereign_fqdn} that "
        f"has records: {first_named(others)}. Nothing was removed. {ANOTHER_DEPLOYMENT}"
    )


def _told(zones: list[FoundZone], left: list[str], left_over: list[str], inner: list[str]) -> str:
    count = sum(len(zone.rrsets) for zone in zones)
    told = f"{count} rrsets in {', '.join(zone.zone for zone in zones if zone.rrsets)}" if count else "no records"
    if left_over:
        told += (
            f" in this run, whose result can tell no more; {len(left_over)} more for the next: {first_named(left_over)}"
        )
    made = [zone.zone for zone in zones if zone.made_for_us or zone.made_by_pdm]
    if made:
        told += f"; made for this Sovereign: zone {', '.join(made)}"
    if inner:
        told += "".join(f"; left, since {zone} is a parent domain of its own: what is in it" for zone in inner)
    if not left:
        return told
    return (
        f"{told}. Left, since it has no owner and leads elsewhere than to the request's addresses: "
        f"{first_named(left)}. If it is this Sovereign's, give its address too, and run again"
    )

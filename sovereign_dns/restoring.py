"""What a run removed or replaced, and how it is put back into a zone, against what stands there by now. Pure."""

from collections.abc import Collection, Iterable, Sequence

from sovereign_dns.contract import Comment, Hazard, Owner, ProvisionResult, RecordChange
from sovereign_dns.intent import DesiredRRset, DomainIntent
from sovereign_dns.names import absolute, is_at_or_below, relative_to_root
from sovereign_dns.records import ZonePlan, change_of, plan_removal
from sovereign_dns.rrsets import ADDRESS_TYPES, RRset, RRsetWrite, owner_comment

_NEVER_GIVES_WAY = frozenset({"SOA", "NS", "DS"})
"""A zone, or what lies below a cut, hangs on these: nothing that is put back may cost them."""


def lost_in(result: ProvisionResult) -> ProvisionResult:
    """Of a run's result, what it takes to undo its losses: all that was removed or replaced.

    What it created is left out, as is what it found unchanged; but for what it put in the place of an address that it
    removed: the addresses of one name belong together.
    """
    readdressed = {
        (change.zone, change.name) for change in result.records if _is_lost(change) and change.type in ADDRESS_TYPES
    }
    return ProvisionResult(
        deployment_id=result.deployment_id,
        sovereign_fqdn=result.sovereign_fqdn,
        phase=result.phase,
        zones=[zone for zone in result.zones if zone.change == "removed"],
        records=[
            change
            for change in result.records
            if _is_lost(change) or (_is_in_place_of_another(change) and (change.zone, change.name) in readdressed)
        ],
        certificates=[certificate for certificate in result.certificates if certificate.before is not None],
        pool_names=[name for name in result.pool_names if name.change == "released"],
    )


def is_anything_lost(lost: ProvisionResult) -> bool:
    """Whether there is anything to put back."""
    return bool(lost.zones or lost.records or lost.certificates or lost.pool_names)


def _is_lost(change: RecordChange) -> bool:
    return change.change in {"removed", "replaced"} and bool(change.before or change.before_disabled)


def _is_in_place_of_another(change: RecordChange) -> bool:
    return change.change == "created" and change.type in ADDRESS_TYPES


def plan_restoring(
    zone: str,
    records: Sequence[RecordChange],
    existing: Iterable[RRset],
    sovereign_fqdn: str,
    *,
    zones_below: Collection[str] = (),
    pool_address: str | None = None,
    takeover: bool = False,
) -> ZonePlan:
    """Plans what makes one zone what it was before a run.

    What stands there as that run left it gives way. Anything else that stands there is a conflict, unless it already
    is what shall be put back, in which case nothing is written.

    Args:
        zone: the zone.
        records: what the run removed, replaced, or put in the place of what it removed.
        existing: what the zone holds at those names.
        sovereign_fqdn: whose run it was; its own rrsets, and those of nobody, may be as the run left them.
        zones_below: hosted zones below this one, which hide what it holds at and below their names.
        pool_address: the address that PDM has just written for a pool name, in records that are nobody's.
        takeover: whether anything gives way, but a delegation.
    """
    by_name: dict[str, dict[str, RRset]] = {}
    for rrset in existing:
        by_name.setdefault(rrset.name, {})[rrset.type] = rrset
    changes_at: dict[str, list[RecordChange]] = {}
    for change in records:
        changes_at.setdefault(relative_to_root(change.name), []).append(change)
    restoring = _Restoring(ZonePlan(zone=zone), sovereign_fqdn, pool_address, takeover=takeover)
    for name in dict.fromkeys(relative_to_root(change.name) for change in records if _is_lost(change)):
        restoring.plan_name(name, changes_at[name], by_name.get(name, {}))
        restoring.plan.hazards += _hidden(zone, name, changes_at[name], zones_below)
    return restoring.plan


class _Restoring:
    """One zone's plan, name by name."""

    def __init__(self, plan: ZonePlan, sovereign_fqdn: str, pool_address: str | None, *, takeover: bool) -> None:
        self.plan = plan
        self._sovereign_fqdn = sovereign_fqdn
        self._pool_address = pool_address
        self._takeover = takeover

    def plan_name(self, name: str, changes: Sequence[RecordChange], present: dict[str, RRset]) -> None:
        """Removals first: PowerDNS checks a PATCH in its order, and refuses a CNAME beside what is yet to go."""
        lost = {change.type: change for change in changes if _is_lost(change)}
        made = {change.type: change for change in changes if _is_in_place_of_another(change)}
        for rrset in present.values():
            if rrset.type not in lost:
                self._plan_bystander(rrset, lost, made.get(rrset.type))
        for rrtype, change in lost.items():
            self._plan_rrset(name, change, present.get(rrtype))

    def _plan_bystander(self, rrset: RRset, lost: Collection[str], made: RecordChange | None) -> None:
        """What stands beside what is put back: it goes where the run put it there, or where both can't be."""
        addresses_together = rrset.type in ADDRESS_TYPES and bool(ADDRESS_TYPES & set(lost))
        never_together = rrset.type == "CNAME" or "CNAME" in lost
        if addresses_together and ((made and self._is_as_left(rrset, made)) or self._is_of_pool(rrset)):
            plan_removal(self.plan, rrset, self._owner, takeover=True)
        elif never_together or (addresses_together and made):
            if rrset.type in _NEVER_GIVES_WAY or not self._takeover:
                self._refuse(rrset)
            else:
                plan_removal(self.plan, rrset, self._owner, takeover=True)
        elif addresses_together:
            self.plan.changes.append(change_of(self.plan.zone, rrset, "unchanged", after=rrset.served))

    def _plan_rrset(self, name: str, lost: RecordChange, there: RRset | None) -> None:
        if there is not None and self._is_right(there, lost):
            unchanged = change_of(self.plan.zone, there, "unchanged", after=there.served)
            self.plan.changes.append(unchanged.changed(after_disabled=there.disabled))
        elif there is None or self._takeover or self._is_as_left(there, lost) or self._is_of_pool(there):
            self._put_back(name, lost, there)
        else:
            self._refuse(there)

    def _is_right(self, there: RRset, lost: RecordChange) -> bool:
        """As it was; or as its owner has written it again since, in a later deployment."""
        if there.ttl != _ttl(lost) or not there.holds_exactly(lost.before, lost.before_disabled):
            return False
        if there.owner == lost.before_owner:
            return _noted(there.comments) >= _noted(lost.before_comments)
        same_sovereign = _fqdn(there.owner) is not None and _fqdn(there.owner) == _fqdn(lost.before_owner)
        return same_sovereign and not (lost.change == "replaced" and self._is_as_left(there, lost))

    def _is_as_left(self, there: RRset, left: RecordChange) -> bool:
        as_written = there.ttl == left.ttl and there.holds_exactly(left.after, left.after_disabled)
        return left.change != "removed" and as_written and not self._is_anothers(there)

    def _is_anothers(self, rrset: RRset) -> bool:
        return rrset.owner is not None and rrset.owner.sovereign_fqdn != self._sovereign_fqdn

    def _is_of_pool(self, rrset: RRset) -> bool:
        unowned_address = rrset.owner is None and rrset.type in {"A", "AAAA"} and self._pool_address is not None
        return unowned_address and rrset.holds_exactly([self._pool_address or ""])

    @property
    def _owner(self) -> Owner:
        return Owner(sovereign_fqdn=self._sovereign_fqdn, deployment_id="")

    def _put_back(self, name: str, lost: RecordChange, there: RRset | None) -> None:
        ttl, before = _ttl(lost), lost.before
        if there is None:
            change = RecordChange(
                zone=absolute(self.plan.zone),
                name=absolute(name),
                type=lost.type,
                ttl=ttl,
                after=before,
                change="created",
            )
        else:
            change = change_of(self.plan.zone, there, "replaced", after=before, ttl=ttl)
        self.plan.changes.append(change.changed(after_disabled=lost.before_disabled))
        kept = there.foreign_comments if there else []
        self.plan.writes.append(
            RRsetWrite(
                name=name,
                type=lost.type,
                ttl=ttl,
                values=before,
                disabled=lost.before_disabled,
                comments=[
                    *kept,
                    *(comment for comment in lost.before_comments if comment.content not in _noted(kept)),
                    *([owner_comment(lost.before_owner, lost.before_written)] if lost.before_owner else []),
                ],
                was_there=True,
            )
        )

    def _refuse(self, there: RRset) -> None:
        values = ", ".join(there.served) or "disabled"
        owner = there.owner
        whose = f"of Sovereign {owner.sovereign_fqdn} (deployment {owner.deployment_id})" if owner else "nobody's"
        self.plan.conflicts.append(
            f"{absolute(there.name)} {there.type} in zone {absolute(self.plan.zone)} is {values} by now "
            f"(TTL {there.ttl}, {whose})"
        )


def _ttl(lost: RecordChange) -> int:
    return lost.ttl if lost.before_ttl is None else lost.before_ttl


def _noted(comments: Iterable[Comment]) -> set[str]:
    return {comment.content for comment in comments}


def _fqdn(owner: Owner | None) -> str | None:
    return owner.sovereign_fqdn if owner else None


def _hidden(zone: str, name: str, changes: Iterable[RecordChange], zones_below: Collection[str]) -> list[Hazard]:
    """What is put back, and not answered. As it was perhaps before, so it is no conflict."""
    return [
        Hazard(
            kind="hidden-by-new-zone",
            zone=absolute(zone),
            name=absolute(name),
            content=change.before,
            message=(
                f"zone {below} hides {name} {change.type} ({', '.join(change.before)}), which was put back into zone "
                f"{zone}: nobody is answered it. Write it into {below} if it is still needed"
            ),
        )
        for change in changes
        if _is_lost(change) and change.before and not (change.type in {"NS", "DS"} and name in zones_below)
        for below in zones_below
        if is_at_or_below(name, below)
    ]


def answers_after(zone: str, changes: Sequence[RecordChange], hazards: Sequence[Hazard]) -> DomainIntent | None:
    """What DNS shall answer for the names of a zone that were put back; None where there is nothing to ask for.

    Left out is what has no addresses of its own (aliases and LUA records), and what another zone hides.

    Args:
        zone: the zone.
        changes: what became of every address rrset at those names.
        hazards: what was found there.
    """
    standing = [change for change in changes if change.type in ADDRESS_TYPES and change.after]
    aliased = {change.name for change in standing if change.type not in {"A", "AAAA"}}
    hidden = {hazard.name for hazard in hazards if hazard.kind == "hidden-by-new-zone"}
    rrsets = [
        DesiredRRset(name=relative_to_root(change.name), type=change.type, ttl=change.ttl, values=change.after)
        for change in standing
        if change.name not in aliased | hidden
    ]
    if not rrsets:
        return None
    return DomainIntent(
        domain=zone,
        host=_where_to_probe([rrset.name for rrset in rrsets]),
        primary=False,
        may_create_zone=False,
        certificate_name="",
        rrsets=rrsets,
    )


def _where_to_probe(names: Sequence[str]) -> str:
    """Below which name a random one is asked for: it shall lead where a wildcard that was put back does, or nowhere.

    Without a wildcard, below a name that exists: no other one's wildcard answers there.
    """
    wildcards = [name.removeprefix("*.") for name in names if name.startswith("*.")]
    return min(wildcards or names, key=len)

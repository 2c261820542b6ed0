"""What a run took away is put back, whatever it was: the zone is the same again, and no neighbour has changed."""

from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from sovereign_dns.contract import ProvisionResult, RecordChange
from sovereign_dns.intent import DomainIntent
from sovereign_dns.records import ZonePlan, plan_removal, plan_zone
from sovereign_dns.restoring import lost_in, plan_restoring
from sovereign_dns.rrsets import ADDRESS_TYPES, RRset, RRsetWrite
from tests.unit.builders import FQDN, OWNER, PARENT, STRANGER
from tests.unit.test_records_properties import INTENTS, ZONES
from tests.unit.zone_model import Key, ZoneModel


def as_written_by_us(zone: ZoneModel) -> ZoneModel:
    """The same zone, with one owner of an rrset at most, whose comment is as we write it."""
    writes = []
    for rrset in zone.content():
        owned = [comment for comment in rrset.comments if comment not in rrset.foreign_comments]
        writes.append(
            RRsetWrite(
                name=rrset.name,
                type=rrset.type,
                ttl=rrset.ttl,
                values=rrset.served,
                disabled=rrset.disabled,
                comments=[*rrset.foreign_comments, *owned[:1]],
            )
        )
    return ZoneModel([]).apply(writes)


OUR_ZONES = ZONES.map(as_written_by_us)


def removal(zone: ZoneModel, keys: set[Key]) -> ZonePlan:
    plan = ZonePlan(zone=PARENT)
    for key in sorted(keys):
        plan_removal(plan, zone.rrsets[key], OWNER, takeover=True)
    return plan


def restoring(zone: ZoneModel, changes: list[RecordChange], **options: Any) -> ZonePlan:
    """As it goes: the changes travel as JSON, and what stands at their names is read."""
    result = ProvisionResult(deployment_id="d", sovereign_fqdn=FQDN, records=changes)
    lost = lost_in(ProvisionResult.model_validate_json(result.model_dump_json())).records
    names = {change.name.removesuffix(".") for change in lost}
    existing = [rrset for rrset in zone.content() if rrset.name in names]
    return plan_restoring(PARENT, lost, existing, FQDN, **options)


def content(zone: ZoneModel) -> dict[Key, Any]:
    return {key: _of(rrset) for key, rrset in zone.rrsets.items()}


def _of(rrset: RRset) -> Any:
    return rrset.ttl, sorted(rrset.served), sorted(rrset.disabled), sorted(c.model_dump_json() for c in rrset.comments)


@given(OUR_ZONES, st.data())
def test_after_any_removal_the_zone_is_what_it_was(zone: ZoneModel, data: st.DataObject) -> None:
    keys = data.draw(st.sets(st.sampled_from(sorted(zone.rrsets))) if zone.rrsets else st.just(set()))
    removed = removal(zone, keys)
    after = zone.apply(removed.writes)
    back = restoring(after, removed.changes)
    assert back.conflicts == []
    restored = after.apply(back.writes)
    assert content(restored) == content(zone)
    assert restoring(restored, removed.changes).writes == []


@given(OUR_ZONES, INTENTS)
def test_after_any_provisioning_what_it_took_is_back_and_what_it_added_stays(
    zone: ZoneModel, intent: DomainIntent
) -> None:
    planned = plan_zone(PARENT, intent, zone.content(), OWNER, takeover=True)
    after = zone.apply(planned.writes)

    back = restoring(after, planned.changes)

    assert back.conflicts == []
    restored = after.apply(back.writes)
    lost = {(c.name.removesuffix("."), c.type) for c in planned.changes if c.change in {"replaced", "removed"}}
    readdressed = {name for name, rrtype in lost if rrtype in ADDRESS_TYPES}
    created = {(c.name.removesuffix("."), c.type) for c in planned.changes if c.change == "created"}
    added = {key: rrset for key, rrset in content(after).items() if key in created and key[0] not in readdressed}
    assert content(restored) == content(zone) | added
    again = restoring(restored, planned.changes)
    assert (again.writes, again.conflicts) == ([], [])


@given(OUR_ZONES, INTENTS)
def test_a_restoring_can_itself_be_restored(zone: ZoneModel, intent: DomainIntent) -> None:
    planned = plan_zone(PARENT, intent, zone.content(), OWNER, takeover=True)
    provisioned = zone.apply(planned.writes)
    back = restoring(provisioned, planned.changes)
    before = provisioned.apply(back.writes)

    forth = restoring(before, back.changes, takeover=True)

    assert forth.conflicts == []
    again = content(before.apply(forth.writes))
    returned = {key: rrset for key, rrset in content(provisioned).items() if key in again}
    assert {key: rrset for key, rrset in again.items() if key in returned} == returned
    put_back_alone = {(c.name.removesuffix("."), c.type) for c in back.changes if c.change == "created"}
    assert again.keys() - returned.keys() <= put_back_alone


@given(OUR_ZONES, st.data())
def test_what_somebody_wrote_since_is_a_conflict_and_gives_way_to_a_takeover(
    zone: ZoneModel, data: st.DataObject
) -> None:
    addressed = sorted(key for key in zone.rrsets if key[1] == "A")
    assume(addressed)
    key = data.draw(st.sampled_from(addressed))
    removed = removal(zone, {key})
    since = RRsetWrite(name=key[0], type="A", ttl=7, values=[STRANGER, "192.0.2.7"])
    written = zone.apply(removed.writes).apply([since])

    refused = restoring(written, removed.changes)
    taken = restoring(written, removed.changes, takeover=True)

    assert refused.writes == []
    assert len(refused.conflicts) == 1
    assert refused.conflicts[0].startswith(f"{key[0]}. A ")
    assert content(written.apply(taken.writes)) == content(zone)
    (change,) = [change for change in taken.changes if change.change == "replaced"]
    assert (change.before, change.before_ttl) == ([STRANGER, "192.0.2.7"], 7)

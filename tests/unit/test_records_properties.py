"""The plan of a zone, whatever is in it: applied once it is right for good, and touches nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.contract import Comment, Owner
from sovereign_dns.intent import DomainIntent
from sovereign_dns.records import ZonePlan, plan_zone
from sovereign_dns.rrsets import ADDRESS_TYPES, Record, RRset, owner_comment
from tests.unit.builders import (
    CONSOLE_LOAD_BALANCER,
    FQDN,
    LOAD_BALANCER,
    LOAD_BALANCER_V6,
    NEIGHBOUR,
    OWNER,
    PARENT,
    STRANGER,
    STRANGER_V6,
    domain_intent,
)
from tests.unit.zone_model import Key, ZoneModel

OWN_NAMES = [FQDN, f"console.{FQDN}", f"auth.{FQDN}"]
WILDCARDS = [f"*.{FQDN}", "*.omani.works"]
OTHER_NAMES = ["omani.works", "*.t112.omani.works", f"x.{FQDN}"]

CONTENTS = {
    "A": [LOAD_BALANCER, CONSOLE_LOAD_BALANCER, STRANGER],
    "AAAA": [LOAD_BALANCER_V6, STRANGER_V6],
    "CNAME": ["stranger.example.", f"{FQDN}."],
    "ALIAS": ["stranger.example."],
    "LUA": ["A \"pickrandom({'49.12.16.160'})\""],
    "TXT": ['"a note"'],
}
NOTE = Comment(content="see the runbook", account="hatice", modified_at=1700000000)
EARLIER_SELF = Owner(sovereign_fqdn=FQDN, deployment_id="an-earlier-one")
COMMENTS = [NOTE, owner_comment(OWNER), owner_comment(EARLIER_SELF), owner_comment(NEIGHBOUR)]

INTENTS = st.fixed_dictionaries(
    {"subdomains": st.just(["console", "auth"])},
    optional={
        "loadBalancerIPv6": st.just(LOAD_BALANCER_V6),
        "consoleLoadBalancerIP": st.just(CONSOLE_LOAD_BALANCER),
        "pool": st.just({"domain": PARENT, "subdomain": "t110"}),
        "removeWildcards": st.just(["*.omani.works"]),
        "ttl": st.sampled_from([60, 300]),
    },
).map(lambda fields: domain_intent(**fields))


@st.composite
def rrsets_at(draw: st.DrawFn, name: str) -> list[RRset]:
    """What a zone may hold at a name: a CNAME alone, or other types together."""
    kinds = st.sets(st.sampled_from(["A", "AAAA", "ALIAS", "LUA", "TXT"]), max_size=3) | st.just({"CNAME"})
    return [
        RRset(
            name=name,
            type=kind,
            ttl=draw(st.sampled_from([60, 300])),
            records=[
                Record(content=content, disabled=draw(st.booleans()))
                for content in draw(st.lists(st.sampled_from(CONTENTS[kind]), min_size=1, max_size=2, unique=True))
            ],
            comments=draw(st.lists(st.sampled_from(COMMENTS), max_size=2, unique_by=lambda comment: comment.content)),
        )
        for kind in sorted(draw(kinds))
    ]


ZONES = st.tuples(*(rrsets_at(name) for name in OWN_NAMES + WILDCARDS + OTHER_NAMES)).map(
    lambda found: ZoneModel(rrset for at_name in found for rrset in at_name)
)


def plan(zone: ZoneModel, intent: DomainIntent, *, takeover: bool) -> ZonePlan:
    return plan_zone(PARENT, intent, zone.content(), OWNER, takeover=takeover)


def in_question(intent: DomainIntent) -> set[str]:
    return {rrset.name for rrset in intent.rrsets} | set(intent.remove_wildcards)


@given(ZONES, INTENTS)
def test_once_applied_the_zone_is_right_and_a_second_run_writes_nothing(zone: ZoneModel, intent: DomainIntent) -> None:
    after = zone.apply(plan(zone, intent, takeover=True).writes)
    again = plan(after, intent, takeover=True)
    assert again.writes == []
    assert {change.change for change in again.changes} == {"unchanged"}
    assert len(again.changes) == len(intent.rrsets)


@given(ZONES, INTENTS)
def test_once_applied_every_name_leads_to_the_sovereign_and_nowhere_else(zone: ZoneModel, intent: DomainIntent) -> None:
    after = zone.apply(plan(zone, intent, takeover=True).writes)
    found = {key: r for key, r in after.rrsets.items() if key[0] in in_question(intent) and key[1] in ADDRESS_TYPES}
    assert found.keys() == {(wanted.name, wanted.type) for wanted in intent.rrsets}
    for wanted in intent.rrsets:
        rrset = found[wanted.name, wanted.type]
        assert rrset.holds_exactly(wanted.values)
        assert rrset.owner == OWNER or wanted.only_values
        assert rrset.ttl == wanted.ttl or wanted.only_values


@given(ZONES, INTENTS, st.booleans())
def test_what_is_not_in_question_stays_as_it_was(zone: ZoneModel, intent: DomainIntent, takeover: bool) -> None:
    planned = plan(zone, intent, takeover=takeover)
    after = zone if planned.conflicts else zone.apply(planned.writes)

    def others(model: ZoneModel) -> dict[Key, RRset]:
        names = in_question(intent)
        return {key: r for key, r in model.rrsets.items() if key[0] not in names or key[1] not in ADDRESS_TYPES}

    assert others(after) == others(zone)


@given(ZONES, INTENTS)
def test_what_another_sovereign_owns_is_a_conflict_and_is_not_written(zone: ZoneModel, intent: DomainIntent) -> None:
    planned = plan(zone, intent, takeover=False)
    foreign = {
        key
        for key, rrset in zone.rrsets.items()
        if key[0] in in_question(intent) and key[1] in ADDRESS_TYPES and rrset.owner == NEIGHBOUR
    }
    assert len(planned.conflicts) == len(foreign)
    for name, rrtype in foreign:
        assert any(conflict.startswith(f"{name}. {rrtype} ") for conflict in planned.conflicts)
    assert not foreign & {(write.name, write.type) for write in planned.writes}
    assert not foreign & {(change.name.removesuffix("."), change.type) for change in planned.changes}


@given(ZONES, INTENTS, st.booleans())
def test_everything_that_a_write_replaces_stands_in_the_result(
    zone: ZoneModel, intent: DomainIntent, takeover: bool
) -> None:
    planned = plan(zone, intent, takeover=takeover)
    changes = {(change.name.removesuffix("."), change.type): change for change in planned.changes}
    assert len(changes) == len(planned.changes)
    for write in planned.writes:
        key, change = (write.name, write.type), changes[write.name, write.type]
        there = zone.rrsets.get(key)
        assert change.before == (there.served if there else [])
        assert change.before_disabled == (there.disabled if there else [])
        assert change.before_owner == (there.owner if there else None)
        assert change.after == write.values
        assert change.change == ("created" if there is None else "replaced" if write.values else "removed")
        if there is not None and write.values:
            assert all(comment in write.comments for comment in there.foreign_comments)
        elif there is not None:
            assert change.before_comments == there.foreign_comments


@given(ZONES, INTENTS, st.booleans())
def test_an_unchanged_rrset_is_not_written_and_a_changed_one_is(
    zone: ZoneModel, intent: DomainIntent, takeover: bool
) -> None:
    planned = plan(zone, intent, takeover=takeover)
    written = {(f"{write.name}.", write.type) for write in planned.writes}
    assert written == {(change.name, change.type) for change in planned.changes if change.change != "unchanged"}
    assert len(written) == len(planned.writes)


@given(ZONES, INTENTS)
def test_hazards_are_exactly_the_wildcards_over_the_host_that_lead_elsewhere(
    zone: ZoneModel, intent: DomainIntent
) -> None:
    leading_here = {*intent.addresses, *(f"{rrset.name}." for rrset in intent.rrsets)}
    expected = {}
    for wildcard in WILDCARDS:
        if wildcard in in_question(intent):
            continue
        elsewhere = {content for kind in ADDRESS_TYPES for content in _served(zone, wildcard, kind)} - leading_here
        if elsewhere:
            expected[f"{wildcard}."] = elsewhere
    found = {hazard.name: set(hazard.content) for hazard in plan(zone, intent, takeover=False).hazards}
    assert found == expected


def _served(zone: ZoneModel, name: str, kind: str) -> list[str]:
    rrset = zone.rrsets.get((name, kind))
    return rrset.served if rrset else []

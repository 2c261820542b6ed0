"""Whose an rrset is, whatever stands in the zone: exactly the Sovereign's are planned, and nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.contract import Comment, Owner
from sovereign_dns.intent import NamingRules
from sovereign_dns.kept_for_platform import kept_as_protected
from sovereign_dns.lifecycle_messages import RRsetToRemove
from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemoveParentDomainRequest
from sovereign_dns.removal import (
    changed_since,
    cuts_delegated_for,
    found_in,
    kept_for_another,
    left_without_owner,
    names_in_question,
    other_deployments,
    plan_removals,
)
from sovereign_dns.removal_intent import RemovalIntent, derive_removal
from sovereign_dns.rrsets import ADDRESS_TYPES, Record, RRset, owner_comment
from tests.unit.builders import (
    FQDN,
    LOAD_BALANCER,
    LOAD_BALANCER_V6,
    NEIGHBOUR,
    OWNER,
    PARENT,
    STRANGER,
    STRANGER_V6,
    rrset,
)
from tests.unit.zone_model import ZoneModel

EARLIER = Owner(sovereign_fqdn=FQDN, deployment_id="an-earlier-one")
NESTED = Owner(sovereign_fqdn=f"x.{FQDN}", deployment_id="d1")
NOTE = Comment(content="see the runbook", account="hatice", modified_at=1700000000)
PRETENDED = owner_comment(OWNER).changed(account="hatice")
COMMENTS = [NOTE, PRETENDED, *map(owner_comment, (OWNER, EARLIER, NEIGHBOUR, NESTED))]

NAMES = [
    PARENT, FQDN, f"console.{FQDN}", f"*.{FQDN}", f"x.{FQDN}", f"console.x.{FQDN}",
    "*.omani.works", "t112.omani.works", f"un{FQDN}",
]  # fmt: skip
CONTENTS = {
    "A": [LOAD_BALANCER, STRANGER],
    "AAAA": [LOAD_BALANCER_V6, "2A01:4F8:0::95", STRANGER_V6],
    "CNAME": [f"{FQDN}."],
    "LUA": ["A \"pickrandom({'77.42.11.95'})\""],
    "TXT": ['"a note"'],
    "NS": ["ns1.openova.io."],
    "DS": ["1 13 2 00ff"],
    "MX": ["10 mail.example."],
}


def removal(**fields: object) -> RemovalIntent:
    body = {"sovereignFQDN": FQDN, "subdomains": ["console"]} | fields
    return derive_removal(DeprovisionRequest.model_validate(body), NamingRules())


@st.composite
def rrsets_at(draw: st.DrawFn, name: str) -> list[RRset]:
    several = st.sets(st.sampled_from(sorted(set(CONTENTS) - {"CNAME"})), max_size=3)
    kinds = draw(several | st.sampled_from([{"A"}, {"A", "AAAA"}, {"CNAME"}]))
    return [
        RRset(
            name=name,
            type=kind,
            ttl=draw(st.sampled_from([60, 300])),
            records=[
                Record(content=content, disabled=draw(st.booleans()))
                for content in draw(st.lists(st.sampled_from(CONTENTS[kind]), min_size=1, max_size=2, unique=True))
            ],
            comments=draw(st.just([]) | st.lists(st.sampled_from(COMMENTS), max_size=2, unique_by=str)),
        )
        for kind in sorted(kinds)
    ]


ZONES = st.tuples(*map(rrsets_at, NAMES)).map(lambda found: [rrset for at_name in found for rrset in at_name])

INTENTS = st.fixed_dictionaries(
    {},
    optional={
        "loadBalancerIP": st.just(LOAD_BALANCER),
        "loadBalancerIPv6": st.just(LOAD_BALANCER_V6),
        "parentDomains": st.just([{"name": PARENT}]),
    },
).map(lambda fields: removal(**fields))


def owned_by(held: RRset) -> str | None:
    """Of the first comment of ours that names one; said in other words than the product says it."""
    for comment in held.comments:
        if comment.account == "sovereign-dns" and comment.content.startswith("sovereign="):
            return comment.content.split()[0].removeprefix("sovereign=")
    return None


def is_the_sovereigns(held: RRset, intent: RemovalIntent) -> bool:
    if held.type in {"NS", "DS"}:
        return False
    if (owner := owned_by(held)) is not None:
        in_scope = intent.everywhere or held.name == FQDN or held.name.endswith(f".{FQDN}")
        return owner == FQDN and in_scope
    given_addresses = {address.lower() for address in intent.addresses}
    served = {value.lower().replace(":0::", "::") for value in held.served}
    return held.name in {FQDN, f"console.{FQDN}", f"*.{FQDN}"} and bool(served) and served <= given_addresses


@given(ZONES, INTENTS)
def test_exactly_what_is_the_sovereigns_is_found_and_planned(zone: list[RRset], intent: RemovalIntent) -> None:
    asked_for = names_in_question(intent.domains[0])
    expected = {(held.name, held.type) for held in zone if is_the_sovereigns(held, intent)}

    found = found_in(PARENT, zone, asked_for, intent)
    plan = plan_removals(PARENT, found.rrsets, zone, intent.owner, intent.addresses)

    assert {(item.name, item.type) for item in found.rrsets} == expected
    assert {(write.name, write.type) for write in plan.writes} == expected
    assert plan.conflicts == []
    after = ZoneModel(zone).apply(plan.writes)
    assert after.content() == [held for held in zone if (held.name, held.type) not in expected]


@given(ZONES, INTENTS)
def test_what_is_removed_stands_in_the_result_with_all_that_it_held(zone: list[RRset], intent: RemovalIntent) -> None:
    found = found_in(PARENT, zone, names_in_question(intent.domains[0]), intent)
    plan = plan_removals(PARENT, found.rrsets, zone, intent.owner, intent.addresses)

    there = {(f"{held.name}.", held.type): held for held in zone}
    assert len(plan.changes) == len(plan.writes)
    for change in plan.changes:
        held = there[change.name, change.type]
        assert (change.change, change.after, change.zone) == ("removed", [], f"{PARENT}.")
        assert (change.before, change.before_disabled, change.before_ttl) == (held.served, held.disabled, held.ttl)
        assert (change.before_owner, change.before_comments) == (held.owner, held.foreign_comments)


@given(ZONES, INTENTS)
def test_whatever_is_asked_for_a_neighbours_and_the_zones_own_rrsets_stay(
    zone: list[RRset], intent: RemovalIntent
) -> None:
    everything = [RRsetToRemove(name=held.name, type=held.type) for held in zone]

    plan = plan_removals(PARENT, everything, zone, intent.owner, intent.addresses)

    written = {(write.name, write.type) for write in plan.writes}
    for held in zone:
        if held.type in {"NS", "DS"} or owned_by(held) not in {None, FQDN}:
            assert (held.name, held.type) not in written


@given(ZONES, INTENTS)
def test_every_address_that_goes_on_answering_at_a_name_in_question_is_told(
    zone: list[RRset], intent: RemovalIntent
) -> None:
    asked_for = names_in_question(intent.domains[0])
    gone = {(item.name, item.type) for item in found_in(PARENT, zone, asked_for, intent).rrsets}

    hazards = kept_for_another(PARENT, zone, asked_for, intent)
    left = left_without_owner(zone, asked_for, intent)

    staying = [
        held for held in zone
        if held.name in asked_for and held.type in ADDRESS_TYPES and held.served and (held.name, held.type) not in gone
    ]  # fmt: skip
    told = {hazard.message.partition(" (")[0] for hazard in hazards} | {line.partition(" (")[0] for line in left}
    assert {f"{held.name} {held.type}" for held in staying} <= told
    assert all(hazard.kind == "kept-for-another" for hazard in hazards)


def test_another_deployment_is_a_conflict_only_where_one_is_named() -> None:
    zone = [
        rrset(FQDN, "A", LOAD_BALANCER, owner=OWNER),
        rrset(f"console.{FQDN}", "A", LOAD_BALANCER, owner=EARLIER),
        rrset(FQDN, "NS", "ns1.openova.io.", owner=EARLIER),
    ]
    one, every = removal(deploymentId=OWNER.deployment_id), removal()
    wanted = found_in(PARENT, zone, [], every).rrsets

    assert other_deployments(PARENT, zone, one) == [
        f"console.{FQDN} A in zone {PARENT} is of deployment an-earlier-one"
    ]
    assert other_deployments(PARENT, zone, every) == []
    assert len(plan_removals(PARENT, wanted, zone, one.owner, []).conflicts) == 1
    assert plan_removals(PARENT, wanted, zone, every.owner, []).conflicts == []


def test_a_zone_that_was_made_for_the_sovereign_says_so_at_its_apex() -> None:
    made = [rrset(FQDN, "NS", "ns1.openova.io.", owner=EARLIER)]

    assert found_in(FQDN, made, [], removal()).made_for_us
    assert not found_in(PARENT, made, [], removal()).made_for_us
    assert not found_in(FQDN, [rrset(FQDN, "NS", "ns1.openova.io.", owner=NEIGHBOUR)], [], removal()).made_for_us
    assert cuts_delegated_for(PARENT, made, removal()) == [FQDN]
    assert cuts_delegated_for(FQDN, made, removal()) == []


def test_one_parent_domain_is_left_without_what_lies_under_others() -> None:
    body = {"sovereignFQDN": FQDN, "name": "omani.homes"}
    intent = derive_removal(RemoveParentDomainRequest.model_validate(body), NamingRules())
    homes = [rrset("console.t110.omani.homes", "A", LOAD_BALANCER, owner=OWNER)]
    works = [rrset(f"console.{FQDN}", "A", LOAD_BALANCER, owner=OWNER)]
    made = [rrset("omani.homes", "NS", "ns1.openova.io.", owner=OWNER)]

    found = found_in("omani.homes", homes + made, [], intent)

    assert ([item.name for item in found.rrsets], found.made_for_us) == (["console.t110.omani.homes"], True)
    assert found_in(PARENT, works, [], intent).rrsets == []
    assert not found_in(PARENT, [rrset(PARENT, "NS", "ns1.openova.io.", owner=OWNER)], [], intent).made_for_us


@given(ZONES, INTENTS)
def test_what_a_protected_name_hangs_on_stays_whoever_it_is_noted_for(zone: list[RRset], intent: RemovalIntent) -> None:
    protected = f"console.x.{FQDN}"
    intent = intent.changed(protected_fqdns=[protected])
    asked_for = names_in_question(intent.domains[0])
    hangs_on = {protected, f"*.{FQDN}", "*.omani.works"}
    of_zones = {PARENT, FQDN, f"x.{FQDN}", protected}

    found = found_in(PARENT, zone, asked_for, intent)

    assert not {item.name for item in found.rrsets} & hangs_on
    assert not set(cuts_delegated_for(PARENT, zone, intent)) & of_zones
    assert not found.made_for_us
    told = {hazard.name.rstrip(".") for hazard in kept_as_protected(PARENT, zone, asked_for, intent)}
    unprotected = intent.changed(protected_fqdns=[])
    would_go = {item.name for item in found_in(PARENT, zone, asked_for, unprotected).rrsets}
    would_go |= {*cuts_delegated_for(PARENT, zone, unprotected)} & of_zones
    if found_in(PARENT, zone, asked_for, unprotected).made_for_us:
        would_go |= {PARENT}
    still_goes = {item.name for item in found.rrsets}
    assert told == would_go & (hangs_on | of_zones) - still_goes


def test_a_zone_is_of_the_parent_domain_whose_names_it_holds() -> None:
    intent = removal()
    mine = rrset(f"console.{FQDN}", "A", LOAD_BALANCER, owner=OWNER)
    elsewhere = rrset("console.t110.omani.homes", "A", LOAD_BALANCER, owner=OWNER)

    assert found_in(PARENT, [mine], [], intent).domain == PARENT
    assert found_in(FQDN, [mine], [], intent).domain == PARENT
    assert found_in("omani.homes", [elsewhere], [], intent).domain == "omani.homes"


def test_what_is_expected_goes_whoever_owns_it_and_only_as_it_was_found() -> None:
    wildcard = rrset("*.omani.works", "A", STRANGER, owner=NEIGHBOUR)
    delegation = rrset("gone.omani.works", "NS", "NS1.openova.io.")
    apex = rrset(PARENT, "NS", "ns1.openova.io.")
    zone = [wildcard, delegation, apex]

    def wanted(held: RRset, *values: str) -> RRsetToRemove:
        return RRsetToRemove(name=f"{held.name}.", type=held.type, expected=list(values))

    as_found = [wanted(wildcard, STRANGER), wanted(delegation, "ns1.openova.io."), wanted(apex, "ns1.openova.io.")]
    nobody = Owner(sovereign_fqdn="", deployment_id="")
    plan = plan_removals(PARENT, as_found, zone, nobody, [])

    assert [(write.name, write.type) for write in plan.writes] == [("*.omani.works", "A"), ("gone.omani.works", "NS")]
    assert changed_since(PARENT, as_found, zone) == []
    assert changed_since(PARENT, [wanted(wildcard, STRANGER, LOAD_BALANCER)], zone) == [
        f"*.omani.works A in zone {PARENT} is {STRANGER} by now, and no longer {STRANGER}, {LOAD_BALANCER}"
    ]
    assert changed_since(PARENT, as_found, []) == []
    assert plan_removals(PARENT, as_found, [], nobody, []).writes == []

"""The plan of a zone, case by case: created, replaced, removed, unchanged, refused, and left alone."""

import pytest

from sovereign_dns.contract import Comment, Owner, RecordChange
from sovereign_dns.records import ZonePlan, over_all_attempts, plan_zone, summary, wildcards_over
from sovereign_dns.rrsets import RRset, owner_comment
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
    rrset,
)

CONSOLE = f"console.{FQDN}"
NOTE = Comment(content="see the runbook", account="hatice", modified_at=1700000000)


def planned(*existing: RRset, takeover: bool = False, zone: str = PARENT, **fields: object) -> ZonePlan:
    """The plan for the apex and the console alone, unless the fields say otherwise."""
    wanted = domain_intent(**({"subdomains": ["console"]} | fields))
    return plan_zone(zone, wanted, existing, OWNER, takeover=takeover)


def change_of(plan: ZonePlan, name: str, rrtype: str = "A") -> RecordChange:
    return next(change for change in plan.changes if (change.name, change.type) == (f"{name}.", rrtype))


def written(plan: ZonePlan) -> list[tuple[str, str]]:
    return [(write.name, write.type) for write in plan.writes]


def test_an_empty_zone_gets_all_fourteen_names_with_the_owners_comment() -> None:
    plan = planned(subdomains=None)
    assert len(plan.writes) == 14
    assert {change.change for change in plan.changes} == {"created"}
    for write in plan.writes:
        assert (write.type, write.ttl, write.values) == ("A", 60, [LOAD_BALANCER])
        assert write.comments == [owner_comment(OWNER)]
    first = change_of(plan, FQDN)
    assert (first.zone, first.before, first.after, first.ttl) == ("omani.works.", [], [LOAD_BALANCER], 60)


def test_what_is_right_is_not_written_again() -> None:
    plan = planned(rrset(FQDN, "A", LOAD_BALANCER, owner=OWNER), rrset(CONSOLE, "A", LOAD_BALANCER, owner=OWNER))
    assert plan.writes == []
    assert [change.change for change in plan.changes] == ["unchanged", "unchanged"]


@pytest.mark.parametrize(
    "present",
    [
        rrset(FQDN, "A", STRANGER, owner=OWNER),
        rrset(FQDN, "A", LOAD_BALANCER, STRANGER, owner=OWNER),
        rrset(FQDN, "A", LOAD_BALANCER, ttl=300, owner=OWNER),
        rrset(FQDN, "A", LOAD_BALANCER),
        rrset(FQDN, "A", LOAD_BALANCER, owner=Owner(sovereign_fqdn=FQDN, deployment_id="an-earlier-one")),
        rrset(FQDN, "A", LOAD_BALANCER, owner=OWNER, disabled=(STRANGER,)),
        rrset(FQDN, "A", disabled=(LOAD_BALANCER,), owner=OWNER),
    ],
)
def test_what_is_not_right_is_replaced_and_what_was_there_is_kept_in_the_result(present: RRset) -> None:
    plan = planned(present)
    change = change_of(plan, FQDN)
    assert (change.change, change.after, change.ttl) == ("replaced", [LOAD_BALANCER], 60)
    assert (change.before, change.before_ttl, change.before_disabled) == (present.served, present.ttl, present.disabled)
    assert change.before_owner == present.owner
    assert (FQDN, "A") in written(plan)


def test_an_rrset_of_another_sovereign_is_a_conflict_that_says_whose_it_is() -> None:
    plan = planned(rrset(CONSOLE, "A", STRANGER, owner=NEIGHBOUR))
    assert len(plan.conflicts) == 1
    for part in (f"{CONSOLE}. A", "omani.works.", STRANGER, "t112.omani.works", NEIGHBOUR.deployment_id):
        assert part in plan.conflicts[0]
    assert (CONSOLE, "A") not in written(plan)
    assert not any(change.name == f"{CONSOLE}." for change in plan.changes)


def test_a_takeover_replaces_it_and_keeps_what_was_there() -> None:
    plan = planned(rrset(CONSOLE, "A", STRANGER, ttl=300, owner=NEIGHBOUR), takeover=True)
    assert plan.conflicts == []
    change = change_of(plan, CONSOLE)
    assert (change.change, change.before, change.before_ttl) == ("replaced", [STRANGER], 300)
    assert change.before_owner == NEIGHBOUR
    write = next(write for write in plan.writes if write.name == CONSOLE)
    assert write.comments == [owner_comment(OWNER)]


def test_comments_of_others_stay_and_the_owners_is_not_doubled() -> None:
    plan = planned(rrset(FQDN, "A", STRANGER, comments=(NOTE,), owner=OWNER))
    write = next(write for write in plan.writes if write.name == FQDN)
    assert write.comments == [NOTE, owner_comment(OWNER)]


def test_comments_of_others_are_kept_in_the_result_where_the_rrset_is_removed_with_them() -> None:
    plan = planned(rrset(CONSOLE, "AAAA", STRANGER_V6, comments=(NOTE,), owner=NEIGHBOUR), takeover=True)
    change = change_of(plan, CONSOLE, "AAAA")
    assert (change.change, change.before_owner, change.before_comments) == ("removed", NEIGHBOUR, [NOTE])


@pytest.mark.parametrize(
    ("rrtype", "content"),
    [
        ("AAAA", STRANGER_V6),
        ("CNAME", "stranger.example."),
        ("ALIAS", "stranger.example."),
        ("LUA", "A \"ifportup(443, {'49.12.16.160'})\""),
    ],
)
def test_whatever_else_leads_somewhere_from_a_name_is_removed(rrtype: str, content: str) -> None:
    plan = planned(rrset(CONSOLE, rrtype, content))
    change = change_of(plan, CONSOLE, rrtype)
    assert (change.change, change.before, change.after) == ("removed", [content], [])
    deletion = next(write for write in plan.writes if (write.name, write.type) == (CONSOLE, rrtype))
    assert deletion.as_powerdns()["changetype"] == "DELETE"
    assert change_of(plan, CONSOLE).change == "created"


def test_an_alias_is_gone_before_the_address_is_written_since_powerdns_refuses_them_side_by_side() -> None:
    order = written(planned(rrset(CONSOLE, "CNAME", "stranger.example.")))
    assert order.index((CONSOLE, "CNAME")) < order.index((CONSOLE, "A"))


def test_another_sovereigns_leftover_is_a_conflict_and_stays() -> None:
    plan = planned(rrset(CONSOLE, "CNAME", "stranger.example.", owner=NEIGHBOUR))
    assert "t112.omani.works" in plan.conflicts[0]
    assert (CONSOLE, "CNAME") not in written(plan)


@pytest.mark.parametrize("rrtype", ["TXT", "MX", "CAA", "NS", "SOA", "SRV", "HTTPS"])
def test_types_that_lead_to_no_address_are_left_alone(rrtype: str) -> None:
    plan = planned(rrset(FQDN, rrtype, "whatever", owner=NEIGHBOUR))
    assert plan.conflicts == []
    assert all(write.type == "A" for write in plan.writes)


def test_other_names_of_the_zone_are_left_alone() -> None:
    plan = planned(rrset("www.omani.works", "A", STRANGER), rrset(f"mail.{FQDN}", "CNAME", "mail.example."))
    assert written(plan) == [(FQDN, "A"), (CONSOLE, "A")]


def test_ipv6_is_replaced_and_not_removed_where_it_is_wanted() -> None:
    plan = planned(rrset(FQDN, "AAAA", STRANGER_V6), loadBalancerIPv6=LOAD_BALANCER_V6)
    assert change_of(plan, FQDN, "AAAA").change == "replaced"
    assert change_of(plan, FQDN, "AAAA").after == [LOAD_BALANCER_V6]


POOL = {"domain": PARENT, "subdomain": "t110"}
WILDCARD = f"*.{FQDN}"


def test_the_pools_wildcard_is_right_as_soon_as_its_value_is_whoever_wrote_it() -> None:
    plan = planned(rrset(WILDCARD, "A", LOAD_BALANCER, ttl=300), pool=POOL)
    assert change_of(plan, WILDCARD).change == "unchanged"
    assert change_of(plan, WILDCARD).ttl == 300
    assert WILDCARD not in {write.name for write in plan.writes}


def test_the_pools_wildcard_is_written_where_it_is_missing_or_wrong() -> None:
    assert change_of(planned(pool=POOL), WILDCARD).change == "created"
    assert change_of(planned(rrset(WILDCARD, "A", STRANGER), pool=POOL), WILDCARD).change == "replaced"


def test_the_stale_wildcard_of_the_story_is_reported_and_left_alone() -> None:
    plan = planned(rrset("*.omani.works", "A", STRANGER))
    (hazard,) = plan.hazards
    assert (hazard.kind, hazard.zone, hazard.name) == ("stale-wildcard", "omani.works.", "*.omani.works.")
    assert hazard.content == [STRANGER]
    for part in (STRANGER, FQDN, '"removeWildcards": ["*.omani.works"]'):
        assert part in hazard.message
    assert "*.omani.works" not in {write.name for write in plan.writes}


@pytest.mark.parametrize(
    ("wildcard", "rrtype", "content"),
    [
        ("*.omani.works", "A", STRANGER),
        ("*.omani.works", "AAAA", STRANGER_V6),
        ("*.omani.works", "CNAME", "stranger.example."),
        ("*.omani.works", "ALIAS", "t112.omani.works."),
        ("*.omani.works", "LUA", "A \"pickrandom({'49.12.16.160'})\""),
        (WILDCARD, "A", STRANGER),
        (WILDCARD, "CNAME", "omani.works."),
    ],
)
def test_any_wildcard_over_the_host_that_leads_elsewhere_is_a_hazard(wildcard: str, rrtype: str, content: str) -> None:
    (hazard,) = planned(rrset(wildcard, rrtype, content)).hazards
    assert (hazard.name, hazard.content) == (f"{wildcard}.", [content])


@pytest.mark.parametrize(
    ("wildcard", "rrtype", "content"),
    [
        ("*.omani.works", "A", LOAD_BALANCER),
        ("*.omani.works", "CNAME", "Console.t110.omani.works."),
        (WILDCARD, "ALIAS", "t110.omani.works."),
        ("*.omani.works", "TXT", '"v=spf1 -all"'),
        ("*.t112.omani.works", "A", STRANGER),
        (f"*.{CONSOLE}", "A", STRANGER),
        ("*.works", "A", STRANGER),
    ],
)
def test_a_wildcard_that_leads_to_the_sovereign_or_stands_elsewhere_is_none(
    wildcard: str, rrtype: str, content: str
) -> None:
    assert planned(rrset(wildcard, rrtype, content)).hazards == []


def test_a_wildcard_to_the_consoles_load_balancer_leads_to_the_sovereign() -> None:
    plan = planned(rrset("*.omani.works", "A", CONSOLE_LOAD_BALANCER), consoleLoadBalancerIP=CONSOLE_LOAD_BALANCER)
    assert plan.hazards == []


def test_a_disabled_wildcard_answers_nobody_and_is_no_hazard() -> None:
    assert planned(rrset("*.omani.works", "A", disabled=(STRANGER,))).hazards == []


def test_only_the_stranger_among_a_wildcards_addresses_is_shown() -> None:
    (hazard,) = planned(rrset("*.omani.works", "A", LOAD_BALANCER, STRANGER)).hazards
    assert hazard.content == [STRANGER]


def test_wildcards_are_looked_for_from_the_host_to_the_top_of_its_zone() -> None:
    assert wildcards_over("t110.omani.works", "omani.works") == ["*.t110.omani.works", "*.omani.works"]
    assert wildcards_over("t110.omani.works", "t110.omani.works") == ["*.t110.omani.works"]
    assert wildcards_over("a.b.omani.works", "omani.works") == ["*.a.b.omani.works", "*.b.omani.works", "*.omani.works"]


def test_a_wildcard_that_the_request_names_is_removed_with_every_address_type_and_no_hazard() -> None:
    plan = planned(
        rrset("*.omani.works", "A", STRANGER),
        rrset("*.omani.works", "AAAA", STRANGER_V6),
        rrset("*.omani.works", "TXT", '"kept"'),
        removeWildcards=["*.omani.works"],
    )
    removed = {(change.type, *change.before) for change in plan.changes if change.change == "removed"}
    assert removed == {("A", STRANGER), ("AAAA", STRANGER_V6)}
    assert ("*.omani.works", "TXT") not in written(plan)
    assert plan.hazards == []


def test_a_wildcard_that_is_gone_already_needs_nothing() -> None:
    plan = planned(removeWildcards=["*.omani.works"])
    assert "*.omani.works" not in {write.name for write in plan.writes}


def test_another_sovereigns_wildcard_is_removed_only_by_a_takeover() -> None:
    wildcard = rrset("*.omani.works", "A", STRANGER, owner=NEIGHBOUR)
    refused = planned(wildcard, removeWildcards=["*.omani.works"])
    assert len(refused.conflicts) == 1
    assert ("*.omani.works", "A") not in written(refused)
    taken = planned(wildcard, removeWildcards=["*.omani.works"], takeover=True)
    assert taken.conflicts == []
    assert ("*.omani.works", "A") in written(taken)


def test_the_counts_in_one_line() -> None:
    plan = planned(subdomains=None)
    assert summary(plan.changes) == "14 created, 0 replaced, 0 unchanged"
    assert summary(plan.changes, planned=True) == "dry run: would be 14 created, 0 replaced, 0 unchanged"
    mixed = planned(rrset(FQDN, "A", STRANGER), rrset(CONSOLE, "CNAME", "x.y."))
    assert summary(mixed.changes) == "1 created, 1 replaced, 1 removed, 0 unchanged"
    assert summary([]) == "0 created, 0 replaced, 0 unchanged"


def change(kind: str, before: list[str], after: list[str]) -> RecordChange:
    name = "console.t110.omani.works."
    return RecordChange(
        zone="omani.works.",
        name=name,
        type="A",
        ttl=60,
        before=before,
        after=after,
        change=kind,  # type: ignore[arg-type]
    )


def test_what_an_earlier_attempt_replaced_is_not_called_unchanged() -> None:
    replaced, unchanged = change("replaced", [STRANGER], [LOAD_BALANCER]), change("unchanged", [], [LOAD_BALANCER])
    assert over_all_attempts([replaced], [unchanged]) == [replaced]


def test_what_an_earlier_attempt_removed_is_still_told() -> None:
    removed = change("removed", [STRANGER], [])
    assert over_all_attempts([removed], []) == [removed]


def test_what_somebody_wrote_between_two_attempts_is_kept_too() -> None:
    found = change("replaced", ["192.0.2.7"], [LOAD_BALANCER])
    (told,) = over_all_attempts([change("replaced", [STRANGER], [LOAD_BALANCER])], [found])
    assert (told.change, told.before) == ("replaced", [STRANGER, "192.0.2.7"])


def test_what_stood_there_before_the_first_attempt_keeps_its_ttl_owner_and_comments() -> None:
    first = change("removed", [STRANGER], []).changed(
        before_ttl=300, before_disabled=["192.0.2.8"], before_owner=NEIGHBOUR, before_comments=[NOTE]
    )
    added = Comment(content="added since")
    found = change("removed", ["192.0.2.7"], []).changed(before_ttl=60, before_owner=OWNER, before_comments=[added])
    (told,) = over_all_attempts([first], [found])
    assert told == first.changed(before=[STRANGER, "192.0.2.7"], before_comments=[NOTE, added])


def test_what_somebody_wrote_where_nothing_stood_before_the_first_attempt_keeps_its_owner() -> None:
    found = change("replaced", [STRANGER], [LOAD_BALANCER]).changed(before_ttl=300, before_owner=NEIGHBOUR)
    assert over_all_attempts([change("created", [], [LOAD_BALANCER])], [found]) == [found]


def test_without_an_earlier_attempt_what_is_found_counts() -> None:
    unchanged = change("unchanged", [LOAD_BALANCER], [LOAD_BALANCER])
    assert over_all_attempts([], [unchanged]) == [unchanged]

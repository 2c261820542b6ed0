"""The delegation of a child zone in its parent: what is missing is written, what somebody decided stays."""

import pytest

from sovereign_dns.contract import Comment
from sovereign_dns.delegation import (
    DELEGATION_TTL_SECONDS,
    harms_of_a_new_cut,
    hidden_by_a_new_cut,
    hidden_hazards,
    plan_delegation,
)
from sovereign_dns.records import ZonePlan
from sovereign_dns.rrsets import RRset, owner_comment
from tests.unit.builders import NEIGHBOUR, OWNER, rrset

PARENT, CHILD = "omani.works", "t126.omani.works"
NAMESERVERS = ["ns1.openova.io.", "ns2.openova.io."]
SHA1, SHA256, SHA384 = "12345 13 1 aa11", "12345 13 2 bb22", "12345 13 4 cc44"
SECOND_KEY = "54321 13 2 dd55"
STALE = "999 13 2 ee66"


def planned(*present: RRset, ds: tuple[str, ...] = (SHA1, SHA256, SHA384), takeover: bool = False) -> ZonePlan:
    return plan_delegation(PARENT, CHILD, NAMESERVERS, ds, present, OWNER, takeover=takeover)


def written(plan: ZonePlan) -> dict[str, list[str]]:
    assert all(write.name == CHILD for write in plan.writes)
    return {write.type: write.values for write in plan.writes}


def test_a_signed_child_gets_ns_and_the_recommended_digest_of_ds() -> None:
    plan = planned()
    assert written(plan) == {"NS": NAMESERVERS, "DS": [SHA256]}
    assert plan.zone == PARENT
    assert {change.change for change in plan.changes} == {"created"}
    for write in plan.writes:
        assert write.ttl == DELEGATION_TTL_SECONDS == 3600
        assert write.comments == [owner_comment(OWNER)]


def test_every_key_of_the_child_has_its_ds() -> None:
    assert written(planned(ds=(SHA1, SHA256, SECOND_KEY)))["DS"] == [SHA256, SECOND_KEY]


def test_an_unsigned_child_gets_ns_alone() -> None:
    assert written(planned(ds=())) == {"NS": NAMESERVERS}


@pytest.mark.parametrize("garbage", ["", "12345 13", "12345 13 2"])
def test_what_is_no_ds_record_is_not_published(garbage: str) -> None:
    assert written(planned(ds=(garbage,))) == {"NS": NAMESERVERS}


def test_a_delegation_that_is_complete_needs_nothing() -> None:
    plan = planned(rrset(CHILD, "NS", *NAMESERVERS, ttl=300), rrset(CHILD, "DS", SHA256, ttl=300))
    assert (plan.writes, plan.changes, plan.conflicts) == ([], [], [])


def test_other_name_servers_were_somebodys_decision_and_stay() -> None:
    plan = planned(rrset(CHILD, "NS", "ns.elsewhere.example."), rrset(CHILD, "DS", SHA256))
    assert plan.writes == []


def test_only_the_ds_is_written_where_the_ns_is_there() -> None:
    assert written(planned(rrset(CHILD, "NS", *NAMESERVERS))) == {"DS": [SHA256]}


@pytest.mark.parametrize("present", [SHA1, SHA256, SHA384, "12345 13 2 BB22", "12345  13 2\tbb22"])
def test_a_ds_of_one_of_the_childs_keys_is_left_alone_in_whatever_digest(present: str) -> None:
    assert written(planned(rrset(CHILD, "DS", present))) == {"NS": NAMESERVERS}


def test_one_matching_ds_among_stale_ones_is_enough() -> None:
    assert "DS" not in written(planned(rrset(CHILD, "DS", STALE, SHA256)))


def test_a_ds_set_that_matches_no_key_is_replaced_and_kept_in_the_result() -> None:
    note = Comment(content="rolled in May", account="hatice")
    plan = planned(rrset(CHILD, "NS", *NAMESERVERS), rrset(CHILD, "DS", STALE, comments=(note,)))
    (change,) = plan.changes
    assert (change.change, change.type, change.before, change.after) == ("replaced", "DS", [STALE], [SHA256])
    assert plan.writes[0].comments == [note, owner_comment(OWNER)]


def test_a_stale_ds_of_another_sovereign_is_a_conflict_unless_taken_over() -> None:
    stale = rrset(CHILD, "DS", STALE, owner=NEIGHBOUR)
    refused = planned(stale)
    assert "DS" not in written(refused)
    assert "t112.omani.works" in refused.conflicts[0]
    taken = planned(stale, takeover=True)
    assert written(taken)["DS"] == [SHA256]
    assert {change.type: change.before_owner for change in taken.changes} == {"NS": None, "DS": NEIGHBOUR}
    assert taken.conflicts == []


def test_what_stands_at_other_names_is_no_part_of_the_cut() -> None:
    elsewhere = [rrset("t127.omani.works", "NS", "ns.example."), rrset(PARENT, "DS", STALE)]
    assert written(planned(*elsewhere)) == {"NS": NAMESERVERS, "DS": [SHA256]}


def test_without_known_name_servers_no_delegation_is_written() -> None:
    plan = plan_delegation(PARENT, CHILD, [], [], [], OWNER)
    assert plan.writes == []


def harms(*above: RRset, written_anew: tuple[str, ...] = ()) -> str:
    hidden = hidden_by_a_new_cut(CHILD, NAMESERVERS, above, OWNER)
    return "; ".join(harms_of_a_new_cut(CHILD, hidden, written_anew))


def test_a_new_cut_above_live_records_of_another_sovereign_is_harmful() -> None:
    assert NEIGHBOUR.sovereign_fqdn in harms(rrset(f"console.t1.{CHILD}", "A", "1.1.1.1", owner=NEIGHBOUR))


def test_a_new_cut_above_what_nobody_owns_names_it() -> None:
    assert f"www.{CHILD} A would no longer be answered" in harms(rrset(f"www.{CHILD}", "A", "1.1.1.1"))
    assert f"live.{CHILD} NS would no longer be answered" in harms(rrset(f"live.{CHILD}", "NS", "ns1.example."))
    assert f"{CHILD} MX would no longer be answered" in harms(rrset(CHILD, "MX", "10 mail.example."))


def test_a_new_cut_above_addresses_that_are_written_anew_is_harmless() -> None:
    replaced = rrset(f"auth.{CHILD}", "A", "1.1.1.1")
    assert harms(replaced, written_anew=(f"auth.{CHILD}",)) == ""
    assert harms(rrset(f"auth.{CHILD}", "TXT", '"x"'), written_anew=(f"auth.{CHILD}",)) != ""


def test_ones_own_records_and_a_delegation_to_here_are_not_hidden() -> None:
    own = [rrset(CHILD, "A", "1.1.1.1", owner=OWNER), rrset(CHILD, "NS", *NAMESERVERS), rrset(CHILD, "DS", STALE)]
    assert hidden_by_a_new_cut(CHILD, NAMESERVERS, own, OWNER) == []


def test_many_harms_are_told_in_short() -> None:
    assert "and 4 more such" in harms(*(rrset(f"h{n}.{CHILD}", "A", "1.1.1.1") for n in range(9)))


def test_what_is_hidden_is_told_with_its_values() -> None:
    (told,) = hidden_hazards(PARENT, CHILD, [rrset(f"mail.{CHILD}", "A", "1.1.1.1")], [])
    assert (told.kind, told.zone, told.name, told.content) == (
        "hidden-by-new-zone", f"{PARENT}.", f"mail.{CHILD}.", ["1.1.1.1"],
    )  # fmt: skip


def test_what_was_not_served_or_lives_for_minutes_is_not_missed() -> None:
    disabled = rrset(f"www.{CHILD}", "A", disabled=("1.1.1.1",))
    challenge = rrset(f"_acme-challenge.{CHILD}", "TXT", '"token"')
    assert hidden_by_a_new_cut(CHILD, NAMESERVERS, [disabled, challenge], OWNER) == []


def test_a_task_from_before_its_names_were_told_is_not_refused_for_them() -> None:
    hidden = [rrset(f"www.{CHILD}", "A", "1.1.1.1")]
    assert harms_of_a_new_cut(CHILD, hidden, None) == []

"""Who answers for good in the place of what was removed, by what PowerDNS holds."""

import pytest

from sovereign_dns.contract import AnswerEvidence, Outcome
from sovereign_dns.rrsets import RRset
from sovereign_dns.successors import (
    Successor,
    hazard_of,
    judged_with,
    names_to_read,
    successors_in,
    taken_over,
)
from tests.unit.builders import FQDN, LOAD_BALANCER, NEIGHBOUR, OWNER, PARENT, STRANGER, STRANGER_V6, rrset

CONSOLE = f"console.{FQDN}"
WILDCARD = f"*.{PARENT}"
ANYWHERE = rrset(WILDCARD, "A", STRANGER)


def said(name: str, *values: str, state: Outcome = "misdirected", rrtype: str = "A") -> AnswerEvidence:
    return AnswerEvidence(name=f"{name}.", type=rrtype, state=state, values=list(values), detail="as judged")


def found(held: list[RRset], *evidence: AnswerEvidence) -> list[Successor]:
    return successors_in(PARENT, evidence or [said(CONSOLE, STRANGER)], held, OWNER, [FQDN, CONSOLE])


def sentence(held: list[RRset], *evidence: AnswerEvidence) -> str | None:
    records = [rrset.name for rrset in held if not rrset.name.startswith("*")]
    return taken_over(found(held, *evidence), [FQDN, CONSOLE], with_records=records, before=[LOAD_BALANCER])


def test_a_name_is_answered_by_its_own_record_or_by_the_nearest_wildcard_over_it() -> None:
    assert names_to_read(CONSOLE, PARENT) == [CONSOLE, f"*.{FQDN}", WILDCARD]
    assert names_to_read(PARENT, PARENT) == [PARENT]


def test_a_wildcard_that_answers_for_all_of_them() -> None:
    probe = f"probe-0a.{FQDN}"
    evidence = [said(name, STRANGER) for name in (FQDN, CONSOLE, probe)]

    told = sentence([ANYWHERE], *evidence)
    (successor,) = found([ANYWHERE], *evidence)
    hazard = hazard_of(successor, OWNER)

    assert told == (
        f"none of 2 names has records of its own any more, but {WILDCARD} answers for them with {STRANGER}: "
        "users reach a stranger"
    )
    assert (hazard.kind, hazard.zone, hazard.name) == ("wildcard-answers", f"{PARENT}.", f"{WILDCARD}.")
    assert f"removed with Sovereign {FQDN}: {FQDN}, {CONSOLE}. Whoever" in hazard.message
    assert "probe-" not in hazard.message


def test_a_wildcard_that_answers_for_the_only_one() -> None:
    told = taken_over(found([ANYWHERE]), [CONSOLE], with_records=[], before=[])
    assert told == (
        f"{CONSOLE} hasn't records of its own any more, but {WILDCARD} answers for it with {STRANGER}: "
        "users reach a stranger"
    )


def test_a_wildcard_that_answers_for_some() -> None:
    assert f"{WILDCARD} answers for 1 of them with {STRANGER}" in (sentence([ANYWHERE]) or "")


def test_a_wildcard_below_a_host_none_of_whose_names_it_reaches() -> None:
    below = rrset(f"*.{FQDN}", "A", STRANGER)
    evidence = said(f"probe-0a.{FQDN}", STRANGER)
    (successor,) = found([below], evidence)

    assert f"*.{FQDN} answers for every name below {FQDN} with" in (sentence([below], evidence) or "")
    assert f"every name below {FQDN}" in hazard_of(successor, OWNER).message


def test_a_wildcard_that_leads_where_the_sovereign_was_leads_to_no_stranger() -> None:
    told = sentence([rrset(WILDCARD, "A", LOAD_BALANCER)], said(CONSOLE, LOAD_BALANCER, state="lingering"))
    assert (told or "").endswith("users still get where they did")


@pytest.mark.parametrize("rrtype", ["CNAME", "ALIAS", "LUA"])
def test_a_wildcard_whose_addresses_stand_elsewhere(rrtype: str) -> None:
    assert sentence([rrset(WILDCARD, rrtype, "x.example.")]) is not None


@pytest.mark.parametrize(
    ("held", "evidence"),
    [
        ([], said(CONSOLE, STRANGER)),
        ([rrset(WILDCARD, "A", "192.0.2.1")], said(CONSOLE, STRANGER)),
        ([rrset(WILDCARD, "A", STRANGER)], said(CONSOLE, STRANGER_V6, rrtype="AAAA")),
        ([ANYWHERE, rrset(f"*.{FQDN}", "TXT", '"hides the other"')], said(CONSOLE, STRANGER)),
        ([rrset(WILDCARD, "A", disabled=(STRANGER,))], said(CONSOLE, STRANGER)),
        ([ANYWHERE], said(CONSOLE, LOAD_BALANCER, state="lingering")),
        ([ANYWHERE], said(CONSOLE, state="unreachable")),
        ([rrset(CONSOLE, "A", STRANGER, owner=OWNER)], said(CONSOLE, STRANGER)),
        ([rrset(CONSOLE, "A", LOAD_BALANCER)], said(CONSOLE, LOAD_BALANCER, state="lingering")),
    ],
    ids=[
        "nobody", "other addresses", "another type", "a nearer wildcard", "disabled", "an old answer", "silence",
        "still its own", "still there",
    ],
)  # fmt: skip
def test_what_may_still_go_away_is_waited_for(held: list[RRset], evidence: AnswerEvidence) -> None:
    assert found(held, evidence) == []
    assert judged_with([], [evidence]) == [evidence]


def test_a_record_that_nobody_owns_has_taken_over_its_name() -> None:
    held = [rrset(CONSOLE, "A", STRANGER)]

    assert sentence(held) == f"{CONSOLE} has a new record (which no Sovereign owns), which leads to {STRANGER}"
    assert [hazard_of(successor, OWNER).kind for successor in found(held)] == ["kept-for-another"]


def test_a_name_that_another_sovereign_wrote_is_no_part_of_the_proof() -> None:
    held = [rrset(CONSOLE, "A", STRANGER, owner=NEIGHBOUR)]
    evidence = [said(CONSOLE, STRANGER), said(CONSOLE, state="converged", rrtype="AAAA"), said(FQDN, state="converged")]

    successors = found(held, *evidence)

    assert taken_over(successors, [FQDN], with_records=[], before=[]) is None
    assert [answer.name for answer in judged_with(successors, evidence)] == [f"{FQDN}."]
    assert NEIGHBOUR.sovereign_fqdn in hazard_of(successors[0], OWNER).message


def test_a_wildcard_that_another_sovereign_wrote_takes_over_like_any_other() -> None:
    held = [rrset(WILDCARD, "A", STRANGER, owner=NEIGHBOUR)]

    assert sentence(held) is not None
    assert f"written by Sovereign {NEIGHBOUR.sovereign_fqdn}" in hazard_of(found(held)[0], OWNER).message


def test_the_verdict_names_who_answers() -> None:
    evidence = [said(CONSOLE, STRANGER), said(FQDN, state="unreachable")]

    misdirected, silent = judged_with(found([ANYWHERE], *evidence), evidence)

    assert misdirected.state == "misdirected"
    assert misdirected.detail == f"answers {STRANGER}: the wildcard {WILDCARD} answers in its place"
    assert silent == evidence[1]

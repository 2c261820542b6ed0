"""The verdict on one answer about a name that shall be gone: only a denial is one, by whoever may give it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.absence import absence_of
from sovereign_dns.absence_verdicts import (
    Absence,
    absences,
    judge_absence,
    judge_absence_at_resolver,
    names_gone,
    probed,
)
from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.contract import RecordChange
from tests.unit.builders import FQDN, LOAD_BALANCER, LOAD_BALANCER_V6, PARENT, STRANGER

GONE = Absence(name=FQDN, type="A", before=[LOAD_BALANCER])
WITHOUT_ZONE = GONE.changed(hosted=False)
ALIASED = GONE.changed(before=[], aliases=["LB.example."])


def denial(**fields: Any) -> Answer:
    """An authoritative server's NXDOMAIN, but for these fields."""
    denied: dict[str, Any] = {
        "name": FQDN, "type": "A", "rcode": "NXDOMAIN", "authoritative": True, "negative_ttl": 60, "authority": "w.",
    }  # fmt: skip
    return Answer(**(denied | fields))


def answer(*values: str, **fields: Any) -> Answer:
    return denial(**({"rcode": "NOERROR", "values": list(values), "ttl": 43, "negative_ttl": None} | fields))


@pytest.mark.parametrize("denied", [denial(), denial(rcode="NOERROR")])
def test_a_denial_is_the_proof(denied: Answer) -> None:
    for judged in (judge_absence(GONE, denied), judge_absence_at_resolver(GONE, denied.changed(authoritative=False))):
        assert (judged.state, judged.detail) == ("converged", None)


@pytest.mark.parametrize(
    ("absence", "given_answer", "state", "told"),
    [
        (GONE, answer(LOAD_BALANCER), "lingering", f"still answers {LOAD_BALANCER}"),
        (GONE, answer(LOAD_BALANCER, authoritative=False), "lingering", LOAD_BALANCER),
        (GONE, answer(STRANGER), "misdirected", f"answers {STRANGER}, where {LOAD_BALANCER} was removed"),
        (GONE, answer(LOAD_BALANCER, STRANGER), "misdirected", STRANGER),
        (GONE.changed(before=[]), answer(STRANGER), "misdirected", "where nothing should be answered"),
        (GONE, answer(alias_target="lb.example."), "misdirected", "an alias (CNAME) to lb.example."),
        (ALIASED, answer(alias_target="lb.example.", alias_values=[STRANGER]), "lingering", "still answers"),
        (GONE, denial(authoritative=False), "refused", "denies it without authority (AA not set)"),
        (GONE, denial(rcode="NOERROR", authoritative=False, referral_to=["ns1.x."]), "refused", "refers to ns1.x."),
        (GONE, denial(rcode="SERVFAIL"), "refused", "SERVFAIL: the server declines"),
        (GONE, denial(rcode="REFUSED"), "refused", "REFUSED"),
        (GONE, denial(rcode=None, error="no answer within 4.5 s"), "unreachable", "no answer within"),
    ],
)  # fmt: skip
def test_whatever_else_an_authoritative_server_says_is_none(
    absence: Absence, given_answer: Answer, state: str, told: str
) -> None:
    evidence = judge_absence(absence, given_answer)
    assert evidence.state == state
    assert told in (evidence.detail or "")


@pytest.mark.parametrize(
    ("given_answer", "kept"),
    [
        (denial(rcode="SERVFAIL", bogus=True), "the DS"),
        (denial(rcode="SERVFAIL"), "the delegation"),
    ],
)
def test_a_resolver_that_keeps_what_led_to_a_removed_zone_answers_nobody(given_answer: Answer, kept: str) -> None:
    """For an hour: longer than a run waits, and nobody is led to a stranger meanwhile."""
    evidence = judge_absence_at_resolver(GONE.changed(zone_removed=True), given_answer)
    assert evidence.state == "converged"
    assert f"keeps {kept} of the zone that was removed" in (evidence.detail or "")
    assert judge_absence_at_resolver(GONE, given_answer).state in {"bogus", "refused"}


@pytest.mark.parametrize(
    "given_answer",
    [answer(LOAD_BALANCER), answer(STRANGER), denial(rcode="REFUSED"), denial(rcode=None, error="silent")],
)
def test_a_removed_zone_excuses_no_address_and_no_silence(given_answer: Answer) -> None:
    removed = judge_absence_at_resolver(GONE.changed(zone_removed=True), given_answer)
    assert removed == judge_absence_at_resolver(GONE, given_answer)
    assert removed.state != "converged"


@pytest.mark.parametrize(
    ("given_answer", "state", "told"),
    [
        (answer(LOAD_BALANCER), "lingering", f"still answers {LOAD_BALANCER}, for 43 s more"),
        (answer(STRANGER), "misdirected", "users reach a stranger, for 43 s more"),
        (denial(rcode="SERVFAIL"), "refused", "no usable answer from the authoritative servers"),
        (denial(rcode="SERVFAIL", bogus=True), "bogus", "DNSSEC validation fails"),
        (denial(rcode="NOERROR", referral_to=["ns1.x."]), "refused", "doesn't resolve for us"),
        (denial(rcode=None, error="nothing listens there"), "unreachable", "nothing listens there"),
    ],
)
def test_what_a_resolver_says_and_for_how_long(given_answer: Answer, state: str, told: str) -> None:
    evidence = judge_absence_at_resolver(GONE, given_answer)
    assert evidence.state == state
    assert told in (evidence.detail or "")


@pytest.mark.parametrize("rcode", ["REFUSED", "NOTAUTH", "NXDOMAIN", "NOERROR"])
def test_where_no_zone_is_left_its_servers_can_only_decline(rcode: str) -> None:
    assert judge_absence(WITHOUT_ZONE, denial(rcode=rcode, authoritative=False)).state == "converged"


@pytest.mark.parametrize(
    ("given_answer", "state"),
    [
        (answer(LOAD_BALANCER, authoritative=False), "lingering"),
        (denial(rcode="SERVFAIL"), "refused"),
        (denial(rcode=None, error="no answer"), "unreachable"),
    ],
)
def test_where_no_zone_is_left_an_address_a_failure_and_silence_are_no_denial(given_answer: Answer, state: str) -> None:
    assert judge_absence(WITHOUT_ZONE, given_answer).state == state


def test_a_resolver_can_only_fail_where_the_delegation_leads_to_servers_without_the_zone() -> None:
    assert judge_absence_at_resolver(WITHOUT_ZONE, denial(rcode="SERVFAIL")).state == "converged"
    assert judge_absence_at_resolver(WITHOUT_ZONE, denial(rcode="SERVFAIL", bogus=True)).state == "bogus"
    assert judge_absence_at_resolver(WITHOUT_ZONE, denial(rcode=None, error="no answer")).state == "unreachable"


@given(
    values=st.lists(st.sampled_from([LOAD_BALANCER, STRANGER]), min_size=1),
    rcode=st.sampled_from(["NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"]),
    authoritative=st.booleans(),
    hosted=st.booleans(),
)
def test_an_answer_that_leads_anywhere_is_never_the_proof(
    values: list[str], rcode: str, authoritative: bool, hosted: bool
) -> None:
    led = answer(*values, rcode=rcode, authoritative=authoritative)
    absence = GONE.changed(hosted=hosted)
    assert judge_absence(absence, led).state != "converged"
    if rcode in {"NOERROR", "NXDOMAIN"}:
        assert judge_absence_at_resolver(absence, led).state != "converged"


def change(name: str, rrtype: str, *before: str) -> RecordChange:
    return RecordChange(
        zone=f"{PARENT}.", name=f"{name}.", type=rrtype, ttl=60, before=list(before), before_ttl=60, change="removed"
    )


def test_what_is_asked_is_what_was_removed_with_what_it_led_to() -> None:
    console, wildcard = f"console.{FQDN}", f"*.x.{FQDN}"
    removed = [
        change(console, "A", LOAD_BALANCER),
        change(console, "AAAA", LOAD_BALANCER_V6),
        change(console, "TXT", '"x"'),
        change(wildcard, "A", LOAD_BALANCER),
        change(f"console.t112.{PARENT}", "A", STRANGER),
    ]

    intent = absence_of(PARENT, FQDN, [FQDN, console, wildcard], removed)

    assert names_gone(intent) == [FQDN, console]
    assert probed(intent) == [FQDN, f"x.{FQDN}"]
    assert intent.addresses == [LOAD_BALANCER, LOAD_BALANCER_V6]
    assert [(a.type, a.before) for a in absences(intent, FQDN)] == [("A", []), ("AAAA", [])]
    assert [(a.type, a.before) for a in absences(intent, console)] == [
        ("A", [LOAD_BALANCER]),
        ("AAAA", [LOAD_BALANCER_V6]),
    ]
    below = absences(intent, f"probe-1.x.{FQDN}", written_at=wildcard)
    assert [a.before for a in below] == [[LOAD_BALANCER], []]

"""The verdict on one answer: six outcomes, told apart, and never "converged" for anything but what was written."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.answer_verdicts import Answer, Expectation, Probe, expectations_of, judge, judge_probe
from tests.unit.builders import (
    CONSOLE_LOAD_BALANCER,
    FQDN,
    LOAD_BALANCER,
    LOAD_BALANCER_V6,
    STRANGER,
    STRANGER_V6,
    domain_intent,
)

WANTED = Expectation(name=FQDN, type="A", ttl=60, values=[LOAD_BALANCER])
WANTED_V6 = Expectation(name=FQDN, type="AAAA", ttl=60, values=["2a01:4f8::95"])
NOTHING = Expectation(name=FQDN, type="AAAA", ttl=60, values=[])


def answer(**fields: Any) -> Answer:
    """The right answer, but for these fields."""
    right: dict[str, Any] = {
        "name": FQDN, "type": "A", "rcode": "NOERROR", "authoritative": True, "values": [LOAD_BALANCER], "ttl": 60,
    }  # fmt: skip
    return Answer(**(right | fields))


def empty(rrtype: str = "A", **fields: Any) -> Answer:
    return answer(**({"type": rrtype, "values": [], "ttl": None} | fields))


@pytest.mark.parametrize(
    ("expectation", "given_answer"),
    [
        (WANTED, answer()),
        (WANTED_V6, answer(type="AAAA", values=["2A01:04F8::0095"])),
        (WANTED.changed(values=["1.1.1.1", "8.8.8.8"]), answer(values=["8.8.8.8", "1.1.1.1"])),
        (NOTHING, empty("AAAA")),
    ],
)
def test_exactly_what_was_written_has_converged(expectation: Expectation, given_answer: Answer) -> None:
    evidence = judge(expectation, given_answer)
    assert (evidence.state, evidence.detail) == ("converged", None)


@pytest.mark.parametrize(
    ("expectation", "given_answer", "state", "told"),
    [
        (WANTED, answer(values=[STRANGER]), "misdirected", STRANGER),
        (WANTED, answer(values=[STRANGER], authoritative=False), "misdirected", "stranger"),
        (WANTED, answer(values=[STRANGER], ttl=3600), "misdirected", f"where {LOAD_BALANCER} was written"),
        (WANTED, answer(values=[LOAD_BALANCER, STRANGER]), "misdirected", f"answers {STRANGER}, where"),
        (WANTED, answer(values=[STRANGER], rcode="NXDOMAIN"), "misdirected", STRANGER),
        (NOTHING, answer(type="AAAA", values=[STRANGER_V6]), "misdirected", "where no AAAA record was written"),
        (WANTED, empty(alias_target="x.example.", alias_values=[STRANGER]), "misdirected", STRANGER),
        (WANTED, empty(alias_target="x.example."), "misdirected", "alias (CNAME) to x.example."),
        (WANTED, empty(alias_target="x.example.", alias_values=[LOAD_BALANCER]), "misdirected", "alias"),
        (NOTHING, empty("AAAA", alias_target="x.example."), "misdirected", "alias"),
        (WANTED, empty(rcode="NXDOMAIN"), "missing", "NXDOMAIN"),
        (NOTHING, empty("AAAA", rcode="NXDOMAIN"), "missing", "NXDOMAIN"),
        (WANTED, empty(), "missing", "no data: the name exists there and has no A record"),
        (WANTED, empty(authoritative=False, referral_to=["ns.x."]), "missing", "refers to ns.x.: the name lies below"),
        (NOTHING, empty("AAAA", authoritative=False, referral_to=["ns.x."]), "missing", "delegation"),
        (WANTED.changed(values=[LOAD_BALANCER, "1.1.1.1"]), answer(), "missing", "doesn't answer 1.1.1.1 yet"),
        (WANTED, answer(ttl=59), "missing", "TTL 59, where 60 was written"),
        (WANTED, answer(ttl=300), "missing", "TTL 300"),
        (WANTED, answer(authoritative=False), "refused", "AA not set"),
        (WANTED, empty(authoritative=False), "refused", "AA not set"),
        (NOTHING, empty("AAAA", authoritative=False), "refused", "AA not set"),
        (WANTED, empty(rcode="REFUSED", authoritative=False), "refused", "REFUSED"),
        (WANTED, empty(rcode="SERVFAIL"), "refused", "SERVFAIL"),
        (WANTED, empty(rcode="NOTIMP"), "refused", "NOTIMP"),
        (NOTHING, empty("AAAA", rcode="SERVFAIL"), "refused", "SERVFAIL"),
        (WANTED, Answer(name=FQDN, type="A", error="no answer within 4.5 s"), "unreachable", "within 4.5 s"),
        (NOTHING, Answer(name=FQDN, type="AAAA", error="connection refused"), "unreachable", "connection refused"),
        (WANTED, answer(error="cut off"), "unreachable", "cut off"),
        (WANTED, Answer(name=FQDN, type="A", unroutable=True, error="no route"), "unreachable", "no route"),
    ],
)
def test_everything_else_is_told_apart_and_explained(
    expectation: Expectation, given_answer: Answer, state: str, told: str
) -> None:
    evidence = judge(expectation, given_answer)
    assert evidence.state == state
    assert told in (evidence.detail or "")


def test_a_resolver_needs_neither_authority_nor_the_whole_ttl() -> None:
    cached = answer(authoritative=False, ttl=17)
    assert judge(WANTED, cached, from_authority=False).state == "converged"
    assert judge(NOTHING, empty("AAAA", authoritative=False), from_authority=False).state == "converged"


def test_a_resolver_that_answers_a_stranger_is_misdirected_all_the_same() -> None:
    stale = answer(authoritative=False, ttl=17, values=[STRANGER])
    assert judge(WANTED, stale, from_authority=False).state == "misdirected"


def test_the_evidence_holds_what_was_answered() -> None:
    evidence = judge(WANTED, empty(alias_target="x.example.", alias_values=[STRANGER], ttl=17, latency_ms=1.5))
    assert (evidence.name, evidence.type, evidence.values) == (f"{FQDN}.", "A", [STRANGER])
    assert (evidence.ttl, evidence.latency_ms) == (17, 1.5)


@pytest.mark.parametrize(
    ("given_answer", "state"),
    [
        (empty(rcode="NXDOMAIN"), "converged"),
        (empty(), "converged"),
        (answer(), "converged"),
        (answer(values=[CONSOLE_LOAD_BALANCER, LOAD_BALANCER], ttl=3600), "converged"),
        (empty(alias_target=f"{FQDN}.", alias_values=[LOAD_BALANCER]), "converged"),
        (answer(values=[STRANGER]), "misdirected"),
        (answer(values=[LOAD_BALANCER, STRANGER]), "misdirected"),
        (answer(type="AAAA", values=[STRANGER_V6]), "misdirected"),
        (empty(alias_target="x.example.", alias_values=[STRANGER]), "misdirected"),
        (empty(rcode="SERVFAIL"), "refused"),
        (empty(rcode="REFUSED"), "refused"),
        (Answer(name=FQDN, type="A", error="no answer"), "unreachable"),
    ],
)
def test_a_random_name_below_the_host_is_unknown_or_leads_to_the_sovereign(given_answer: Answer, state: str) -> None:
    probe = Probe(name=f"x7.{FQDN}", acceptable=[LOAD_BALANCER, CONSOLE_LOAD_BALANCER, LOAD_BALANCER_V6])
    assert judge_probe(probe, given_answer).state == state


def test_a_wildcard_that_still_answers_below_the_host_is_named_with_the_stranger() -> None:
    evidence = judge_probe(Probe(name=f"x7.{FQDN}", acceptable=[LOAD_BALANCER]), answer(values=[STRANGER]))
    assert f"leads to {STRANGER}: a wildcard answers there" in (evidence.detail or "")


ADDRESSES = ["77.42.11.95", "77.42.11.96", "49.12.16.160", "2a01:4f8::95", "2A01:04F8::95", "2a01:4f8::bad"]
ANSWERS = st.builds(
    Answer,
    name=st.just(FQDN),
    type=st.sampled_from(["A", "AAAA"]),
    rcode=st.sampled_from([None, "NOERROR", "NXDOMAIN", "SERVFAIL", "REFUSED"]),
    authoritative=st.booleans(),
    values=st.lists(st.sampled_from(ADDRESSES), max_size=3),
    ttl=st.none() | st.sampled_from([0, 59, 60]),
    alias_target=st.none() | st.just("x.example."),
    alias_values=st.lists(st.sampled_from(ADDRESSES), max_size=2),
    referral_to=st.lists(st.just("ns1.x.example."), max_size=1),
    error=st.none() | st.just("no answer"),
)
EXPECTED_VALUES = st.lists(st.sampled_from(ADDRESSES), max_size=2, unique_by=str.lower)


def spelled_alike(values: list[str]) -> set[str]:
    return {value.lower().replace("04f8", "4f8") for value in values}


@given(ANSWERS, EXPECTED_VALUES, st.booleans())
def test_no_answer_with_another_value_than_was_written_counts_as_converged(
    given_answer: Answer, values: list[str], from_authority: bool
) -> None:
    expectation = Expectation(name=FQDN, type=given_answer.type, ttl=60, values=values)
    answered = spelled_alike([*given_answer.values, *given_answer.alias_values])
    if judge(expectation, given_answer, from_authority=from_authority).state == "converged":
        assert answered == spelled_alike(values)
        assert given_answer.rcode in {"NOERROR", "NXDOMAIN"}
        assert given_answer.error is None
        assert given_answer.alias_target is None
        assert given_answer.authoritative or not from_authority


@given(ANSWERS, EXPECTED_VALUES, st.booleans())
def test_every_usable_answer_with_a_strangers_address_is_misdirected(
    given_answer: Answer, values: list[str], from_authority: bool
) -> None:
    usable = given_answer.changed(rcode="NOERROR", error=None)
    expectation = Expectation(name=FQDN, type=usable.type, ttl=60, values=values)
    strangers = spelled_alike([*usable.values, *usable.alias_values]) - spelled_alike(values)
    evidence = judge(expectation, usable, from_authority=from_authority)
    if strangers:
        assert evidence.state == "misdirected"
    else:
        assert evidence.state != "misdirected" or usable.alias_target is not None


@given(ANSWERS, EXPECTED_VALUES)
def test_no_probe_that_leads_to_a_stranger_counts_as_converged(given_answer: Answer, acceptable: list[str]) -> None:
    evidence = judge_probe(Probe(name=FQDN, acceptable=acceptable), given_answer)
    strangers = spelled_alike([*given_answer.values, *given_answer.alias_values]) - spelled_alike(acceptable)
    assert not (evidence.state == "converged" and strangers)


@given(ANSWERS, EXPECTED_VALUES, st.booleans())
def test_whatever_has_not_converged_says_why(given_answer: Answer, values: list[str], from_authority: bool) -> None:
    expectation = Expectation(name=FQDN, type=given_answer.type, ttl=60, values=values)
    evidence = judge(expectation, given_answer, from_authority=from_authority)
    assert (evidence.state == "converged") == (evidence.detail is None)


def test_both_address_types_of_every_name_are_expected() -> None:
    expected = expectations_of(domain_intent(loadBalancerIPv6=LOAD_BALANCER_V6, ttl=300))
    assert len(expected) == 14 * 2
    assert {(e.type, tuple(e.values), e.ttl) for e in expected} == {
        ("A", (LOAD_BALANCER,), 300),
        ("AAAA", (LOAD_BALANCER_V6,), 300),
    }


def test_where_no_ipv6_address_was_asked_for_none_may_answer() -> None:
    expected = expectations_of(domain_intent())
    assert all(expectation.values == [] for expectation in expected if expectation.type == "AAAA")


def test_a_console_without_ipv6_must_not_answer_any() -> None:
    domain = domain_intent(loadBalancerIPv6=LOAD_BALANCER_V6, consoleLoadBalancerIP=CONSOLE_LOAD_BALANCER)
    found = {(e.name, e.type): e.values for e in expectations_of(domain)}
    assert found[f"console.{FQDN}", "AAAA"] == []
    assert found[f"console.{FQDN}", "A"] == [CONSOLE_LOAD_BALANCER]


def test_a_wildcard_is_not_asked_for_by_its_own_name() -> None:
    domain = domain_intent(pool={"domain": "omani.works", "subdomain": "t110"})
    assert not any("*" in expectation.name for expectation in expectations_of(domain))
    assert len(expectations_of(domain)) == 14 * 2

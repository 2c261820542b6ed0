"""The whole picture: pairs of server and name are counted, the worst word decides and is shown first."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.answer_verdicts import LONGEST_DETAIL, MOST_VALUES_TOLD, Answer, Expectation, judge
from sovereign_dns.contract import AnswerEvidence, Outcome, ServerVerdict, VerificationResult
from sovereign_dns.verification import (
    MOST_ANSWERS,
    WORST_FIRST,
    bounded,
    gist,
    is_delegated,
    is_proved,
    merged,
    result,
    sentence,
    server_verdict,
    with_resolvers,
    worst,
)
from tests.unit.builders import FQDN, domain_intent

NAMES = list(dict.fromkeys(rrset.name for rrset in domain_intent().rrsets))
OUTCOMES = st.sampled_from(WORST_FIRST)


def evidence(name: str, state: Outcome = "converged", rrtype: str = "A", detail: str | None = None) -> AnswerEvidence:
    told = detail or (None if state == "converged" else f"is {state}")
    return AnswerEvidence(name=f"{name}.", type=rrtype, state=state, detail=told)


def server(label: str, **states: Outcome) -> ServerVerdict:
    """A server that says all 14 names in both types, all as written but those named by their first label."""
    answers = [evidence(n, states.get(n.partition(".")[0], "converged"), t) for n in NAMES for t in ("A", "AAAA")]
    return server_verdict(label, "authoritative", answers)


def test_fourteen_names_on_three_servers_are_forty_two_answers() -> None:
    picture = result("authoritative", [server("ns1"), server("ns2"), server("ns3")], NAMES)
    assert (picture.converged, picture.total) == (42, 42)
    assert is_proved(picture)
    assert sentence(picture) == "42 of 42 answers are as written, from 3 authoritative servers"


def test_a_proof_of_absence_counts_denials_and_says_so() -> None:
    answers = [evidence(name, "converged", rrtype) for name in NAMES for rrtype in ("A", "AAAA")]
    authority = result("authoritative", [server_verdict("ns1", "authoritative", answers, gone=True)], NAMES, gone=True)
    resolver = server_verdict("9.9.9.9", "resolver", [evidence(NAMES[0], "lingering")], gone=True)

    picture = merged([with_resolvers(authority, [resolver], NAMES[:1])])

    assert authority.servers[0].detail == "no name is answered any more"
    assert sentence(authority) == "14 of 14 answers deny the names, from 1 authoritative server"
    assert (picture.level, picture.gone) == ("propagated", True)
    assert sentence(picture).startswith("14 of 15 answers deny the names; 9.9.9.9 is lingering: ")


def test_a_name_counts_only_when_all_its_types_are_as_written() -> None:
    answers = [evidence(name, "converged", rrtype) for name in NAMES for rrtype in ("A", "AAAA")]
    answers[-1] = evidence(NAMES[-1], "misdirected", "AAAA")
    picture = result("authoritative", [server_verdict("ns1", "authoritative", answers)], NAMES)
    assert (picture.converged, picture.total) == (13, 14)
    assert not is_proved(picture)


def test_a_name_that_was_not_answered_has_not_converged() -> None:
    answers = [evidence(name) for name in NAMES[1:]]
    picture = result("authoritative", [server_verdict("ns1", "authoritative", answers)], NAMES)
    assert (picture.converged, picture.total) == (13, 14)


def test_a_random_label_is_no_name_that_counts_but_spoils_its_server() -> None:
    answers = [*(evidence(name) for name in NAMES), evidence(f"x7.{FQDN}", "misdirected", detail="leads elsewhere")]
    verdict = server_verdict("ns1", "authoritative", answers)
    picture = result("authoritative", [verdict], NAMES)
    assert verdict.state == "misdirected"
    assert (picture.converged, picture.total) == (14, 14)
    assert not is_proved(picture)
    assert sentence(picture) == (f"14 of 14 answers are as written; ns1 is misdirected: x7.{FQDN}. A leads elsewhere")


def test_without_a_server_nothing_is_proved() -> None:
    picture = result("authoritative", [], NAMES)
    assert not is_proved(picture)
    assert "no authoritative server is known" in sentence(picture)


def test_a_server_without_an_answer_is_unreachable() -> None:
    verdict = server_verdict("ns1", "authoritative", [])
    assert (verdict.state, verdict.detail) == ("unreachable", "no answer")
    assert not is_proved(result("authoritative", [verdict], NAMES))


def test_the_worst_server_comes_first() -> None:
    labels: dict[str, Outcome] = {
        "ns1": "converged", "ns2": "unreachable", "ns3": "refused", "ns4": "missing", "ns5": "bogus",
        "ns6": "misdirected",
    }  # fmt: skip
    picture = result("authoritative", [server(label, console=state) for label, state in labels.items()], NAMES)
    assert [(one.server, one.state) for one in picture.servers] == [
        ("ns6", "misdirected"),
        ("ns5", "bogus"),
        ("ns4", "missing"),
        ("ns3", "refused"),
        ("ns2", "unreachable"),
        ("ns1", "converged"),
    ]
    assert picture.converged == 6 * 14 - 5
    assert "ns6 is misdirected" in sentence(picture)


@pytest.mark.parametrize(("worse", "better"), [*itertools.combinations(WORST_FIRST, 2)])
def test_the_worse_of_two_outcomes_is_shown(worse: Outcome, better: Outcome) -> None:
    assert worst([better, worse, better]) == worse


def test_of_nothing_the_worst_is_not_converged() -> None:
    assert worst([]) == "unreachable"


def test_a_servers_detail_is_its_worst_answers_and_how_many_there_are() -> None:
    verdict = server("ns1", console="missing", auth="misdirected", api="misdirected")
    assert verdict.state == "misdirected"
    assert verdict.detail == f"auth.{FQDN}. A is misdirected (and 3 more such answers)"


def test_a_server_that_is_right_says_so() -> None:
    assert server("ns1").detail == "every name answers as written"
    assert sentence(result("authoritative", [server("ns1")], NAMES)).endswith(
        "14 answers are as written, from 1 authoritative server"
    )


@given(st.lists(st.lists(OUTCOMES, min_size=1, max_size=4), max_size=4))
def test_it_is_proved_exactly_when_every_answer_of_every_server_is_as_written(states: list[list[Outcome]]) -> None:
    asked = ["a.example", "b.example", "c.example", "d.example"]
    servers = [
        server_verdict(f"ns{n}", "authoritative", [evidence(name, s) for name, s in zip(asked, one, strict=False)])
        for n, one in enumerate(states)
    ]
    picture = result("authoritative", servers, asked)
    assert is_proved(picture) == (bool(states) and all(state == "converged" for one in states for state in one))
    assert picture.converged == sum(one.count("converged") for one in states)
    assert picture.total == 4 * len(states)


def test_the_pictures_of_several_domains_add_up_and_reach_as_far_as_the_shortest() -> None:
    works = result("propagated", [server("ns1"), server("ns2", console="missing")], NAMES)
    homes = result("delegated", [server("ns3", console="misdirected")], NAMES)
    whole = merged([works, homes])
    assert (whole.converged, whole.total, whole.level) == (40, 42, "delegated")
    assert [one.server for one in whole.servers] == ["ns3", "ns2", "ns1"]


def test_no_picture_at_all_is_an_empty_one() -> None:
    assert merged([]) == VerificationResult()
    assert not is_proved(merged([]))


def test_a_picture_too_large_for_a_result_keeps_what_is_open() -> None:
    answers = [AnswerEvidence(name=f"s{n}.omani.works.", type="A", state="converged") for n in range(MOST_ANSWERS)]
    late = AnswerEvidence(name="late.omani.works.", type="A", state="missing", detail="not there")
    picture = VerificationResult(
        servers=[
            ServerVerdict(server="ns1", kind="authoritative", state="missing", detail="x", answers=[*answers, late])
        ]
    )
    assert bounded(picture).servers[0].answers == [late]
    small = VerificationResult(servers=[picture.servers[0].changed(answers=answers[:9])])
    assert bounded(small) == small


def parent(address: str, state: Outcome) -> ServerVerdict:
    return ServerVerdict(server=address, kind="parent", state=state, detail=f"is {state}")


def test_one_silent_server_of_the_parent_holds_nothing_up_while_another_one_speaks() -> None:
    assert is_delegated([parent("192.0.2.1", "converged"), parent("2001:db8::1", "unreachable")])
    assert not is_delegated([parent("192.0.2.1", "unreachable")])
    assert not is_delegated([parent("192.0.2.1", "converged"), parent("192.0.2.2", "missing")])
    assert not is_delegated([])


def test_what_is_still_waited_for_is_named() -> None:
    silent = ServerVerdict(server="9.9.9.9", kind="resolver", state="unreachable", detail="no answer")
    right = ServerVerdict(server="1.1.1.1", kind="resolver", state="converged", detail="as written")
    picture = VerificationResult(converged=14, total=14, servers=[silent, right])
    assert "9.9.9.9 is unreachable" in sentence(picture, done=False)
    assert sentence(picture) == "14 of 14 answers are as written, from 1 resolver"


def test_seconds_and_random_labels_are_no_news() -> None:
    def seen(label: str, seconds: int) -> VerificationResult:
        said = evidence(f"probe-{label}.{FQDN}.", "misdirected", detail=f"for {seconds} s more")
        return VerificationResult(servers=[server_verdict("ns1", "authoritative", [said])])

    assert gist(seen("a1", 40)) == gist(seen("b2", 25))
    assert gist(seen("a1", 40)) != gist(VerificationResult())


def test_an_answer_with_thousands_of_values_is_told_in_short() -> None:
    many = [f"192.0.2.{n % 250}" for n in range(4000)]
    told = judge(
        Expectation(name=FQDN, type="A", ttl=60, values=["77.42.11.95"]),
        Answer(name=FQDN, type="A", rcode="NOERROR", authoritative=True, values=many, ttl=60),
    )
    assert told.state == "misdirected"
    assert len(told.values) == MOST_VALUES_TOLD
    assert len(told.detail or "") <= LONGEST_DETAIL


def test_addresses_in_another_order_are_no_news() -> None:
    """A former provider's servers rotate them, and a resolver that keeps the former delegation asks those for days."""

    def picture(*values: str) -> VerificationResult:
        answer = AnswerEvidence(name="t1.omani.works.", type="A", state="misdirected", values=list(values))
        return result("propagated", [server_verdict("9.9.9.9", "resolver", [answer])], ["t1.omani.works"])

    assert gist(picture("192.0.2.1", "192.0.2.2")) == gist(picture("192.0.2.2", "192.0.2.1"))
    assert gist(picture("192.0.2.1", "192.0.2.2")) != gist(picture("192.0.2.1"))

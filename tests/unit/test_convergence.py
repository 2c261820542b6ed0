"""When resolvers are asked: no sooner than their answers can have changed, and only what was not as written."""

from datetime import UTC, datetime, timedelta

import pytest

from sovereign_dns.answer_verdicts import Expectation
from sovereign_dns.contract import AnswerEvidence, Outcome, ServerVerdict, VerificationResult
from sovereign_dns.convergence import (
    AFTER_EXPIRY,
    LOOKS_AT_UNREACHABLE,
    OVERDUE,
    Convergence,
    ResolverSeen,
    after_look,
    questions_left,
    resolver_verdict,
)
from sovereign_dns.pacing import BEFORE_THE_END, earliest_look

NOW = datetime(2026, 5, 15, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
CONSOLE = Expectation(name="console.t110.omani.works", type="A", ttl=60, values=["77.42.11.95"])
AUTH = Expectation(name="auth.t110.omani.works", type="A", ttl=60, values=["77.42.11.95"])
EXPECTED = [CONSOLE, AUTH]
NEW = ResolverSeen(resolver="9.9.9.9")


def said(
    expectation: Expectation, state: Outcome, *, ttl: int | None = None, negative_ttl: int | None = None
) -> AnswerEvidence:
    return AnswerEvidence(
        name=f"{expectation.name}.", type="A", state=state, ttl=ttl, negative_ttl=negative_ttl, asked_at=NOW
    )


def test_at_first_everything_is_asked() -> None:
    assert questions_left(NEW, EXPECTED, NOW) == EXPECTED


def test_a_stale_answer_is_asked_for_again_when_it_has_expired_and_nothing_else_is() -> None:
    seen = after_look(NEW, [said(CONSOLE, "misdirected", ttl=43), said(AUTH, "converged", ttl=60)], NOW)

    expiry = NOW + timedelta(seconds=43)
    assert seen.look_again_at == expiry + AFTER_EXPIRY
    assert questions_left(seen, EXPECTED, expiry) == []
    assert questions_left(seen, EXPECTED, expiry + AFTER_EXPIRY) == [CONSOLE]
    assert resolver_verdict(seen).until == expiry


def test_an_answer_that_lingers_is_waited_for_as_long_as_a_cache_keeps_it() -> None:
    seen = after_look(NEW, [said(CONSOLE, "lingering", ttl=43), said(AUTH, "converged", negative_ttl=600)], NOW)
    assert seen.look_again_at == NOW + timedelta(seconds=43) + AFTER_EXPIRY
    assert resolver_verdict(seen, gone=True).until == NOW + timedelta(seconds=43)


def test_a_denial_holds_for_its_negative_ttl() -> None:
    seen = after_look(NEW, [said(CONSOLE, "missing", negative_ttl=300), said(AUTH, "missing", negative_ttl=20)], NOW)
    assert seen.look_again_at == NOW + timedelta(seconds=300) + AFTER_EXPIRY


def test_what_has_expired_already_is_asked_for_after_a_second() -> None:
    later = NOW + timedelta(seconds=9)
    assert after_look(NEW, [said(CONSOLE, "misdirected", ttl=0)], later).look_again_at == later + OVERDUE


def test_a_second_look_that_is_right_settles_the_resolver() -> None:
    seen = after_look(NEW, [said(CONSOLE, "misdirected", ttl=43), said(AUTH, "converged", ttl=60)], NOW)
    seen = after_look(seen, [said(CONSOLE, "converged", ttl=60)], NOW + timedelta(seconds=44))

    assert seen.is_settled
    assert seen.look_again_at is None
    assert resolver_verdict(seen).state == "converged"
    assert Convergence(resolvers=[seen]).is_settled


def in_vain(looks: int) -> ResolverSeen:
    seen = NEW
    for _ in range(looks):
        seen = after_look(seen, [said(CONSOLE, "unreachable"), said(AUTH, "unreachable")], NOW, silent=True)
    return seen


def test_a_resolver_out_of_reach_holds_nothing_up_while_another_answers() -> None:
    assert not in_vain(LOOKS_AT_UNREACHABLE - 1).is_settled
    away = in_vain(LOOKS_AT_UNREACHABLE)
    assert away.is_settled
    assert not Convergence(resolvers=[away]).is_settled, "nothing was proved where nobody could be asked"
    right = after_look(ResolverSeen(resolver="1.1.1.1"), [said(CONSOLE, "converged")], NOW)
    assert Convergence(resolvers=[away, right]).is_settled


def test_one_that_answered_once_and_then_falls_silent_is_out_of_reach_too() -> None:
    seen = after_look(NEW, [said(CONSOLE, "missing", negative_ttl=1), said(AUTH, "converged")], NOW)
    for _ in range(LOOKS_AT_UNREACHABLE):
        assert not seen.is_settled
        seen = after_look(seen, [said(CONSOLE, "unreachable")], NOW, silent=True)
    assert seen.is_settled


def test_one_whose_last_word_led_to_a_stranger_is_never_given_up() -> None:
    seen = after_look(NEW, [said(CONSOLE, "misdirected", ttl=1), said(AUTH, "converged")], NOW)
    for _ in range(LOOKS_AT_UNREACHABLE + 1):
        seen = after_look(seen, [said(CONSOLE, "unreachable")], NOW, silent=True)
    assert not seen.is_settled
    assert resolver_verdict(seen).state == "misdirected"


def test_one_lost_question_is_no_silence() -> None:
    seen = NEW
    for _ in range(LOOKS_AT_UNREACHABLE + 1):
        seen = after_look(seen, [said(CONSOLE, "unreachable")], NOW)
    assert not seen.is_settled


def test_the_next_look_is_at_the_first_resolver_that_can_have_changed() -> None:
    soon = after_look(NEW, [said(CONSOLE, "misdirected", ttl=5)], NOW)
    late = after_look(ResolverSeen(resolver="1.1.1.1"), [said(CONSOLE, "misdirected", ttl=50)], NOW)
    assert Convergence(resolvers=[late, soon]).next_look() == soon.look_again_at


def test_a_resolver_that_declines_is_within_reach_and_waited_for() -> None:
    right = after_look(ResolverSeen(resolver="1.1.1.1"), [said(CONSOLE, "converged")], NOW)
    seen = NEW
    for _ in range(LOOKS_AT_UNREACHABLE + 1):
        seen = after_look(seen, [said(CONSOLE, "refused")], NOW)
    assert not Convergence(resolvers=[seen, right]).is_settled


def test_a_resolver_that_is_wrong_for_long_is_asked_once_more_where_the_wait_ends() -> None:
    """One whose validation succeeds again a minute before must not fail the step."""
    ends = NOW + timedelta(minutes=1)
    seen = after_look(NEW, [said(CONSOLE, "bogus")], NOW, earliest=earliest_look(NOW, timedelta(minutes=29), ends))
    assert seen.look_again_at == ends - BEFORE_THE_END
    late = after_look(seen, [said(CONSOLE, "bogus")], ends, earliest=earliest_look(ends, timedelta(minutes=30), ends))
    assert late.look_again_at is not None
    assert late.look_again_at > ends


@pytest.mark.parametrize(
    ("said_for_days", "silent"),
    [
        ([said(CONSOLE, "bogus"), said(AUTH, "bogus")], False),
        ([said(CONSOLE, "refused"), said(AUTH, "refused")], False),
        ([said(CONSOLE, "misdirected", ttl=0), said(AUTH, "misdirected", ttl=0)], False),
        ([said(CONSOLE, "misdirected", ttl=60), said(AUTH, "misdirected", ttl=60)], False),
        ([said(CONSOLE, "unreachable"), said(AUTH, "unreachable")], True),
    ],
)
def test_a_resolver_that_is_wrong_for_two_days_costs_few_looks(
    said_for_days: list[AnswerEvidence], silent: bool
) -> None:
    """Such as one that keeps the former delegation, or the former DS, for as long as a registry's TTL."""
    seen, now, looks = NEW, NOW, 0
    while now < NOW + timedelta(days=2):
        looks += 1
        answers = [answer.changed(asked_at=now) for answer in said_for_days]
        seen = after_look(seen, answers, now, silent=silent, earliest=earliest_look(now, now - NOW))
        assert seen.look_again_at is not None
        now = seen.look_again_at
    assert looks < 1000


def test_a_resolver_that_is_wrong_for_long_is_asked_when_its_answer_ends_and_not_before() -> None:
    answers = [said(CONSOLE, "misdirected", ttl=3600), said(AUTH, "converged", ttl=60)]
    seen = after_look(NEW, answers, NOW, earliest=earliest_look(NOW, timedelta(days=1)))
    assert seen.look_again_at == NOW + timedelta(hours=1) + AFTER_EXPIRY


def test_a_resolver_that_is_no_longer_configured_is_not_waited_for() -> None:
    right = after_look(ResolverSeen(resolver="1.1.1.1"), [said(CONSOLE, "converged")], NOW)
    wrong = after_look(NEW, [said(CONSOLE, "refused")], NOW)
    assert Convergence(resolvers=[wrong, right]).among(["1.1.1.1", "8.8.8.8"]).is_settled


def test_what_is_noted_of_a_large_request_fits_into_temporals_limit() -> None:
    def answers(state: Outcome) -> list[AnswerEvidence]:
        return [
            AnswerEvidence(
                name=f"a-rather-long-subdomain-{n}.t110.omani.works.",
                type=rrtype,
                state=state,
                values=["192.0.2.1"] * 16,
                detail="x" * 600,
                ttl=60,
                asked_at=NOW,
            )
            for n in range(200)
            for rrtype in ("A", "AAAA")
        ]

    def verdict(server: int) -> ServerVerdict:
        return ServerVerdict(
            server=f"ns{server}", kind="authoritative", state="missing", detail="x", answers=answers("missing")
        )

    known = Convergence(
        authority=VerificationResult(servers=[verdict(n) for n in range(13)]),
        resolvers=[after_look(ResolverSeen(resolver=f"192.0.2.{n}"), answers("misdirected"), NOW) for n in range(13)],
    )

    noted = known.bounded()
    assert len(noted.model_dump_json(by_alias=True, exclude_defaults=True)) < 2 * 1024 * 1024 - 200_000
    expected = [CONSOLE.changed(name=a.name.rstrip("."), type=a.type) for a in noted.resolvers[0].answers]
    assert len(questions_left(noted.resolvers[0], expected, LATER)) == 400

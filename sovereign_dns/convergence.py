"""How the answers of caches come to be those that were written, over all looks at them. Pure.

A cache that holds an old answer says for how long. Nothing can change there before that, so nobody asks before that;
what it has answered as written is not asked for again.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from sovereign_dns import verification
from sovereign_dns.contract import AnswerEvidence, ServerVerdict, VerificationResult
from sovereign_dns.wire import Message

AFTER_EXPIRY = timedelta(seconds=0.2)
"""The question may have been a while on its way: what the cache then kept for 43 s ends that much later."""

OVERDUE = timedelta(seconds=1)
"""After an answer that should be gone. A cache counts whole seconds, most of them up to the one in which they let go;
one that counts down to 0 keeps it for the rest of that second.
"""

LOOK_AGAIN = timedelta(seconds=5)
"""At a resolver that doesn't say for how long its answer holds: one that refuses, or whose validation fails."""

LOOKS_AT_UNREACHABLE = 2
"""After so many looks in vain a resolver counts as out of reach, and holds nothing up."""

LOOK_AGAIN_OUT_OF_REACH = timedelta(seconds=60)

_DANGEROUS = frozenset({"misdirected", "bogus"})
_HELD_BY_A_CACHE = frozenset({"misdirected", "lingering", "missing"})


class Question(Protocol):
    """What a resolver is asked, whatever it shall answer."""

    @property
    def name(self) -> str:
        """Without its trailing dot."""

    @property
    def type(self) -> str:
        """A or AAAA."""


Asked = TypeVar("Asked", bound=Question)


class ResolverSeen(Message):
    """The latest word of one resolver on every question, and when the next one can differ from it."""

    resolver: str
    answers: list[AnswerEvidence] = []
    nameservers: list[str] = []
    look_again_at: datetime | None = None
    looks_in_vain: int = 0

    @property
    def is_out_of_reach(self) -> bool:
        """Whether it answers nothing, and is not expected to any more. One that last led to a stranger is."""
        dangerous = any(answer.state in _DANGEROUS for answer in self.answers)
        return self.looks_in_vain >= LOOKS_AT_UNREACHABLE and not dangerous

    @property
    def is_settled(self) -> bool:
        """Whether nothing need be waited for."""
        return self.is_out_of_reach or self.has_converged

    @property
    def has_converged(self) -> bool:
        """Whether it has answered every question as written."""
        return bool(self.answers) and not _left(self.answers)


class Convergence(Message):
    """What is known of a parent domain's names, over all looks: at the authority, the delegation, and the resolvers.

    `told` is the gist of what the run's status shows.
    """

    authority: VerificationResult | None = None
    delegation: list[ServerVerdict] | None = None
    resolvers: list[ResolverSeen] = []
    told: list[str] = []

    @property
    def is_settled(self) -> bool:
        """Whether every resolver is: it answers as written, or is out of reach while another one is not."""
        settled = all(seen.is_settled for seen in self.resolvers)
        return settled and not (self.resolvers and all(seen.is_out_of_reach for seen in self.resolvers))

    def seen(self, resolver: str) -> ResolverSeen:
        """What is known of one resolver."""
        return next((seen for seen in self.resolvers if seen.resolver == resolver), ResolverSeen(resolver=resolver))

    def among(self, resolvers: Collection[str]) -> "Convergence":
        """The same without the resolvers that are no longer configured: nobody would ever ask them again."""
        return self.changed(resolvers=[seen for seen in self.resolvers if seen.resolver in resolvers])

    def with_look(self, look: ResolverSeen) -> "Convergence":
        """The same with the latest look at one resolver."""
        others = [seen for seen in self.resolvers if seen.resolver != look.resolver]
        return self.changed(resolvers=[*others, look])

    def bounded(self) -> "Convergence":
        """The same, small enough to be noted: of many answers only what the next look needs."""
        authority = verification.bounded(self.authority) if self.authority else None
        count = sum(len(seen.answers) for seen in self.resolvers)
        kept = self.resolvers if count <= verification.MOST_ANSWERS else [_in_short(seen) for seen in self.resolvers]
        return self.changed(authority=authority, resolvers=kept)

    def next_look(self) -> datetime | None:
        """When the first of the resolvers can have changed; None where nobody need be asked."""
        return min((seen.look_again_at for seen in self.resolvers if seen.look_again_at is not None), default=None)


def _in_short(seen: ResolverSeen) -> ResolverSeen:
    """Without values and words, but for the first answers that are not as written."""
    told = _left(seen.answers)[: verification.MOST_OPEN_ANSWERS]
    return seen.changed(
        answers=[
            answer if answer in told else answer.changed(values=[], detail=None, latency_ms=None, authority=None)
            for answer in seen.answers
        ]
    )


def questions_left(seen: ResolverSeen, expected: Sequence[Asked], now: datetime) -> list[Asked]:
    """What to ask a resolver now: everything at first, then what was not as written, when it can have changed."""
    if not seen.answers:
        return list(expected) if seen.look_again_at is None or seen.look_again_at <= now else []
    if seen.look_again_at is None or seen.look_again_at > now:
        return []
    open_questions = {(answer.name, answer.type) for answer in _left(seen.answers)}
    return [e for e in expected if (f"{e.name}.", e.type) in open_questions]


def after_look(
    seen: ResolverSeen,
    answers: Sequence[AnswerEvidence],
    now: datetime,
    *,
    silent: bool = False,
    earliest: datetime | None = None,
) -> ResolverSeen:
    """What is known of a resolver after it was asked, and when to ask it again.

    Args:
        seen: what was known before.
        answers: what it said of the questions that were open.
        now: when it said so.
        silent: whether it answered nothing at all. A wrong answer is not forgotten by that.
        earliest: before when not to ask again, also where an answer holds for less: it may be wrong for days, as where
            the resolver keeps a former delegation, or a DS that no longer fits.
    """
    before = {(answer.name, answer.type): answer for answer in seen.answers}
    latest = before | {(answer.name, answer.type): _latest(before, answer) for answer in answers}
    looks_in_vain = seen.looks_in_vain + 1 if silent else 0
    after = seen.changed(answers=list(latest.values()), looks_in_vain=looks_in_vain)
    if after.has_converged:
        return after.changed(look_again_at=None)
    return after.changed(look_again_at=max(_next_look(after, now, silent=silent), earliest or now))


def _latest(before: Mapping[tuple[str, str], AnswerEvidence], answer: AnswerEvidence) -> AnswerEvidence:
    known = before.get((answer.name, answer.type))
    return known if known and known.state in _DANGEROUS and answer.state == "unreachable" else answer


def _next_look(seen: ResolverSeen, now: datetime, *, silent: bool) -> datetime:
    """When the last of its old answers ends: before that they can't all be as written."""
    if seen.is_out_of_reach:
        return now + LOOK_AGAIN_OUT_OF_REACH
    ends = [end for answer in _left(seen.answers) if (end := expires_at(answer)) is not None]
    if silent or not ends:
        return now + LOOK_AGAIN
    return max(ends) + AFTER_EXPIRY if max(ends) > now else now + OVERDUE


def _left(answers: Iterable[AnswerEvidence]) -> list[AnswerEvidence]:
    return [answer for answer in answers if answer.state != "converged"]


def expires_at(answer: AnswerEvidence) -> datetime | None:
    """When a cache lets go of an answer, or of a denial; None where it doesn't say."""
    holds = answer.ttl if answer.ttl is not None else answer.negative_ttl
    if holds is None or answer.asked_at is None or answer.state not in _HELD_BY_A_CACHE:
        return None
    return answer.asked_at + timedelta(seconds=holds)


def resolver_verdict(seen: ResolverSeen, *, gone: bool = False) -> ServerVerdict:
    """What one resolver says, and until when, where it says so."""
    verdict = verification.server_verdict(seen.resolver, "resolver", seen.answers, gone=gone)
    ends = [end for answer in _left(seen.answers) if (end := expires_at(answer)) is not None]
    return verdict.changed(until=max(ends, default=None), nameservers=seen.nameservers)

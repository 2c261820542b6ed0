"""One look at the resolvers whose answers can have changed since the last one."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from activities.attempt_time import waited
from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.resolver_places import Resolver
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.contract import AnswerEvidence
from sovereign_dns.convergence import Asked, Convergence, ResolverSeen, after_look, questions_left

MOST_NAMESERVERS_TOLD = 16

Judge = Callable[[Asked, Answer], AnswerEvidence]


async def look_at_resolvers(
    resolvers: Resolvers, domain: str, known: Convergence, expected: Sequence[Asked], judge: Judge[Asked]
) -> Convergence:
    """Asks those that can have changed, and only what was not as it shall be; and each for the domain's NS set."""
    now = datetime.now(UTC)
    known = known.among([resolver.label for resolver in resolvers.resolvers])
    left = {
        resolver: questions
        for resolver in resolvers.resolvers
        if (questions := questions_left(known.seen(resolver.label), expected, now))
    }
    delegation = (domain, "NS")
    answers = await resolvers.ask_all(
        {resolver: [*((e.name, e.type) for e in questions), delegation] for resolver, questions in left.items()}
    )
    for resolver, questions in left.items():
        known = known.with_look(_look(known, resolver, questions, answers[resolver], judge))
    return known


def _look(
    known: Convergence, resolver: Resolver, questions: Sequence[Asked], answers: Sequence[Answer], judge: Judge[Asked]
) -> ResolverSeen:
    *said, delegation = answers
    evidence = [judge(question, answer) for question, answer in zip(questions, said, strict=True)]
    seen = known.seen(resolver.label).changed(nameservers=sorted(delegation.values)[:MOST_NAMESERVERS_TOLD])
    silent = all(answer.error for answer in answers)
    return after_look(seen, evidence, datetime.now(UTC), silent=silent, waited=waited())

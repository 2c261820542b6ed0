"""The picture of a verification: what each server says, the worst first, and whether that is the proof. Pure."""

from collections.abc import Iterable, Sequence

from sovereign_dns import names
from sovereign_dns.answer_verdicts import PROBE_PREFIX
from sovereign_dns.contract import (
    AnswerEvidence,
    Outcome,
    ServerKind,
    ServerVerdict,
    VerificationLevel,
    VerificationResult,
)

WORST_FIRST: tuple[Outcome, ...] = (
    "misdirected", "lingering", "bogus", "missing", "refused", "unreachable", "converged",
)  # fmt: skip
"""Shown in this order: what endangers users before what merely isn't there yet."""

MOST_SERVERS_IN_SHORT = 6

MOST_ANSWERS = 1500
"""Above, a picture keeps only what is not as written: Temporal takes no result above 2 MiB."""

MOST_OPEN_ANSWERS = 20
"""Of each server, in a picture that keeps only those."""


def worst(states: Iterable[Outcome]) -> Outcome:
    """The state that is shown for all of them. Without any, nothing was proved: `unreachable`."""
    present = set(states)
    return next((state for state in WORST_FIRST if state in present), "unreachable")


def server_verdict(
    server: str, kind: ServerKind, answers: Sequence[AnswerEvidence], *, gone: bool = False
) -> ServerVerdict:
    """What one server says of all names; `gone` where they shall not be answered."""
    state = worst(answer.state for answer in answers)
    told = [answer for answer in answers if answer.state == state and answer.detail]
    if state == "converged":
        detail = "no name is answered any more" if gone else "every name answers as written"
    elif told:
        more = f" (and {len(told) - 1} more such answers)" if len(told) > 1 else ""
        detail = f"{told[0].name} {told[0].type} {told[0].detail}{more}"
    else:
        detail = "no answer"
    return ServerVerdict(
        server=server,
        kind=kind,
        state=state,
        detail=detail,
        asked_at=max((answer.asked_at for answer in answers if answer.asked_at), default=None),
        latency_ms=max((answer.latency_ms for answer in answers if answer.latency_ms is not None), default=None),
        answers=list(answers),
    )


def result(
    level: VerificationLevel, servers: Sequence[ServerVerdict], asked_names: Sequence[str], *, gone: bool = False
) -> VerificationResult:
    """The whole picture, worst first: pairs of server and name, of which a pair has converged with all its types."""
    expected = {names.absolute(name) for name in asked_names}
    total = len(servers) * len(expected)
    converged = sum(_converged_names(server, expected) for server in servers)
    return VerificationResult(level=level, gone=gone, converged=converged, total=total, servers=_worst_first(servers))


def _worst_first(servers: Iterable[ServerVerdict]) -> list[ServerVerdict]:
    return sorted(servers, key=lambda server: (WORST_FIRST.index(server.state), server.server))


def _converged_names(server: ServerVerdict, expected: set[str]) -> int:
    by_name: dict[str, list[Outcome]] = {}
    for answer in server.answers:
        by_name.setdefault(answer.name, []).append(answer.state)
    return sum(1 for name in expected if worst(by_name.get(name, [])) == "converged")


def is_proved(verification: VerificationResult) -> bool:
    """Whether every server said exactly what was written, and there was at least one to say it."""
    every_server = all(server.state == "converged" for server in verification.servers)
    return bool(verification.servers) and every_server and verification.converged == verification.total


def with_resolvers(
    authority: VerificationResult, resolvers: Sequence[ServerVerdict], asked_names: Sequence[str]
) -> VerificationResult:
    """The picture of the resolvers too. Those out of reach count only where all of them are.

    It reaches them by the delegation, where that was followed; for names that are gone it doesn't matter.
    """
    reached = [verdict for verdict in resolvers if verdict.state != "unreachable"]
    counted = result("propagated", reached or resolvers, asked_names)
    return authority.changed(
        level="propagated" if authority.gone or authority.level == "delegated" else authority.level,
        converged=authority.converged + counted.converged,
        total=authority.total + counted.total,
        servers=_worst_first([*authority.servers, *resolvers]),
    )


def with_delegation(authority: VerificationResult, delegation: Sequence[ServerVerdict]) -> VerificationResult:
    """The picture of what leads to the authority too. A delegation speaks of no names, so it counts no answers."""
    return authority.changed(level="delegated", servers=_worst_first([*authority.servers, *delegation]))


def without(verification: VerificationResult, note: str) -> VerificationResult:
    """The same picture, which says what was left out."""
    return verification.changed(notes=[*verification.notes, note])


def sentence(verification: VerificationResult, *, done: bool = True, denied: str = "the names") -> str:
    """The picture in one sentence: the worst server first.

    `done` where those out of reach are no longer waited for; `denied` is what shall be gone.
    """
    if not verification.servers:
        return "no authoritative server is known that could be asked"
    meaning = f"deny {denied}" if verification.gone else "are as written"
    count = f"{verification.converged} of {verification.total} answers {meaning}"
    told = holding_up(verification) if done else [s for s in verification.servers if s.state != "converged"]
    first = next(iter(told), None)
    if first is None:
        kinds = [_counted(verification, "authoritative"), _counted(verification, "resolver")]
        return f"{count}, from {' and '.join(kind for kind in kinds if kind)}"
    until = f", until {first.until:%H:%M:%S} UTC" if first.until else ""
    return f"{count}; {first.server} is {first.state}{until}: {first.detail}"


def holding_up(verification: VerificationResult) -> list[ServerVerdict]:
    """The servers that the proof waits for, the worst first."""
    return [
        server
        for server in verification.servers
        if server.state != "converged" and not _may_be_silent(server, verification)
    ]


def _may_be_silent(server: ServerVerdict, verification: VerificationResult) -> bool:
    """Whether the proof does without it: a resolver or a parent's server out of reach, where another one answers."""
    others = (other for other in verification.servers if other.kind == server.kind and other.state == "converged")
    return server.kind != "authoritative" and server.state == "unreachable" and any(others)


def is_delegated(verdicts: Sequence[ServerVerdict]) -> bool:
    """Whether every server that spoke of the delegation says that it is right, and one did."""
    picture = VerificationResult(servers=list(verdicts))
    spoke = [verdict for verdict in verdicts if not _may_be_silent(verdict, picture)]
    return bool(spoke) and all(verdict.state == "converged" for verdict in spoke)


def _counted(verification: VerificationResult, kind: ServerKind) -> str:
    converged = sum(server.kind == kind and server.state == "converged" for server in verification.servers)
    if not converged:
        return ""
    noun = "resolver" if kind == "resolver" else f"{kind} server"
    return f"{converged} {noun}{'' if converged == 1 else 's'}"


def gist(verification: VerificationResult) -> list[str]:
    """What a person would call a change of the picture: without times, latencies, random labels and rotation."""
    return [f"{server.server} {server.state} {_open_answers(server)}" for server in verification.servers]


def _open_answers(server: ServerVerdict) -> str:
    wrong = [answer for answer in server.answers if answer.state != "converged"]
    told = sorted(f"{_asked_name(answer)} {answer.type} {answer.state} {sorted(answer.values)}" for answer in wrong)
    return "; ".join(told[:MOST_OPEN_ANSWERS])


def _asked_name(answer: AnswerEvidence) -> str:
    return "" if answer.name.startswith(PROBE_PREFIX) else answer.name


def bounded(verification: VerificationResult) -> VerificationResult:
    """With every answer where they are not too many."""
    count = sum(len(server.answers) for server in verification.servers)
    return verification if count <= MOST_ANSWERS else of_what_is_open(verification)


def of_what_is_open(verification: VerificationResult) -> VerificationResult:
    """Of each server only the answers that are not as written, the first ones of many."""
    servers = [
        server.changed(answers=[a for a in server.answers if a.state != "converged"][:MOST_OPEN_ANSWERS])
        for server in verification.servers
    ]
    return verification.changed(servers=servers)


def in_short(verification: VerificationResult) -> VerificationResult:
    """Small enough for a failure, which Temporal replaces where it is too large: what each server says at worst."""
    servers = [
        server.changed(detail=server.detail[:200], answers=[])
        for server in verification.servers[:MOST_SERVERS_IN_SHORT]
    ]
    return verification.changed(servers=servers)


def merged(parts: Iterable[VerificationResult]) -> VerificationResult:
    """The pictures of several parent domains as one."""
    pictures = list(parts)
    by_server: dict[tuple[str, ServerKind], list[ServerVerdict]] = {}
    for part in pictures:
        for server in part.servers:
            by_server.setdefault((server.server, server.kind), []).append(server)
    servers = [_one_verdict(verdicts) for verdicts in by_server.values()]
    return VerificationResult(
        level=min((part.level for part in pictures), key=_reach, default="authoritative"),
        gone=any(part.gone for part in pictures),
        converged=sum(part.converged for part in pictures),
        total=sum(part.total for part in pictures),
        servers=_worst_first(servers),
        notes=list(dict.fromkeys(note for part in pictures for note in part.notes)),
    )


def _one_verdict(verdicts: Sequence[ServerVerdict]) -> ServerVerdict:
    """One server's verdicts on several parent domains as one; each names what it speaks of."""
    first = min(verdicts, key=lambda verdict: WORST_FIRST.index(verdict.state))
    return first.changed(answers=[answer for verdict in verdicts for answer in verdict.answers])


def _reach(level: VerificationLevel) -> int:
    return ("authoritative", "delegated", "propagated").index(level)

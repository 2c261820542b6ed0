"""What one DNS answer means: it is compared with what was written. Pure.

A wrong address sends users to a stranger, and is told apart from every way of not being there yet.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from sovereign_dns import names
from sovereign_dns.contract import AnswerEvidence, Outcome
from sovereign_dns.intent import DomainIntent
from sovereign_dns.rrsets import canonical_content
from sovereign_dns.wire import Message

MOST_VALUES_TOLD = 16
MOST_VALUES_NAMED = 5
LONGEST_DETAIL = 600
"""Of one answer. A server may send thousands of values, and Temporal takes no note of megabytes."""

PROBE_PREFIX = "probe-"
"""What the random label below a host begins with."""

_WILDCARD_LABEL = "*"

_SERIALS = 2**32


class Expectation(Message):
    """What a name shall answer for one type. Without values: that it answers nothing of this type."""

    name: str
    type: str
    ttl: int
    values: list[str]


class Probe(Message):
    """A random label below the host: it may be unknown, or lead to the Sovereign, and nothing else.

    `written` is what a wildcard there was written with, by type: then it must lead there.
    """

    name: str
    acceptable: list[str]
    written: dict[str, list[str]] = {}


class Answer(Message):
    """One server's answer to one question, with nothing left out that a verdict needs.

    `ttl` is how many seconds the answer holds: for an alias, the smallest in its chain. `negative_ttl` is how many a
    denial does (RFC 2308 §5), and `authority` the zone whose SOA came with it.
    `validated` says that the resolver vouches for the answer by DNSSEC (AD), `bogus` that it refuses data which are
    there, since they fail validation.
    `error` is set where no usable answer came; `unroutable` where this machine can't even send to the address.
    """

    name: str
    type: str
    rcode: str | None = None
    authoritative: bool = False
    values: list[str] = []
    ttl: int | None = None
    negative_ttl: int | None = None
    authority: str | None = None
    validated: bool = False
    bogus: bool = False
    alias_target: str | None = None
    alias_values: list[str] = []
    referral_to: list[str] = []
    error: str | None = None
    unroutable: bool = False
    latency_ms: float | None = None
    asked_at: datetime | None = None


def expectations_of(intent: DomainIntent) -> list[Expectation]:
    """Both address types of every name: where no IPv6 address was asked for, none may answer.

    A wildcard is not asked for by its own name, which no user does; the probe looks below the host.
    """
    wanted = {(rrset.name, rrset.type): rrset for rrset in intent.rrsets if not rrset.name.startswith(_WILDCARD_LABEL)}
    ttls = {name: rrset.ttl for (name, _), rrset in wanted.items()}
    return [
        Expectation(
            name=name,
            type=rrtype,
            ttl=ttl,
            values=wanted[name, rrtype].values if (name, rrtype) in wanted else [],
        )
        for name, ttl in ttls.items()
        for rrtype in ("A", "AAAA")
    ]


def judge(expectation: Expectation, answer: Answer, *, from_authority: bool = True) -> AnswerEvidence:
    """The verdict on one answer.

    Authoritative servers must set AA and answer the TTL as written. A resolver's answer holds for as long as its cache
    keeps it, which the verdict says.
    """
    verdict = _authoritative_verdict if from_authority else _resolver_verdict
    state, detail = verdict(expectation, answer)
    return evidence_of(answer, state, detail)


def judge_probe(probe: Probe, answer: Answer) -> AnswerEvidence:
    """The verdict on the random label's answer."""
    if answer.error is not None or answer.rcode not in {"NOERROR", "NXDOMAIN"}:
        state, detail = no_answer(answer)
        return evidence_of(answer, state, detail)
    strangers = [value for value in addresses_in(answer) if not same(answer.type, value, probe.acceptable)]
    if strangers:
        return evidence_of(
            answer,
            "misdirected",
            f"a random name below the host leads to {first_of(strangers)}: a wildcard answers there for a stranger",
        )
    if answer.alias_target is not None and not answer.alias_values:
        return evidence_of(
            answer,
            "misdirected",
            f"a random name below the host is an alias (CNAME) to {answer.alias_target}: a wildcard answers there",
        )
    lacking = [value for value in probe.written.get(answer.type, []) if not same(answer.type, value, answer.values)]
    if lacking:
        detail = f"a random name below the host isn't answered with {first_of(lacking)}, as its wildcard was written"
        return evidence_of(answer, "missing", detail)
    return evidence_of(answer, "converged", None)


def _authoritative_verdict(expectation: Expectation, answer: Answer) -> tuple[Outcome, str | None]:
    if is_no_answer(answer):
        return no_answer(answer)
    if wrong := _misdirection(expectation, answer):
        return "misdirected", wrong
    if answer.referral_to:
        return "missing", (
            f"refers to {first_of(answer.referral_to)}: the name lies below a delegation, which hides what was "
            "written above it"
        )
    if not answer.authoritative:
        return "refused", "answers without authority (AA not set): the server doesn't host the zone"
    if absent := _absence(expectation, answer):
        return "missing", absent
    if answer.values and answer.ttl != expectation.ttl:
        return "missing", f"still answers with TTL {answer.ttl}, where {expectation.ttl} was written"
    return "converged", None


def _resolver_verdict(expectation: Expectation, answer: Answer) -> tuple[Outcome, str | None]:
    if is_no_answer(answer):
        return no_resolution(answer)
    if wrong := _misdirection(expectation, answer):
        return "misdirected", wrong + for_so_long(answer.ttl)
    if answer.referral_to:
        return "refused", (
            f"refers to {first_of(answer.referral_to)} instead of asking there: the server doesn't resolve for us"
        )
    if absent := _absence(expectation, answer):
        return "missing", absent + for_so_long(answer.ttl if answer.values else answer.negative_ttl)
    if answer.values and answer.ttl is not None and answer.ttl > expectation.ttl:
        return "converged", f"TTL {answer.ttl}, where {expectation.ttl} was written: this resolver keeps answers longer"
    return "converged", None


def is_no_answer(answer: Answer) -> bool:
    """Whether it says nothing of the name: neither what it has, nor that it has nothing."""
    return answer.bogus or answer.error is not None or answer.rcode not in {"NOERROR", "NXDOMAIN"}


def _misdirection(expectation: Expectation, answer: Answer) -> str | None:
    strangers = [value for value in addresses_in(answer) if not same(answer.type, value, expectation.values)]
    if strangers:
        wanted = ", ".join(expectation.values) or f"no {expectation.type} record"
        return f"answers {first_of(strangers)}, where {wanted} was written: users reach a stranger"
    if answer.alias_target is not None:
        return f"is an alias (CNAME) to {answer.alias_target}, where addresses were written"
    return None


def _absence(expectation: Expectation, answer: Answer) -> str | None:
    if answer.rcode == "NXDOMAIN":  # also wrong where no record of the type is expected: the name has others
        return "NXDOMAIN: the name doesn't exist there"
    if not expectation.values:
        return None
    if not answer.values:
        return f"no data: the name exists there and has no {expectation.type} record"
    missing = [value for value in expectation.values if not same(answer.type, value, answer.values)]
    return f"doesn't answer {', '.join(missing)} yet" if missing else None


def no_answer(answer: Answer) -> tuple[Outcome, str]:
    """The verdict on an authoritative server that says nothing of the name."""
    if answer.error is not None or answer.rcode is None:
        return "unreachable", answer.error or "no answer"
    return "refused", f"{answer.rcode}: the server declines to answer"


def no_resolution(answer: Answer) -> tuple[Outcome, str]:
    """The verdict on a resolver that says nothing of the name."""
    if answer.error is None and answer.bogus:
        return "bogus", (
            "SERVFAIL, and an answer as soon as nothing is checked (CD): DNSSEC validation fails, so whoever validates "
            "gets no answer. Compare the DS in the parent zone with the zone's keys, and see whether its signatures "
            "have expired"
        )
    if answer.error is None and answer.rcode == "SERVFAIL":
        return "refused", (
            "SERVFAIL: the resolver gets no usable answer from the authoritative servers. See whether the delegation "
            "leads to them, and whether they can be reached from the Internet"
        )
    return no_answer(answer)


def for_so_long(ttl: int | None) -> str:
    """What a cache holds goes away by itself; an answer that isn't cached may change at once."""
    return f", for {ttl} s more" if ttl else ""


def addresses_in(answer: Answer) -> list[str]:
    """Where it leads, by an alias too."""
    return [*answer.values, *answer.alias_values]


def same(rrtype: str, value: str, values: Iterable[str]) -> bool:
    """Whether the value is among the others, however it is spelled."""
    return canonical_content(rrtype, value) in {canonical_content(rrtype, other) for other in values}


def evidence_of(answer: Answer, state: Outcome, detail: str | None) -> AnswerEvidence:
    """The verdict with what it rests on, within bounds."""
    return AnswerEvidence(
        name=names.absolute(answer.name),
        type=answer.type,
        state=state,
        values=addresses_in(answer)[:MOST_VALUES_TOLD],
        ttl=answer.ttl,
        negative_ttl=answer.negative_ttl,
        authority=answer.authority,
        detail=detail if detail is None else detail[:LONGEST_DETAIL],
        latency_ms=answer.latency_ms,
        asked_at=answer.asked_at,
    )


def first_of(values: Sequence[str]) -> str:
    """The values as a sentence names them: the first of many."""
    more = f" and {len(values) - MOST_VALUES_NAMED} more" if len(values) > MOST_VALUES_NAMED else ""
    return ", ".join(values[:MOST_VALUES_NAMED]) + more


def judge_serials(answers: Mapping[str, Answer]) -> dict[str, AnswerEvidence]:
    """The verdict on each server's SOA: one with an older serial than another's serves an older copy of the zone."""
    serials = {server: int(answer.values[0].split()[2]) for server, answer in answers.items() if answer.values}
    newest = next((s for s in serials if not any(_is_newer(other, serials[s]) for other in serials.values())), None)
    return {server: _judge_serial(answer, server, serials, newest) for server, answer in answers.items()}


def _judge_serial(answer: Answer, server: str, serials: Mapping[str, int], newest: str | None) -> AnswerEvidence:
    if answer.error is not None or answer.rcode not in {"NOERROR", "NXDOMAIN"}:
        return evidence_of(answer, *no_answer(answer))
    if server not in serials:
        return evidence_of(answer, "missing", "has no SOA there: the server doesn't host the zone")
    if newest is not None and _is_newer(serials[newest], serials[server]):
        detail = (
            f"has serial {serials[server]}, where {newest} has {serials[newest]}: it serves an older copy of the zone. "
            "Look whether its transfers, or its database's replication, still work"
        )
        return evidence_of(answer, "missing", detail)
    return evidence_of(answer, "converged", None)


def _is_newer(serial: int, than: int) -> bool:
    """By serial number arithmetic, since a serial may have wrapped around (RFC 1982 §3.2)."""
    return 0 < (serial - than) % _SERIALS < _SERIALS // 2

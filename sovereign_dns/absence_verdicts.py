"""What one DNS answer means for a name that shall be gone. Pure.

Only a denial is a proof: a server that declines, fails or is silent has said nothing of the name.
"""

from sovereign_dns.answer_verdicts import (
    Answer,
    addresses_in,
    evidence_of,
    first_of,
    for_so_long,
    is_no_answer,
    no_answer,
    no_resolution,
    same,
)
from sovereign_dns.contract import AnswerEvidence, Outcome
from sovereign_dns.intent import DomainIntent
from sovereign_dns.wire import Message

ADDRESS_QUESTIONS = ("A", "AAAA")

_WILDCARD = "*."

_SAYS_THAT_NO_ZONE_IS_THERE = frozenset({"REFUSED", "NOTAUTH", "NOERROR", "NXDOMAIN"})
_COMES_OF_A_ZONE_THAT_IS_GONE = frozenset({"SERVFAIL", "REFUSED"})


class Absence(Message):
    """A name that shall not be answered for one type.

    `before` is what it led to; `aliases` are the names that it led to. Not `hosted` where no zone of ours answers for
    it by now: then its servers decline, and nobody can get more than that from them. `zone_removed` where it lay in a
    zone that was removed, whose delegation and DS a resolver keeps for their TTL.
    """

    name: str
    type: str
    before: list[str] = []
    aliases: list[str] = []
    hosted: bool = True
    zone_removed: bool = False


def names_gone(intent: DomainIntent) -> list[str]:
    """The names, each once, that users may still ask for. A wildcard's is none: a random label below it is asked."""
    return list(dict.fromkeys(rrset.name for rrset in intent.rrsets if not rrset.name.startswith(_WILDCARD)))


def probed(intent: DomainIntent) -> list[str]:
    """The names below which nothing may be found: the host, and whatever else had a wildcard."""
    wildcards = [rrset.name.removeprefix(_WILDCARD) for rrset in intent.rrsets if rrset.name.startswith(_WILDCARD)]
    return list(dict.fromkeys([intent.host, *wildcards]))


def counted_as(intent: DomainIntent) -> str:
    """What the counted answers deny: the names, or, where only wildcards are gone, what is asked below them."""
    return "the names" if names_gone(intent) else f"a random name below {' and '.join(probed(intent))}"


def absences(
    intent: DomainIntent,
    at_name: str,
    *,
    written_at: str | None = None,
    hosted: bool = True,
    zone_removed: bool = False,
) -> list[Absence]:
    """Both address types of a name, with what it led to by the rrset at `written_at`, its wildcard perhaps."""
    led_to: dict[str, list[str]] = {}
    for rrset in intent.rrsets:
        if rrset.name == (written_at or at_name):
            led_to.setdefault(rrset.type, []).extend(rrset.values)
    return [
        Absence(
            name=at_name,
            type=rrtype,
            before=led_to.get(rrtype, []),
            aliases=led_to.get("CNAME", []),
            hosted=hosted,
            zone_removed=zone_removed,
        )
        for rrtype in ADDRESS_QUESTIONS
    ]


def judge_absence(absence: Absence, answer: Answer) -> AnswerEvidence:
    """The verdict on what an authoritative server answers."""
    return evidence_of(answer, *_authoritative_verdict(absence, answer))


def judge_absence_at_resolver(absence: Absence, answer: Answer) -> AnswerEvidence:
    """The verdict on what a resolver answers: it may keep an old answer until that runs out."""
    return evidence_of(answer, *_resolver_verdict(absence, answer))


def _authoritative_verdict(absence: Absence, answer: Answer) -> tuple[Outcome, str | None]:
    if not absence.hosted and answer.error is None and not _leads_somewhere(answer):
        if answer.rcode in _SAYS_THAT_NO_ZONE_IS_THERE:
            return "converged", None
        return no_answer(answer)
    if is_no_answer(answer):
        return no_answer(answer)
    if _leads_somewhere(answer):
        return _led_astray(absence, answer)
    if answer.referral_to:
        return "refused", (
            f"refers to {first_of(answer.referral_to)}: a delegation still stands above the name, so nobody denies it. "
            "Remove its NS and DS where no zone answers below it any more"
        )
    if not answer.authoritative:
        return "refused", "denies it without authority (AA not set): the server doesn't host the zone"
    return "converged", None


def _resolver_verdict(absence: Absence, answer: Answer) -> tuple[Outcome, str | None]:
    if is_no_answer(answer):
        declined = answer.error is None and answer.rcode in _COMES_OF_A_ZONE_THAT_IS_GONE
        if declined and not absence.hosted and not answer.bogus:
            return "converged", f"{answer.rcode}: the delegation leads to servers that no longer host the zone"
        if declined and absence.zone_removed and answer.rcode == "SERVFAIL":
            kept = "DS" if answer.bogus else "delegation"
            return "converged", (
                f"SERVFAIL: the resolver keeps the {kept} of the zone that was removed, for no longer than its TTL; "
                "until then it answers nobody, and leads nobody anywhere"
            )
        return no_resolution(answer)
    if _leads_somewhere(answer):
        state, detail = _led_astray(absence, answer)
        return state, detail + for_so_long(answer.ttl)
    if answer.referral_to:
        return "refused", (
            f"refers to {first_of(answer.referral_to)} instead of asking there: the server doesn't resolve for us"
        )
    return "converged", None


def _leads_somewhere(answer: Answer) -> bool:
    return bool(addresses_in(answer)) or answer.alias_target is not None


def _led_astray(absence: Absence, answer: Answer) -> tuple[Outcome, str]:
    where = first_of(addresses_in(answer)) or f"an alias (CNAME) to {answer.alias_target}"
    if _is_as_before(absence, answer):
        return "lingering", f"still answers {where}"
    if absence.before:
        return "misdirected", f"answers {where}, where {first_of(absence.before)} was removed: users reach a stranger"
    return "misdirected", f"answers {where}, where nothing should be answered"


def _is_as_before(absence: Absence, answer: Answer) -> bool:
    if answer.alias_target is not None:
        return same("CNAME", answer.alias_target, absence.aliases)
    return all(same(answer.type, value, absence.before) for value in answer.values)

"""Who answers for a name that is gone: a wildcard, or somebody's own record, by what PowerDNS holds now. Pure.

Servers answer, and so prove; PowerDNS says whether that will last. What it still holds answers for ever, and is told at
once; what it no longer holds is an old copy, and goes away.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence

from sovereign_dns import names
from sovereign_dns.answer_verdicts import MOST_VALUES_TOLD, PROBE_PREFIX, first_of, same
from sovereign_dns.contract import AnswerEvidence, Hazard, Owner
from sovereign_dns.records import wildcards_over
from sovereign_dns.rrsets import ADDRESS_TYPES, RRset
from sovereign_dns.wire import Message

LEADS_SOMEWHERE = frozenset({"misdirected", "lingering"})
"""The verdicts on answers that hold an address."""

MOST_NAMES_TOLD = 5


class Successor(Message):
    """What PowerDNS holds at one place, a name's own or a wildcard's, and the names for which it answers."""

    zone: str
    place: str
    rrsets: list[RRset] = []
    names: list[str] = []

    @property
    def is_wildcard(self) -> bool:
        """Whether it answers for every name that has no records of its own."""
        return self.place.startswith("*.")

    @property
    def owner(self) -> Owner | None:
        """The Sovereign that wrote it, as its comment says."""
        return next((rrset.owner for rrset in self.rrsets if rrset.owner is not None), None)

    @property
    def is_rightful(self) -> bool:
        """Whether the name is another Sovereign's by now, which wrote a record for it. A wildcard is never that."""
        return self.owner is not None and not self.is_wildcard

    @property
    def content(self) -> list[str]:
        """Where it leads."""
        return list(dict.fromkeys(value for rrset in self.rrsets for value in rrset.served))

    @property
    def users_names(self) -> list[str]:
        """The names that somebody may ask for, without the random ones."""
        return [name for name in self.names if not name.startswith(PROBE_PREFIX)]

    @property
    def everything(self) -> str:
        """Said where it answers for random names alone."""
        bases = dict.fromkeys(name.partition(".")[2] for name in self.names if name.startswith(PROBE_PREFIX))
        return f"every name below {' and '.join(bases)}"


def names_to_read(name: str, zone: str) -> list[str]:
    """Where PowerDNS may hold what answers for a name: at the name, and at each wildcard over it, nearest first."""
    above = names.parent_of(name)
    return [name, *(wildcards_over(above, zone) if above is not None and name != zone else [])]


def successors_in(
    zone: str, evidence: Iterable[AnswerEvidence], held: Iterable[RRset], owner: Owner, gone: Collection[str]
) -> list[Successor]:
    """Who answers for the names, in one zone.

    Args:
        zone: the zone that answers.
        evidence: the verdicts on its servers' answers.
        held: what PowerDNS holds at `names_to_read` of each name that leads somewhere.
        owner: the Sovereign whose names shall be gone; what is still its own is for another step.
        gone: the names that were removed: what stands there as it was before is not somebody else's.
    """
    by_name: dict[str, list[RRset]] = {}
    for rrset in held:
        if rrset.served:
            by_name.setdefault(rrset.name, []).append(rrset)
    found: dict[str, Successor] = {}
    for answer in evidence:
        name = names.relative_to_root(answer.name)
        place = _answering_place(name, zone, by_name)
        if answer.state not in LEADS_SOMEWHERE or place is None:
            continue
        rrsets = [r for r in by_name[place] if _explains(r, answer) and not _is_ours(r, answer, owner, gone)]
        if rrsets:
            successor = found.setdefault(place, Successor(zone=zone, place=place))
            successor.rrsets += [rrset for rrset in rrsets if rrset not in successor.rrsets]
            successor.names += [name] if name not in successor.names else []
    return list(found.values())


def _answering_place(name: str, zone: str, by_name: Mapping[str, Sequence[RRset]]) -> str | None:
    """The nearest place that holds anything: it hides the wildcards further up (RFC 4592 §3.3.1)."""
    return next((place for place in names_to_read(name, zone) if place in by_name), None)


def _explains(rrset: RRset, answer: AnswerEvidence) -> bool:
    if rrset.type in {"A", "AAAA"}:
        return rrset.type == answer.type and all(same(answer.type, value, rrset.served) for value in answer.values)
    # What an alias or a LUA record leads to stands elsewhere.
    return rrset.type in ADDRESS_TYPES and answer.state == "misdirected"


def _is_ours(rrset: RRset, answer: AnswerEvidence, owner: Owner, gone: Collection[str]) -> bool:
    if rrset.owner is not None:
        return rrset.owner.sovereign_fqdn == owner.sovereign_fqdn
    return rrset.name in gone and answer.state == "lingering"


def judged_with(successors: Sequence[Successor], evidence: Iterable[AnswerEvidence]) -> list[AnswerEvidence]:
    """The verdicts with who answers in them, and without those on names that are another Sovereign's by now."""
    others = rightful_names(successors)
    return [_told(answer, successors) for answer in evidence if names.relative_to_root(answer.name) not in others]


def rightful_names(successors: Iterable[Successor]) -> list[str]:
    """The names that are another Sovereign's by now, and so not part of a proof."""
    return [name for successor in successors if successor.is_rightful for name in successor.names]


def _told(answer: AnswerEvidence, successors: Iterable[Successor]) -> AnswerEvidence:
    if answer.state not in LEADS_SOMEWHERE:
        return answer
    for successor in successors:
        if names.relative_to_root(answer.name) in successor.names and _explains_any(successor, answer):
            who = f"the wildcard {successor.place}" if successor.is_wildcard else "a new record of that name"
            where = first_of(answer.values or successor.content)
            return answer.changed(state="misdirected", detail=f"answers {where}: {who} answers in its place")
    return answer


def _explains_any(successor: Successor, answer: AnswerEvidence) -> bool:
    return any(_explains(rrset, answer) for rrset in successor.rrsets)


def hazard_of(successor: Successor, owner: Owner) -> Hazard:
    """Told of a wildcard with the names that it answers for, and of somebody else's record."""
    where, whose, fqdn = first_of(successor.content), _whose(successor.owner), owner.sovereign_fqdn
    if successor.is_wildcard:
        kind = "wildcard-answers"
        message = (
            f"{successor.place} ({whose}) answers with {where} for names that were removed"
            f"{f' with Sovereign {fqdn}' if fqdn else ''}: {_names_told(successor)}. Whoever opens one is led there. "
            "If nobody needs the wildcard, remove it"
        )
    else:
        kind = "kept-for-another"
        message = (
            f"{successor.place} was {f'taken from Sovereign {fqdn}' if fqdn else 'removed'}, and has a new record "
            f"({whose}), which leads to {where} and was left alone"
        )
    return Hazard.model_validate(
        {
            "kind": kind,
            "zone": names.absolute(successor.zone),
            "name": names.absolute(successor.place),
            "content": successor.content[:MOST_VALUES_TOLD],
            "message": message,
        }
    )


def _whose(owner: Owner | None) -> str:
    if owner is None:
        return "which no Sovereign owns"
    return f"written by Sovereign {owner.sovereign_fqdn}, deployment {owner.deployment_id}"


def _names_told(successor: Successor) -> str:
    users = successor.users_names
    if not users:
        return successor.everything
    more = f" and {len(users) - MOST_NAMES_TOLD} names more" if len(users) > MOST_NAMES_TOLD else ""
    return ", ".join(users[:MOST_NAMES_TOLD]) + more


def taken_over(
    successors: Iterable[Successor], asked: Sequence[str], *, with_records: Collection[str], before: Collection[str]
) -> str | None:
    """Who answers for good for names that are gone, in one sentence; None where nobody does.

    Args:
        successors: of all zones. A rightful one has taken over nothing that was ours.
        asked: the names that were asked for.
        with_records: those of them at which PowerDNS holds anything, whoever wrote it.
        before: the addresses that the names led to.
    """
    told = [_sentence(successor, asked, before) for successor in successors if not successor.is_rightful]
    if not told:
        return None
    counted = f"none of {len(asked)} names has" if len(asked) > 1 else f"{''.join(asked)} hasn't"
    head = "" if with_records or not asked else f"{counted} records of its own any more, but "
    return head + "; ".join(told)


def _sentence(successor: Successor, asked: Sequence[str], before: Collection[str]) -> str:
    where = first_of(successor.content)
    if not successor.is_wildcard:
        return f"{successor.place} has a new record ({_whose(successor.owner)}), which leads to {where}"
    users = successor.users_names
    them = "them" if len(asked) > 1 else "it"
    whom = successor.everything if not users else them if len(users) == len(asked) else f"{len(users)} of them"
    fate = "still get where they did" if set(successor.content) <= set(before) else "reach a stranger"
    return f"{successor.place} answers for {whom} with {where}: users {fate}"

"""One look at names that shall be gone: which authoritative servers deny them, and who answers in their place."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from activities.authority_looks import ask_zone, random_name_below
from sovereign_dns import answer_verdicts, names, successors, verification
from sovereign_dns.absence_verdicts import Absence, absences, judge_absence, names_gone, probed
from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.authoritative import AuthoritativeServers
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.rrsets_at_names import RRsetsAtNames
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import AnswerEvidence, VerificationResult
from sovereign_dns.failures import ZoneMissing
from sovereign_dns.messages import ServedZone, VerifyDomain
from sovereign_dns.rrsets import RRset
from sovereign_dns.successors import Successor


@dataclass(frozen=True)
class Denials:
    """What was found. `unhosted` are the names for which no zone is left, `with_records` those that have some again."""

    picture: VerificationResult
    unhosted: list[str] = field(default_factory=list)
    successors: list[Successor] = field(default_factory=list)
    with_records: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _ZoneToAsk:
    zone: ServedZone
    hosted: bool
    questions: list[Absence]


class DenialSurvey:
    """Asks the servers of whichever zone answers now, and PowerDNS for who answers there for good."""

    def __init__(self, authoritative: AuthoritativeServers, powerdns: PowerDNS) -> None:
        self._authoritative = authoritative
        self._powerdns = powerdns
        self._rrsets = RRsetsAtNames(powerdns)

    async def look(self, task: VerifyDomain) -> Denials:
        """Asks every server once.

        Raises:
            PowerDNSUnavailable, PowerDNSUnauthorized: PowerDNS can't say which zones answer.
        """
        looks = await side_by_side(self._look_at(task, zone) for zone in await self._zones(task))
        return Denials(
            picture=verification.merged(look.picture for look in looks),
            unhosted=[name for look in looks for name in look.unhosted],
            successors=[successor for look in looks for successor in look.successors],
            with_records=[name for look in looks for name in look.with_records],
        )

    async def _zones(self, task: VerifyDomain) -> list[_ZoneToAsk]:
        """Every name by the longest hosted suffix: where a zone was removed, that is the one above it."""
        questions = {name: absences(task.intent, name) for name in names_gone(task.intent)}
        bases = probed(task.intent)
        hosted = await self._powerdns.hosted(
            dict.fromkeys(ancestor for name in [*questions, *bases] for ancestor in names.lineage(name))
        )
        for base in bases:
            probe = random_name_below(base)
            questions[probe] = absences(task.intent, probe, written_at=f"*.{base}")
        by_zone: dict[str | None, list[Absence]] = {}
        for name, asked in questions.items():
            by_zone.setdefault(names.longest_hosted_suffix(name, hosted), []).extend(asked)
        without_zone = by_zone.pop(None, [])
        found = await side_by_side(
            self._hosted(task, zone, asked) for zone, asked in by_zone.items() if zone is not None
        )
        return [*found, *_unhosted(task, without_zone)]

    async def _hosted(self, task: VerifyDomain, zone: str, questions: Sequence[Absence]) -> _ZoneToAsk:
        nameservers = await self._served(zone, [zone])
        servers = [content for rrset in nameservers if rrset.type == "NS" for content in rrset.served]
        served = ServedZone(zone=zone, nameservers=servers, names=_counted(task, questions))
        return _ZoneToAsk(zone=served, hosted=True, questions=list(questions))

    async def _look_at(self, task: VerifyDomain, asked: _ZoneToAsk) -> Denials:
        """A server of a zone that is hosted also says by its SOA whether its copy is the latest."""
        zone = asked.zone
        serial = [(zone.zone, "SOA")] if asked.hosted else []
        found = await ask_zone(self._authoritative, zone, [*((q.name, q.type) for q in asked.questions), *serial])
        judged = {server: _judged(asked.questions, said) for server, said in found.by_server.items()}
        held = await self._served(zone.zone, _places(zone.zone, judged.values())) if asked.hosted else []
        gone = [rrset.name for rrset in task.intent.rrsets]
        who = successors.successors_in(
            zone.zone, [answer for said in judged.values() for answer in said], held, task.owner, gone
        )
        serials = answer_verdicts.judge_serials(
            {server.label: said[-1] for server, said in found.by_server.items()} if asked.hosted else {}
        )
        verdicts = [
            verification.server_verdict(
                server.label,
                "authoritative",
                [*successors.judged_with(who, said), *([serials[server.label]] if asked.hosted else [])],
                gone=True,
            )
            for server, said in judged.items()
        ]
        rightful = successors.rightful_names(who)
        expected = [name for name in zone.names if name not in rightful]
        return Denials(
            picture=verification.result("authoritative", [*verdicts, *found.silent], expected, gone=True),
            unhosted=[] if asked.hosted else zone.names,
            successors=who,
            with_records=sorted({rrset.name for rrset in held if rrset.served} & set(zone.names)),
        )

    async def _served(self, zone: str, places: Iterable[str]) -> list[RRset]:
        """Nothing where the zone was removed meanwhile: the next look finds another one that answers."""
        try:
            return await self._rrsets.served(zone, places)
        except ZoneMissing:
            return []


def _unhosted(task: VerifyDomain, questions: Sequence[Absence]) -> list[_ZoneToAsk]:
    """By the zone that was removed. Its servers are asked all the same: nobody else would answer for it."""
    removed = {zone.zone: zone for zone in task.zones}
    by_zone: dict[str, list[Absence]] = {}
    for question in questions:
        zone = names.longest_hosted_suffix(question.name, removed) or task.intent.domain
        by_zone.setdefault(zone, []).append(question.changed(hosted=False))
    return [
        _ZoneToAsk(
            zone=ServedZone(
                zone=zone,
                nameservers=(removed[zone].nameservers if zone in removed else []) or task.expected_nameservers,
                names=_counted(task, asked),
            ),
            hosted=False,
            questions=asked,
        )
        for zone, asked in by_zone.items()
    ]


def _counted(task: VerifyDomain, questions: Iterable[Absence]) -> list[str]:
    """The names that users ask for. The random ones are counted only where nothing else is: of a wildcard alone."""
    asked = dict.fromkeys(question.name for question in questions)
    if not names_gone(task.intent):
        return list(asked)
    return [name for name in asked if not name.startswith(answer_verdicts.PROBE_PREFIX)]


def _judged(questions: Sequence[Absence], said: Sequence[Answer]) -> list[AnswerEvidence]:
    return [judge_absence(question, answer) for question, answer in zip(questions, said, strict=False)]


def _places(zone: str, judged: Iterable[Sequence[AnswerEvidence]]) -> list[str]:
    """Where PowerDNS may hold what answers for the names that lead somewhere."""
    leading = {answer.name for said in judged for answer in said if answer.state in successors.LEADS_SOMEWHERE}
    found = (successors.names_to_read(names.relative_to_root(name), zone) for name in sorted(leading))
    return list(dict.fromkeys(place for places in found for place in places))

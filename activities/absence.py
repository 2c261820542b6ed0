"""The step `dns-verify` for names that shall be gone: denied by every authoritative server, then by resolvers."""

from activities import journal
from activities.denials import Denials, DenialSurvey
from activities.proof_under_way import RESOLVERS_LEFT_OUT, not_yet, show
from activities.resolver_looks import look_at_resolvers
from sovereign_dns import names, successors, verification
from sovereign_dns.absence_verdicts import absences, counted_as, judge_absence_at_resolver, names_gone
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.contract import Hazard, VerificationResult
from sovereign_dns.convergence import Convergence, resolver_verdict
from sovereign_dns.messages import VerificationReport, VerifyDomain
from sovereign_dns.wire import Message

_RESOLVERS_NOT_ASKED = "no resolver was asked: sooner or later each answers what the authoritative servers do"
_NOTHING_TO_ASK_RESOLVERS = "no resolver was asked: it can't have kept an answer for a random name"
_DELEGATION_PROVES_NOTHING = (
    "the delegation was not followed: it proves nothing of names that are gone. What is proved is that the "
    "authoritative servers deny them"
)


class AuthorityDenied(Message):
    """What an attempt that found every name denied leaves to the next ones, which ask resolvers.

    `unhosted` are the names for which no zone is left; `hazards` tell of those that are another Sovereign's by now.
    """

    unhosted: list[str] = []
    hazards: list[Hazard] = []


class AbsenceProof:
    """Asks, and lets `absence_verdicts` judge, and `successors` say where waiting would change nothing."""

    def __init__(self, survey: DenialSurvey, resolvers: Resolvers) -> None:
        self._survey = survey
        self._resolvers = resolvers

    async def prove(self, task: VerifyDomain) -> VerificationReport:
        """Looks once at whatever can have changed; `NotYetConverged` carries what each server said.

        A resolver is first asked when every authoritative server denies the names, and again when what it keeps has
        run out. Where somebody else answers for good, the report says so at once.
        """
        known = next(iter(journal.notes(Convergence)), Convergence())
        denied = next(iter(journal.notes(AuthorityDenied)), None)
        if known.authority is None or denied is None:
            found = await self._look(task, known)
            if report := _taken_over(task, found):
                return report
            denied = AuthorityDenied(unhosted=found.unhosted, hazards=_hazards(task, found))
            known = known.changed(authority=found.picture)
            await journal.remember(known.bounded(), denied)
            return await self._prove_what_follows(task, known, found.picture, denied)
        report = await self._prove_what_follows(task, known, known.authority, denied)
        # Somebody may have changed something since; then everything is asked again.
        return _taken_over(task, await self._look(task, Convergence(told=known.told))) or report

    async def _look(self, task: VerifyDomain, known: Convergence) -> Denials:
        """Every name denied, or answered by somebody else for good."""
        found = await self._survey.look(task)
        if not verification.is_proved(found.picture) and _told(task, found) is None:
            await show(task, known, found.picture)
            raise not_yet(task, found.picture)
        return found

    async def _prove_what_follows(
        self, task: VerifyDomain, known: Convergence, proved: VerificationResult, denied: AuthorityDenied
    ) -> VerificationReport:
        match task.level:
            case "authoritative":
                return _report(task, proved, denied)
            case "delegated":
                return _report(task, verification.without(proved, _DELEGATION_PROVES_NOTHING), denied)
            case "propagated":
                if not self._resolvers.resolvers:
                    return _report(task, verification.without(proved, RESOLVERS_LEFT_OUT), denied)
                return await self._prove_at_resolvers(task, known, proved, denied)

    async def _prove_at_resolvers(
        self, task: VerifyDomain, known: Convergence, proved: VerificationResult, denied: AuthorityDenied
    ) -> VerificationReport:
        left_out = {names.relative_to_root(hazard.name) for hazard in denied.hazards}
        asked = [name for name in names_gone(task.intent) if name not in left_out]
        if not asked:
            return _report(task, verification.without(proved, _NOTHING_TO_ASK_RESOLVERS), denied)
        questions = [
            absence
            for name in asked
            for absence in absences(
                task.intent,
                name,
                hosted=name not in denied.unhosted,
                zone_removed=any(names.is_at_or_below(name, zone.zone) for zone in task.zones),
            )
        ]
        known = await look_at_resolvers(
            self._resolvers, task.intent.domain, known, questions, judge_absence_at_resolver
        )
        verdicts = [resolver_verdict(seen, gone=True) for seen in known.resolvers]
        picture = verification.with_resolvers(proved, verdicts, asked)
        if not known.is_settled:
            await show(task, known, picture)
            raise not_yet(task, picture, look_again_at=known.next_look())
        return _report(task, picture, denied)


def _report(task: VerifyDomain, picture: VerificationResult, denied: AuthorityDenied) -> VerificationReport:
    kept = len(denied.hazards)
    others = f"; {kept} more {'is' if kept == 1 else 'are'} another Sovereign's by now" if kept else ""
    return VerificationReport(
        outcome=verification.sentence(picture, denied=counted_as(task.intent)) + others,
        verification=verification.bounded(picture),
        hazards=denied.hazards,
    )


def _taken_over(task: VerifyDomain, found: Denials) -> VerificationReport | None:
    told = _told(task, found)
    if told is None:
        return None
    picture = verification.without(found.picture, _RESOLVERS_NOT_ASKED) if task.level == "propagated" else found.picture
    return VerificationReport(
        outcome=told, verification=verification.bounded(picture), taken_over=told, hazards=_hazards(task, found)
    )


def _told(task: VerifyDomain, found: Denials) -> str | None:
    rightful = successors.rightful_names(found.successors)
    return successors.taken_over(
        found.successors,
        [name for name in names_gone(task.intent) if name not in rightful],
        with_records=[name for name in found.with_records if name not in rightful],
        before=task.intent.addresses,
    )


def _hazards(task: VerifyDomain, found: Denials) -> list[Hazard]:
    return [successors.hazard_of(successor, task.owner) for successor in found.successors]

"""`FixFinding`: removes what one finding of an audit names, where it still is as the audit found it."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.absence import absence_of
    from sovereign_dns.audit_contract import FIX_FINDING, FixFindingRequest
    from sovereign_dns.contract import ProvisionResult, VerificationRequest
    from sovereign_dns.fix_intent import NOBODY, FixIntent, fix_lock_id
    from sovereign_dns.lifecycle_messages import RemoveRecords
    from sovereign_dns.messages import RecordsReport
    from sovereign_dns.names import relative_to_root
    from sovereign_dns.progress import Progress
    from workflows.absence import prove_absence
    from workflows.decision import decide_fix
    from workflows.publication import Publication
    from workflows.step_runner import StepRunner
    from workflows.stepped_run import SteppedRun

PROOF = VerificationRequest(level="authoritative", deadlineSeconds=600)
"""What resolvers have cached runs out by itself; nobody waits for it to be fixed."""

PROVED_BY_ANSWERS = {"A", "AAAA", "CNAME", "ALIAS", "LUA"}
"""The types whose absence an address' absence shows."""


@workflow.defn(name=FIX_FINDING)
class FixFinding(SteppedRun):
    """One run for one finding, under the lock of the Sovereign that owns it, or under the finding's own."""

    @workflow.run
    async def run(self, request: FixFindingRequest) -> ProvisionResult:
        """Removes, or hands over to the run that holds the lock."""
        owner = request.finding.owner or NOBODY
        progress, publication = self._show(Progress("fixing", owner.sovereign_fqdn, owner.deployment_id))
        return await self._to_its_end(self._fix_or_hand_over(request, progress, publication), publication)

    async def _fix_or_hand_over(
        self, request: FixFindingRequest, progress: Progress, publication: Publication
    ) -> ProvisionResult:
        lock_id = fix_lock_id(request.finding)
        if workflow.info().workflow_id != lock_id and not request.dry_run:
            summary = f"{request.finding.kind} {request.finding.name} removed"
            return await self._hand_over(lock_id, request, progress, publication, summary=summary)
        return await self._fix(request, progress, publication)

    async def _fix(self, request: FixFindingRequest, progress: Progress, publication: Publication) -> ProvisionResult:
        intent = await decide_fix(request)
        self._runner = runner = StepRunner(progress, publication)
        steps = FixSteps(request, intent, progress, runner)
        return await self._carry_out(steps, intent, progress, publication, dry_run=request.dry_run)


class FixSteps:
    """The removal, and then the proof of it."""

    def __init__(self, request: FixFindingRequest, intent: FixIntent, progress: Progress, runner: StepRunner) -> None:
        self._request = request
        self._intent = intent
        self._progress = progress
        self._runner = runner
        self._zone = relative_to_root(intent.zone)

    def announce(self) -> None:
        """Lists both steps."""
        self._progress.expect("records-remove", self._zone)
        self._progress.expect("dns-verify", self._zone)

    async def run(self) -> None:
        """One after the other."""
        await self._remove()
        await self._prove()

    async def _remove(self) -> None:
        finding, intent = self._request.finding, self._intent
        report = await self._runner.run(
            "records-remove",
            self._zone,
            RemoveRecords(owner=intent.owner, zone=intent.zone, rrsets=intent.rrsets, dry_run=self._request.dry_run),
            RecordsReport,
            summary=f"{finding.kind} {finding.name} {' and '.join(one.type for one in intent.rrsets)}",
        )
        assert report is not None  # noqa: S101 (nobody can give it up)
        self._runner.report("records-remove", self._zone, report, dry_run=self._request.dry_run)

    async def _prove(self) -> None:
        if self._request.dry_run:
            self._runner.leave_out("dns-verify", self._zone, "dry run: nothing was removed, so nothing is to be proved")
            return
        if not all(rrset.type in PROVED_BY_ANSWERS for rrset in self._intent.rrsets):
            self._runner.leave_out(
                "dns-verify", self._zone, "what was removed is no address: its absence is not asked for"
            )
            return
        name = relative_to_root(self._request.finding.name)
        await prove_absence(
            absence_of(self._zone, name.removeprefix("*."), [name], removed=self._progress.snapshot().records),
            self._intent,
            PROOF,
            self._progress,
            self._runner,
        )

"""A run that changes something, by steps which a person may give up, and a caller may wait for; and how it ends."""

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from temporalio import workflow
from temporalio.exceptions import ApplicationError, FailureError

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import AwaitStepRequest, ProvisionResult, SkipStepRequest
    from sovereign_dns.messages import CERTIFICATE_SEEN, CHANGES_ATTEMPTED, CertificateSeen, ChangesAttempted
    from sovereign_dns.progress import Progress
    from sovereign_dns.wire import StrictMessage
    from workflows.one_writer import run_under_lock
    from workflows.publication import Decided, Publication
    from workflows.shown_run import ShownRun
    from workflows.step_runner import StepRunner


class Steps(Protocol):
    """The steps of one run, and what waits for what."""

    def announce(self) -> None:
        """Lists every step, in the order of the design."""

    async def run(self) -> None:
        """Every step, until all are settled."""


class SteppedRun(ShownRun):
    """What every workflow that changes something answers to, beside what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self._runner: StepRunner | None = None
        self._failure: BaseException | None = None
        self._has_ended = False

    async def _to_its_end(self, work: Awaitable[ProvisionResult], publication: Publication) -> ProvisionResult:
        """What comes of the work, or the run's own failure."""
        try:
            result = await work
        except (FailureError, asyncio.CancelledError) as error:
            self._failure = self._ended_by(error)
            await self._say_goodbye(publication)
            if self._failure is error:
                raise
            raise self._failure from None
        await self._say_goodbye(publication)
        return result

    async def _hand_over(
        self,
        lock_id: str,
        request: StrictMessage,
        progress: Progress,
        publication: Publication,
        *,
        summary: str,
        advice: str = "",
    ) -> ProvisionResult:
        """Has a run of the same type do the work, which holds the lock; ends as that one does."""
        progress.hand_over(lock_id)
        publication.update()
        result = await run_under_lock(lock_id, request, ProvisionResult, summary=summary, advice=advice)
        return progress.adopt(result, lock_id)

    async def _carry_out(
        self, steps: Steps, decided: Decided, progress: Progress, publication: Publication, *, dry_run: bool
    ) -> ProvisionResult:
        """Every step, and how it all came out."""
        _, runner = self._known()
        steps.announce()
        publication.begin(decided)
        watch = asyncio.create_task(runner.watch_for_stalls())
        try:
            await steps.run()
        finally:
            watch.cancel()
        return progress.end(dry_run=dry_run, given_up=runner.gave_up)

    async def _say_goodbye(self, publication: Publication) -> None:
        """Only at an end that was foreseen: a bug must fail the task, so that new code can mend the run."""
        self._has_ended = True
        publication.update()
        await workflow.wait_condition(workflow.all_handlers_finished)

    @workflow.signal(name=CHANGES_ATTEMPTED, description="Sent by a step whose write was not answered.")
    def changes_attempted(self, attempted: ChangesAttempted) -> None:
        """Remembers what was perhaps written, should the run end before its step knows."""
        if self._progress is not None:
            self._progress.attempt_changes(attempted.changes)
            self._progress.attempt_pool_names(attempted.pool_names)
            self._progress.attempt_certificates(attempted.certificates)
            self._progress.attempt_zones(attempted.zones)
            self._progress.add_hazards(attempted.hazards)

    @workflow.signal(name=CERTIFICATE_SEEN, description="Sent by certificate-ready: why it is not issued yet.")
    def certificate_seen(self, seen: CertificateSeen) -> None:
        """Shows why a Certificate is not issued yet."""
        if self._progress is not None:
            self._progress.see_certificate(seen.certificate)

    @workflow.update(name="skip_step", description="Give up waiting for certificate-* or dns-verify, with a reason.")
    async def skip_step(self, request: SkipStepRequest) -> ProvisionResult:
        """Gives up one step, for one parent domain or for all."""
        await self._until_known()
        progress, runner = self._known()
        domains = [request.domain] if request.domain else progress.domains_of(request.step)
        for domain in domains:
            if domain not in progress.domains_of(request.step):
                raise ApplicationError(f"{request.step} has no parent domain {domain}", type="InvalidInput")
            if not progress.is_settled(request.step, domain):
                runner.give_up(request.step, domain, request.reason)
        return progress.snapshot()

    @workflow.update(name="await_step", description="Returns when the step is done or skipped for every domain.")
    async def await_step(self, request: AwaitStepRequest) -> ProvisionResult:
        """Waits for a step. Fails where the step or the run does."""
        await self._until_known()
        progress, _ = self._known()
        await workflow.wait_condition(lambda: self._has_ended or progress.is_settled(request.step))
        self._refuse_if_failed()
        if not progress.domains_of(request.step):
            raise ApplicationError(f"this run had no step {request.step}", type="InvalidInput")
        statuses = [progress.status_of(request.step, domain) for domain in progress.domains_of(request.step)]
        failed = [status for status in statuses if status.state == "failed"]
        if failed:
            reasons = "; ".join(f"{status.domain}: {status.outcome}" for status in failed)
            raise ApplicationError(f"{request.step} failed for {reasons}", type="StepFailed")
        return progress.snapshot()

    @skip_step.validator
    def _validate_skip_step(self, request: SkipStepRequest) -> None:  # noqa: ARG002 (the validator's signature)
        self._refuse_if_handed_over()

    @await_step.validator
    def _validate_await_step(self, request: AwaitStepRequest) -> None:  # noqa: ARG002 (the validator's signature)
        self._refuse_if_handed_over()

    def _refuse_if_handed_over(self) -> None:
        handed_over_to = self._progress.snapshot().handed_over_to if self._progress else None
        if handed_over_to is not None:
            raise ApplicationError(
                f"this run has handed over: send the update to the workflow {handed_over_to}", type="HandedOver"
            )

    async def _until_known(self) -> None:
        """An update may come with the start, before the steps are decided; or to a run that hands over only then."""
        await workflow.wait_condition(
            lambda: (
                self._runner is not None
                or self._failure is not None
                or (self._progress is not None and self._progress.snapshot().handed_over_to is not None)
            )
        )
        self._refuse_if_handed_over()
        self._refuse_if_failed()

    def _refuse_if_failed(self) -> None:
        match self._failure:
            case None:
                return
            case ApplicationError() as failure:
                raise ApplicationError(failure.message, type=failure.type, non_retryable=True)
            case other:
                raise ApplicationError(f"the run has ended: {other}", type="StepFailed")

    def _known(self) -> tuple[Progress, StepRunner]:
        assert self._progress is not None  # noqa: S101 (awaited before)
        assert self._runner is not None  # noqa: S101 (awaited before)
        return self._progress, self._runner

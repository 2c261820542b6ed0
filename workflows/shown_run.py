"""A run that shows how far it is: its queries, and what its activities tell it on the way."""

from temporalio import workflow
from temporalio.exceptions import ApplicationError, CancelledError

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.contract import Propagation, ProvisionResult
    from sovereign_dns.messages import VERIFICATION_SEEN, VerificationSeen
    from sovereign_dns.progress import Progress
    from sovereign_dns.propagation import propagation_of
    from workflows.publication import Publication
    from workflows.step_runner import as_workflow_failure


class ShownRun:
    """What every workflow that proves a Sovereign's DNS shows of itself."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._publication: Publication | None = None
        self._expected_nameservers: list[str] = []

    def _show(self, progress: Progress) -> tuple[Progress, Publication]:
        self._progress, self._publication = progress, Publication(progress)
        return self._progress, self._publication

    def _ended_by(self, error: BaseException) -> BaseException:
        """Shows why the run ends without a result. Returns that as the run's own failure: typed, and not wrapped."""
        failure = as_workflow_failure(error)
        if self._progress is None:
            return failure
        match failure:
            case CancelledError():
                self._progress.abort("cancelled", workflow.now(), "it was cancelled")
            case ApplicationError() as refused:
                told = f"{refused.type}: {refused.message}"
                self._progress.abort("failed", workflow.now(), "another step was refused", failure=told)
            case other:
                self._progress.abort("failed", workflow.now(), "another step failed", failure=str(other))
        return failure

    @workflow.query(name="status", description="How far it is: the result's JSON, as of now.")
    def status(self) -> ProvisionResult | None:
        """The result's JSON, as of now; null before the first task."""
        return self._progress.snapshot() if self._progress else None

    @workflow.query(name="propagation", description="What each resolver answers, in the shape of Catalyst's panel.")
    def propagation(self) -> Propagation | None:
        """The resolvers' part of the proof, as of now; null before the first task."""
        if self._progress is None:
            return None
        return propagation_of(self._progress.snapshot(), workflow.now(), self._expected_nameservers)

    @workflow.signal(name=VERIFICATION_SEEN, description="Sent by the step dns-verify: what it has seen so far.")
    def verification_seen(self, seen: VerificationSeen) -> None:
        """Shows what a verification that is not done yet has seen."""
        if self._progress is not None and self._publication is not None:
            self._progress.see_verification(seen.domain, seen.verification, workflow.now())
            self._publication.update()

"""What people see of a run: its search attributes, the checklist in its current details, and hazards in its memo."""

from temporalio import workflow
from temporalio.common import SearchAttributeKey

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.checklist import as_markdown
    from sovereign_dns.contract import Phase, ProvisionResult
    from sovereign_dns.intent import ProvisioningIntent
    from sovereign_dns.messages import HAZARDS_IN_MEMO
    from sovereign_dns.progress import Progress
    from sovereign_dns.removal_intent import RemovalIntent
    from sovereign_dns.restoring_intent import RestoringIntent
    from workflows.patches import SHOW_HAZARDS_IN_THE_LIST

SOVEREIGN_FQDN = SearchAttributeKey.for_keyword("SovereignFQDN")
SOVEREIGN_PHASE = SearchAttributeKey.for_keyword("SovereignPhase")
SOVEREIGN_DEPLOYMENT = SearchAttributeKey.for_keyword("SovereignDeployment")

MOST_HAZARDS_IN_MEMO = 20

SEARCH_ATTRIBUTES = (SOVEREIGN_FQDN, SOVEREIGN_PHASE, SOVEREIGN_DEPLOYMENT)


Decided = ProvisioningIntent | RemovalIntent | RestoringIntent
"""What was decided once for a run, with what the environment says of how it may be shown."""


class Publication:
    """Shows a run's progress. Search attributes only where the namespace knows them: an unknown one hangs the run."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._search_attributes_usable = False
        self._published_phase: Phase | None = None
        self._published_hazards: list[str] = []
        self._runbook_url: str | None = None

    def begin(self, decided: Decided) -> None:
        """Says whose run this is. What nobody owns is no Sovereign's, and a removal may be of every deployment."""
        self._runbook_url = decided.runbook_url
        self._search_attributes_usable = decided.search_attributes_usable
        if self._search_attributes_usable:
            self._published_phase = self._progress.phase
            told = {
                SOVEREIGN_FQDN: decided.owner.sovereign_fqdn,
                SOVEREIGN_DEPLOYMENT: decided.owner.deployment_id,
                SOVEREIGN_PHASE: self._progress.phase,
            }
            workflow.upsert_search_attributes([key.value_set(value) for key, value in told.items() if value])
        self.update()

    def update(self) -> None:
        """Shows the progress as it is now. A phase that hasn't changed costs no event."""
        status = self._progress.snapshot()
        workflow.set_current_details(
            as_markdown(status, workflow_id=workflow.info().workflow_id, runbook_url=self._runbook_url)
        )
        self._publish_hazards(status)
        phase = self._progress.phase
        if self._search_attributes_usable and phase != self._published_phase:
            self._published_phase = phase
            workflow.upsert_search_attributes([SOVEREIGN_PHASE.value_set(phase)])

    def _publish_hazards(self, status: ProvisionResult) -> None:
        """In the memo, which needs no registration, and which lists of runs come with."""
        hazards = list(dict.fromkeys(f"{hazard.kind} {hazard.name}" for hazard in status.hazards))
        shown = hazards[:MOST_HAZARDS_IN_MEMO]
        if shown != self._published_hazards and workflow.patched(SHOW_HAZARDS_IN_THE_LIST):
            self._published_hazards = shown
            workflow.upsert_memo({HAZARDS_IN_MEMO: shown})

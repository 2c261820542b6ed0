"""`AuditZones`: what nobody owns in the managed zones, and what is not as it was written. Reads only, takes no lock."""

import asyncio
from datetime import timedelta

from temporalio import workflow
from temporalio.exceptions import FailureError

with workflow.unsafe.imports_passed_through():
    from sovereign_dns.audit_contract import AUDIT_ZONES, AuditRequest, AuditResult
    from sovereign_dns.audit_messages import AUDIT, AUDIT_IN_MEMO, AuditReport, LookThroughZones
    from sovereign_dns.audit_report import as_markdown, in_short
    from workflows.step_runner import HEARTBEAT_TIMEOUT, PATIENT, as_workflow_failure

ATTEMPT_TIMEOUT = timedelta(hours=1)
"""Of a zone with 50,000 rrsets PowerDNS needs seconds, twice (measured); and there may be thousands of zones."""


@workflow.defn(name=AUDIT_ZONES)
class AuditZones:
    """One audit. Where PowerDNS is away, it waits until it is back."""

    def __init__(self) -> None:
        self._result: AuditResult | None = None

    @workflow.run
    async def run(self, request: AuditRequest) -> AuditResult:
        """Looks through the zones that are asked for, or through all."""
        workflow.set_current_details(f"Looks through {_what(request)} since {workflow.now():%Y-%m-%d %H:%M:%S} UTC")
        try:
            report: AuditReport = await workflow.execute_activity(
                AUDIT,
                LookThroughZones(request=request),
                activity_id=AUDIT,
                result_type=AuditReport,
                start_to_close_timeout=ATTEMPT_TIMEOUT,
                heartbeat_timeout=HEARTBEAT_TIMEOUT,
                retry_policy=PATIENT,
                summary=f"looks through {_what(request)}; changes nothing",
            )
        except (FailureError, asyncio.CancelledError) as error:
            failure = as_workflow_failure(error)
            if failure is error:
                raise
            raise failure from None
        self._result = report.result
        workflow.set_current_details(as_markdown(report.result, runbook_url=report.runbook_url))
        workflow.upsert_memo({AUDIT_IN_MEMO: in_short(report.result)})
        return report.result

    @workflow.query(name="status", description="The result's JSON; null while it looks.")
    def status(self) -> AuditResult | None:
        """The result's JSON; null while it looks."""
        return self._result


def _what(request: AuditRequest) -> str:
    if not request.zones:
        return "all zones"
    more = f" and {len(request.zones) - 3} more" if len(request.zones) > 3 else ""
    return f"{', '.join(request.zones[:3])}{more}"

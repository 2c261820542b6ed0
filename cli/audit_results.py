"""The results of audits, read from Temporal: no worker needs to be up."""

from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from cli import display
from sovereign_dns.audit_contract import AUDIT_ZONES, AuditResult, Finding
from sovereign_dns.audit_news import known_from

MOST_TRIED = 10
"""Results that were deleted since they were listed, or that another version wrote."""

_COMPLETED = f'WorkflowType = "{AUDIT_ZONES}" AND ExecutionStatus = "Completed"'


@dataclass(frozen=True)
class CompletedAudit:
    """One audit that has a result."""

    workflow_id: str
    ended_at: datetime | None
    result: AuditResult


async def latest_audit(client: Client) -> CompletedAudit | None:
    """The audit that ended last and has a result, whatever zones it was about."""
    async for execution in client.list_workflows(_COMPLETED, limit=MOST_TRIED):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id, result_type=AuditResult)
        try:
            return CompletedAudit(execution.id, execution.close_time, await handle.result())
        except ValidationError:
            display.console(stderr=True).print(
                f"the result of {execution.id} (run {execution.run_id}) can't be read by this version, "
                "and is passed over",
                markup=False,
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
    return None


async def known_findings(client: Client) -> dict[str, Finding]:
    """What stands as found, by id. A partial audit, or one of some zones only, leaves the rest as it was known."""
    latest = await latest_audit(client)
    return known_from(latest.result if latest else None)

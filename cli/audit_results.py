"""The results of audits, read from Temporal: no worker needs to be up."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from sovereign_dns.audit_contract import AUDIT_ZONES, AuditResult, Finding
from sovereign_dns.audit_news import known_from, settles_everything

MOST_READ = 10
"""Results: as many as an audit itself looks at to tell what is new."""

_COMPLETED = f'WorkflowType = "{AUDIT_ZONES}" AND ExecutionStatus = "Completed"'


@dataclass(frozen=True)
class CompletedAudit:
    """One audit that has a result."""

    workflow_id: str
    ended_at: datetime | None
    result: AuditResult


async def completed_audits(client: Client) -> AsyncIterator[CompletedAudit]:
    """The latest ones, newest first."""
    listed = [execution async for execution in client.list_workflows(_COMPLETED, limit=MOST_READ)]
    for execution in sorted(listed, key=lambda execution: execution.start_time, reverse=True):
        handle = client.get_workflow_handle(execution.id, run_id=execution.run_id, result_type=AuditResult)
        try:
            result = await handle.result()
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # deleted since it was listed
                raise
            continue
        yield CompletedAudit(execution.id, execution.close_time, result)


async def latest_audit(client: Client) -> CompletedAudit | None:
    """The latest audit that has a result, whatever zones it was about."""
    async for audit in completed_audits(client):
        return audit
    return None


async def known_findings(client: Client) -> dict[str, Finding]:
    """What stands as found, by id. A partial audit, or one of some zones only, leaves the rest as it was known."""
    results: list[AuditResult] = []
    async for audit in completed_audits(client):
        results.append(audit.result)
        if settles_everything(audit.result):
            break
    return known_from(results)

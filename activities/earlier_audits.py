"""The results of earlier audits, by which this one tells what is new. Temporal keeps them for its retention time."""

import structlog
from pydantic import ValidationError
from temporalio import activity
from temporalio.client import Client, WorkflowExecution
from temporalio.service import RPCError, RPCStatusCode

from sovereign_dns.audit_contract import AUDIT_ZONES, AuditResult
from sovereign_dns.audit_news import settles_everything
from sovereign_dns.failures import TemporalUnavailable

MOST_LOOKED_AT = 10
"""Partial audits, and those of some zones, say nothing of the rest: so far is gone back for that."""

_log = structlog.get_logger(__name__)


async def earlier_audits() -> list[AuditResult]:
    """Newest first, as far back as they say anything of now. None outside an activity.

    Raises:
        TemporalUnavailable: they can't be read now.
    """
    if not activity.in_activity():
        return []
    try:
        return await audits_that_tell(activity.client())
    except RPCError as error:
        raise TemporalUnavailable(
            f"Temporal didn't tell what earlier audits found ({error.message}), so what is new could not be told; "
            "tried again"
        ) from error


async def audits_that_tell(client: Client) -> list[AuditResult]:
    """Newest first, as far back as they say anything of now.

    Raises:
        RPCError: they can't be read now.
    """
    results: list[AuditResult] = []
    for run in await _completed(client):
        result = await _result_of(client, run)
        results += [result] if result else []
        if result is not None and settles_everything(result):
            break
    return results


async def _completed(client: Client) -> list[WorkflowExecution]:
    query = f'WorkflowType = "{AUDIT_ZONES}" AND ExecutionStatus = "Completed"'
    found = [run async for run in client.list_workflows(query, limit=MOST_LOOKED_AT)]
    return sorted(found, key=lambda run: run.start_time, reverse=True)


async def _result_of(client: Client, run: WorkflowExecution) -> AuditResult | None:
    handle = client.get_workflow_handle(run.id, run_id=run.run_id, result_type=AuditResult)
    try:
        result: AuditResult = await handle.result(follow_runs=False)
    except ValidationError:
        _log.warning("an earlier audit's result can't be read; passed over", audit=run.id, audit_run=run.run_id)
        return None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:  # deleted since it was listed
            return None
        raise
    return result

"""The latest audit's result, by which the next one tells what is new. Temporal keeps it for its retention time."""

import structlog
from temporalio import activity
from temporalio.client import Client, WorkflowExecution
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from sovereign_dns.audit_contract import AUDIT_ZONES, AuditResult
from sovereign_dns.failures import TemporalUnavailable

MOST_TRIED = 10
"""Results that can't be read: another version's, or deleted ones."""

_COMPLETED = f'WorkflowType = "{AUDIT_ZONES}" AND ExecutionStatus = "Completed"'

_log = structlog.get_logger(__name__)


async def audit_before() -> AuditResult | None:
    """The latest one that has completed. None outside an activity.

    Raises:
        TemporalUnavailable: it can't be read now.
    """
    if not activity.in_activity():
        return None
    try:
        return await latest_audit(activity.client())
    except RPCError as error:
        raise TemporalUnavailable(
            f"Temporal didn't tell what earlier audits found ({error.message}), so what is new could not be told; "
            "tried again"
        ) from error


async def latest_audit(client: Client) -> AuditResult | None:
    """The result of the audit that ended last.

    Raises:
        RPCError: it can't be read now.
    """
    async for run in client.list_workflows(_COMPLETED, limit=MOST_TRIED):
        result = await _result_of(client, run)
        if result is not None:
            return result
    return None


async def _result_of(client: Client, run: WorkflowExecution) -> AuditResult | None:
    handle = client.get_workflow_handle(run.id, run_id=run.run_id, result_type=AuditResult)
    try:
        result: AuditResult = await handle.result(follow_runs=False)
    except (ValueError, KeyError, RuntimeError, ApplicationError):  # of another form, or encoding, or no JSON
        _log.warning("an earlier audit's result can't be read; passed over", audit=run.id, audit_run=run.run_id)
        return None
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:  # deleted since it was listed
            return None
        raise
    return result

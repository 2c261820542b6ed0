"""What audits have found, as Prometheus gauges: on every worker's page alike, whichever worker has audited."""

import asyncio
from collections import Counter
from typing import get_args

import structlog
from temporalio.client import Client
from temporalio.common import MetricMeter
from temporalio.service import RPCError

from activities.earlier_audits import latest_audit
from sovereign_dns.audit_contract import AUDIT_ZONES, AuditResult, FindingKind, Severity
from sovereign_dns.audit_news import known_from

FINDINGS = "sovereign_dns_audit_findings"
LAST_SUCCESS = "sovereign_dns_audit_last_success_timestamp_seconds"

LOOK_EVERY_SECONDS = 10.0

_EVERY_AUDIT = f'WorkflowType = "{AUDIT_ZONES}" AND ExecutionStatus = "Completed"'

_log = structlog.get_logger(__name__)


class AuditMetrics:
    """Two gauges. Before the first audit they are not there."""

    def __init__(self, meter: MetricMeter) -> None:
        self._findings = meter.create_gauge(FINDINGS, "What the audits have found and still stands.")
        self._last_success = meter.create_gauge_float(
            LAST_SUCCESS, "When the last audit ended that looked at everything and could read the whole inventory."
        )

    async def follow(self, client: Client) -> None:
        """Shows what the latest audit says, until it is cancelled. Needs no audit to have run in this process."""
        shown: str | None = None
        while True:
            try:
                latest = await _latest(client)
                if latest is not None and latest != shown:
                    if (result := await latest_audit(client)) is not None:
                        self.show(result)
                    shown = latest
            except RPCError as error:
                _log.info("the audits' results can't be read for the metrics, tried again", reason=error.message)
            await asyncio.sleep(LOOK_EVERY_SECONDS)

    def show(self, latest: AuditResult) -> None:
        """Sets the gauges by the latest audit; what is mended goes to 0.

        A partial audit says nothing of orphans: those that were known before stay.
        """
        counts = Counter((finding.kind, finding.severity) for finding in known_from(latest).values())
        for kind in get_args(FindingKind):
            for severity in get_args(Severity):
                self._findings.set(counts[kind, severity], {"kind": kind, "severity": severity})
        if latest.complete_at is not None:
            self._last_success.set(latest.complete_at.timestamp())


async def _latest(client: Client) -> str | None:
    """The run that ended last; only its id is asked for, so that a look costs next to nothing."""
    async for execution in client.list_workflows(_EVERY_AUDIT, limit=1):
        return execution.run_id
    return None

"""What workflows and activities say to each other about audits, and about what they find."""

from sovereign_dns.audit_contract import AuditRequest, AuditResult, FixFindingRequest
from sovereign_dns.wire import Message

DECIDE_FIX = "decide-fix"
"""The activity in which the environment has its say about what a finding names, once for a run."""


class DecideFix(Message):
    """The request that is to be decided."""

    request: FixFindingRequest


AUDIT = "audit-zones"
"""The activity that looks through the zones."""


class LookThroughZones(Message):
    """Which zones, and against which inventory."""

    request: AuditRequest


class AuditReport(Message):
    """What was found, and where this installation's people read what to do about it."""

    result: AuditResult
    runbook_url: str | None = None

    @property
    def outcome(self) -> str:
        """One line of the log."""
        found, gone = len(self.result.findings) + self.result.left_out, len(self.result.gone)
        return f"{found} findings in {self.result.zones_total} zones, {gone} gone"


AUDIT_IN_MEMO = "findings"
"""The memo field in which an audit tells a list of audits what it found, in a line."""

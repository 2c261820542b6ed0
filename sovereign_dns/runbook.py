"""Where a person reads on: the entries of docs/runbook.md, and how Markdown leads to them. Pure.

Where the installation says at which address the runbook can be read, by a link; else by the command that prints it.
"""

import re
from typing import get_args

from sovereign_dns.audit_contract import FindingKind
from sovereign_dns.contract import Hazard
from sovereign_dns.failures import by_error_type

FROM_WORKFLOWS = ("AlreadyInProgress", "WorkerFault", "StepFailed", "HandedOver")
"""Error types that no outside system causes: those of runs, of updates and of the worker itself."""

FROM_TEMPORAL = (
    "ActivityReset", "HeartbeatTimeout", "StartToCloseTimeout", "ScheduleToCloseTimeout",
    "WorkflowTaskFailed", "NoWorker", "NoTemporal", "Terminated",
)  # fmt: skip
"""What Temporal itself says of a run or a step, by the name that the runbook gives it."""

PHASES = ("stalled", "degraded", "failed", "cancelled")
"""The phases that somebody may want explained."""

HAZARD_KINDS: tuple[str, ...] = get_args(Hazard.model_fields["kind"].annotation)

FINDING_KINDS: tuple[str, ...] = get_args(FindingKind)

_BEFORE_THE_TYPE = "not done before its deadline. "


def error_types() -> list[str]:
    """Every name that the contract gives to a failure, those of failures first."""
    return [*by_error_type(), *FROM_WORKFLOWS]


def error_type_of(told: str | None) -> str | None:
    """The error type that a step's outcome, or a run's failure, begins with."""
    named = re.match(r"(\w+): ", (told or "").removeprefix(_BEFORE_THE_TYPE))
    return named[1] if named and named[1] in error_types() else None


def anchor(heading: str) -> str:
    """The anchor that GitHub makes from a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def pointer(entry: str, url: str | None) -> str:
    """Markdown that leads to an entry."""
    return f"[runbook: {entry}]({url.partition('#')[0]}#{anchor(entry)})" if url else f"`sovereign-dns explain {entry}`"

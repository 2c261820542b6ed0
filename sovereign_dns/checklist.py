"""A provisioning's state as Markdown, for the Web UI's current details. Pure.

Lists, not tables: the UI renders tables without any padding between their columns.
"""

import re

from sovereign_dns.contract import Hazard, ProvisionResult, RecordChange, ServerVerdict, StepStatus

_MARKS = {"pending": "○", "running": "◔", "done": "✔", "skipped": "⊘", "failed": "✘"}

_WORDS = {
    "provisioning": "is being provisioned",
    "verifying": "is being verified",
    "stalled": "is **stalled**: a step has not succeeded for two minutes",
    "complete": "is complete, and proved by DNS",
    "degraded": "is **degraded**: not everything was proved",
    "planned": "is planned (dry run: nothing was written)",
    "failed": "**failed**",
    "cancelled": "was cancelled; what is done stays done, and a new run carries on from it",
}

_UNDER_WAY = {"provisioning", "verifying"}


def as_markdown(status: ProvisionResult) -> str:
    """The whole picture: phase, hazards first, then steps, servers and what was replaced."""
    elsewhere = []
    if status.handed_over_to is not None and not status.steps:
        elsewhere = [f"Handed over to the run that holds the lock on this Sovereign: `{status.handed_over_to}`"]
        if status.phase in _UNDER_WAY:
            return elsewhere[0]
    parts = [f"### {status.sovereign_fqdn} {_WORDS[status.phase]}", *elsewhere]
    if status.failure:
        parts.append(_plain(status.failure))
    if status.hazards:
        parts.append("\n".join(["#### Hazards", *(_hazard(hazard) for hazard in status.hazards)]))
    if status.steps:
        parts.append("\n".join(["#### Steps", *(_step(step) for step in status.steps)]))
    if status.verification.servers:
        notes = [f"- {_plain(note)}" for note in status.verification.notes]
        parts.append("\n".join(["#### Servers", *(_server(s) for s in status.verification.servers), *notes]))
    replaced = [change for change in status.records if change.before and change.change in {"replaced", "removed"}]
    if replaced:
        parts.append("\n".join(["#### Replaced or removed", *(_replaced(change) for change in replaced)]))
    if status.phase == "stalled":
        parts.append("What a stalled step waits for stands under *Pending Activities*, with its next attempt.")
    return "\n\n".join(parts)


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: a wildcard's star would start an emphasis."""
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", text)


def _step(step: StepStatus) -> str:
    mark = _MARKS[step.state]
    text = f"- {mark} `{step.step}` {step.domain}"
    if step.outcome:
        return f"{text}: {_plain(step.outcome)}"
    if step.state == "running" and step.started_at:
        since = f"since {step.started_at:%H:%M:%S} UTC"
        return f"{text}: {'**stalled** ' if step.stalled else 'running '}{since}"
    return text


def _hazard(hazard: Hazard) -> str:
    return f"- ⚠ `{hazard.name}` ({hazard.kind}): {_plain(hazard.message)}"


def _server(server: ServerVerdict) -> str:
    mark = _MARKS["done" if server.state == "converged" else "failed"]
    until = f" until {server.until:%H:%M:%S} UTC" if server.until else ""
    return f"- {mark} {server.server} **{server.state}**{until} ({server.kind}): {_plain(server.detail)}"


def _replaced(change: RecordChange) -> str:
    after = ", ".join(change.after) or "nothing"
    return f"- `{change.name}` {change.type}: {_plain(', '.join(change.before))} → {_plain(after)}"

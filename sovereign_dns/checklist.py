"""A run's state as Markdown, for the Web UI's current details. Pure.

Lists, not tables: the UI renders tables without any padding between their columns. And not too long: the UI has the
server render it by a GET request whose URL holds the whole text, and a proxy in front refuses URLs of many kilobytes.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from sovereign_dns.contract import (
    CertificateStatus,
    Hazard,
    PoolNameChange,
    ProvisionResult,
    RecordChange,
    ServerVerdict,
    StepStatus,
    ZoneChange,
    sovereign_workflow_id,
)
from sovereign_dns.markdown import plain
from sovereign_dns.runbook import error_type_of, pointer
from sovereign_dns.standing import is_fix, removal_of, subject_of

MOST_LINES = 15
"""Of one section. What the steps themselves say is never cut."""

Item = TypeVar("Item")

_MARKS = {"pending": "○", "running": "◔", "done": "✔", "skipped": "⊘", "failed": "✘"}

_WORDS = {
    "provisioning": "is being provisioned",
    "verifying": "is being verified",
    "fixing": "is being removed, as an audit found it",
    "restoring": "is being restored: what another run removed or replaced is put back",
    "deprovisioning": "is being removed",
    "stalled": "is **stalled**: a step has not succeeded for two minutes",
    "complete": "is complete, and proved by DNS",
    "degraded": "is **degraded**: not everything was proved",
    "planned": "is planned (dry run: nothing was written)",
    "failed": "**failed**",
    "cancelled": "was cancelled; what is done stays done, and a new run carries on from it",
}

_WORDS_OF_A_REMOVAL = _WORDS | {
    "complete": "is removed, and DNS answers its names no more",
    "degraded": "is **degraded**: not everything is proved to be gone",
    "planned": "is planned to be removed (dry run: nothing was)",
}

_UNDER_WAY = {"provisioning", "verifying", "deprovisioning", "restoring", "fixing"}


def as_markdown(status: ProvisionResult, *, workflow_id: str = "", runbook_url: str | None = None) -> str:
    """The whole picture: phase and what to do about it, hazards, then steps, servers and what was replaced.

    Args:
        status: how far the run is.
        workflow_id: the run's own, under which its pending activities are found.
        runbook_url: where this installation's people read docs/runbook.md, if it says so.
    """
    elsewhere = []
    if status.handed_over_to is not None and all(step.step == "lock-await" for step in status.steps):
        elsewhere = [_handed_over(status.sovereign_fqdn, status.handed_over_to)]
        if status.phase in _UNDER_WAY and not status.steps:
            return elsewhere[0]
    words = _WORDS_OF_A_REMOVAL if removal_of(status) is not None or is_fix(status) else _WORDS
    parts = [f"### {plain(subject_of(status))} {words[status.phase]}", *elsewhere]
    if status.failure:
        parts.append(plain(status.failure))
    if status.phase == "stalled":
        parts.append(_stuck(status, workflow_id))
    if entry := _entry_for(status):
        parts.append(_what_to_do([entry], runbook_url))
    if status.hazards:
        parts.append(_section("Hazards", _first_lines(_hazard, status.hazards)))
        parts.append(_what_to_do([hazard.kind for hazard in status.hazards], runbook_url))
    if status.steps:
        parts.append(_section("Steps (times in UTC)", (_step(step, runbook_url) for step in status.steps)))
    if status.verification.servers:
        notes = [f"- {plain(note)}" for note in status.verification.notes]
        parts.append(_section("Servers", [*_first_lines(_server, status.verification.servers), *notes]))
    return "\n\n".join([*parts, *_changed(status)])


def _changed(status: ProvisionResult) -> Iterator[str]:
    """What the run has changed of what was there."""
    if besides := [f"- {plain(told)}" for told in _besides_records(status)]:
        yield _section("Zones, pool names and Certificates", besides)
    replaced = [
        change
        for change in status.records
        if (change.before or change.before_disabled) and change.change in {"replaced", "removed"}
    ]
    if replaced:
        yield _section("Replaced or removed", _first_lines(partial(_replaced, status.sovereign_fqdn), replaced))


def _besides_records(status: ProvisionResult) -> Iterator[str]:
    """One line for each."""
    for zone in status.zones:
        yield f"zone {zone.zone} {_perhaps(zone)}{zone.change}"
    for name in status.pool_names:
        yield f"pool name {name.subdomain} of {name.domain} {_perhaps(name)}{name.change}"
    for certificate in status.certificates:
        if certificate.change == "removed":
            gone = f"{_perhaps(certificate)}removed; its Secret is left"
            yield f"Certificate {certificate.name} in {certificate.namespace} {gone}"


def _perhaps(change: ZoneChange | PoolNameChange | CertificateStatus) -> str:
    """The run ended before it knew."""
    return "perhaps " if change.unconfirmed else ""


def _handed_over(fqdn: str, lock_id: str) -> str:
    return (
        f"Handed over to the run that holds the lock on this Sovereign: `{lock_id}`\n\n"
        "Its steps, and what it waits for, are shown there: this run's tab *Relationships* leads to it, and "
        f"`sovereign-dns status {fqdn}` prints it."
    )


def _stuck(status: ProvisionResult, workflow_id: str) -> str:
    """Which step, on which name, since when; its last error is known to Temporal alone, and not to the run."""
    stuck = [
        f"- `{step.step}` on {plain(step.domain)} since {step.started_at:%Y-%m-%d %H:%M:%S} UTC: "
        f"*Pending Activities* shows the last error and the next attempt of `{step.step}/{step.domain}`"
        for step in status.steps
        if step.stalled and step.started_at
    ]
    holds_lock = workflow_id in {"", sovereign_workflow_id(status.sovereign_fqdn)}
    command = (
        f"sovereign-dns status {status.sovereign_fqdn}"
        if holds_lock
        else f"temporal workflow describe --workflow-id {workflow_id}"
    )
    return "\n".join(["#### Stuck", *stuck, f"- `{command}` prints them too"])


def _entry_for(status: ProvisionResult) -> str | None:
    match status.phase:
        case "failed":
            return error_type_of(status.failure) or "failed"
        case "stalled" | "degraded" | "cancelled":
            return status.phase
        case _:
            return None


def _what_to_do(entries: Iterable[str], runbook_url: str | None) -> str:
    return f"What to do: {', '.join(pointer(entry, runbook_url) for entry in dict.fromkeys(entries))}"


def _section(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"#### {title}", *lines])


def _first_lines(line_of: Callable[[Item], str], items: list[Item]) -> list[str]:
    """A line for each, and where there are too many, how many more there are and where."""
    more = len(items) - MOST_LINES
    cut = [f"- … and {more} more: *Queries*, `status`, has them all"] if more > 0 else []
    return [*(line_of(item) for item in items[:MOST_LINES]), *cut]


def _step(step: StepStatus, runbook_url: str | None) -> str:
    mark = _MARKS[step.state]
    text = f"- {mark} `{step.step}` {plain(step.domain)}"
    if step.outcome:
        at = f" ({step.finished_at:%H:%M:%S})" if step.finished_at else ""
        entry = error_type_of(step.outcome) if step.state == "failed" else None
        return f"{text}: {plain(step.outcome)}{at}" + (f" ({pointer(entry, runbook_url)})" if entry else "")
    waits_for = f": {plain(step.waits_for)}" if step.waits_for else ""
    if step.state == "running" and step.started_at:
        # With its date: it may have been waiting since yesterday.
        since = f"{'**stalled**' if step.stalled else 'running'} since {step.started_at:%Y-%m-%d %H:%M:%S}"
        return f"{text}: {since}{waits_for}"
    return f"{text}{waits_for}"


def _hazard(hazard: Hazard) -> str:
    return f"- ⚠ `{hazard.name}` ({hazard.kind}): {plain(hazard.message)}"


def _server(server: ServerVerdict) -> str:
    mark = _MARKS["done" if server.state == "converged" else "failed"]
    until = f" until {server.until:%H:%M:%S} UTC" if server.until else ""
    return f"- {mark} {plain(server.server)} **{server.state}**{until} ({server.kind}): {plain(server.detail)}"


def _replaced(sovereign_fqdn: str, change: RecordChange) -> str:
    after = ", ".join(change.after) or "nothing"
    owner = change.before_owner
    whose = f" (of {owner.sovereign_fqdn})" if owner and owner.sovereign_fqdn != sovereign_fqdn else ""
    return (
        f"- `{change.name}` {change.type}: {plain((', '.join(change.before) or 'disabled') + whose)} → {plain(after)}"
    )

"""How a run looks in a terminal; it reads without colours too."""

from collections.abc import Iterable, Iterator, Mapping

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.waiting import Waiting
from sovereign_dns.contract import (
    CertificateStatus,
    Hazard,
    Owner,
    PoolNameChange,
    ProvisionResult,
    RecordChange,
    StepStatus,
    VerificationResult,
    ZoneChange,
)
from sovereign_dns.standing import subject_of

_MARKS = {
    "pending": ("·", "dim"),
    "running": ("▸", "cyan"),
    "done": ("✔", "green"),
    "skipped": ("-", "dim"),
    "failed": ("✘", "bold red"),
}
PHASE_STYLES = {
    "complete": "bold green",
    "planned": "bold green",
    "provisioning": "cyan",
    "verifying": "cyan",
    "fixing": "cyan",
    "restoring": "cyan",
    "deprovisioning": "cyan",
    "deprovisioned": "green",
    "stalled": "bold yellow",
    "waiting": "yellow",
    "degraded": "bold yellow",
    "failed": "bold red",
    "cancelled": "bold red",
}
_CHANGE_MARKS = {
    "created": ("+", "green"),
    "replaced": ("~", "yellow"),
    "removed": ("-", "red"),
    "unchanged": ("=", "dim"),
}


def whole_status(status: ProvisionResult, waiting: Mapping[str, Waiting], *, live: bool = False) -> RenderableType:
    """Phase, steps with what they wait for, and hazards; `live` where it is shown anew all the time."""
    parts: list[RenderableType] = [
        Text.assemble((subject_of(status), "bold"), "  ", (status.phase, PHASE_STYLES[status.phase])),
        *([Text(status.failure, "bold red")] if status.failure else []),
        steps(status.steps, waiting, live=live),
    ]
    if status.verification.servers:
        parts.append(proof(status.verification))
    parts += [HazardNotice(hazard) for hazard in status.hazards]
    return Group(*parts)


def steps(items: Iterable[StepStatus], waiting: Mapping[str, Waiting], *, live: bool = False) -> Table:
    """One line a step; `waiting` says by activity id what it waits for."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for step in items:
        mark, style = _MARKS[step.state]
        cause = waiting.get(f"{step.step}/{step.domain}") if step.state == "running" else None
        told = step.outcome or "; ".join(filter(None, [step.waits_for, cause.line(live=live) if cause else None]))
        stalled = "stalled: " if step.stalled else ""
        table.add_row(Text(mark, style), Text(step.step, style), step.domain, escape(stalled + told))
    return table


def step_line(step: StepStatus) -> str:
    """One line, for output that nobody watches live."""
    mark, _ = _MARKS[step.state]
    return f"{mark} {step.step:<20} {step.domain:<24} {step.outcome or step.state}"


def besides_records(result: ProvisionResult) -> Iterator[str]:
    """One line for each zone, pool name and Certificate that was taken away, or would be."""
    for zone in result.zones:
        if zone.change == "removed":
            signed = " with its keys" if zone.signed else ""
            told = f"- zone {zone.zone}{signed} (name servers {', '.join(zone.nameservers) or 'unknown'})"
            yield told + _perhaps(zone)
    for certificate in result.certificates:
        if certificate.change == "removed":
            told = f"- Certificate {certificate.name} in {certificate.namespace} (its Secret is left)"
            yield told + _perhaps(certificate)
    for name in result.pool_names:
        if name.change == "released":
            told = f"- pool name {name.subdomain}.{name.domain} ({name.load_balancer_ip or 'no address'} in PDM)"
            yield told + _perhaps(name)


def _perhaps(change: ZoneChange | CertificateStatus | PoolNameChange) -> str:
    return ", perhaps: the run ended before the answer came" if change.unconfirmed else ""


class HazardNotice:
    """A hazard can't be overlooked: framed on a terminal, one whole line elsewhere."""

    def __init__(self, hazard: Hazard) -> None:
        self._hazard = hazard

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Rich's hook."""
        title = f"hazard: {self._hazard.kind} {self._hazard.name}"
        if console.is_terminal:
            yield Panel(escape(self._hazard.message), title=title, border_style="bold yellow")
        else:
            yield Text(f"{title}: {self._hazard.message}")


def proof(verification: VerificationResult) -> RenderableType:
    """What each server says, and what was left out of the proof."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    for server in verification.servers:
        style = "green" if server.state == "converged" else "bold red"
        until = f"until {server.until:%H:%M:%S} UTC" if server.until else ""
        table.add_row(server.server, server.kind, Text(server.state, style), until, escape(server.detail))
    return Group(table, *(Text(f"note: {note}") for note in verification.notes))


def diff(changes: Iterable[RecordChange], sovereign_fqdn: str) -> RenderableType:
    """A plan as a diff: what would be created (+), replaced (~), removed (-) or is right (=), zone by zone."""
    table = Table(box=None, padding=(0, 1), show_header=False)
    for _ in range(4):
        table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    zone = None
    for change in changes:
        if change.zone != zone:
            zone = change.zone
            table.add_row("", Text(f"zone {zone}", "bold"))
        mark, style = _CHANGE_MARKS[change.change]
        values = ", ".join(change.after) or "nothing"
        was = f"{_what_was_there(change, sovereign_fqdn)} -> " if change.change in {"replaced", "removed"} else ""
        table.add_row(Text(mark, style), Text(change.name, style), str(change.ttl), change.type, Text(was + values))
    return table


def _what_was_there(change: RecordChange, sovereign_fqdn: str) -> str:
    match change.before_owner:
        case None:
            whose = "of nobody"
        case Owner(sovereign_fqdn=fqdn, deployment_id=deployment) if fqdn == sovereign_fqdn:
            whose = f"own, deployment {deployment}"
        case Owner(sovereign_fqdn=fqdn, deployment_id=deployment):
            whose = f"of {fqdn}, deployment {deployment}"
    return f"{', '.join(change.before) or 'disabled'} (TTL {change.before_ttl}, {whose})"


def console(*, stderr: bool = False) -> Console:
    """A terminal, or a pipe, in which case nothing is coloured or cut. An address' `:a:` is no emoji."""
    terminal = Console(stderr=stderr, highlight=False, emoji=False)
    if terminal.is_terminal:
        return terminal
    return Console(stderr=stderr, highlight=False, emoji=False, width=160, soft_wrap=True)


def one_line(terminal: Console, line: Text) -> None:
    """Prints a line that a terminal cuts at its edge, and a pipe takes whole."""
    if terminal.is_terminal:
        terminal.print(line, no_wrap=True, overflow="ellipsis")
    else:
        terminal.print(line)

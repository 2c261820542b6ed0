"""How an audit looks in a terminal; it reads without colours too."""

from collections.abc import Iterable, Iterator
from typing import get_args

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sovereign_dns.audit_contract import AuditResult, Finding, Severity, SourceRead
from sovereign_dns.fix_intent import why_not_removable

_STYLES: dict[Severity, str] = {"critical": "bold red", "warning": "yellow", "notice": "cyan"}


def show(result: AuditResult, terminal: Console, *, standing: bool = False) -> None:
    """Prints the findings, worst first, and what they rest on; also those that stand from audits before, if wanted."""
    for severity in get_args(Severity):
        findings = [finding for finding in result.findings if finding.severity == severity]
        if findings:
            terminal.print(_group(Text(f"{severity}: {len(findings)}", _STYLES[severity]), findings))
    if standing and result.standing:
        told = f"found by audits before, not looked for by this one, or without room in it: {len(result.standing)}"
        terminal.print(_group(Text(told), result.standing))
    for line in _summary(result):
        terminal.print(line, markup=False)


def _group(title: Text, findings: list[Finding]) -> RenderableType:
    table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False)
    for column in ("id", "kind", "name", "content", "news", "mended by"):
        table.add_column(column, overflow="fold", no_wrap=column in {"id", "kind", "news"})
    for finding in findings:
        table.add_row(
            finding.id,
            finding.kind,
            escape(f"{finding.name} {finding.type}".strip()),
            escape(", ".join(finding.content)),
            finding.news,
            escape(finding.mend),
        )
    return Group(title, table, "")


def detail(finding: Finding) -> RenderableType:
    """One finding, with all that is known of it."""
    lines = [
        Text.assemble(
            (f"{finding.severity}: {finding.kind} ", _STYLES[finding.severity]), f"{finding.name} {finding.type}"
        ),
        Text(finding.message),
        *(Text(f"- {line}") for line in finding.evidence),
        Text(f"zone {finding.zone}, {_owner(finding)}, first seen {finding.first_seen:%Y-%m-%d %H:%M:%S} UTC"),
        *(Text(f"  {finding.name} {finding.type} {content}") for content in finding.content),
    ]
    return Group(*lines)


def _owner(finding: Finding) -> str:
    if finding.owner is None:
        return "owned by nobody"
    return f"owned by {finding.owner.sovereign_fqdn}, deployment {finding.owner.deployment_id}"


def _summary(result: AuditResult) -> Iterator[str]:
    new = sum(finding.news == "new" for finding in result.findings)
    of = f"{result.zones_total:,} zone{'' if result.zones_total == 1 else 's'}"
    if result.scope:
        of += f" ({', '.join(result.scope)} only)"
    yield (
        f"{len(result.findings):,} finding{'' if len(result.findings) == 1 else 's'}, {new:,} new, "
        f"{len(result.gone):,} gone since the audit before; {of} with {result.rrsets_total:,} "
        f"rrset{'' if result.rrsets_total == 1 else 's'}, at {result.finished_at:%Y-%m-%d %H:%M:%S} UTC"
    )
    if result.left_out:
        yield f"{result.left_out:,} further findings are not shown: mend these first"
    yield from _ended_together(result.findings)
    yield "inventory: " + ", ".join(_source(read) for read in result.inventory)
    for read in result.inventory:
        if read.state == "unreadable":
            yield f"unreadable: {read.source}: {read.detail}"
    if result.partial:
        told = "what could not be read may know an address, so nothing is called an orphan"
        yield f"PARTIAL: {told}. The next audit reads it afresh"
    yield from (f"note: {note}" for note in result.notes)
    yield from (f"gone: {finding.id} {finding.kind} {finding.name} {finding.type}" for finding in result.gone)


def _ended_together(findings: Iterable[Finding]) -> Iterator[str]:
    """Where the same records have more than one finding that removing them ends."""
    by_place: dict[tuple[str, str, str], list[Finding]] = {}
    for finding in findings:
        if why_not_removable(finding) is None:
            by_place.setdefault((finding.zone, finding.name, finding.type), []).append(finding)
    for (_, name, type_), found in by_place.items():
        if len(found) > 1:
            told = " and ".join(f"{finding.kind} {finding.id}" for finding in found)
            yield f"one fix ends {told}: both are about {name} {type_}"


def _source(read: SourceRead) -> str:
    return f"{read.source} ({read.entries:,})" if read.state == "read" else f"{read.source} ({read.state})"

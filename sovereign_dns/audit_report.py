"""An audit's result as Markdown, for the Web UI's current details and for a file. Pure.

Lists, not tables: the Web UI renders tables without any padding between their columns. And not too long there: the UI
asks for the rendered text by a URL that holds all of it.
"""

from collections.abc import Iterable

from sovereign_dns.audit_contract import AuditResult, Finding, SourceRead
from sovereign_dns.audit_ledger import SEVERITIES
from sovereign_dns.markdown import code, plain
from sovereign_dns.runbook import pointer

MOST_IN_THE_UI = 10
"""Findings, in the Web UI."""

_MARKS = {"critical": "⛔", "warning": "⚠", "notice": "·"}
_STATES = {"read": "✔", "unreadable": "✘", "left-out": "⊘"}


def in_short(result: AuditResult) -> str:
    """One line, as for a list of audits: `2 critical, 1 warning; 1 new, 3 gone; partial`."""
    counts = {severity: sum(found.severity == severity for found in result.findings) for severity in SEVERITIES}
    told = ", ".join(f"{count} {severity}" for severity, count in counts.items() if count) or "nothing found"
    new = sum(found.news == "new" for found in result.findings)
    news = [f"{new} new"] if new else []
    news += [f"{len(result.gone)} gone"] if result.gone else []
    more = [f"{result.left_out} more left out"] if result.left_out else []
    return "; ".join([told, *([", ".join(news)] if news else []), *more, *(["partial"] if result.partial else [])])


def as_markdown(result: AuditResult, *, runbook_url: str | None = None, most: int | None = MOST_IN_THE_UI) -> str:
    """The whole picture: what was found and what to do about it, what is gone, and how much was looked at.

    Args:
        result: of the audit.
        runbook_url: where this installation's people read docs/runbook.md, if it says so.
        most: how many findings are told, and how many that are gone; None for all.
    """
    shown, standing, gone = result.findings[:most], result.standing[:most], result.gone[:most]
    parts = [f"### Audit of {result.zones_total} zones with {result.rrsets_total} rrsets: {in_short(result)}"]
    parts += [plain(note) for note in result.notes]
    for severity in SEVERITIES:
        lines = [_finding(found) for found in shown if found.severity == severity]
        if lines:
            parts.append(_section(severity.capitalize(), lines))
    if len(result.findings) > len(shown):
        parts.append(f"… and {len(result.findings) - len(shown)} more: `sovereign-dns audit show` has them all.")
    if result.left_out:
        parts.append(f"{result.left_out} more findings, none more severe than those, are only counted.")
    if result.findings:
        entries = dict.fromkeys(found.kind for found in result.findings)
        parts.append(f"What to do: {', '.join(pointer(entry, runbook_url) for entry in entries)}")
    if standing:
        parts.append(
            _section("Standing from audits before", [*map(_standing, standing), *_more(result.standing, most)])
        )
    if gone:
        parts.append(_section("Gone since the audit before", [*map(_gone, gone), *_more(result.gone, most)]))
    parts.append(_section("Inventory", map(_source, result.inventory)))
    seconds = (result.finished_at - result.started_at).total_seconds()
    parts.append(f"Began {result.started_at:%Y-%m-%d %H:%M:%S} UTC, took {seconds:.0f} s.")
    return "\n\n".join(parts)


def _section(title: str, lines: Iterable[str]) -> str:
    return "\n".join([f"#### {title}", *lines])


def _more(findings: list[Finding], most: int | None) -> list[str]:
    return [f"- … and {len(findings) - most} more"] if most is not None and len(findings) > most else []


def _finding(found: Finding) -> str:
    since = "new" if found.news == "new" else _since(found)
    lines = [f"- {_MARKS[found.severity]} **{found.kind}** {_what(found)} ({since}): {plain(found.message)}"]
    lines += [f"    - {plain(line)}" for line in found.evidence]
    return "\n".join([*lines, f"    - {code(found.mend)}"])


def _standing(found: Finding) -> str:
    return f"- {_MARKS[found.severity]} {found.kind} {_what(found)} ({_since(found)}): {code(found.mend)}"


def _gone(found: Finding) -> str:
    return f"- ✔ {found.kind} {_what(found)} ({_since(found)})"


def _what(found: Finding) -> str:
    return f"{code(found.name)} {found.type}".rstrip()


def _since(found: Finding) -> str:
    return f"since {found.first_seen:%Y-%m-%d %H:%M} UTC"


def _source(read: SourceRead) -> str:
    detail = f": {plain(read.detail)}" if read.detail else ""
    return f"- {_STATES[read.state]} {read.source} {read.state}, {read.entries} entries{detail}"

"""What an audit has found so far, within bounds, and the result that becomes of it. Pure."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sovereign_dns.audit_contract import MOST_FINDINGS, AuditedZone, AuditResult, Finding, Severity, SourceRead
from sovereign_dns.audit_news import Known, known_from, looked_for
from sovereign_dns.finding import LONGEST_EVIDENCE, LONGEST_MESSAGE, cut
from sovereign_dns.names import absolute
from sovereign_dns.wire import Message

Item = TypeVar("Item", bound=Message)

MOST_BYTES_OF_FINDINGS = 500_000
MOST_BYTES_OF_STANDING = 150_000
MOST_BYTES_OF_GONE = 100_000
MOST_BYTES_OF_ZONES = 100_000
MOST_BYTES_OF_SCOPE = 60_000
"""Together below 1 MB, with what is said besides."""

SEVERITIES: tuple[Severity, ...] = ("critical", "warning", "notice")
_KINDS = ("unreadable", "orphan", "shadowing", "dangling", "drift")

_Rank = tuple[int, int, str, str, str]


def rank(finding: Finding) -> _Rank:
    """The most severe first, then by kind and place: in every audit the same order."""
    kind = _KINDS.index(finding.kind)
    return SEVERITIES.index(finding.severity), kind, finding.zone, finding.name, finding.type


@dataclass(frozen=True)
class _Kept:
    """Orders a heap so that the least severe finding is on top."""

    finding: Finding

    def __lt__(self, other: "_Kept") -> bool:
        return rank(self.finding) > rank(other.finding)


class Page:
    """Takes findings as they come, and keeps the most severe ones."""

    def __init__(self, known: Known, started_at: datetime) -> None:
        self._known = known
        self._started_at = started_at
        self._heap: list[_Kept] = []
        self.left_out = 0
        self.found_again: set[str] = set()

    @property
    def findings(self) -> list[Finding]:
        """Those that are kept."""
        return [kept.finding for kept in self._heap]

    @property
    def count(self) -> int:
        """Of all, also of those that are not kept."""
        return len(self._heap) + self.left_out

    def add(self, findings: Iterable[Finding]) -> None:
        """More findings; whether they are new, and since when they are known, is told here."""
        for finding in findings:
            earlier = self._known.get(finding.id)
            if earlier is None:
                self._keep(finding.changed(first_seen=self._started_at, news="new"))
            else:
                self.found_again.add(finding.id)
                self._keep(finding.changed(first_seen=earlier.first_seen, news="same"))

    def take_over(self, other: "Page") -> None:
        """All that another page has."""
        self.left_out += other.left_out
        self.found_again |= other.found_again
        for finding in other.findings:
            self._keep(finding)

    def drop(self, ids: set[str]) -> list[Finding]:
        """Takes findings back. Returns them."""
        dropped = [finding for finding in self.findings if finding.id in ids]
        self._heap = [kept for kept in self._heap if kept.finding.id not in ids]
        heapq.heapify(self._heap)
        return dropped

    def _keep(self, finding: Finding) -> None:
        heapq.heappush(self._heap, _Kept(finding))
        if len(self._heap) > MOST_FINDINGS:
            heapq.heappop(self._heap)
            self.left_out += 1


class Ledger:
    """Everything that an audit has found, a page for each zone, bound together when it was read to its end."""

    def __init__(self, known: Known, started_at: datetime) -> None:
        self._known = known
        self._started_at = started_at
        self._bound = self.page()
        self._zones: dict[str, AuditedZone] = {}

    def page(self) -> Page:
        """An empty one."""
        return Page(self._known, self._started_at)

    def turn(self, page: Page, zone: str, rrsets: int) -> None:
        """The zone of this page was read to its end."""
        self._zones[absolute(zone)] = AuditedZone(zone=absolute(zone), rrsets=rrsets, findings=page.count)
        self._bound.take_over(page)

    def add(self, finding: Finding) -> None:
        """A finding about no record."""
        self._bound.add([finding])

    @property
    def new(self) -> list[Finding]:
        """What no earlier audit has found, of what is kept."""
        return [finding for finding in self._bound.findings if finding.news == "new"]

    def drop(self, ids: set[str]) -> None:
        """Takes back what a second look did not confirm."""
        for finding in self._bound.drop(ids):
            if (zone := self._zones.get(finding.zone)) is not None:
                self._zones[finding.zone] = zone.changed(findings=zone.findings - 1)

    def result(
        self, *, scope: list[str], sources: list[SourceRead], partial: bool, notes: list[str], finished_at: datetime
    ) -> AuditResult:
        """All of it, below 1 MB."""
        read = [source.source for source in sources if source.state == "read"]
        findings = [finding.changed(found_with=read) for finding in sorted(self._bound.findings, key=rank)]
        shown = _that_fit(findings, MOST_BYTES_OF_FINDINGS)
        zones = sorted(self._zones.values(), key=lambda zone: (-zone.findings, zone.zone))
        told = AuditResult(
            started_at=self._started_at,
            finished_at=finished_at,
            partial=partial,
            scope=_names_that_fit(scope),
            inventory=[one.changed(detail=cut(one.detail, LONGEST_MESSAGE) if one.detail else None) for one in sources],
            zones=_that_fit(zones, MOST_BYTES_OF_ZONES),
            zones_total=len(zones),
            rrsets_total=sum(zone.rrsets for zone in zones),
            findings=shown,
            left_out=self._bound.left_out + len(findings) - len(shown),
            notes=[cut(note, LONGEST_EVIDENCE) for note in notes],
        )
        whole = told.changed(findings=findings)
        gone, standing = list[Finding](), list[Finding]()
        told_again = {finding.id for finding in shown}
        for id_, finding in self._known.items():
            if id_ not in self._bound.found_again and looked_for(whole, finding):
                gone.append(finding)
            elif id_ not in told_again:
                standing.append(finding.changed(news="same"))
        if standing:
            about = "have no room here, or were not looked for" if told.left_out else "were not looked for"
            told.notes.append(f"{len(standing)} findings of audits before this one {about}: they stand as they were.")
        gone_shown = _that_fit(sorted(gone, key=rank), MOST_BYTES_OF_GONE)
        if unshown := len(gone) - len(gone_shown):
            told.notes.append(f"{unshown} more findings are gone than have room here.")
        return told.changed(
            gone=gone_shown,
            standing=_that_fit(sorted(standing, key=rank), MOST_BYTES_OF_STANDING),
        )


def beside(result: AuditResult, latest: AuditResult) -> AuditResult:
    """The result after an audit that has ended while this one looked, and that whoever comes next would not see.

    What that one has found and this one doesn't tell stands; what stood and that one has seen gone is forgotten.
    """
    known, gone = known_from(latest), {finding.id for finding in latest.gone}
    findings = [
        finding.changed(first_seen=known[finding.id].first_seen, news="same") if finding.id in known else finding
        for finding in result.findings
    ]
    told = {finding.id for finding in [*result.findings, *result.standing, *result.gone]}
    standing = [finding for finding in result.standing if finding.id not in gone]
    standing += [finding.changed(news="same") for id_, finding in known.items() if id_ not in told]
    return result.changed(findings=findings, standing=_that_fit(sorted(standing, key=rank), MOST_BYTES_OF_STANDING))


def _that_fit(items: list[Item], most_bytes: int) -> list[Item]:
    fitting: list[Item] = []
    for item in items:
        most_bytes -= len(item.model_dump_json().encode()) + 1
        if most_bytes < 0:
            break
        fitting.append(item)
    return fitting


def _names_that_fit(scope: list[str]) -> list[str]:
    fitting: list[str] = []
    left = MOST_BYTES_OF_SCOPE
    for zone in scope:
        left -= len(zone) + 3
        if left < 0:
            break
        fitting.append(zone)
    return fitting

"""What an audit has found so far, within bounds, and the result that becomes of it. Pure."""

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from sovereign_dns.audit_contract import MOST_FINDINGS, AuditedZone, AuditResult, Finding, Severity, SourceRead
from sovereign_dns.audit_news import looked_for
from sovereign_dns.finding import LONGEST_EVIDENCE, LONGEST_MESSAGE, cut
from sovereign_dns.names import absolute
from sovereign_dns.wire import Message

Item = TypeVar("Item", bound=Message)

MOST_BYTES_OF_FINDINGS = 600_000
MOST_BYTES_OF_GONE = 120_000
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


class Ledger:
    """Takes findings as they come, and keeps the most severe ones."""

    def __init__(self, known: Mapping[str, Finding], started_at: datetime) -> None:
        self._known = known
        self._started_at = started_at
        self._kept: list[_Kept] = []
        self._left_out = 0
        self._found_again: set[str] = set()
        self._zones: dict[str, AuditedZone] = {}

    def add(self, finding: Finding) -> None:
        """One more finding."""
        earlier = self._known.get(finding.id)
        if earlier is not None:
            self._found_again.add(finding.id)
        told = finding.changed(
            first_seen=earlier.first_seen if earlier else self._started_at, news="same" if earlier else "new"
        )
        heapq.heappush(self._kept, _Kept(told))
        if len(self._kept) > MOST_FINDINGS:
            heapq.heappop(self._kept)
            self._left_out += 1
        if (zone := self._zones.get(finding.zone)) is not None:
            zone.findings += 1

    def looked_through(self, zone: str, rrsets: int, found: list[Finding]) -> None:
        """A zone was read to its end."""
        self._zones[absolute(zone)] = AuditedZone(zone=absolute(zone), rrsets=rrsets, findings=0)
        for finding in found:
            self.add(finding)

    @property
    def new(self) -> list[Finding]:
        """What no earlier audit has found, of what is kept."""
        return [kept.finding for kept in self._kept if kept.finding.news == "new"]

    def drop(self, ids: set[str]) -> None:
        """Takes back what a second look did not confirm."""
        for kept in self._kept:
            if kept.finding.id in ids and (zone := self._zones.get(kept.finding.zone)) is not None:
                zone.findings -= 1
        self._kept = [kept for kept in self._kept if kept.finding.id not in ids]
        heapq.heapify(self._kept)

    def result(
        self, *, scope: list[str], sources: list[SourceRead], notes: list[str], finished_at: datetime
    ) -> AuditResult:
        """All of it, below 1 MB."""
        findings = sorted((kept.finding for kept in self._kept), key=rank)
        shown = _that_fit(findings, MOST_BYTES_OF_FINDINGS)
        zones = sorted(self._zones.values(), key=lambda zone: (-zone.findings, zone.zone))
        told = AuditResult(
            started_at=self._started_at,
            finished_at=finished_at,
            partial=any(read.state == "unreadable" for read in sources),
            scope=_names_that_fit(scope),
            inventory=[
                read.changed(detail=cut(read.detail, LONGEST_MESSAGE) if read.detail else None) for read in sources
            ],
            zones=_that_fit(zones, MOST_BYTES_OF_ZONES),
            zones_total=len(zones),
            rrsets_total=sum(zone.rrsets for zone in zones),
            findings=shown,
            left_out=self._left_out + len(findings) - len(shown),
            notes=[cut(note, LONGEST_EVIDENCE) for note in notes],
        )
        gone = [
            finding
            for finding in self._known.values()
            if finding.id not in self._found_again and looked_for(told.changed(findings=findings), finding)
        ]
        return told.changed(gone=_that_fit(sorted(gone, key=rank), MOST_BYTES_OF_GONE))


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

"""One look through the zones: the inventory, the owners of all zones, then every name, and what is new once more."""

from contextlib import aclosing
from datetime import UTC, datetime

import structlog

from sovereign_dns import names
from sovereign_dns.audit_contract import AuditRequest, AuditResult, Finding, SourceRead
from sovereign_dns.audit_findings import Judge
from sovereign_dns.audit_ledger import Ledger
from sovereign_dns.audit_news import Known
from sovereign_dns.clients.http import without_promise
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.zone_stream import RRsetsOfName, ZoneStream
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.failures import InvalidInput, PowerDNSUnavailable, ZoneMissing
from sovereign_dns.finding import unreadable_source, unreadable_zone
from sovereign_dns.inventory import Inventory, InventoryReader
from sovereign_dns.zone_survey import Survey

CALLS_AT_ONCE = 3
"""At PowerDNS, which has six turns for reading; the others are left to steps that somebody waits for."""

_log = structlog.get_logger(__name__)


class ZoneAudit:
    """Reads each zone twice, as a stream: first for what all of them say together, then to judge it.

    One object for one audit.
    """

    def __init__(
        self,
        powerdns: PowerDNS,
        inventory: InventoryReader,
        expected_nameservers: list[str],
        request: AuditRequest,
        known: Known,
        *,
        tell_outages: bool = True,
    ) -> None:
        self._powerdns = powerdns
        self._stream = ZoneStream(powerdns)
        self._inventory = inventory
        self._expected_nameservers = expected_nameservers
        self._request = request
        self._ledger = Ledger(known, datetime.now(UTC))
        self._unread: dict[str, str] = {}
        self._without_digest = 0
        self._tell_outages = tell_outages

    async def run(self) -> AuditResult:
        """The result.

        Raises:
            PowerDNSUnavailable: PowerDNS is away; where it only fails to tell one zone, that is a finding.
            Outage: a zone or a part of the inventory can't be read for now, and `tell_outages` is off.
            InvalidInput: a zone that is asked for is not hosted.
        """
        zones = await self._stream.zones()
        _insist_on_hosted(self._request.zones, zones)
        inventory = await self._read_inventory(zones)
        survey = Survey(set(zones), inventory)
        for zone in zones:
            await self._see_owners(zone, survey)
        sources = [*inventory.sources, _owners_read(survey, self._unread)]
        judge = self._judge(survey, sources)
        for zone in self._request.zones or zones:
            if zone not in self._unread:
                await self._look_through(zone, judge)
        if self._ledger.new:
            sources = await self._look_again(survey, zones, sources)
        return self._result(sources)

    async def _read_inventory(self, zones: list[str]) -> Inventory:
        return await self._inventory.read(self._request, zones, tell_outages=self._tell_outages)

    def _judge(self, survey: Survey, sources: list[SourceRead]) -> Judge:
        complete = all(read.state != "unreadable" for read in sources)
        return Judge(survey, self._expected_nameservers, complete=complete)

    async def _see_owners(self, zone: str, survey: Survey) -> None:
        try:
            async with aclosing(self._stream.names(zone)) as found:
                async for name, rrsets in found:
                    survey.see(zone, name, rrsets)
        except PowerDNSUnavailable as failure:
            await self._give_up(zone, failure)

    async def _give_up(self, zone: str, failure: PowerDNSUnavailable) -> None:
        """Notes that a zone can't be read by a PowerDNS that answers otherwise. One that doesn't is an outage."""
        if not self._tell_outages:
            raise failure
        await self._powerdns.hosted([zone])
        _log.warning("a zone could not be read", zone=zone, reason=str(failure))
        self._unread[zone] = without_promise(str(failure))

    async def _look_through(self, zone: str, judge: Judge) -> None:
        """Judges one zone, wholly or not at all."""
        page, cuts = self._ledger.page(), list[RRsetsOfName]()
        rrsets_seen = without_digest = 0
        try:
            async with aclosing(self._stream.names(zone)) as found:
                async for name, rrsets in found:
                    rrsets_seen += sum(bool(rrset.records) for rrset in rrsets)
                    without_digest += sum(bool(rrset.owner) and rrset.is_as_written is None for rrset in rrsets)
                    if judge.needs_keys(zone, name, rrsets):
                        cuts.append((name, rrsets))
                    else:
                        page.add(judge.judge(zone, name, rrsets))
        except PowerDNSUnavailable as failure:
            await self._give_up(zone, failure)
            return
        page.add(await self._judged_cuts(zone, cuts, judge))
        self._ledger.turn(page, zone, rrsets_seen)
        self._without_digest += without_digest

    async def _keys(self, zone: str) -> list[str] | None:
        try:
            return await self._powerdns.ds_records(zone)
        except ZoneMissing:
            return None

    async def _look_again(self, survey: Survey, zones: list[str], sources: list[SourceRead]) -> list[SourceRead]:
        """Drops what is only younger than the inventory, or was being written while it was read.

        Returns the sources of the inventory as they were read the second time. One that could not be read the first
        time stays so: the zones were judged without it.
        """
        new = self._ledger.new
        survey.inventory = await self._read_inventory(zones)
        kept = {read.source: read for read in sources if read.source == "owners" or read.state == "unreadable"}
        sources = list(({read.source: read for read in survey.inventory.sources} | kept).values())
        survey.zones |= await self._powerdns.hosted(
            {names.relative_to_root(finding.name) for finding in new if finding.type in {"NS", "DS"}}
        )
        judge = self._judge(survey, sources)
        confirmed: set[str] = set()
        for zone in sorted({finding.zone for finding in new}):
            wanted = {names.relative_to_root(finding.name) for finding in new if finding.zone == zone}
            confirmed |= await self._found_again(names.relative_to_root(zone), wanted, judge)
        self._ledger.drop({finding.id for finding in new} - confirmed)
        return sources

    async def _found_again(self, zone: str, wanted: set[str], judge: Judge) -> set[str]:
        """What is still found at some names. The whole zone is read for it.

        To read it by names costs PowerDNS as much for each of them: it tells the comments of all others with it.
        """
        found: set[str] = set()
        cuts: list[RRsetsOfName] = []
        try:
            async with aclosing(self._stream.names(zone)) as all_names:
                async for name, rrsets in all_names:
                    if name not in wanted:
                        continue
                    if judge.needs_keys(zone, name, rrsets):
                        cuts.append((name, rrsets))
                    else:
                        found |= {finding.id for finding in judge.judge(zone, name, rrsets)}
        except PowerDNSUnavailable as failure:
            await self._give_up(zone, failure)
        for finding in await self._judged_cuts(zone, cuts, judge):
            found.add(finding.id)
        return found

    async def _judged_cuts(self, zone: str, cuts: list[RRsetsOfName], judge: Judge) -> list[Finding]:
        keys = await side_by_side((self._keys(name) for name, _ in cuts), at_once=CALLS_AT_ONCE)
        found: list[Finding] = []
        for (name, rrsets), child_ds in zip(cuts, keys, strict=True):
            found += judge.judge(zone, name, rrsets, child_ds)
        return found

    def _result(self, sources: list[SourceRead]) -> AuditResult:
        for zone, reason in self._unread.items():
            self._ledger.add(unreadable_zone(zone, reason))
        for read in sources:
            if read.state == "unreadable" and read.source != "owners":
                self._ledger.add(unreadable_source(read.source, read.detail or "it didn't say why"))
        partial = bool(self._unread) or any(read.state == "unreadable" for read in sources)
        notes = []
        if partial:
            notes.append("The inventory is partial, so nothing is called an orphan: see the findings 'unreadable'.")
        if self._without_digest:
            notes.append(
                f"{self._without_digest} owned rrsets were written before owner comments had a digest: whether they "
                "have drifted can't be told. They get one when they are written next."
            )
        return self._ledger.result(
            scope=self._request.zones, sources=sources, partial=partial, notes=notes, finished_at=datetime.now(UTC)
        )


def _insist_on_hosted(asked_for: list[str], zones: list[str]) -> None:
    missing = sorted(set(asked_for) - set(zones))
    if missing:
        raise InvalidInput(
            f"zones: PowerDNS hosts no zone {', '.join(missing[:5])}"
            + (f", nor {len(missing) - 5} more of them" if len(missing) > 5 else "")
        )


def _owners_read(survey: Survey, unread: dict[str, str]) -> SourceRead:
    known = len(survey.owners)
    if not unread:
        return SourceRead(source="owners", state="read", entries=known)
    shown = ", ".join(sorted(unread)[:5]) + (f" and {len(unread) - 5} more" if len(unread) > 5 else "")
    return SourceRead(source="owners", state="unreadable", entries=known, detail=f"the owners of {shown} are not known")

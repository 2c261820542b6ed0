"""How planned changes reach their zones: all of one zone or none, and never without a note of what goes."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import structlog

from activities import attempt_time, journal
from activities.shielding import to_its_end, undisturbed
from activities.telling import tell_of_attempt
from sovereign_dns import names
from sovereign_dns.clients.group_commit import MetAnotherWriterError
from sovereign_dns.clients.powerdns import PowerDNS, ZoneMetadata
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import RecordChange, ZoneChange
from sovereign_dns.failures import Outage, OwnershipConflict, PowerDNSUnavailable, ZoneWrongKind
from sovereign_dns.messages import ChangesAttempted
from sovereign_dns.records import ZonePlan, over_all_attempts, perhaps_done

MOST_CONFLICTS_TOLD = 5

_log = structlog.get_logger(__name__)

Result = TypeVar("Result")


async def until_nobody_else_writes(write: Callable[[int], Awaitable[Result]]) -> Result:
    """Has it all read and planned anew where another worker's write of the zone was quicker: it may have changed that.

    `write` is told how often that was so. It comes to its end: what goes on is an outage.
    """
    meetings = 0
    while True:
        try:
            return await write(meetings)
        except MetAnotherWriterError as met:
            meetings += 1
            await asyncio.sleep(met.pause_seconds)


class ZoneWrites:
    """Writes what was planned. The caller holds a claim on the names, or the zones, from reading to writing."""

    def __init__(self, powerdns: PowerDNS) -> None:
        self._powerdns = powerdns

    async def apply(
        self,
        plans: Sequence[ZonePlan],
        *,
        dry_run: bool,
        then_remove: ZoneChange | None = None,
        known: Mapping[str, ZoneMetadata | None] | None = None,
        meetings: int = 0,
    ) -> list[RecordChange]:
        """Writes all plans, none of which has a conflict; and then removes a zone, where one is given.

        `known` are zones whose metadata were just read, `meetings` as `until_nobody_else_writes` tells.

        Returns what was changed, by this attempt or by earlier ones.

        Raises:
            MetAnotherWriterError: not all was written, and what the plans were made from may hold no more.
            ZoneWrongKind: one of the zones can't be written to; nothing was.
        """
        to_write = [plan for plan in plans if plan.writes]
        read = known or {}
        unread = await side_by_side(self._powerdns.zone(plan.zone) for plan in to_write if plan.zone not in read)
        for zone in [*(read[plan.zone] for plan in to_write if plan.zone in read), *unread]:
            if zone is not None:
                insist_on_writable(zone)
        changes = over_all_attempts(journal.notes(RecordChange), [change for plan in plans for change in plan.changes])
        removed = [then_remove] if then_remove else []
        if (to_write or removed) and not dry_run:
            await journal.note(*changes, *removed)
            await self._send(to_write, changes, removed, meetings)
        return changes

    async def _send(
        self, plans: list[ZonePlan], changes: list[RecordChange], removed: list[ZoneChange], meetings: int
    ) -> None:
        _log.info("writing", replaced={c.name: c.before for c in changes if c.before and c.change != "unchanged"})
        written = 0
        perhaps_gone: list[ZoneChange] = []
        try:
            for plan in plans:
                _insist_on_time(plan.zone)
                await self._powerdns.group_commit.commit(plan.zone, plan.writes, meetings=meetings)
                written += 1
            for zone in removed:
                perhaps_gone = [zone.changed(unconfirmed=True)]
                await self._remove(names.relative_to_root(zone.zone))
        except BaseException as failure:
            # Something was written, or perhaps only an answer was lost; and the run may end before it is known.
            unheard = isinstance(failure, Outage) and failure.sent
            attempted = perhaps_done(changes, not_sent=plans[written + unheard :])
            zones = perhaps_gone if unheard else []
            if attempted or zones:
                await undisturbed(tell_of_attempt(ChangesAttempted(changes=attempted, zones=zones)))
            raise

    async def _remove(self, zone: str) -> None:
        async with self._powerdns.turn_to_write(f"deleting zone {zone}"):
            _insist_on_time(zone)
            await to_its_end(self._powerdns.delete_zone(zone))


def refuse_conflicts(plans: Sequence[ZonePlan], remedy: str) -> None:
    """Refuses plans of which any has a conflict: one in a zone leaves every one untouched.

    Raises:
        OwnershipConflict: tells the conflicts, and the remedy.
    """
    conflicts = [conflict for plan in plans for conflict in plan.conflicts]
    if not conflicts:
        return
    more = len(conflicts) - MOST_CONFLICTS_TOLD
    shown = "; ".join(conflicts[:MOST_CONFLICTS_TOLD]) + (f"; and {more} more" if more > 0 else "")
    zones = " and ".join(plan.zone for plan in plans)
    raise OwnershipConflict(f"{shown}. This step wrote nothing into {zones}. {remedy}")


def insist_on_writable(zone: ZoneMetadata) -> None:
    """Refuses a secondary.

    Raises:
        ZoneWrongKind: the zone gets its records from elsewhere.
    """
    if not zone.writable:
        name = names.relative_to_root(zone.name)
        raise ZoneWrongKind(
            f"zone {name} is of kind {zone.kind} in PowerDNS: it gets its records from another server, and what we "
            "wrote would be lost at its next transfer. Make it Native (or Primary), or ask for names that don't lie "
            "in it; this run goes on by itself."
        )


def too_late(zone: str) -> PowerDNSUnavailable:
    """What an attempt fails with that has no time left to write."""
    return PowerDNSUnavailable(
        f"PowerDNS answers so slowly, or so many wait for it, that this attempt had no time left to write zone {zone}. "
        "Tried again; look whether it is overloaded, or its database hangs",
        sent=False,
    )


def _insist_on_time(zone: str) -> None:
    if attempt_time.is_over():
        raise too_late(zone)

"""How often to look at what is not yet so, over seconds or over days. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from sovereign_dns.contract import ServerVerdict

SHORTEST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(minutes=5)
"""Where nothing says how long what is there now is kept."""

_LONGEST_BY_TTL = timedelta(minutes=15)
_SHORTEST_BY_TTL = timedelta(minutes=1)


def pause_after(waited: timedelta, kept_for: int | None = None) -> timedelta:
    """A tenth of the time that was waited already, so that what comes late is seen late by no more than that.

    Args:
        waited: since the first look.
        kept_for: how many seconds resolvers keep what is there now, where that is known: who looks much more often
            sees a change before anybody else can.
    """
    longest = LONGEST_PAUSE
    if kept_for is not None:
        longest = min(max(timedelta(seconds=kept_for), _SHORTEST_BY_TTL), _LONGEST_BY_TTL)
    return min(max(waited / 10, SHORTEST_PAUSE), longest)


def is_young(waited: timedelta) -> bool:
    """Whether so little was waited that looks follow each other by their count and not by the clock."""
    return waited / 10 <= SHORTEST_PAUSE


BEFORE_THE_END = timedelta(seconds=2)
"""When the last look is due, so that it is not passed over for being too early."""


def earliest_look(now: datetime, waited: timedelta, ends: datetime | None = None) -> datetime:
    """Before when nobody need look again, whatever is said of how long it holds; once more where the wait ends."""
    if is_young(waited):
        return now
    due = now + pause_after(waited)
    return due if ends is None else max(now, min(due, ends - BEFORE_THE_END))


def delegation_kept_for(verdicts: Iterable[ServerVerdict]) -> int | None:
    """How many seconds resolvers keep a delegation that is not as expected yet, by what the zone above says."""
    kept = [
        holds
        for verdict in verdicts
        if verdict.kind == "parent"
        for answer in verdict.answers
        if answer.type == "NS" and answer.state != "converged"
        for holds in (answer.ttl, answer.negative_ttl)
        if holds is not None
    ]
    return min(kept, default=None)

"""Which Sovereigns are live, and which were taken away, by the runs that held their locks. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sovereign_dns.contract import (
    ADD_PARENT_DOMAIN,
    DEPROVISION_SOVEREIGN,
    PROVISION_SOVEREIGN,
    RESTORE_RECORDS,
)
from sovereign_dns.inventory import GoneSovereign

LIFECYCLE_TYPES = (PROVISION_SOVEREIGN, DEPROVISION_SOVEREIGN, ADD_PARENT_DOMAIN, RESTORE_RECORDS)
"""The workflow types whose runs tell whether their Sovereign is there."""


@dataclass(frozen=True)
class LifecycleRun:
    """A run of one of `LIFECYCLE_TYPES` under a Sovereign's lock. `planned` where it was a dry run."""

    sovereign_fqdn: str
    workflow_type: str
    workflow_id: str
    run_id: str
    state: Literal["running", "completed", "failed"]
    started_at: datetime
    ended_at: datetime | None = None
    planned: bool = False


@dataclass(frozen=True)
class Lifecycles:
    """What the runs tell. A Sovereign whose runs tell nothing is in neither."""

    live: list[str]
    gone: list[GoneSovereign]


def lifecycles_of(runs: Iterable[LifecycleRun]) -> Lifecycles:
    """The latest run that decides: in doubt for being live, since what is gone may be removed.

    A Sovereign is gone where that run took it away to its end. One that failed to has perhaps left all of it.
    """
    decisive: dict[str, LifecycleRun] = {}
    for run in runs:
        known = decisive.get(run.sovereign_fqdn)
        if _decides(run) and (known is None or known.started_at < run.started_at):
            decisive[run.sovereign_fqdn] = run
    gone = [run for run in decisive.values() if _took_away(run)]
    return Lifecycles(
        live=sorted(decisive.keys() - {run.sovereign_fqdn for run in gone}),
        gone=[
            GoneSovereign(
                sovereign_fqdn=run.sovereign_fqdn,
                workflow_id=run.workflow_id,
                run_id=run.run_id,
                at=run.ended_at or run.started_at,
            )
            for run in sorted(gone, key=lambda run: run.sovereign_fqdn)
        ],
    )


def _decides(run: LifecycleRun) -> bool:
    if run.planned or run.workflow_type not in LIFECYCLE_TYPES:
        return False
    return run.state != "failed" or run.workflow_type != DEPROVISION_SOVEREIGN


def _took_away(run: LifecycleRun) -> bool:
    return run.workflow_type == DEPROVISION_SOVEREIGN and run.state == "completed"

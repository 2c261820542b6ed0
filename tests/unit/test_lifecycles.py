"""Which Sovereigns are live and which are gone, by the runs that held their locks: in doubt, live."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sovereign_dns.lifecycles import LifecycleRun, lifecycles_of

BEGINNING = datetime(2026, 11, 23, tzinfo=UTC)
FQDN = "t1.omani.works"


def run(kind: str, at: int, state: Any = "completed", *, planned: bool = False) -> LifecycleRun:
    started = BEGINNING + timedelta(hours=at)
    return LifecycleRun(
        FQDN, kind, f"sovereign/{FQDN}", f"{kind}-{at}", state, started, started + timedelta(minutes=1), planned
    )


PROVISION, DEPROVISION = "ProvisionSovereign", "DeprovisionSovereign"


@pytest.mark.parametrize(
    ("runs", "expected"),
    [
        ([], "unknown"),
        ([run(PROVISION, 1)], "live"),
        ([run(PROVISION, 1, "failed")], "live"),
        ([run(PROVISION, 1, "running")], "live"),
        ([run(PROVISION, 1), run(DEPROVISION, 2)], "gone"),
        ([run(DEPROVISION, 2), run(PROVISION, 1)], "gone"),
        ([run(DEPROVISION, 2)], "gone"),
        ([run(PROVISION, 1), run(DEPROVISION, 2), run(PROVISION, 3)], "live"),
        ([run(DEPROVISION, 2), run(PROVISION, 3, "running")], "live"),
        ([run(PROVISION, 1), run(DEPROVISION, 2, "running")], "live"),
        ([run(PROVISION, 1), run(DEPROVISION, 2, "failed")], "live"),
        ([run(DEPROVISION, 1), run(DEPROVISION, 2, "failed")], "gone"),
        ([run(DEPROVISION, 2, "failed")], "unknown"),
        ([run(PROVISION, 1), run(DEPROVISION, 2, planned=True)], "live"),
        ([run(DEPROVISION, 1), run(PROVISION, 2, planned=True)], "gone"),
        ([run(DEPROVISION, 1), run("RestoreRecords", 2)], "live"),
        ([run(DEPROVISION, 1), run("AddParentDomain", 2, "running")], "live"),
        ([run(DEPROVISION, 1), run("FixFinding", 2), run("RemoveParentDomain", 3)], "gone"),
    ],
)
def test_the_latest_run_that_decides(runs: list[LifecycleRun], expected: str) -> None:
    found = lifecycles_of(runs)

    assert (found.live == [FQDN], [gone.sovereign_fqdn for gone in found.gone] == [FQDN]) == (
        expected == "live",
        expected == "gone",
    )


def test_who_is_gone_is_told_with_the_run_that_took_it_away() -> None:
    (gone,) = lifecycles_of([run(PROVISION, 1), run(DEPROVISION, 2)]).gone

    assert (gone.workflow_id, gone.run_id) == (f"sovereign/{FQDN}", "DeprovisionSovereign-2")
    assert gone.at == BEGINNING + timedelta(hours=2, minutes=1)

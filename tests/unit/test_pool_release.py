"""Whose a pool name is when it is to be released, and what is said of it."""

from datetime import UTC, datetime
from typing import Any

import pytest

from sovereign_dns.contract import Owner, PoolNameChange
from sovereign_dns.lifecycle_messages import ReleasePoolName
from sovereign_dns.pool_names import Allocation
from sovereign_dns.pool_release import Released, done, holder_of, left_to

POOL = "omani.works"
OWNER = Owner(sovereign_fqdn="otech5.omani.works", deployment_id="d1")
TASK = ReleasePoolName(owner=OWNER, pool_domain=POOL, subdomain="otech5")
CHANGE = PoolNameChange(domain=POOL, subdomain="otech5", change="released", load_balancer_ip="77.42.11.95")


def row(state: str = "active", **fields: Any) -> Allocation:
    return Allocation(subdomain="otech5", state=state, **fields)


@pytest.mark.parametrize("fqdn", ["otech5.omani.works", "Otech5.Omani.Works", "otech5.omani.works."])
@pytest.mark.parametrize("created_by", ["catalyst-api", "catalyst-api/d1", "team/catalyst-api/d1", "", None])
def test_an_active_name_is_its_sovereigns(fqdn: str, created_by: str | None) -> None:
    assert holder_of(row(sovereign_fqdn=fqdn, created_by=created_by), POOL, OWNER) is None


def test_an_active_name_that_another_deployment_claimed_is_left_unless_this_one_has_followed_it() -> None:
    """PDM keeps the name of the first one; records tell the last."""
    claimed = row(sovereign_fqdn="otech5.omani.works", created_by="catalyst-api/d2")

    told = holder_of(claimed, POOL, OWNER)

    assert told == (
        "PDM holds otech5.omani.works as active for deployment d2 of this Sovereign (created by catalyst-api/d2), and "
        "no record says that deployment d1 has followed it"
    )
    assert holder_of(claimed, POOL, OWNER, deployment_seen=True) is None
    assert holder_of(claimed, POOL, OWNER.changed(deployment_id="")) is None


@pytest.mark.parametrize("created_by", ["d1", "catalyst-api/xd1", "catalyst-api/d1/x", "catalyst-api", ""])
def test_a_reservation_is_ours_only_where_it_names_the_deployment(created_by: str) -> None:
    assert holder_of(row("reserved", created_by="catalyst-api/d1"), POOL, OWNER) is None
    assert holder_of(row("reserved", created_by=created_by), POOL, OWNER) is not None


def test_without_a_deployment_no_reservation_is_ours() -> None:
    any_deployment = OWNER.changed(deployment_id="")
    assert holder_of(row("reserved", created_by="catalyst-api/"), POOL, any_deployment) is not None


def test_a_state_that_nobody_knows_is_left() -> None:
    """A later version of PDM may have one."""
    frozen = row("frozen", sovereign_fqdn="otech5.omani.works", created_by="catalyst-api/d1")
    assert "is frozen in PDM" in (holder_of(frozen, POOL, OWNER) or "")


def test_who_holds_a_name_is_told_with_until_when() -> None:
    reserved = row("reserved", created_by="team-b", expires_at=datetime(2026, 11, 23, 19, tzinfo=UTC))
    told = holder_of(reserved, POOL, OWNER) or ""
    assert "otech5.omani.works is reserved in PDM until 2026-11-23 19:00:00+00:00, created by team-b" in told


def test_a_name_that_another_took_after_a_lost_answer_counts_as_released_and_its_zone_as_theirs() -> None:
    theirs = row(sovereign_fqdn="other.example.com", created_by="x")
    report = left_to(holder_of(theirs, POOL, OWNER) or "", TASK, theirs, CHANGE)
    assert report.outcome.startswith("released by an attempt whose answer was lost, and taken by another since; left, ")
    assert (report.change, report.dns_left_behind) == (CHANGE, False)
    assert [hazard.content for hazard in report.hazards] == [["other.example.com"]]


@pytest.mark.parametrize("noted", [None, CHANGE])
@pytest.mark.parametrize("released", Released)
def test_dns_counts_as_gone_only_where_pdm_has_said_so(released: Released, noted: PoolNameChange | None) -> None:
    report = done(released, TASK, noted)
    assert report.change == noted
    never_there = released is Released.UNMANAGED
    assert report.dns_left_behind == (released is not Released.WITH_ITS_DNS and not never_there)
    assert ("has removed its zone" in report.outcome) == (released is Released.WITH_ITS_DNS)

"""Whether a pool name may be released, and what is said of it. Pure.

PDM releases whatever name it is told to, whosever it is, and takes no condition: its row decides, read right before.
"""

from enum import Enum

from sovereign_dns.contract import Hazard, Owner, PoolNameChange
from sovereign_dns.lifecycle_messages import ReleasePoolName
from sovereign_dns.messages import PoolReport
from sovereign_dns.pool_names import Allocation


class Released(Enum):
    """PDM's answer to a release."""

    WITH_ITS_DNS = "released; PDM has removed its zone and delegation"
    WITHOUT_ITS_DNS = "released; PDM couldn't remove its zone and delegation, and won't try again"
    NOT_HELD = "PDM doesn't hold it"
    UNMANAGED = "PDM doesn't manage the pool"


def holder_of(row: Allocation, pool_domain: str, owner: Owner, *, deployment_seen: bool = False) -> str | None:
    """Who else holds the name, in words; None where it is the owner's to release.

    PDM goes on naming the deployment that has claimed the name, and only `pool-commit` has it name one. Another one may
    have followed it since, or be newer than the one that shall be gone: which, only records tell.

    Args:
        row: PDM's, of the name.
        pool_domain: the pool.
        owner: whose the name shall be; an empty deployment stands for all.
        deployment_seen: whether the Sovereign's records are the owner's deployment's, so that it is the latest one.
    """
    name = f"{row.subdomain}.{pool_domain}"
    by = f"created by {row.created_by or 'somebody who is not named'}"
    if row.state == "active":
        holder = (row.sovereign_fqdn or "").rstrip(".").lower()
        if holder == owner.sovereign_fqdn:
            return None if deployment_seen else claimed_by_another_deployment(row, pool_domain, owner)
        if not holder:
            return f"PDM holds {name} as active, and doesn't say for which Sovereign ({by})"
        return f"PDM holds {name} as active for another Sovereign ({holder}, {by})"
    made_by_us = owner.deployment_id and _deployment_in(row) == owner.deployment_id
    if row.state == "reserved" and made_by_us:
        return None
    until = f" until {row.expires_at}" if row.expires_at else ""
    return (
        f"{name} is {row.state} in PDM{until}, {by}, which this deployment is not known to be; a reservation that "
        "nobody commits expires by itself"
    )


def claimed_by_another_deployment(row: Allocation, pool_domain: str, owner: Owner) -> str | None:
    """Which other deployment of the same Sovereign has claimed an active name, in words; None where none is known."""
    active = row.state == "active" and (row.sovereign_fqdn or "").rstrip(".").lower() == owner.sovereign_fqdn
    deployment = _deployment_in(row)
    if not active or not owner.deployment_id or deployment in {None, owner.deployment_id}:
        return None
    return (
        f"PDM holds {row.subdomain}.{pool_domain} as active for deployment {deployment} of this Sovereign (created by "
        f"{row.created_by}), and no record says that deployment {owner.deployment_id} has followed it"
    )


def _deployment_in(row: Allocation) -> str | None:
    """The deployment that has claimed a name through `pool-commit`; None where somebody else reserved it."""
    _, separator, deployment = (row.created_by or "").rpartition("/")
    return deployment if separator and deployment else None


def change_of(task: ReleasePoolName, row: Allocation) -> PoolNameChange:
    """What a release of this row changes."""
    return PoolNameChange(
        domain=task.pool_domain, subdomain=task.subdomain, change="released", load_balancer_ip=row.load_balancer_ip
    )


def planned(task: ReleasePoolName, row: Allocation) -> PoolReport:
    """What a dry run says of a name that would be released."""
    return PoolReport(outcome="dry run: would be released", change=change_of(task, row))


def left_to(holder: str, task: ReleasePoolName, row: Allocation, noted: PoolNameChange | None) -> PoolReport:
    """What is said where somebody else holds the name, perhaps since an earlier attempt has released it."""
    before = "released by an attempt whose answer was lost, and taken by another since; " if noted else ""
    hazard = Hazard(
        kind="kept-for-another",
        zone=f"{task.pool_domain}.",
        name=f"{task.subdomain}.{task.pool_domain}.",
        content=[row.sovereign_fqdn or row.created_by or row.state],
        message=f"{holder}. The name was left, with its zone.",
    )
    return PoolReport(
        outcome=f"{before}left, it is another's: {holder}",
        change=noted,
        hazards=[hazard],
        active_for_another=row.state == "active",
    )


def done(released: Released, task: ReleasePoolName, noted: PoolNameChange | None) -> PoolReport:
    """What came of it. `noted` is what this attempt, or an earlier one, was about to release."""
    match released:
        case Released.WITH_ITS_DNS | Released.WITHOUT_ITS_DNS:
            outcome = released.value
        case Released.NOT_HELD if noted is not None:
            outcome = "released by an attempt whose answer was lost, so whether PDM has removed its DNS is not known"
        case Released.NOT_HELD:
            outcome = "PDM holds no such name: released before, or never claimed; whether its DNS is gone PDM can't say"
        case Released.UNMANAGED:
            outcome = f"nothing to release: PDM doesn't manage the pool {task.pool_domain}"
    left = released in {Released.WITHOUT_ITS_DNS, Released.NOT_HELD}
    return PoolReport(outcome=outcome, change=noted, dns_left_behind=left)

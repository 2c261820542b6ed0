"""The steps `pool-commit` and `pool-release`, on PDM."""

from temporalio import activity

from activities import journal
from activities.shielding import to_its_end
from activities.telling import tell_of_attempt
from sovereign_dns import pool_release
from sovereign_dns.clients.pdm import PDM
from sovereign_dns.contract import Hazard, PoolNameChange
from sovereign_dns.failures import PDMUnavailable
from sovereign_dns.lifecycle_messages import ReleasePoolName
from sovereign_dns.messages import ChangesAttempted, CommitPoolName, PoolReport
from sovereign_dns.pool_names import Allocation, Claim, Claimed
from sovereign_dns.pool_release import Released


class PDMActivities:
    """Has PDM hold the name before it is published, and let it go when it no longer is."""

    def __init__(self, pdm: PDM) -> None:
        self._pdm = pdm

    @activity.defn(name="pool-commit")
    async def commit_pool_name(self, task: CommitPoolName) -> PoolReport:
        """Makes the name active for this Sovereign, or finds that it is."""
        claim = _claim(task)
        if task.dry_run:
            planned, row = await self._pdm.plan(claim)
            return PoolReport(outcome=f"dry run: {planned}", hazards=_differing_address(task, row))
        if not _noted() and not await self._pdm.is_active(task.pool_domain, task.subdomain):
            await journal.note(_committed(task))
        claimed, row = await to_its_end(self._pdm.claim(claim))
        # Where it wasn't active at first and is now, an attempt whose answer was lost has made it so.
        ours = claimed is not Claimed.ACTIVE_ALREADY or _noted() is not None
        change = _committed(task) if ours else None
        return PoolReport(outcome=claimed.value, change=change, hazards=_differing_address(task, row))

    @activity.defn(name="pool-release")
    async def release_pool_name(self, task: ReleasePoolName) -> PoolReport:
        """Has PDM let the name go, where it holds it for this Sovereign."""
        rows = await self._pdm.rows(task.pool_domain)
        if rows is None:
            return pool_release.done(Released.UNMANAGED, task, _noted())
        row = next((row for row in rows if row.subdomain == task.subdomain), None)
        if row is None:
            return pool_release.done(Released.NOT_HELD, task, _noted())
        holder = pool_release.holder_of(row, task.pool_domain, task.owner, deployment_seen=task.deployment_seen)
        if holder is not None:
            return pool_release.left_to(holder, task, row, _noted())
        if task.dry_run:
            return pool_release.planned(task, row)
        change = _noted() or pool_release.change_of(task, row)
        await journal.note(change)
        return pool_release.done(await self._release(task, change), task, change)

    async def _release(self, task: ReleasePoolName, change: PoolNameChange) -> Released:
        try:
            return await to_its_end(self._pdm.release(task.pool_domain, task.subdomain))
        except PDMUnavailable as outage:
            if outage.sent:
                await tell_of_attempt(ChangesAttempted(pool_names=[change]))
            raise


def _noted() -> PoolNameChange | None:
    return next(iter(journal.notes(PoolNameChange)), None)


def _committed(task: CommitPoolName) -> PoolNameChange:
    return PoolNameChange(
        domain=task.pool_domain,
        subdomain=task.subdomain,
        change="committed",
        load_balancer_ip=task.load_balancer_ip,
    )


def _claim(task: CommitPoolName) -> Claim:
    return Claim(
        pool_domain=task.pool_domain,
        subdomain=task.subdomain,
        sovereign_fqdn=task.owner.sovereign_fqdn,
        load_balancer_ip=task.load_balancer_ip,
        # Names the deployment, so that a reservation whose answer was lost is known as our own.
        created_by=f"{task.created_by}/{task.owner.deployment_id}",
        reservation_token=task.reservation_token,
    )


def _differing_address(task: CommitPoolName, row: Allocation | None) -> list[Hazard]:
    """PDM has no call to change an active name's address, and releasing a live name would take it offline."""
    if row is None or row.load_balancer_ip in {None, task.load_balancer_ip}:
        return []
    fqdn = task.owner.sovereign_fqdn
    return [
        Hazard(
            kind="pool-address-differs",
            zone=f"{task.pool_domain}.",
            name=f"{fqdn}.",
            content=[row.load_balancer_ip or ""],
            message=(
                f"PDM records {row.load_balancer_ip} for {fqdn}, whose address is now {task.load_balancer_ip}. "
                "The DNS records are right; PDM can't change an active name, only release and commit it anew."
            ),
        )
    ]

"""The step `pool-commit`, on PDM."""

from temporalio import activity

from activities.shielding import to_its_end
from sovereign_dns.clients.pdm import PDM
from sovereign_dns.contract import Hazard
from sovereign_dns.messages import CommitPoolName, PoolReport
from sovereign_dns.pool_names import Allocation, Claim


class PDMActivities:
    """Has PDM hold the name before it is published."""

    def __init__(self, pdm: PDM) -> None:
        self._pdm = pdm

    @activity.defn(name="pool-commit")
    async def commit_pool_name(self, task: CommitPoolName) -> PoolReport:
        """Makes the name active for this Sovereign, or finds that it is."""
        if task.dry_run:
            planned, row = await self._pdm.plan(_claim(task))
            return PoolReport(outcome=f"dry run: {planned}", hazards=_differing_address(task, row))
        claimed, row = await to_its_end(self._pdm.claim(_claim(task)))
        return PoolReport(outcome=claimed.value, hazards=_differing_address(task, row))


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

"""`deprovision` and `remove-domain`: show what would go, ask, and take it away."""

import secrets
from dataclasses import dataclass
from typing import Annotated

import typer
from temporalio.client import Client

from cli import additions, agreeing, display, following, interrupting, planning, request, starting, watching
from cli.connection import connect
from cli.following import Handle
from cli.outcome import Json, Wait
from cli.removal_request import build_deprovision, build_domain_removal
from sovereign_dns.contract import (
    DEPROVISION_SOVEREIGN,
    REMOVE_PARENT_DOMAIN,
    ProvisionResult,
    sovereign_workflow_id,
)
from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemoveParentDomainRequest

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would go. Reads only.")]
Yes = Annotated[bool, typer.Option("--yes", help="Don't show it first, and don't ask.")]
Force = Annotated[bool, typer.Option("--force", help="Cancel a run that works on the Sovereign, and wait for its end.")]


@request.built_by(build_deprovision)
def deprovision(
    wanted: DeprovisionRequest,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    force: Force = False,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Take a Sovereign's records, zones, Certificates and pool name away. Shows them first, and asks."""
    removal = Removal(
        DEPROVISION_SOVEREIGN,
        wanted.changed(force=force),
        forced_id=f"deprovision/{wanted.sovereign_fqdn}/{secrets.token_hex(4)}",
        summary=f"{wanted.sovereign_fqdn} deprovisioned",
    )
    _end_with(removal, dry_run=dry_run, yes=yes, wait=wait, as_json=json)


@request.built_by(build_domain_removal)
def remove_domain(
    wanted: RemoveParentDomainRequest,
    *,
    dry_run: DryRun = False,
    yes: Yes = False,
    force: Force = False,
    wait: Wait = True,
    json: Json = False,
) -> None:
    """Serve a Sovereign under one parent domain no longer. Its registrar is left as it is."""
    removal = Removal(
        REMOVE_PARENT_DOMAIN,
        wanted.changed(force=force),
        forced_id=f"remove-domain/{wanted.name}/{secrets.token_hex(4)}",
        summary=f"{wanted.sovereign_fqdn} no longer under {wanted.name}",
    )
    _end_with(removal, dry_run=dry_run, yes=yes, wait=wait, as_json=json)


@dataclass(frozen=True)
class Removal:
    """What is started. A forced one has an id of its own, under which it waits for the lock."""

    workflow_type: str
    wanted: DeprovisionRequest | RemoveParentDomainRequest
    forced_id: str
    summary: str

    @property
    def fqdn(self) -> str:
        """The Sovereign's."""
        return self.wanted.sovereign_fqdn

    @property
    def domain(self) -> str | None:
        """The parent domain that goes; None where all do."""
        return self.wanted.name if isinstance(self.wanted, RemoveParentDomainRequest) else None

    @property
    def workflow_id(self) -> str:
        """What it is started under."""
        return self.forced_id if self.wanted.force else sovereign_workflow_id(self.fqdn)

    async def start(self, client: Client, workflow_id: str, *, dry_run: bool) -> Handle:
        """Starts it for real, or as a plan."""
        wanted = self.wanted.changed(dry_run=dry_run)
        return await starting.start(client, self.workflow_type, wanted, workflow_id, summary=self.summary)


def _end_with(removal: Removal, *, dry_run: bool, yes: bool, wait: bool, as_json: bool) -> None:
    interrupting.end_with(
        _plan_only(removal, as_json=as_json) if dry_run else _remove(removal, yes=yes, wait=wait, as_json=as_json),
        interrupted="not followed any further; a run that was started goes on. To follow it: sovereign-dns watch "
        f"{removal.fqdn}; to stop it: sovereign-dns cancel {removal.fqdn}",
    )


async def _plan_only(removal: Removal, *, as_json: bool) -> int:
    client, workflow_id = await connect(), planning.plan_id(removal.fqdn)
    return await planning.print_planned(removal.start(client, workflow_id, dry_run=True), workflow_id, as_json=as_json)


async def _remove(removal: Removal, *, yes: bool, wait: bool, as_json: bool) -> int:
    client = await connect()
    force, aside = removal.wanted.force, (removal.fqdn, removal.domain, display.console(stderr=True))
    if not force and await additions.is_any_in_the_way(client, *aside):
        return 1
    if not yes:
        plan_id = planning.plan_id(removal.fqdn)
        planned = await planning.planned(removal.start(client, plan_id, dry_run=True), plan_id, as_json=as_json)
        if isinstance(planned, int):
            return planned
        planning.show(planned, display.console(stderr=as_json))
        if not _agreed(planned):
            return 1
    if force:
        await additions.cancel_all(client, *aside)

    async def show(handle: Handle) -> None:
        await _show(client, removal, handle, as_json=as_json)

    return await starting.see_to_its_end(
        removal.start(client, removal.workflow_id, dry_run=False),
        busy=f"a run already works on {removal.fqdn}, under the workflow id {removal.workflow_id}. Follow it with: "
        f"sovereign-dns watch {removal.fqdn}. To cancel it, and have this follow it: --force",
        wait=wait,
        as_json=as_json,
        show=show,
    )


def _agreed(planned: ProvisionResult) -> bool:
    return agreeing.agreed(
        f"Remove {_count(planned)} of {planned.sovereign_fqdn}?",
        unattended="nobody is at a terminal to be asked: nothing was removed. To mean it: --yes. Only to see it: "
        "--dry-run",
        declined="nothing was removed",
    )


def _count(planned: ProvisionResult) -> str:
    """Such as `14 rrsets, 1 zone`."""
    counted = {
        "rrset": sum(change.change == "removed" for change in planned.records),
        "zone": sum(zone.change == "removed" for zone in planned.zones),
        "Certificate": sum(certificate.change == "removed" for certificate in planned.certificates),
        "pool name": sum(name.change == "released" for name in planned.pool_names),
    }
    found = [f"{count} {what}{'' if count == 1 else 's'}" for what, count in counted.items() if count]
    return ", ".join(found) or "whatever comes up meanwhile (nothing is there now)"


async def _show(client: Client, removal: Removal, handle: Handle, *, as_json: bool) -> None:
    """A forced run is followed to the lock, and then the one that holds it."""
    if removal.wanted.force:
        await watching.show(handle, as_json=as_json, until_handed_over=True)
        if not (await following.look(handle)).running:
            return
        handle = following.handle_of(client, sovereign_workflow_id(removal.fqdn))
    await watching.show(handle, as_json=as_json)

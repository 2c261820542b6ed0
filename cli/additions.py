"""Parent domains that are still being added: such a run waits beside the lock, and would outlive a removal."""

from collections.abc import AsyncIterator
from contextlib import suppress

from rich.console import Console
from temporalio.client import Client, WorkflowFailureError

from cli.recorded import input_of
from sovereign_dns.contract import ADD_PARENT_DOMAIN, sovereign_workflow_id


async def is_any_in_the_way(client: Client, fqdn: str, domain: str | None, terminal: Console) -> bool:
    """Whether a parent domain, or this one, is still being added to a Sovereign; says which."""
    found = [workflow_id async for workflow_id in _under_way(client, fqdn, domain)]
    for workflow_id in found:
        terminal.print(
            f"AlreadyInProgress: {workflow_id} still adds a parent domain to {fqdn}, and would go on after the "
            f"removal. Stop it first: sovereign-dns cancel {workflow_id}. To have this stop it: --force",
            markup=False,
        )
    return bool(found)


async def cancel_all(client: Client, fqdn: str, domain: str | None, terminal: Console) -> None:
    """Cancels those runs, and waits for their ends."""
    async for workflow_id in _under_way(client, fqdn, domain):
        terminal.print(f"cancels {workflow_id}, which still adds a parent domain", markup=False)
        handle = client.get_workflow_handle(workflow_id)
        await handle.cancel()
        with suppress(WorkflowFailureError):
            await handle.result()


async def _under_way(client: Client, fqdn: str, domain: str | None) -> AsyncIterator[str]:
    query = f'WorkflowType = "{ADD_PARENT_DOMAIN}" AND ExecutionStatus = "Running"'
    async for run in client.list_workflows(query):
        wanted = await input_of(client, run) or {}
        whose, name = (str(wanted.get(field) or "").lower().rstrip(".") for field in ("sovereignFQDN", "name"))
        writes = wanted.get("dryRun") is not True
        # What holds the lock is in the way of the removal itself.
        if writes and whose == fqdn and domain in {None, name} and run.id != sovereign_workflow_id(fqdn):
            yield run.id

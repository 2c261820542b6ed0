"""One worker for many tests whose backends are other than the stack's: its places are files, read at each use."""

from pathlib import Path

from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode


class MountedBackends:
    """The files. They name the stack's backends until a test writes another place into one of them."""

    def __init__(self, folder: Path, stack: dict[str, str]) -> None:
        self._stack = stack
        self._powerdns_url = folder / "powerdns-url"
        self.powerdns_key = folder / "powerdns-key"
        self.kubeconfig = folder / "kubeconfig"
        self.lead_to_the_stack()

    @property
    def settings(self) -> dict[str, str]:
        """For the worker that reads them."""
        return {
            "CATALYST_POWERDNS_API_URL": "",
            "CATALYST_POWERDNS_API_URL_FILE": str(self._powerdns_url),
            "CATALYST_POWERDNS_API_KEY_FILE": str(self.powerdns_key),
            "KUBECONFIG": str(self.kubeconfig),
        }

    @property
    def stack_key(self) -> str:
        """The key of the stack's PowerDNS."""
        return Path(self._stack["CATALYST_POWERDNS_API_KEY_FILE"]).read_text(encoding="utf-8")

    def lead_to_powerdns(self, url: str, key: str | None = None) -> None:
        """From now on PowerDNS is there; its key is that of the stack's where none is given."""
        self._powerdns_url.write_text(url, encoding="utf-8")
        self.powerdns_key.write_text(self.stack_key if key is None else key, encoding="utf-8")

    def lead_to_the_stack(self) -> None:
        """As if no test had ever been here."""
        self.lead_to_powerdns(self._stack["CATALYST_POWERDNS_API_URL"])
        self.kubeconfig.write_text(Path(self._stack["KUBECONFIG"]).read_text(encoding="utf-8"), encoding="utf-8")


async def end_what_runs(client: Client) -> None:
    """What a test that failed has left must not meet the next one's backends."""
    async for run in client.list_workflows('ExecutionStatus = "Running"'):
        try:
            await client.get_workflow_handle(run.id, run_id=run.run_id).terminate("left by a test")
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:  # it has ended, and the list lags behind
                raise

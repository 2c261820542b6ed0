"""The inventory: what PDM, the settings, the Hetzner Cloud API and Temporal know to be ours."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Literal

import structlog
from pydantic import ValidationError
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError

from sovereign_dns.audit_contract import AuditRequest, InventorySource, SourceRead
from sovereign_dns.clients.hetzner import Hetzner
from sovereign_dns.clients.http import without_promise
from sovereign_dns.clients.pdm import PDM
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import DEPROVISION_SOVEREIGN, ProvisionResult, sovereign_workflow_id
from sovereign_dns.failures import Failure, Outage, PDMUnavailable, TemporalUnavailable
from sovereign_dns.inventory import Inventory, OwnedAddress, OwnedNetwork, PoolRow
from sovereign_dns.lifecycles import LIFECYCLE_TYPES, LifecycleRun, Lifecycles, lifecycles_of
from sovereign_dns.wire import explain

LISTED_AT_ONCE = 1000
POOLS_AT_ONCE = 4
RESULTS_AT_ONCE = 10
LONGEST_WAIT = timedelta(seconds=30)
"""For a source that says when it can be read again. One that takes longer is told as unreadable at once."""

_LOCK = sovereign_workflow_id("")
_LIFECYCLE_RUNS = " AND ".join(
    [
        f'WorkflowId STARTS_WITH "{_LOCK}"',
        "WorkflowType IN ({})".format(", ".join(f'"{kind}"' for kind in LIFECYCLE_TYPES)),
    ]
)

_STATES: dict[WorkflowExecutionStatus, Literal["running", "completed", "failed"]] = {
    WorkflowExecutionStatus.RUNNING: "running",
    WorkflowExecutionStatus.COMPLETED: "completed",
}

_log = structlog.get_logger(__name__)


class InventorySources:
    """Reads all sources beside the zones themselves. What can't be read is told, not raised."""

    def __init__(self, pdm: PDM, hetzner: Hetzner, owned_networks: Sequence[str], temporal: Client) -> None:
        self._pdm = pdm
        self._hetzner = hetzner
        self._owned_networks = owned_networks
        self._temporal = temporal

    async def read(
        self,
        request: AuditRequest,
        zones: list[str],  # noqa: ARG002 (the reader's signature; PDM says itself which domains it manages)
        *,
        tell_outages: bool = True,
    ) -> Inventory:
        """All sources that the request asks for.

        Args:
            request: which ones, and further networks.
            zones: those that PowerDNS hosts.
            tell_outages: whether a source that is away for now is told as unreadable; else its outage is raised, so
                that all is tried again.

        Raises:
            Outage: a source is away, and `tell_outages` is off.
        """
        sources: dict[InventorySource, Callable[[], Awaitable[Inventory]]] = {
            "pdm": self._read_pdm,
            "networks": lambda: self._read_networks(request),
            "hetzner": self._read_hetzner,
            "temporal": self._read_temporal,
        }
        wanted = set(request.inventory) if request.inventory is not None else None
        parts = await side_by_side(
            _read_one(source, reading, tell_outages=tell_outages)
            if wanted is None or source in wanted
            else _left_out(source, "the request leaves it out")
            for source, reading in sources.items()
        )
        return _together(parts)

    async def _read_pdm(self) -> Inventory:
        pools = sorted({pool.rstrip(".").lower() for pool in await self._pdm.managed_domains()})
        listed = await side_by_side((self._pdm.rows(pool) for pool in pools), at_once=POOLS_AT_ONCE)
        unlisted = [pool for pool, found in zip(pools, listed, strict=True) if found is None]
        if unlisted:
            raise PDMUnavailable(
                f"PDM names {', '.join(unlisted)} among the pools that it manages (managedDomains at /healthz), and "
                "answers 422, not managed, when asked for the names there, so it is not known which of them are held. "
                "Look at the pools that PDM is configured with, and whether each of its instances has the same"
            )
        rows = [
            PoolRow(
                pool=pool,
                subdomain=row.subdomain,
                state=row.state,
                sovereign_fqdn=row.sovereign_fqdn,
                load_balancer_ip=row.load_balancer_ip,
            )
            for pool, found in zip(pools, listed, strict=True)
            for row in found or []
        ]
        return Inventory(
            pools=pools, pool_rows=rows, sources=[SourceRead(source="pdm", state="read", entries=len(rows))]
        )

    async def _read_networks(self, request: AuditRequest) -> Inventory:
        given = [
            *((network, "in CATALYST_OWNED_NETWORKS") for network in self._owned_networks),
            *((network, "in the request's ownedNetworks") for network in request.owned_networks),
        ]
        if not given:
            return _without(
                "networks", "left-out", "CATALYST_OWNED_NETWORKS is not set, nor ownedNetworks in the request"
            )
        networks = [OwnedNetwork(network=text, source="networks", label=f"{text}, {where}") for text, where in given]
        return Inventory(
            networks=networks, sources=[SourceRead(source="networks", state="read", entries=len(networks))]
        )

    async def _read_hetzner(self) -> Inventory:
        if not self._hetzner.is_configured:
            return _without("hetzner", "left-out", "neither HCLOUD_TOKEN_FILE nor HCLOUD_TOKEN is set")
        found = await self._hetzner.networks()
        single = [one for one in found if one.network.num_addresses == 1]
        return Inventory(
            addresses=[
                OwnedAddress(
                    address=str(one.network.network_address), source="hetzner", label=f"Hetzner {one.resource}"
                )
                for one in single
            ],
            networks=[
                OwnedNetwork(network=str(one.network), source="hetzner", label=f"Hetzner {one.resource}")
                for one in found
                if one.network.num_addresses > 1
            ],
            sources=[SourceRead(source="hetzner", state="read", entries=len({one.network for one in found}))],
        )

    async def _read_temporal(self) -> Inventory:
        try:
            lifecycles = await self._lifecycles()
            reaches = await self._how_far_back()
        except RPCError as error:
            raise TemporalUnavailable(
                f"Temporal could not be asked for the Sovereigns' runs ({error.status.name}: {error.message}), so "
                "it is not known which of them are gone. Look whether the worker may list workflows in its namespace"
            ) from error
        entries = len(lifecycles.live) + len(lifecycles.gone)
        return Inventory(
            live=lifecycles.live,
            gone=lifecycles.gone,
            sources=[SourceRead(source="temporal", state="read", entries=entries, detail=reaches)],
        )

    async def _lifecycles(self) -> Lifecycles:
        listed = self._temporal.list_workflows(_LIFECYCLE_RUNS, page_size=LISTED_AT_ONCE)
        executions = [execution async for execution in listed]
        runs = await side_by_side((self._run(execution) for execution in executions), at_once=RESULTS_AT_ONCE)
        return lifecycles_of(runs)

    async def _run(self, execution: WorkflowExecution) -> LifecycleRun:
        return LifecycleRun(
            sovereign_fqdn=execution.id.removeprefix(_LOCK),
            workflow_type=execution.workflow_type,
            workflow_id=execution.id,
            run_id=execution.run_id,
            state=_STATES.get(execution.status or WorkflowExecutionStatus.FAILED, "failed"),
            started_at=execution.start_time,
            ended_at=execution.close_time,
            planned=await self._is_perhaps_planned(execution),
        )

    async def _is_perhaps_planned(self, execution: WorkflowExecution) -> bool:
        """Whether it was a dry run. One that can't be read is taken for one, so that nobody is gone by it."""
        try:
            return await self._phase(execution) == "planned"
        except ValidationError as error:
            _log.warning(
                "a removal whose result can't be read is passed over",
                workflow_id=execution.id,
                run_id=execution.run_id,
                reason=explain(error),
            )
            return True

    async def _phase(self, execution: WorkflowExecution) -> str | None:
        """As the list tells it; where the namespace has no search attributes, a removal's result does."""
        [published, *_] = execution.search_attributes.get("SovereignPhase") or [None]
        removed = execution.workflow_type == DEPROVISION_SOVEREIGN
        if published is not None or not removed or execution.status is not WorkflowExecutionStatus.COMPLETED:
            return str(published) if published is not None else None
        handle = self._temporal.get_workflow_handle(execution.id, run_id=execution.run_id, result_type=ProvisionResult)
        result: ProvisionResult = await handle.result()
        return result.phase

    async def _how_far_back(self) -> str:
        answer = await self._temporal.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=self._temporal.namespace), timeout=timedelta(seconds=10)
        )
        days = answer.config.workflow_execution_retention_ttl.ToTimedelta() / timedelta(days=1)
        return f"Temporal keeps a run for {days:g} d after its end; who was taken away before is not known to it"


async def _read_one(
    source: InventorySource, reading: Callable[[], Awaitable[Inventory]], *, tell_outages: bool
) -> Inventory:
    try:
        return await reading()
    except Failure as failure:
        if not tell_outages and _passes_soon(failure):
            raise
        _log.warning("inventory not readable", source=source, error_type=failure.error_type, message=str(failure))
        return _without(source, "unreadable", f"{failure.error_type}: {without_promise(str(failure))}")


def _passes_soon(failure: Failure) -> bool:
    return isinstance(failure, Outage) and (failure.retry_after or 0) <= LONGEST_WAIT.total_seconds()


async def _left_out(source: InventorySource, why: str) -> Inventory:
    return _without(source, "left-out", why)


def _without(source: InventorySource, state: Literal["unreadable", "left-out"], detail: str) -> Inventory:
    return Inventory(sources=[SourceRead(source=source, state=state, detail=detail)])


def _together(parts: Sequence[Inventory]) -> Inventory:
    return Inventory(
        addresses=[item for part in parts for item in part.addresses],
        networks=[item for part in parts for item in part.networks],
        pools=[item for part in parts for item in part.pools],
        pool_rows=[item for part in parts for item in part.pool_rows],
        live=[item for part in parts for item in part.live],
        gone=[item for part in parts for item in part.gone],
        sources=[item for part in parts for item in part.sources],
    )

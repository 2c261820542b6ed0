"""The sources of the inventory beside the zones: what each of them tells, and how it is told that one can't be read."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from temporalio.api.workflowservice.v1 import DescribeNamespaceResponse
from temporalio.client import WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from activities.inventory import InventorySources
from sovereign_dns.audit_contract import AuditRequest, SourceRead
from sovereign_dns.clients.hetzner import Hetzner
from sovereign_dns.clients.pdm import PDM
from sovereign_dns.contract import ProvisionResult
from sovereign_dns.failures import HetznerUnavailable, PDMUnavailable
from sovereign_dns.inventory import Inventory
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret

NO_SECRET = Secret("CATALYST_PDM_BASIC_AUTH_USER")
ROW = {"subdomain": "otech5", "state": "active", "sovereignFQDN": "otech5.omani.works", "loadBalancerIP": "77.42.11.95"}
RESERVED = {"subdomain": "otech6", "state": "reserved", "expiresAt": "2026-11-23T18:00:00Z"}


def answer(request: httpx.Request) -> httpx.Response:
    """PDM and Hetzner Cloud as they should be."""
    match request.url.path:
        case "/healthz":
            return httpx.Response(200, json={"status": "ok", "managedDomains": ["omani.works"]})
        case "/api/v1/pool/omani.works/list":
            return httpx.Response(200, json={"poolDomain": "omani.works", "allocations": [ROW, RESERVED]})
        case path:
            kind = path.rpartition("/")[2]
            resources = [{"id": 1, "name": "lb-1", "public_net": {"ipv4": {"ip": "192.0.2.1"}, "ipv6": None}}]
            found = resources if kind == "load_balancers" else []
            pagination = {"next_page": None, "total_entries": len(found)}
            return httpx.Response(200, json={kind: found, "meta": {"pagination": pagination}})


class NoTemporal:
    """A Temporal that may not be asked."""

    namespace = "default"

    def list_workflows(self, *_: Any, **__: Any) -> Any:
        raise RPCError("no permission", RPCStatusCode.PERMISSION_DENIED, b"")


class TemporalWithoutAttributes:
    """A Temporal whose list tells no phases: of each run it has the result as JSON, the latest run last."""

    namespace = "default"

    def __init__(self, *runs: tuple[str, str, str]) -> None:
        began = datetime(2026, 11, 23, tzinfo=UTC)
        self._results = {f"run-{number}": result for number, (*_, result) in enumerate(runs)}
        self._executions = [
            SimpleNamespace(
                id=f"sovereign/{fqdn}",
                run_id=f"run-{number}",
                workflow_type=kind,
                status=WorkflowExecutionStatus.COMPLETED,
                start_time=began + timedelta(hours=number),
                close_time=began + timedelta(hours=number, minutes=1),
                search_attributes={},
            )
            for number, (kind, fqdn, _) in enumerate(runs)
        ]
        self.workflow_service = self

    async def list_workflows(self, *_: Any, **__: Any) -> AsyncIterator[SimpleNamespace]:
        for execution in self._executions:
            yield execution

    def get_workflow_handle(self, _: str, *, run_id: str, result_type: type[ProvisionResult]) -> Any:
        async def result() -> ProvisionResult:
            return result_type.model_validate_json(self._results[run_id])

        return SimpleNamespace(result=result)

    async def describe_namespace(self, *_: Any, **__: Any) -> DescribeNamespaceResponse:
        return DescribeNamespaceResponse()


def sources(
    *,
    failing: dict[str, httpx.Response] | None = None,
    asks_hetzner: bool = True,
    networks: Any = (),
    temporal: Any = None,
) -> Any:
    def backend(request: httpx.Request) -> httpx.Response:
        return (failing or {}).get(request.url.path) or answer(request)

    http = httpx.AsyncClient(transport=httpx.MockTransport(backend))
    pdm = PDM(http, MountedURL("POOL_DOMAIN_MANAGER_URL", "http://pdm.test"), user=NO_SECRET, password=NO_SECRET)
    secret = Secret("HCLOUD_TOKEN", SecretStr("t") if asks_hetzner else None)
    hetzner = Hetzner(http, MountedURL("HCLOUD_ENDPOINT", "http://hetzner.test/v1"), secret)
    return InventorySources(pdm, hetzner, networks, temporal or NoTemporal())  # type: ignore[arg-type]


async def read(reader: Any, *asked: str, tell_outages: bool = True, **request: Any) -> Inventory:
    given = AuditRequest.model_validate({"inventory": list(asked)} | request)
    inventory: Inventory = await reader.read(given, ["omani.works"], tell_outages=tell_outages)
    return inventory


def source(inventory: Inventory, name: str) -> SourceRead:
    (one,) = [read for read in inventory.sources if read.source == name]
    return one


async def test_pdm_tells_its_rows_and_the_pools_that_it_manages() -> None:
    inventory = await read(sources(), "pdm")

    assert source(inventory, "pdm").entries == 2
    assert inventory.pools == ["omani.works"]
    assert [(row.subdomain, row.state, row.load_balancer_ip) for row in inventory.pool_rows] == [
        ("otech5", "active", "77.42.11.95"),
        ("otech6", "reserved", None),
    ]
    assert inventory.owner_of("77.42.11.95") == "pool name otech5.omani.works"
    assert {read.state for read in inventory.sources if read.source != "pdm"} == {"left-out"}


async def test_networks_are_those_of_the_environment_and_of_the_request() -> None:
    reader = sources(networks=["77.42.11.0/24"])

    inventory = await read(reader, "networks", ownedNetworks=["2001:db8::/32", "192.0.2.7/32"])

    assert source(inventory, "networks").entries == 3
    for ours in ("77.42.11.255", "2001:db8:1::9", "192.0.2.7"):
        assert inventory.owner_of(ours) is not None
    for other in ("77.42.12.1", "2001:db9::1", "192.0.2.8"):
        assert inventory.owner_of(other) is None


async def test_hetzner_tells_which_resource_has_an_address() -> None:
    assert (await read(sources(), "hetzner")).owner_of("192.0.2.1") == "Hetzner load balancer lb-1"


async def test_what_is_not_configured_is_left_out() -> None:
    inventory = await read(sources(asks_hetzner=False), "hetzner", "networks")

    assert {read.source: read.state for read in inventory.sources} == dict.fromkeys(
        ("pdm", "networks", "hetzner", "temporal"), "left-out"
    )
    assert "HCLOUD_TOKEN_FILE" in str(source(inventory, "hetzner").detail)
    assert not inventory.is_partial


AWAY = httpx.Response(503)
REFUSED = httpx.Response(401)
UNMANAGED = httpx.Response(422, json={"error": "unsupported-pool"})
LIMITED = httpx.Response(429, headers={"RateLimit-Reset": "99999999999"})


@pytest.mark.parametrize(
    ("name", "failing", "told"),
    [
        ("pdm", {"/healthz": AWAY}, "PDMUnavailable"),
        ("pdm", {"/api/v1/pool/omani.works/list": AWAY}, "PDMUnavailable"),
        ("pdm", {"/api/v1/pool/omani.works/list": UNMANAGED}, "PDMUnavailable"),
        ("pdm", {"/healthz": REFUSED}, "PDMUnauthorized"),
        ("hetzner", {"/v1/servers": AWAY}, "HetznerUnavailable"),
        ("hetzner", {"/v1/primary_ips": REFUSED}, "HetznerUnauthorized"),
        ("temporal", {}, "TemporalUnavailable"),
    ],
)
async def test_a_source_that_cannot_be_read_makes_the_inventory_partial(
    name: str, failing: dict[str, httpx.Response], told: str
) -> None:
    inventory = await read(sources(failing=failing), name)

    assert source(inventory, name).state == "unreadable"
    assert str(source(inventory, name).detail).startswith(f"{told}: ")
    assert "tried again" not in str(source(inventory, name).detail)
    assert inventory.is_partial
    assert not inventory.addresses
    assert not inventory.pool_rows


async def test_only_what_passes_soon_is_tried_again() -> None:
    with pytest.raises(HetznerUnavailable):
        await read(sources(failing={"/v1/servers": AWAY}), "hetzner", tell_outages=False)
    with pytest.raises(PDMUnavailable):
        await read(sources(failing={"/healthz": AWAY}), "pdm", tell_outages=False)
    for lasting in (REFUSED, LIMITED):
        inventory = await read(sources(failing={"/v1/servers": lasting}), "hetzner", tell_outages=False)
        assert source(inventory, "hetzner").state == "unreadable"


async def test_many_networks_are_looked_up_and_not_gone_through() -> None:
    reader = sources(networks=[f"10.{number >> 8}.{number & 255}.0/24" for number in range(20_000)])
    inventory = await read(reader, "networks")

    owners = [inventory.owner_of(f"10.{number >> 8}.{number & 255}.9") for number in range(20_000)]

    assert owners[4711] == "10.18.103.0/24, in CATALYST_OWNED_NETWORKS"
    assert all(owners)


async def test_a_removal_whose_result_cannot_be_read_takes_nobody_away() -> None:
    removed = '{"sovereignFQDN": "%s.omani.works", "deploymentId": "", "phase": "complete"}'
    temporal = TemporalWithoutAttributes(
        ("ProvisionSovereign", "t1.omani.works", "never read"),
        ("DeprovisionSovereign", "t1.omani.works", '{"phase": "of another time"}'),
        ("DeprovisionSovereign", "t2.omani.works", removed % "t2"),
        ("DeprovisionSovereign", "t3.omani.works", '{"phase": "of another time"}'),
    )

    inventory = await read(sources(temporal=temporal), "temporal")

    assert source(inventory, "temporal").state == "read"
    assert inventory.live == ["t1.omani.works"]
    assert [gone.sovereign_fqdn for gone in inventory.gone] == ["t2.omani.works"]

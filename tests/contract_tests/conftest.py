"""Where the contract tests find PDM and Kubernetes: real servers by environment, else the simulators.

CONTRACT_PDM_URL, CONTRACT_PDM_POOL: a real PDM and a pool domain that it manages, for tests to play in.
CONTRACT_KUBERNETES_KUBECONFIG, CONTRACT_KUBERNETES_NAMESPACE: a cluster with cert-manager.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from lightkube import AsyncClient, KubeConfig

from devstack.kubernetes_simulator import KubernetesSimulator
from devstack.pdm_simulator import PDMSimulator
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from devstack.state_folder import secret

FIELD_MANAGER = "contract-tests"


@contextmanager
def simulated_pdm(state: Path) -> Iterator[tuple[str, str]]:
    """Run PDM's simulator with a PowerDNS of its own; yield PDM's URL and a pool domain."""
    key_file = state / "powerdns-api-key"
    key = secret(key_file)
    with PowerDNSServer(state, free_port(), free_port(), key) as powerdns:
        zones = f"{powerdns.api_url}/api/v1/servers/localhost/zones"
        pool = {"name": "pool.test.", "kind": "Native", "nameservers": ["ns1.openova.io."]}
        httpx.post(zones, json=pool, headers={"X-API-Key": key}).raise_for_status()
        with PDMSimulator(state, free_port(), powerdns.api_url, key_file) as pdm:
            yield pdm.url, "pool.test"


@pytest.fixture(scope="session")
def pdm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """PDM's URL, and a pool domain that it manages."""
    if url := os.environ.get("CONTRACT_PDM_URL"):
        yield url, os.environ["CONTRACT_PDM_POOL"]
    else:
        with simulated_pdm(tmp_path_factory.mktemp("pdm")) as simulated:
            yield simulated


@pytest.fixture
def pool(pdm: tuple[str, str]) -> str:
    return pdm[1]


@pytest.fixture
async def http(pdm: tuple[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of PDM, so that paths need no host."""
    async with httpx.AsyncClient(base_url=pdm[0], trust_env=False, timeout=30) as client:
        yield client


@pytest.fixture
async def label(http: httpx.AsyncClient, pool: str) -> AsyncIterator[str]:
    """A label that nobody holds, and that nobody holds afterwards."""
    made = f"contract-{secrets.token_hex(6)}"
    yield made
    await http.request("DELETE", f"/api/v1/pool/{pool}/release", json={"subdomain": made})


@pytest.fixture(scope="session")
def kubeconfig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The kubeconfig of a cluster with cert-manager."""
    if given := os.environ.get("CONTRACT_KUBERNETES_KUBECONFIG"):
        yield Path(given)
    else:
        state = tmp_path_factory.mktemp("kubernetes")
        with KubernetesSimulator(state, free_port(), state / "token") as simulator:
            yield simulator.kubeconfig


@pytest.fixture(scope="session")
def namespace() -> str:
    return os.environ.get("CONTRACT_KUBERNETES_NAMESPACE", "contract-tests")


@pytest.fixture
async def kubernetes(kubeconfig: Path, namespace: str) -> AsyncIterator[AsyncClient]:
    """The client library that the product uses."""
    config = KubeConfig.from_file(str(kubeconfig)).get()
    async with AsyncClient(config, namespace=namespace, field_manager=FIELD_MANAGER, trust_env=False) as client:
        yield client

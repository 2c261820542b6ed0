"""Where the contract tests find PDM, Kubernetes and Hetzner Cloud: real servers by environment, else the simulators.

CONTRACT_PDM_URL, CONTRACT_PDM_POOL: a real PDM and a pool domain that it manages, for tests to play in.
CONTRACT_KUBERNETES_KUBECONFIG, CONTRACT_KUBERNETES_NAMESPACE: a cluster with cert-manager.
CONTRACT_HETZNER_TOKEN: a token of a project of the real Hetzner Cloud; Read is enough, and nothing is changed.
"""

import os
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from lightkube import AsyncClient, KubeConfig

from devstack.hetzner_simulator import HetznerSimulator
from devstack.kubernetes_simulator import KubernetesSimulator
from devstack.pdm_simulator import PDMSimulator
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from devstack.state_folder import secret
from tests.trust import TRUST

FIELD_MANAGER = "contract-tests"

RESOURCES: dict[str, list[dict[str, str]]] = {
    "servers": [
        {"ipv4": "192.0.2.1", "ipv6": "2001:db8:1::/64", "private_ip": "10.0.0.2"},
        {"ipv6": "2001:db8:2::/64"},
        {"private_ip": "10.0.0.3"},
    ],
    "load_balancers": [{"ipv4": "192.0.2.10", "ipv6": "2001:db8:ffff::1", "private_ip": "10.0.0.4"}],
    "floating_ips": [{"ip": "192.0.2.20"}, {"ip": "2001:db8:20::/64"}],
    "primary_ips": [{"ip": "192.0.2.1"}, {"ip": "2001:db8:1::/64"}, {"ip": "192.0.2.30"}],
}


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
    async with httpx.AsyncClient(base_url=pdm[0], trust_env=False, timeout=30, verify=TRUST) as client:
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


@pytest.fixture(scope="session")
def hetzner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The base of the Hetzner Cloud API, and a token. The simulated project has some of everything."""
    if token := os.environ.get("CONTRACT_HETZNER_TOKEN"):
        yield os.environ.get("HCLOUD_ENDPOINT", "https://api.hetzner.cloud/v1"), token
    else:
        with HetznerSimulator(tmp_path_factory.mktemp("hetzner"), free_port(), "contract-token") as simulator:
            for kind, resources in RESOURCES.items():
                place = f"{simulator.origin}/simulator/projects/contract/{kind}"
                httpx.post(place, json=resources).raise_for_status()
            yield simulator.url, "contract-token"


@pytest.fixture
async def hcloud(hetzner: tuple[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the Hetzner Cloud API, with its token."""
    url, token = hetzner
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, trust_env=False, timeout=30, verify=TRUST) as client:
        yield client

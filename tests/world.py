"""The outside world as tests see and shape it: zones, answers, pool names and Certificates.

Shares no code with the product: what it says of the world must not depend on what is tested.
"""

import secrets
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import dns.asyncquery
import dns.flags
import dns.message
import dns.rdatatype
import httpx

from tests.eventually import eventually
from tests.trust import TRUST

LOAD_BALANCER = "77.42.11.95"
STRANGER = "49.12.16.160"
LABELS = (
    "console", "auth", "gitea", "harbor", "registry", "bao", "grafana",
    "hubble", "pdns", "openova-flow", "marketplace", "api", "guacamole",
)  # fmt: skip

RRset = dict[str, Any]


def nobodys_address() -> str:
    """One that no other test's Sovereign has: an audit reads the owners of every zone."""
    return f"45.{secrets.randbelow(256)}.{secrets.randbelow(256)}.{secrets.randbelow(256)}"


def names_of(host: str) -> list[str]:
    """A host's own name and its canonical subdomains."""
    return [host, *(f"{label}.{host}" for label in LABELS)]


def rrset(name: str, rrtype: str, *values: str, ttl: int = 60, owner: str | None = None) -> RRset:
    """An rrset as PowerDNS' API takes it, with an owner's comment where one is named."""
    comments = [{"content": f"sovereign={owner} deployment=d0", "account": "sovereign-dns"}] if owner else []
    return {
        "name": f"{name}.",
        "type": rrtype,
        "ttl": ttl,
        "changetype": "REPLACE",
        "records": [{"content": value, "disabled": False} for value in values],
        "comments": comments,
    }


def address_of(place: str) -> tuple[str, int]:
    """Host and port of `host:port`."""
    host, _, port = place.rpartition(":")
    return host, int(port)


class World:
    """Everything outside the product. `parent` is a parent domain of the test's own."""

    def __init__(self, description: dict[str, str]) -> None:
        self.description = description
        self.unique = secrets.token_hex(4)
        self.parent = f"w{self.unique}.works"
        key = Path(description["CATALYST_POWERDNS_API_KEY_FILE"]).read_text(encoding="utf-8").strip()
        self._powerdns = httpx.AsyncClient(
            base_url=f"{description['CATALYST_POWERDNS_API_URL']}/api/v1/servers/localhost",
            headers={"X-API-Key": key},
            timeout=30,
            verify=TRUST,
        )
        self.pdm = httpx.AsyncClient(base_url=description["POOL_DOMAIN_MANAGER_URL"], timeout=30, verify=TRUST)
        self.kubernetes = httpx.AsyncClient(base_url=description["KUBERNETES_URL"], timeout=30, verify=TRUST)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._powerdns.aclose()
        await self.pdm.aclose()
        await self.kubernetes.aclose()

    async def create_zone(self, name: str, *rrsets: RRset) -> None:
        body = {"name": f"{name}.", "kind": "Native", "nameservers": ["ns1.openova.io."], "dnssec": True}
        await self._change("POST", "/zones", body | {"rrsets": list(rrsets)})

    async def create_secondary_zone(self, name: str) -> None:
        body = {"name": f"{name}.", "kind": "Slave", "masters": ["127.0.0.1"], "nameservers": []}
        await self._change("POST", "/zones", body)

    async def write(self, zone: str, *rrsets: RRset) -> None:
        await self._change("PATCH", f"/zones/{zone}.", {"rrsets": list(rrsets)})

    async def delete_zone(self, zone: str) -> None:
        await self._change("DELETE", f"/zones/{zone}.")

    async def _change(self, method: str, path: str, body: dict[str, Any] | None = None) -> None:
        """As often as it takes: to all but one of the writes that meet PowerDNS answers 500, and does nothing."""

        async def done() -> httpx.Response | None:
            response = await self._powerdns.request(method, path, json=body)
            return None if response.status_code == 500 else response

        (await eventually(done)).raise_for_status()

    async def zone(self, name: str) -> dict[str, Any] | None:
        response = await self._powerdns.get(f"/zones/{name}.")
        if response.status_code in {404, 422}:
            return None
        response.raise_for_status()
        content: dict[str, Any] = response.json()
        return content

    async def serial(self, zone: str) -> int:
        content = await self.zone(zone)
        assert content is not None, f"zone {zone} is not there"
        return int(content["serial"])

    async def rrset(self, zone: str, name: str, rrtype: str) -> RRset | None:
        content = await self.zone(zone)
        found = [r for r in (content or {"rrsets": []})["rrsets"] if (r["name"], r["type"]) == (f"{name}.", rrtype)]
        return found[0] if found else None

    async def values(self, zone: str, name: str, rrtype: str) -> list[str]:
        found = await self.rrset(zone, name, rrtype)
        return [record["content"] for record in found["records"]] if found else []

    async def answer(self, name: str, rrtype: str = "A", *, server: str | None = None) -> list[str]:
        """What the authoritative server says, or another one."""
        host, port = address_of(server or self.description["POWERDNS_DNS"])
        query = dns.message.make_query(name, rrtype)
        response = await dns.asyncquery.udp(query, host, port=port, timeout=5)
        kind = dns.rdatatype.from_text(rrtype)
        return [item.to_text() for found in response.answer if found.rdtype == kind for item in found]

    async def answers_other_than(self, wanted: list[str], names: list[str], rrtype: str = "A") -> dict[str, list[str]]:
        """The names that the authoritative server answers otherwise, and how."""
        found = {name: await self.answer(name, rrtype) for name in names}
        return {name: values for name, values in found.items() if values != wanted}

    @property
    def kubernetes_token(self) -> str:
        return (Path(self.description["STATE"]) / "secrets" / "kubernetes-token").read_text(encoding="utf-8").strip()

    async def kubernetes_call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """As kubectl does."""
        headers = {"Authorization": f"Bearer {self.kubernetes_token}"} | options.pop("headers", {})
        return await self.kubernetes.request(method, path, headers=headers, **options)

    async def create_namespace(self, name: str) -> None:
        body = {"metadata": {"name": name}}
        (await self.kubernetes_call("POST", "/api/v1/namespaces", json=body)).raise_for_status()

    async def create_cluster_issuer(self, name: str) -> None:
        issuer = {
            "apiVersion": "cert-manager.io/v1",
            "kind": "ClusterIssuer",
            "metadata": {"name": name},
            "spec": {"acme": {}},
        }
        applied = await self.kubernetes_call(
            "PATCH",
            f"/apis/cert-manager.io/v1/clusterissuers/{name}",
            params={"fieldManager": "kubectl"},
            headers={"Content-Type": "application/apply-patch+yaml"},
            json=issuer,
        )
        applied.raise_for_status()

    async def certificate(self, namespace: str, name: str) -> dict[str, Any] | None:
        response = await self.kubernetes_call(
            "GET", f"/apis/cert-manager.io/v1/namespaces/{namespace}/certificates/{name}"
        )
        return response.json() if response.status_code == 200 else None

    async def reserve(self, pool: str, subdomain: str, created_by: str = "catalyst-api") -> str:
        """As catalyst-api does before the cloud is provisioned. Returns the token."""

        async def token() -> str | None:
            response = await self.pdm.post(
                f"/api/v1/pool/{pool}/reserve", json={"subdomain": subdomain, "createdBy": created_by}
            )
            if response.status_code == 500:  # a busy PowerDNS; what PDM has of it by now is undone
                await self.pdm.delete(f"/simulator/pools/{pool}/{subdomain}")
                return None
            response.raise_for_status()
            return str(response.json()["reservationToken"])

        return await eventually(token)

    async def fault(self, simulator: httpx.AsyncClient, **fault: Any) -> None:
        (await simulator.post("/simulator/faults", json=fault)).raise_for_status()

    async def mend(self, simulator: httpx.AsyncClient, **scope: str) -> None:
        """Ends every fault of a scope."""
        (await simulator.delete("/simulator/faults", params=scope)).raise_for_status()

    def request(self, fqdn: str, **fields: Any) -> dict[str, Any]:
        """A request with the fields that are required; certificates go into a namespace of the test's own."""
        certificate = {"namespace": f"ns-{self.unique}"}
        return {
            "deploymentId": "d1",
            "sovereignFQDN": fqdn,
            "loadBalancerIP": LOAD_BALANCER,
            "certificate": certificate,
        } | fields

    def temporal_command(self, namespace: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """The plain `temporal` command, as an operator types it."""
        program = str(Path(sys.executable).parent / "temporal")
        places = ["--address", self.description["TEMPORAL_ADDRESS"], "--namespace", namespace]
        return subprocess.run([program, *arguments, *places], capture_output=True, text=True, timeout=60, check=False)

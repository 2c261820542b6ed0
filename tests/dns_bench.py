"""A private DNS from the root down, on real PowerDNS servers: each at a loopback address of its own, all at one port.

The root, the top-level domain `test`, its zone `omani.test` on two servers, and below that the zones of each test,
on two servers of `hosting.test`; somebody else's server is `ns.stranger.test`.
"""

import sqlite3
from base64 import b64encode
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import dns.dnssec
import dns.dnssectypes
import dns.name
import dns.rdatatype
import dns.zone
import httpx
from cryptography.hazmat.primitives.asymmetric import ed25519

from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from devstack.readiness import dns_answers, http_ok
from tests.world import rrset

API_KEY = "bench"
TOP = "test"
PARENT = "omani.test"
HOSTING = "hosting.test"
NAMESERVERS = (f"ns1.{HOSTING}", f"ns2.{HOSTING}")
STRANGER_NS = "ns.stranger.test"

ROOT, TLD, PARENT_1, PARENT_2, HOST_1, HOST_2, STRANGER, NOBODY = (f"127.0.53.{last}" for last in range(1, 9))

# Without caches: a change is served at once.
_SETTINGS = """\
local-address={address}
webserver-address={address}
webserver-allow-from=127.0.0.0/8
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
"""

_SOA = "ns.invalid. hostmaster.invalid. 1 10800 3600 604800 60"

Keys = list[dict[str, Any]]


class BenchServer(PowerDNSServer):
    """A PowerDNS server on an address of its own."""

    def __init__(self, folder: Path, address: str, dns_port: int, api_port: int) -> None:
        super().__init__(folder / address, dns_port, api_port, API_KEY)
        self.address = address
        self._url = f"http://{address}:{api_port}/api/v1/servers/localhost"
        self._api = httpx.Client(base_url=self._url, headers={"X-API-Key": API_KEY}, timeout=30, trust_env=False)

    def prepare(self) -> None:
        super().prepare()
        with (self.folder() / "pdns.conf").open("a", encoding="utf-8") as configuration:
            configuration.write(_SETTINGS.format(address=self.address))

    def ready(self) -> bool:
        headers = {"X-API-Key": API_KEY}
        return http_ok(self._url, headers) and dns_answers(self.address, self._dns_port)

    def stop(self) -> None:
        super().stop()
        self._api.close()

    @contextmanager
    def away(self) -> Iterator[None]:
        """Killed for a while."""
        self.kill()
        try:
            yield
        finally:
            self.start()

    def create_zone(
        self,
        name: str,
        nameservers: Sequence[str],
        *rrsets: dict[str, Any],
        keys: Keys | None = None,
        nsec3: str | None = None,
    ) -> None:
        body: dict[str, Any] = {
            "name": _dotted(name),
            "kind": "Native",
            "nameservers": [],
            "rrsets": [_rrset(name, "SOA", _SOA), _rrset(name, "NS", *map(_dotted, nameservers)), *rrsets],
        }
        self._send("POST", "/zones", body)
        for key in keys or []:
            self._send("POST", f"{_path(name)}/cryptokeys", {**key, "active": True})
        if nsec3:
            self._send("PUT", _path(name), {"nsec3param": nsec3})
        if keys:
            self._send("PUT", f"{_path(name)}/rectify")

    def write(self, zone: str, *rrsets: dict[str, Any]) -> None:
        self._send("PATCH", _path(zone), {"rrsets": list(rrsets)})

    def add_key(self, zone: str, key: dict[str, Any]) -> None:
        self._send("POST", f"{_path(zone)}/cryptokeys", {**key, "active": True})

    def delete_keys(self, zone: str) -> None:
        for key in self._send("GET", f"{_path(zone)}/cryptokeys").json():
            self._send("DELETE", f"{_path(zone)}/cryptokeys/{key['id']}")

    def ds(self, zone: str) -> list[str]:
        """The DS records, with digest SHA-256, of the zone's keys."""
        found = [ds for key in self._send("GET", f"{_path(zone)}/cryptokeys").json() for ds in key.get("ds", [])]
        return [ds for ds in found if ds.split()[2] == "2"]

    def load_signed_before(self, zone: str, text: str, *, days_ago: int) -> list[str]:
        """Loads a zone that was signed elsewhere, for a day, so long ago. Returns its DS records."""
        private = ed25519.Ed25519PrivateKey.generate()
        key = dns.dnssec.make_dnskey(private.public_key(), dns.dnssectypes.Algorithm.ED25519, flags=257)
        signed = dns.zone.from_text(text, origin=_dotted(zone), relativize=False)
        inception = datetime.now(UTC) - timedelta(days=days_ago)
        dns.dnssec.sign_zone(
            signed, keys=[(private, key)], inception=inception, expiration=inception + timedelta(days=1)
        )
        database = sqlite3.connect(self.folder() / "pdns.sqlite3", timeout=10)
        with database:
            cursor = database.execute("INSERT INTO domains (name, type) VALUES (?, 'NATIVE')", (zone,))
            domain = cursor.lastrowid
            database.execute(
                "INSERT INTO domainmetadata (domain_id, kind, content) VALUES (?, 'PRESIGNED', '1')", (domain,)
            )
            database.executemany(
                "INSERT INTO records (domain_id, name, type, content, ttl, disabled, auth) "
                "VALUES (?, ?, ?, ?, ?, 0, 1)",
                [
                    (domain, _plain(name), dns.rdatatype.to_text(item.rdtype), item.to_text(), ttl)
                    for name, ttl, item in signed.iterate_rdatas()
                ],
            )
        database.close()
        return [dns.dnssec.make_ds(_dotted(zone), key, "SHA256").to_text()]

    def _send(self, method: str, path: str, body: dict[str, Any] | None = None) -> httpx.Response:
        response = self._api.request(method, path, json=body)
        assert response.is_success, f"{method} {path} at {self.address}: {response.status_code} {response.text}"
        return response


class Bench:
    """All servers, and the zones that every test needs. Each test has zones of its own below `omani.test`."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        api_port = free_port()
        places = (ROOT, TLD, PARENT_1, PARENT_2, HOST_1, HOST_2, STRANGER)
        self.servers = {address: BenchServer(folder, address, self.port, api_port) for address in places}
        self.parents = [self.servers[PARENT_1], self.servers[PARENT_2]]
        self.hosts = [self.servers[HOST_1], self.servers[HOST_2]]
        self.trust_anchors: list[str] = []
        self._ending = ExitStack()

    def __enter__(self) -> Self:
        with self._ending, ThreadPoolExecutor(len(self.servers)) as starting:
            for server in self.servers.values():
                self._ending.callback(server.stop)
            for started in [starting.submit(server.start) for server in self.servers.values()]:
                started.result()
            self._create_zones()
            self._ending = self._ending.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._ending.close()

    def _create_zones(self) -> None:
        root, tld, stranger = (self.servers[place] for place in (ROOT, TLD, STRANGER))
        self.host(HOSTING, own=dict(zip(NAMESERVERS, (HOST_1, HOST_2), strict=True)))
        stranger.create_zone("stranger.test", [STRANGER_NS], *addresses({STRANGER_NS: STRANGER}))
        own = {f"ns1.{PARENT}": PARENT_1, f"ns2.{PARENT}": PARENT_2}
        keys = [new_key()]
        for server in self.parents:
            server.create_zone(PARENT, list(own), *addresses(own), keys=keys)
        tld.create_zone(
            TOP,
            ["ns.tld.test"],
            *addresses({"ns.tld.test": TLD}),
            *delegation(PARENT, list(own), ds=self.parents[0].ds(PARENT), glue=own),
            *delegation(HOSTING, NAMESERVERS, glue=dict(zip(NAMESERVERS, (HOST_1, HOST_2), strict=True))),
            *delegation("stranger.test", [STRANGER_NS], glue={STRANGER_NS: STRANGER}),
            keys=[new_key()],
            nsec3="1 1 0 -",
        )
        root.create_zone(
            "",
            ["ns.root"],
            *addresses({"ns.root": ROOT}),
            *delegation(TOP, ["ns.tld.test"], ds=tld.ds(TOP), glue={"ns.tld.test": TLD}),
            keys=[new_key()],
        )
        self.trust_anchors = root.ds("")

    def host(
        self,
        zone: str,
        *,
        keys: Keys | None = None,
        nameservers: Sequence[str] = NAMESERVERS,
        own: dict[str, str] | None = None,
    ) -> list[str]:
        """Creates a zone, with addresses of its own, on both its servers. Returns the DS records of its keys."""
        for server in self.hosts:
            server.create_zone(zone, nameservers, *addresses(own or {}), keys=keys)
        return self.hosts[0].ds(zone)

    def delegate(
        self,
        zone: str,
        nameservers: Sequence[str] = NAMESERVERS,
        *,
        ds: Sequence[str] = (),
        glue: dict[str, str] | None = None,
    ) -> None:
        """Writes a delegation at both servers of `omani.test`."""
        for server in self.parents:
            server.write(PARENT, *delegation(zone, nameservers, ds=ds, glue=glue))


def delegation(
    zone: str, nameservers: Sequence[str], *, ds: Sequence[str] = (), glue: dict[str, str] | None = None
) -> list[dict[str, Any]]:
    """What the zone above holds of a zone."""
    return [
        _rrset(zone, "NS", *map(_dotted, nameservers)),
        *([_rrset(zone, "DS", *ds)] if ds else []),
        *addresses(glue or {}),
    ]


def addresses(by_name: dict[str, str]) -> list[dict[str, Any]]:
    return [_rrset(name, "A", address) for name, address in by_name.items()]


def new_key() -> dict[str, Any]:
    """A key as PowerDNS' API takes it, so that several servers can sign with it."""
    seed = ed25519.Ed25519PrivateKey.generate().private_bytes_raw()
    return {"keytype": "csk", "privatekey": _bind_format(seed)}


def _bind_format(seed: bytes) -> str:
    return f"Private-key-format: v1.2\nAlgorithm: 15 (ED25519)\nPrivateKey: {b64encode(seed).decode()}\n"


def _rrset(name: str, rrtype: str, *values: str) -> dict[str, Any]:
    return rrset(name, rrtype, *values) | {"name": _dotted(name)}


def _dotted(name: str) -> str:
    return f"{name}."


def _plain(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()


def _path(zone: str) -> str:
    return f"/zones/{_dotted(zone) if zone else '=2E'}"

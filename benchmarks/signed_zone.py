"""A PowerDNS of its own with one signed zone of so many rrsets, and the Sovereigns that are written into it."""

import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from pydantic import SecretStr

from benchmarks.planted_zones import Planted, Row, write, written
from benchmarks.report import CheckFailedError
from benchmarks.sovereigns import PER_SOVEREIGN, request
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.contract import Owner, ProvisionRequest
from sovereign_dns.intent import CANONICAL_SUBDOMAINS, NamingRules, derive_intent
from sovereign_dns.messages import CreateZone, UpsertRecords
from sovereign_dns.mounted import MountedURL
from sovereign_dns.records import plan_zone
from sovereign_dns.rrsets import RRsetWrite
from sovereign_dns.secrets import Secret

ZONE = "bench.works"
API_KEY = "bench"

Held = Counter[tuple[str, ...]]
"""Every record and every comment."""


@dataclass(frozen=True)
class Sovereign:
    """One that is to be written, as the workflow would have it."""

    zone: CreateZone
    """The step before, which finds the zone there."""
    task: UpsertRecords
    writes: list[RRsetWrite]

    @property
    def patch(self) -> dict[str, object]:
        """The body of the one PATCH that it needs."""
        return {"rrsets": [write.as_powerdns() for write in self.writes]}

    @property
    def removal(self) -> dict[str, object]:
        """The body of the PATCH that takes it away again."""
        return {"rrsets": [RRsetWrite(name=write.name, type=write.type).as_powerdns() for write in self.writes]}

    @property
    def records(self) -> Held:
        """What the zone's database then holds of it."""
        return Counter(
            ("record", write.name, write.type, str(write.ttl), value, "0")
            for write in self.writes
            for value in write.values
        )

    @property
    def comments(self) -> Held:
        """The owner's, where they are written with the records."""
        told = (Row(w.name, w.type, (), comments=tuple(w.comments)) for w in self.writes)
        return Counter(("comment", row.name, row.type) for row in told for _ in row.comments)


def sovereign(number: int) -> Sovereign:
    """All have names of one length, so that their bytes can be compared."""
    fqdn = f"new{number:04}.{ZONE}"
    owner = Owner(sovereign_fqdn=fqdn, deployment_id="bench")
    whole = derive_intent(ProvisionRequest.model_validate(request(fqdn)), NamingRules())
    intent = whole.primary
    names = [rrset.name for rrset in intent.rrsets]
    zone = CreateZone(owner=owner, domain=ZONE, names=names, nameservers=whole.nameservers, may_create=True)
    return Sovereign(zone, UpsertRecords(owner=owner, intent=intent), plan_zone(ZONE, intent, [], owner).writes)


def rows(rrsets: int) -> list[Row]:
    """So many rrsets of other Sovereigns, each with its owner's comment, as an installation has them."""
    return [_row(number // PER_SOVEREIGN, number % PER_SOVEREIGN) for number in range(rrsets)]


def _row(sovereign: int, place: int) -> Row:
    fqdn = f"s{sovereign}.{ZONE}"
    name = f"{CANONICAL_SUBDOMAINS[place - 1]}.{fqdn}" if place else fqdn
    return written(name, fqdn, f"10.{sovereign >> 16 & 255}.{sovereign >> 8 & 255}.{sovereign & 255}")


class SignedZone:
    """The zone on its running server."""

    def __init__(self, server: PowerDNSServer) -> None:
        self.api_url = server.api_url
        self._database = server.folder() / "pdns.sqlite3"

    def client(self, http: httpx.AsyncClient, api_url: str | None = None) -> PowerDNS:
        """Ours, for the server or for what stands before it."""
        key = Secret("CATALYST_POWERDNS_API_KEY", SecretStr(API_KEY), None)
        return PowerDNS(http, MountedURL("URL", api_url or self.api_url), key)

    def held(self) -> Held:
        """As its database has it, but for the serial, which every write raises."""
        with closing(sqlite3.connect(self._database, timeout=30)) as connection:
            records = connection.execute(
                "SELECT 'record', name, type, ttl, content, disabled FROM records WHERE type <> 'SOA'"
            )
            held = Counter(tuple(str(value) for value in row) for row in records)
            held.update(connection.execute("SELECT 'comment', name, type FROM comments"))
        return held

    def require(self, before: Held, added: Iterable[Held], after_what: str) -> None:
        """Insists that the zone holds what it held before, with what was added, and nothing else.

        Raises:
            CheckFailedError: it does not.
        """
        expected = before.copy()
        for more in added:
            expected.update(more)
        held = self.held()
        if held != expected:
            lacking, strange = list((expected - held).elements()), list((held - expected).elements())
            raise CheckFailedError(
                f"after {after_what}, zone {ZONE} lacks {len(lacking)} records or comments {lacking[:3]} and holds "
                f"{len(strange)} that nobody asked for {strange[:3]}"
            )


def patch_url(api_url: str) -> str:
    """Where the zone is written."""
    return f"{api_url}/api/v1/servers/localhost/zones/{ZONE}."


def prepare(folder: Path, rrsets: int) -> None:
    """Makes the zone, signed and rectified, for `on_a_copy` to start from."""
    planted = Planted(rows={ZONE: rows(rrsets)})
    server = _server(folder)
    server.start()
    try:
        headers = {"X-API-Key": API_KEY}
        base_url = f"{server.api_url}/api/v1/servers/localhost"
        with httpx.Client(base_url=base_url, headers=headers, timeout=60) as api:
            write(planted, api, server.folder() / "pdns.sqlite3")
            api.put(f"/zones/{ZONE}./rectify").raise_for_status()
    finally:
        server.stop()


@contextmanager
def on_a_copy(prepared: Path, folder: Path) -> Iterator[SignedZone]:
    """A server of its own on a copy of what was prepared; its folder is gone afterwards."""
    sockets = shutil.ignore_patterns("*.controlsocket")
    shutil.copytree(prepared / "powerdns", folder / "powerdns", ignore=sockets)
    server = _server(folder)
    server.start()
    try:
        yield SignedZone(server)
    finally:
        server.stop()
        shutil.rmtree(folder)


def _server(folder: Path) -> PowerDNSServer:
    return PowerDNSServer(folder, free_port(), free_port(), API_KEY)

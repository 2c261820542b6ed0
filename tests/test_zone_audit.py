"""The audit of a whole PowerDNS: one of the tests' own, since it looks at every zone that there is."""

import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from activities.zone_audit import ZoneAudit
from benchmarks.audit import API_KEY, audited, in_words
from benchmarks.planted_zones import CHILD_OF_PDM, NAMESERVER, KnownInventory, planted, write
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.audit_contract import AuditRequest, AuditResult, SourceRead
from sovereign_dns.audit_news import Known, known_from
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.contract import Owner
from sovereign_dns.failures import InvalidInput, PowerDNSUnavailable
from sovereign_dns.inventory import Inventory, OwnedNetwork, PoolRow
from sovereign_dns.mounted import MountedURL
from sovereign_dns.rrsets import RRsetWrite, owner_comment
from sovereign_dns.secrets import Secret
from tests.world import LOAD_BALANCER, STRANGER, rrset

SOVEREIGN = "t110.omani.works"
PARENT = "omani.works"


class Installation:
    """A PowerDNS, looked at by its API as an operator does."""

    def __init__(self, folder: Path) -> None:
        self.server = PowerDNSServer(folder, free_port(), free_port(), API_KEY)
        self.server.start()
        self.api = httpx.Client(
            base_url=f"{self.server.api_url}/api/v1/servers/localhost", headers={"X-API-Key": API_KEY}, timeout=60
        )

    @property
    def database(self) -> Path:
        return self.server.folder() / "pdns.sqlite3"

    def clear(self) -> None:
        for zone in self.api.get("/zones").json():
            self.api.delete(f"/zones/{zone['id']}").raise_for_status()

    def create_zone(self, name: str, *rrsets: dict[str, object]) -> None:
        body = {"name": f"{name}.", "kind": "Native", "nameservers": [NAMESERVER], "dnssec": True}
        self.api.post("/zones", json=body | {"rrsets": list(rrsets)}).raise_for_status()

    def write(self, zone: str, *rrsets: dict[str, object]) -> None:
        self.api.patch(f"/zones/{zone}.", json={"rrsets": list(rrsets)}).raise_for_status()

    def stop(self) -> None:
        self.api.close()
        self.server.stop()


@pytest.fixture(scope="module")
def _installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    installation = Installation(tmp_path_factory.mktemp("audited"))
    yield installation
    installation.stop()


@pytest.fixture
def installation(_installation: Installation) -> Installation:
    _installation.clear()
    return _installation


@pytest.fixture
async def powerdns(installation: Installation) -> AsyncIterator[PowerDNS]:
    async with httpx.AsyncClient(timeout=20) as client:
        key = Secret("CATALYST_POWERDNS_API_KEY", SecretStr(API_KEY), None)
        yield PowerDNS(client, MountedURL("CATALYST_POWERDNS_API_URL", installation.server.api_url), key)


async def audit(
    powerdns: PowerDNS,
    inventory: Inventory | None = None,
    *,
    zones: tuple[str, ...] = (),
    known: Known | None = None,
) -> AuditResult:
    request = AuditRequest(zones=list(zones))
    reader = KnownInventory(inventory or Inventory())
    return await ZoneAudit(powerdns, reader, [NAMESERVER.rstrip(".")], request, known or {}).run()


def told(result: AuditResult) -> list[tuple[str, str, str, str]]:
    return sorted((found.kind, found.severity, found.name, found.type) for found in result.findings)


async def test_the_incident_is_found_on_the_first_run(installation: Installation, powerdns: PowerDNS) -> None:
    installation.create_zone(PARENT, rrset(f"*.{PARENT}", "A", STRANGER))

    result = await audit(powerdns, Inventory(pools=[PARENT], sources=[SourceRead(source="pdm", state="read")]))

    assert told(result) == [
        ("orphan", "critical", f"*.{PARENT}.", "A"),
        ("shadowing", "critical", f"*.{PARENT}.", "A"),
    ]
    assert all(STRANGER in found.message for found in result.findings)
    assert not result.partial


async def test_what_the_workflow_writes_is_right_until_somebody_else_changes_it(
    installation: Installation, powerdns: PowerDNS
) -> None:
    installation.create_zone(PARENT)
    owner = owner_comment(Owner(sovereign_fqdn=SOVEREIGN, deployment_id="d1"))
    values = {"A": [LOAD_BALANCER], "AAAA": ["2A01:4F8::0095", "2a01:4f8::96"], "DS": [f"12345 13 2 {'AB' * 32}"]}
    writes = [
        RRsetWrite(name=f"x{rrtype.lower()}.{SOVEREIGN}", type=rrtype, ttl=60, values=given, comments=[owner])
        for rrtype, given in values.items()
    ]
    apex = writes[0].changed(name=SOVEREIGN)
    delegation = RRsetWrite(name=writes[2].name, type="NS", ttl=60, values=["NS.stranger.test."], comments=[owner])
    async with powerdns.turn_to_write("preparing the test"):
        await powerdns.change(PARENT, [apex, *writes, delegation])

    assert (await audit(powerdns)).findings == []

    kept = [{"content": owner.content + " written=0123456789abcdef", "account": owner.account}]
    installation.write(PARENT, rrset(writes[0].name, "A", LOAD_BALANCER, ttl=300) | {"comments": kept})
    assert told(await audit(powerdns)) == [("drift", "warning", f"{writes[0].name}.", "A")]


async def test_zones_with_odd_names_do_not_make_it_blind(installation: Installation, powerdns: PowerDNS) -> None:
    for zone in ("", "internal", "0/25.2.0.192.in-addr.arpa"):
        installation.create_zone(zone)
    installation.create_zone(PARENT, rrset(f"*.{PARENT}", "A", STRANGER))

    result = await audit(powerdns)

    assert told(result) == [("orphan", "critical", f"*.{PARENT}.", "A")]
    assert (result.partial, result.zones_total) == (False, 4)


async def test_everything_planted_is_found_and_nothing_else_in_bounded_memory(installation: Installation) -> None:
    small, big = planted(100), planted(2_500)
    write(small, installation.api, installation.database)
    few = await audited(installation.server.api_url, small)
    installation.clear()
    write(big, installation.api, installation.database)
    many = await audited(installation.server.api_url, big)

    print(in_words(few), in_words(many), sep="\n")
    assert many.found == sorted(big.expected)
    assert few.found == sorted(small.expected)
    assert len(big.expected) == 40
    assert many.payload_bytes < 1_000_000
    # Twenty times the rrsets: were they held, it would be megabytes more.
    assert many.peak_bytes < few.peak_bytes + 2_000_000


async def test_what_cannot_be_read_is_told_and_makes_no_orphans(installation: Installation, powerdns: PowerDNS) -> None:
    zones = planted(100)
    write(zones, installation.api, installation.database)
    first = await audit(powerdns, zones.inventory)
    _break_zone(installation, CHILD_OF_PDM)

    result = await audit(powerdns, zones.inventory, known=known_from(first))

    (unreadable,) = [found for found in result.findings if found.kind == "unreadable"]
    assert (unreadable.zone, unreadable.mend) == (
        f"{CHILD_OF_PDM}.",
        f"pdnsutil check-zone {CHILD_OF_PDM}; then sovereign-dns audit run",
    )
    assert result.partial
    assert [found for found in result.findings if found.kind == "orphan"] == []
    assert result.gone == []
    others = {told for told in zones.expected if told[0] != "orphan"}
    assert {(f.kind, f.name, f.type) for f in result.findings if f.kind != "unreadable"} == others


async def test_a_powerdns_that_is_away_is_an_outage_and_no_finding(
    installation: Installation, powerdns: PowerDNS
) -> None:
    installation.create_zone(PARENT)
    installation.server.kill()
    try:
        with pytest.raises(PowerDNSUnavailable):
            await audit(powerdns)
    finally:
        installation.server.start()


async def test_some_zones_are_judged_by_what_all_of_them_say(installation: Installation, powerdns: PowerDNS) -> None:
    owned = rrset(f"console.{SOVEREIGN}", "A", LOAD_BALANCER, owner=SOVEREIGN)
    installation.create_zone(PARENT, owned, rrset(f"old.{PARENT}", "A", STRANGER))
    installation.create_zone(
        "omani.homes", rrset("a.omani.homes", "A", LOAD_BALANCER), rrset("b.omani.homes", "A", STRANGER)
    )

    result = await audit(powerdns, zones=("omani.homes",))

    assert told(result) == [("orphan", "warning", "b.omani.homes.", "A")]
    assert [zone.zone for zone in result.zones] == ["omani.homes."]
    with pytest.raises(InvalidInput, match=r"zones: PowerDNS hosts no zone omani\.wroks"):
        await audit(powerdns, zones=("omani.wroks", PARENT))


class _Learning(KnownInventory):
    """Knows more the second time: what was made while the zones were read."""

    async def read(self, *_: Any, **__: Any) -> Inventory:
        known = self.inventory
        self.inventory = Inventory(
            pools=[PARENT],
            pool_rows=[PoolRow(pool=PARENT, subdomain="young", state="reserved")],
            networks=[OwnedNetwork(network=f"{STRANGER}/32", source="hetzner", label="load balancer young")],
            sources=known.sources,
        )
        return known


async def test_what_is_only_younger_than_the_inventory_is_not_told(
    installation: Installation, powerdns: PowerDNS
) -> None:
    young = f"young.{PARENT}"
    installation.create_zone(PARENT, rrset(young, "NS", NAMESERVER), rrset(f"old.{PARENT}", "A", "49.12.16.161"))
    installation.create_zone(young, rrset(f"*.{young}", "A", STRANGER))
    reader = _Learning(Inventory(pools=[PARENT], sources=[SourceRead(source="pdm", state="read")]))

    result = await ZoneAudit(powerdns, reader, [NAMESERVER.rstrip(".")], AuditRequest(), {}).run()

    assert told(result) == [("orphan", "warning", f"old.{PARENT}.", "A")]
    assert {zone.zone: zone.findings for zone in result.zones} == {f"{PARENT}.": 1, f"{young}.": 0}


class _Recovering(KnownInventory):
    """Hetzner can't be read the first time, and can the second."""

    async def read(self, request: AuditRequest, zones: list[str], *, tell_outages: bool = True) -> Inventory:
        known = await super().read(request, zones, tell_outages=tell_outages)
        self.inventory = known.changed(sources=[SourceRead(source="hetzner", state="read")])
        return known


async def test_a_source_that_comes_back_during_an_audit_makes_no_orphan_gone(
    installation: Installation, powerdns: PowerDNS
) -> None:
    installation.create_zone(PARENT, rrset(f"*.{PARENT}", "A", STRANGER))
    first = await audit(powerdns)
    installation.write(PARENT, rrset(f"nowhere.{PARENT}", "NS", NAMESERVER))
    away = SourceRead(source="hetzner", state="unreadable", detail="HetznerUnavailable: too many requests")
    reader = _Recovering(Inventory(sources=[away]))

    result = await ZoneAudit(powerdns, reader, [NAMESERVER.rstrip(".")], AuditRequest(), known_from(first)).run()

    assert result.partial
    assert result.gone == []
    assert {found.kind for found in result.findings} == {"dangling", "unreadable"}


def _break_zone(installation: Installation, zone: str) -> None:
    """As a hand in the database may."""
    with sqlite3.connect(installation.database, timeout=30) as connection:
        connection.execute("UPDATE records SET content = 'no address' WHERE type = 'A' AND name LIKE ?", (f"%{zone}",))
    connection.close()

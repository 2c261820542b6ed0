"""What a provisioning reads grows with the Sovereign, not with the zone; and it finds just what stands at its names."""

import secrets
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from activities.powerdns import PowerDNSActivities
from benchmarks.planted_zones import Planted, written
from benchmarks.planted_zones import write as write_rows
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.clients.around_host import look_around
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.powerdns_search import ENOUGH_TO_TELL
from sovereign_dns.clients.rrsets_at_names import RRsetsAtNames
from sovereign_dns.contract import Owner
from sovereign_dns.failures import ZoneMissing
from sovereign_dns.intent import NamingRules, derive_intent
from sovereign_dns.lifecycle_messages import RemoveZone
from sovereign_dns.messages import UpsertRecords
from sovereign_dns.mounted import MountedURL
from sovereign_dns.rrsets import RRset
from sovereign_dns.secrets import Secret
from tests.attempts import Attempts
from tests.powerdns_bench import API_KEY, client_of, own_powerdns, world_of
from tests.removal_bench import SERVERS, Life, removals
from tests.unit.builders import request
from tests.world import LOAD_BALANCER, STRANGER, World, rrset

SMALL, LARGE = 100, 3_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDNSServer]:
    with own_powerdns(tmp_path_factory.mktemp("powerdns")) as server:
        yield server


@pytest.fixture(scope="module")
async def bench(server: PowerDNSServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world_of(server, tmp_path_factory.mktemp("key")) as world:
        yield world


@pytest.fixture
async def powerdns(server: PowerDNSServer) -> AsyncIterator[PowerDNS]:
    async with client_of(server.api_url) as client:
        yield client


# --- how much is read


class Traffic:
    """Counts the calls, by what they ask, and the bytes of their answers, since it was last told."""

    def __init__(self) -> None:
        self._calls = Counter[str]()
        self._bytes = 0

    async def see(self, response: httpx.Response) -> None:
        asked = response.request
        kind = asked.url.params.get("object_type") or ("by name" if "rrset_name" in asked.url.params else "")
        self._calls[" ".join(filter(None, [asked.method, asked.url.path.split("/")[5], kind]))] += 1
        body = await response.aread()
        if not asked.url.path.endswith("/cryptokeys"):  # a key's tag has a digit more or less by chance
            self._bytes += len(body)

    def told(self) -> tuple[dict[str, int], int]:
        told = dict(self._calls), self._bytes
        self.__init__()  # type: ignore[misc]
        return told


@asynccontextmanager
async def seen(server: PowerDNSServer, traffic: Traffic) -> AsyncIterator[PowerDNS]:
    async with httpx.AsyncClient(trust_env=False, event_hooks={"response": [traffic.see]}) as client:
        yield PowerDNS(client, MountedURL("URL", server.api_url), Secret("KEY", SecretStr(API_KEY)))


def full_zone(server: PowerDNSServer, zone: str, rrsets: int) -> None:
    """Of Sovereigns beside the tested one; many of their names end as its own does."""
    rows = [
        written(f"{label}.s{number}t1.{zone}", f"s{number}t1.{zone}", "10.0.0.1")
        for number in range(rrsets // 2)
        for label in ("console", "auth")
    ]
    with httpx.Client(
        base_url=f"{server.api_url}/api/v1/servers/localhost", headers={"X-API-Key": API_KEY}, timeout=30
    ) as api:
        write_rows(Planted(rows={zone: rows}), api, Path(server.folder()) / "pdns.sqlite3")


Step = tuple[dict[str, int], int]


@dataclass
class Steps:
    """One Sovereign's steps on PowerDNS, and what each asked for."""

    powerdns: PowerDNS
    fqdn: str
    traffic: Traffic

    async def run(self, **asked: Any) -> dict[str, Step]:
        life = Life(self.powerdns, self.fqdn, asked)
        fields: dict[str, Any] = {"sovereignFQDN": self.fqdn, "deploymentId": "d1"} | asked
        (domain,) = derive_intent(request(**fields), NamingRules(nameservers=SERVERS)).domains
        task = UpsertRecords(owner=life.owner, intent=domain)
        activities, told = PowerDNSActivities(self.powerdns), dict[str, Step]()
        await Attempts().attempt(activities.create_zone, life.creation(domain.domain, takeover=True))
        told["zone-create"] = self.traffic.told()
        await Attempts().attempt(activities.upsert_records, task)
        told["records-upsert"] = self.traffic.told()
        await Attempts().attempt(activities.compare_records, task)
        told["records-compare"] = self.traffic.told()
        return told


def calls_of(steps: dict[str, Step]) -> dict[str, dict[str, int]]:
    return {step: calls for step, (calls, _) in steps.items()}


async def test_the_calls_and_bytes_of_a_provisioning_do_not_grow_with_the_zone(server: PowerDNSServer) -> None:
    traffic, told = Traffic(), []
    async with seen(server, traffic) as powerdns:
        for size in (SMALL, LARGE):
            zone = f"p{secrets.token_hex(4)}.works"
            full_zone(server, zone, size)
            short, long = (Steps(powerdns, f"{label}.{zone}", traffic) for label in ("t1", "customer1"))
            own_zone = {"parentDomains": [{"name": f"t1.{zone}"}]}
            told.append([await long.run(), await short.run(), await short.run(), await short.run(**own_zone)])

    small, large = told
    assert small == large
    long_label, fresh, again, nested = map(calls_of, small)
    assert fresh == {
        "zone-create": {"GET zones": 2},
        "records-upsert": {"GET search-data record": 4, "GET search-data zone": 1, "GET zones": 1, "PATCH zones": 1},
        "records-compare": {"GET search-data record": 4, "GET search-data zone": 1, "GET search-data comment": 2},
    }
    assert again["records-upsert"] == fresh["records-compare"] | {"GET zones": 1}
    assert again["records-compare"] == fresh["records-compare"]
    assert long_label == {
        "zone-create": {"GET zones": 2},
        "records-upsert": {"GET search-data record": 3, "GET search-data zone": 1, "GET zones": 1, "PATCH zones": 1},
        "records-compare": {"GET search-data record": 3, "GET search-data zone": 1, "GET search-data comment": 1},
    }, "what is at the host and below it is found by one search"
    assert nested["zone-create"] == {
        "GET zones": 5,
        "GET search-data record": 5,
        "GET search-data comment": 3,
        "POST zones": 1,
        "PATCH zones": 1,
    }
    assert nested["records-upsert"] == {
        "GET search-data zone": 1,
        "GET search-data record": 1,
        "GET zones": 2,
        "PATCH zones": 1,
    }, "a Sovereign's own zone is read as a whole"


# --- what is found


async def test_a_zone_without_records_is_found_among_many(bench: World, powerdns: PowerDNS) -> None:
    """As a secondary is before its first transfer: from then on it answers."""
    domain = f"p{secrets.token_hex(4)}.works"
    host = f"customer1.eu.{domain}"
    await bench.create_zone(domain)
    for number in range(ENOUGH_TO_TELL):
        await bench.create_secondary_zone(f"s{number}.{domain}")
    mine = {f"eu.{domain}", host, f"api.{host}"}
    for zone in mine:
        await bench.create_secondary_zone(zone)

    around = await look_around(powerdns.search, host, domain)

    assert around is not None
    assert around.zones == {domain}
    assert mine <= around.hosted


def noted(entry: dict[str, Any], content: str, account: str) -> dict[str, Any]:
    comments = [*entry["comments"], {"content": content, "account": account, "modified_at": 1700000000}]
    return entry | {"comments": comments}


def disabled(entry: dict[str, Any]) -> dict[str, Any]:
    return entry | {"records": [record | {"disabled": True} for record in entry["records"]]}


async def test_what_only_looks_alike_is_not_found_and_nothing_is_overlooked(bench: World, powerdns: PowerDNS) -> None:
    zone = f"p{secrets.token_hex(4)}.works"
    host = f"t1.{zone}"
    ours = f"sovereign={host} deployment=d1 written=0123456789abcdef"
    await bench.create_zone(
        zone,
        noted(rrset(host, "A", LOAD_BALANCER), ours, "sovereign-dns"),
        noted(noted(rrset(f"console.{host}", "A", STRANGER), ours, "sovereign-dns"), "asked for by Ada", "ada"),
        noted(rrset(f"auth.{host}", "A", STRANGER), f"sovereign=t2.{zone} deployment=d1", "ada"),
        disabled(noted(rrset(f"api.{host}", "A", STRANGER), ours, "sovereign-dns")),
        rrset(f"_x_y.{host}", "TXT", '"100% *"'),
        rrset(f"*.{host}", "A", STRANGER),
        rrset(f"*.{zone}", "A", STRANGER),
        # What the patterns match besides.
        rrset(f"x{host}", "A", STRANGER),
        rrset(f"console.x{host}", "A", STRANGER),
        rrset(f"_xzy.{host}", "TXT", '"look-alike"'),
        rrset(f"q.{zone}", "CNAME", f"{host}."),
        rrset(f"www.{zone}", "CNAME", f"console.{host}."),
        rrset(f"alias.{zone}", "CNAME", f"{zone}."),
        rrset(f"a.b.c.unasked.{host}", "A", STRANGER),
    )
    await bench.create_zone(f"eu.{host}", rrset(f"console.eu.{host}", "A", STRANGER))
    at_names = [host, *(f"{label}.{host}" for label in ("console", "auth", "api", "_x_y", "*", "none"))]
    asked = [*at_names, f"*.{zone}", zone, f"console.eu.{host}"]

    found = await RRsetsAtNames(powerdns).held(zone, asked)

    padding = [f"no{number}.{zone}" for number in range(60)]
    assert in_any_order(found) == in_any_order(await RRsetsAtNames(powerdns).held(zone, [*asked, *padding]))
    by_key = {(one.name, one.type): one for one in found}
    apex = [(zone, "NS"), (zone, "SOA")]
    assert sorted(by_key) == sorted(
        [(name, "TXT" if "_x_y" in name else "A") for name in [*at_names[:-1], f"*.{zone}"]] + apex
    )
    assert by_key[f"api.{host}", "A"].disabled == [STRANGER]
    assert by_key[f"auth.{host}", "A"].owner is None
    assert [(c.account, c.modified_at) for c in by_key[f"console.{host}", "A"].foreign_comments] == [
        ("ada", 1700000000)
    ]


def write_past_the_api(server: PowerDNSServer, like: str, *rows: tuple[str, str]) -> None:
    """A records as another one is, of a name and an address each."""
    with sqlite3.connect(server.folder() / "pdns.sqlite3", timeout=30) as database:
        database.executemany(
            "INSERT INTO records (domain_id, name, type, content, ttl, ordername, auth) "
            "SELECT domain_id, ?, type, ?, ttl, lower(?), auth FROM records WHERE name = ? AND type = 'A'",
            [(name, address, name, like) for name, address in rows],
        )


async def test_a_row_in_mixed_case_counts_as_little_as_it_is_served(
    bench: World, powerdns: PowerDNS, server: PowerDNSServer
) -> None:
    zone = f"p{secrets.token_hex(4)}.works"
    host = f"t1.{zone}"
    await bench.create_zone(zone, rrset(f"www.{zone}", "A", STRANGER), rrset(f"auth.{host}", "A", STRANGER))
    write_past_the_api(
        server,
        f"www.{zone}",
        (f"Console.{host}", LOAD_BALANCER),
        (f"Auth.{host}", "192.0.2.7"),
        (f"*.{zone.upper()}", STRANGER),
    )
    fields = {"sovereignFQDN": host, "deploymentId": "d1", "parentDomains": [{"name": zone}]}
    (domain,) = derive_intent(request(subdomains=["console", "auth"], **fields), NamingRules()).domains
    upsert = UpsertRecords(owner=Owner(sovereign_fqdn=host, deployment_id="d1"), intent=domain)

    first = await PowerDNSActivities(powerdns).upsert_records(upsert)
    second = await PowerDNSActivities(powerdns).upsert_records(upsert)

    assert {(change.name, change.change): change.before for change in first.changes} == {
        (f"{host}.", "created"): [],
        (f"console.{host}.", "created"): [],
        (f"auth.{host}.", "replaced"): [STRANGER],
    }
    assert first.hazards == []
    assert {change.change for change in second.changes} == {"unchanged"}
    for name in (host, f"console.{host}", f"auth.{host}"):
        assert await bench.answer(name) == [LOAD_BALANCER]


@pytest.mark.parametrize("dry_run", [True, False])
async def test_a_zone_is_left_that_holds_but_a_row_in_mixed_case(
    bench: World, powerdns: PowerDNS, server: PowerDNSServer, *, dry_run: bool
) -> None:
    life = Life(powerdns, f"p{secrets.token_hex(4)}.works")
    await bench.create_zone(life.fqdn, rrset(f"www.{life.fqdn}", "A", STRANGER))
    write_past_the_api(server, f"www.{life.fqdn}", (f"Console.{life.fqdn}", LOAD_BALANCER))
    await bench.write(life.fqdn, rrset(f"www.{life.fqdn}", "A"))

    removal = RemoveZone(owner=life.owner, zone=life.fqdn, without_parent=True, dry_run=dry_run)
    report = await removals(powerdns).remove_zone(removal)

    assert report.outcome.startswith(f"left: it holds Console.{life.fqdn} A")
    assert report.zones == []


@pytest.mark.parametrize("label", ["t1", "customer1"])
async def test_each_name_goes_where_it_is_answered_from_whatever_looks_alike(
    bench: World, powerdns: PowerDNS, label: str
) -> None:
    top = f"p{secrets.token_hex(4)}.works"
    host, between = f"{label}.eu.{top}", f"eu.{top}"
    await bench.create_zone(top, rrset(f"*.{top}", "A", STRANGER), rrset(f"auth.{host}", "A", STRANGER))
    await bench.create_zone(between, rrset(f"auth.{host}", "A", STRANGER), rrset(f"auth.x{host}", "A", STRANGER))
    await bench.create_zone(f"console.{host}")
    await bench.create_zone(f"x{host}", rrset(f"api.{host[1:]}.x{host}", "A", STRANGER))
    fields = {"sovereignFQDN": host, "deploymentId": "d1", "parentDomains": [{"name": top}]}
    (domain,) = derive_intent(request(subdomains=["console", "auth", "api"], **fields), NamingRules()).domains
    owner = Owner(sovereign_fqdn=host, deployment_id="d1")

    report = await PowerDNSActivities(powerdns).upsert_records(UpsertRecords(owner=owner, intent=domain))

    assert {(change.name, change.zone, change.change) for change in report.changes} == {
        (f"{host}.", f"{between}.", "created"),
        (f"auth.{host}.", f"{between}.", "replaced"),
        (f"api.{host}.", f"{between}.", "created"),
        (f"console.{host}.", f"console.{host}.", "created"),
    }
    assert report.hazards == []
    untouched = await RRsetsAtNames(powerdns).held(top, [f"*.{top}", f"auth.{host}", host])
    assert [one.served for one in untouched] == [[STRANGER]] * 2


async def test_zones_below_a_host_are_found_among_many_that_end_alike(
    powerdns: PowerDNS, bench: World, server: PowerDNSServer
) -> None:
    zone = f"p{secrets.token_hex(4)}.works"
    host = f"1.{zone}"
    await bench.create_zone(f"eu.{host}")
    with sqlite3.connect(server.folder() / "pdns.sqlite3", timeout=30) as database:
        rows = [(f"{number}{host}", "NATIVE") for number in range(60)]
        database.executemany("INSERT INTO domains (name, type) VALUES (?, ?)", rows)

    assert await powerdns.hosted_for(host, [host, f"console.{host}", f"eu.{host}", zone]) == {f"eu.{host}"}


async def test_a_zone_that_is_not_hosted_is_told_as_missing(powerdns: PowerDNS) -> None:
    zone = f"p{secrets.token_hex(4)}.works"
    reading = RRsetsAtNames(powerdns)
    for reads in (reading.nameservers(zone), reading.held(zone, [zone]), reading.served(zone, [f"*.{zone}"])):
        with pytest.raises(ZoneMissing, match=zone):
            await reads


def in_any_order(rrsets: list[RRset]) -> list[RRset]:
    ordered = [
        one.changed(
            records=sorted(one.records, key=lambda record: record.content),
            comments=[c.changed(modified_at=0) if c.account == "sovereign-dns" else c for c in one.comments],
        )
        for one in rrsets
    ]
    return sorted(ordered, key=lambda one: (one.name, one.type))

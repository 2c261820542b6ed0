"""The world as it is: zones by AXFR, comments and zones from the database, PDM's rows, Certificates, answers."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dns.message
import dns.query
import dns.rdatatype
import dns.xfr
import dns.zone
import httpx

ADDRESS_TYPES = frozenset({"A", "AAAA", "CNAME", "ALIAS", "LUA"})


@dataclass(frozen=True)
class HeldRRset:
    """An rrset that a zone serves; names without their last dots, values as in a zone file, sorted."""

    zone: str
    name: str
    type: str
    ttl: int
    values: tuple[str, ...]


@dataclass(frozen=True)
class PoolRow:
    """A row of PDM's."""

    pool: str
    subdomain: str
    state: str
    fqdn: str
    address: str


@dataclass
class SeenWorld:
    """All that the checker compares, taken when nothing is under way any more.

    Attributes:
        zones: that PowerDNS hosts.
        rrsets: of all of them, by zone transfer, without signatures, keys and denials.
        comments: by zone, name and type.
        answers: of the authoritative server, by name: the addresses, sorted.
        pool_rows: of PDM.
        certificates: by name: their dnsNames, sorted.
    """

    zones: set[str] = field(default_factory=set)
    rrsets: list[HeldRRset] = field(default_factory=list)
    comments: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    answers: dict[str, list[str]] = field(default_factory=dict)
    pool_rows: list[PoolRow] = field(default_factory=list)
    certificates: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Places:
    """Where the world is looked at, past every proxy.

    Attributes:
        database: PowerDNS'.
        dns: host and port of the authoritative server.
        pdm: the base of its API.
        pools: the pool domains.
        kubernetes: the base of its API.
        kubernetes_token: for it.
        namespace: of the Certificates.
    """

    database: Path
    dns: tuple[str, int]
    pdm: str
    pools: list[str]
    kubernetes: str
    kubernetes_token: str
    namespace: str = "kube-system"


_SIGNED_BY_ITSELF = {"RRSIG", "DNSKEY", "NSEC", "NSEC3", "NSEC3PARAM", "CDS", "CDNSKEY"}


def look(places: Places, names: list[str]) -> SeenWorld:
    """Takes it all; `names` are asked for one by one."""
    seen = SeenWorld()
    with closing(sqlite3.connect(places.database, timeout=30)) as database:
        seen.zones = {str(name).lower() for (name,) in database.execute("SELECT name FROM domains")}
        for zone, name, rrtype, comment in database.execute(
            "SELECT lower(d.name), lower(c.name), c.type, c.comment "
            "FROM comments c JOIN domains d ON d.id = c.domain_id"
        ):
            seen.comments.setdefault((zone, name, rrtype), []).append(comment)
    for zone in sorted(seen.zones):
        seen.rrsets += _transferred(zone, places.dns)
    seen.answers = {name: _answer(name, places.dns) for name in names}
    with httpx.Client(timeout=30) as http:
        seen.pool_rows = [row for pool in places.pools for row in _rows(http, places.pdm, pool)]
        seen.certificates = _certificates(http, places)
    return seen


def _transferred(zone: str, server: tuple[str, int]) -> list[HeldRRset]:
    held = dns.zone.Zone(zone, relativize=False)
    dns.query.inbound_xfr(server[0], held, port=server[1], timeout=30, lifetime=60)
    return [
        HeldRRset(
            zone=zone,
            name=name.to_text(omit_final_dot=True).lower(),
            type=dns.rdatatype.to_text(rrset.rdtype),
            ttl=rrset.ttl,
            values=tuple(sorted(record.to_text() for record in rrset)),
        )
        for name, rrset in held.iterate_rdatasets()
        if dns.rdatatype.to_text(rrset.rdtype) not in _SIGNED_BY_ITSELF
    ]


def _answer(name: str, server: tuple[str, int]) -> list[str]:
    addresses: list[str] = []
    for rrtype in ("A", "AAAA"):
        response = dns.query.udp(dns.message.make_query(name, rrtype), server[0], port=server[1], timeout=10)
        wanted = dns.rdatatype.from_text(rrtype)
        addresses += [record.to_text() for rrset in response.answer if rrset.rdtype == wanted for record in rrset]
    return sorted(addresses)


def _rows(http: httpx.Client, url: str, pool: str) -> list[PoolRow]:
    listed = http.get(f"{url}/api/v1/pool/{pool}/list").raise_for_status().json()
    return [
        PoolRow(pool, row["subdomain"], row["state"], row.get("sovereignFQDN", ""), row.get("loadBalancerIP", ""))
        for row in listed["allocations"]
    ]


def _certificates(http: httpx.Client, places: Places) -> dict[str, list[str]]:
    path = f"/apis/cert-manager.io/v1/namespaces/{places.namespace}/certificates"
    headers = {"Authorization": f"Bearer {places.kubernetes_token}"}
    listed: dict[str, Any] = http.get(places.kubernetes + path, headers=headers).raise_for_status().json()
    return {item["metadata"]["name"]: sorted(item["spec"]["dnsNames"]) for item in listed["items"]}

"""Zones as an installation has them after years, with findings of every kind planted among what is right.

Written straight into PowerDNS' database: by its API a zone of 50,000 rrsets would take minutes.
"""

import sqlite3
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import httpx

from benchmarks.sovereigns import PER_SOVEREIGN, names_of
from sovereign_dns.audit_contract import AuditRequest, SourceRead
from sovereign_dns.contract import Comment, Owner
from sovereign_dns.inventory import GoneSovereign, Inventory, OwnedNetwork, PoolRow
from sovereign_dns.rrsets import COMMENT_ACCOUNT, RRsetWrite, owner_comment

POOL = "omani.works"
CHILD_OF_NOBODY = f"released.{POOL}"
CHILD_OF_PDM = f"held.{POOL}"
CHILD_WITH_OTHER_KEYS = f"rekeyed.{POOL}"
NAMESERVER = "ns1.openova.io."
GONE = f"gone.{POOL}"
LANDING_PAGE = "77.42.200.1"
STRANGER = "49.12.16.160"
WRONG_DS = f"54321 13 2 {'cd' * 32}"

Told = tuple[str, str, str]
"""Kind, name and type of a finding."""


@dataclass(frozen=True)
class Row:
    """One rrset to be written as it is, with whatever comment."""

    name: str
    type: str
    values: tuple[str, ...]
    ttl: int = 60
    comments: tuple[Comment, ...] = ()


@dataclass
class Planted:
    """The rows of each zone, what the inventory knows, and what an audit must find."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    expected: list[Told] = field(default_factory=list)
    inventory: Inventory = field(default_factory=Inventory)

    def plant(self, zone: str, kind: str, *rows: Row) -> None:
        """Rows that are wrong."""
        self.rows.setdefault(zone, []).extend(rows)
        self.expected += [(kind, f"{row.name}.", row.type) for row in rows]


def written(name: str, fqdn: str, address: str) -> Row:
    """An A record as the workflow writes it."""
    owner = owner_comment(Owner(sovereign_fqdn=fqdn, deployment_id="d1"))
    sent = RRsetWrite(name=name, type="A", ttl=60, values=[address], comments=[owner]).as_powerdns()
    comments = sent["comments"]
    assert isinstance(comments, list)  # noqa: S101 (what is sent is JSON)
    return Row(name, "A", (address,), comments=tuple(Comment.model_validate(comment) for comment in comments))


def planted(rrsets: int) -> Planted:
    """A pool's zone with so many rrsets and some small ones, and 40 findings in them."""
    zones = Planted()
    zones.rows[POOL] = [row for number in range(rrsets // PER_SOVEREIGN) for row in _sovereign(number)]
    _plant_addresses(zones)
    _plant_leftovers(zones)
    _plant_delegations(zones)
    _plant_drift(zones)
    zones.inventory = Inventory(
        networks=[OwnedNetwork(network="77.42.200.0/24", source="networks", label="landing pages")],
        pools=[POOL],
        pool_rows=[PoolRow(pool=POOL, subdomain="held", state="active", load_balancer_ip="77.42.11.7")],
        gone=[
            GoneSovereign(
                sovereign_fqdn=GONE, workflow_id=f"sovereign/{GONE}", run_id="r1", at=datetime(2026, 5, 15, tzinfo=UTC)
            )
        ],
        sources=[SourceRead(source=source, state="read") for source in ("pdm", "networks", "temporal")],
    )
    return zones


def pool_alone(rrsets: int) -> Planted:
    """The pool's zone of it, without the small ones."""
    zones = planted(rrsets)
    zones.rows = {POOL: zones.rows[POOL]}
    return zones


def _sovereign(number: int) -> Iterable[Row]:
    fqdn = f"s{number}.{POOL}"
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return (written(name, fqdn, address) for name in names_of(fqdn))


def _plant_addresses(zones: Planted) -> None:
    for number in range(10):
        zones.plant(POOL, "orphan", Row(f"old{number}.{POOL}", "A", (f"49.12.16.{number}",)))
    zones.plant(POOL, "orphan", Row(f"*.docs.{POOL}", "A", (STRANGER,)), Row(f"old.{POOL}", "AAAA", ("2a01:4f8::bad",)))
    zones.plant(POOL, "shadowing", Row(f"*.{POOL}", "A", (LANDING_PAGE,)))
    # The incident's: an orphan, and in the way of every name to come.
    zones.plant("omani.homes", "shadowing", Row("*.omani.homes", "A", (STRANGER,)))
    zones.expected.append(("orphan", "*.omani.homes.", "A"))
    zones.rows["omani.homes"].append(written("console.s1.omani.homes", f"s1.{POOL}", "10.0.0.1"))
    # Near misses.
    zones.rows[POOL] += [
        Row(f"www.{POOL}", "A", (LANDING_PAGE,)),
        Row(f"*.pages.{POOL}", "A", (LANDING_PAGE,)),
        Row(f"mail.{POOL}", "A", ("10.0.0.1",)),
        Row(f"text.{POOL}", "TXT", ('"x"',)),
    ]


def _plant_leftovers(zones: Planted) -> None:
    for label in ("console", "auth", "api", "gitea"):
        zones.plant(POOL, "dangling", written(f"{label}.{GONE}", GONE, "10.200.0.1"))
    zones.plant(CHILD_OF_NOBODY, "dangling", Row(CHILD_OF_NOBODY, "A", ("77.42.200.9",)))
    zones.plant(CHILD_OF_NOBODY, "dangling", Row(f"*.{CHILD_OF_NOBODY}", "A", ("77.42.200.9",)))
    zones.plant(POOL, "dangling", Row(CHILD_OF_NOBODY, "NS", (NAMESERVER,)))
    zones.rows[CHILD_OF_PDM] = [Row(f"*.{CHILD_OF_PDM}", "A", ("77.42.11.7",))]
    zones.rows[POOL].append(Row(CHILD_OF_PDM, "NS", (NAMESERVER,)))


def _plant_delegations(zones: Planted) -> None:
    for number in range(4):
        zones.plant(POOL, "dangling", Row(f"nowhere{number}.{POOL}", "NS", (NAMESERVER,)))
    zones.plant(POOL, "dangling", Row(f"nowhere0.{POOL}", "DS", (WRONG_DS,)))
    zones.plant(POOL, "dangling", Row(f"bare0.{POOL}", "DS", (WRONG_DS,)), Row(f"bare1.{POOL}", "DS", (WRONG_DS,)))
    zones.rows[CHILD_WITH_OTHER_KEYS] = []
    owner = owner_comment(Owner(sovereign_fqdn=CHILD_WITH_OTHER_KEYS, deployment_id="d1"))
    zones.rows[POOL].append(Row(CHILD_WITH_OTHER_KEYS, "NS", (NAMESERVER,), comments=(owner,)))
    zones.plant(POOL, "dangling", Row(CHILD_WITH_OTHER_KEYS, "DS", (WRONG_DS,)))
    zones.rows[POOL] += [
        Row(f"elsewhere.{POOL}", "NS", ("ns.stranger.test.",)),
        Row(f"elsewhere.{POOL}", "DS", (WRONG_DS,)),
    ]


def _plant_drift(zones: Planted) -> None:
    for number in range(10):
        fqdn = f"drifted{number}.{POOL}"
        row = written(f"console.{fqdn}", fqdn, "10.201.0.1")
        match number:
            case 0:
                changed = replace(row, ttl=300)
            case 1:
                changed = replace(row, values=(STRANGER,))
            case 2:
                changed = replace(row, values=())
            case _:
                changed = replace(row, values=("10.201.0.1", "77.42.200.2"))
        zones.plant(POOL, "drift", changed)
        zones.rows[POOL].append(written(fqdn, fqdn, "10.201.0.1"))
    unknowing = Comment(content=f"sovereign=s1.{POOL} deployment=d1", account=COMMENT_ACCOUNT)
    zones.rows[POOL].append(Row(f"before-digests.{POOL}", "A", ("10.0.0.1",), comments=(unknowing,)))


def write(zones: Planted, api: httpx.Client, database: Path) -> None:
    """Creates the zones by PowerDNS' API, signed, and puts the rows into its database."""
    connection = sqlite3.connect(database, timeout=30)
    for zone, rows in zones.rows.items():
        body = {"name": f"{zone}.", "kind": "Native", "nameservers": [NAMESERVER], "dnssec": True}
        api.post("/zones", json=body).raise_for_status()
        with connection:
            ((domain,),) = connection.execute("SELECT id FROM domains WHERE name = ?", (zone,))
            connection.executemany(
                "INSERT INTO records (domain_id, name, type, content, ttl, disabled, auth) "
                "VALUES (?, ?, ?, ?, ?, 0, 1)",
                [
                    (domain, row.name, row.type, value.removesuffix("."), row.ttl)
                    for row in rows
                    for value in row.values
                ],
            )
            connection.executemany(
                "INSERT INTO comments (domain_id, name, type, modified_at, account, comment) VALUES (?, ?, ?, ?, ?, ?)",
                [
                    (domain, row.name, row.type, int(time.time()), comment.account, comment.content)
                    for row in rows
                    for comment in row.comments
                ],
            )
    connection.close()


class KnownInventory:
    """An inventory that is told, and not read."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory

    async def read(
        self,
        request: AuditRequest,  # noqa: ARG002 (the reader's signature)
        zones: list[str],  # noqa: ARG002 (the reader's signature)
        *,
        tell_outages: bool = True,  # noqa: ARG002 (the reader's signature)
    ) -> Inventory:
        """As it was told."""
        return self.inventory

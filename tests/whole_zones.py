"""Whether a Sovereign's part of the world is exactly right: its whole zone, PDM's row, its Certificate, the answers."""

from dataclasses import dataclass
from typing import Any

from tests.world import LOAD_BALANCER, World, names_of

NAME_SERVERS = ["ns1.openova.io.", "ns2.openova.io.", "ns3.openova.io."]

Content = tuple[int, list[str], list[str]]
"""An rrset's TTL, its values, and what its comments say, sorted."""

Zone = dict[tuple[str, str], Content]


@dataclass(frozen=True)
class Sovereign:
    """One that has a parent domain for itself.

    Attributes:
        pool: whether PDM hands its name out; the parent's zone is the test's own then, and otherwise the product's.
    """

    label: str
    parent: str
    pool: bool = False

    @property
    def fqdn(self) -> str:
        """Its name."""
        return f"{self.label}.{self.parent}"

    def request(self, world: World, token: str | None = None) -> dict[str, Any]:
        """What to ask for."""
        if not self.pool:
            return world.request(self.fqdn)
        return world.request(
            self.fqdn, pool={"domain": self.parent, "subdomain": self.label, "reservationToken": token}
        )


async def assert_exactly_right(world: World, sovereign: Sovereign, *, pdm_could_write: bool = True) -> None:
    """Nothing is missing, and nothing is there that should not be.

    The wildcard of a pool name is PDM's, or, where PDM could not write it, the product's. PDM may fail at it although
    PowerDNS is up: with SQLite, writes that meet fail each other.
    """
    if sovereign.pool:
        assert await _zone(world, sovereign.parent) == _pool_zone(sovereign)
        child_zone = await _zone(world, sovereign.fqdn)
        wildcard = child_zone.pop((f"*.{sovereign.fqdn}.", "A"))
        assert wildcard in [_ours(sovereign), *([_by_pdm()] if pdm_could_write else [])]
        assert child_zone == _apex(sovereign.fqdn) | _records(sovereign)
        await _assert_active_in_pdm(world, sovereign)
    else:
        assert await _zone(world, sovereign.parent) == _marked_apex(sovereign) | _records(sovereign)
    await _assert_issued_once(world, sovereign)
    assert await world.answers_other_than([LOAD_BALANCER], names_of(sovereign.fqdn)) == {}


async def _zone(world: World, name: str) -> Zone:
    found = await world.zone(name)
    assert found is not None, f"zone {name} is not there"
    assert found["dnssec"], f"zone {name} is not signed"
    return {(rrset["name"], rrset["type"]): _content(rrset) for rrset in found["rrsets"]}


def _content(rrset: dict[str, Any]) -> Content:
    values = [("disabled " if record["disabled"] else "") + record["content"] for record in rrset["records"]]
    # What an owner's comment tells of the values, the values tell themselves.
    comments = [
        f"{comment['account']}: {comment['content'].partition(' written=')[0]}" for comment in rrset["comments"]
    ]
    # A zone's SOA is PowerDNS' own business, and so is its serial.
    return rrset["ttl"], [] if rrset["type"] == "SOA" else sorted(values), sorted(comments)


def _apex(zone: str) -> Zone:
    return {(f"{zone}.", "SOA"): (3600, [], []), (f"{zone}.", "NS"): (3600, NAME_SERVERS, [])}


def _marked_apex(sovereign: Sovereign) -> Zone:
    """Of a zone that was made for the Sovereign, as it says."""
    return _apex(sovereign.parent) | {(f"{sovereign.parent}.", "NS"): (3600, NAME_SERVERS, [_by(sovereign)])}


def _by(sovereign: Sovereign) -> str:
    return f"sovereign-dns: sovereign={sovereign.fqdn} deployment=d1"


def _records(sovereign: Sovereign) -> Zone:
    return {(f"{name}.", "A"): _ours(sovereign) for name in names_of(sovereign.fqdn)}


def _ours(sovereign: Sovereign) -> Content:
    return 60, [LOAD_BALANCER], [_by(sovereign)]


def _pool_zone(sovereign: Sovereign) -> Zone:
    """As the test made it, and PDM's delegation."""
    made = _apex(sovereign.parent) | {(f"{sovereign.parent}.", "NS"): (3600, NAME_SERVERS[:1], [])}
    return made | {(f"{sovereign.fqdn}.", "NS"): (3600, NAME_SERVERS, [])}


def _by_pdm() -> Content:
    return 300, [LOAD_BALANCER], []


async def _assert_active_in_pdm(world: World, sovereign: Sovereign) -> None:
    listed = (await world.pdm.get(f"/api/v1/pool/{sovereign.parent}/list")).json()["allocations"]
    held = [(row["subdomain"], row["state"], row["sovereignFQDN"], row["loadBalancerIP"]) for row in listed]
    assert held == [(sovereign.label, "active", sovereign.fqdn, LOAD_BALANCER)]


async def _assert_issued_once(world: World, sovereign: Sovereign) -> None:
    certificate = await world.certificate(f"ns-{world.unique}", f"{sovereign.fqdn}-wildcard-tls")
    assert certificate is not None, f"{sovereign.fqdn} has no Certificate"
    assert sorted(certificate["spec"]["dnsNames"]) == [f"*.{sovereign.fqdn}", sovereign.fqdn]
    assert [c["status"] for c in certificate["status"]["conditions"] if c["type"] == "Ready"] == ["True"]
    assert (certificate["metadata"]["generation"], certificate["status"]["revision"]) == (1, 1)

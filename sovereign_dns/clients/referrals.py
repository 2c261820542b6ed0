"""The way from the root down to a zone by referrals, label by label (RFC 1034 §5.3.3, RFC 9156), without any cache.

Addresses of name servers are found in the same way and not validated: whoever forges one is found out by the
signatures of what is asked there, as far as the zone is signed. Aliases are never followed.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype

from sovereign_dns.chain_of_trust import name_text
from sovereign_dns.clients.authoritative import Server, Unresolved
from sovereign_dns.clients.inquiry import Inquiry, Useless
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.cut_answers import CutRead, addresses_in, is_authoritative, read_cut, without_authority

MOST_LABELS = 24
MOST_NESTED_RESOLUTIONS = 4
"""How many name servers may be looked up in order to look up another one."""

MOST_NAMES_LOOKED_UP_FOR_A_REFERRAL = 3

_shuffled = random.SystemRandom()


@dataclass(frozen=True)
class KnownZone:
    """A zone on the way down. `servers` are those of its servers that are known without looking up more of them.

    `unreached` says why there is none.
    """

    name: dns.name.Name
    servers: tuple[Server, ...]
    nameservers: tuple[dns.name.Name, ...] = ()
    glue: dict[dns.name.Name, tuple[str, ...]] = field(default_factory=dict)
    unreached: str = ""


@dataclass(frozen=True)
class Path:
    """The zones from the root to the lowest one that was found; `stuck` says why it may not be the lowest there is."""

    zones: tuple[KnownZone, ...]
    stuck: str | None = None

    @property
    def lowest(self) -> KnownZone:
        """The zone that holds the name."""
        return self.zones[-1]


class Referrals:
    """Finds zones and addresses within one inquiry."""

    def __init__(self, inquiry: Inquiry, root: Sequence[Server], port: int) -> None:
        self._inquiry = inquiry
        self._root = KnownZone(dns.name.root, tuple(root))
        self._port = port
        self._cuts: dict[tuple[dns.name.Name, dns.name.Name], KnownZone | None] = {}
        self._addresses: dict[dns.name.Name, tuple[str, ...]] = {}

    async def above(self, name: dns.name.Name) -> Path:
        """The zones above a name, which itself may be the apex of one."""
        return await self._down_to(name.parent(), frozenset())

    async def all_servers(self, zone: KnownZone) -> tuple[list[Server], list[Unresolved]]:
        """Every address of every server of a zone."""
        if zone.name == dns.name.root:
            return list(zone.servers), []
        return await self.servers(zone.nameservers, zone.glue)

    async def servers(
        self, nameservers: Iterable[dns.name.Name], glue: dict[dns.name.Name, tuple[str, ...]]
    ) -> tuple[list[Server], list[Unresolved]]:
        """Every address of some name servers, from the glue or else looked up."""
        hosts = list(nameservers)
        found = await side_by_side(self._servers_at(host, glue) for host in hosts)
        servers = [server for item in found if not isinstance(item, Unresolved) for server in item]
        return list(dict.fromkeys(servers)), [item for item in found if isinstance(item, Unresolved)]

    async def _servers_at(
        self,
        host: dns.name.Name,
        glue: dict[dns.name.Name, tuple[str, ...]],
        under_way: frozenset[dns.name.Name] = frozenset(),
    ) -> list[Server] | Unresolved:
        found = glue.get(host) or await self._addresses_of(host, under_way)
        label = name_text(host)
        if isinstance(found, str):
            return Unresolved(label=label, reason=found)
        return [Server(f"{label} ({address})", address, self._port, label) for address in found]

    async def _addresses_of(self, host: dns.name.Name, under_way: frozenset[dns.name.Name]) -> tuple[str, ...] | str:
        """The addresses of a host, or why there are none. `under_way` are the hosts for whose sake it is looked up."""
        if host in self._addresses:
            return self._addresses[host]
        if host in under_way:
            return f"finding the address of {name_text(host)} needs that address itself"
        if len(under_way) >= MOST_NESTED_RESOLUTIONS or len(host.labels) > MOST_LABELS:
            return f"finding the address of {name_text(host)} needs those of too many others"
        path = await self._down_to(host, under_way | {host})
        if path.stuck is not None:
            return path.stuck
        if not path.lowest.servers:
            return _unreached(path.lowest)
        found = await side_by_side(
            self._inquiry.first(path.lowest.servers, host, kind, lambda response: _read_addresses(response, host))
            for kind in (dns.rdatatype.A, dns.rdatatype.AAAA)
        )
        addresses = tuple(address for item in found if isinstance(item, tuple) for address in item)
        if not addresses:
            return next(
                (item.reason for item in found if isinstance(item, Useless)), "it has neither A nor AAAA records"
            )
        self._addresses[host] = addresses
        return addresses

    async def _down_to(self, name: dns.name.Name, under_way: frozenset[dns.name.Name]) -> Path:
        """The zones from the root to the one that holds a name."""
        zones = [self._root]
        for count in range(2, len(name.labels) + 1):
            child = name.split(count)[1]
            below = await self._cut(zones[-1], child, under_way)
            if isinstance(below, Useless):
                return Path(tuple(zones), stuck=below.reason)
            if below is not None:
                zones.append(below)
        return Path(tuple(zones))

    async def _cut(
        self, zone: KnownZone, child: dns.name.Name, under_way: frozenset[dns.name.Name]
    ) -> KnownZone | Useless | None:
        """The zone at `child`, or None where it belongs to the zone above."""
        if (zone.name, child) in self._cuts:
            return self._cuts[zone.name, child]
        if not zone.servers:
            return Useless(_unreached(zone))
        read = await self._inquiry.first(
            zone.servers, child, dns.rdatatype.NS, lambda response: _usable_cut(response, zone.name, child)
        )
        if isinstance(read, Useless):
            return Useless(f"no server of {name_text(zone.name)} says where {name_text(child)} is ({read.reason})")
        below = await self._zone_at(read, zone, child, under_way)
        if below is None or below.servers:  # having none may be due to what is under way
            self._cuts[zone.name, child] = below
        return below

    async def _zone_at(
        self, read: CutRead, zone: KnownZone, child: dns.name.Name, under_way: frozenset[dns.name.Name]
    ) -> KnownZone | None:
        match read.position:
            case "hosts-zone":
                return KnownZone(child, zone.servers, read.nameservers, read.glue)
            case "delegates":
                servers, unreached = await self._some_servers(read, under_way)
                # Without any the zone is there all the same: it is what the delegation leads to.
                return KnownZone(child, tuple(servers), read.nameservers, read.glue, unreached)
            case _:
                return None

    async def _some_servers(self, read: CutRead, under_way: frozenset[dns.name.Name]) -> tuple[list[Server], str]:
        hosts = list(read.glue) or list(read.nameservers[:MOST_NAMES_LOOKED_UP_FOR_A_REFERRAL])
        found = await side_by_side(self._servers_at(host, read.glue, under_way) for host in hosts)
        servers = [server for item in found if not isinstance(item, Unresolved) for server in item]
        _shuffled.shuffle(servers)
        servers.sort(key=lambda server: ":" in server.address)  # many machines have no route for IPv6
        return servers, next((item.reason for item in found if isinstance(item, Unresolved)), "")


def _unreached(zone: KnownZone) -> str:
    return f"no server of {name_text(zone.name)} has a known address ({zone.unreached})"


def _usable_cut(response: dns.message.Message, zone: dns.name.Name, child: dns.name.Name) -> CutRead | Useless:
    read = read_cut(response, zone, child)
    if read.position in {"lame", "refuses"}:
        return Useless(read.reason)
    return read


def _read_addresses(response: dns.message.Message, host: dns.name.Name) -> tuple[str, ...] | Useless:
    rcode = response.rcode()
    if rcode == dns.rcode.NXDOMAIN and is_authoritative(response):
        return Useless("the name doesn't exist (NXDOMAIN)")
    if rcode != dns.rcode.NOERROR:
        return Useless(f"the server of its zone answers {dns.rcode.to_text(rcode)}")
    if not is_authoritative(response):
        return Useless(f"the server of its zone {without_authority(response)}")
    if any(rrset.rdtype == dns.rdatatype.CNAME for rrset in response.answer):
        return Useless("it is an alias (CNAME), which no name server may be (RFC 2181 §10.3)")
    return addresses_in(response.answer, host)

"""Checks a zone's delegation as a resolver with an empty cache finds it, and the chain of trust that leads to it."""

import ipaddress
from collections.abc import Sequence

import dns.exception
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from sovereign_dns import names
from sovereign_dns.clients.authoritative import PORT, Server, split_host_port
from sovereign_dns.clients.delegation_survey import DelegationSurvey
from sovereign_dns.clients.exchange import ATTEMPT_TIMEOUTS_SECONDS
from sovereign_dns.clients.inquiry import Heard, Inquiry
from sovereign_dns.clients.referrals import Referrals
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.contract import ServerVerdict
from sovereign_dns.cut_answers import read_cut
from sovereign_dns.delegation_verdicts import verdicts
from sovereign_dns.dnssec_arithmetic import DS
from sovereign_dns.root_zone import ROOT_SERVERS, ROOT_TRUST_ANCHORS


class Delegations:
    """Follows delegations from the root by referrals, never from a cache, and validates from a trust anchor."""

    def __init__(
        self,
        root_servers: Sequence[str] = (),
        trust_anchors: Sequence[str] = ROOT_TRUST_ANCHORS,
        port: int = PORT,
        attempt_timeouts: Sequence[float] = ATTEMPT_TIMEOUTS_SECONDS,
    ) -> None:
        """Takes what differs between the Internet and a private network.

        Args:
            root_servers: addresses of the root's servers, `ip[:port]` each; IANA's where none is named.
            trust_anchors: DS records of the root's keys, as text.
            port: where the servers below the root listen, and the root's too where its place names no port.
            attempt_timeouts: how many seconds each attempt to ask a server may take.

        Raises:
            ValueError: a root server's place is no address, or a trust anchor is no DS record.
        """
        self._root = [_server_at(place, port) for place in root_servers] or _iana_servers(port)
        self._anchors = [_ds_from(text) for text in trust_anchors]
        self._port = port
        self._attempt_timeouts = tuple(attempt_timeouts)

    async def check(self, zone: str, expected_nameservers: Sequence[str]) -> list[ServerVerdict]:
        """A verdict for each server of the zone above, and for each of the zone's own servers that is at fault.

        Never raises for what servers do.

        Proved: that every server of the zone above delegates the zone to exactly the name servers expected, that the
        zone's own servers serve it and agree; that glue is there and right; and, where the chain of trust reaches the
        zone above, that its DS names a key of the zone, with which the zone's apex is signed at every server, or that
        there is provably no DS (see `chain_of_trust` for how far such proofs go).
        Not proved: anything below the apex. Where one server serves the zone and the one above it, its answers show
        the zone's own NS set in place of the delegation, and no glue; whether there is a delegation shows then only
        in the denial of a DS, and is taken for granted where there is a DS, or where the zone above is unsigned and
        knows the name.

        Args:
            zone: the zone below the cut; not the root, which has none above it.
            expected_nameservers: the names of the servers that shall answer for it.
        """
        apex = dns.name.from_text(names.absolute(names.relative_to_root(zone)))
        expected = [names.relative_to_root(name.lower()) for name in expected_nameservers]
        async with Inquiry(self._attempt_timeouts) as inquiry:
            referrals = Referrals(inquiry, self._root, self._port)
            seen = await DelegationSurvey(inquiry, referrals, apex.canonicalize(), self._anchors).look(expected)
        return verdicts(seen)

    async def nameservers(self, zone: str) -> list[frozenset[str]]:
        """To which name servers each server of the zone above delegates the zone; those that don't say are left out.

        One that serves the zone too tells its NS set in place of the delegation, and so doesn't say. Quicker than
        `check`, and proves less. An empty set says that there is no delegation.
        """
        apex = dns.name.from_text(names.absolute(names.relative_to_root(zone))).canonicalize()
        async with Inquiry(self._attempt_timeouts) as inquiry:
            referrals = Referrals(inquiry, self._root, self._port)
            parent = (await referrals.above(apex)).lowest
            servers, _ = await referrals.all_servers(parent)
            heard = await side_by_side(inquiry.heard(server, apex, dns.rdatatype.NS) for server in servers)
        said = [read_cut(item.message, parent.name, apex) for item in heard if isinstance(item, Heard)]
        return [
            frozenset(names.relative_to_root(host.to_text().lower()) for host in cut.nameservers)
            for cut in said
            if cut.position not in {"lame", "refuses", "hosts-zone"}
        ]

    async def addresses(self, host: str) -> list[str]:
        """The addresses of a host, as its zone's own servers say; none where they can't be asked."""
        name = dns.name.from_text(names.absolute(host)).canonicalize()
        async with Inquiry(self._attempt_timeouts) as inquiry:
            servers, _ = await Referrals(inquiry, self._root, self._port).servers([name], {})
        return [server.address for server in servers]


def _iana_servers(port: int) -> list[Server]:
    return [
        Server(f"{host} ({address})", address, port, host)
        for host, addresses in ROOT_SERVERS.items()
        for address in addresses
    ]


def _server_at(place: str, port: int) -> Server:
    host, named_port = split_host_port(place)
    names_port = place not in {host, f"[{host}]"}
    return Server(place, str(ipaddress.ip_address(host)), named_port if names_port else port, place)


def _ds_from(text: str) -> DS:
    try:
        record = dns.rdata.from_text(dns.rdataclass.IN, dns.rdatatype.DS, text)
    except (dns.exception.DNSException, ValueError) as error:
        raise ValueError(f"{text[:80]!r} is no DS record (key tag, algorithm, digest type, digest)") from error
    if not isinstance(record, DS):
        raise ValueError(f"{text[:80]!r} is no DS record")  # noqa: TRY004 - it is the text that is wrong
    return record

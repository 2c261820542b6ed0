"""Asks every server on both sides of one zone cut, and notes what each says in the terms of the verdicts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from sovereign_dns import names
from sovereign_dns.chain_of_trust import (
    Broken,
    Insecure,
    Secure,
    Trust,
    ds_of_keys,
    ds_text,
    find_rrset,
    is_entry_point,
    is_supported,
    keys_named_by,
    keys_of,
    signature_problem,
    signatures_of,
)
from sovereign_dns.clients.authoritative import Server, Unresolved
from sovereign_dns.clients.chain_validation import trust_along
from sovereign_dns.clients.inquiry import Heard, Inquiry, Silence
from sovereign_dns.clients.referrals import Referrals
from sovereign_dns.concurrency import side_by_side
from sovereign_dns.cut_answers import (
    MOST_NAMESERVERS,
    DSRead,
    addresses_in,
    hosts_in,
    is_authoritative,
    read_cut,
    read_ds,
    without_authority,
)
from sovereign_dns.delegation_seen import (
    ChainAbove,
    ChildPosition,
    ChildSaid,
    Delegation,
    ParentSaid,
    SignatureFault,
)
from sovereign_dns.dnssec_arithmetic import DNSKEY, DS

_NS, _DS, _SOA, _DNSKEY = dns.rdatatype.NS, dns.rdatatype.DS, dns.rdatatype.SOA, dns.rdatatype.DNSKEY
_ADDRESS_TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)

_SHA256 = 2


@dataclass(frozen=True)
class _Above:
    """What a server of the parent said, with the DS records and the names as they came."""

    said: ParentSaid
    nameservers: tuple[dns.name.Name, ...] = ()
    glue: tuple[tuple[dns.name.Name, tuple[str, ...]], ...] = ()
    ds: tuple[DS, ...] = ()


class DelegationSurvey:
    """One look at one zone's delegation, within one inquiry."""

    def __init__(self, inquiry: Inquiry, referrals: Referrals, zone: dns.name.Name, anchors: Sequence[DS]) -> None:
        self._inquiry = inquiry
        self._referrals = referrals
        self._zone = zone
        self._anchors = anchors

    async def look(self, expected: list[str]) -> Delegation:
        """All that is seen of the delegation, from the root down to the zone's own servers."""
        path = await self._referrals.above(self._zone)
        parent = path.lowest
        servers, unresolved = await self._referrals.all_servers(parent)
        for server in servers:  # under way while the chain of trust is followed
            self._inquiry.ask(server, self._zone, _NS)
            self._inquiry.ask(server, self._zone, _DS)
        trust = await trust_along(self._inquiry, path.zones, self._anchors)
        routable = await self._routable(servers, _NS)
        above = await side_by_side(self._ask_above(server, parent.name, trust) for server in routable)
        return Delegation(
            zone=_plain(self._zone),
            parent=_plain(parent.name),
            expected=expected,
            above=_chain_above(trust),
            parents=[
                *(item.said for item in above),
                *(ParentSaid(server=item.label, position="nowhere", reason=item.reason) for item in unresolved),
            ],
            children=await self._ask_below(above, trust),
        )

    async def _routable(self, servers: Sequence[Server], kind: dns.rdatatype.RdataType) -> list[Server]:
        """Less the addresses that this machine has no route to (IPv6, mostly), where the name server has others."""
        heard = await side_by_side(self._inquiry.heard(server, self._zone, kind) for server in servers)
        lost = {
            server
            for server, response in zip(servers, heard, strict=True)
            if isinstance(response, Silence) and response.unroutable
        }
        reached = {server.name_server for server in servers if server not in lost}
        return [server for server in servers if server not in lost or server.name_server not in reached]

    async def _ask_above(self, server: Server, parent: dns.name.Name, trust: Trust) -> _Above:
        ns, ds = await side_by_side(self._inquiry.heard(server, self._zone, kind) for kind in (_NS, _DS))
        if isinstance(ns, Silence):
            return _Above(ParentSaid(server=server.label, position="silent", reason=ns.reason))
        cut = read_cut(ns.message, parent, self._zone)
        found = DSRead(silence=ds.reason) if isinstance(ds, Silence) else read_ds(ds.message, parent, self._zone, trust)
        said = ParentSaid(
            server=server.label,
            position=cut.position,
            reason=cut.reason,
            nameservers=[_plain(host) for host in cut.nameservers],
            glue={_plain(host): list(addresses) for host, addresses in cut.glue.items()},
            ds=[ds_text(record) for record in found.records],
            ds_silence=found.silence,
            ds_problem=found.problem,
            ds_unsupported=found.unsupported,
            delegation_denied=found.denied,
            ttl=cut.ttl,
            latency_ms=ns.latency_ms,
            asked_at=ns.asked_at,
        )
        trusted = found.records if found.problem is None else ()
        return _Above(said, cut.nameservers, tuple(cut.glue.items()), trusted)

    async def _ask_below(self, above: Sequence[_Above], trust: Trust) -> list[ChildSaid]:
        hosts = list(dict.fromkeys(host for item in above for host in item.nameservers))[:MOST_NAMESERVERS]
        glue = {host: addresses for item in reversed(above) for host, addresses in item.glue}
        servers, unresolved = await self._referrals.servers(hosts, glue)
        within = [host for host in hosts if host.is_subdomain(self._zone)]
        for server in servers:
            for kind in (_SOA, _NS, _DNSKEY):
                self._inquiry.ask(server, self._zone, kind)
        # Without a chain of trust no validator looks at the zone's signatures, and neither do we.
        ds = {record for item in above for record in item.ds} if isinstance(trust, Secure) else set()
        routable = await self._routable(servers, _SOA)
        said = await side_by_side(self._ask_child(server, ds, within) for server in routable)
        return [*said, *(_nowhere(item) for item in unresolved)]

    async def _ask_child(self, server: Server, ds: Iterable[DS], within: Sequence[dns.name.Name]) -> ChildSaid:
        heard = await side_by_side(self._inquiry.heard(server, self._zone, kind) for kind in (_SOA, _NS, _DNSKEY))
        responses = [response for response in heard if isinstance(response, Heard)]
        silence = next((response for response in heard if isinstance(response, Silence)), None)
        if silence is not None:
            return _useless(server, "silent", silence.reason)
        soa, ns, dnskey = responses
        for response, kind in ((soa, _SOA), (ns, _NS), (dnskey, None)):
            if (useless := _not_serving(server, response.message, self._zone, kind)) is not None:
                return useless
        apex = _Apex(self._zone, soa.message, ns.message, dnskey.message)
        return ChildSaid(
            server=server.label,
            name_server=server.name_server,
            position="answers",
            nameservers=[_plain(host) for host in apex.nameservers],
            key_ds=[ds_text(record) for record in ds_of_keys(self._zone, apex.keys)],
            advised_ds=_advised_ds(self._zone, apex.keys),
            signature_faults=apex.signature_faults(ds),
            addresses=await self._addresses_within(server, within),
            latency_ms=soa.latency_ms,
            asked_at=soa.asked_at,
        )

    async def _addresses_within(self, server: Server, hosts: Sequence[dns.name.Name]) -> dict[str, list[str]]:
        """What a server says of the addresses of name servers that lie within the zone, where it says so for sure."""
        found = await side_by_side(self._addresses_at(server, host) for host in hosts)
        return {_plain(host): item for host, item in zip(hosts, found, strict=True) if item is not None}

    async def _addresses_at(self, server: Server, host: dns.name.Name) -> list[str] | None:
        heard = await side_by_side(self._inquiry.heard(server, host, kind) for kind in _ADDRESS_TYPES)
        if not all(isinstance(item, Heard) and is_authoritative(item.message) for item in heard):
            return None
        sections = [rrset for item in heard if isinstance(item, Heard) for rrset in item.message.answer]
        return list(addresses_in(sections, host))


class _Apex:
    """What one server serves at the zone's apex."""

    def __init__(
        self, zone: dns.name.Name, soa: dns.message.Message, ns: dns.message.Message, dnskey: dns.message.Message
    ) -> None:
        self._zone = zone
        self._responses = {_DNSKEY: dnskey, _SOA: soa, _NS: ns}
        keys, nameservers = self._rrset(_DNSKEY), self._rrset(_NS)
        self.keys = keys_of(keys) if keys is not None else []
        self.nameservers = hosts_in(nameservers) if nameservers is not None else ()

    def signature_faults(self, ds: Iterable[DS]) -> list[SignatureFault]:
        """What doesn't validate, with the keys that the DS records name (RFC 4035 §5); nothing where they name none."""
        named = keys_named_by(self._zone, [record for record in ds if is_supported(record)], self.keys)
        if not named:
            return []
        signers: dict[dns.rdatatype.RdataType, list[DNSKEY]] = {_DNSKEY: named, _SOA: self.keys, _NS: self.keys}
        problems = {kind: self._problem(kind, keys) for kind, keys in signers.items()}
        return [
            SignatureFault(type=dns.rdatatype.to_text(kind), problem=problem)
            for kind, problem in problems.items()
            if problem is not None
        ]

    def _problem(self, kind: dns.rdatatype.RdataType, keys: Iterable[DNSKEY]) -> str | None:
        rrset = self._rrset(kind)
        if rrset is None:
            return None
        return signature_problem(rrset, signatures_of(self._responses[kind].answer, rrset), self._zone, keys)

    def _rrset(self, kind: dns.rdatatype.RdataType) -> dns.rrset.RRset | None:
        return find_rrset(self._responses[kind].answer, self._zone, kind)


def _not_serving(
    server: Server, response: dns.message.Message, zone: dns.name.Name, wanted: dns.rdatatype.RdataType | None
) -> ChildSaid | None:
    """What a server says that doesn't serve the zone; None where it does, as far as this response shows."""
    rcode = response.rcode()
    if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        return _useless(server, "refuses", f"answers {dns.rcode.to_text(rcode)}")
    if not is_authoritative(response):
        return _useless(server, "lame", without_authority(response))
    if rcode == dns.rcode.NXDOMAIN:
        return _useless(server, "lame", "says that the name doesn't exist (NXDOMAIN)")
    if wanted is not None and find_rrset(response.answer, zone, wanted) is None:
        return _useless(server, "lame", f"has no {dns.rdatatype.to_text(wanted)} record for it")
    return None


def _useless(server: Server, position: ChildPosition, reason: str) -> ChildSaid:
    return ChildSaid(server=server.label, name_server=server.name_server, position=position, reason=reason)


def _nowhere(item: Unresolved) -> ChildSaid:
    return ChildSaid(server=item.label, name_server=item.label, position="nowhere", reason=item.reason)


def _advised_ds(zone: dns.name.Name, keys: Sequence[DNSKEY]) -> str:
    """The DS that the parent should hold: of a key signing key, with digest SHA-256 (RFC 8624 §3.3)."""
    entry_points = [key for key in keys if is_entry_point(key)] or list(keys)
    advised = [record for record in ds_of_keys(zone, entry_points) if record.digest_type == _SHA256]
    return ds_text(advised[0]) if advised else ""


def _chain_above(trust: Trust) -> ChainAbove:
    match trust:
        case Secure():
            return ChainAbove(state="secure")
        case Insecure(reason=reason):
            return ChainAbove(state="insecure", reason=reason)
        case Broken(reason=reason):
            return ChainAbove(state="broken", reason=reason)


def _plain(name: dns.name.Name) -> str:
    """Lower case, without the trailing dot; empty for the root."""
    return names.relative_to_root(name.to_text().lower())

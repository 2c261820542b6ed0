"""What responses about a zone cut say: the questions for NS and DS at the parent, SOA, NS and DNSKEY below. No I/O."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rdtypes.ANY.NS
import dns.rrset

from sovereign_dns.chain_of_trust import (
    Insecure,
    Secure,
    Trust,
    ds_denial,
    find_rrset,
    is_supported,
    name_text,
    signature_problem,
    signatures_of,
)
from sovereign_dns.delegation_seen import ParentPosition
from sovereign_dns.dnssec_arithmetic import DS

MOST_NAMESERVERS = 16
"""Referrals with many name servers that have to be looked up are an attack ("NXNS", CVE-2020-12662)."""

MOST_ADDRESSES = 6

_ADDRESS_TYPES = (dns.rdatatype.A, dns.rdatatype.AAAA)


@dataclass(frozen=True)
class CutRead:
    """A response to the question for NS at a name below a zone. Glue is what lies within that zone.

    `ttl` is how many seconds a resolver may keep what it says, which may be that there is nothing (RFC 2308 §5).
    """

    position: ParentPosition
    reason: str = ""
    nameservers: tuple[dns.name.Name, ...] = ()
    glue: dict[dns.name.Name, tuple[str, ...]] = field(default_factory=dict)
    ttl: int | None = None


@dataclass(frozen=True)
class DSRead:
    """A response to the question for DS, read with the trust in the zone that it comes from.

    Without `silence` and `problem` it holds: the records, or that there are none; `denied` where nothing is delegated.
    """

    records: tuple[DS, ...] = ()
    denied: bool = False
    silence: str | None = None
    problem: str | None = None

    @property
    def unsupported(self) -> bool:
        """Whether there are records, and none has an algorithm that is known here."""
        return bool(self.records) and not any(is_supported(record) for record in self.records)


def read_cut(response: dns.message.Message, zone: dns.name.Name, name: dns.name.Name) -> CutRead:
    """What a server of `zone` says of a delegation of `name`, whatever the shape of its response."""
    rcode = response.rcode()
    if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        return CutRead("refuses", reason=dns.rcode.to_text(rcode))
    if (referral := find_rrset(response.authority, name, dns.rdatatype.NS)) is not None and not response.answer:
        return _with_servers("delegates", referral, response, zone)
    if not is_authoritative(response):
        return CutRead("lame", reason=without_authority(response))
    if (own := find_rrset(response.answer, name, dns.rdatatype.NS)) is not None:
        return _with_servers("hosts-zone", own, response, zone)
    if aliases := [r for r in response.answer if r.rdtype in {dns.rdatatype.CNAME, dns.rdatatype.DNAME}]:
        kind, owner = dns.rdatatype.to_text(aliases[0].rdtype), name_text(aliases[0].name)
        return CutRead("alias", reason=f"{kind} at {owner}")
    if (denier := _denier(response)) is not None and not denier.is_subdomain(zone):
        return CutRead("lame", reason=f"answers in the name of {name_text(denier)}, a zone further up")
    return CutRead("nxdomain" if rcode == dns.rcode.NXDOMAIN else "no-data", ttl=_negative_ttl(response))


def read_ds(response: dns.message.Message, zone: dns.name.Name, name: dns.name.Name, trust: Trust) -> DSRead:
    """What a server of `zone` says of the DS of `name`; validated where the zone is secure."""
    rcode = response.rcode()
    if rcode not in {dns.rcode.NOERROR, dns.rcode.NXDOMAIN}:
        return DSRead(silence=f"answers {dns.rcode.to_text(rcode)}")
    if not is_authoritative(response):
        return DSRead(silence=without_authority(response))
    found = find_rrset(response.answer, name, dns.rdatatype.DS)
    if found is not None:
        records = tuple(item for item in found if isinstance(item, DS))
        problem = _unsigned(found, response, zone, trust)
        return DSRead(records=records, problem=f"shows a DS that {problem}" if problem else None)
    if (denier := _denier(response)) is not None and (denier == name or not denier.is_subdomain(zone)):
        return DSRead(silence=f"answers in the name of {name_text(denier)} instead of {name_text(zone)}")
    nonexistent = rcode == dns.rcode.NXDOMAIN
    if not isinstance(trust, Secure):
        return DSRead(denied=nonexistent)
    denial = ds_denial(response, zone, name, trust.keys)
    if isinstance(denial, str):
        return DSRead(problem=f"says that there is none, which {denial}")
    return DSRead(denied=nonexistent or denial.delegated is False)


def _unsigned(found: dns.rrset.RRset, response: dns.message.Message, zone: dns.name.Name, trust: Trust) -> str | None:
    if not isinstance(trust, Secure):
        return None
    return signature_problem(found, signatures_of(response.answer, found), zone, trust.keys)


def trust_below(read: DSRead, zone: dns.name.Name, name: dns.name.Name) -> Insecure | None:
    """That the zone at `name` is unsigned to a validator, if the DS answer of the zone above says so."""
    if read.unsupported:
        return Insecure(f"no DS of {name_text(name)} has an algorithm that is known here")
    return None if read.records else Insecure(f"{name_text(zone)} has no DS for {name_text(name)}")


def is_authoritative(response: dns.message.Message) -> bool:
    """Whether the AA flag is set."""
    return bool(response.flags & dns.flags.AA)


def without_authority(response: dns.message.Message) -> str:
    """What a server says that doesn't serve the zone that it was asked for."""
    referral = next((rrset for rrset in response.authority if rrset.rdtype == dns.rdatatype.NS), None)
    if referral is not None and not response.answer:
        return f"refers to the name servers of {name_text(referral.name)} instead of answering"
    return "answers without authority (AA not set)"


def addresses_in(section: Iterable[dns.rrset.RRset], host: dns.name.Name) -> tuple[str, ...]:
    """The A and AAAA records of a host."""
    rrsets = list(section)
    found = (find_rrset(rrsets, host, kind) for kind in _ADDRESS_TYPES)
    return tuple(item.to_text() for rrset in found if rrset is not None for item in rrset)[:MOST_ADDRESSES]


def hosts_in(rrset: dns.rrset.RRset) -> tuple[dns.name.Name, ...]:
    """The name servers that an NS rrset names."""
    return tuple(item.target.canonicalize() for item in rrset if isinstance(item, dns.rdtypes.ANY.NS.NS))[
        :MOST_NAMESERVERS
    ]


def _with_servers(
    position: ParentPosition, rrset: dns.rrset.RRset, response: dns.message.Message, zone: dns.name.Name
) -> CutRead:
    hosts = hosts_in(rrset)
    # Of what lies outside its zone a server knows no more than we do, and may say anything (RFC 2181 §5.4.1).
    found = {host: addresses_in(response.additional, host) for host in hosts if host.is_subdomain(zone)}
    return CutRead(
        position,
        nameservers=hosts,
        glue={host: addresses for host, addresses in found.items() if addresses},
        ttl=rrset.ttl,
    )


def _negative_ttl(response: dns.message.Message) -> int | None:
    soa = next((rrset for rrset in response.authority if rrset.rdtype == dns.rdatatype.SOA), None)
    return None if soa is None else min(int(soa.ttl), int(soa[0].minimum))


def _denier(response: dns.message.Message) -> dns.name.Name | None:
    """The zone in whose name a denial is given: the owner of its SOA (RFC 2308 §2)."""
    return next((rrset.name for rrset in response.authority if rrset.rdtype == dns.rdatatype.SOA), None)

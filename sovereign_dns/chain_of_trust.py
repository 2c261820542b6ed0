"""DNSSEC: whether a zone's keys are vouched for from above, and whether what it says is signed by them. No I/O.

Proved (RFC 4035 §5): that an rrset was signed by a key of the zone, that one of these keys is named by a DS record,
and that a DS record doesn't exist (the NSEC or NSEC3 record at the very name, or one that covers it).
Not proved: of a denial by NSEC3, the closest encloser (RFC 5155 §8.3); of any denial, that no wildcard could have
answered instead (neither a DS nor an NS record may be one). Keys and signatures beyond a bound are passed over, as
validators do since "KeyTrap" (CVE-2023-50387).
"""

import base64
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import dns.dnssectypes
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.NSEC
import dns.rdtypes.ANY.NSEC3
import dns.rrset

from sovereign_dns import dnssec_arithmetic
from sovereign_dns.dnssec_arithmetic import DNSKEY, DS, RRSIG

MOST_KEYS = 12
MOST_SIGNATURES = 8
MOST_KEY_OCTETS = 2048
MOST_NSEC3_ITERATIONS = 150
"""Beyond which validators treat the zone as unsigned (RFC 9276 §3.2)."""

_DIGESTS = (
    dns.dnssectypes.DSDigest.SHA1,
    dns.dnssectypes.DSDigest.SHA256,
    dns.dnssectypes.DSDigest.SHA384,
)
_ZONE_KEY = 0x100
_SECURE_ENTRY_POINT = 1
_REVOKED = 0x80
_OPT_OUT = 1

_NSEC = dns.rdtypes.ANY.NSEC.NSEC
_NSEC3 = dns.rdtypes.ANY.NSEC3.NSEC3


@dataclass(frozen=True)
class Secure:
    """The zone's keys, which a chain of DS records vouches for."""

    keys: tuple[DNSKEY, ...]


@dataclass(frozen=True)
class Insecure:
    """Nothing vouches for the zone, and nothing needs to: a zone above has no DS for it, or is unsigned itself."""

    reason: str


@dataclass(frozen=True)
class Broken:
    """A validating resolver answers SERVFAIL for the zone and for all below it."""

    reason: str


Trust = Secure | Insecure | Broken


@dataclass(frozen=True)
class NoDS:
    """A proof that the parent holds no DS. `delegated`: whether it shows NS records at the name; None if it can't."""

    delegated: bool | None


def find_rrset(
    section: Iterable[dns.rrset.RRset], name: dns.name.Name, kind: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    """The rrset of this name and type, if it is there."""
    return next(
        (r for r in section if r.name == name and r.rdtype == kind and r.rdclass == dns.rdataclass.IN and not r.covers),
        None,
    )


def signatures_of(section: Iterable[dns.rrset.RRset], rrset: dns.rrset.RRset) -> list[RRSIG]:
    """The signatures that came with an rrset."""
    return [
        item
        for found in section
        if found.rdtype == dns.rdatatype.RRSIG and found.name == rrset.name and found.covers == rrset.rdtype
        for item in found
        if isinstance(item, RRSIG)
    ]


def signature_problem(
    rrset: dns.rrset.RRset,
    signatures: Iterable[RRSIG],
    zone: dns.name.Name,
    keys: Iterable[DNSKEY],
    now: float | None = None,
) -> str | None:
    """Why none of the signatures proves that the zone's keys signed the rrset; None where one does (RFC 4035 §5.3)."""
    moment = time.time() if now is None else now
    candidates = [item for item in signatures if item.signer == zone and item.labels == _labels(rrset.name)]
    if not candidates:
        return "has no signature (RRSIG) of the zone's"
    usable = _usable(keys)
    problems = [_problem(rrset, item, zone, usable, moment) for item in candidates[:MOST_SIGNATURES]]
    if None in problems:
        return None
    # The one that says most: an expired signature by a known key before one by a key that isn't there.
    return min((problem for problem in problems if problem is not None), key=lambda problem: problem.weight).text


@dataclass(frozen=True)
class _Problem:
    text: str
    weight: int


def _problem(
    rrset: dns.rrset.RRset, signature: RRSIG, zone: dns.name.Name, keys: list[DNSKEY], now: float
) -> _Problem | None:
    tag = signature.key_tag
    mine = [key for key in keys if dnssec_arithmetic.key_tag(key) == tag and key.algorithm == signature.algorithm]
    if not mine:
        return _Problem(f"is signed by key {tag}, which is not among the zone's trusted keys", 3)
    if signature.expiration < now:
        return _Problem(f"has a signature by key {tag} that expired at {_moment(signature.expiration)}", 0)
    if signature.inception > now:
        return _Problem(f"has a signature by key {tag} that is valid only from {_moment(signature.inception)} on", 1)
    if not dnssec_arithmetic.fits(rrset, signature, zone, mine, now):
        return _Problem(f"has a signature by key {tag} that doesn't fit what it signs", 2)
    return None


def _usable(keys: Iterable[DNSKEY]) -> list[DNSKEY]:
    return [key for key in keys if len(key.key) <= MOST_KEY_OCTETS][:MOST_KEYS]


def _labels(name: dns.name.Name) -> int:
    """As RRSIG records count them (RFC 4034 §3.1.3); a signature that counts less is of a wildcard's expansion."""
    return len(name.labels) - 1 - (1 if name.is_wild() else 0)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def ds_of_keys(zone: dns.name.Name, keys: Iterable[DNSKEY]) -> list[DS]:
    """The DS record of each key in each digest: those that a parent may hold."""
    made: list[DS] = []
    for key in _usable(keys):
        if not key.flags & _REVOKED and key.flags & _ZONE_KEY:
            made += [dnssec_arithmetic.make_ds(zone, key, digest) for digest in _DIGESTS]
    return made


def ds_text(ds: dns.rdata.Rdata) -> str:
    """A DS record in the one spelling in which equal ones are equal."""
    tag, algorithm, digest_type, *digest = ds.to_text().split()
    return f"{tag} {algorithm} {digest_type} {''.join(digest).lower()}"


def is_supported(ds: DS) -> bool:
    """Whether this validator knows the algorithm and the digest; a zone with no such DS is unsigned to it."""
    return dnssec_arithmetic.knows_algorithm(ds.algorithm) and ds.digest_type in _DIGESTS


def trust_from_ds(
    zone: dns.name.Name,
    ds_records: Iterable[DS],
    dnskey: dns.rrset.RRset | None,
    signatures: Iterable[RRSIG],
    now: float | None = None,
) -> Trust:
    """What becomes of a zone whose DS records are trusted, given its DNSKEY rrset (RFC 4035 §5.2)."""
    shown = name_text(zone)
    supported = [ds for ds in ds_records if is_supported(ds)]
    if not supported:
        return Insecure(f"no DS of {shown} has an algorithm that is known here")
    if dnskey is None:
        return Broken(f"{shown} shows no DNSKEY, though a DS in its parent says that it is signed")
    keys = keys_of(dnskey)
    named = keys_named_by(zone, supported, keys)
    if not named:
        tags = ", ".join(str(tag) for tag in sorted({ds.key_tag for ds in supported}))
        return Broken(f"the DS (key tag {tags}) matches no key of {shown}")
    problem = signature_problem(dnskey, signatures, zone, named, now)
    if problem is not None:
        return Broken(f"the DNSKEY rrset of {shown} {problem}")
    return Secure(tuple(keys))


def keys_of(dnskey: dns.rrset.RRset) -> list[DNSKEY]:
    """The keys of a DNSKEY rrset that may sign a zone's data."""
    return _usable(item for item in dnskey if isinstance(item, DNSKEY))


def keys_named_by(zone: dns.name.Name, ds_records: Iterable[DS], keys: Iterable[DNSKEY]) -> list[DNSKEY]:
    """The keys for which there is a DS record."""
    named = {ds_text(ds) for ds in ds_records}
    return [key for key in keys if named & {ds_text(ds) for ds in ds_of_keys(zone, [key])}]


def is_entry_point(key: DNSKEY) -> bool:
    """Whether the zone marks the key as one for which its parent shall hold a DS (RFC 4034 §2.1.1)."""
    return bool(key.flags & _SECURE_ENTRY_POINT)


def ds_denial(
    response: dns.message.Message,
    zone: dns.name.Name,
    name: dns.name.Name,
    keys: Iterable[DNSKEY],
    now: float | None = None,
) -> NoDS | str:
    """The proof that a secure zone holds no DS at a name below it, or why there is none."""
    trusted = list(keys)
    problem = "comes without a proof (NSEC or NSEC3)"
    for rrset in response.authority:
        if rrset.rdtype not in {dns.rdatatype.NSEC, dns.rdatatype.NSEC3}:
            continue
        found = _no_ds_by(rrset, zone, name)
        if found is None:
            continue
        unsigned = signature_problem(rrset, signatures_of(response.authority, rrset), zone, trusted, now)
        if unsigned is None:
            return found
        problem = f"rests on an {dns.rdatatype.to_text(rrset.rdtype)} record that {unsigned}"
    return problem


def _no_ds_by(rrset: dns.rrset.RRset, zone: dns.name.Name, name: dns.name.Name) -> NoDS | None:
    for item in rrset:
        if isinstance(item, _NSEC):
            found = _no_ds_by_nsec(rrset.name, item, zone, name)
        elif isinstance(item, _NSEC3):
            found = _no_ds_by_nsec3(rrset.name, item, zone, name)
        else:
            found = None
        if found is not None:
            return found
    return None


def _no_ds_by_nsec(owner: dns.name.Name, item: _NSEC, zone: dns.name.Name, name: dns.name.Name) -> NoDS | None:
    types = set(_types(item.windows))
    if owner == name:
        return _at_the_name(types)
    if not owner.is_subdomain(zone) or not _covers(owner, name, item.next, zone):
        return None
    # A record from above another cut, or above a DNAME, says nothing of what lies below it (RFC 6840 §4.1).
    is_cut = dns.rdatatype.NS in types and dns.rdatatype.SOA not in types
    if name.is_subdomain(owner) and (is_cut or dns.rdatatype.DNAME in types):
        return None
    return NoDS(delegated=False)


def _no_ds_by_nsec3(owner: dns.name.Name, item: _NSEC3, zone: dns.name.Name, name: dns.name.Name) -> NoDS | None:
    if owner == dns.name.root or owner.parent() != zone:
        return None
    if item.iterations > MOST_NSEC3_ITERATIONS:
        return NoDS(delegated=None)
    try:
        hashed = dnssec_arithmetic.nsec3_hash(name, item.salt, item.iterations, item.algorithm)
    except ValueError:
        return None
    here = owner.labels[0].decode("ascii", "replace").lower()
    if here == hashed:
        return _at_the_name(set(_types(item.windows)))
    following = base64.b32hexencode(item.next).decode().lower()
    between = here < hashed < following if here < following else hashed > here or hashed < following
    if not between:
        return None
    return NoDS(delegated=None if item.flags & _OPT_OUT else False)


def _at_the_name(types: set[int]) -> NoDS | None:
    """From the parent's side of the cut, which is the one without a SOA (RFC 4035 §5.4)."""
    if dns.rdatatype.DS in types or dns.rdatatype.SOA in types:
        return None
    return NoDS(delegated=dns.rdatatype.NS in types)


def _covers(owner: dns.name.Name, name: dns.name.Name, following: dns.name.Name, zone: dns.name.Name) -> bool:
    """In the order of RFC 4034 §6.1; the last record of a zone points back to its apex."""
    return bool(owner < name and (name < following or following == zone))


def _types(windows: Iterable[tuple[int, bytes]]) -> Iterator[int]:
    for window, bitmap in windows:
        for position, octet in enumerate(bitmap):
            for bit in range(8):
                if octet & (0x80 >> bit):
                    yield window * 256 + position * 8 + bit


def name_text(name: dns.name.Name) -> str:
    """As a person reads it: without the trailing dot, and the root by its name."""
    return "the root" if name == dns.name.root else name.to_text(omit_final_dot=True).lower()

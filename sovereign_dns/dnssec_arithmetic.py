"""What of DNSSEC is computed: key tags, digests, hashes and signatures.

`dns.dnssec` and the library `cryptography` that it brings along are imported by whoever computes first: they take
9 MB, which a worker that has checked no delegation has no use for.
"""

import struct

import dns.exception
import dns.name
import dns.rdtypes.ANY.DNSKEY
import dns.rdtypes.ANY.DS
import dns.rdtypes.ANY.RRSIG
import dns.rrset
from dns.dnssectypes import DSDigest

DNSKEY = dns.rdtypes.ANY.DNSKEY.DNSKEY
DS = dns.rdtypes.ANY.DS.DS
RRSIG = dns.rdtypes.ANY.RRSIG.RRSIG


def knows_algorithm(number: int) -> bool:
    """Whether signatures of this algorithm can be checked here."""
    import dns.dnssecalgs  # noqa: PLC0415

    try:
        dns.dnssecalgs.get_algorithm_cls(number)
    except (dns.exception.DNSException, ValueError):
        return False
    return True


def key_tag(key: DNSKEY) -> int:
    """By which records name the key (RFC 4034 appendix B)."""
    import dns.dnssec  # noqa: PLC0415

    return dns.dnssec.key_id(key)


def make_ds(zone: dns.name.Name, key: DNSKEY, digest: DSDigest) -> DS:
    """The DS record that names a key of the zone."""
    import dns.dnssec  # noqa: PLC0415

    return dns.dnssec.make_ds(zone, key, digest, policy=dns.dnssec.allow_all_policy)


def fits(rrset: dns.rrset.RRset, signature: RRSIG, zone: dns.name.Name, keys: list[DNSKEY], now: float) -> bool:
    """Whether one of the keys has made the signature, and of just this rrset."""
    import dns.dnssec  # noqa: PLC0415
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415

    try:
        dns.dnssec.validate_rrsig(rrset, signature, {zone: dns.rrset.from_rdata_list(zone, 0, keys)}, now=now)
    except (dns.exception.DNSException, UnsupportedAlgorithm, ValueError, ArithmeticError, struct.error):
        return False
    return True


def nsec3_hash(name: dns.name.Name, salt: bytes, iterations: int, algorithm: int) -> str:
    """The hash of a name in base32, as owners of NSEC3 records spell it.

    Raises:
        ValueError: the algorithm is not known.
    """
    import dns.dnssec  # noqa: PLC0415

    return dns.dnssec.nsec3_hash(name, salt, iterations, algorithm).lower()

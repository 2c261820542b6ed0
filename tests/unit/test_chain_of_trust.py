"""DNSSEC validation over zones that are signed here: what counts as proof, and what doesn't."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import dns.dnssec
import dns.dnssectypes
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rdtypes.ANY.DNSKEY
import dns.rdtypes.ANY.RRSIG
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from sovereign_dns.chain_of_trust import (
    Broken,
    Insecure,
    NoDS,
    Secure,
    ds_denial,
    ds_of_keys,
    ds_text,
    is_supported,
    signature_problem,
    signatures_of,
    trust_from_ds,
)
from sovereign_dns.dnssec_arithmetic import DS

ZONE = dns.name.from_text("omani.test.")
CHILD = dns.name.from_text("t1.omani.test.")
NOW = 1_800_000_000
DAY = 86_400
NSEC3_HASH = dns.dnssec.nsec3_hash(CHILD, None, 0, "SHA1").lower()


@dataclass
class Signer:
    """A zone's key, and what it signs."""

    zone: dns.name.Name = ZONE
    private: ed25519.Ed25519PrivateKey = field(default_factory=ed25519.Ed25519PrivateKey.generate)

    @property
    def key(self) -> dns.rdtypes.ANY.DNSKEY.DNSKEY:
        algorithm = dns.dnssectypes.Algorithm.ED25519
        return dns.dnssec.make_dnskey(self.private.public_key(), algorithm, flags=257)

    @property
    def dnskey(self) -> dns.rrset.RRset:
        return dns.rrset.from_rdata(self.zone, 60, self.key)

    @property
    def ds(self) -> list[DS]:
        return ds_of_keys(self.zone, [self.key])

    def sign(
        self, rrset: dns.rrset.RRset, *, since: int = NOW - DAY, until: int = NOW + DAY
    ) -> dns.rdtypes.ANY.RRSIG.RRSIG:
        return dns.dnssec.sign(rrset, self.private, self.zone, self.key, inception=since, expiration=until)


def records(name: str, rrtype: str, *values: str) -> dns.rrset.RRset:
    return dns.rrset.from_text(name, 60, "IN", rrtype, *values)


def problem(rrset: dns.rrset.RRset, signatures: Sequence[dns.rdtypes.ANY.RRSIG.RRSIG], signer: Signer) -> str:
    found = signature_problem(rrset, signatures, ZONE, [signer.key], NOW)
    assert found is not None
    return found


@pytest.fixture
def signer() -> Signer:
    return Signer()


class TestSignatures:
    def test_right(self, signer: Signer) -> None:
        ns = records("omani.test.", "NS", "ns1.omani.test.")
        assert signature_problem(ns, [signer.sign(ns)], ZONE, [signer.key], NOW) is None

    def test_one_right_one_is_enough(self, signer: Signer) -> None:
        ns = records("omani.test.", "NS", "ns1.omani.test.")
        signatures = [signer.sign(ns, until=NOW - 1), Signer().sign(ns), signer.sign(ns)]
        assert signature_problem(ns, signatures, ZONE, [signer.key], NOW) is None

    def test_none(self, signer: Signer) -> None:
        assert "no signature" in problem(records("omani.test.", "NS", "ns1.omani.test."), [], signer)

    def test_of_something_else(self, signer: Signer) -> None:
        signature = signer.sign(records("omani.test.", "NS", "ns1.omani.test."))
        assert "doesn't fit" in problem(records("omani.test.", "NS", "ns1.stranger.test."), [signature], signer)

    def test_expired(self, signer: Signer) -> None:
        ns = records("omani.test.", "NS", "ns1.omani.test.")
        assert "expired at 2027-01-15" in problem(ns, [signer.sign(ns, until=NOW - 1)], signer)

    def test_not_yet_valid(self, signer: Signer) -> None:
        ns = records("omani.test.", "NS", "ns1.omani.test.")
        assert "only from 2027-01-15" in problem(ns, [signer.sign(ns, since=NOW + 60)], signer)

    def test_by_a_key_that_is_not_trusted(self, signer: Signer) -> None:
        ns = records("omani.test.", "NS", "ns1.omani.test.")
        assert "not among the zone's trusted keys" in problem(ns, [Signer().sign(ns)], signer)

    def test_by_another_zone(self, signer: Signer) -> None:
        ns = records("omani.test.", "NS", "ns1.omani.test.")
        above = Signer(dns.name.from_text("test."), signer.private)
        assert "no signature (RRSIG) of the zone's" in problem(ns, [above.sign(ns)], signer)

    def test_an_expanded_wildcard(self, signer: Signer) -> None:
        signature = signer.sign(records("*.omani.test.", "NS", "ns1.omani.test."))
        assert "no signature" in problem(records("t1.omani.test.", "NS", "ns1.omani.test."), [signature], signer)

    def test_the_most_telling_problem_is_told(self, signer: Signer) -> None:
        ns = records("omani.test.", "NS", "ns1.omani.test.")
        assert "expired" in problem(ns, [Signer().sign(ns), signer.sign(ns, until=NOW - 1)], signer)

    def test_very_many_cost_little(self, signer: Signer) -> None:
        ns = records("omani.test.", "NS", "ns1.omani.test.")
        signatures = [signer.sign(records("omani.test.", "NS", "ns1.stranger.test."))] * 50_000
        started = time.monotonic()
        assert "doesn't fit" in str(signature_problem(ns, signatures, ZONE, [signer.key] * 50_000, NOW))
        assert time.monotonic() - started < 1


class TestKeys:
    def test_vouched_for(self, signer: Signer) -> None:
        dnskey = signer.dnskey
        assert trust_from_ds(ZONE, signer.ds, dnskey, [signer.sign(dnskey)], NOW) == Secure((signer.key,))

    def test_one_digest_is_enough(self, signer: Signer) -> None:
        dnskey = signer.dnskey
        for ds in signer.ds:
            assert isinstance(trust_from_ds(ZONE, [ds], dnskey, [signer.sign(dnskey)], NOW), Secure)

    def test_the_ds_of_another_key(self, signer: Signer) -> None:
        trust = trust_from_ds(ZONE, Signer().ds, signer.dnskey, [signer.sign(signer.dnskey)], NOW)
        assert isinstance(trust, Broken)
        assert "matches no key of omani.test" in trust.reason

    def test_keys_not_signed_by_the_one_that_is_named(self, signer: Signer) -> None:
        other = Signer()
        both = dns.rrset.from_rdata(ZONE, 60, signer.key, other.key)
        trust = trust_from_ds(ZONE, signer.ds, both, [other.sign(both)], NOW)
        assert isinstance(trust, Broken)
        assert "DNSKEY rrset" in trust.reason

    def test_expired(self, signer: Signer) -> None:
        dnskey = signer.dnskey
        trust = trust_from_ds(ZONE, signer.ds, dnskey, [signer.sign(dnskey, until=NOW - DAY)], NOW)
        assert isinstance(trust, Broken)
        assert "expired" in trust.reason

    def test_no_keys(self, signer: Signer) -> None:
        assert isinstance(trust_from_ds(ZONE, signer.ds, None, [], NOW), Broken)

    @pytest.mark.parametrize("text", ["1 12 2 " + "ab" * 32, "1 13 3 " + "ab" * 32, "1 250 250 abcd"])
    def test_unknown_algorithms_count_as_unsigned(self, signer: Signer, text: str) -> None:
        ds = dns.rdata.from_text("IN", "DS", text)
        assert isinstance(ds, DS)
        assert not is_supported(ds)
        assert isinstance(trust_from_ds(ZONE, [ds], signer.dnskey, [], NOW), Insecure)

    def test_a_revoked_key_has_no_ds(self, signer: Signer) -> None:
        revoked = signer.key.replace(flags=257 | 0x80)
        assert isinstance(revoked, dns.rdtypes.ANY.DNSKEY.DNSKEY)
        assert ds_of_keys(ZONE, [revoked]) == []

    def test_one_spelling(self) -> None:
        first, second = (
            dns.rdata.from_text("IN", "DS", f"12345 13 2 {digest}") for digest in ("AB" * 32, "ab " * 16 + "ab" * 16)
        )
        assert ds_text(first) == ds_text(second)


def denial(signer: Signer, *rrsets: dns.rrset.RRset, signed: bool = True) -> NoDS | str:
    response = dns.message.make_response(dns.message.make_query(CHILD, "DS"))
    for rrset in rrsets:
        response.authority.append(rrset)
        if signed:
            response.authority.append(dns.rrset.from_rdata(rrset.name, 60, signer.sign(rrset)))
    parsed = dns.message.from_wire(response.to_wire(max_size=65535))
    assert isinstance(parsed, dns.message.Message)
    return ds_denial(parsed, ZONE, CHILD, [signer.key], NOW)


def hashed(change: int) -> str:
    """The hash of the child's name, moved."""
    value = int(NSEC3_HASH, 32) + change
    digits = "0123456789abcdefghijklmnopqrstuv"
    text = ""
    for _ in range(32):
        value, digit = divmod(value, 32)
        text = digits[digit] + text
    return text


class TestDenials:
    def test_the_name_is_delegated_without_ds(self, signer: Signer) -> None:
        nsec = records("t1.omani.test.", "NSEC", "t2.omani.test. NS RRSIG NSEC")
        assert denial(signer, nsec) == NoDS(delegated=True)

    def test_the_name_is_not_delegated(self, signer: Signer) -> None:
        nsec = records("t1.omani.test.", "NSEC", "t2.omani.test. A RRSIG NSEC")
        assert denial(signer, nsec) == NoDS(delegated=False)

    @pytest.mark.parametrize(
        ("owner", "following"),
        [("t0.omani.test.", "t2.omani.test."), ("a.t0.omani.test.", "omani.test."), ("omani.test.", "z.omani.test.")],
    )
    def test_the_name_does_not_exist(self, signer: Signer, owner: str, following: str) -> None:
        assert denial(signer, records(owner, "NSEC", f"{following} A RRSIG NSEC")) == NoDS(delegated=False)

    @pytest.mark.parametrize(
        ("owner", "content"),
        [
            ("t1.omani.test.", "t2.omani.test. NS DS RRSIG NSEC"),
            ("t1.omani.test.", "a.t1.omani.test. NS SOA RRSIG NSEC DNSKEY"),
            ("t2.omani.test.", "t3.omani.test. A RRSIG NSEC"),
            ("a.omani.test.", "b.omani.test. A RRSIG NSEC"),
        ],
        ids=["has a DS", "the child's own", "after it", "before it"],
    )
    def test_no_proof(self, signer: Signer, owner: str, content: str) -> None:
        assert "without a proof" in str(denial(signer, records(owner, "NSEC", content)))

    def test_a_cut_above_proves_nothing_below(self, signer: Signer) -> None:
        response = dns.message.make_response(dns.message.make_query("x.t1.omani.test.", "DS"))
        nsec = records("t1.omani.test.", "NSEC", "t2.omani.test. NS RRSIG NSEC")
        response.authority += [nsec, dns.rrset.from_rdata(nsec.name, 60, signer.sign(nsec))]
        name = dns.name.from_text("x.t1.omani.test.")
        assert "without a proof" in str(ds_denial(response, ZONE, name, [signer.key], NOW))

    def test_unsigned_proof(self, signer: Signer) -> None:
        nsec = records("t1.omani.test.", "NSEC", "t2.omani.test. NS RRSIG NSEC")
        assert "NSEC record that has no signature" in str(denial(signer, nsec, signed=False))

    def test_nothing(self, signer: Signer) -> None:
        assert "without a proof" in str(denial(signer))

    @pytest.mark.parametrize(
        ("here", "following", "flags", "types", "expected"),
        [
            (0, 1, 0, "NS", NoDS(delegated=True)),
            (0, 1, 0, "A", NoDS(delegated=False)),
            (-1, 1, 0, "A", NoDS(delegated=False)),
            (-1, 1, 1, "A", NoDS(delegated=None)),
            (-1, -2, 0, "A", NoDS(delegated=False)),
            (2, 1, 0, "A", NoDS(delegated=False)),
        ],
        ids=["delegated", "not delegated", "covered", "opted out", "covered by the last", "covered from the end"],
    )
    def test_nsec3(self, signer: Signer, here: int, following: int, flags: int, types: str, expected: NoDS) -> None:
        nsec3 = records(f"{hashed(here)}.omani.test.", "NSEC3", f"1 {flags} 0 - {hashed(following)} {types}")
        assert denial(signer, nsec3) == expected

    @pytest.mark.parametrize(("here", "following"), [(1, 2), (-2, -1), (0, 1)])
    def test_nsec3_that_is_no_proof(self, signer: Signer, here: int, following: int) -> None:
        nsec3 = records(f"{hashed(here)}.omani.test.", "NSEC3", f"1 0 0 - {hashed(following)} NS DS")
        assert "without a proof" in str(denial(signer, nsec3))

    def test_nsec3_with_too_many_iterations_counts_as_unsigned(self, signer: Signer) -> None:
        nsec3 = records(f"{hashed(5)}.omani.test.", "NSEC3", f"1 0 60000 - {hashed(6)} NS")
        assert denial(signer, nsec3) == NoDS(delegated=None)


def test_signatures_are_told_by_name_and_type(signer: Signer) -> None:
    ns, soa = records("omani.test.", "NS", "ns1.omani.test."), records("omani.test.", "SOA", "a. b. 1 2 3 4 5")
    section = [ns, *(dns.rrset.from_rdata(ZONE, 60, signer.sign(rrset)) for rrset in (ns, soa))]
    (found,) = signatures_of(section, ns)
    assert found.type_covered == dns.rdatatype.NS

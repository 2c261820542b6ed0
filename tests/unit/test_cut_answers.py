"""What responses about a zone cut say, read from messages as they travel, broken ones included."""

from collections.abc import Sequence

import dns.dnssec
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rrset
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.chain_of_trust import Insecure, Secure, trust_from_ds
from sovereign_dns.cut_answers import MOST_NAMESERVERS, DSRead, read_cut, read_ds, trust_below

ZONE = dns.name.from_text("omani.test.")
CHILD = dns.name.from_text("t1.omani.test.")
UNSIGNED = Insecure("unsigned")
DS = f"11111 13 2 {'ab' * 32}"
SOA = "omani.test. SOA ns1.omani.test. hostmaster.omani.test. 1 10800 3600 604800 60"
_KEY = dns.dnssec.make_dnskey(ed25519.Ed25519PrivateKey.generate().public_key(), "ED25519", flags=257)
SIGNED = Secure((_KEY,))
UNPROVED = DSRead(problem="says that there is none, which comes without a proof (NSEC or NSEC3)")
BELOW = DSRead(silence="answers in the name of t1.omani.test instead of omani.test")


def message(
    answer: Sequence[str] = (),
    authority: Sequence[str] = (),
    additional: Sequence[str] = (),
    *,
    aa: bool = True,
    rcode: str = "NOERROR",
    rrtype: str = "NS",
) -> dns.message.Message:
    response = dns.message.make_response(dns.message.make_query(CHILD, rrtype, use_edns=0))
    response.set_rcode(dns.rcode.from_text(rcode))
    if aa:
        response.flags |= dns.flags.AA
    sections = ((response.answer, answer), (response.authority, authority), (response.additional, additional))
    for section, lines in sections:
        for line in lines:
            owner, kind, *rdata = line.split()
            section.append(dns.rrset.from_text(owner, 60, "IN", kind, " ".join(rdata)))
    parsed = dns.message.from_wire(response.to_wire(max_size=65535))
    assert isinstance(parsed, dns.message.Message)
    return parsed


@pytest.mark.parametrize(
    ("response", "position", "reason"),
    [
        (message(authority=["t1.omani.test. NS ns1.x."], aa=False), "delegates", ""),
        (message(authority=["t1.omani.test. NS ns1.x."]), "delegates", ""),
        (message(["t1.omani.test. NS ns1.x."]), "hosts-zone", ""),
        (message(["t1.omani.test. NS ns1.x."], aa=False), "lame", "AA not set"),
        (message(authority=[". NS a.root-servers.net."], aa=False), "lame", "name servers of the root"),
        (message(authority=["omani.test. NS ns1.x."], aa=False), "lame", "name servers of omani.test"),
        (message(["t1.omani.test. CNAME x."]), "alias", "CNAME at t1.omani.test"),
        (message(["omani.test. DNAME x.", "t1.omani.test. CNAME t1.x."]), "alias", "DNAME at omani.test"),
        (message(authority=[SOA]), "no-data", ""),
        (message(), "no-data", ""),
        (message(authority=[SOA], rcode="NXDOMAIN"), "nxdomain", ""),
        (message(authority=[SOA.replace("omani.test.", "test.", 1)], rcode="NXDOMAIN"), "lame", "name of test"),
        (message(rcode="NXDOMAIN", aa=False), "lame", "AA not set"),
        (message(rcode="REFUSED", aa=False), "refuses", "REFUSED"),
        (message(rcode="SERVFAIL"), "refuses", "SERVFAIL"),
    ],
)
def test_the_position(response: dns.message.Message, position: str, reason: str) -> None:
    read = read_cut(response, ZONE, CHILD)

    assert read.position == position
    assert reason in read.reason


def test_glue_from_within_the_zone_only() -> None:
    response = message(
        authority=["t1.omani.test. NS NS1.t1.omani.test.", "t1.omani.test. NS ns.elsewhere."],
        additional=[
            "ns1.t1.omani.test. A 192.0.2.1",
            "ns1.t1.omani.test. AAAA 2001:db8::1",
            "ns.elsewhere. A 192.0.2.9",
        ],
        aa=False,
    )

    read = read_cut(response, ZONE, CHILD)

    assert read.glue == {dns.name.from_text("ns1.t1.omani.test."): ("192.0.2.1", "2001:db8::1")}


def test_a_huge_referral_is_cut() -> None:
    response = message(authority=[f"t1.omani.test. NS ns{number}.x." for number in range(200)], aa=False)

    assert len(read_cut(response, ZONE, CHILD).nameservers) == MOST_NAMESERVERS


@pytest.mark.parametrize(
    ("response", "trust", "expected"),
    [
        (message(authority=[SOA]), UNSIGNED, DSRead()),
        (message(authority=[SOA], rcode="NXDOMAIN"), UNSIGNED, DSRead(denied=True)),
        (message(authority=[SOA]), SIGNED, UNPROVED),
        (message(rcode="SERVFAIL"), SIGNED, DSRead(silence="answers SERVFAIL")),
        (message(authority=[SOA], aa=False), SIGNED, DSRead(silence="answers without authority (AA not set)")),
        (message(authority=[SOA.replace("omani", "t1.omani", 1)]), UNSIGNED, BELOW),
    ],
)
def test_no_ds(response: dns.message.Message, trust: Secure | Insecure, expected: DSRead) -> None:
    assert read_ds(response, ZONE, CHILD, trust) == expected


def test_an_unsigned_ds_in_a_signed_zone() -> None:
    response = message([f"t1.omani.test. DS {DS}"], rrtype="DS")

    assert read_ds(response, ZONE, CHILD, UNSIGNED).problem is None
    assert "shows a DS that has no signature" in str(read_ds(response, ZONE, CHILD, SIGNED).problem)


def test_trust_below_a_ds_that_is_not_known_here() -> None:
    read = read_ds(message([f"t1.omani.test. DS 1 250 250 {'ab' * 32}"], rrtype="DS"), ZONE, CHILD, UNSIGNED)

    assert read.unsupported
    assert "algorithm" in str(trust_below(read, ZONE, CHILD))
    assert trust_below(DSRead(), ZONE, CHILD) is not None


_TAG = dns.dnssec.key_id(_KEY)
_WHOLE = [
    message(
        authority=["t1.omani.test. NS ns1.t1.omani.test."], additional=["ns1.t1.omani.test. A 192.0.2.1"], aa=False
    ),
    message([f"t1.omani.test. DS {DS}"], rrtype="DS"),
    message(authority=[SOA, "t1.omani.test. NSEC t2.omani.test. NS RRSIG NSEC"], rrtype="DS"),
    message([f"omani.test. DNSKEY {_KEY.to_text()}"]),
    message(
        authority=[
            "t1.omani.test. NSEC t2.omani.test. NS RRSIG NSEC",
            f"t1.omani.test. RRSIG NSEC 15 3 60 20380101000000 20200101000000 {_TAG} omani.test. {'A' * 86}==",
        ]
    ),
]


@given(
    st.sampled_from(_WHOLE),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8),
    st.integers(0, 400),
)
def test_whatever_comes_is_read(whole: dns.message.Message, changes: list[tuple[int, int]], length: int) -> None:
    wire = bytearray(whole.to_wire())
    for place, octet in changes:
        wire[place % len(wire)] = octet
    for packet in (bytes(wire), bytes(wire[:length])):
        try:
            response = dns.message.from_wire(packet)
        except dns.exception.DNSException:
            continue
        assert read_cut(response, ZONE, CHILD).position
        for trust in (UNSIGNED, SIGNED):
            read_ds(response, ZONE, CHILD, trust)
        trust_from_ds(ZONE, [], None, [])

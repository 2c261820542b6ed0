"""What a DNS response says, read from real messages as they travel, and the verdict that follows."""

from collections.abc import Sequence

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from sovereign_dns.answer_verdicts import Answer, Expectation, judge
from sovereign_dns.clients.answers import read_answer
from sovereign_dns.clients.authoritative import split_host_port
from tests.unit.builders import FQDN, LOAD_BALANCER, STRANGER

NAME = f"console.{FQDN}"
SOA = "omani.works. 3600 IN SOA ns1.openova.io. hostmaster.openova.io. 1 10800 3600 604800 3600"
WANTED = Expectation(name=NAME, type="A", ttl=60, values=[LOAD_BALANCER])


def said(
    answer: Sequence[str] = (),
    authority: Sequence[str] = (),
    *,
    rcode: str = "NOERROR",
    aa: bool = True,
    rrtype: str = "A",
) -> Answer:
    """What is read from a response with these records, after a trip over the wire."""
    query = dns.message.make_query(f"{NAME}.", rrtype, use_edns=0)
    response = dns.message.make_response(query)
    response.set_rcode(dns.rcode.from_text(rcode))
    if aa:
        response.flags |= dns.flags.AA
    for section, lines in ((response.answer, answer), (response.authority, authority)):
        for line in lines:
            owner, ttl, rdclass, kind, *rdata = line.split()
            section.append(dns.rrset.from_text(owner, int(ttl), rdclass, kind, " ".join(rdata)))
    return read_answer(NAME, rrtype, dns.message.from_wire(response.to_wire()))


def test_a_positive_answer() -> None:
    found = said([f"{NAME}. 60 IN A {LOAD_BALANCER}"])
    assert (found.rcode, found.authoritative, found.values, found.ttl) == ("NOERROR", True, [LOAD_BALANCER], 60)
    assert (found.alias_target, found.alias_values, found.referral_to, found.error) == (None, [], [], None)
    assert judge(WANTED, found).state == "converged"


def test_every_address_of_the_answer_is_read() -> None:
    found = said([f"{NAME}. 60 IN A {LOAD_BALANCER}", f"{NAME}. 60 IN A {STRANGER}"])
    assert sorted(found.values) == sorted([LOAD_BALANCER, STRANGER])
    assert judge(WANTED, found).state == "misdirected"


def test_the_name_is_the_same_in_any_case() -> None:
    assert judge(WANTED, said([f"{NAME.upper()}. 60 IN A {LOAD_BALANCER}"])).state == "converged"


def test_an_ipv6_answer_is_read_by_value() -> None:
    found = said([f"{NAME}. 60 IN AAAA 2A01:04F8::0095"], rrtype="AAAA")
    assert judge(WANTED.changed(type="AAAA", values=["2a01:4f8::95"]), found).state == "converged"


def test_the_name_does_not_exist() -> None:
    found = said(authority=[SOA], rcode="NXDOMAIN")
    assert (found.rcode, found.values, found.ttl, found.referral_to) == ("NXDOMAIN", [], None, [])
    assert "NXDOMAIN" in (judge(WANTED, found).detail or "")


def test_the_name_exists_without_the_type() -> None:
    found = said(authority=[SOA])
    assert (found.rcode, found.values) == ("NOERROR", [])
    assert "no data" in (judge(WANTED, found).detail or "")


def test_a_referral_is_no_answer_and_says_to_whom() -> None:
    found = said(authority=[f"{FQDN}. 3600 IN NS ns1.openova.io.", f"{FQDN}. 3600 IN NS ns2.openova.io."], aa=False)
    assert sorted(found.referral_to) == ["ns1.openova.io.", "ns2.openova.io."]
    assert judge(WANTED, found).state == "missing"


def test_the_ns_set_beside_an_authoritative_answer_is_no_referral() -> None:
    beside = ["omani.works. 3600 IN NS ns1.openova.io."]
    assert said([f"{NAME}. 60 IN A {LOAD_BALANCER}"], beside).referral_to == []
    assert said(authority=beside).referral_to == []


def test_a_chain_of_aliases_is_followed_to_its_addresses() -> None:
    found = said(
        [
            f"{NAME}. 60 IN CNAME lb.example.",
            "lb.example. 60 IN CNAME edge.example.",
            f"edge.example. 60 IN A {STRANGER}",
        ]
    )
    assert (found.values, found.alias_target, found.alias_values) == ([], "lb.example.", [STRANGER])
    verdict = judge(WANTED, found)
    assert verdict.state == "misdirected"
    assert STRANGER in (verdict.detail or "")


def test_an_alias_out_of_the_zone_has_no_addresses_and_is_no_convergence() -> None:
    found = said([f"{NAME}. 60 IN CNAME lb.example."])
    assert (found.alias_target, found.alias_values) == ("lb.example.", [])
    assert judge(WANTED, found).state == "misdirected"


def test_records_of_other_names_are_no_answer() -> None:
    found = said([f"other.{FQDN}. 60 IN A {LOAD_BALANCER}"])
    assert (found.values, found.alias_values) == ([], [])
    assert judge(WANTED, found).state == "missing"


def test_a_record_of_another_class_is_no_address() -> None:
    assert said([f"{NAME}. 60 HS A \\# 4 4d2a0b5f"]).values == []


@pytest.mark.parametrize("rcode", ["REFUSED", "SERVFAIL", "NOTIMP", "FORMERR"])
def test_a_server_that_declines_says_how(rcode: str) -> None:
    found = said(rcode=rcode, aa=False)
    assert found.rcode == rcode
    evidence = judge(WANTED, found)
    assert evidence.state == "refused"
    assert rcode in (evidence.detail or "")


def test_the_right_address_without_authority_is_not_believed() -> None:
    found = said([f"{NAME}. 60 IN A {LOAD_BALANCER}"], aa=False)
    assert found.authoritative is False
    assert judge(WANTED, found).state == "refused"
    assert judge(WANTED, found, from_authority=False).state == "converged"


def test_the_ttl_is_the_one_answered() -> None:
    assert said([f"{NAME}. 17 IN A {LOAD_BALANCER}"]).ttl == 17


@pytest.mark.parametrize(
    ("place", "host", "port"),
    [
        ("ns1.openova.io", "ns1.openova.io", 53),
        ("ns1.openova.io:5300", "ns1.openova.io", 5300),
        ("127.0.0.1:1", "127.0.0.1", 1),
        ("127.0.0.1:65535", "127.0.0.1", 65535),
        ("2a01:4f8::1", "2a01:4f8::1", 53),
        ("[2a01:4f8::1]", "2a01:4f8::1", 53),
        ("[2a01:4f8::1]:5300", "2a01:4f8::1", 5300),
    ],
)
def test_a_place_is_a_host_and_perhaps_a_port(place: str, host: str, port: int) -> None:
    assert split_host_port(place) == (host, port)


@pytest.mark.parametrize("place", ["ns1:0", "ns1:65536", "ns1:dns", "ns1:-1", "[::1]:x", "ns1: 53"])
def test_a_port_that_is_none_is_refused_with_the_place(place: str) -> None:
    with pytest.raises(ValueError, match="no valid port") as caught:
        split_host_port(place)
    assert repr(place) in str(caught.value)

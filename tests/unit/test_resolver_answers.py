"""What resolvers' packets mean, each as it came from PowerDNS Recursor 4.8, three seconds after it had learned them."""

import dns.message
import pytest

from sovereign_dns.answer_verdicts import Answer, Expectation, judge
from sovereign_dns.clients.answers import STILL_TRUNCATED, aged, read_answer
from sovereign_dns.contract import Outcome

LOAD_BALANCER = "77.42.11.95"

POSITIVE = (
    "12348180000100010000000107636f6e736f6c650474313130056f6d616e6905776f726b730000010001c00c0001000100000039"
    "00044d2a0b5f0000290200000000000000"
)
NXDOMAIN = (
    "123481830001000000010001076e6f74686572650474313130056f6d616e6905776f726b730000010001c0190006000100000e0d"
    "0031036e7331076f70656e6f766102696f000a686f73746d6173746572c01978c4052d00002a3000000e1000093a8000000e1000"
    "00290200000000000000"
)
NO_DATA = (
    "12348180000100000001000107636f6e736f6c650474313130056f6d616e6905776f726b7300001c0001c0190006000100000e0d"
    "0031036e7331076f70656e6f766102696f000a686f73746d6173746572c01978c4052d00002a3000000e1000093a8000000e1000"
    "00290200000000000000"
)
ALIAS_CHAIN = (
    "12348180000100030000000104617574680474313130056f6d616e6905776f726b730000010001c00c0005000100000039000502"
    "6c62c016c033000500010000001b00070465646765c016c04400010001000001290004310c10a00000290200000000000000"
)
ALIAS_OF_NOTHING = (
    "12348183000100010001000106686172626f720474313130056f6d616e6905776f726b730000010001c00c000500010000003900"
    "0a076e6f7768657265c018c0180006000100000e0d0031036e7331076f70656e6f766102696f000a686f73746d6173746572c018"
    "78c4052d00002a3000000e1000093a8000000e100000290200000000000000"
)
NO_AUTHORITY_ANSWERS = (
    "123481820001000000000001017809656c73657768657265076578616d706c6500000100010000290200000000000000"
)
TRUNCATED = "123483800001000000000001036269670474313130056f6d616e6905776f726b7300000100010000290200000000000000"
NOT_FOR_YOU = "123481050001000000000001017809656c73657768657265076578616d706c65000001000100002904d0000000000000"


def said(packet: str) -> Answer:
    """What is read from a packet, of its own question."""
    message = dns.message.from_wire(bytes.fromhex(packet))
    asked = message.question[0]
    return read_answer(asked.name.to_text(omit_final_dot=True), asked.rdtype.name, message)


def judged(answer: Answer, *values: str, ttl: int = 60) -> tuple[Outcome, str | None]:
    wanted = Expectation(name=answer.name, type=answer.type, ttl=ttl, values=list(values))
    evidence = judge(wanted, answer, from_authority=False)
    return evidence.state, evidence.detail


def test_an_answer_holds_for_what_remains_of_its_ttl() -> None:
    found = said(POSITIVE)
    assert (found.values, found.ttl, found.authoritative, found.validated) == ([LOAD_BALANCER], 57, False, False)
    assert (found.negative_ttl, found.authority) == (None, None)
    assert judged(found, LOAD_BALANCER) == ("converged", None)


def test_a_stale_address_is_told_with_the_seconds_that_it_stays() -> None:
    assert judged(said(POSITIVE), "77.42.11.96") == (
        "misdirected",
        f"answers {LOAD_BALANCER}, where 77.42.11.96 was written: users reach a stranger, for 57 s more",
    )


def test_an_address_where_none_was_written_is_a_stranger() -> None:
    state, detail = judged(said(POSITIVE))
    assert state == "misdirected"
    assert (detail or "").endswith("where no A record was written: users reach a stranger, for 57 s more")


def test_an_answer_without_one_of_the_addresses_is_told_with_its_seconds() -> None:
    assert judged(said(POSITIVE), LOAD_BALANCER, "77.42.11.96") == (
        "missing",
        "doesn't answer 77.42.11.96 yet, for 57 s more",
    )


def test_a_longer_ttl_than_was_written_is_noted_and_no_fault_of_the_answer() -> None:
    assert judged(said(POSITIVE), LOAD_BALANCER, ttl=30) == (
        "converged",
        "TTL 57, where 30 was written: this resolver keeps answers longer",
    )


def test_a_denial_names_its_zone_and_how_long_it_holds() -> None:
    found = said(NXDOMAIN)
    assert (found.rcode, found.ttl, found.negative_ttl, found.authority) == ("NXDOMAIN", None, 3597, "omani.works.")
    assert judged(found, LOAD_BALANCER) == ("missing", "NXDOMAIN: the name doesn't exist there, for 3597 s more")
    evidence = judge(
        Expectation(name=found.name, type="A", ttl=60, values=[LOAD_BALANCER]), found, from_authority=False
    )
    assert (evidence.ttl, evidence.negative_ttl, evidence.authority) == (None, 3597, "omani.works.")


def test_a_name_without_the_type_is_told_apart() -> None:
    found = said(NO_DATA)
    assert (found.rcode, found.negative_ttl, found.authority) == ("NOERROR", 3597, "omani.works.")
    assert judged(found, "2a01:4f8::95") == (
        "missing",
        "no data: the name exists there and has no AAAA record, for 3597 s more",
    )
    assert judged(found) == ("converged", None)


def test_the_minimum_of_the_soa_counts_where_it_is_less() -> None:
    minimum, ttl = "00000e100000290200000000000000", "00000e0d0031"
    assert said(NXDOMAIN.replace(minimum, "0000001e0000290200000000000000")).negative_ttl == 30
    assert said(NXDOMAIN.replace(ttl, "000000000031")).negative_ttl == 0
    assert said(NXDOMAIN.replace(ttl, "ffffffff0031")).negative_ttl == 0, "RFC 2181 §8: the highest bit makes it zero"


def test_an_alias_holds_for_as_long_as_the_first_of_its_links_to_go() -> None:
    found = said(ALIAS_CHAIN)
    assert (found.alias_target, found.alias_values, found.ttl) == ("lb.omani.works.", ["49.12.16.160"], 27)
    assert judged(found, LOAD_BALANCER) == (
        "misdirected",
        f"answers 49.12.16.160, where {LOAD_BALANCER} was written: users reach a stranger, for 27 s more",
    )


def test_an_alias_of_nothing_is_an_alias() -> None:
    found = said(ALIAS_OF_NOTHING)
    assert (found.rcode, found.ttl, found.negative_ttl) == ("NXDOMAIN", 57, 3597)
    assert judged(found, LOAD_BALANCER) == (
        "misdirected",
        "is an alias (CNAME) to nowhere.omani.works., where addresses were written, for 57 s more",
    )


def test_a_resolver_that_gets_no_answer_is_no_silence_and_says_where_to_look() -> None:
    state, detail = judged(said(NO_AUTHORITY_ANSWERS), LOAD_BALANCER)
    assert state == "refused"
    assert (detail or "").startswith("SERVFAIL: the resolver gets no usable answer from the authoritative servers.")
    assert "delegation" in (detail or "")


def test_data_that_fail_validation_are_bogus_and_it_says_what_to_compare() -> None:
    state, detail = judged(said(NO_AUTHORITY_ANSWERS).changed(bogus=True), LOAD_BALANCER)
    assert state == "bogus"
    for word in ("SERVFAIL", "DNSSEC", "DS", "signatures"):
        assert word in (detail or "")


def test_bogus_data_are_bogus_where_nothing_was_written_too() -> None:
    assert judged(said(NO_AUTHORITY_ANSWERS).changed(bogus=True))[0] == "bogus"
    assert judged(said(NO_AUTHORITY_ANSWERS))[0] == "refused"


def test_a_resolver_that_refuses_is_refused() -> None:
    assert judged(said(NOT_FOR_YOU), LOAD_BALANCER) == ("refused", "REFUSED: the server declines to answer")


def test_what_is_truncated_is_no_answer() -> None:
    assert said(TRUNCATED).error == STILL_TRUNCATED
    assert judged(said(TRUNCATED)) == ("unreachable", STILL_TRUNCATED)


def test_a_validated_answer_says_so() -> None:
    assert said(POSITIVE.replace("12348180", "123481a0", 1)).validated


def test_a_referral_is_what_no_resolver_gives() -> None:
    referral = Answer(name="t110.omani.works", type="A", rcode="NOERROR", referral_to=["ns1.openova.io."])
    state, detail = judged(referral, LOAD_BALANCER)
    assert state == "refused"
    assert "doesn't resolve for us" in (detail or "")


def test_the_right_address_beside_nxdomain_is_not_believed() -> None:
    assert judged(said(POSITIVE.replace("12348180", "12348183", 1)), LOAD_BALANCER)[0] == "missing"


@pytest.mark.parametrize(("seconds", "ttl"), [(0, 57), (-1, 57), (7, 50), (100, 0)])
def test_an_answer_ages_in_an_http_cache(seconds: int, ttl: int) -> None:
    assert aged(said(POSITIVE), seconds).ttl == ttl
    assert aged(said(NXDOMAIN), seconds).negative_ttl == 3597 - (57 - ttl if ttl else 100)

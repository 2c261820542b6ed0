"""A hostile server: whatever it sends, nothing raises, and only the rrset that was written counts as converged."""

import random
from collections import Counter
from collections.abc import Iterator

import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.answer_verdicts import Expectation, judge
from sovereign_dns.clients.answers import read_answer
from sovereign_dns.clients.question import NotADNSAnswerError, query_for, response_to
from sovereign_dns.clients.resolvers import Resolvers
from tests.dns_servers import always, do53, response
from tests.unit.builders import FQDN, LOAD_BALANCER, LOAD_BALANCER_V6, STRANGER

NAME = f"console.{FQDN}"
WANTED = {
    "A": Expectation(name=NAME, type="A", ttl=60, values=[LOAD_BALANCER]),
    "AAAA": Expectation(name=NAME, type="AAAA", ttl=60, values=[LOAD_BALANCER_V6]),
}
PACKETS_OF_EACH_TYPE = 10_000
PACKETS_BY_SOCKET = 30_000
PACKETS_BEFORE_AN_ANSWER = 40
HEADER_OCTETS = 12
AFTER_QUESTION = HEADER_OCTETS + len(NAME) + 2 + 4
REACHED = ("ignored", "converged", "misdirected", "missing", "refused")


def query_of(rrtype: str) -> dns.message.Message:
    query = query_for(NAME, rrtype)
    query.id = 0x1234
    return query


def valid_responses(rrtype: str) -> list[bytes]:
    """Every shape of a response: right, stale, denied, aliased, referred, failed."""
    query = query_of(rrtype)
    right = {"A": LOAD_BALANCER, "AAAA": LOAD_BALANCER_V6}[rrtype]
    soa = "omani.works. 3600 IN SOA ns1.openova.io. hostmaster.openova.io. 1 10800 3600 604800 3600"
    shapes = [
        response(query, f"{NAME}. 60 IN {rrtype} {right}"),
        response(query, f"{NAME}. 60 IN A {STRANGER}"),
        response(query, f"{NAME}. 60 IN CNAME lb.example.", f"lb.example. 60 IN {rrtype} {right}"),
        response(query, f"{FQDN}. 60 IN DNAME x.example.", f"{NAME}. 0 IN CNAME console.x.example."),
        response(query, f'{NAME}. 60 IN TXT "{"x" * 200}"', f"{NAME}. 60 IN SVCB 1 . alpn=h2 ipv4hint={right}")
        if rrtype == "A"
        else response(query, f"{NAME}. 60 IN MX 1 mx.example.", f"{NAME}. 60 IN NSEC a.example. A AAAA RRSIG"),
        response(query, rcode="SERVFAIL"),
        response(query, rcode="REFUSED"),
    ]
    denial = response(query, soa, rcode="NXDOMAIN")
    denial.authority, denial.answer = denial.answer, []
    referral = response(query, f"{FQDN}. 60 IN NS ns1.openova.io.")
    referral.authority, referral.answer = referral.answer, []
    return [shape.to_wire() for shape in (*shapes, denial, referral)]


def mutated(wire: bytes, chance: random.Random) -> bytes:
    """The response with some of its octets changed, added, left out or cut off: mostly those after the question."""
    octets = bytearray(wire)
    first = chance.choice((0, 2, HEADER_OCTETS, *[AFTER_QUESTION] * 5))
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        at = chance.randrange(first, len(octets)) if len(octets) > first else 0
        match chance.randrange(10):
            case 0 | 1 | 2 if octets:
                octets[at % len(octets)] = chance.randrange(256)
            case 3 | 4 | 5 if octets:
                octets[at % len(octets)] ^= 1 << chance.randrange(8)
            case 6:
                octets[at:at] = chance.randbytes(chance.randrange(1, 9))
            case 7:
                del octets[at : at + chance.randrange(1, 9)]
            case 8:
                # A compression pointer, perhaps to itself.
                octets[at : at + 2] = (0xC000 | chance.randrange(len(octets) + 4)).to_bytes(2, "big")
            case 9:
                del octets[at:]
            case _:
                octets += wire
    return bytes(octets)


def hostile_packets(count: int, rrtype: str, seed: int) -> Iterator[bytes]:
    """Mostly valid responses that were tampered with, some random octets, some behind the right header."""
    chance = random.Random(seed)
    shapes = valid_responses(rrtype)
    for number in range(count):
        if number % 10 == 0:
            yield chance.randbytes(chance.randrange(0, 600))
        elif number % 10 == 1:
            yield shapes[0][:AFTER_QUESTION] + chance.randbytes(chance.randrange(0, 200))
        else:
            yield mutated(chance.choice(shapes), chance)


def really_says(wire: bytes, wanted: Expectation) -> bool:
    """Whether the packet answers the question with that rrset and nothing else, as another reader sees it."""
    message = dns.message.from_wire(wire)
    question = message.question[0]
    told = {
        item.to_text()
        for rrset in message.answer
        if rrset.rdtype == dns.rdatatype.from_text(wanted.type) and rrset.rdclass == dns.rdataclass.IN
        for item in rrset
        if rrset.name == question.name
    }
    return (
        message.rcode() == dns.rcode.NOERROR
        and message.id == 0x1234
        and not message.flags & dns.flags.TC
        and question.name.to_text().lower() == f"{NAME}."
        and told == set(wanted.values)
    )


def state_after(wire: bytes, rrtype: str) -> str:
    """What becomes of a packet: `ignored` where it is no response to the question."""
    try:
        message = response_to(query_of(rrtype), wire)
    except NotADNSAnswerError:
        return "ignored"
    answer = read_answer(NAME, rrtype, message)
    for from_authority in (True, False):
        state = judge(WANTED[rrtype], answer, from_authority=from_authority).state
        assert state != "converged" or really_says(wire, WANTED[rrtype]), wire.hex()
    return state


@pytest.mark.parametrize("rrtype", WANTED)
def test_no_tampered_packet_raises_or_counts_as_converged(rrtype: str) -> None:
    states = Counter(state_after(wire, rrtype) for wire in hostile_packets(PACKETS_OF_EACH_TYPE, rrtype, seed=1))
    assert states.total() == PACKETS_OF_EACH_TYPE
    # They reach every part of what reads and judges them.
    assert min(states[state] for state in REACHED) > 100, states


async def test_a_resolver_that_is_hostile_is_survived() -> None:
    packets = {rrtype: hostile_packets(PACKETS_BY_SOCKET, rrtype, seed) for seed, rrtype in enumerate(WANTED)}
    sent: dict[str, list[bytes]] = {rrtype: [] for rrtype in WANTED}

    async def answering(query: dns.message.Message) -> list[bytes]:
        rrtype = query.question[0].rdtype.name
        chosen = [packet for packet, _ in zip(packets[rrtype], range(PACKETS_BEFORE_AN_ANSWER), strict=False)]
        # Those with the ID that the packets were made with get the ID of the query.
        right_id = query.id.to_bytes(2, "big")
        sent[rrtype] += chosen
        tampered = [right_id + packet[2:] if packet[:2] == b"\x12\x34" else packet for packet in chosen]
        return [*tampered, response(query, rcode="REFUSED").to_wire()]

    questions = [(NAME, rrtype) for rrtype in WANTED for _ in range(PACKETS_BY_SOCKET // PACKETS_BEFORE_AN_ANSWER // 2)]
    async with do53(answering, over_tcp=answering) as place, Resolvers([place]) as resolvers:
        said = (await resolvers.ask_all({resolvers.resolvers[0]: questions}))[resolvers.resolvers[0]]
    assert len(said) == len(questions)
    for (_, rrtype), answer in zip(questions, said, strict=True):
        if judge(WANTED[rrtype], answer, from_authority=False).state == "converged":
            assert answer.values == WANTED[rrtype].values
    assert sum(len(packets_sent) for packets_sent in sent.values()) >= PACKETS_BY_SOCKET


@given(st.binary(max_size=300), st.sampled_from(sorted(WANTED)))
def test_no_octets_raise(octets: bytes, rrtype: str) -> None:
    state_after(octets, rrtype)
    state_after(valid_responses(rrtype)[0][:AFTER_QUESTION] + octets, rrtype)


RECORDS = st.tuples(
    st.sampled_from([NAME, NAME.upper(), FQDN, "lb.example"]),
    st.integers(0, 2**31 - 1),
    st.sampled_from(
        [
            f"IN A {LOAD_BALANCER}",
            f"IN A {STRANGER}",
            f"IN AAAA {LOAD_BALANCER_V6}",
            "IN CNAME lb.example.",
            f"IN CNAME {NAME}.",
            f"IN NS ns1.{FQDN}.",
            "IN SOA . . 0 0 0 0 4294967295",
            "CH A x.example. 123",
            "HS A \\# 4 4d2a0b5f",
        ]
    ),
).map(lambda parts: "{}. {} {}".format(*parts))


@given(
    st.lists(RECORDS, max_size=5),
    st.lists(RECORDS, max_size=3),
    st.sampled_from([code.name for code in dns.rcode.Rcode if code < 16]),
    st.sampled_from([dns.flags.AA, dns.flags.AD, dns.flags.TC, dns.flags.QR]),
    st.sampled_from(sorted(WANTED)),
)
def test_no_combination_of_records_raises_or_counts_as_converged_without_the_rrset(
    answer: list[str], authority: list[str], rcode: str, flag: dns.flags.Flag, rrtype: str
) -> None:
    made = response(query_of(rrtype), *answer, rcode=rcode)
    made.authority = response(query_of(rrtype), *authority).answer
    made.flags |= flag
    state_after(made.to_wire(), rrtype)


async def test_an_honest_server_is_believed() -> None:
    right = always(lambda query: response(query, f"{NAME}. 60 IN A {LOAD_BALANCER}"))
    async with do53(right) as place, Resolvers([place]) as resolvers:
        (said,) = (await resolvers.ask_all({resolvers.resolvers[0]: [(NAME, "A")]}))[resolvers.resolvers[0]]
    assert judge(WANTED["A"], said, from_authority=False).state == "converged"

"""A question's octets, and which octets are a response to it."""

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rrset
import pytest

from sovereign_dns.clients.question import EDNS_PAYLOAD_OCTETS, NotADNSAnswerError, Question

NAME = "console.t110.omani.works"
ADDRESS = "77.42.11.95"
ID = 0xFE01


@pytest.mark.parametrize("name", [NAME, "*.omani.works", "_acme-challenge.xn--mnchen-3ya.de", "works"])
@pytest.mark.parametrize("rrtype", ["A", "AAAA", "NS", "SOA", "CAA"])
@pytest.mark.parametrize("flags", [0, dns.flags.RD | dns.flags.AD, dns.flags.RD | dns.flags.CD])
def test_a_server_reads_the_question_that_was_meant(name: str, rrtype: str, flags: int) -> None:
    read = dns.message.from_wire(Question(name, rrtype, flags).to_wire(ID))

    (asked,) = read.question
    assert (read.id, read.flags, asked.to_text()) == (ID, flags, f"{name}. IN {rrtype}")
    assert (read.edns, read.payload) == (0, EDNS_PAYLOAD_OCTETS)


def response(name: str = NAME, rrtype: str = "A") -> dns.message.Message:
    made = dns.message.make_response(dns.message.from_wire(Question(name, rrtype, 0).to_wire(ID)))
    made.answer.append(dns.rrset.from_text(f"{NAME}.", 60, "IN", "A", ADDRESS))
    return made


def test_the_name_may_come_back_in_other_letters() -> None:
    answer = Question(NAME, "A", 0).answer_in(response(NAME.upper()).to_wire(), ID)

    assert answer.values == [ADDRESS]


def test_a_refusal_may_leave_the_question_out() -> None:
    refusal = response()
    refusal.question, refusal.answer = [], []
    refusal.set_rcode(dns.rcode.REFUSED)

    assert Question(NAME, "A", 0).answer_in(refusal.to_wire(), ID).rcode == "REFUSED"


def _query() -> bytes:
    return Question(NAME, "A", 0).to_wire(ID)


def _notification() -> bytes:
    made = response()
    made.set_opcode(dns.opcode.NOTIFY)
    return made.to_wire()


@pytest.mark.parametrize(
    "wire",
    [
        response("auth.t110.omani.works").to_wire(),
        response(NAME, "AAAA").to_wire(),
        _query(),
        _notification(),
        _query()[:12],
        response().to_wire()[:-1],
    ],
    ids=["another name", "another type", "a query", "another operation", "a header", "cut short"],
)
def test_what_answers_something_else_is_no_answer(wire: bytes) -> None:
    with pytest.raises(NotADNSAnswerError):
        Question(NAME, "A", 0).answer_in(wire, ID)

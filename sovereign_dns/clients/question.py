"""One question as octets, and what the octets that come back say. Made once, however many servers are asked."""

from functools import cached_property

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdatatype

from sovereign_dns import names
from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.answers import read_answer

EDNS_PAYLOAD_OCTETS = 1232
"""Fits one packet on every path (DNS flag day 2020)."""

_ID_OCTETS = 2
_HEADER_OCTETS = 12


class NotADNSAnswerError(Exception):
    """What came is no answer to the question; the message says what it is instead."""


class Question:
    """A question for one name and type. `flags` are those of its header."""

    def __init__(self, name: str, rrtype: str, flags: int) -> None:
        self.name = name
        self.type = rrtype
        self.message = query_for(name, rrtype)
        self.message.flags = dns.flags.Flag(flags)
        self._read: dict[bytes, Answer] = {}

    def to_wire(self, message_id: int) -> bytes:
        """The query under an ID."""
        return message_id.to_bytes(_ID_OCTETS, "big") + self._after_id

    def answer_in(self, wire: bytes, message_id: int) -> Answer:
        """What a response to the query under this ID says.

        Servers that agree mostly send the same octets but for the ID, which are read once.

        Raises:
            NotADNSAnswerError: it is none.
        """
        if wire[:_ID_OCTETS] != message_id.to_bytes(_ID_OCTETS, "big"):
            response_to(self.message, wire)  # says what is wrong with it otherwise
            raise NotADNSAnswerError("a DNS message that answers another query")
        said = wire[_ID_OCTETS:]
        if said not in self._read:
            self._read[said] = read_answer(self.name, self.type, response_to(self.message, self._own_id + said))
        return self._read[said]

    def is_cut(self, wire: bytes) -> bool:
        """Whether the octets, which arrived under the ID that was sent, say that the answer had no room in them."""
        if len(wire) < _HEADER_OCTETS or not wire[2] & dns.flags.TC >> 8:
            return False
        try:
            message = dns.message.from_wire(self._own_id + wire[_ID_OCTETS:], question_only=True)
        except (dns.exception.DNSException, ValueError):
            return False
        return self.message.is_response(message)

    @cached_property
    def _after_id(self) -> bytes:
        return self.message.to_wire()[_ID_OCTETS:]

    @cached_property
    def _own_id(self) -> bytes:
        return self.message.id.to_bytes(_ID_OCTETS, "big")


def query_for(name: str, rrtype: str) -> dns.message.Message:
    """A query with recursion desired, and EDNS."""
    question = dns.name.from_text(names.absolute(name))
    return dns.message.make_query(question, dns.rdatatype.from_text(rrtype), use_edns=0, payload=EDNS_PAYLOAD_OCTETS)


def response_to(query: dns.message.Message, wire: bytes) -> dns.message.Message:
    """The response that these octets are.

    Raises:
        NotADNSAnswerError: they are none, or one to another query.
    """
    try:
        response = dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError) as error:
        raise NotADNSAnswerError(f"a malformed DNS message ({type(error).__name__}: {error})") from error
    if not query.is_response(response):
        raise NotADNSAnswerError("a DNS message that answers another query")
    return response

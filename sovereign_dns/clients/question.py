"""One question as octets, and what the octets that come back say. Made once, however many servers are asked."""

from functools import cache, cached_property

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

_KIND = 0xF8
"""The bits of the third octet that tell queries from responses, and the operations (RFC 1035 §4.1.1)."""

_RESPONSE = 0x80
_ONE = b"\0\1"
_IN = b"\0\1"


class NotADNSAnswerError(Exception):
    """What came is no answer to the question; the message says what it is instead."""


class Question:
    """A question for one name and type. `flags` are those of its header."""

    def __init__(self, name: str, rrtype: str, flags: int) -> None:
        self.name = name
        self.type = rrtype
        self._flags = flags
        self._read: dict[bytes, Answer] = {}

    @cached_property
    def message(self) -> dns.message.Message:
        """The query as a message. Most of the time its octets will do, which are cheaper."""
        message = query_for(self.name, self.type)
        message.flags = dns.flags.Flag(self._flags)
        return message

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
            self._read[said] = read_answer(self.name, self.type, self._response(wire))
        return self._read[said]

    def _response(self, wire: bytes) -> dns.message.Message:
        if not self._is_echoed_in(wire):
            return response_to(self.message, self._own_id + wire[_ID_OCTETS:])
        return _message(wire)

    def _is_echoed_in(self, wire: bytes) -> bool:
        """Whether it is a response with the very octets of the question: of most nothing else need be compared."""
        asked = self._asked
        return (
            len(wire) > _HEADER_OCTETS
            and wire[2] & _KIND == _RESPONSE
            and wire[4:6] == _ONE
            and wire[_HEADER_OCTETS : _HEADER_OCTETS + len(asked)] == asked
        )

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
    def _asked(self) -> bytes:
        """The question section."""
        kind = dns.rdatatype.from_text(self.type).to_bytes(2, "big")
        return b"".join([_name(self.name).to_wire() or b"", kind, _IN])

    @cached_property
    def _after_id(self) -> bytes:
        counts, rest = _any_query()
        return self._flags.to_bytes(2, "big") + counts + self._asked + rest

    @cached_property
    def _own_id(self) -> bytes:
        return self.message.id.to_bytes(_ID_OCTETS, "big")


def query_for(name: str, rrtype: str) -> dns.message.Message:
    """A query with recursion desired, and EDNS."""
    return dns.message.make_query(_name(name), dns.rdatatype.from_text(rrtype), use_edns=0, payload=EDNS_PAYLOAD_OCTETS)


def response_to(query: dns.message.Message, wire: bytes) -> dns.message.Message:
    """The response that these octets are.

    Raises:
        NotADNSAnswerError: they are none, or one to another query.
    """
    response = _message(wire)
    if not query.is_response(response):
        raise NotADNSAnswerError("a DNS message that answers another query")
    return response


def _message(wire: bytes) -> dns.message.Message:
    try:
        return dns.message.from_wire(wire)
    except (dns.exception.DNSException, ValueError) as error:
        raise NotADNSAnswerError(f"a malformed DNS message ({type(error).__name__}: {error})") from error


def _name(name: str) -> dns.name.Name:
    return dns.name.from_text(names.absolute(name))


@cache
def _any_query() -> tuple[bytes, bytes]:
    """What all queries share: the counts of their sections, and what follows the question."""
    wire = query_for("", "A").to_wire()
    return wire[4:_HEADER_OCTETS], wire[_HEADER_OCTETS + len(b"\0" + _ONE + _IN) :]

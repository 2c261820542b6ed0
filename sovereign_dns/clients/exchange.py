"""One question and what came of it. Nothing that a server or the network does raises."""

import errno
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dns.asyncquery
import dns.exception
import dns.message
import dns.name
import dns.rdatatype

from sovereign_dns import names
from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.answers import aged, read_answer

ATTEMPT_TIMEOUTS_SECONDS = (1.5, 3.0)
"""UDP may lose a packet: asked twice before a server counts as unreachable."""

QUESTIONS_IN_FLIGHT_PER_SERVER = 64
EDNS_PAYLOAD_OCTETS = 1232
"""Fits one packet on every path (DNS flag day 2020)."""

UNROUTABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


class NotADNSAnswerError(Exception):
    """What came is no answer to the question; the message says what it is instead."""


@dataclass(frozen=True)
class Response:
    """A response, and for how many seconds a cache on the way has kept it."""

    message: dns.message.Message
    age_seconds: int = 0


Send = Callable[[dns.message.Message, float], Awaitable[Response]]
"""Sends a query, and returns its response within that many seconds, or raises."""


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


async def exchange(
    name: str, rrtype: str, query: dns.message.Message, send: Send, timeouts_seconds: Sequence[float]
) -> Answer:
    """The answer to a query, asked once more after each timeout for as long as there are further ones."""
    asked_at, started = datetime.now(UTC), time.monotonic()
    error: Exception | None = None
    for timeout_seconds in timeouts_seconds:
        try:
            response = await send(query, timeout_seconds)
        except (dns.exception.Timeout, TimeoutError) as caught:
            error = caught
            continue
        except (dns.exception.DNSException, NotADNSAnswerError, OSError, EOFError, ValueError) as caught:
            error = caught
            break
        return aged(read_answer(name, rrtype, response.message), response.age_seconds).changed(
            latency_ms=_milliseconds_since(started), asked_at=asked_at
        )
    return Answer(
        name=name,
        type=rrtype,
        error=_described(error, sum(timeouts_seconds)),
        unroutable=isinstance(error, OSError) and error.errno in UNROUTABLE,
        latency_ms=_milliseconds_since(started),
        asked_at=asked_at,
    )


def over_udp(address: str, port: int) -> Send:
    """Over UDP, and over TCP where the answer is truncated. Packets that answer another question are ignored."""

    async def send(query: dns.message.Message, timeout_seconds: float) -> Response:
        message, _ = await dns.asyncquery.udp_with_fallback(
            query, address, timeout=timeout_seconds, port=port, ignore_unexpected=True, ignore_errors=True
        )
        return Response(message)

    return send


def _milliseconds_since(started: float) -> float:
    return round((time.monotonic() - started) * 1000, 1)


def _described(error: Exception | None, seconds: float) -> str:
    match error:
        case dns.exception.Timeout() | TimeoutError():
            return f"no answer within {seconds:g} s"
        case ConnectionRefusedError():
            return "nothing listens there (connection refused)"
        case ssl.SSLCertVerificationError():
            return f"its TLS certificate can't be trusted: {error.verify_message}"
        case EOFError():
            return "the connection was closed before an answer came"
        case NotADNSAnswerError():
            return str(error)
        case None:
            return "no answer"
        case _:
            return f"{type(error).__name__}: {error}"

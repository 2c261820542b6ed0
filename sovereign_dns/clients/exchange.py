"""One question and what came of it. Nothing that a server or the network does raises."""

import errno
import ssl
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dns.asyncquery
import dns.exception

from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.answers import aged, read_answer
from sovereign_dns.clients.datagrams import CutError, Datagrams
from sovereign_dns.clients.question import NotADNSAnswerError, Question

ATTEMPT_TIMEOUTS_SECONDS = (1.5, 3.0)
"""UDP may lose a packet: asked twice before a server counts as unreachable."""

QUESTIONS_IN_FLIGHT_PER_SERVER = 64
UNROUTABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT}


@dataclass(frozen=True)
class Response:
    """What a response says, and for how many seconds a cache on the way has kept it."""

    answer: Answer
    age_seconds: int = 0


Send = Callable[[Question, float], Awaitable[Response]]
"""Sends a question, and returns its response within that many seconds, or raises."""


async def exchange(question: Question, send: Send, timeouts_seconds: Sequence[float]) -> Answer:
    """The answer to a question, asked once more after each timeout for as long as there are further ones."""
    asked_at, started = datetime.now(UTC), time.monotonic()
    error: Exception | None = None
    for timeout_seconds in timeouts_seconds:
        try:
            response = await send(question, timeout_seconds)
        except (dns.exception.Timeout, TimeoutError) as caught:
            error = caught
            continue
        except (dns.exception.DNSException, NotADNSAnswerError, OSError, EOFError, ValueError) as caught:
            error = caught
            break
        return aged(response.answer, response.age_seconds).changed(
            latency_ms=_milliseconds_since(started), asked_at=asked_at
        )
    return Answer(
        name=question.name,
        type=question.type,
        error=_described(error, sum(timeouts_seconds)),
        unroutable=isinstance(error, OSError) and error.errno in UNROUTABLE,
        latency_ms=_milliseconds_since(started),
        asked_at=asked_at,
    )


def over_udp(address: str, port: int) -> Send:
    """Over UDP, all questions of one look over one socket, and over TCP where the answer is truncated."""
    datagrams = Datagrams(address, port)

    async def send(question: Question, timeout_seconds: float) -> Response:
        try:
            return Response(await datagrams.ask(question, timeout_seconds))
        except CutError:
            message = await dns.asyncquery.tcp(question.message, address, timeout=timeout_seconds, port=port)
            return Response(read_answer(question.name, question.type, message))

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

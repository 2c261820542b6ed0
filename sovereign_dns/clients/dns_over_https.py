"""DNS over HTTPS (RFC 8484), by POST, which no HTTP cache answers."""

import asyncio

import httpx

from sovereign_dns.clients.exchange import Response
from sovereign_dns.clients.question import NotADNSAnswerError, Question

MEDIA_TYPE = "application/dns-message"

_HEADERS = {
    "Accept": MEDIA_TYPE,
    "Content-Type": MEDIA_TYPE,
    # What is not compressed can't grow.
    "Accept-Encoding": "identity",
}
_MOST_OCTETS = 65535
_ID = 0
"""RFC 8484 §4.1: HTTP itself tells which answer is whose."""

_SHARE_OF_ONE_WAIT = 2 / 3
"""A silent connection times out by itself before its question does: only so it leaves the pool."""


class DNSOverHTTPS:
    """One server, asked over a pool of connections that others share."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def send(self, question: Question, timeout_seconds: float) -> Response:
        """Sends one question.

        Raises:
            TimeoutError: no answer in time.
            OSError: no connection, or the certificate is not trusted.
            NotADNSAnswerError: the server sent something else.
        """
        try:
            async with asyncio.timeout(timeout_seconds):
                return await self._post(question, timeout_seconds * _SHARE_OF_ONE_WAIT)
        except httpx.TimeoutException:
            raise TimeoutError from None
        except httpx.HTTPError as error:
            raise _connection_failure(error) or NotADNSAnswerError(
                f"HTTP fails: {error or type(error).__name__}"
            ) from error

    async def _post(self, question: Question, timeout_seconds: float) -> Response:
        async with self._client.stream(
            "POST", self._url, content=question.to_wire(_ID), headers=_HEADERS, timeout=timeout_seconds
        ) as response:
            media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
            if response.status_code != httpx.codes.OK:
                raise NotADNSAnswerError(f"HTTP status {response.status_code}, and no DNS answer")
            if media_type != MEDIA_TYPE:
                raise NotADNSAnswerError(f"HTTP content of type {media_type[:60] or 'unknown'}, and no {MEDIA_TYPE}")
            body = bytearray()
            async for part in response.aiter_raw():
                body += part
                if len(body) > _MOST_OCTETS:
                    raise NotADNSAnswerError("HTTP content that is longer than any DNS message")
            age = response.headers.get("Age", "")
            age_seconds = int(age) if age.isascii() and age.isdigit() and len(age) < 10 else 0
            return Response(question.answer_in(bytes(body), _ID), age_seconds)


def _connection_failure(error: BaseException) -> OSError | None:
    """What the operating system or TLS said, below what the layers above made of it."""
    deepest: OSError | None = None
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            deepest = cause
        cause = cause.__cause__ or cause.__context__
    return deepest

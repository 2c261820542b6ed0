"""One HTTP call to a backend, with its failures told apart. No retries: those happen in one place, Temporal's."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from sovereign_dns.failures import NeedsAHand, Outage
from sovereign_dns.mounted import MountedURL, UnusableURLError

TIMEOUT = httpx.Timeout(20.0, connect=5.0)
"""Seconds. A PATCH of a zone with 50,000 rrsets takes PowerDNS about one (measured), more under load."""

LONGEST_RETRY_AFTER_SECONDS = 3600.0

_UNTIL_IT_DOES = "It is tried again until it does;"
_UNTIL_IT_WORKS = "It is tried again until it works."


def without_promise(message: str) -> str:
    """A failure's message for one that is told, and not tried again."""
    return message.replace(f"{_UNTIL_IT_DOES} look", "Look").replace(_UNTIL_IT_WORKS, "").rstrip()


def retry_after_of(response: httpx.Response) -> float | None:
    """In how many seconds the server wants to be asked again, by its header Retry-After."""
    return retry_after(response.headers.get("Retry-After", ""))


@dataclass(frozen=True)
class Backend:
    """Who is called, which error types speak for it, and how it says when to ask again."""

    name: str
    url: MountedURL
    unavailable: type[Outage]
    unauthorized: type[NeedsAHand]
    unauthorized_statuses: frozenset[int]
    mend_unauthorized: Callable[[], str]
    ask_again_after: Callable[[httpx.Response], float | None] = retry_after_of

    def address(self, *, doing: str) -> str:
        """The URL as it is now.

        Raises:
            Outage: it can't be read, or is none.
        """
        try:
            return self.url.read()
        except UnusableURLError as error:
            raise self.unavailable(
                f"nothing was sent to {self.name} while {doing}, since its URL is not known: {error}", sent=False
            ) from error


async def call(
    client: httpx.AsyncClient, backend: Backend, method: str, url: str, *, doing: str, **options: Any
) -> httpx.Response:
    """Sends one request and returns any answer that is the backend's own decision (2xx and most 4xx).

    Args:
        client: the connection pool.
        backend: names the error types.
        method: the HTTP method.
        url: the absolute URL; it never holds a secret.
        doing: what for, as a sentence goes on after "while": "creating zone omani.works".
        **options: as for httpx (json, params, headers, auth).

    Raises:
        Outage: refused connection, timeout, 5xx or 429; with `retry_after` where the answer said so.
        NeedsAHand: the credentials are not accepted.
    """
    response = await send(client, backend, method, url, doing=doing, **options)
    return decided(response, backend, doing=doing)


async def send(
    client: httpx.AsyncClient, backend: Backend, method: str, url: str, *, doing: str, **options: Any
) -> httpx.Response:
    """As `call`, and returns whatever answer comes.

    Raises:
        Outage: no answer came.
        NeedsAHand: the credentials can't be sent.
    """
    with _told_apart(backend, url, doing) as parsed:
        return await client.request(method, parsed, **options)


@asynccontextmanager
async def streamed(
    client: httpx.AsyncClient, backend: Backend, method: str, url: str, *, doing: str, **options: Any
) -> AsyncIterator[httpx.Response]:
    """As `call`, but the body of a success is left to be read while it comes; where it breaks off, that is an outage.

    Raises:
        Outage: as `call` does, also while the body is read.
        NeedsAHand: as `call` does.
    """
    with _told_apart(backend, url, doing) as parsed:
        async with client.stream(method, parsed, **options) as response:
            if not response.is_success:
                await response.aread()
            yield decided(response, backend, doing=doing)


@contextmanager
def _told_apart(backend: Backend, url: str, doing: str) -> Iterator[httpx.URL]:
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise backend.unavailable(
            f"{backend.name}'s URL is not valid ({error}): {backend.url.how_to_mend('URL')}", sent=False
        ) from error
    try:
        yield parsed
    except (httpx.LocalProtocolError, UnicodeEncodeError):
        # Without its cause and its text, which holds the header, and so the secret.
        raise backend.unauthorized(
            f"nothing was sent to {backend.name} at {_place(parsed)} while {doing}, since the credentials hold a line "
            f"break or another character that no HTTP header may hold: {backend.mend_unauthorized()}"
        ) from None
    except httpx.HTTPError as error:
        raise backend.unavailable(
            f"{backend.name} at {_place(parsed)} doesn't answer ({_cause(error)}) while {doing}. "
            f"{_UNTIL_IT_DOES} look whether it runs and can be reached from the worker. "
            f"Its URL comes from {backend.url.where}.",
            sent=not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout),
        ) from error


def decided(response: httpx.Response, backend: Backend, *, doing: str, shown: str | None = None) -> httpx.Response:
    """The answer, where it is the backend's own decision; `shown` is what of it may be shown, where not its beginning.

    Raises:
        Outage: 5xx or 429; with `retry_after` where the answer said so.
        NeedsAHand: the credentials are not accepted.
    """
    at = _place(response.request.url)
    if response.status_code in backend.unauthorized_statuses:
        raise backend.unauthorized(
            f"{backend.name} at {at} answered {response.status_code} while {doing}: {backend.mend_unauthorized()}"
        )
    if response.status_code >= 500 or response.status_code == 429:
        raise backend.unavailable(
            f"{backend.name} at {at} answered {response.status_code} while {doing}: "
            f"{excerpt(response) if shown is None else shown}. {_UNTIL_IT_WORKS}",
            retry_after=backend.ask_again_after(response),
            status=response.status_code,
        )
    return response


def _place(url: httpx.URL) -> str:
    """Of a URL only this much is shown: another part could hold a password."""
    return f"{url.scheme}://{url.netloc.decode()}"


def json_of(response: httpx.Response, backend: Backend, *, doing: str) -> Any:
    """The answer's JSON.

    Raises:
        Outage: the body is no JSON, as when a proxy answers in the backend's place.
    """
    try:
        return response.json()
    except ValueError as error:
        raise backend.unavailable(
            f"{backend.name} at {response.request.url.host} answered {response.status_code} with something that is "
            f"no JSON while {doing}: {excerpt(response)}. Perhaps a proxy answers in its place."
        ) from error


def excerpt(response: httpx.Response) -> str:
    """The beginning of an answer's body on one line, for an error message. Credentials that it repeats are left out."""
    text = without_credentials(" ".join(response.text.split()), response)
    return (text[:200] + "...") if len(text) > 200 else text or "no body"


def without_credentials(text: str, response: httpx.Response) -> str:
    """Text of an answer, less the credentials of its request."""
    for credentials in _credentials_of(response):
        text = text.replace(credentials, "...")
    return text


def _credentials_of(response: httpx.Response) -> list[str]:
    """What the request proved itself with: a proxy or a debugging server may show the request in its answer."""
    try:
        sent = response.request.headers
    except RuntimeError:  # an answer to no request
        return []
    return [sent[name].split()[-1] for name in ("Authorization", "X-API-Key") if sent.get(name, "").strip()]


def _cause(error: httpx.HTTPError) -> str:
    match error:
        case httpx.ConnectTimeout():
            return "connecting took too long"
        case httpx.TimeoutException():
            return "the answer took too long"
        case httpx.ConnectError():
            return f"connection failed: {error}"
        case _:
            return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def retry_after(header: str) -> float | None:
    """Seconds, from either form of a Retry-After header (RFC 9110 §10.2.3), bounded; None where it says nothing."""
    text = header.strip()
    if not text:
        return None
    try:
        seconds = float(text) if text.isdigit() else (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
    except (ValueError, TypeError):
        return None
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER_SECONDS)

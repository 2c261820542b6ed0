"""What a backend's HTTP answer means: its own decision, an outage, or a credential to mend."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from sovereign_dns.clients.http import Backend, call, excerpt, json_of, retry_after
from sovereign_dns.failures import PowerDNSUnauthorized, PowerDNSUnavailable
from sovereign_dns.mounted import MountedURL

BACKEND = Backend(
    name="PowerDNS",
    url=MountedURL("CATALYST_POWERDNS_API_URL", "http://powerdns.example:8081"),
    unavailable=PowerDNSUnavailable,
    unauthorized=PowerDNSUnauthorized,
    unauthorized_statuses=frozenset({401, 403}),
    mend_unauthorized=lambda: "look at the key",
)
URL = "http://powerdns.example:8081/api/v1/servers/localhost/zones?secret=no"


async def answered(response: httpx.Response | Exception) -> httpx.Response:
    """What `call` makes of a backend that answers so."""

    def backend(request: httpx.Request) -> httpx.Response:
        if isinstance(response, Exception):
            raise response
        return response

    async with httpx.AsyncClient(transport=httpx.MockTransport(backend)) as client:
        return await call(client, BACKEND, "GET", URL, doing="reading zone omani.works")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0.0), ("120", 120.0), (" 7 ", 7.0), ("3600", 3600.0), ("86400", 3600.0), ("9" * 400, 3600.0)],
)
def test_retry_after_in_seconds_is_bounded(header: str, seconds: float) -> None:
    assert retry_after(header) == seconds


def test_retry_after_as_a_date_is_the_time_until_then_bounded() -> None:
    def date(ahead: timedelta) -> str:
        return format_datetime(datetime.now(UTC) + ahead, usegmt=True)

    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0
    assert retry_after(date(timedelta(days=2))) == 3600.0
    soon = retry_after(date(timedelta(minutes=50)))
    assert soon is not None
    assert 0 < soon <= 50 * 60


@pytest.mark.parametrize(
    "header", ["", "soon", "-5", "1.5", "²", "Wed, 99 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2015 07:28:00 -0000"]
)
def test_a_retry_after_that_means_nothing_is_passed_over(header: str) -> None:
    assert retry_after(header) is None


@pytest.mark.parametrize("status", [200, 201, 204, 404, 409, 422])
async def test_the_backends_own_decision_is_returned(status: int) -> None:
    assert (await answered(httpx.Response(status))).status_code == status


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_an_overloaded_backend_is_an_outage_with_the_time_to_come_again(status: int) -> None:
    with pytest.raises(PowerDNSUnavailable) as caught:
        await answered(httpx.Response(status, text="try\n later", headers={"Retry-After": "30"}))
    assert caught.value.retry_after == 30.0
    for part in ("PowerDNS", "powerdns.example", str(status), "reading zone omani.works", "try later"):
        assert part in str(caught.value)
    assert "secret=no" not in str(caught.value)


@pytest.mark.parametrize("status", [401, 403])
async def test_credentials_that_are_not_accepted_need_a_hand(status: int) -> None:
    with pytest.raises(PowerDNSUnauthorized, match="look at the key"):
        await answered(httpx.Response(status))


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (httpx.ConnectError("connection refused"), "connection failed: connection refused"),
        (httpx.ConnectTimeout("slow"), "connecting took too long"),
        (httpx.ReadTimeout("slow"), "the answer took too long"),
        (httpx.RemoteProtocolError("cut off"), "RemoteProtocolError: cut off"),
        (httpx.ReadError(""), "(ReadError)"),
    ],
)
async def test_a_backend_that_does_not_answer_is_an_outage_that_says_how(error: Exception, told: str) -> None:
    with pytest.raises(PowerDNSUnavailable) as caught:
        await answered(error)
    assert told in str(caught.value)
    assert "doesn't answer" in str(caught.value)


async def test_a_proxy_that_answers_in_its_place_is_an_outage() -> None:
    response = await answered(httpx.Response(200, text="<html>Welcome to nginx</html>"))
    with pytest.raises(PowerDNSUnavailable, match=r"no JSON while reading.*Welcome to nginx"):
        json_of(response, BACKEND, doing="reading")


async def test_json_is_read() -> None:
    assert json_of(await answered(httpx.Response(200, json={"a": 1})), BACKEND, doing="reading") == {"a": 1}


def test_an_excerpt_is_one_short_line() -> None:
    assert excerpt(httpx.Response(500, text=" a\n\n b\t")) == "a b"
    assert excerpt(httpx.Response(500)) == "no body"
    long = excerpt(httpx.Response(500, text="x" * 1000))
    assert len(long) <= 203
    assert long.endswith("...")

"""What PowerDNS' client makes of answers that are not of its API: neither success nor a refusal for good."""

from collections.abc import Awaitable, Callable

import httpx
import pytest
from pydantic import SecretStr

from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.zone_stream import ZoneStream
from sovereign_dns.failures import Failure, PowerDNSUnauthorized, PowerDNSUnavailable, ZoneMissing, ZoneRejected
from sovereign_dns.mounted import MountedURL
from sovereign_dns.rrsets import RRsetWrite
from sovereign_dns.secrets import Secret

Call = Callable[[PowerDNS], Awaitable[object]]

WRITE = [RRsetWrite(name="a.omani.works", type="A", ttl=60, values=["77.42.11.95"])]


def answering(status: int, **answer: object) -> PowerDNS:
    transport = httpx.MockTransport(lambda _: httpx.Response(status, **answer))  # type: ignore[arg-type]
    key = Secret("CATALYST_POWERDNS_API_KEY", SecretStr("canary"))
    return PowerDNS(httpx.AsyncClient(transport=transport), MountedURL("URL", "http://pdns.test:8081"), key)


def create(client: PowerDNS) -> Awaitable[object]:
    return client.create_zone("omani.works", ["ns1.openova.io"])


def change(client: PowerDNS) -> Awaitable[object]:
    return client.change("omani.works", WRITE)


def read(client: PowerDNS) -> Awaitable[object]:
    return client.at_name("omani.works", "a.omani.works")


def metadata(client: PowerDNS) -> Awaitable[object]:
    return client.zone("omani.works")


def delete(client: PowerDNS) -> Awaitable[object]:
    return client.delete_zone("omani.works")


def keys(client: PowerDNS) -> Awaitable[object]:
    return client.ds_records("omani.works")


async def stream(client: PowerDNS) -> list[object]:
    return [name async for name in ZoneStream(client).names("omani.works")]


@pytest.mark.parametrize(
    ("call", "status", "expected"),
    [
        (create, 302, PowerDNSUnavailable),
        (create, 200, PowerDNSUnavailable),
        (create, 404, PowerDNSUnavailable),
        (create, 405, PowerDNSUnavailable),
        (create, 422, ZoneRejected),
        (create, 500, PowerDNSUnavailable),
        (create, 401, PowerDNSUnauthorized),
        (change, 200, PowerDNSUnavailable),
        (change, 302, PowerDNSUnavailable),
        (change, 404, PowerDNSUnavailable),
        (change, 405, PowerDNSUnavailable),
        (change, 422, ZoneRejected),
        (change, 429, PowerDNSUnavailable),
        (change, 500, PowerDNSUnavailable),
        (read, 200, PowerDNSUnavailable),
        (read, 302, PowerDNSUnavailable),
        (read, 404, PowerDNSUnavailable),
        (metadata, 404, PowerDNSUnavailable),
        (delete, 200, PowerDNSUnavailable),
        (delete, 404, PowerDNSUnavailable),
        (keys, 404, PowerDNSUnavailable),
        (stream, 404, PowerDNSUnavailable),
    ],
)
async def test_only_what_is_said_is_believed(call: Call, status: int, expected: type[Failure]) -> None:
    with pytest.raises(expected) as failed:
        await call(answering(status, text="<html>another server</html>"))

    assert "omani.works" in str(failed.value)
    assert "canary" not in str(failed.value)


async def test_a_zone_that_was_there_already_is_success() -> None:
    assert await answering(409, text="Conflict").create_zone("omani.works", []) is False
    assert await answering(201, json={}).create_zone("omani.works", []) is True
    await answering(204).change("omani.works", WRITE)


async def test_comments_of_other_names_that_the_filter_lets_through_are_no_rrsets() -> None:
    listed = {
        "rrsets": [
            {"name": "b.omani.works.", "type": "A", "ttl": 60, "records": [], "comments": [{"content": "x"}]},
            {"name": "a.omani.works.", "type": "A", "ttl": 60, "records": [{"content": "77.42.11.95"}]},
        ]
    }

    found = await answering(200, json=listed).at_name("omani.works", "a.omani.works")

    assert [(rrset.name, rrset.served) for rrset in found.rrsets] == [("a.omani.works", ["77.42.11.95"])]
    assert found.comments_of_others == 1


@pytest.mark.parametrize(("status", "body"), [(200, {}), (400, {"error": "busy"}), (408, {"rrsets": []})])
async def test_an_error_never_reads_as_an_empty_zone(status: int, body: dict[str, object]) -> None:
    with pytest.raises(PowerDNSUnavailable):
        await answering(status, json=body).at_name("omani.works", "a.omani.works")


@pytest.mark.parametrize(("candidates", "calls"), [(3, 3), (500, 1)])
async def test_many_names_are_not_asked_for_one_by_one(candidates: int, calls: int) -> None:
    asked: list[httpx.URL] = []
    zones = [{"name": name, "kind": "Native"} for name in ("z1.omani.works.", "elsewhere.example.")]

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        one = request.url.params.get("zone")
        return httpx.Response(200, json=[zone for zone in zones if one in {None, zone["name"]}])

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    powerdns = PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", SecretStr("key")))

    assert await powerdns.hosted(f"z{number}.omani.works" for number in range(candidates)) == {"z1.omani.works"}
    assert len(asked) == calls


@pytest.mark.parametrize("said", [{"text": "Not Found"}, {"json": {"error": "Not Found"}}])
async def test_a_zone_that_powerdns_itself_does_not_know_is_missing(said: dict[str, object]) -> None:
    client = answering(404, **said)

    assert await metadata(client) is None
    assert await delete(client) is False
    assert await stream(client) == []
    for call in (read, change, keys):
        with pytest.raises(ZoneMissing):
            await call(client)

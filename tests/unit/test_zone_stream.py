"""Whole zones read while the answer comes: name by name, and never taken for whole where it breaks off."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.zone_stream import ZoneStream
from sovereign_dns.failures import PowerDNSUnauthorized, PowerDNSUnavailable
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret
from tests.unit.builders import LOAD_BALANCER, PARENT

SMALL_BUFFER = 16_384
"""Bytes that a socket holds back."""

SOA = {"name": f"{PARENT}.", "type": "SOA", "ttl": 3600, "records": [{"content": "x", "disabled": False}]}


def api_rrset(name: str, rrtype: str = "A") -> dict[str, Any]:
    return {
        "name": f"{name}.{PARENT}.",
        "type": rrtype,
        "ttl": 60,
        "records": [{"content": LOAD_BALANCER, "disabled": False}],
        "comments": [{"content": "x", "account": "ada", "modified_at": 1}],
    }


def body(*rrsets: dict[str, Any]) -> bytes:
    return json.dumps({"name": f"{PARENT}.", "rrsets": [*rrsets, SOA], "serial": 1}).encode()


class Pieces(httpx.AsyncByteStream):
    """A body that comes piece by piece, and may end in an error."""

    def __init__(self, content: bytes, *, size: int = 7, error: httpx.HTTPError | None = None) -> None:
        self._pieces = [content[start : start + size] for start in range(0, len(content), size)]
        self._error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self._pieces:
            yield piece
        if self._error:
            raise self._error


def zone_stream(answer: Callable[[httpx.Request], httpx.Response]) -> ZoneStream:
    return over(httpx.AsyncClient(transport=httpx.MockTransport(answer)), "http://pdns.test:8081")


def over(client: httpx.AsyncClient, url: str) -> ZoneStream:
    key = Secret("CATALYST_POWERDNS_API_KEY", SecretStr("k"), None)
    return ZoneStream(PowerDNS(client, MountedURL("URL", url), key))


def small_buffered_client() -> httpx.AsyncClient:
    """What it has not read waits at the server."""
    small = (socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
    return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(socket_options=[small]))


def answering(stream: Pieces, status: int = 200) -> ZoneStream:
    return zone_stream(lambda _: httpx.Response(status, stream=stream))


async def names_of(stream: ZoneStream) -> list[tuple[str, list[str]]]:
    return [(name, [rrset.type for rrset in rrsets]) async for name, rrsets in stream.names(PARENT)]


async def test_the_rrsets_of_a_name_come_together_in_whatever_pieces_the_answer_comes() -> None:
    rrsets = [api_rrset("B", "AAAA"), api_rrset("b"), api_rrset("a")]
    for size in (1, 7, 100_000):
        found = await names_of(answering(Pieces(body(*rrsets), size=size)))
        assert found == [(f"b.{PARENT}", ["AAAA", "A"]), (f"a.{PARENT}", ["A"]), (PARENT, ["SOA"])]


async def test_of_an_answer_that_breaks_off_no_name_is_told() -> None:
    stream = answering(Pieces(body(api_rrset("b"), api_rrset("a")), error=httpx.ReadError("reset")))
    async with aclosing(stream.names(PARENT)) as names:
        with pytest.raises(PowerDNSUnavailable, match=PARENT):
            await anext(names)


async def test_a_zone_is_read_whole_however_long_its_reader_pauses() -> None:
    """The server hangs up as PowerDNS does: on who has not taken all of the answer by the time of the pause."""
    content = body(*(api_rrset(f"h{number}") for number in range(3_000)))
    pausing, paused = asyncio.Event(), asyncio.Event()

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(content) + content)
        await pausing.wait()
        if writer.transport.get_write_buffer_size():
            writer.transport.abort()
        writer.close()
        paused.set()

    read = []
    async with await asyncio.start_server(serve, "127.0.0.1") as server, small_buffered_client() as client:
        port = server.sockets[0].getsockname()[1]
        async with aclosing(over(client, f"http://127.0.0.1:{port}").names(PARENT)) as names:
            async for name, _ in names:
                pausing.set()
                await paused.wait()
                read.append(name)

    assert len(read) == 3_001


@pytest.mark.parametrize(
    "stream",
    [
        pytest.param(Pieces(body(api_rrset("b"))[:-30]), id="ends too early"),
        pytest.param(Pieces(body(api_rrset("b"))[:-30], error=httpx.ReadError("reset")), id="connection reset"),
        pytest.param(Pieces(body(api_rrset("b"))[:-30], error=httpx.ReadTimeout("slow")), id="too slow"),
        pytest.param(Pieces(b"<html>a proxy</html>"), id="no JSON"),
        pytest.param(Pieces(json.dumps({"rrsets": [{"name": 1}]}).encode()), id="not of the API"),
        pytest.param(Pieces(json.dumps({"rrsets": [api_rrset("b")]}).encode()), id="no SOA"),
        pytest.param(Pieces(json.dumps({"error": "x"}).encode()), id="an error that is called a success"),
    ],
)
async def test_what_breaks_off_is_never_taken_for_a_whole_zone(stream: Pieces) -> None:
    with pytest.raises(PowerDNSUnavailable, match=PARENT):
        await names_of(answering(stream))


@pytest.mark.parametrize(
    ("status", "failure"), [(500, PowerDNSUnavailable), (401, PowerDNSUnauthorized), (302, PowerDNSUnavailable)]
)
async def test_an_answer_that_is_none_is_told_apart(status: int, failure: type[Exception]) -> None:
    with pytest.raises(failure):
        await names_of(answering(Pieces(b"Internal Server Error"), status))


async def test_a_zone_that_is_not_hosted_any_more_has_no_names() -> None:
    assert await names_of(answering(Pieces(b'{"error": "Not Found"}'), 404)) == []


async def test_a_zone_that_powerdns_refuses_to_tell_is_not_taken_for_an_empty_one() -> None:
    with pytest.raises(PowerDNSUnavailable, match=rf"answered 422 while reading .* {PARENT}: .*database is gone"):
        await names_of(answering(Pieces(b'{"error": "database is gone"}'), 422))


async def test_the_list_of_zones_is_sorted_and_without_dots() -> None:
    listed = [{"name": "b.works.", "kind": "Native"}, {"name": "A.works.", "kind": "Slave"}]
    assert await answering(Pieces(json.dumps(listed).encode())).zones() == ["a.works", "b.works"]
    assert await answering(Pieces(b"[]")).zones() == []
    with pytest.raises(PowerDNSUnavailable):
        await answering(Pieces(b'[{"name": "b.works."'), 200).zones()
    with pytest.raises(PowerDNSUnavailable, match="CATALYST_POWERDNS_SERVER_ID"):
        await answering(Pieces(b"Not Found"), 404).zones()

"""What a zone holds at some names: by search, by name or out of the whole zone, and never half of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.rrsets_at_names import SMALL, RRsetsAtNames
from sovereign_dns.failures import PowerDNSUnavailable, ZoneMissing
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret
from tests.unit.builders import LOAD_BALANCER, PARENT
from tests.unit.test_zone_stream import SOA, Pieces, api_rrset, body

MANY = 60
OURS = f"sovereign=t1.{PARENT} deployment=d1 written=0123456789abcdef"


def name(number: int) -> str:
    return f"n{number}.{PARENT}"


class Server:
    """A PowerDNS with one zone, which answers a read by name with the comments of other names besides.

    `searched` is whether its backend can be searched: then everything asked for is found, with this comment.
    """

    def __init__(
        self,
        *,
        comments: int = 0,
        zone: httpx.Response | None = None,
        hosted: bool = True,
        searched: bool = True,
        comment: str = OURS,
    ) -> None:
        self.asked: list[str] = []
        self._zone = zone
        self._comments = [api_rrset(f"c{number}") | {"records": []} for number in range(comments)]
        self._hosted, self._searched, self._comment = hosted, searched, comment

    def client(self) -> PowerDNS:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        return PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", SecretStr("key")))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        by_name = request.url.params.get("rrset_name")
        kind = "search" if request.url.path.endswith("/search-data") else "name" if by_name else "zone"
        self.asked.append("metadata" if "rrsets" in request.url.params else kind)
        if kind == "search":
            return httpx.Response(200, json=self._found(**request.url.params) if self._hosted else [])
        if not self._hosted:
            return httpx.Response(404, text="Not Found")
        if by_name:
            own = api_rrset(by_name.removesuffix(f".{PARENT}."))
            return httpx.Response(200, json={"rrsets": [*self._comments, own]})
        if self.asked[-1] == "metadata":
            return httpx.Response(200, json={"name": f"{PARENT}.", "kind": "Slave"})
        return self._zone or httpx.Response(
            200, content=body(*(api_rrset(f"n{number}") for number in reversed(range(MANY)))), request=request
        )

    def _found(self, q: str, object_type: str, **_: str) -> list[dict[str, Any]]:
        if not self._searched:
            return []
        rrtype = "SOA" if q == PARENT else "A"
        content = LOAD_BALANCER if object_type == "record" else self._comment
        found = {"name": f"{q}.", "type": rrtype, "ttl": 60, "content": content, "zone": f"{PARENT}."}
        return [found] * (SMALL if q == f"*.{PARENT}" else 1)


async def read(server: Server, names: int) -> list[str]:
    found = await RRsetsAtNames(server.client()).served(PARENT, [name(number) for number in range(names)])
    return [rrset.name for rrset in found]


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        pytest.param(2, ["search"] * 3 + ["search"] * 2, id="each name, the apex, and the comments of what is there"),
        pytest.param(MANY, ["zone"], id="many scattered names"),
    ],
)
async def test_names_are_searched_for_unless_they_are_many(names: int, asked: list[str]) -> None:
    server = Server(comments=20_000)

    assert await read(server, names) == [name(number) for number in range(names)]
    assert server.asked == asked


@pytest.mark.parametrize(
    ("names", "comments", "asked"),
    [
        pytest.param(1, 20_000, ["name"], id="the one name is read in any case"),
        pytest.param(14, 100, ["name"] * 14, id="a small zone"),
        pytest.param(14, 2_000, ["name", "zone"], id="each further read would tell as many comments"),
    ],
)
async def test_where_comments_may_be_of_others_the_names_are_read_for_their_accounts(
    names: int, comments: int, asked: list[str]
) -> None:
    server = Server(comments=comments, comment="asked for by Ada")

    found = await RRsetsAtNames(server.client()).held(PARENT, [name(number) for number in range(names)])

    assert [one for one in server.asked if one != "search"] == asked
    assert [(rrset.name, rrset.comments[0].account) for rrset in found] == [
        (name(number), "ada") for number in range(names)
    ]


@pytest.mark.parametrize(
    ("names", "comments", "asked"),
    [
        pytest.param(3, 100, ["name"] * 4, id="a small zone"),
        pytest.param(3, 20_000, ["name", "zone"], id="each further read would tell as many comments"),
    ],
)
async def test_a_backend_that_can_not_be_searched_is_read_by_name(names: int, comments: int, asked: list[str]) -> None:
    server = Server(comments=comments, searched=False)

    assert await read(server, names) == [name(number) for number in range(names)]
    assert [one for one in server.asked if one != "search"] == asked


@pytest.mark.parametrize("names", [2, MANY])
async def test_a_zone_that_is_gone_is_told_as_that_and_not_as_an_empty_one(names: int) -> None:
    with pytest.raises(ZoneMissing, match=PARENT):
        await read(Server(hosted=False), names)


async def test_a_zone_that_was_never_transferred_holds_nothing() -> None:
    assert await read(Server(zone=httpx.Response(200, json={"rrsets": []})), MANY) == []


async def test_of_an_answer_that_breaks_off_nothing_is_told() -> None:
    half = Pieces(body(*(api_rrset(f"n{number}") for number in range(MANY)))[:-400], size=1000)
    with pytest.raises(PowerDNSUnavailable, match=rf"broke off.*reading the whole of zone {PARENT}"):
        await read(Server(zone=httpx.Response(200, stream=half)), MANY)


class Hanging(httpx.AsyncByteStream):
    """A body that begins, and never ends."""

    def __init__(self) -> None:
        self.begun, self.closed = asyncio.Event(), False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield body(api_rrset("n1"))[:100]
        self.begun.set()
        await asyncio.Event().wait()

    async def aclose(self) -> None:
        self.closed = True


async def test_who_is_cancelled_while_the_zone_is_read_lets_go_of_it_at_once() -> None:
    hanging = Hanging()
    server = Server(zone=httpx.Response(200, stream=hanging))
    at_names = RRsetsAtNames(server.client())
    everything = [name(number) for number in range(MANY)]
    reading = asyncio.create_task(at_names.held(PARENT, everything))
    await hanging.begun.wait()

    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading

    assert hanging.closed
    server._zone = httpx.Response(200, json={"rrsets": [SOA]})
    assert await asyncio.wait_for(at_names.held(PARENT, everything), 5) == []


def disabled(label: str, *states: bool) -> dict[str, Any]:
    records = [{"content": f"192.0.2.{place}", "disabled": state} for place, state in enumerate(states)]
    return api_rrset(label) | {"records": records}


async def test_what_is_served_has_nothing_disabled_however_it_was_read() -> None:
    whole = body(disabled("n1", True), disabled("n2", False, True), api_rrset("n3") | {"records": []})
    at_names = RRsetsAtNames(Server(zone=httpx.Response(200, content=whole)).client())

    found = await at_names.served(PARENT, [name(number) for number in range(MANY)])

    assert [(rrset.name, rrset.served, rrset.disabled) for rrset in found] == [(name(2), ["192.0.2.0"], [])]
    assert LOAD_BALANCER not in str(found)

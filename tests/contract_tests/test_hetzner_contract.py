"""What we rely on in the Hetzner Cloud API: lists, pages, the order by id, the rate limit's headers, and errors.

Reads only; where a project has too few resources for a statement to be seen, the simulator's has enough.
"""

import ipaddress
import time
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from sovereign_dns.clients.hetzner import Hetzner
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret

KINDS = ("servers", "load_balancers", "floating_ips", "primary_ips")


async def page(hcloud: httpx.AsyncClient, kind: str, **query: Any) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    answer = (await hcloud.get(f"/{kind}", params=query)).raise_for_status()
    assert answer.headers["Content-Type"].startswith("application/json")
    body = answer.json()
    return body[kind], body["meta"]["pagination"]


async def all_of(hcloud: httpx.AsyncClient, kind: str, **query: Any) -> list[dict[str, Any]]:
    found, number = [], 1
    while True:
        entries, pagination = await page(hcloud, kind, page=number, **query)
        found += entries
        if pagination["next_page"] is None:
            return found
        number = pagination["next_page"]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_list_comes_in_pages_that_count_themselves(hcloud: httpx.AsyncClient, kind: str) -> None:
    entries, pagination = await page(hcloud, kind)
    assert (pagination["page"], pagination["per_page"], pagination["previous_page"]) == (1, 25, None)
    _, one_a_page = await page(hcloud, kind, per_page=1)
    assert one_a_page["next_page"] == (2 if one_a_page["total_entries"] > 1 else None)
    assert len(await all_of(hcloud, kind, per_page=1)) == pagination["total_entries"] >= len(entries)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_holds_fifty_entries_and_no_more(hcloud: httpx.AsyncClient, kind: str) -> None:
    _, pagination = await page(hcloud, kind, per_page=50)
    assert pagination["per_page"] == 50
    entries, _ = await page(hcloud, kind, per_page=50)
    assert len(entries) <= 50


@pytest.mark.parametrize("kind", KINDS)
async def test_a_list_is_sorted_by_id_the_newest_first(hcloud: httpx.AsyncClient, kind: str) -> None:
    ids = [entry["id"] for entry in await all_of(hcloud, kind, sort="id:desc")]
    assert ids == sorted(ids, reverse=True)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_page_after_the_last_one_is_empty(hcloud: httpx.AsyncClient, kind: str) -> None:
    entries, pagination = await page(hcloud, kind, page=9999)
    assert entries == []
    assert pagination["next_page"] is None


async def test_servers_and_load_balancers_have_public_addresses_or_none(hcloud: httpx.AsyncClient) -> None:
    for server in await all_of(hcloud, "servers"):
        public = server["public_net"]
        assert public["ipv4"] is None or ipaddress.IPv4Address(public["ipv4"]["ip"])
        assert public["ipv6"] is None or ipaddress.IPv6Network(public["ipv6"]["ip"]).prefixlen == 64
    for balancer in await all_of(hcloud, "load_balancers"):
        public = balancer["public_net"]
        assert not public["ipv4"]["ip"] or ipaddress.IPv4Address(public["ipv4"]["ip"])
        assert not public["ipv6"]["ip"] or ipaddress.IPv6Address(public["ipv6"]["ip"])


@pytest.mark.parametrize("kind", ["floating_ips", "primary_ips"])
async def test_an_ip_is_an_ipv4_address_or_an_ipv6_network(hcloud: httpx.AsyncClient, kind: str) -> None:
    for entry in await all_of(hcloud, kind):
        if entry["type"] == "ipv4":
            assert ipaddress.IPv4Address(entry["ip"])
        else:
            assert ipaddress.IPv6Network(entry["ip"]).prefixlen == 64


async def test_each_answer_tells_the_rate_limit_in_unix_time(hcloud: httpx.AsyncClient) -> None:
    headers = (await hcloud.get("/servers")).headers
    assert int(headers["RateLimit-Limit"]) > int(headers["RateLimit-Remaining"]) > 0
    assert abs(int(headers["RateLimit-Reset"]) - time.time()) < 7200


@pytest.mark.parametrize("token", ["x", "nobody-knows-it"])
async def test_an_unknown_token_is_unauthorized(hcloud: httpx.AsyncClient, token: str) -> None:
    answer = await hcloud.get("/servers", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")


@pytest.mark.parametrize("query", [{"page": 0}, {"sort": "nothing:desc"}])
async def test_a_parameter_that_is_none_is_refused(hcloud: httpx.AsyncClient, query: dict[str, Any]) -> None:
    answer = await hcloud.get("/servers", params=query)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_input")


async def test_the_client_finds_what_the_lists_hold(hetzner: tuple[str, str], hcloud: httpx.AsyncClient) -> None:
    url, token = hetzner
    async with httpx.AsyncClient(trust_env=False) as plain:
        client = Hetzner(plain, MountedURL("HCLOUD_ENDPOINT", url), Secret("HCLOUD_TOKEN", SecretStr(token)))
        found = {str(one.network) for one in await client.networks()}
    for kind in ("floating_ips", "primary_ips"):
        for entry in await all_of(hcloud, kind):
            assert str(ipaddress.ip_network(entry["ip"])) in found
    balancers = [balancer["public_net"]["ipv4"]["ip"] for balancer in await all_of(hcloud, "load_balancers")]
    assert {f"{address}/32" for address in balancers if address} <= found
    assert not any(ipaddress.ip_network(network).is_loopback for network in found)

"""The client of the Hetzner Cloud API at its simulator: pages, pages that change, limits, outages, and its secret."""

import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from devstack.hetzner_simulator import HetznerSimulator
from devstack.ports import free_port
from sovereign_dns.clients.hetzner import Hetzner
from sovereign_dns.failures import Failure, HetznerUnauthorized, HetznerUnavailable
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret
from tests.trust import TRUST

PROJECTS = [secrets.token_hex(4) for _ in range(40)]


@pytest.fixture(scope="module")
def simulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HetznerSimulator]:
    tokens = [f"{project}-{secrets.token_hex(8)}" for project in PROJECTS]
    with HetznerSimulator(tmp_path_factory.mktemp("hetzner"), free_port(), *tokens) as running:
        yield running


class Project:
    """A project of the test's own, and a client with its token."""

    def __init__(self, simulator: HetznerSimulator, http: httpx.AsyncClient, folder: Path) -> None:
        self.name = PROJECTS.pop()
        known = simulator.token_file.read_text(encoding="utf-8").split()
        self.token = next(token for token in known if token.startswith(f"{self.name}-"))
        self.token_file = folder / "token"
        self.token_file.write_text(f"{self.token}\n", encoding="utf-8")
        self.client = Hetzner(
            http,
            MountedURL("HCLOUD_ENDPOINT", simulator.url),
            Secret("HCLOUD_TOKEN", file=self.token_file),
        )
        self._http = http
        self._control = f"{simulator.origin}/simulator"

    async def add(self, kind: str, *resources: dict[str, Any]) -> None:
        (await self._http.post(f"{self._control}/projects/{self.name}/{kind}", json=resources)).raise_for_status()

    async def fail(self, **fault: Any) -> None:
        (await self._http.post(f"{self._control}/faults", json={"project": self.name, **fault})).raise_for_status()

    async def calls(self) -> list[dict[str, Any]]:
        answer = await self._http.get(f"{self._control}/calls", params={"project": self.name})
        calls: list[dict[str, Any]] = answer.json()["calls"]
        return calls

    async def addresses(self) -> set[str]:
        return {str(one.network) for one in await self.client.networks()}

    async def failure(self) -> Failure:
        with pytest.raises(Failure) as failed:
            await self.client.networks()
        assert self.token not in str(failed.value)
        return failed.value


@pytest.fixture
async def project(simulator: HetznerSimulator, tmp_path: Path) -> AsyncIterator[Project]:
    async with httpx.AsyncClient(trust_env=False, timeout=10, verify=TRUST) as http:
        yield Project(simulator, http, tmp_path)


def many(count: int) -> list[dict[str, str]]:
    return [{"ipv4": f"198.51.{number // 250}.{number % 250}"} for number in range(count)]


async def test_public_addresses_of_every_kind_are_found_and_private_ones_are_not(project: Project) -> None:
    await project.add("servers", {"ipv4": "192.0.2.1", "ipv6": "2001:db8:1::/64", "private_ip": "10.0.0.2"}, {})
    await project.add("load_balancers", {"ipv4": "192.0.2.2", "ipv6": "2001:db8::2", "enabled": False, "name": "lb-1"})
    await project.add("floating_ips", {"ip": "192.0.2.3"}, {"ip": "2001:db8:3::/64"})
    await project.add("primary_ips", {"ip": "192.0.2.4"}, {"ip": "2001:db8:4::/64"})

    assert await project.addresses() == {
        *(f"192.0.2.{last}/32" for last in (1, 2, 3, 4)),
        "2001:db8:1::/64", "2001:db8::2/128", "2001:db8:3::/64", "2001:db8:4::/64",
    }  # fmt: skip
    named = {str(one.network): one.resource for one in await project.client.networks()}
    assert named["192.0.2.2/32"] == "load balancer lb-1"


@pytest.mark.parametrize("count", [50, 51, 120])
async def test_every_page_is_read(project: Project, count: int) -> None:
    await project.add("load_balancers", *many(count))

    assert len(await project.addresses()) == count
    pages = [call["query"] for call in await project.calls() if call["call"] == "load_balancers"]
    assert [query["page"] for query in pages] == [str(number) for number in range(1, -(-count // 50) + 1)]
    assert {query["per_page"] for query in pages} == {"50"}


async def test_an_entry_that_moves_to_a_page_that_was_read_is_not_lost(project: Project) -> None:
    await project.add("servers", *many(101))
    await project.fail(kind="deleted-while-paging", call="servers", times=1)

    assert len(await project.addresses()) == 100


async def test_a_list_that_never_stands_still_is_not_believed(project: Project) -> None:
    await project.add("servers", *many(101))
    await project.fail(kind="deleted-while-paging", call="servers")

    failure = await project.failure()
    assert isinstance(failure, HetznerUnavailable)
    assert "entries may be missing" in str(failure)


async def test_projects_have_a_token_each(project: Project, simulator: HetznerSimulator) -> None:
    other = PROJECTS.pop()
    known = simulator.token_file.read_text(encoding="utf-8").split()
    further = next(token for token in known if token.startswith(f"{other}-"))
    project.token_file.write_text(f"{project.token}\n{further}\n", encoding="utf-8")
    await project.add("floating_ips", {"ip": "192.0.2.3"})
    project.name = other
    await project.add("floating_ips", {"ip": "192.0.2.4"})

    assert await project.addresses() == {"192.0.2.3/32", "192.0.2.4/32"}


async def test_a_token_that_is_mended_is_read_afresh(project: Project) -> None:
    await project.add("floating_ips", {"ip": "192.0.2.3"})
    project.token_file.write_text("another-token", encoding="utf-8")

    failure = await project.failure()
    assert isinstance(failure, HetznerUnauthorized)
    assert "permission Read" in str(failure)
    assert f"{project.token_file} (HCLOUD_TOKEN_FILE)" in str(failure)
    assert "another-token" not in str(failure)

    project.token_file.write_text(project.token, encoding="utf-8")
    assert await project.addresses() == {"192.0.2.3/32"}


@pytest.mark.parametrize("content", [None, "", " \n"])
async def test_without_a_token_nothing_is_asked(project: Project, content: str | None) -> None:
    project.token_file.unlink()
    if content is not None:
        project.token_file.write_text(content, encoding="utf-8")

    assert project.client.is_configured
    assert isinstance(await project.failure(), HetznerUnauthorized)
    assert await project.calls() == []


async def test_a_used_up_limit_says_when_to_come_again(project: Project) -> None:
    await project.fail(kind="rate-limit", seconds=90)

    before = time.time()
    failure = await project.failure()
    assert isinstance(failure, HetznerUnavailable)
    assert failure.retry_after is not None
    assert 90 - (time.time() - before) - 1 <= failure.retry_after <= 91
    assert "limit of 3600 requests per hour reached" in str(failure)


async def test_a_limit_on_a_later_page_fails_the_whole_reading(project: Project) -> None:
    await project.add("servers", *many(60))
    await project.fail(kind="rate-limit", call="servers", seconds=0)

    assert (await project.failure()).retry_after is not None


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"kind": "status", "status": 403}, HetznerUnauthorized),
        ({"kind": "status", "status": 404}, HetznerUnavailable),
        ({"kind": "status", "status": 500}, HetznerUnavailable),
        ({"kind": "status", "status": 503, "retryAfter": 7}, HetznerUnavailable),
        ({"kind": "html", "status": 502}, HetznerUnavailable),
        ({"kind": "html", "status": 200}, HetznerUnavailable),
        ({"kind": "nonsense"}, HetznerUnavailable),
        ({"kind": "reset"}, HetznerUnavailable),
        ({"kind": "lost-answer"}, HetznerUnavailable),
    ],
)
async def test_only_what_is_said_is_believed(project: Project, fault: dict[str, Any], expected: type[Failure]) -> None:
    await project.add("servers", *many(2))
    await project.fail(call="servers", **fault)

    failure = await project.failure()
    assert type(failure) is expected
    assert failure.retry_after == fault.get("retryAfter")


async def test_an_answer_that_takes_too_long_is_an_outage(project: Project) -> None:
    await project.fail(kind="slow", seconds=30, call="servers")
    project._http.timeout = httpx.Timeout(0.2)

    assert "took too long" in str(await project.failure())


@pytest.mark.parametrize(
    "answer",
    [
        {"servers": [], "meta": {"pagination": {"next_page": 1, "total_entries": 0}}},
        {"servers": [], "meta": {}},
        {"servers": None, "meta": {"pagination": {"next_page": None, "total_entries": 0}}},
        {
            "servers": [{"id": 1, "ip": "not an address"}],
            "meta": {"pagination": {"next_page": None, "total_entries": 1}},
        },
        [],
        "servers",
    ],
)
async def test_json_of_another_form_is_an_outage(answer: object) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=answer))
    async with httpx.AsyncClient(transport=transport) as http:
        client = Hetzner(http, MountedURL("HCLOUD_ENDPOINT", "http://hetzner.test/v1"), token_of("canary"))
        with pytest.raises(HetznerUnavailable) as failed:
            await client.networks()
    assert "not of its API" in str(failed.value)


@pytest.mark.parametrize("status", [400, 500])
async def test_a_token_that_an_answer_repeats_is_not_shown(status: int) -> None:
    def repeating(request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, text=f"you sent: {dict(request.headers)}")

    async with httpx.AsyncClient(transport=httpx.MockTransport(repeating)) as http:
        client = Hetzner(http, MountedURL("HCLOUD_ENDPOINT", "http://hetzner.test/v1"), token_of("canary-token"))
        with pytest.raises(HetznerUnavailable) as failed:
            await client.networks()
    assert "you sent" in str(failed.value)
    assert "canary" not in str(failed.value)


def token_of(text: str) -> Secret:
    return Secret("HCLOUD_TOKEN", SecretStr(text))

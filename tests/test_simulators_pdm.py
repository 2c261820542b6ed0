"""What only the simulated PDM can do: fail on demand, show what it wrote, and survive a restart."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
import dns.asyncquery
import dns.message
import dns.rcode
import httpx
import pytest
from aiohttp.test_utils import TestServer

from devstack.pdm_simulator import PDMSimulator
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from devstack.simulators.pdm import make_app, parse_options
from devstack.state_folder import secret
from tests.trust import TRUST

FQDN, ADDRESS = "otech5.example.test", "192.0.2.10"
Json = dict[str, Any]


class Pool:
    """A pool domain of a test's own, at the simulated PDM and in its PowerDNS."""

    def __init__(self, http: httpx.AsyncClient, powerdns: httpx.AsyncClient, dns_port: int) -> None:
        self.http = http
        self.powerdns = powerdns
        self.name = f"p{secrets.token_hex(5)}.test"
        self._dns_port = dns_port

    async def create(self) -> None:
        zone = {"name": f"{self.name}.", "kind": "Native", "nameservers": ["ns1.openova.io."]}
        (await self.powerdns.post("/zones", json=zone)).raise_for_status()

    async def fail(self, kind: str, **more: Any) -> None:
        fault = {"pool": self.name, "kind": kind, **more}
        (await self.http.post("/simulator/faults", json=fault)).raise_for_status()

    async def reserve(self, label: str = "otech5") -> httpx.Response:
        return await self.http.post(f"/api/v1/pool/{self.name}/reserve", json={"subdomain": label})

    async def commit(self, token: str, label: str = "otech5") -> httpx.Response:
        body = {"subdomain": label, "reservationToken": token, "sovereignFQDN": FQDN, "loadBalancerIP": ADDRESS}
        return await self.http.post(f"/api/v1/pool/{self.name}/commit", json=body)

    async def reserved(self) -> str:
        return str((await self.reserve()).raise_for_status().json()["reservationToken"])

    async def release(self, label: str = "otech5") -> httpx.Response:
        return await self.http.delete(f"/api/v1/pool/{self.name}/release", params={"sub": label})

    async def rows(self) -> list[Json]:
        listed: list[Json] = (await self.http.get(f"/api/v1/pool/{self.name}/list")).json()["allocations"]
        return listed

    async def calls(self) -> list[Json]:
        found: list[Json] = (await self.http.get("/simulator/calls", params={"pool": self.name})).json()["calls"]
        return found

    async def rrset(self, zone: str, name: str, rtype: str) -> Json | None:
        filters = {"rrset_name": f"{name}.", "rrset_type": rtype}
        answer = await self.powerdns.get(f"/zones/{zone}.", params=filters)
        found = answer.json().get("rrsets", []) if answer.is_success else []
        return next((rrset for rrset in found if rrset["name"] == f"{name}." and rrset["records"]), None)

    async def ask(self, name: str) -> tuple[str, list[str]]:
        """Return the return code and the addresses of a real DNS answer."""
        query = dns.message.make_query(name, "A")
        answer = await dns.asyncquery.udp(query, "127.0.0.1", timeout=10, port=self._dns_port)
        addresses = [item.to_text() for rrset in answer.answer for item in rrset]
        return dns.rcode.to_text(answer.rcode()), addresses


@contextmanager
def serving(state: Path) -> Iterator[tuple[PowerDNSServer, int, str]]:
    """Run a PowerDNS; yield it with its DNS port and its key."""
    key, dns_port = secret(state / "key"), free_port()
    with PowerDNSServer(state, dns_port, free_port(), key) as server:
        yield server, dns_port, key


@pytest.fixture(scope="module")
def powerdns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PowerDNSServer, int, str, Path]]:
    state = tmp_path_factory.mktemp("powerdns")
    with serving(state) as (server, dns_port, key):
        yield server, dns_port, key, state / "key"


@pytest.fixture(scope="module")
def pdm(
    powerdns: tuple[PowerDNSServer, int, str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[PDMSimulator]:
    """PDM with a sweeper that sleeps, so that tests decide when it sweeps."""
    state = tmp_path_factory.mktemp("pdm")
    with PDMSimulator(state, free_port(), powerdns[0].api_url, powerdns[3], sweep_seconds=3600) as simulator:
        yield simulator


@pytest.fixture
async def pool(pdm: PDMSimulator, powerdns: tuple[PowerDNSServer, int, str, Path]) -> AsyncIterator[Pool]:
    server, dns_port, key, _ = powerdns
    api = f"{server.api_url}/api/v1/servers/localhost"
    async with (
        httpx.AsyncClient(base_url=pdm.url, trust_env=False, timeout=20, verify=TRUST) as http,
        httpx.AsyncClient(base_url=api, headers={"X-API-Key": key}, trust_env=False, verify=TRUST) as dns_api,
    ):
        made = Pool(http, dns_api, dns_port)
        await made.create()
        yield made


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what no server offers to wait for."""
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 - the condition is in another process
            await asyncio.sleep(0.02)


class TestPoolDNS:
    async def test_reserve_makes_a_signed_child_zone_and_its_delegation(self, pool: Pool) -> None:
        await pool.reserved()
        child = f"otech5.{pool.name}"
        delegation = await pool.rrset(pool.name, child, "NS")
        assert delegation is not None
        assert delegation["ttl"] == 3600
        servers = {record["content"] for record in delegation["records"]}
        assert servers == {"ns1.openova.io.", "ns2.openova.io.", "ns3.openova.io."}
        apex = await pool.rrset(child, child, "NS")
        assert apex is not None
        assert {record["content"] for record in apex["records"]} == servers
        keys = (await pool.powerdns.get(f"/zones/{child}./cryptokeys")).json()
        assert any(key["active"] and key.get("ds") for key in keys)
        assert await pool.rrset(pool.name, child, "DS") is None

    async def test_commit_writes_six_records(self, pool: Pool) -> None:
        assert (await pool.commit(await pool.reserved())).status_code == 200
        child = f"otech5.{pool.name}"
        for name in (child, *(f"{label}.{child}" for label in ("*", "console", "api", "gitea", "harbor"))):
            rrset = await pool.rrset(child, name, "A")
            assert rrset is not None
            assert (rrset["ttl"], [r["content"] for r in rrset["records"]]) == (300, [ADDRESS])
        assert await pool.ask(f"anything.{child}") == ("NOERROR", [ADDRESS])

    async def test_release_removes_zone_and_delegation(self, pool: Pool) -> None:
        await pool.commit(await pool.reserved())
        assert (await pool.release()).status_code == 200
        child = f"otech5.{pool.name}"
        assert (await pool.powerdns.get("/zones", params={"zone": f"{child}."})).json() == []
        assert await pool.rrset(pool.name, child, "NS") is None

    async def test_a_failed_write_at_commit_is_202_and_leaves_an_active_row(self, pool: Pool) -> None:
        token = await pool.reserved()
        await pool.fail("dns-write-fails", call="commit", times=1)
        answer = await pool.commit(token)
        assert answer.status_code == 202
        assert {"warning", "detail"} <= answer.json().keys()
        assert [row["state"] for row in await pool.rows()] == ["active"]
        assert await pool.rrset(f"otech5.{pool.name}", f"otech5.{pool.name}", "A") is None
        assert (await pool.commit(token)).status_code == 409

    async def test_a_failed_write_at_reserve_takes_everything_back(self, pool: Pool) -> None:
        await pool.fail("dns-write-fails", call="reserve", times=1)
        assert (await pool.reserve()).status_code == 500
        assert await pool.rows() == []
        assert (await pool.reserve()).status_code == 201

    async def test_a_failed_signature_leaves_the_reservation(self, pool: Pool) -> None:
        await pool.fail("signing-fails", call="reserve", times=1)
        assert (await pool.reserve()).status_code == 500
        [row] = await pool.rows()
        assert (await pool.commit(row["reservationToken"])).status_code == 200

    async def test_a_failed_clean_up_at_release_is_202(self, pool: Pool) -> None:
        await pool.reserved()
        await pool.fail("dns-write-fails", call="release", times=1)
        assert (await pool.release()).status_code == 202
        assert await pool.rows() == []
        assert await pool.rrset(pool.name, f"otech5.{pool.name}", "NS") is not None


class TestReservations:
    async def put(self, pool: Pool, **row: str) -> None:
        (await pool.http.post(f"/simulator/pools/{pool.name}/otech5", json=row)).raise_for_status()

    async def test_an_expired_one_is_free_to_check_gone_to_commit_and_makes_way(self, pool: Pool) -> None:
        token = await pool.reserved()
        past = {"state": "reserved", "reservationToken": token, "expiresAt": "2026-01-01T00:00:00Z"}
        await self.put(pool, **past)
        verdict = await pool.http.get(f"/api/v1/pool/{pool.name}/check", params={"sub": "otech5"})
        assert verdict.json()["available"] is True
        gone = await pool.commit(token)
        assert (gone.status_code, gone.json()["error"]) == (410, "reservation-expired")
        assert await pool.reserved() != token

    async def test_the_sweeper_takes_row_and_zone(self, pool: Pool) -> None:
        token = await pool.reserved()
        await self.put(pool, state="reserved", reservationToken=token, expiresAt="2026-01-01T00:00:00Z")
        await pool.reserve("kept")
        swept = await pool.http.post("/simulator/sweep", params={"pool": pool.name})
        assert swept.json() == {"swept": 1}
        assert [row["subdomain"] for row in await pool.rows()] == ["kept"]
        assert await pool.rrset(pool.name, f"otech5.{pool.name}", "NS") is None
        assert (await pool.commit(token)).status_code == 404

    async def test_the_sweeper_runs_by_itself(
        self, pool: Pool, powerdns: tuple[PowerDNSServer, int, str, Path], tmp_path: Path
    ) -> None:
        quick = PDMSimulator(
            tmp_path, free_port(), powerdns[0].api_url, powerdns[3], reservation_seconds=0.1, sweep_seconds=0.05
        )
        with quick:
            async with httpx.AsyncClient(base_url=quick.url, trust_env=False, verify=TRUST) as http:
                other = Pool(http, pool.powerdns, powerdns[1])
                await other.create()
                await other.reserved()

                async def empty() -> bool:
                    return await other.rows() == []

                await eventually(empty)

    async def test_a_planted_row_is_somebody_elses(self, pool: Pool) -> None:
        await self.put(pool, state="active", sovereignFQDN="other.example.test", loadBalancerIP="192.0.2.99")
        assert (await pool.reserve()).status_code == 409
        assert [row["sovereignFQDN"] for row in await pool.rows()] == ["other.example.test"]
        await pool.http.delete(f"/simulator/pools/{pool.name}/otech5")
        assert await pool.rows() == []

    async def test_rows_survive_a_restart(self, pool: Pool, pdm: PDMSimulator) -> None:
        await pool.commit(await pool.reserved())
        before = await pool.rows()
        pdm.kill()
        pdm.start()
        assert await pool.rows() == before


class TestPDMFaults:
    async def test_a_lost_answer_is_work_done(self, pool: Pool) -> None:
        token = await pool.reserved()
        await pool.fail("lost-answer", call="commit", times=1)
        with pytest.raises(httpx.RemoteProtocolError):
            await pool.commit(token)
        assert [row["state"] for row in await pool.rows()] == ["active"]
        [lost] = [call for call in await pool.calls() if call["call"] == "commit"]
        assert (lost["status"], lost["fault"], lost["name"]) == (None, "lost-answer", "otech5")

    async def test_a_reset_is_no_work(self, pool: Pool) -> None:
        await pool.fail("reset", call="reserve", times=1)
        with pytest.raises(httpx.ReadError):
            await pool.reserve()
        assert await pool.rows() == []

    async def test_a_status_lasts_for_its_times_and_says_when_to_retry(self, pool: Pool) -> None:
        await pool.fail("status", status=429, times=2, retryAfter=7)
        answers = [await pool.reserve() for _ in range(3)]
        assert [answer.status_code for answer in answers] == [429, 429, 201]
        assert [answer.headers.get("Retry-After") for answer in answers] == ["7", "7", None]

    async def test_a_page_of_html_comes_from_the_ingress(self, pool: Pool) -> None:
        await pool.fail("html", status=502)
        answer = await pool.reserve()
        assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")

    async def test_a_slow_call_outlasts_its_client(self, pool: Pool) -> None:
        await pool.fail("slow", seconds=30, call="list")
        with pytest.raises(httpx.ReadTimeout):
            await pool.http.get(f"/api/v1/pool/{pool.name}/list", timeout=0.2)

    async def test_faults_are_of_one_pool_and_are_lifted(self, pool: Pool) -> None:
        await pool.fail("status")
        other = Pool(pool.http, pool.powerdns, 0)
        await other.create()
        assert (await other.reserve()).status_code == 201
        assert (await pool.reserve()).status_code == 503
        await pool.http.delete("/simulator/faults", params={"pool": pool.name})
        assert (await pool.reserve()).status_code == 201

    @pytest.mark.parametrize(
        ("status", "error"),
        [(401, "invalid-token"), (403, "domain-not-in-account"), (429, "rate-limited"), (502, "api-unavailable")],
    )
    async def test_a_registrar_fails_in_pdms_words(self, pool: Pool, status: int, error: str) -> None:
        await pool.fail("status", status=status, call="set-ns", message="in its own words", retryAfter=7)
        body = {"domain": pool.name, "token": "t", "nameservers": ["ns1.openova.io"]}
        answer = await pool.http.post("/api/v1/registrar/godaddy/set-ns", json=body)
        assert (answer.status_code, answer.json()["error"]) == (status, error)
        assert (answer.json()["detail"], answer.headers["Retry-After"]) == ("in its own words", "7")

    async def test_registrars_take_good_tokens_and_dynadot_wants_glue(self, pool: Pool) -> None:
        servers = [f"ns1.{pool.name}"]
        body = {"domain": pool.name, "token": "good", "nameservers": servers}
        path = "/api/v1/registrar/{}/{}"
        assert (await pool.http.post(path.format("ovh", "set-ns"), json=body)).json()["nameservers"] == servers
        refused = await pool.http.post(path.format("ovh", "validate"), json=body | {"token": "invalid-token"})
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid-token")
        assert (await pool.http.post(path.format("dynadot", "set-ns"), json=body)).status_code == 500
        glued = await pool.http.post(path.format("dynadot", "set-ns"), json=body | {"glueIP": ADDRESS})
        assert glued.status_code == 200
        assert (await pool.http.post(path.format("dynadot", "validate"), json=body)).json()["valid"] is True

    async def test_the_journal_holds_no_token(self, pool: Pool) -> None:
        token = await pool.reserved()
        await pool.commit(token)
        calls = await pool.calls()
        assert [(call["call"], call["status"]) for call in calls] == [("reserve", 201), ("commit", 200)]
        assert token not in json.dumps(calls)

    @pytest.mark.parametrize("wrong", [{"kind": "nonsense"}, {"kind": "status", "pol": "x"}, [], {}])
    async def test_a_mistyped_fault_is_refused(self, pool: Pool, wrong: object) -> None:
        assert (await pool.http.post("/simulator/faults", json=wrong)).status_code == 400

    async def test_the_ingress_asks_for_a_password(self, tmp_path: Path) -> None:
        for name, text in (("key", "k"), ("auth", "catalyst:secret")):
            (tmp_path / name).write_text(text)
        arguments = ["--port", "0", "--powerdns-url", "http://127.0.0.1:9"]
        arguments += ["--powerdns-key-file", str(tmp_path / "key"), "--basic-auth-file", str(tmp_path / "auth")]
        async with (
            TestServer(make_app(parse_options(arguments), aiohttp.ClientSession())) as server,
            httpx.AsyncClient(base_url=str(server.make_url("")), trust_env=False, verify=TRUST) as http,
        ):
            assert (await http.get("/api/v1/reserved")).status_code == 401
            assert (await http.get("/api/v1/reserved", auth=("catalyst", "wrong"))).status_code == 401
            assert (await http.get("/api/v1/reserved", auth=("catalyst", "secret"))).status_code == 200

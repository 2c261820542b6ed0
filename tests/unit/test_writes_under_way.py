"""A write that is under way when its run is cancelled: the zone is free only when it is known what became of it."""

import asyncio
import dataclasses
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr
from temporalio.testing import ActivityEnvironment

from activities import attempt_time
from activities.powerdns import PowerDNSActivities
from sovereign_dns.clients import powerdns
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.failures import PowerDNSUnavailable
from sovereign_dns.lifecycle_messages import FindRecords
from sovereign_dns.messages import UpsertRecords
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret
from tests.eventually import eventually
from tests.removal_bench import Life, removals
from tests.unit.builders import OWNER, domain_intent


async def test_a_cancelled_write_ends_before_the_activity_does() -> None:
    arrived, may_answer = asyncio.Event(), asyncio.Event()
    applied: list[str] = []

    async def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            arrived.set()
            await may_answer.wait()
            applied.append("PATCH")
            return httpx.Response(204)
        listing = request.url.path.endswith(("/zones", "/search-data"))
        zone = {"name": "omani.works.", "kind": "Native", "rrsets": []}
        return httpx.Response(200, json=[] if listing else zone)

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    activities = PowerDNSActivities(
        PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", SecretStr("key")))
    )
    running = asyncio.create_task(activities.upsert_records(UpsertRecords(owner=OWNER, intent=domain_intent())))
    await arrived.wait()

    running.cancel()
    done, _ = await asyncio.wait([running], timeout=0.05)

    assert not done, "the lock on the Sovereign would be free while its records are being written"
    may_answer.set()
    assert {change.change for change in (await running).changes} == {"created"}
    assert applied == ["PATCH"]


def answering(calls: list[str]) -> PowerDNS:
    """A PowerDNS with an empty zone, which notes what it is asked."""

    async def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        if request.method == "PATCH":
            return httpx.Response(204)
        zone = {"name": "omani.works.", "kind": "Native", "rrsets": []}
        return httpx.Response(200, json=[] if request.url.path.endswith(("/zones", "/search-data")) else zone)

    client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", SecretStr("key")))


async def test_a_write_that_waits_for_its_turn_is_called_off_with_its_run() -> None:
    calls: list[str] = []
    client = answering(calls)
    task = UpsertRecords(owner=OWNER, intent=domain_intent())

    async def it_waits() -> int:
        return client.writes_waiting

    async with client.turn_to_write("writing zone others.example"):
        running = asyncio.create_task(PowerDNSActivities(client).upsert_records(task))
        await eventually(it_waits)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    await asyncio.sleep(0)
    assert "PATCH" not in calls


async def test_nothing_is_sent_that_the_attempt_has_no_time_to_see_answered() -> None:
    """Temporal would give the attempt up, and the run its lock, while the write is still on its way."""
    calls: list[str] = []
    client = answering(calls)
    environment = ActivityEnvironment()
    time_out = attempt_time.ANSWERED_WITHIN + timedelta(seconds=0.1)
    environment.info = dataclasses.replace(environment.info, start_to_close_timeout=time_out)
    task = UpsertRecords(owner=OWNER, intent=domain_intent())

    async with client.turn_to_write("writing zone others.example"):
        with pytest.raises(PowerDNSUnavailable, match=r"no time left to write zone omani\.works"):
            await environment.run(PowerDNSActivities(client).upsert_records, task)

    assert "PATCH" not in calls


async def test_what_cannot_be_found_within_an_attempt_is_told_as_that() -> None:
    """And not as an attempt that Temporal gave up, which says nothing of PowerDNS."""

    async def silence(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    client = httpx.AsyncClient(transport=httpx.MockTransport(silence))
    life = Life(PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", SecretStr("key"))), "t1.a.works")
    environment = ActivityEnvironment()
    time_out = attempt_time.ANSWERED_WITHIN + timedelta(seconds=0.1)
    environment.info = dataclasses.replace(environment.info, start_to_close_timeout=time_out)
    intent = life.intent()

    with pytest.raises(PowerDNSUnavailable, match=r"no time left to find all that t1\.a\.works has"):
        await environment.run(removals(life.powerdns).find_records, FindRecords(owner=intent.owner, intent=intent))


async def test_a_powerdns_that_never_answers_is_told_as_that_by_all_who_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powerdns, "LONGEST_STANDSTILL_OF_READS_SECONDS", 0.05)
    never = asyncio.Event()

    async def silence(request: httpx.Request) -> httpx.Response:
        await never.wait()
        raise AssertionError

    client = httpx.AsyncClient(transport=httpx.MockTransport(silence))
    activities = PowerDNSActivities(
        PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", SecretStr("key")))
    )

    with pytest.raises(PowerDNSUnavailable, match="answered 0 in the last 0 s of the calls before it"):
        await activities.upsert_records(UpsertRecords(owner=OWNER, intent=domain_intent()))


async def test_a_key_that_no_header_may_hold_is_told_without_the_key() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server, httpx.AsyncClient() as http:
        port = server.sockets[0].getsockname()[1]
        client = PowerDNS(http, MountedURL("URL", f"http://127.0.0.1:{port}"), Secret("KEY", SecretStr("canary\nkey")))
        with pytest.raises(Exception, match="credentials hold a line break") as failed:
            await client.zone("omani.works")

    assert type(failed.value).__name__ == "PowerDNSUnauthorized"
    assert "canary" not in str(failed.value)


async def test_a_long_queue_of_reads_is_waited_in_as_long_as_it_moves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(powerdns, "LONGEST_STANDSTILL_OF_READS_SECONDS", 0.3)

    async def slowly(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.04)
        return httpx.Response(200, json={"rrsets": []})

    client = httpx.AsyncClient(transport=httpx.MockTransport(slowly))
    many = [f"s{number}.omani.works" for number in range(90)]

    found = await PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", SecretStr("key"))).rrsets(
        "omani.works", many
    )

    assert found == []

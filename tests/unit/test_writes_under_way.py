"""A write that is under way when its run is cancelled: the zone is free only when it is known what became of it."""

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from activities.powerdns import PowerDNSActivities
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.messages import UpsertRecords
from sovereign_dns.secrets import Secret
from tests.unit.builders import OWNER, domain_intent


async def test_a_cancelled_write_ends_before_the_activity_does() -> None:
    arrived, may_answer = asyncio.Event(), asyncio.Event()
    applied: list[str] = []

    async def powerdns(request: httpx.Request) -> httpx.Response:
        if request.method == "PATCH":
            arrived.set()
            await may_answer.wait()
            applied.append("PATCH")
            return httpx.Response(204)
        listing = request.url.path.endswith("/zones")
        return httpx.Response(200, json=[] if listing else {"rrsets": []})

    client = httpx.AsyncClient(transport=httpx.MockTransport(powerdns))
    activities = PowerDNSActivities(PowerDNS(client, "http://pdns.test", Secret("KEY", SecretStr("key"))))
    running = asyncio.create_task(activities.upsert_records(UpsertRecords(owner=OWNER, intent=domain_intent())))
    await arrived.wait()

    running.cancel()
    done, _ = await asyncio.wait([running], timeout=0.05)

    assert not done, "the lock on the Sovereign would be free while its records are being written"
    may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert applied == ["PATCH"]


async def test_a_key_that_no_header_may_hold_is_told_without_the_key() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server, httpx.AsyncClient() as http:
        port = server.sockets[0].getsockname()[1]
        client = PowerDNS(http, f"http://127.0.0.1:{port}", Secret("KEY", SecretStr("canary\nkey")))
        with pytest.raises(Exception, match="credentials hold a line break") as failed:
            await client.zone("omani.works")

    assert type(failed.value).__name__ == "PowerDNSUnauthorized"
    assert "canary" not in str(failed.value)

"""A write that is under way when its run is cancelled: the zone is free only when it is known what became of it."""

import asyncio
import dataclasses
from collections.abc import Sequence
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr
from temporalio.testing import ActivityEnvironment

from activities import attempt_time
from activities.powerdns import PowerDNSActivities
from activities.zone_writes import ZoneWrites
from sovereign_dns import names
from sovereign_dns.clients import powerdns
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.contract import RecordChange
from sovereign_dns.failures import PowerDNSUnavailable
from sovereign_dns.lifecycle_messages import FindRecords
from sovereign_dns.messages import ChangesAttempted, UpsertRecords
from sovereign_dns.mounted import MountedURL
from sovereign_dns.records import plan_zone
from sovereign_dns.secrets import Secret
from tests.attempts import Attempts
from tests.eventually import eventually
from tests.removal_bench import Life, removals
from tests.unit.builders import OWNER, domain_intent, intent
from tests.unit.hurried_time import hurried


def test_a_cancelled_write_ends_before_the_activity_does() -> None:
    hurried(cancel_a_write_under_way())


async def cancel_a_write_under_way() -> None:
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
    await asyncio.sleep(1)

    assert not running.done(), "the lock on the Sovereign would be free while its records are being written"
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


def test_a_write_that_waits_for_its_turn_is_called_off_with_its_run() -> None:
    hurried(cancel_a_write_that_waits())


async def cancel_a_write_that_waits() -> None:
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

    await asyncio.sleep(1)
    assert "PATCH" not in calls


class TwoZones:
    """A PowerDNS that says of itself what it writes, with a plan for each of two zones."""

    FIRST, SECOND = "omani.works", "omani.homes"

    def __init__(self, fate_of_the_second: Exception | None = None) -> None:
        self.fate_of_the_second = fate_of_the_second
        self.sent: list[str] = []
        self.first_arrived, self.may_answer = asyncio.Event(), asyncio.Event()
        client = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        self._writes = ZoneWrites(PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", None)))

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        zone = names.relative_to_root(request.url.path.rpartition("/")[2])
        if request.method == "GET":
            return httpx.Response(200, json={"name": f"{zone}.", "kind": "Native"})
        if zone == self.SECOND and self.fate_of_the_second is not None:
            raise self.fate_of_the_second
        self.sent.append(zone)
        self.first_arrived.set()
        await self.may_answer.wait()
        return httpx.Response(204)

    async def write(self, zones: Sequence[str]) -> list[RecordChange]:
        """Both are planned; of a zone that isn't named, its plan finds it written already."""
        plans = []
        for domain in intent(parentDomains=[{"name": self.FIRST}, {"name": self.SECOND}]).domains:
            plan = plan_zone(domain.domain, domain, [], OWNER)
            if domain.domain not in zones:
                plan = plan.changed(writes=[], changes=[c.changed(change="unchanged") for c in plan.changes])
            plans.append(plan)
        return await self._writes.apply(plans, dry_run=False)


def zones_of(told: list[ChangesAttempted]) -> set[str]:
    return {names.relative_to_root(change.zone) for attempted in told for change in attempted.changes}


async def test_a_run_that_is_cancelled_between_two_zones_is_told_of_the_first_only() -> None:
    zones, attempts = TwoZones(), Attempts()
    running = asyncio.create_task(attempts.attempt(zones.write, [zones.FIRST, zones.SECOND]))
    await zones.first_arrived.wait()

    running.cancel()
    zones.may_answer.set()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert zones.sent == [zones.FIRST]
    assert zones_of(attempts.told) == {zones.FIRST}


@pytest.mark.parametrize(
    ("fate", "perhaps_written"),
    [
        (httpx.ConnectError("refused"), {TwoZones.FIRST}),
        (httpx.ReadTimeout("silence"), {TwoZones.FIRST, TwoZones.SECOND}),
    ],
)
async def test_of_two_zones_the_one_that_was_certainly_not_written_is_not_told(
    fate: Exception, perhaps_written: set[str]
) -> None:
    zones, attempts = TwoZones(fate), Attempts()
    zones.may_answer.set()

    with pytest.raises(PowerDNSUnavailable):
        await attempts.attempt(zones.write, [zones.FIRST, zones.SECOND])
    assert zones_of(attempts.told) == perhaps_written
    attempts.told.clear()
    zones.fate_of_the_second = httpx.ConnectError("refused")
    with pytest.raises(PowerDNSUnavailable):
        await attempts.attempt(zones.write, [zones.SECOND])
    assert zones_of(attempts.told) <= {zones.FIRST}
    zones.fate_of_the_second = None

    changes = await attempts.attempt(zones.write, [zones.SECOND])

    assert {change.change for change in changes} == {"created"}, "what an earlier attempt wrote counts as written"


async def test_what_a_killed_attempt_wrote_is_told_by_the_next_that_cannot_end() -> None:
    zones, attempts = TwoZones(httpx.ConnectError("refused")), Attempts()
    first = asyncio.create_task(attempts.attempt(zones.write, [zones.FIRST, zones.SECOND]))
    await zones.first_arrived.wait()
    killed = attempts.as_noted()
    zones.may_answer.set()
    with pytest.raises(PowerDNSUnavailable):
        await first

    with pytest.raises(PowerDNSUnavailable):
        await killed.attempt(zones.write, [zones.SECOND])

    assert zones_of(killed.told) == {zones.FIRST}


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


def test_a_powerdns_that_never_answers_is_told_as_that_by_all_who_wait() -> None:
    many = [f"s{number}.omani.works" for number in range(powerdns.READS_IN_FLIGHT + 1)]

    async def silence(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def read_all() -> set[str]:
        client = httpx.AsyncClient(transport=httpx.MockTransport(silence))
        return await PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", None)).hosted(many)

    with pytest.raises(PowerDNSUnavailable, match="answered 0 in the last 10 s of the calls before it"):
        hurried(read_all())


async def test_a_key_that_no_header_may_hold_is_told_without_the_key() -> None:
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with server, httpx.AsyncClient() as http:
        port = server.sockets[0].getsockname()[1]
        client = PowerDNS(http, MountedURL("URL", f"http://127.0.0.1:{port}"), Secret("KEY", SecretStr("canary\nkey")))
        with pytest.raises(Exception, match="credentials hold a line break") as failed:
            await client.zone("omani.works")

    assert type(failed.value).__name__ == "PowerDNSUnauthorized"
    assert "canary" not in str(failed.value)


def test_a_long_queue_of_reads_is_waited_in_as_long_as_it_moves() -> None:
    many = [f"s{number}.omani.works" for number in range(5 * powerdns.READS_IN_FLIGHT)]
    answered = []

    async def slowly(request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.9 * powerdns.LONGEST_STANDSTILL_OF_READS_SECONDS)
        answered.append(request)
        return httpx.Response(200, json=[])

    async def read_all() -> set[str]:
        client = httpx.AsyncClient(transport=httpx.MockTransport(slowly))
        return await PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", None)).hosted(many)

    assert hurried(read_all()) == set()
    assert len(answered) == len(many)

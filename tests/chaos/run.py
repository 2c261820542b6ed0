"""One run: traffic and faults side by side, then quiet, then the checker."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dns.asyncquery
import dns.exception
import dns.message
import dns.rdatatype

from tests.chaos import dns_faults, http_faults
from tests.chaos.checker import update_log, world
from tests.chaos.checker.ledger import Ledger
from tests.chaos.checker.rules import Answered, Violation, check
from tests.chaos.dns_faults import DNS_FAULTS
from tests.chaos.fates import SeededDnsFates, SeededHttpFates
from tests.chaos.ground import prepare
from tests.chaos.http_faults import HTTP_FAULTS
from tests.chaos.process_faults import ProcessFaultKind, inflicted, possible
from tests.chaos.stage import Stage
from tests.chaos.traffic import POOLS, Traffic, sovereigns

_LOOKS_A_SECOND = 40
_REQUESTS_BETWEEN_FAULTS = (20, 150)
_LASTS_SECONDS = (0.2, 6.0)
_LONGEST_WITHOUT_REQUESTS = 5.0


@dataclass(frozen=True)
class Plan:
    """What a run is made of. The same plan is the same traffic, and the same fate for each request.

    Attributes:
        seed: of everything that is drawn.
        seconds: after which nothing new is asked for.
        most: Sovereigns, whatever the time.
        at_once: how many Sovereigns live side by side.
        share_http: of the requests to each backend that fail.
        share_dns: of the questions that fail.
        patience: seconds in which all must end when the faults are over.
    """

    seed: int
    seconds: float = 60.0
    most: int = 1_000_000
    at_once: int = 12
    share_http: float = 0.06
    share_dns: float = 0.05
    patience: float = 600.0


@dataclass
class Outcome:
    """What a run has shown.

    Attributes:
        ledger: all that was asked for.
        violations: the rules that were broken.
        faults: by kind, with what was hit.
        seconds: from the first request to the last end.
        updates: of records in PowerDNS' database.
        answers: that were looked at.
        unfinished: what had not ended in time, each with what it waits for.
    """

    ledger: Ledger
    violations: list[Violation] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    updates: int = 0
    answers: int = 0
    unfinished: list[str] = field(default_factory=list)


async def play(plan: Plan, folder: Path) -> Outcome:
    """Plays a plan on a stack of its own in this folder, which must be there and empty."""
    outcome = Outcome(Ledger())
    async with Stage(folder) as stage:
        await prepare(stage, outcome.ledger)
        traffic = Traffic(await stage.client(), outcome.ledger)
        started = time.time()
        observed: list[Answered] = []
        async with AsyncExitStack() as beside:
            beside.push_async_callback(_ended, asyncio.create_task(_observe(stage, traffic, plan.seed, observed)))
            await _under_fire(stage, traffic, plan, outcome)
        outcome.seconds = time.time() - started
        outcome.ledger.write(folder / "ledger.json")
        await _checked(stage, outcome, [*observed, *_relayed(stage)])
    return outcome


async def _under_fire(stage: Stage, traffic: Traffic, plan: Plan, outcome: Outcome) -> None:
    _arm(stage, plan)
    over = asyncio.Event()
    firing = asyncio.create_task(_fire(stage, plan, over, outcome.faults))
    lives = await _lives(traffic, plan, firing)
    over.set()
    await firing
    _disarm(stage, outcome.faults)
    _, unfinished = await asyncio.wait(lives, timeout=plan.patience) if lives else (set(), set())
    outcome.unfinished = [f"{life.get_name()}: {await traffic.waiting_for(life.get_name())}" for life in unfinished]
    for life in unfinished:
        life.cancel()
    for life in lives - unfinished:
        life.result()


async def _lives(traffic: Traffic, plan: Plan, firing: asyncio.Task[None]) -> set[asyncio.Task[None]]:
    """So many at once, until the time is over; those that have not ended by then are among what is returned."""
    until = time.monotonic() + plan.seconds
    lives: set[asyncio.Task[None]] = set()
    under_way: set[asyncio.Task[None]] = set()
    for number, sovereign in enumerate(sovereigns(plan.seed)):
        if number >= plan.most or time.monotonic() > until:
            break
        life = asyncio.create_task(traffic.live(sovereign), name=sovereign.fqdn)
        lives.add(life)
        under_way.add(life)
        while len(under_way) >= plan.at_once and time.monotonic() < until:
            await asyncio.wait({*under_way, firing}, timeout=until - time.monotonic(), return_when="FIRST_COMPLETED")
            under_way = {one for one in under_way if not one.done()}
            if firing.done():
                firing.result()
    if under_way and plan.most < 1_000_000:
        await asyncio.wait(under_way, timeout=max(0.0, until - time.monotonic()))
    return lives


def _arm(stage: Stage, plan: Plan) -> None:
    for name, proxy in stage.http.items():
        proxy.choose = SeededHttpFates(plan.seed, name, plan.share_http, HTTP_FAULTS)
    for name, relay in (("authoritative", stage.authoritative), ("recursor", stage.recursor)):
        relay.choose = SeededDnsFates(plan.seed, name, plan.share_dns, DNS_FAULTS)


def _disarm(stage: Stage, faults: Counter[str]) -> None:
    for name, proxy in stage.http.items():
        proxy.choose = http_faults.nothing
        faults.update(f"{name}: {passed.fault}" for passed in proxy.passed if passed.fault)
    for name, relay in (("authoritative", stage.authoritative), ("recursor", stage.recursor)):
        relay.choose = dns_faults.nothing
        faults.update({f"DNS, {name}: {kind}": count for kind, count in relay.failed.items() if count})


async def _fire(stage: Stage, plan: Plan, over: asyncio.Event, faults: Counter[str]) -> None:
    """One process fault after the other; each comes when so many requests have passed since the last one."""
    for kind, requests, lasts, drawn in _schedule(plan.seed, possible(stage)):
        await _requests_pass(stage, requests, over)
        if over.is_set():
            return
        faults[kind] += 1
        async with inflicted(stage, kind, drawn):
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), lasts)


def _schedule(seed: int, kinds: list[ProcessFaultKind]) -> Iterator[tuple[ProcessFaultKind, int, float, random.Random]]:
    drawn = random.Random(f"{seed}/processes")
    while True:
        for kind in drawn.sample(kinds, len(kinds)):
            yield kind, drawn.randint(*_REQUESTS_BETWEEN_FAULTS), drawn.uniform(*_LASTS_SECONDS), drawn


async def _requests_pass(stage: Stage, count: int, over: asyncio.Event) -> None:
    """Or a while in which none comes."""
    until = _passed(stage) + count
    seen, since = _passed(stage), time.monotonic()
    while not over.is_set() and _passed(stage) < until and time.monotonic() < since + _LONGEST_WITHOUT_REQUESTS:
        await asyncio.sleep(0.05)
        if _passed(stage) > seen:
            seen, since = _passed(stage), time.monotonic()


def _passed(stage: Stage) -> int:
    return sum(len(proxy.passed) for proxy in stage.http.values())


async def _observe(stage: Stage, traffic: Traffic, seed: int, observed: list[Answered]) -> None:
    """Asks the authoritative server for names that are asked for, all the time, past every relay."""
    host, _, port = stage.stack.powerdns.dns_address.rpartition(":")
    drawn = random.Random(f"{seed}/observer")
    while True:
        await asyncio.sleep(1 / _LOOKS_A_SECOND)
        if not traffic.living:
            continue
        name = drawn.choice(sorted(traffic.living))
        with suppress(dns.exception.DNSException, OSError):
            query = dns.message.make_query(name, "A")
            sent = time.time()
            response = await dns.asyncquery.udp(query, host, port=int(port), timeout=1)
            observed += [
                Answered(sent, name, record.to_text())
                for rrset in response.answer
                if rrset.rdtype == dns.rdatatype.A
                for record in rrset
            ]


async def _ended(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _relayed(stage: Stage) -> list[Answered]:
    return [
        Answered(served.at, served.name, served.address)
        for relay in (stage.authoritative, stage.recursor)
        for served in relay.served
    ]


async def _checked(stage: Stage, outcome: Outcome, answered: list[Answered]) -> None:
    token = (stage.stack.state / "secrets" / "kubernetes-token").read_text(encoding="utf-8").strip()
    host, _, port = stage.stack.powerdns.dns_address.rpartition(":")
    places = world.Places(
        database=stage.database,
        dns=(host, int(port)),
        pdm=stage.stack.pdm.url,
        pools=list(POOLS),
        kubernetes=stage.stack.kubernetes.url,
        kubernetes_token=token,
    )
    names = sorted({name for request in outcome.ledger.requests for name in request.names if not name.startswith("*")})
    seen = await asyncio.to_thread(world.look, places, names)
    updates = await asyncio.to_thread(update_log.read, stage.database)
    outcome.updates, outcome.answers = len(updates), len(answered)
    outcome.violations = check(outcome.ledger, updates, answered, seen)

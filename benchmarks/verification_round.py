"""B5: the proof of 14 names on 8 servers that are 20 ms away."""

import asyncio
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack

import dns.flags
import dns.message
import dns.query
import dns.rdatatype
import httpx
from pydantic import SecretStr

from activities.absence import AbsenceProof
from activities.denials import DenialSurvey
from activities.dns import DNSActivities
from benchmarks.distant_servers import NAMESERVERS, STRANGER, ZONE, DistantServers, running
from benchmarks.report import CheckFailedError, Goal, Report, Table
from benchmarks.sovereigns import ADDRESS, names_of
from sovereign_dns.clients.authoritative import AuthoritativeServers
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.contract import Owner, VerificationLevel
from sovereign_dns.failures import NotYetConverged
from sovereign_dns.intent import DesiredRRset, DomainIntent
from sovereign_dns.messages import ServedZone, VerificationReport, VerifyDomain
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret

ROUND_TRIP_SECONDS = 0.02
SERVERS = 8
AUTHORITIES = 3
"""Of a whole proof; the other servers are its resolvers."""

ROUNDS = 2
"""Of all that is compared, in turns."""

LOOKS_PER_ROUND = 20
TTL = 60
HOST = f"t1.{ZONE}"
NAMES = names_of(HOST)

ONE_QUESTION = "one question to one server"
LOOK = f"ours: one look at {SERVERS} servers"
WHOLE = f"ours: the whole step, {AUTHORITIES} authoritative servers, then {SERVERS - AUTHORITIES} resolvers"
SEQUENTIAL = "one server and one name at a time (lego, cert-manager)"
DIG = "dig in a shell loop"

MOST_ROUND_TRIPS = 2
LEAST_TIMES_FASTER = 20


def measure() -> Report:
    """Measures all of them in turns, and checks that each finds the servers right, and a wrong one wrong."""
    taken: dict[str, list[float]] = {}
    with running(DistantServers(NAMES, [TTL] * SERVERS, ROUND_TRIP_SECONDS)) as places, ExitStack() as ending:
        # Resolvers have heard the answer at different times, so no two say the same of how long it holds.
        caches = DistantServers(NAMES, [TTL - index for index in range(SERVERS)], ROUND_TRIP_SECONDS)
        resolvers = ending.enter_context(running(caches))[AUTHORITIES:]
        has_dig = shutil.which("dig") is not None
        for _ in range(ROUNDS):
            _add(taken, ONE_QUESTION, LOOKS_PER_ROUND, lambda: _one_question(places[0], NAMES[0]))
            asyncio.run(_ours(taken, places, resolvers))
            _add(taken, SEQUENTIAL, 1, lambda: _must(_sequential(places) == [], "a right server counts as wrong"))
            if has_dig:
                _add(taken, DIG, 1, lambda: _must(_dig(places) == [], "dig reads a wrong address"))
    _find_what_is_wrong(has_dig=has_dig)
    return _report(taken, has_dig=has_dig)


def _add(taken: dict[str, list[float]], what: str, count: int, once: Callable[[], None]) -> None:
    for _ in range(count):
        started = time.perf_counter()
        once()
        taken.setdefault(what, []).append(time.perf_counter() - started)


async def _ours(taken: dict[str, list[float]], places: Sequence[str], resolvers: Sequence[str]) -> None:
    """Each activity is warmed up once, as a worker's is."""
    proofs: list[tuple[str, VerificationLevel, Sequence[str], Sequence[str]]] = [
        (LOOK, "authoritative", places, []),
        (WHOLE, "propagated", places[:AUTHORITIES], resolvers),
    ]
    for what, level, authorities, caches in proofs:
        async with Resolvers(caches) as asked, httpx.AsyncClient() as client:
            activities = _activities(authorities, asked, client)
            for index in range(LOOKS_PER_ROUND + 1):
                started = time.perf_counter()
                report = await activities.verify_domain(_task(level))
                if index:
                    taken.setdefault(what, []).append(time.perf_counter() - started)
                _check(report, servers=len(authorities) + len(caches))


def _activities(authorities: Sequence[str], resolvers: Resolvers, client: httpx.AsyncClient) -> DNSActivities:
    """As the worker puts them together; PowerDNS is asked for nothing by this proof."""
    powerdns = PowerDNS(client, MountedURL("URL", "http://pdns.invalid"), Secret("KEY", SecretStr("none")))
    authoritative = AuthoritativeServers(authorities)
    return DNSActivities(authoritative, resolvers, AbsenceProof(DenialSurvey(authoritative, powerdns), resolvers))


def _task(level: VerificationLevel) -> VerifyDomain:
    intent = DomainIntent(
        domain=ZONE,
        host=HOST,
        primary=True,
        may_create_zone=False,
        certificate_name=f"{HOST}-wildcard-tls",
        rrsets=[DesiredRRset(name=name, type="A", ttl=TTL, values=[ADDRESS]) for name in NAMES],
    )
    zone = ServedZone(zone=ZONE, nameservers=[f"{name}." for name in NAMESERVERS], names=NAMES)
    owner = Owner(sovereign_fqdn=HOST, deployment_id="bench")
    return VerifyDomain(owner=owner, intent=intent, zones=[zone], level=level)


def _check(report: VerificationReport, *, servers: int) -> None:
    seen = report.verification
    states = [server.state for server in seen.servers]
    _must(states == ["converged"] * servers, f"of {servers} servers, these were found: {states}")
    _must(seen.converged == seen.total, f"{seen.converged} of {seen.total} answers converged")


def _one_question(place: str, name: str) -> None:
    _must(_addresses(place, name, dns.flags.RD) == [ADDRESS], "the one question is answered wrongly")


def _sequential(places: Sequence[str]) -> list[tuple[str, str]]:
    """What is not as written, found as lego and cert-manager look: RD=1, one server and one name at a time."""
    return [(place, name) for name in NAMES for place in places if _addresses(place, name, dns.flags.RD) != [ADDRESS]]


def _addresses(place: str, name: str, flags: int) -> list[str]:
    host, _, port = place.rpartition(":")
    query = dns.message.make_query(name, dns.rdatatype.A, use_edns=0, flags=flags)
    response = dns.query.udp(query, host, port=int(port), timeout=5)
    return [item.to_text() for rrset in response.answer if rrset.rdtype == dns.rdatatype.A for item in rrset]


_DIG_LOOP = 'for p in $PORTS; do for n in $NAMES; do echo "$p $n $(dig +short A "$n" @127.0.0.1 -p "$p")"; done; done'


def _dig(places: Sequence[str]) -> list[tuple[str, str]]:
    """What is not as written, as an operator's loop in the shell shows it."""
    ports = " ".join(place.rpartition(":")[2] for place in places)
    variables = {"PORTS": ports, "NAMES": " ".join(NAMES), "PATH": os.environ["PATH"]}
    command = ["/bin/sh", "-c", _DIG_LOOP]
    shown = subprocess.run(command, env=variables, check=True, capture_output=True, text=True).stdout  # noqa: S603 (ours)
    said = [line.split(" ", 2) for line in shown.splitlines()]
    _must(len(said) == len(places) * len(NAMES), f"dig said {len(said)} lines")
    return [(port, name) for port, name, answer in said if answer != ADDRESS]


def _find_what_is_wrong(*, has_dig: bool) -> None:
    wrong = NAMES[-1]
    with running(DistantServers(NAMES, [TTL] * SERVERS, ROUND_TRIP_SECONDS, wrong)) as places:
        asyncio.run(_is_found(places, [], "authoritative", wrong))
        asyncio.run(_is_found(places[:AUTHORITIES], places[AUTHORITIES:], "propagated", wrong))
        _must(_sequential(places) == [(places[-1], wrong)], "the sequential check overlooks the wrong answer")
        if has_dig:
            _must(_dig(places) == [(places[-1].rpartition(":")[2], wrong)], "dig overlooks the wrong answer")


async def _is_found(authorities: Sequence[str], resolvers: Sequence[str], level: VerificationLevel, wrong: str) -> None:
    async with Resolvers(resolvers) as asked, httpx.AsyncClient() as client:
        try:
            await _activities(authorities, asked, client).verify_domain(_task(level))
        except NotYetConverged as found:
            told = str(found)
            _must(STRANGER in told and wrong in told, f"the wrong answer is not named: {told}")
        else:
            raise CheckFailedError(f"{level}: the wrong answer of one server was overlooked")


def _must(right: bool, otherwise: str) -> None:
    if not right:
        raise CheckFailedError(otherwise)


def _report(taken: dict[str, list[float]], *, has_dig: bool) -> Report:
    medians = {what: statistics.median(seconds) for what, seconds in taken.items()}
    one, look = medians[ONE_QUESTION], medians[LOOK]
    questions = {
        ONE_QUESTION: 1,
        LOOK: SERVERS * (2 * len(NAMES) + 3),
        WHOLE: AUTHORITIES * (2 * len(NAMES) + 3) + (SERVERS - AUTHORITIES) * (2 * len(NAMES) + 1),
        SEQUENTIAL: SERVERS * len(NAMES),
        DIG: SERVERS * len(NAMES),
    }
    rows = [
        [
            what,
            str(questions[what]),
            str(len(seconds)),
            f"{medians[what] * 1000:.1f}",
            f"{max(seconds) * 1000:.1f}",
            f"{medians[what] / one:.2f}",
            f"{medians[what] / look:.1f}",
        ]
        for what, seconds in taken.items()
    ]
    columns = ["what", "questions", "runs", "median ms", "slowest ms", "round trips", "× ours"]
    trips, faster = look / one, medians[SEQUENTIAL] / look
    missed = f"one question takes {one * 1000:.1f} ms, a look of {questions[LOOK]} questions {look * 1000:.1f} ms"
    goals = [
        _goal(f"≤ {MOST_ROUND_TRIPS} round trips for one look", f"{trips:.2f}", missed, met=trips <= MOST_ROUND_TRIPS),
        _goal(
            f"≥ {LEAST_TIMES_FASTER} × faster than one server and one name at a time",
            f"{faster:.0f}",
            missed,
            met=faster >= LEAST_TIMES_FASTER,
        ),
    ]
    return Report(
        number="B5",
        title=f"Verification of {len(NAMES)} names on {SERVERS} servers, {ROUND_TRIP_SECONDS * 1000:.0f} ms away",
        about=_ABOUT + ("" if has_dig else " `dig` is not installed here, so it was left out."),
        tables=[Table(f"Proof of {len(NAMES)} names", columns, rows)],
        goals=goals,
        checked=[
            f"all answers of all {SERVERS} servers are judged as converged, in every look",
            "one wrong address, of one name at one server, is found and named by each of the ways that are compared",
        ],
        ratios={
            "look / one question": trips,
            "whole step / one question": medians[WHOLE] / one,
            "sequential / look": faster,
        }
        | ({"dig / look": medians[DIG] / look} if has_dig else {}),
        samples={"one look at 8 servers": taken[LOOK], "the step dns-verify": taken[WHOLE]},
    )


_ABOUT = (
    "Ours is the code of the step `dns-verify`: A and AAAA of every name, two questions for a random name below the "
    "host, and the SOA of the zone, at every authoritative server, and every answer judged; the whole step then asks "
    "the resolvers for every name and the domain's NS set, which by design waits for the authority. A round trip is "
    f"what `{ONE_QUESTION}` takes, through dnspython, in the same run. The sequential check is ours, in the manner "
    "of lego and cert-manager: RD=1, the next question when the last is answered. It and `dig` ask for A alone: less "
    "than half as many questions as ours."
)


def _goal(text: str, figure: str, reason: str, *, met: bool) -> Goal:
    return Goal(text, figure, met, "" if met else reason)

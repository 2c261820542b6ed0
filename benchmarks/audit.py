"""An audit of a zone with 50,000 rrsets and 40 findings among them: its time, memory and payload."""

import argparse
import asyncio
import statistics
import tempfile
import time
import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from pydantic import SecretStr
from rich.console import Console

from activities.zone_audit import ZoneAudit
from benchmarks.planted_zones import NAMESERVER, KnownInventory, Planted, Told, planted, write
from benchmarks.report import CheckFailedError, Report, Table
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.audit_contract import AuditRequest, AuditResult
from sovereign_dns.audit_news import Known
from sovereign_dns.clients import http
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret

API_KEY = "bench"
FEW = 500
MANY = 50_000
ROUNDS = 3


@dataclass(frozen=True)
class Measured:
    """What an audit came to, and cost."""

    result: AuditResult
    seconds: float
    peak_bytes: int

    @property
    def payload_bytes(self) -> int:
        """Of the result, as it travels."""
        return len(self.result.model_dump_json().encode())

    @property
    def found(self) -> list[tuple[str, str, str]]:
        """Kind, name and type of every finding."""
        return sorted((finding.kind, finding.name, finding.type) for finding in self.result.findings)


@dataclass(frozen=True)
class Played:
    """What was planted, the audits of it, and the seconds that reading all zones took before each of them.

    Attributes:
        traced: one more audit, for its memory.
    """

    zones: Planted
    audits: list[Measured]
    reads: list[float]
    traced: Measured

    @property
    def seconds(self) -> float:
        """Of an audit."""
        return statistics.median(audit.seconds for audit in self.audits)

    @property
    def seconds_to_read(self) -> float:
        """Of reading all zones and nothing else."""
        return statistics.median(self.reads)

    @property
    def missed(self) -> set[Told]:
        """Planted, and not found."""
        return {told for audit in self._all for told in set(self.zones.expected) - set(audit.found)}

    @property
    def invented(self) -> set[Told]:
        """Found, and never planted."""
        return {told for audit in self._all for told in set(audit.found) - set(self.zones.expected)}

    @property
    def _all(self) -> list[Measured]:
        return [*self.audits, self.traced]


async def audited(api_url: str, zones: Planted, known: Known | None = None) -> Measured:
    """An audit of all zones for its time, and one more for all that Python allocates for it, which slows it down."""
    unhindered = await _audit(api_url, zones, known or {})
    traced = await _traced(api_url, zones, known or {})
    return replace(unhindered, result=traced.result, peak_bytes=traced.peak_bytes)


async def _traced(api_url: str, zones: Planted, known: Known) -> Measured:
    tracemalloc.start()
    try:
        hindered = await _audit(api_url, zones, known)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return replace(hindered, peak_bytes=peak)


async def _audit(api_url: str, zones: Planted, known: Known) -> Measured:
    async with httpx.AsyncClient(timeout=http.TIMEOUT) as client:
        powerdns = PowerDNS(
            client, MountedURL("URL", api_url), Secret("CATALYST_POWERDNS_API_KEY", SecretStr(API_KEY), None)
        )
        audit = ZoneAudit(powerdns, KnownInventory(zones.inventory), [NAMESERVER], AuditRequest(), known)
        started = time.perf_counter()
        result = await audit.run()
        return Measured(result, time.perf_counter() - started, peak_bytes=0)


def played(rrsets: int, rounds: int = 1) -> Played:
    """Plants zones into a PowerDNS of their own, and audits them, in turns with reading them and nothing else."""
    zones = planted(rrsets)
    with tempfile.TemporaryDirectory(prefix="sovereign-dns-audit-") as folder:
        server = PowerDNSServer(Path(folder), free_port(), free_port(), API_KEY)
        server.start()
        try:
            with httpx.Client(
                base_url=f"{server.api_url}/api/v1/servers/localhost", headers={"X-API-Key": API_KEY}, timeout=60
            ) as api:
                write(zones, api, server.folder() / "pdns.sqlite3")
                reads, audits = [], []
                for _ in range(rounds):
                    reads.append(_seconds_to_read(api, zones))
                    audits.append(asyncio.run(_audit(server.api_url, zones, {})))
            return Played(zones, audits, reads, asyncio.run(_traced(server.api_url, zones, {})))
        finally:
            server.stop()


def _seconds_to_read(api: httpx.Client, zones: Planted) -> float:
    """What PowerDNS itself takes to say all that an audit must hear."""
    started = time.perf_counter()
    for zone in zones.rows:
        api.get(f"/zones/{zone}.").raise_for_status()
    return time.perf_counter() - started


def measure() -> Report:
    """Audits of a small zone and of a big one: time, memory, and whether all that was planted was found.

    Raises:
        CheckFailedError: something was missed or invented.
    """
    small, big = (played(rrsets, ROUNDS) for rrsets in (FEW, MANY))
    for one in (small, big):
        if one.missed or one.invented:
            raise CheckFailedError(
                f"of {len(one.zones.expected)} planted findings, audits missed {len(one.missed)} "
                f"({sorted(one.missed)[:3]} …) and invented {sorted(one.invented)[:3]}"
            )
    grown = big.traced.result.rrsets_total / small.traced.result.rrsets_total
    return Report(
        number="B8",
        title=f"audit of {MANY:,} rrsets",
        about=(
            f"An audit of all zones of one PowerDNS, one of them with {FEW} rrsets and with {MANY:,}, among which "
            f"{len(big.zones.expected)} findings of every kind are planted among near misses. It is compared with one "
            "`GET` of each zone whose answer is thrown away: the least that any audit costs. Memory is the peak of all "
            "that Python allocates for the audit (`tracemalloc`, in an audit of its own, since it slows it down)."
        ),
        tables=[Table("One audit", _COLUMNS, [_row(one) for one in (small, big)])],
        goals=[],
        checked=[f"each has found the {len(big.zones.expected)} findings that were planted, and no others"],
        ratios={
            f"audit / reading the zones, {MANY:,} rrsets": big.seconds / big.seconds_to_read,
            f"audit's time, {MANY:,} / {FEW} rrsets ({grown:.0f} × as many)": big.seconds / small.seconds,
            f"audit's peak memory, {MANY:,} / {FEW} rrsets": big.traced.peak_bytes / small.traced.peak_bytes,
        },
        samples={
            f"audit of {MANY} rrsets": [audit.seconds for audit in big.audits],
            f"audit of {FEW} rrsets": [audit.seconds for audit in small.audits],
        },
    )


_COLUMNS = ["rrsets", "zones", "findings", "audit s", "reading s", "audit / reading", "peak MB", "result kB"]


def _row(one: Played) -> list[str]:
    result = one.traced.result
    return [
        f"{result.rrsets_total:,}",
        str(result.zones_total),
        str(len(result.findings)),
        f"{one.seconds:.2f}",
        f"{one.seconds_to_read:.2f}",
        f"{one.seconds / one.seconds_to_read:.1f}",
        f"{one.traced.peak_bytes / 1e6:.1f}",
        f"{one.traced.payload_bytes / 1e3:.0f}",
    ]


def in_words(measured: Measured) -> str:
    """One line of figures."""
    result = measured.result
    return (
        f"{result.rrsets_total:,} rrsets in {result.zones_total} zones: {len(result.findings)} findings in "
        f"{measured.seconds:.1f} s, at most {measured.peak_bytes / 1e6:.1f} MB allocated, result of "
        f"{measured.payload_bytes / 1e3:.0f} kB"
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Says how big the zone shall be."""
    parser.add_argument("--rrsets", type=int, default=MANY, help="of the big zone (default: %(default)s)")


def show(options: argparse.Namespace) -> bool:
    """Prints the figures of a small zone and of a big one. Returns whether nothing was missed or invented."""
    console = Console(highlight=False, soft_wrap=True)
    right = True
    for rrsets in (FEW, options.rrsets):
        one = played(rrsets)
        console.print(in_words(replace(one.traced, seconds=one.seconds)))
        console.print(
            f"  planted {len(one.zones.expected)}, missed {sorted(one.missed)}, invented {sorted(one.invented)}"
        )
        right = right and not one.missed and not one.invented
    return right

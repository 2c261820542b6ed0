"""An audit of a zone with 50,000 rrsets and 40 findings among them: its time, memory and payload."""

import argparse
import asyncio
import tempfile
import time
import tracemalloc
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from pydantic import SecretStr
from rich.console import Console

from activities.zone_audit import ZoneAudit
from benchmarks.planted_zones import NAMESERVER, KnownInventory, Planted, planted, write
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.audit_contract import AuditRequest, AuditResult
from sovereign_dns.audit_news import Known
from sovereign_dns.clients import http
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret

API_KEY = "bench"


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


async def audited(api_url: str, zones: Planted, known: Known | None = None) -> Measured:
    """An audit of all zones for its time, and one more for all that Python allocates for it, which slows it down."""
    unhindered = await _audit(api_url, zones, known or {})
    tracemalloc.start()
    try:
        hindered = await _audit(api_url, zones, known or {})
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return replace(unhindered, result=hindered.result, peak_bytes=peak)


async def _audit(api_url: str, zones: Planted, known: Known) -> Measured:
    async with httpx.AsyncClient(timeout=http.TIMEOUT) as client:
        powerdns = PowerDNS(
            client, MountedURL("URL", api_url), Secret("CATALYST_POWERDNS_API_KEY", SecretStr(API_KEY), None)
        )
        audit = ZoneAudit(powerdns, KnownInventory(zones.inventory), [NAMESERVER], AuditRequest(), known)
        started = time.perf_counter()
        result = await audit.run()
        return Measured(result, time.perf_counter() - started, peak_bytes=0)


def measure(rrsets: int) -> tuple[Planted, Measured]:
    """Plants zones into a PowerDNS of their own, and audits them."""
    zones = planted(rrsets)
    with tempfile.TemporaryDirectory(prefix="sovereign-dns-audit-") as folder:
        server = PowerDNSServer(Path(folder), free_port(), free_port(), API_KEY)
        server.start()
        try:
            with httpx.Client(
                base_url=f"{server.api_url}/api/v1/servers/localhost", headers={"X-API-Key": API_KEY}, timeout=60
            ) as api:
                write(zones, api, server.folder() / "pdns.sqlite3")
            return zones, asyncio.run(audited(server.api_url, zones))
        finally:
            server.stop()


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
    parser.add_argument("--rrsets", type=int, default=50_000, help="of the big zone (default: %(default)s)")


def show(options: argparse.Namespace) -> bool:
    """Prints the figures of a small zone and of a big one. Returns whether nothing was missed or invented."""
    console = Console(highlight=False, soft_wrap=True)
    right = True
    for rrsets in (500, options.rrsets):
        zones, measured = measure(rrsets)
        missed, invented = set(zones.expected) - set(measured.found), set(measured.found) - set(zones.expected)
        console.print(in_words(measured))
        console.print(f"  planted {len(zones.expected)}, missed {sorted(missed)}, invented {sorted(invented)}")
        right = right and not missed and not invented
    return right

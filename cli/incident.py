"""The story of the demo, on a running stack: the incident of 2026-05-15, and how the workflow ends it.

Its own DNS questions are asked with dnspython directly, apart from the product's code: they decide the exit code.
"""

import asyncio
import time
from pathlib import Path
from urllib.parse import quote

import dns.message
import dns.query
import dns.rdatatype
import httpx
from rich.rule import Rule

from cli import display
from cli.provisioning import provision_and_show
from cli.request import build_request
from devstack.stack import Stack
from sovereign_dns.contract import sovereign_workflow_id

PARENT = "omani.works"
SOVEREIGN = "t110.omani.works"
STRANGER = "49.12.16.160"
LOAD_BALANCER = "77.42.11.95"
WILDCARD_TTL_SECONDS = 15
LABELS = (
    "console", "auth", "gitea", "harbor", "registry", "bao", "grafana",
    "hubble", "pdns", "openova-flow", "marketplace", "api", "guacamole",
)  # fmt: skip

_out = display.console()


def tell(stack: Stack) -> list[str]:
    """The story. Returns what DNS did not answer as it should."""
    wrong: list[str] = []
    console = f"console.{SOVEREIGN}"
    _chapter("1. The zone as it was: nobody wrote the Sovereign's records, and a wildcard was forgotten")
    _plant_wildcard(stack)
    _out.print(f"   planted *.{PARENT} A {STRANGER}, an address that now belongs to somebody else")
    for place, address in _servers(stack).items():
        wrong += _expect(console, STRANGER, place, address, "a stranger's server")

    _chapter(f"2. ProvisionSovereign for {SOVEREIGN}, load balancer {LOAD_BALANCER}")
    request = build_request(SOVEREIGN, ip=LOAD_BALANCER, deployment_id="fe09897a1b6b3c1d")
    if asyncio.run(provision_and_show(request)) != 0:
        wrong.append("the workflow did not complete")

    _chapter("3. The proof, by questions of the demo's own")
    for name in (SOVEREIGN, *(f"{label}.{SOVEREIGN}" for label in LABELS)):
        wrong += _expect(name, LOAD_BALANCER, "authoritative", stack.powerdns.dns_address, "the Sovereign")
    _await_forgotten(console, stack.recursor.address)
    for name in (SOVEREIGN, *(f"{label}.{SOVEREIGN}" for label in LABELS)):
        wrong += _expect(name, LOAD_BALANCER, "resolver", stack.recursor.address, "the Sovereign")

    _chapter("4. What is left: the wildcard still answers for every other name")
    wrong += _expect(f"foo.{PARENT}", STRANGER, "authoritative", stack.powerdns.dns_address, "still the stranger")
    _out.print(f'   The result names it as a hazard. A run with "removeWildcards": ["*.{PARENT}"] removes it.')

    _chapter("5. Where to look")
    run = quote(sovereign_workflow_id(SOVEREIGN), safe="")
    _out.print(f"   Web UI: {stack.temporal.ui_url}/namespaces/default/workflows/{run}", soft_wrap=True)
    return wrong


def _chapter(title: str) -> None:
    _out.print()
    _out.print(Rule(title, align="left"))


def _servers(stack: Stack) -> dict[str, str]:
    return {"authoritative": stack.powerdns.dns_address, "resolver": stack.recursor.address}


def _plant_wildcard(stack: Stack) -> None:
    key = Path(stack.environment()["CATALYST_POWERDNS_API_KEY_FILE"]).read_text(encoding="utf-8").strip()
    zone = {
        "name": f"{PARENT}.",
        "kind": "Native",
        "nameservers": ["ns1.openova.io.", "ns2.openova.io.", "ns3.openova.io."],
        "dnssec": True,
        "rrsets": [
            {
                "name": f"*.{PARENT}.",
                "type": "A",
                "ttl": WILDCARD_TTL_SECONDS,
                "records": [{"content": STRANGER, "disabled": False}],
            }
        ],
    }
    url = f"{stack.powerdns.api_url}/api/v1/servers/localhost/zones"
    httpx.post(url, json=zone, headers={"X-API-Key": key}).raise_for_status()


def _ask(name: str, address: str) -> tuple[list[str], int]:
    """The A records that a server answers, and their TTL in seconds."""
    host, port = address.rsplit(":", 1)
    response = dns.query.udp(dns.message.make_query(name, "A"), host, port=int(port), timeout=5)
    for rrset in response.answer:
        if rrset.rdtype == dns.rdatatype.A:
            return [record.to_text() for record in rrset], rrset.ttl
    return [], 0


def _expect(name: str, wanted: str, place: str, address: str, meaning: str) -> list[str]:
    found, _ = _ask(name, address)
    right = found == [wanted]
    _out.print(f"   {'✔' if right else '✘'} {place:<13} {name:<30} {', '.join(found) or 'nothing'}  ({meaning})")
    return [] if right else [f"{place} server answers {name} with {found}, not {wanted}"]


def _await_forgotten(name: str, resolver: str) -> None:
    """The resolver has learnt the stranger's address, and keeps it for as long as its TTL says."""
    told = False
    deadline = time.monotonic() + 2 * WILDCARD_TTL_SECONDS
    while time.monotonic() < deadline:
        found, ttl = _ask(name, resolver)
        if STRANGER not in found:
            return
        if not told:
            _out.print(f"   … the resolver had cached the stranger for {name}, and keeps it for {ttl} s more")
            told = True
        time.sleep(1)

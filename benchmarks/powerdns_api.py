"""PowerDNS' API as an operator calls it, to prepare zones and to look at them afterwards."""

from typing import Any

import httpx

from devstack.powerdns_server import PowerDNSServer

TIMEOUT_SECONDS = 120.0
"""Zones are filled with one call, and read as a whole."""


def client(server: PowerDNSServer) -> httpx.Client:
    """Of one server, by paths such as `/zones`."""
    return httpx.Client(**_arguments(server))


def async_client(server: PowerDNSServer) -> httpx.AsyncClient:
    """The same, for coroutines."""
    return httpx.AsyncClient(**_arguments(server))


def signed_zone(name: str) -> dict[str, object]:
    """The body that makes a zone as the worker makes one."""
    return {"name": f"{name}.", "kind": "Native", "nameservers": ["ns1.openova.io."], "dnssec": True}


def _arguments(server: PowerDNSServer) -> dict[str, Any]:
    return {
        "base_url": f"{server.api_url}/api/v1/servers/localhost",
        "headers": {"X-API-Key": server.api_key},
        "timeout": TIMEOUT_SECONDS,
    }

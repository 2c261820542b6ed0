"""Sovereigns as the benchmarks ask for them, and the names that each then has."""

from sovereign_dns.intent import CANONICAL_SUBDOMAINS

ADDRESS = "77.42.11.95"

PER_SOVEREIGN = len(CANONICAL_SUBDOMAINS) + 1
"""Its rrsets."""


def request(fqdn: str, **more: object) -> dict[str, object]:
    """What `ProvisionSovereign` is sent."""
    return {"deploymentId": "bench", "sovereignFQDN": fqdn, "loadBalancerIP": ADDRESS, **more}


def request_without_certificate(fqdn: str, **more: object) -> dict[str, object]:
    """Of its records alone, and their proof."""
    return request(fqdn, certificate={"enabled": False}, **more)


def names_of(host: str) -> list[str]:
    """Without their trailing dots."""
    return [host, *(f"{label}.{host}" for label in CANONICAL_SUBDOMAINS)]

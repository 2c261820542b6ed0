"""What single fields of a request may hold: names, addresses, times. What is wrong is told as a `ValueError`."""

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from sovereign_dns import names


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError as error:
        hint = "; an IPv6 address belongs into loadBalancerIPv6" if ":" in text else ""
        raise ValueError(f"{text[:60]!r} is not an IPv4 address{hint}") from error


def _ipv6(text: str) -> str:
    try:
        address = ipaddress.IPv6Address(text)
    except ValueError as error:
        raise ValueError(f"{text[:60]!r} is not an IPv6 address") from error
    if address.scope_id is not None:
        raise ValueError(f"{text[:60]!r} holds a zone id, which means nothing in DNS")
    return str(address)


def _kubernetes_name(text: str) -> str:
    label = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
    if len(text) > 253 or not re.fullmatch(rf"{label}(\.{label})*", text):
        raise ValueError(f"{text[:80]!r} is not a Kubernetes name (RFC 1123 subdomain: lower case, digits, '-', '.')")
    return text


def _kubernetes_label(text: str) -> str:
    if len(text) > 63 or not re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", text):
        raise ValueError(f"{text[:80]!r} is not a Kubernetes namespace (RFC 1123 label: lower case, digits, '-')")
    return text


def _wildcard(text: str) -> str:
    if not text.startswith("*."):
        raise ValueError(f"{text[:80]!r} is not a wildcard: it must start with '*.'")
    return f"*.{names.normalise_fqdn(text[2:])}"


def _single_label(text: str) -> str:
    if "." in text:
        raise ValueError(f"{text[:80]!r} has several labels; PDM hands out single ones")
    return text


def _deployment_id(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", text):
        raise ValueError("must be 1 to 128 letters, digits, '.', '_' or '-', and start with a letter or digit")
    return text


Fqdn = Annotated[str, AfterValidator(names.normalise_fqdn)]
Subdomain = Annotated[str, AfterValidator(names.normalise_relative)]
PoolLabel = Annotated[str, AfterValidator(names.normalise_relative), AfterValidator(_single_label)]
WildcardName = Annotated[str, AfterValidator(_wildcard)]
Ipv4 = Annotated[str, AfterValidator(_ipv4)]
Ipv6 = Annotated[str, AfterValidator(_ipv6)]
KubernetesName = Annotated[str, AfterValidator(_kubernetes_name)]
KubernetesNamespace = Annotated[str, AfterValidator(_kubernetes_label)]
DeploymentId = Annotated[str, AfterValidator(_deployment_id)]
Seconds = Annotated[int, Field(ge=1, le=7 * 24 * 3600)]
TtlSeconds = Annotated[int, Field(ge=1, le=86400)]

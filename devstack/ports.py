"""The ports of the embedded stack, all on 127.0.0.1."""

import secrets
import socket
from collections.abc import Collection
from dataclasses import Field, dataclass, field, fields
from typing import Any, Self

from devstack.errors import PortTakenError

# Below the range from which the kernel takes ports for outgoing connections.
_FIRST, _LAST = 20_000, 31_999


def _port(number: int, purpose: str, option: str, *, udp: bool = False) -> int:
    made: int = field(default=number, metadata={"purpose": purpose, "option": option, "udp": udp})
    return made


@dataclass(frozen=True)
class Ports:
    """Which port each part of the stack listens on."""

    temporal: int = _port(7233, "Temporal", "--temporal-port")
    temporal_ui: int = _port(8233, "Temporal's Web UI", "--ui-port")
    powerdns_dns: int = _port(5300, "PowerDNS (DNS)", "--dns-port", udp=True)
    powerdns_api: int = _port(8081, "PowerDNS' API", "--powerdns-port")
    recursor: int = _port(5301, "the recursor", "--recursor-port", udp=True)
    pdm: int = _port(8090, "the simulator of the pool-domain-manager", "--pdm-port")
    kubernetes: int = _port(8091, "the simulator of the Kubernetes API", "--kubernetes-port")
    worker_health: int = _port(8092, "the worker's health endpoint", "--health-port")

    @classmethod
    def free(cls) -> Self:
        """Return ports that nothing listens on, kept from every other stack while this process lives."""
        return cls(*(free_port() for _ in fields(cls)))

    def check(self, unused: Collection[str] = ()) -> None:
        """Make sure that every port can be bound.

        Args:
            unused: names of fields that this stack does not need.

        Raises:
            PortTakenError: names every port that is in use, what needs it, and the option that moves it.
        """
        complaints = []
        needed_by: dict[int, str] = {}
        for entry in fields(self):
            if entry.name in unused:
                continue
            port: int = getattr(self, entry.name)
            complaint = _complaint(port, entry, needed_by.get(port))
            if complaint:
                complaints.append(complaint)
            needed_by.setdefault(port, entry.metadata["purpose"])
        if complaints:
            raise PortTakenError("\n".join(complaints))


def free_port() -> int:
    """Return a port that is free for TCP and UDP, kept from others who ask here while this process lives.

    Raises:
        PortTakenError: no free one was found.
    """
    for _ in range(1_000):
        port = _FIRST + secrets.randbelow(_LAST - _FIRST + 1)
        if _bindable(port, udp=True) and _reserve(port):
            return port
    raise PortTakenError(f"No port between {_FIRST} and {_LAST} on 127.0.0.1 is free.")


def _complaint(port: int, entry: Field[Any], other: str | None) -> str | None:
    purpose, option = entry.metadata["purpose"], entry.metadata["option"]
    if other is not None:
        return f"Port {port} was given to {other} and to {purpose}. Move one, for instance with {option}."
    if not _bindable(port, udp=entry.metadata["udp"]):
        return f"Port {port}, for {purpose}, is taken on 127.0.0.1. Choose another one with {option}."
    return None


def _bindable(port: int, *, udp: bool) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp_socket:
        # What a server does too: connections of its predecessor that wind down are no obstacle.
        tcp_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if not _binds(tcp_socket, port):
            return False
    if not udp:
        return True
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp_socket:
        return _binds(udp_socket, port)


def _binds(unbound: socket.socket, port: int) -> bool:
    try:
        unbound.bind(("127.0.0.1", port))
    except (OSError, OverflowError):
        return False
    return True


def _reserve(port: int) -> bool:
    """Claim a port for this process: nobody binds a port between our choice and our server's start.

    The claim is a socket in Linux' abstract namespace: taken by one, and gone with its process.
    """
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        claim.bind(f"\0sovereign-dns-port-{port}")
    except OSError:
        claim.close()
        return False
    claim.detach()  # the descriptor stays open until the process ends
    return True

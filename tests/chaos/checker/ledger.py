"""What was asked of the product, when, and what it answered: all that the checker knows beside the world itself."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

LABELS = (
    "console", "auth", "gitea", "harbor", "registry", "bao", "grafana",
    "hubble", "pdns", "openova-flow", "marketplace", "api", "guacamole",
)  # fmt: skip

Kind = Literal["provision", "deprovision"]


@dataclass(frozen=True)
class Asked:
    """One request for a Sovereign. Times in seconds since the epoch; `ended_at` None: it has not ended.

    Attributes:
        fqdn: the Sovereign.
        number: the how manieth of this Sovereign.
        kind: what was asked.
        deployment: the deployment id.
        hosts: what its parent domains call it.
        address: the load balancer's; no other request has the same. Empty where none is given.
        ttl: seconds, of the records.
        pool: the pool domain, of a pool name.
        zone: the zone that is made for it alone.
        expected: the phase or the error type with which it must end.
        sent_at: before the first try to start it.
        ended_at: when its end was heard of.
        outcome: the phase of its result, or the type of the error that it failed with.
    """

    fqdn: str
    number: int
    kind: Kind
    deployment: str
    hosts: list[str]
    address: str = ""
    ttl: int = 0
    pool: str = ""
    zone: str = ""
    expected: str = "complete"
    sent_at: float = 0.0
    ended_at: float | None = None
    outcome: str | None = None

    @property
    def accepted(self) -> bool:
        """Whether it must be done: not one that must be refused."""
        return self.expected in {"complete", "degraded"}

    @property
    def names(self) -> list[str]:
        """Every owner name that it asks an address for."""
        of_hosts = [name for host in self.hosts for name in (host, *(f"{label}.{host}" for label in LABELS))]
        return [*of_hosts, f"*.{self.fqdn}"] if self.pool else of_hosts

    def ended(self, at: float, outcome: str) -> "Asked":
        """With its end."""
        return replace(self, ended_at=at, outcome=outcome)


@dataclass(frozen=True)
class Planted:
    """An rrset of somebody else's that stood there before; names without their last dots, values as in a zone file."""

    zone: str
    name: str
    type: str
    values: list[str]


@dataclass
class Ledger:
    """Everything that was asked for, and what stood there before.

    Attributes:
        planted: rrsets that nobody may touch.
        zones: those that were there before.
        asked: by Sovereign, in the order in which they were sent: each after the end of the one before.
    """

    planted: list[Planted] = field(default_factory=list)
    zones: list[str] = field(default_factory=list)
    asked: dict[str, list[Asked]] = field(default_factory=dict)

    def note(self, request: Asked) -> None:
        """Puts down a request, or how it ended."""
        requests = self.asked.setdefault(request.fqdn, [])
        if len(requests) > request.number:
            requests[request.number] = request
        else:
            requests.append(request)

    @property
    def requests(self) -> Iterable[Asked]:
        """All of them."""
        return (request for requests in self.asked.values() for request in requests)

    def write(self, file: Path) -> None:
        """As JSON, so that the world may be checked again later."""
        content = {
            "planted": [asdict(rrset) for rrset in self.planted],
            "zones": self.zones,
            "asked": {fqdn: [asdict(request) for request in requests] for fqdn, requests in self.asked.items()},
        }
        file.write_text(json.dumps(content, indent=1), encoding="utf-8")

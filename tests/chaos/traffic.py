"""What is asked of the product: Sovereigns of every shape, each with a few requests one after the other, by a seed."""

import asyncio
import ipaddress
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from temporalio.api.enums.v1 import PendingActivityState
from temporalio.client import Client, WorkflowFailureError
from temporalio.common import WorkflowIDConflictPolicy
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError

from tests.chaos.checker.ledger import Asked, Kind, Ledger

PARENTS = ("alpha.works", "beta.works", "gamma.homes")
POOLS = ("pool.works",)
WITH_A_WILDCARD = PARENTS[0]
RECORD_TTL = 2

TASK_QUEUE = "sovereign-dns"
TYPES: dict[Kind, str] = {"provision": "ProvisionSovereign", "deprovision": "DeprovisionSovereign"}

Shape = Literal["byo", "two-parents", "new-zone", "pool"]

_SHAPES: dict[Shape, float] = {"byo": 4, "two-parents": 2, "new-zone": 1, "pool": 3}

_LIVES: list[tuple[Kind, ...]] = [
    ("provision",),
    ("provision", "provision"),
    ("provision", "provision", "deprovision"),
    ("provision", "deprovision"),
    ("provision", "deprovision", "provision"),
]

_FIRST_ADDRESS = int(ipaddress.IPv4Address("77.0.0.1"))

_PAUSE_SECONDS = 0.2
"""Until Temporal is asked again that was away."""


@dataclass(frozen=True)
class Sovereign:
    """One of them, and its life.

    Attributes:
        fqdn: its name.
        shape: what kind.
        parents: its parent domains, or its pool.
        life: what is asked for it, in order.
        thief: whether somebody asks for a name below it that is its own, once it is provisioned.
        by_hand: whether its runs are started as the Web UI starts them, under ids of their own.
    """

    number: int
    fqdn: str
    shape: Shape
    parents: tuple[str, ...]
    life: tuple[Kind, ...]
    thief: bool
    by_hand: bool

    @property
    def hosts(self) -> list[str]:
        """What each parent domain calls it."""
        label = self.fqdn.partition(".")[0]
        return [self.fqdn if self.fqdn.endswith(f".{parent}") else f"{label}.{parent}" for parent in self.parents]


def sovereigns(seed: int) -> Iterator[Sovereign]:
    """Without end; the same ones for the same seed."""
    drawn = random.Random(f"{seed}/sovereigns")
    number = 0
    while True:
        number += 1
        shape = drawn.choices(list(_SHAPES), list(_SHAPES.values()))[0]
        parents = _parents(drawn, shape, number)
        yield Sovereign(
            number=number,
            fqdn=f"t{number}.{parents[0]}",
            shape=shape,
            parents=parents,
            life=drawn.choice(_LIVES),
            thief=shape == "byo" and drawn.random() < 0.3,
            by_hand=drawn.random() < 0.3,
        )


def _parents(drawn: random.Random, shape: Shape, number: int) -> tuple[str, ...]:
    if shape == "pool":
        return (drawn.choice(POOLS),)
    if shape == "new-zone":
        return (f"own{number}.{drawn.choice(PARENTS)}",)
    return tuple(drawn.sample(PARENTS, 2 if shape == "two-parents" else 1))


class Traffic:
    """Asks for what Sovereigns want, and notes it in the ledger. Temporal may be away at any time."""

    def __init__(self, client: Client, ledger: Ledger) -> None:
        self._client = client
        self._ledger = ledger
        self.living: set[str] = set()
        """Names that are asked for at any time, for who wants to look at their answers."""

    async def live(self, sovereign: Sovereign) -> None:
        """All of its life, request after request, whatever they end as."""
        for number, kind in enumerate(sovereign.life):
            asked = _asked(sovereign, number, kind)
            await self._ask(asked, _request(sovereign, asked), by_hand=sovereign.by_hand)
            if sovereign.thief and number == 0:
                await self._steal(sovereign)

    async def waiting_for(self, fqdn: str) -> str:
        """What Temporal says of the run that holds the Sovereign's lock: its pending activities, and their failures."""
        described = await self._client.get_workflow_handle(f"sovereign/{fqdn}").describe()
        status = described.status.name if described.status else "unknown"
        pending = [
            f"{activity.activity_id}, attempt {activity.attempt}, {PendingActivityState.Name(activity.state)}"
            f"{': ' + activity.last_failure.message if activity.HasField('last_failure') else ''}"
            for activity in described.raw_description.pending_activities
        ]
        return f"{status}; pending: {'; '.join(pending) or 'nothing'}"

    async def _steal(self, victim: Sovereign) -> None:
        """Somebody asks for a host that is one of the Sovereign's own names."""
        fqdn = f"console.{victim.fqdn}"
        asked = Asked(
            fqdn=fqdn,
            number=0,
            kind="provision",
            deployment=f"thief{victim.number}",
            hosts=[fqdn],
            address=_address(victim.number, 7),
            ttl=RECORD_TTL,
            expected="OwnershipConflict",
        )
        await self._ask(asked, _provision(asked, [victim.parents[0]]), by_hand=False)

    async def _ask(self, asked: Asked, request: dict[str, Any], *, by_hand: bool) -> None:
        self.living.update(asked.names)
        asked = Asked(**{**asked.__dict__, "sent_at": time.time()})
        self._ledger.note(asked)
        workflow_id = f"ui-{asked.fqdn}-{asked.number}" if by_hand else f"sovereign/{asked.fqdn}"
        outcome = await self._outcome(TYPES[asked.kind], request, workflow_id)
        self._ledger.note(asked.ended(time.time(), outcome))

    async def _outcome(self, workflow: str, request: dict[str, Any], workflow_id: str) -> str:
        """The phase that it ends in, or the error's type; asks until there is an answer."""
        run_id: str | None = None
        while True:
            try:
                if run_id is None:
                    handle = await self._client.start_workflow(
                        workflow,
                        request,
                        id=workflow_id,
                        task_queue=TASK_QUEUE,
                        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
                    )
                    run_id = handle.result_run_id
                result = await self._client.get_workflow_handle(workflow_id, run_id=run_id).result()
                return str(result["phase"])
            except WorkflowFailureError as failure:
                return _type_of(failure)
            except RPCError:
                await asyncio.sleep(_PAUSE_SECONDS)


def _type_of(failure: BaseException) -> str:
    """Of the innermost typed error."""
    found = type(failure).__name__
    cause: BaseException | None = failure
    while cause is not None:
        if isinstance(cause, ApplicationError) and cause.type:
            found = cause.type
        cause = cause.__cause__
    return found


def _asked(sovereign: Sovereign, number: int, kind: Kind) -> Asked:
    return Asked(
        fqdn=sovereign.fqdn,
        number=number,
        kind=kind,
        deployment=f"d{sovereign.number}x{number}",
        hosts=sovereign.hosts,
        address=_address(sovereign.number, number) if kind == "provision" else "",
        ttl=RECORD_TTL,
        pool=sovereign.parents[0] if sovereign.shape == "pool" else "",
        zone=sovereign.parents[0] if sovereign.shape == "new-zone" else "",
        expected="degraded" if kind == "deprovision" and _below_the_wildcard(sovereign) else "complete",
    )


def _below_the_wildcard(sovereign: Sovereign) -> bool:
    """Where nothing else answers any more, a forgotten wildcard does: not a good end, and told as that."""
    return any(parent.endswith(WITH_A_WILDCARD) for parent in sovereign.parents)


def _address(sovereign: int, number: int) -> str:
    """No two requests of a run have the same."""
    return str(ipaddress.IPv4Address(_FIRST_ADDRESS + sovereign * 8 + number))


def _request(sovereign: Sovereign, asked: Asked) -> dict[str, Any]:
    pool = {"domain": asked.pool, "subdomain": asked.fqdn.partition(".")[0]} if asked.pool else None
    if asked.kind == "provision":
        request = _provision(asked, [] if pool else list(sovereign.parents))
        return request | {"pool": pool | {"createdBy": "catalyst-api"}} if pool else request
    request = {"sovereignFQDN": asked.fqdn, "verification": _proof()}
    parents = {"parentDomains": [{"name": parent} for parent in sovereign.parents]}
    return request | ({"pool": pool} if pool else parents)


def _provision(asked: Asked, parents: list[str]) -> dict[str, Any]:
    request = {
        "deploymentId": asked.deployment,
        "sovereignFQDN": asked.fqdn,
        "loadBalancerIP": asked.address,
        "ttl": asked.ttl,
        "verification": _proof(),
    }
    return request | {"parentDomains": [{"name": parent} for parent in parents]} if parents else request


def _proof() -> dict[str, Any]:
    return {"level": "propagated", "deadlineSeconds": 7200}

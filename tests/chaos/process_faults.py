"""Faults of whole processes and of their disk: each is inflicted, lasts, and is lifted."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Literal, get_args

from devstack.child_process import ChildProcess
from tests.chaos.http_faults import FaultyHttp
from tests.chaos.stage import Stage, freeze, thaw

ProcessFaultKind = Literal[
    "worker-killed",
    "worker-terminated",
    "worker-frozen",
    "powerdns-killed",
    "powerdns-frozen",
    "powerdns-refused",
    "recursor-killed",
    "recursor-frozen",
    "temporal-killed",
    "temporal-terminated",
    "temporal-frozen",
    "pdm-killed",
    "pdm-refused",
    "kubernetes-terminated",
    "kubernetes-refused",
    "disk-full",
    "database-read-only",
    "database-locked",
]

# Kubernetes' simulator is never killed: it writes its objects down now and then, where the real one has etcd.
PROCESS_FAULTS: tuple[ProcessFaultKind, ...] = get_args(ProcessFaultKind)


def possible(stage: Stage) -> list[ProcessFaultKind]:
    """All, but where PowerDNS has no disk of its own, which takes root and a mount."""
    return [kind for kind in PROCESS_FAULTS if kind != "disk-full" or stage.disk]


@asynccontextmanager
async def inflicted(stage: Stage, kind: ProcessFaultKind, drawn: random.Random) -> AsyncIterator[None]:
    """In force inside. What it hits of several is drawn."""
    what, _, how = kind.rpartition("-")
    match kind:
        case "disk-full":
            async with _between(stage.fill_disk, stage.empty_disk):
                yield
        case "database-read-only":
            async with _between(stage.refuse_writes, stage.take_writes):
                yield
        case "database-locked":
            with stage.locked_database():
                yield
        case "powerdns-refused" | "pdm-refused" | "kubernetes-refused":
            async with _refusing(stage.http[what]):
                yield
        case _:
            process = drawn.choice(stage.workers) if what == "worker" else _process(stage, what)
            async with _HOW[how](process):
                yield


@asynccontextmanager
async def _between(begin: Callable[[], None], end: Callable[[], None]) -> AsyncIterator[None]:
    await asyncio.to_thread(begin)
    try:
        yield
    finally:
        await asyncio.to_thread(end)


@asynccontextmanager
async def _refusing(proxy: FaultyHttp) -> AsyncIterator[None]:
    await proxy.refuse()
    try:
        yield
    finally:
        await proxy.listen()


def _process(stage: Stage, name: str) -> ChildProcess:
    processes: dict[str, ChildProcess] = {
        "powerdns": stage.stack.powerdns,
        "recursor": stage.stack.recursor,
        "temporal": stage.stack.temporal,
        "pdm": stage.stack.pdm,
        "kubernetes": stage.stack.kubernetes,
    }
    return processes[name]


@asynccontextmanager
async def _killed(process: ChildProcess) -> AsyncIterator[None]:
    await asyncio.to_thread(process.kill)
    try:
        yield
    finally:
        await asyncio.to_thread(process.start)


@asynccontextmanager
async def _terminated(process: ChildProcess) -> AsyncIterator[None]:
    await asyncio.to_thread(process.stop)
    try:
        yield
    finally:
        await asyncio.to_thread(process.start)


@asynccontextmanager
async def _frozen(process: ChildProcess) -> AsyncIterator[None]:
    freeze(process)
    try:
        yield
    finally:
        thaw(process)


_HOW: dict[str, Callable[[ChildProcess], AbstractAsyncContextManager[None]]] = {
    "killed": _killed,
    "terminated": _terminated,
    "frozen": _frozen,
}

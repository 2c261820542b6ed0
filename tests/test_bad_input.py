"""Bad input ends in a failed run that names the field and why, and no call leaves the worker."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client
from temporalio.common import RawValue

from devstack.ports import free_port
from tests.conftest import StartWorker
from tests.eventually import eventually
from tests.runs import failure_of, raw, start
from tests.world import LOAD_BALANCER, World

GOOD: dict[str, Any] = {"deploymentId": "d1", "sovereignFQDN": "t110.omani.works", "loadBalancerIP": LOAD_BALANCER}

REFUSED: dict[str, tuple[Any, str, str]] = {
    "unknown field": (GOOD | {"loadBalancerIp": "1.1.1.1"}, "InvalidInput", "loadBalancerIp"),
    "snake case": (GOOD | {"load_balancer_ip": "1.1.1.1"}, "InvalidInput", "load_balancer_ip"),
    "missing field": ({"deploymentId": "d1"}, "InvalidInput", "sovereignFQDN: is required"),
    "wrong type": (GOOD | {"ttl": "60"}, "InvalidInput", "ttl"),
    "fraction": (GOOD | {"ttl": 60.5}, "InvalidInput", "ttl"),
    "TTL of zero": (GOOD | {"ttl": 0}, "InvalidInput", "ttl"),
    "TTL of two days": (GOOD | {"ttl": 172800}, "InvalidInput", "ttl"),
    "nested unknown field": (GOOD | {"certificate": {"issuers": "x"}}, "InvalidInput", "certificate.issuers"),
    "unknown level": (GOOD | {"verification": {"level": "total"}}, "InvalidInput", "verification.level"),
    "empty FQDN": (GOOD | {"sovereignFQDN": ""}, "InvalidInput", "sovereignFQDN"),
    "wildcard FQDN": (GOOD | {"sovereignFQDN": "*.omani.works"}, "InvalidInput", "sovereignFQDN"),
    "64 octets in a label": (GOOD | {"sovereignFQDN": f"{'a' * 64}.omani.works"}, "InvalidInput", "sovereignFQDN"),
    "254 octets": (
        GOOD | {"sovereignFQDN": ".".join(["a" * 63] * 3 + ["a" * 50, "omani.works"])},
        "InvalidInput",
        "sovereignFQDN",
    ),
    "spaces": (GOOD | {"sovereignFQDN": "t110 .omani.works"}, "InvalidInput", "sovereignFQDN"),
    "URL": (GOOD | {"sovereignFQDN": "https://t110.omani.works/"}, "InvalidInput", "sovereignFQDN"),
    "IP as FQDN": (GOOD | {"sovereignFQDN": "77.42.11.95"}, "InvalidInput", "sovereignFQDN"),
    "public suffix": (GOOD | {"sovereignFQDN": "co.uk"}, "InvalidInput", "sovereignFQDN"),
    "public suffix as parent": (GOOD | {"parentDomains": [{"name": "works"}]}, "InvalidInput", "parentDomains"),
    "private address": (GOOD | {"loadBalancerIP": "10.0.0.1"}, "InvalidInput", "loadBalancerIP"),
    "loopback address": (GOOD | {"consoleLoadBalancerIP": "127.0.0.1"}, "InvalidInput", "consoleLoadBalancerIP"),
    "unspecified address": (GOOD | {"loadBalancerIP": "0.0.0.0"}, "InvalidInput", "loadBalancerIP"),  # noqa: S104
    "IPv6 for IPv4": (GOOD | {"loadBalancerIP": "2a01:4f9::1"}, "InvalidInput", "loadBalancerIP"),
    "10,000 subdomains": (GOOD | {"subdomains": [f"s{i}" for i in range(10_000)]}, "InvalidInput", "subdomains"),
    "60,000 unknown fields": (GOOD | {f"x{i}": 1 for i in range(60_000)}, "InvalidInput", "and 59995 more errors"),
    "a field of 100,000 letters": (GOOD | {"x" * 100_000: 1}, "InvalidInput", "xxx..."),
    "too many names in all": (
        GOOD
        | {
            "subdomains": [f"s{i}" for i in range(200)],
            "parentDomains": [{"name": "omani.works"}, *({"name": f"d{i}.works"} for i in range(15))],
        },
        "InvalidInput",
        "they make 3216 rrsets; one request may have 2000",
    ),
    "subdomain twice": (GOOD | {"subdomains": ["api", "API"]}, "InvalidInput", "subdomains"),
    "absolute subdomain": (GOOD | {"subdomains": ["api."]}, "InvalidInput", "subdomains"),
    "protected FQDN": (GOOD | {"sovereignFQDN": "console.openova.io"}, "ProtectedName", "console.openova.io"),
    "outside its parents": (GOOD | {"parentDomains": [{"name": "omani.homes"}]}, "InvalidInput", "parentDomains"),
    "two primaries": (
        GOOD | {"parentDomains": [{"name": n, "role": "primary"} for n in ("omani.works", "omani.homes")]},
        "InvalidInput",
        "parentDomains",
    ),
    "another name's pool": (GOOD | {"pool": {"domain": "omani.works", "subdomain": "x"}}, "InvalidInput", "pool"),
    "distant wildcard": (GOOD | {"removeWildcards": ["*.example.com"]}, "InvalidInput", "removeWildcards"),
    "a string": ("t110.omani.works", "InvalidInput", "one JSON object"),
    "a list": ([GOOD], "InvalidInput", "one JSON object"),
    "a number": (7, "InvalidInput", "one JSON object"),
    "null": (None, "InvalidInput", "one JSON object"),
    "malformed JSON": (raw(b'{"deploymentId": "d1", '), "InvalidInput", "not valid JSON"),
    "bytes": (raw(b"\x00\x01", b"binary/plain"), "InvalidInput", "one JSON object"),
    "unknown encoding": (raw(b"{}", b"json/encrypted"), "InvalidInput", "encoding"),
}


def _under_a_name_of_its_own(request: Any, index: int) -> Any:
    """Otherwise the cases would meet in the lock on one Sovereign."""
    if isinstance(request, dict) and request.get("sovereignFQDN") == GOOD["sovereignFQDN"]:
        return request | {"sovereignFQDN": f"t{index}.omani.works"}
    return request


class _DatagramTrap(asyncio.DatagramProtocol):
    def __init__(self, caught: Callable[[], None]) -> None:
        self._caught = caught

    def datagram_received(self, *_: object) -> None:
        self._caught()


@asynccontextmanager
async def _trap(calls: list[str], backend: str) -> AsyncIterator[str]:
    """A place, `host:port`, where every call over TCP or UDP is counted for the backend, and none is answered."""

    def caught() -> None:
        calls.append(backend)

    def connected(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        caught()
        writer.close()

    port = free_port()
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _DatagramTrap(caught), local_addr=("127.0.0.1", port)
    )
    try:
        async with await asyncio.start_server(connected, "127.0.0.1", port):
            yield f"127.0.0.1:{port}"
    finally:
        transport.close()


MOST_EVENTS_OF_A_REFUSAL = 17
"""Handing over to the run with the lock, and failing as that does, without a timer or a second attempt at anything."""


@dataclass
class Traps:
    """Settings that lead a worker to traps in the place of every backend, and whom it has called so far."""

    settings: dict[str, str]
    calls: list[str]


@pytest.fixture
async def traps(tmp_path: Path) -> AsyncIterator[Traps]:
    calls: list[str] = []
    async with (
        _trap(calls, "PowerDNS") as powerdns,
        _trap(calls, "PDM") as pdm,
        _trap(calls, "DNS") as dns,
        _trap(calls, "Kubernetes") as kubernetes,
    ):
        kubeconfig = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "trap", "cluster": {"server": f"http://{kubernetes}"}}],
            "users": [{"name": "trap", "user": {"token": "a-token"}}],
            "contexts": [{"name": "trap", "context": {"cluster": "trap", "user": "trap"}}],
            "current-context": "trap",
        }
        (tmp_path / "kubeconfig").write_text(json.dumps(kubeconfig), encoding="utf-8")
        yield Traps(
            {
                "CATALYST_POWERDNS_API_URL": f"http://{powerdns}",
                "POOL_DOMAIN_MANAGER_URL": f"http://{pdm}",
                "CATALYST_DNS_AUTHORITATIVE": dns,
                "KUBECONFIG": str(tmp_path / "kubeconfig"),
            },
            calls,
        )


async def test_every_bad_input_fails_its_run_and_no_call_leaves_the_worker(
    special_temporal: Client, start_worker: StartWorker, traps: Traps
) -> None:
    start_worker(**traps.settings)
    handles = {
        case: await start(special_temporal, _under_a_name_of_its_own(request, index))
        for index, (case, (request, _, _)) in enumerate(REFUSED.items())
    }
    told: dict[str, str] = {}
    for case, (_, error_type, words) in REFUSED.items():
        failure = await failure_of(handles[case])
        if failure.type != error_type or words not in failure.message or not failure.non_retryable:
            told[case] = f"{failure.type}: {failure.message} (non-retryable: {failure.non_retryable})"
        events = (await handles[case].describe()).history_length
        if events > MOST_EVENTS_OF_A_REFUSAL:
            told[case] = f"{events} events: something was waited for, or tried again"
    assert told == {}
    assert traps.calls == []


async def test_the_traps_would_have_caught_a_call_to_any_backend(
    special_temporal: Client, start_worker: StartWorker, traps: Traps, world: World, tmp_path: Path
) -> None:
    pool = {"domain": world.parent, "subdomain": "t1"}
    requests = [world.request(f"t1.{world.parent}", pool=pool), world.request(f"t2.{world.parent}")]
    powerdns = tmp_path / "powerdns-url"
    powerdns.write_text(world.description["CATALYST_POWERDNS_API_URL"], encoding="utf-8")
    start_worker(**traps.settings | {"CATALYST_POWERDNS_API_URL_FILE": str(powerdns)})
    handles = [await start(special_temporal, request, workflow_id=_lock(request)) for request in requests]
    try:
        await eventually(_called(traps, "PDM", "DNS", "Kubernetes"))
        powerdns.write_text(traps.settings["CATALYST_POWERDNS_API_URL"], encoding="utf-8")
        request = world.request(f"t3.{world.parent}")
        handles.append(await start(special_temporal, request, workflow_id=_lock(request)))
        await eventually(_called(traps, "PowerDNS"))
    finally:
        for handle in handles:
            await handle.terminate()


def _lock(request: dict[str, Any]) -> str:
    return f"sovereign/{request['sovereignFQDN']}"


def _called(traps: Traps, *backends: str) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return set(backends) <= set(traps.calls)

    return look


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ([], "got none"),
        ([json.dumps(GOOD), json.dumps(GOOD)], "got 2 inputs"),
        (["null"], "one JSON object"),
        (['"t110"'], "one JSON object"),
        ([json.dumps(GOOD | {"sovereignFQDN": "*.x.y"})], "sovereignFQDN: '*.x.y' holds a wildcard"),
    ],
    ids=["no input", "two inputs", "null", "a string", "a bad FQDN"],
)
async def test_bad_input_by_the_plain_temporal_command(
    temporal: Client, namespaces: list[str], world: World, inputs: list[str], words: str
) -> None:
    started = world.temporal_command(
        namespaces[0], "workflow", "execute", "--type", "ProvisionSovereign", "--task-queue", "sovereign-dns",
        "--workflow-id", f"bad-{world.unique}", "--output", "json", *(a for i in inputs for a in ("--input", i)),
    )  # fmt: skip

    assert started.returncode == 1
    told = json.loads(started.stdout)
    failure = told["closeEvent"]["workflowExecutionFailedEventAttributes"]["failure"]
    assert told["status"] == "FAILED"
    assert failure["applicationFailureInfo"] == {"type": "InvalidInput", "nonRetryable": True}
    assert words in failure["message"]


async def test_every_bad_input_that_the_plain_temporal_command_can_send(
    temporal: Client, namespaces: list[str], world: World, tmp_path: Path
) -> None:
    def refusal(case: str, index: int) -> str:
        request = _under_a_name_of_its_own(REFUSED[case][0], index)
        file = tmp_path / f"{index}.json"
        file.write_text(json.dumps(request), encoding="utf-8")
        ended = world.temporal_command(
            namespaces[0], "workflow", "execute", "--type", "ProvisionSovereign", "--task-queue", "sovereign-dns",
            "--workflow-id", f"bad-{world.unique}-{index}", "--output", "json", "--input-file", str(file),
        )  # fmt: skip
        failure = json.loads(ended.stdout)["closeEvent"]["workflowExecutionFailedEventAttributes"]["failure"]
        return f"{failure['applicationFailureInfo']['type']}: {failure['message']}"

    cases = [case for case, (request, _, _) in REFUSED.items() if not isinstance(request, RawValue)]
    told = await asyncio.gather(*(asyncio.to_thread(refusal, case, index) for index, case in enumerate(cases)))

    expected = {case: REFUSED[case][1:] for case in cases}
    assert {
        case: text
        for case, text in zip(cases, told, strict=True)
        if not text.startswith(f"{expected[case][0]}: ") or expected[case][1] not in text
    } == {}


async def test_a_secret_in_a_bad_request_is_not_told(temporal: Client, world: World) -> None:
    token = f"canary-{world.unique}"
    pool = {"domain": world.parent, "subdomain": "x", "reservationToken": token, "nonsense": 1}

    failure = await failure_of(await start(temporal, world.request(f"x.{world.parent}", pool=pool)))

    assert token not in str(failure)
    assert "pool.nonsense" in failure.message

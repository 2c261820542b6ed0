"""`AddParentDomain` on a private DNS of real servers: the registrar is told, the registry waited for, all proved."""

import json
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import Client

from tests.command_line import run
from tests.conftest import StartWorker
from tests.dns_bench import API_KEY, HOST_1, NAMESERVERS, ROOT, TLD, TOP, Bench, delegation
from tests.eventually import eventually
from tests.removals import deprovision, removal_of, start_removal
from tests.runs import Handle, failure_of, step, waiting_with
from tests.test_outages import attempt_now
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset

NS = NAMESERVERS[0]


class Registry:
    """Where a test's domain is registered: the top-level domain of the private DNS."""

    def __init__(self, bench: Bench) -> None:
        self.domain = f"d{secrets.token_hex(4)}.{TOP}"
        self._bench = bench

    def delegate(self, *, signed: bool = True) -> None:
        ds = self._bench.hosts[0].ds(self.domain) if signed else []
        self._bench.servers[TLD].write(TOP, *delegation(self.domain, [NS], ds=ds))


@pytest.fixture
def registry(bench: Bench) -> Registry:
    return Registry(bench)


class Tokens:
    """The folder of registrars' tokens, and every token that was ever in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ever: list[str] = []

    def put(self, name: str, token: str) -> str:
        self.ever.append(token.strip())
        (self.folder / name).write_text(token, encoding="utf-8")
        return token


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    folder = tmp_path / "registrars"
    folder.mkdir()
    return Tokens(folder)


def settings_on(bench: Bench, tokens: Tokens) -> dict[str, str]:
    return {
        "CATALYST_POWERDNS_API_URL": bench.hosts[0].api_url.replace("127.0.0.1", HOST_1),
        "CATALYST_POWERDNS_API_KEY": API_KEY,
        "CATALYST_POWERDNS_API_KEY_FILE": "",
        "CATALYST_DNS_AUTHORITATIVE": f"{HOST_1}:{bench.port}",
        "CATALYST_DNS_ROOT_SERVERS": f"{ROOT}:{bench.port}",
        "CATALYST_DNS_TRUST_ANCHORS": ",".join(bench.trust_anchors),
        "CATALYST_DNS_PROPAGATION_RESOLVERS": "",
        "CATALYST_EXPECTED_NS": NS,
        "CATALYST_REGISTRAR_CREDENTIALS_DIR": str(tokens.folder),
        "SOVEREIGN_DNS_LOG_LEVEL": "DEBUG",
    }


def request_for(world: World, domain: str, **fields: Any) -> dict[str, Any]:
    """For a Sovereign that nobody else works on."""
    return {
        "name": domain,
        "sovereignFQDN": f"t1.{world.parent}",
        "deploymentId": "d1",
        "loadBalancerIP": LOAD_BALANCER,
        "certificate": {"namespace": f"ns-{world.unique}"},
    } | fields


async def start(client: Client, request: dict[str, Any], *, workflow_id: str | None = None) -> Handle:
    return await client.start_workflow(
        "AddParentDomain",
        request,
        id=workflow_id or f"parent-domain/{request['name']}",
        task_queue="sovereign-dns",
    )


async def status_where(handle: Handle, name: str, domain: str, **wanted: Any) -> dict[str, Any]:
    async def seen() -> dict[str, Any] | None:
        status = await handle.query("status")
        found = [s for s in status["steps"] if (s["step"], s["domain"]) == (name, domain)] if status else []
        return status if found and all(found[0][key] == value for key, value in wanted.items()) else None

    return await eventually(seen)


async def history_of(client: Client, *workflow_ids: str) -> str:
    """Everything that Temporal keeps of these runs: histories, what pending activities say, memo, heartbeats."""
    kept = []
    for workflow_id in workflow_ids:
        handle = client.get_workflow_handle(workflow_id)
        kept += [(await handle.fetch_history()).to_json(), str((await handle.describe()).raw_description)]
    return "\n".join(kept)


async def test_a_domain_is_registered_delegated_and_proved(
    bench: Bench, registry: Registry, tokens: Tokens, special_temporal: Client, start_worker: StartWorker, world: World
) -> None:
    domain, client = registry.domain, special_temporal
    worker = start_worker(**settings_on(bench, tokens))
    request = request_for(world, domain, registrar={"kind": "dynadot", "credentialsRef": "dynadot"})
    lock_id, activity_id = f"sovereign/{request['sovereignFQDN']}", f"nameservers-set/{domain}"
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    handle = await start(client, request)
    seen: list[str] = []

    async def told(*words: str) -> None:
        said = await waiting_with(handle, activity_id, *words)
        seen.append(said + await history_of(client, handle.id))

    async def again_with(**fault: Any) -> None:
        if fault:
            await world.fault(world.pdm, pool=domain, call="set-ns", times=1, **fault)
        await attempt_now(world, client, handle, activity_id)

    token_file = str(tokens.folder / "dynadot")
    await told("RegistrarNotConfigured: ", token_file, "can't be read")
    tokens.put("dynadot", f"invalid-{secrets.token_hex(12)}\n{secrets.token_hex(12)}")
    await again_with()
    await told("RegistrarUnauthorized: dynadot doesn't take the token", token_file)
    token = tokens.put("dynadot", f" {secrets.token_hex(20)}\n").strip()
    await again_with(kind="status", status=403, message=f"the account of {token} lacks it")
    await told("DomainNotInAccount: ", token_file, "[redacted]")
    await again_with(kind="status", status=429, message=token, retryAfter=3000)
    await told("RegistrarUnavailable: dynadot has had too many calls")
    await again_with(kind="status", status=502, message=f"{token[:25]} {token[20:]}", retryAfter=3000)
    await told("RegistrarUnavailable: PDM can't reach dynadot")
    await again_with()

    status = await status_where(handle, "nameservers-set", domain, state="done")
    assert NS in step(status, "nameservers-set")["outcome"]
    assert f"with the address {HOST_1}" in step(status, "nameservers-set")["outcome"], "Dynadot wants one"
    assert "resolvers may know the former name servers" in step(status, "nameservers-set")["outcome"]
    assert (await client.get_workflow_handle(lock_id).result())["phase"] == "complete", "the lock is free again"

    status = await status_where(handle, "certificate-ready", domain, state="running")
    waiting = await eventually(lambda: waits_for(handle, "dns-verify", domain))
    assert waiting.startswith("the registry doesn't lead to the expected name servers yet; waited for until ")
    assert await waits_for(handle, "certificate-ready", domain)
    assert step(status, "certificate-request", domain)["state"] == "done"

    registry.delegate()
    await world.mend(world.kubernetes, namespace=f"ns-{world.unique}")
    result = await handle.result()

    assert result["phase"] == "complete", result
    assert result["verification"]["level"] == "delegated"
    assert "no resolver was asked" in result["verification"]["notes"][0]
    assert [s["step"] for s in result["steps"]][:2] == ["zone-create", "certificate-request"]
    wanted = {
        f"{domain}-wildcard-tls": [f"*.{domain}", domain],
        f"t1.{domain}-wildcard-tls": [f"*.t1.{domain}", f"t1.{domain}"],
    }
    assert {c["name"]: c["dnsNames"] for c in result["certificates"] if c["ready"]} == wanted
    assert {r["name"] for r in result["records"] if r["change"] == "created"} >= {
        f"{n}." for n in names_of(f"t1.{domain}")
    }
    assert result["handedOverTo"] is None

    again = await (await start(client, request)).result()
    assert again["phase"] == "complete"
    assert step(again, "nameservers-set")["state"] == "skipped"
    assert "already" in step(again, "nameservers-set")["outcome"]

    everything = "\n".join(
        [*seen, await history_of(client, handle.id, lock_id), worker.log.read_text(encoding="utf-8")]
    )
    assert "DomainNotInAccount" in everything
    for secret in (part for given in tokens.ever for part in given.split()):
        assert secret not in everything
        assert not any(secret[at : at + 12] in everything for at in range(len(secret) - 12))


async def waits_for(handle: Handle, name: str, domain: str) -> str | None:
    waited: str | None = step(await handle.query("status"), name, domain)["waitsFor"]
    return waited


async def test_without_a_registrar_the_delegation_is_waited_for_and_a_lacking_ds_needs_a_person(
    bench: Bench, registry: Registry, tokens: Tokens, special_temporal: Client, start_worker: StartWorker, world: World
) -> None:
    domain, client = registry.domain, special_temporal
    start_worker(**settings_on(bench, tokens))
    request = request_for(world, domain, certificate={"enabled": False})
    handle = await start(client, request)
    hostile = await start_beside_a_stranger(client, bench, request | {"sovereignFQDN": f"t2.{world.parent}"})

    status = await status_where(handle, "nameservers-set", domain, state="skipped")
    assert f"delegated to {NS} yourself" in step(status, "nameservers-set")["outcome"]
    assert await eventually(lambda: waits_for(handle, "dns-verify", domain))

    registry.delegate(signed=False)
    told = await waiting_with(handle, f"dns-verify/{domain}", "put the DS")
    assert f"{domain} is signed" in told
    assert await waits_for(handle, "dns-verify", domain) is None, "nobody but a person can do that"
    await handle.execute_update("skip_step", {"step": "dns-verify", "reason": "the DS comes tomorrow"})
    assert (await handle.result())["phase"] == "degraded"

    result = await hostile.result()
    assert result["phase"] == "degraded"
    outcomes = {s["step"]: (s["state"], s["outcome"]) for s in result["steps"]}
    assert outcomes["dns-verify"][0] == "failed"
    assert "misdirected" in outcomes["dns-verify"][1]
    assert outcomes["nameservers-set"][0] == "skipped"
    assert "not delegated to name servers that don't answer as written" in outcomes["nameservers-set"][1]
    late = await (await start(client, request | {"verification": {"deadlineSeconds": 3}})).result()
    assert late["phase"] == "degraded"
    assert "not done before its deadline. NotYetConverged: " in step(late, "dns-verify")["outcome"]
    assert "put the DS" in step(late, "dns-verify")["outcome"]


async def start_beside_a_stranger(client: Client, bench: Bench, request: dict[str, Any]) -> Handle:
    """In a zone where a wildcard leads elsewhere, so that what was written is never proved."""
    domain, host = f"d{secrets.token_hex(4)}.{TOP}", request["sovereignFQDN"].partition(".")[0]
    bench.hosts[0].create_zone(domain, [NS], rrset(f"*.{host}.{domain}", "A", STRANGER))
    registrar = {"kind": "ovh", "credentialsRef": "never-read"}
    wanted = request | {"name": domain, "registrar": registrar, "verification": {"deadlineSeconds": 2}}
    return await start(client, wanted)


async def test_a_plan_tells_what_would_be_done_and_does_nothing(
    temporal: Client, environment: dict[str, str], world: World
) -> None:
    domain = f"{world.unique}.homes"
    options = ["--sovereign", f"t1.{world.parent}", "--ip", LOAD_BALANCER, "--registrar", "ovh", "--credentials", "ovh"]
    options += ["--nameserver", f"ns1.t1.{world.parent}", "--dry-run", "--json"]
    planned = run(environment, "add-domain", domain, *options)
    assert planned.returncode == 0, planned.stderr
    result = json.loads(planned.stdout)
    assert result["phase"] == "planned"
    assert {r["name"] for r in result["records"] if r["change"] == "created"} >= {
        f"{n}." for n in names_of(f"t1.{domain}")
    }
    told = step(result, "nameservers-set")["outcome"]
    assert f"would be set to ns1.t1.{world.parent} at ovh, with the address {LOAD_BALANCER}" in told
    assert "the real run would wait: the file " in told
    assert "registrars/ovh, which the request names as registrar.credentialsRef, can't be read" in told
    assert await world.zone(domain) is None


async def test_from_the_command_line_one_run_for_a_domain_at_a_time(
    temporal: Client, environment: dict[str, str], world: World
) -> None:
    """This stack has no root, so what PowerDNS and the recursor answer is all the proof."""
    domain, fqdn = f"{world.unique}.homes", f"t1.{world.parent}"
    workflow_id = f"parent-domain/{domain}"
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", kind="challenge-stuck")
    file = json.dumps({"certificate": {"namespace": f"ns-{world.unique}"}, "deploymentId": "d1"})
    add = ["add-domain", domain, "--sovereign", fqdn, "--ip", LOAD_BALANCER, "--request", "-", "--no-wait"]
    add += ["--registrar", "cloudflare", "--credentials", "cloudflare-token"]
    started = run(environment, *add, given=file)
    assert (started.returncode, started.stdout) == (0, f"started {workflow_id}\n"), started.stderr
    handle = temporal.get_workflow_handle(workflow_id)
    await handle.execute_update("await_step", {"step": "dns-verify"})
    assert await world.answer(f"console.t1.{domain}") == [LOAD_BALANCER]

    twice = run(environment, *add, given=file)
    assert twice.returncode == 1
    assert f"AlreadyInProgress: a run already works on {domain}, for {fqdn}, under" in twice.stderr
    assert "before you stop it" not in twice.stderr
    another = run(environment, *("t2.elsewhere.works" if word == fqdn else word for word in add), given=file)
    assert another.returncode == 1
    assert f"a run already works on {domain}, for {fqdn}, under" in another.stderr
    assert f"It is not t2.elsewhere.works's: ask those who run {fqdn} before you stop it" in another.stderr
    assert f"sovereign-dns watch {workflow_id}" in twice.stderr
    listed = run(environment, "status", "--json", "--limit", "0").stdout.splitlines()
    (line,) = [one for text in listed if (one := json.loads(text))["workflowId"] == workflow_id]
    assert line["sovereignFQDN"] == fqdn
    skipped = run(environment, "skip", workflow_id, "certificate-ready", "--domain", domain, "--reason", "by hand")
    assert "given up: by hand" in skipped.stdout
    shown = run(environment, "status", workflow_id)
    assert "given up: by hand" in shown.stdout
    assert "at cloudflare" in shown.stdout
    cancelled = run(environment, "cancel", workflow_id)
    assert cancelled.returncode == 0, cancelled.stderr
    assert "cancelled: what is done stays done" in cancelled.stdout


async def test_it_never_holds_the_lock_for_as_long_as_a_registry_takes(temporal: Client, world: World) -> None:
    request = request_for(world, f"{world.unique}.homes")
    failure = await failure_of(await start(temporal, request, workflow_id=f"sovereign/{request['sovereignFQDN']}"))
    assert failure.type == "InvalidInput"
    assert f"parent-domain/{world.unique}.homes" in failure.message

    failure = await failure_of(await start(temporal, request | {"name": "co.uk"}))
    assert failure.type == "InvalidInput"
    assert failure.message.startswith("name: co.uk is a public suffix")


async def test_while_somebody_else_writes_nothing_is_added(temporal: Client, world: World) -> None:
    request = request_for(world, f"{world.unique}.homes", certificate={"enabled": False})
    namespace = f"ns-{world.unique}"
    await world.fault(world.kubernetes, namespace=namespace, kind="challenge-stuck")
    holder = await temporal.start_workflow(
        "ProvisionSovereign",
        world.request(request["sovereignFQDN"]),
        id=f"sovereign/{request['sovereignFQDN']}",
        task_queue="sovereign-dns",
    )
    failure = await failure_of(await start(temporal, request))
    assert failure.type == "AlreadyInProgress"
    assert await world.zone(request["name"]) is None
    await holder.cancel()


async def times_to_close(handle: Handle) -> dict[str, timedelta]:
    scheduled = [
        event.activity_task_scheduled_event_attributes
        for event in (await handle.fetch_history()).events
        if event.HasField("activity_task_scheduled_event_attributes")
    ]
    return {one.activity_id: one.schedule_to_close_timeout.ToTimedelta() for one in scheduled}


async def test_a_second_sovereign_shares_the_domains_own_certificate(temporal: Client, world: World) -> None:
    domain = f"{world.unique}.homes"
    handle = await start(temporal, request_for(world, domain))
    first = await handle.result()
    assert first["phase"] == "complete", first
    time_for = await times_to_close(handle)
    assert time_for[f"dns-verify/{domain}"] < time_for[f"records-compare/{domain}"], "one deadline for both"
    second = await (await start(temporal, request_for(world, domain, sovereignFQDN=f"t2.{world.parent}"))).result()
    assert second["phase"] == "complete", second
    assert step(second, "certificate-request", domain)["state"] == "skipped"
    assert step(second, "certificate-request", domain)["outcome"].startswith("left as it is: ")
    wanted = {f"{domain}-wildcard-tls", f"t2.{domain}-wildcard-tls"}
    assert {c["name"] for c in second["certificates"] if c["ready"]} == wanted

    own, namespace = f"{domain}-wildcard-tls", f"ns-{world.unique}"
    removal = removal_of(world, f"t1.{world.parent}", name=domain)
    left = await (await start_removal(temporal, removal, kind="RemoveParentDomain")).result()
    assert left["phase"] == "complete", left["steps"]
    assert await world.certificate(namespace, own) is not None
    assert await world.certificate(namespace, f"t1.{domain}-wildcard-tls") is None
    told = step(left, "certificate-delete", own)["outcome"]
    assert f"still serves t2.{world.parent} under {domain}" in told
    assert f"sovereign-dns remove-domain {domain} --sovereign t1.{world.parent}" in told

    others = await deprovision(temporal, removal_of(world, f"t2.{world.parent}"))
    assert f"it belongs to Sovereign t1.{world.parent}" in step(others, "certificate-delete", own)["outcome"]
    (hazard,) = others["hazards"]
    assert (hazard["kind"], hazard["name"]) == ("certificate-left", f"{namespace}/{own}")
    assert (
        f"sovereign-dns remove-domain {domain} --sovereign t1.{world.parent} --certificate-namespace {namespace}"
        in hazard["message"]
    )
    assert "certificate-left" not in {h["kind"] for h in left["hazards"]}, "it goes on serving"
    assert await world.certificate(namespace, own) is not None
    again = await (await start_removal(temporal, removal, kind="RemoveParentDomain")).result()
    assert step(again, "certificate-delete", own)["outcome"].startswith("deleted")
    assert await world.certificate(namespace, own) is await world.zone(domain) is None


@pytest.mark.parametrize("kind", ["RemoveParentDomain", "DeprovisionSovereign"])
async def test_the_domains_own_certificate_goes_with_the_sovereign_that_has_asked_for_it(
    temporal: Client, world: World, kind: str
) -> None:
    domain, fqdn = f"{world.unique}.homes", f"t1.{world.parent}"
    added = await (await start(temporal, request_for(world, domain))).result()
    asked_for = {c["name"] for c in added["certificates"] if c["change"] == "created"}
    assert asked_for == {f"{domain}-wildcard-tls", f"t1.{domain}-wildcard-tls"}

    request = removal_of(world, fqdn, **({"name": domain} if kind == "RemoveParentDomain" else {}))
    result = await (await start_removal(temporal, request, kind=kind)).result()

    assert result["phase"] == "complete", result["steps"]
    assert {c["name"] for c in result["certificates"] if c["change"] == "removed"} == asked_for
    assert [await world.certificate(f"ns-{world.unique}", name) for name in asked_for] == [None, None]

"""A backend that goes away in the middle of each step, or refuses: every run says so, and completes once it can."""

from pathlib import Path

import pytest
from temporalio.client import Client

from devstack.pdm_simulator import PDMSimulator
from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from tests.conftest import StartWorker
from tests.eventually import eventually
from tests.held_steps import all_complete, gates_before, hold_in, hold_in_every_step
from tests.runs import Handle, start, step, waiting_for
from tests.test_outages import attempt_now
from tests.whole_zones import Sovereign, assert_exactly_right
from tests.world import LOAD_BALANCER, World

WITHOUT_POWERDNS = {
    # where a run was when PowerDNS went (in which step; whether it had done its part): what it then waits for
    ("zone-create", False): ("zone-create", "PowerDNSUnavailable"),
    ("zone-create", True): ("records-upsert", "PowerDNSUnavailable"),
    ("pool-commit", False): ("records-upsert", "PowerDNSUnavailable"),
    ("pool-commit", True): ("records-upsert", "PowerDNSUnavailable"),
    ("records-upsert", False): ("records-upsert", "PowerDNSUnavailable"),
    ("records-upsert", True): ("dns-verify", "NotYetConverged"),
    ("dns-verify", False): ("dns-verify", "NotYetConverged"),
}


async def records_are_proved(handle: Handle) -> None:
    """Returns when they are."""

    async def so() -> bool:
        status = await handle.query("status")
        return bool(status["steps"]) and step(status, "dns-verify")["state"] == "done"

    await eventually(so)


async def test_powerdns_crashes_in_the_middle_of_each_step_and_is_started_again(
    special_temporal: Client, start_worker: StartWorker, stack_description: dict[str, str], tmp_path: Path
) -> None:
    key_file = tmp_path / "key"
    key_file.write_text("the-key", encoding="utf-8")
    powerdns = PowerDNSServer(tmp_path, free_port(), free_port(), "the-key")
    pdm = PDMSimulator(tmp_path, free_port(), powerdns.api_url, key_file, sweep_seconds=3600)
    backends = stack_description | {
        "CATALYST_POWERDNS_API_URL": powerdns.api_url,
        "CATALYST_POWERDNS_API_KEY_FILE": str(key_file),
        "POWERDNS_DNS": powerdns.dns_address,
        "POOL_DOMAIN_MANAGER_URL": pdm.url,
    }
    with powerdns, pdm:
        async with World(backends) as world, gates_before(backends, tmp_path) as gates:
            of_its_own = {"CATALYST_POWERDNS_API_KEY_FILE": str(key_file), "CATALYST_DNS_PROPAGATION_RESOLVERS": ""}
            start_worker(**gates.settings, **of_its_own)
            runs = await hold_in_every_step(world, special_temporal, gates)
            waiting = [run for run in runs if (run.step, run.answered) in WITHOUT_POWERDNS]
            proved = [run for run in runs if run not in waiting]
            for run in proved:
                await records_are_proved(run.handle)

            powerdns.kill()
            gates.let_everything_through()

            late = Sovereign("t1", world.parent)
            handle = await start(special_temporal, late.request(world), workflow_id=f"sovereign/{late.fqdn}")
            told = await waiting_for(handle, f"zone-create/{late.parent}")
            assert told.startswith("PowerDNSUnavailable: PowerDNS at ")
            assert f"reading zone {late.parent}" in told
            assert (await handle.query("status"))["phase"] == "provisioning"
            done = proved[0].sovereign
            verification = await start_verification(special_temporal, done)
            assert (await waiting_for(verification, f"records-compare/{done.parent}")).startswith(
                "PowerDNSUnavailable: "
            )
            for run in waiting:
                waits_in, error_type = WITHOUT_POWERDNS[run.step, run.answered]
                told = await waiting_for(run.handle, f"{waits_in}/{run.sovereign.parent}")
                assert told.startswith(f"{error_type}: ")
            for run in proved:
                assert (await run.handle.result())["phase"] == "complete", "a certificate doesn't wait for PowerDNS"

            powerdns.start()
            for run in runs:
                # PDM's own write came to nothing, which it says (202): then the wildcard is ours to write.
                await run.completes(world, pdm_could_write=(run.step, run.answered) != ("pool-commit", False))
            assert (await handle.result())["phase"] == "complete"
            await assert_exactly_right(world, late)
            verified = await verification.result()
            assert verified["phase"] == "complete"
            assert step(verified, "records-compare")["outcome"] == "PowerDNS holds 14 of 14 rrsets as expected"


async def start_verification(client: Client, sovereign: Sovereign) -> Handle:
    expected = {
        "sovereignFQDN": sovereign.fqdn,
        "loadBalancerIP": LOAD_BALANCER,
        "verification": {"level": "authoritative"},
    }
    return await client.start_workflow(
        "VerifySovereign", expected, id=f"verify/{sovereign.fqdn}", task_queue="sovereign-dns"
    )


async def test_pdm_and_kubernetes_go_away_in_the_middle_of_their_steps_and_come_back(
    special_temporal: Client, start_worker: StartWorker, world: World, stack_description: dict[str, str], tmp_path: Path
) -> None:
    async with gates_before(stack_description, tmp_path) as gates:
        start_worker(**gates.settings)
        runs = [
            await hold_in(world, special_temporal, gates, name, answered=answered, pool=name == "pool-commit")
            for name in ("certificate-request", "pool-commit", "certificate-ready")
            for answered in (False, True)
        ]
        for run in runs:
            await run.is_held()

        await gates.pdm.close()
        await gates.kubernetes.close()

        for run in runs:
            backend = "PDM" if run.step == "pool-commit" else "Kubernetes"
            assert (await waiting_for(run.handle, run.activity_id)).startswith(f"{backend}Unavailable: ")
        gates.let_everything_through()
        await gates.pdm.open()
        await gates.kubernetes.open()
        await all_complete(world, runs)


@pytest.mark.parametrize(
    ("fault", "error_type", "by_itself"),
    [
        ({"kind": "status", "status": 401}, "PDMUnauthorized", False),
        ({"kind": "html", "status": 502}, "PDMUnavailable", True),
        ({"kind": "reset"}, "PDMUnavailable", True),
    ],
    ids=["401", "502-with-html", "reset"],
)
async def test_pdm_refuses_until_it_is_mended(
    temporal: Client, world: World, fault: dict[str, object], error_type: str, by_itself: bool
) -> None:
    sovereign = Sovereign("t1", world.parent, pool=True)
    await world.create_zone(sovereign.parent)
    token = await world.reserve(sovereign.parent, sovereign.label)
    await world.fault(world.pdm, pool=sovereign.parent, **fault)
    request = sovereign.request(world, token)
    handle = await start(temporal, request, workflow_id=f"sovereign/{sovereign.fqdn}")

    told = await waiting_for(handle, f"pool-commit/{sovereign.parent}")

    assert told.startswith(f"{error_type}: PDM at ")
    assert step(await handle.query("status"), "records-upsert")["state"] == "pending", "claimed before it is published"
    await world.pdm.delete("/simulator/faults", params={"pool": sovereign.parent})
    if not by_itself:
        await attempt_now(world, temporal, handle, f"pool-commit/{sovereign.parent}")
    assert (await handle.result())["phase"] == "complete"
    await assert_exactly_right(world, sovereign)


@pytest.mark.parametrize(
    ("fault", "error_type", "by_itself"),
    [
        ({"kind": "forbidden"}, "KubernetesForbidden: RBAC doesn't allow it", False),
        ({"kind": "unauthorized"}, "KubernetesForbidden: the Kubernetes API doesn't accept", False),
        ({"kind": "crd-missing"}, "CertManagerMissing: ", False),
        ({"kind": "status", "status": 503}, "KubernetesUnavailable: ", True),
        ({"kind": "html", "status": 502}, "KubernetesUnavailable: ", True),
        ({"kind": "reset"}, "KubernetesUnavailable: ", True),
    ],
    ids=["403", "401", "crd-missing", "503", "502-with-html", "reset"],
)
async def test_kubernetes_refuses_until_it_is_mended_and_holds_no_record_back(
    temporal: Client, world: World, fault: dict[str, object], error_type: str, by_itself: bool
) -> None:
    sovereign = Sovereign("t1", world.parent)
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", **fault)
    handle = await start(temporal, sovereign.request(world), workflow_id=f"sovereign/{sovereign.fqdn}")

    await records_are_proved(handle)
    assert (await waiting_for(handle, f"certificate-request/{sovereign.parent}")).startswith(error_type)
    await world.kubernetes.delete("/simulator/faults", params={"namespace": f"ns-{world.unique}"})
    if not by_itself:
        await attempt_now(world, temporal, handle, f"certificate-request/{sovereign.parent}")
    assert (await handle.result())["phase"] == "complete"
    await assert_exactly_right(world, sovereign)

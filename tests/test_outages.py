"""When something is away, or needs a hand, the run waits, says for what, and goes on by itself."""

from pathlib import Path

import pytest
from temporalio.client import Client, WorkflowFailureError

from devstack.ports import free_port
from devstack.powerdns_server import PowerDNSServer
from tests.eventually import eventually
from tests.mounted_backends import MountedBackends
from tests.runs import Handle, provision, start, step, waiting_for, waiting_with
from tests.world import LOAD_BALANCER, World, names_of

OWN_KEY = "the-key"


@pytest.fixture
def own_powerdns(tmp_path: Path) -> PowerDNSServer:
    """A PowerDNS that the test may stop and start."""
    return PowerDNSServer(tmp_path, free_port(), free_port(), OWN_KEY)


async def attempt_now(world: World, client: Client, handle: Handle, activity_id: str) -> None:
    """As the operator does who doesn't want to wait for the next attempt."""
    reset = world.temporal_command(
        client.namespace, "activity", "reset", "--workflow-id", handle.id, "--activity-id", activity_id
    )
    assert reset.returncode == 0, reset.stderr


async def test_a_wrong_key_mended_in_its_file_needs_no_restart(
    mounted_temporal: Client, mounted: MountedBackends, world: World
) -> None:
    mounted.powerdns_key.write_text("rotated-away", encoding="utf-8")
    fqdn = f"t110.{world.parent}"
    handle = await start(mounted_temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")
    told = await waiting_for(handle, f"zone-create/{world.parent}")
    assert told.startswith("PowerDNSUnauthorized: ")
    assert str(mounted.powerdns_key) in told
    assert "rotated-away" not in told

    mounted.powerdns_key.write_text(mounted.stack_key, encoding="utf-8")
    await attempt_now(world, mounted_temporal, handle, f"zone-create/{world.parent}")

    assert (await handle.result())["phase"] == "complete"


async def test_one_stuck_parent_domain_never_holds_back_another(temporal: Client, world: World) -> None:
    other = f"h{world.unique}.homes"
    await world.create_secondary_zone(other)
    fqdn = f"t1.{world.parent}"
    parents = [{"name": world.parent}, {"name": other}]
    handle = await start(temporal, world.request(fqdn, parentDomains=parents), workflow_id=f"sovereign/{fqdn}")

    async def the_first_is_proved() -> bool:
        status = await handle.query("status")
        return bool(status["steps"]) and step(status, "certificate-ready", world.parent)["state"] == "done"

    await eventually(the_first_is_proved)
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}
    told = await waiting_for(handle, f"zone-create/{other}")
    assert told.startswith("ZoneWrongKind: ")

    await world.delete_zone(other)
    await attempt_now(world, temporal, handle, f"zone-create/{other}")
    assert (await handle.result())["phase"] == "complete"


async def test_a_secondary_zone_is_never_written_to_wherever_it_lies(temporal: Client, world: World) -> None:
    """PowerDNS takes the change, and loses it at the next transfer."""
    fqdn = f"t1.{world.parent}"
    await world.create_secondary_zone(f"api.{fqdn}")
    handle = await start(temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")

    told = await waiting_for(handle, f"records-upsert/{world.parent}")
    assert told.startswith(f"ZoneWrongKind: zone api.{fqdn} is of kind Slave")
    assert await world.values(world.parent, fqdn, "A") == [], "one atomic step: nothing is written into the others"

    await world.delete_zone(f"api.{fqdn}")
    await attempt_now(world, temporal, handle, f"records-upsert/{world.parent}")
    assert (await handle.result())["phase"] == "complete"


async def test_a_delegation_is_never_written_into_a_secondary_zone(temporal: Client, world: World) -> None:
    await world.create_secondary_zone(world.parent)
    child = f"t126.{world.parent}"
    handle = await start(
        temporal, world.request(child, parentDomains=[{"name": child}]), workflow_id=f"sovereign/{child}"
    )

    told = await waiting_for(handle, f"zone-create/{child}")

    assert told.startswith(f"ZoneWrongKind: zone {world.parent} is of kind Slave")
    await handle.terminate()


async def test_a_missing_namespace_needs_a_hand(temporal: Client, world: World) -> None:
    fqdn = f"t1.{world.parent}"
    request = world.request(fqdn, certificate={"namespace": f"missing-{world.unique}"})

    handle = await start(temporal, request, workflow_id=f"sovereign/{fqdn}")

    assert (await waiting_for(handle, f"certificate-request/{world.parent}")).startswith("NamespaceMissing: ")
    await handle.terminate()


async def test_a_worker_without_kubernetes_still_publishes(
    mounted_temporal: Client, mounted: MountedBackends, world: World
) -> None:
    mounted.kubeconfig.unlink()
    fqdn = f"t1.{world.parent}"
    handle = await start(mounted_temporal, world.request(fqdn), workflow_id=f"sovereign/{fqdn}")

    told = await waiting_for(handle, f"certificate-request/{world.parent}")
    assert told.startswith("KubernetesNotConfigured: ")
    await handle.terminate()

    result = await provision(mounted_temporal, world.request(fqdn, certificate={"enabled": False}))
    assert result["phase"] == "complete"
    assert step(result, "certificate-ready")["state"] == "skipped"


async def test_past_its_deadline_a_certificate_degrades_the_result_with_the_deepest_reason(
    temporal: Client, world: World
) -> None:
    namespace = f"ns-{world.unique}"
    await world.fault(world.kubernetes, namespace=namespace, kind="challenge-stuck")
    fqdn = f"t1.{world.parent}"

    result = await provision(temporal, world.request(fqdn, certificate={"namespace": namespace, "deadlineSeconds": 4}))

    assert result["phase"] == "degraded"
    late = step(result, "certificate-ready")
    assert late["state"] == "failed"
    assert "Waiting for DNS-01 challenge propagation" in late["outcome"]
    assert "Waiting for DNS-01 challenge propagation" in result["certificates"][0]["reason"]
    assert step(result, "dns-verify")["state"] == "done"


async def test_a_missing_issuer_is_named(temporal: Client, world: World) -> None:
    namespace = f"ns-{world.unique}"
    fqdn = f"t1.{world.parent}"
    request = world.request(fqdn, certificate={"namespace": namespace, "issuer": "no-such-issuer"})

    handle = await start(temporal, request, workflow_id=f"sovereign/{fqdn}")

    async def named() -> bool:
        told = await waiting_for(handle, f"certificate-ready/{world.parent}")
        return told.startswith("IssuerMissing: ") and "no-such-issuer" in told

    assert await eventually(named)
    await handle.terminate()


async def test_a_run_with_another_issuer_is_not_told_of_the_missing_one_before(temporal: Client, world: World) -> None:
    namespace, fqdn = f"ns-{world.unique}", f"t1.{world.parent}"
    wrong = world.request(fqdn, certificate={"namespace": namespace, "issuer": "no-such-issuer"})
    handle = await start(temporal, wrong, workflow_id=f"sovereign/{fqdn}")
    await waiting_with(handle, f"certificate-ready/{world.parent}", "IssuerMissing: ", "no-such-issuer")
    await handle.cancel()
    with pytest.raises(WorkflowFailureError):
        await handle.result()
    change = "issuer no-such-issuer -> letsencrypt-dns01-prod"
    right = world.request(fqdn)

    planned = await provision(temporal, right | {"dryRun": True})
    assert step(planned, "certificate-request")["outcome"] == f"dry run: would be changed: {change}"

    # What cert-manager made of the former spec stays, until it looks at the new one.
    await world.fault(world.kubernetes, namespace=namespace, kind="controller-away")
    again = await start(temporal, right, workflow_id=f"sovereign/{fqdn}")
    told = await waiting_for(again, f"certificate-ready/{world.parent}")
    assert told.startswith("NotYetIssued: ")
    assert "cert-manager has not looked at it yet" in told
    assert "no-such-issuer" not in told

    await world.mend(world.kubernetes, namespace=namespace)
    result = await again.result()
    assert result["phase"] == "complete"
    assert step(result, "certificate-request")["outcome"] == f"changed: {change}"


async def test_past_its_deadline_a_verification_tells_which_server_says_what(
    mounted_temporal: Client, mounted: MountedBackends, own_powerdns: PowerDNSServer, world: World
) -> None:
    """Written to one server, and another is asked: as when a secondary doesn't follow."""
    with own_powerdns:
        mounted.lead_to_powerdns(own_powerdns.api_url, OWN_KEY)
        fqdn = f"t1.{world.parent}"
        result = await provision(
            mounted_temporal,
            world.request(fqdn, certificate={"enabled": False}, verification={"deadlineSeconds": 3}),
        )

    assert result["phase"] == "degraded"
    assert "size limit" not in step(result, "dns-verify")["outcome"]
    assert step(result, "dns-verify")["state"] == "failed"
    server = result["verification"]["servers"][0]
    assert (server["server"], server["state"]) == (world.description["POWERDNS_DNS"], "refused")
    assert result["verification"]["converged"] == 0
    assert "REFUSED" in step(result, "dns-verify")["outcome"]


async def test_a_waiting_verification_tells_what_a_server_says(
    mounted_temporal: Client, mounted: MountedBackends, own_powerdns: PowerDNSServer, world: World
) -> None:
    with own_powerdns:
        mounted.lead_to_powerdns(own_powerdns.api_url, OWN_KEY)
        fqdn = f"t1.{world.parent}"
        request = world.request(fqdn, certificate={"enabled": False})
        handle = await start(mounted_temporal, request, workflow_id=f"sovereign/{fqdn}")

        told = await waiting_for(handle, f"dns-verify/{world.parent}")

        assert told.startswith("NotYetConverged: ")
        assert "REFUSED" in told
        await handle.terminate()

"""A mended cause needs no restart of the worker: the next attempt succeeds."""

import json
from pathlib import Path

from temporalio.client import Client

from devstack.pdm_simulator import PDMSimulator
from devstack.ports import free_port
from tests.conftest import StartWorker
from tests.runs import Handle, start, waiting_with
from tests.test_outages import attempt_now
from tests.world import LOAD_BALANCER, World, names_of


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8")


def write(file: Path, content: str) -> None:
    file.write_text(content, encoding="utf-8")


def kubeconfig(server: str, token_file: Path) -> str:
    content = {
        "clusters": [{"name": "here", "cluster": {"server": server}}],
        "users": [{"name": "worker", "user": {"tokenFile": str(token_file)}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "worker"}}],
        "current-context": "here",
    }
    return json.dumps(content)


class Mounted:
    """What a worker gets mounted: files of which every one is wrong at first."""

    def __init__(self, folder: Path) -> None:
        self.powerdns_url = folder / "powerdns-url"
        self.powerdns_key = folder / "powerdns-key"
        self.pdm_url = folder / "pdm-url"
        self.pdm_user = folder / "pdm-user"
        self.pdm_password = folder / "pdm-password"
        self.kubeconfig = folder / "kubeconfig"
        self.kubernetes_token = folder / "kubernetes-token"
        for file in (self.powerdns_key, self.pdm_password, self.kubernetes_token):
            write(file, "rotated-away")
        write(self.pdm_url, "pool-domain-manager:8080")
        write(self.pdm_user, "catalyst")

    @property
    def settings(self) -> dict[str, str]:
        return {
            "CATALYST_POWERDNS_API_URL_FILE": str(self.powerdns_url),
            "CATALYST_POWERDNS_API_KEY_FILE": str(self.powerdns_key),
            "POOL_DOMAIN_MANAGER_URL_FILE": str(self.pdm_url),
            "CATALYST_PDM_BASIC_AUTH_USER_FILE": str(self.pdm_user),
            "CATALYST_PDM_BASIC_AUTH_PASS_FILE": str(self.pdm_password),
            "KUBECONFIG": str(self.kubeconfig),
        }


async def test_every_mounted_file_can_be_mended_under_a_running_worker(
    special_temporal: Client, start_worker: StartWorker, world: World, tmp_path: Path
) -> None:
    mounted = Mounted(tmp_path)
    write(tmp_path / "auth", "catalyst:the-password")
    powerdns_url = world.description["CATALYST_POWERDNS_API_URL"]
    powerdns_key = Path(world.description["CATALYST_POWERDNS_API_KEY_FILE"])
    start_worker(**mounted.settings)
    fqdn = f"otech5.{world.parent}"
    pool = {"domain": world.parent, "subdomain": "otech5"}

    with PDMSimulator(
        tmp_path, free_port(), powerdns_url, powerdns_key, basic_auth_file=tmp_path / "auth", sweep_seconds=3600
    ) as pdm:
        handle = await start(special_temporal, world.request(fqdn, pool=pool), workflow_id=f"sovereign/{fqdn}")

        async def mend(activity: str, words: list[str], file: Path, content: str) -> None:
            """Waits for what the step says of its trouble, mends the file, and has it attempted at once."""
            activity_id = f"{activity}/{world.parent}"
            told = await waiting_with(handle, activity_id, *words)
            assert "rotated-away" not in told
            write(file, content)
            await attempt_now(world, special_temporal, handle, activity_id)

        absent = ["PowerDNSUnavailable: ", f"{mounted.powerdns_url} (CATALYST_POWERDNS_API_URL_FILE), which can't be"]
        await mend("zone-create", absent, mounted.powerdns_url, powerdns_url)
        wrong = ["PowerDNSUnauthorized: ", f"put the right API key into the file {mounted.powerdns_key}"]
        await mend("zone-create", wrong, mounted.powerdns_key, read(powerdns_key))

        nowhere = f"http://127.0.0.1:{free_port()}"
        absent = ["KubernetesNotConfigured: ", f"the kubeconfig {mounted.kubeconfig} can't be used", "not found"]
        await mend("certificate-request", absent, mounted.kubeconfig, "{users: [")
        broken = ["KubernetesNotConfigured: ", "it is no kubeconfig"]
        await mend("certificate-request", broken, mounted.kubeconfig, kubeconfig(nowhere, mounted.kubernetes_token))
        right = kubeconfig(world.description["KUBERNETES_URL"], mounted.kubernetes_token)
        await mend("certificate-request", ["KubernetesUnavailable: "], mounted.kubeconfig, right)
        await mend("certificate-request", ["KubernetesForbidden: "], mounted.kubernetes_token, world.kubernetes_token)

        malformed = ["PDMUnavailable: ", f"{mounted.pdm_url} (POOL_DOMAIN_MANAGER_URL_FILE), which holds no URL"]
        await mend("pool-commit", malformed, mounted.pdm_url, nowhere)
        away = [f"PDM at {nowhere} doesn't answer", f"Its URL comes from the file {mounted.pdm_url}"]
        await mend("pool-commit", away, mounted.pdm_url, pdm.url)
        refused = ["PDMUnauthorized: ", f"the right password into the file {mounted.pdm_password}"]
        await mend("pool-commit", refused, mounted.pdm_password, "the-password")

        result = await handle.result()

    assert result["phase"] == "complete"
    assert await world.answers_other_than([LOAD_BALANCER], names_of(fqdn)) == {}


async def test_what_the_cluster_lacked_and_has_now_lets_the_run_go_on(temporal: Client, world: World) -> None:
    """A ClusterIssuer, a namespace, cert-manager's CRDs and a right are missing, each to a Sovereign of its own."""
    issuer, namespace = f"issuer-{world.unique}", f"missing-{world.unique}"
    without_crd, without_right = f"crd-{world.unique}", f"rbac-{world.unique}"
    await world.fault(world.kubernetes, namespace=without_crd, kind="crd-missing")
    await world.fault(world.kubernetes, namespace=without_right, kind="forbidden", call="create")

    async def run(host: str, **certificate: str) -> Handle:
        fqdn = f"{host}.{world.parent}"
        certificate = {"namespace": f"ns-{world.unique}"} | certificate
        return await start(temporal, world.request(fqdn, certificate=certificate), workflow_id=f"sovereign/{fqdn}")

    lacking = {
        "IssuerMissing": (await run("t1", issuer=issuer), "certificate-ready"),
        "NamespaceMissing": (await run("t2", namespace=namespace), "certificate-request"),
        "CertManagerMissing": (await run("t3", namespace=without_crd), "certificate-request"),
        "KubernetesForbidden": (await run("t4", namespace=without_right), "certificate-request"),
    }
    for error_type, (handle, step) in lacking.items():
        await waiting_with(handle, f"{step}/{world.parent}", f"{error_type}: ")

    await world.create_cluster_issuer(issuer)
    await world.create_namespace(namespace)
    for faulty in (without_crd, without_right):
        await world.kubernetes.delete("/simulator/faults", params={"namespace": faulty})
    for handle, step in lacking.values():
        await attempt_now(world, temporal, handle, f"{step}/{world.parent}")

    assert {(await handle.result())["phase"] for handle, _ in lacking.values()} == {"complete"}

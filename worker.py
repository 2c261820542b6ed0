"""The worker: settings -> clients -> activities -> a running Temporal worker."""

import asyncio
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import structlog
from dotenv import load_dotenv
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime
from temporalio.worker import Worker, WorkerDeploymentConfig

from activities.absence import AbsenceProof
from activities.audit import AuditActivities
from activities.certificate_search import CertificateSearch
from activities.classification import ClassifyFailures
from activities.denials import DenialSurvey
from activities.dns import DNSActivities
from activities.environment import EnvironmentActivities
from activities.inventory import InventorySources
from activities.kubernetes import KubernetesActivities
from activities.lock import LockActivities
from activities.pdm import PDMActivities
from activities.powerdns import PowerDNSActivities
from activities.registrar import RegistrarActivities
from activities.removal import RemovalActivities
from activities.restoring import RestoringActivities
from service import event_loop, logs, search_attributes, telemetry
from service.audit_metrics import AuditMetrics
from service.health import HealthServer, PollerCheck
from service.versioning import deployment_config
from sovereign_dns.clients import http
from sovereign_dns.clients.authoritative import PORT, AuthoritativeServers, split_host_port
from sovereign_dns.clients.certificates import Certificates
from sovereign_dns.clients.delegations import Delegations
from sovereign_dns.clients.hetzner import Hetzner
from sovereign_dns.clients.pdm import PDM
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.public_dns import PublicDNS
from sovereign_dns.clients.registrars import Registrars
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.contract import POWERDNS_TASK_QUEUE, TASK_QUEUE
from sovereign_dns.registrar_credentials import RegistrarCredentials
from sovereign_dns.root_zone import ROOT_TRUST_ANCHORS
from sovereign_dns.settings import Settings, SettingsError, read_settings
from workflows.all_workflows import ALL_WORKFLOWS, SANDBOX
from workflows.conversion import contract_data_converter
from workflows.one_request import OneRequestEach

GRACEFUL_SHUTDOWN = timedelta(seconds=30)
"""Activities that run at SIGTERM may finish; the SDK's default would cancel them."""

LONGEST_CONNECT_PAUSE_SECONDS = 10.0

POWERDNS_ACTIVITIES_AT_ONCE = 64
"""Those that wait for the same zone are written together. What exceeds it waits in Temporal, where no clock of an
attempt runs. The fewer there may be, the more PATCHes a crowd in one zone takes (`make bench ARGS=workers`)."""

_log = structlog.get_logger("worker")

Outcome = TypeVar("Outcome")


Implementations = list[Callable[..., Any]]


@dataclass(frozen=True)
class Activities:
    """Every activity, by the task queue on which it is scheduled."""

    on_powerdns: Implementations
    on_all_else: Implementations


async def run(settings: Settings) -> None:
    """Runs the worker until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for signal_ in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_, stop.set)
    health = await _health(settings.sovereign_dns_health_address)
    try:
        if client := await _unless_stopped(stop, _connect()):
            attributes_usable = await _unless_stopped(stop, search_attributes.register(client))
            if attributes_usable is not None:
                await _serve(client, settings, health, stop, attributes_usable=attributes_usable)
    finally:
        await health.stop()
    _log.info("worker stopped")


async def _health(address: str) -> HealthServer:
    health = HealthServer(*split_host_port(address))
    try:
        await health.start()
    except OSError as error:
        raise SettingsError(f"SOVEREIGN_DNS_HEALTH_ADDRESS: {address} can't be listened on: {error}") from error
    return health


async def _serve(
    client: Client, settings: Settings, health: HealthServer, stop: asyncio.Event, *, attributes_usable: bool
) -> None:
    # Unlike any earlier process' in the same container: the health check must not mistake its pollers for ours.
    identity = f"{os.getpid()}@{socket.gethostname()}-{secrets.token_hex(3)}"
    deployment = deployment_config(settings)
    async with make_activities(client, settings, attributes_usable=attributes_usable) as activities:
        workers = _workers(client, settings, activities, identity, deployment)
        health.check = PollerCheck(client, identity)
        _log.info(
            "worker started",
            task_queues=[worker.task_queue for worker in workers],
            namespace=client.namespace,
            identity=identity,
            deployment_version=deployment.version.to_canonical_string() if deployment else "unversioned",
        )
        metrics = asyncio.create_task(_show_audits(client, settings))
        running = {asyncio.create_task(worker.run()): worker for worker in workers}
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        health.check = None
        stopping.cancel()
        metrics.cancel()
        # All of them, also where one has failed: half a worker would do half of the work, and look alive.
        _log.info("stopping: no new tasks, running activities may finish", seconds=GRACEFUL_SHUTDOWN.seconds)
        await asyncio.gather(*(worker.shutdown() for task, worker in running.items() if not task.done()))
        await asyncio.gather(*running)


async def _show_audits(client: Client, settings: Settings) -> None:
    """On the page of metrics, where there is one."""
    if settings.sovereign_dns_metrics_address is not None:
        await AuditMetrics(Runtime.default().metric_meter).follow(client)


def _workers(
    client: Client,
    settings: Settings,
    activities: Activities,
    identity: str,
    deployment: WorkerDeploymentConfig | None,
) -> list[Worker]:
    """Every Worker of this process: the one for workflows and all activities, and PowerDNS' own beside it.

    The first serves PowerDNS' activities too, for those that were scheduled before they had a queue of their own. No
    activity of the second can be started eagerly, past the server's rate: that needs a workflow on the same queue.
    """
    worker = partial(
        Worker,
        client,
        interceptors=[OneRequestEach(), ClassifyFailures()],
        graceful_shutdown_timeout=GRACEFUL_SHUTDOWN,
        identity=identity,
        deployment_config=deployment,
    )
    return [
        worker(
            task_queue=TASK_QUEUE,
            workflows=ALL_WORKFLOWS,
            workflow_runner=SANDBOX,
            activities=[*activities.on_powerdns, *activities.on_all_else],
        ),
        worker(
            task_queue=POWERDNS_TASK_QUEUE,
            activities=activities.on_powerdns,
            max_task_queue_activities_per_second=settings.sovereign_dns_powerdns_activities_per_second,
            max_concurrent_activities=POWERDNS_ACTIVITIES_AT_ONCE,
        ),
    ]


@asynccontextmanager
async def make_activities(
    temporal: Client, settings: Settings, *, attributes_usable: bool
) -> AsyncIterator[Activities]:
    """Every activity, on clients that share their connections."""
    resolvers = Resolvers(settings.catalyst_dns_propagation_resolvers, ca_file=settings.catalyst_dns_ca_file)
    async with httpx.AsyncClient(timeout=http.TIMEOUT) as client, resolvers:
        certificates = Certificates(settings.kubeconfig)
        powerdns_api = PowerDNS(
            client,
            settings.powerdns_api_url,
            settings.powerdns_api_key,
            settings.catalyst_powerdns_server_id,
            writes_at_once=settings.sovereign_dns_powerdns_writes_at_once,
        )
        powerdns = PowerDNSActivities(powerdns_api)
        pool_domains = PDM(client, settings.pdm_url, user=settings.pdm_user, password=settings.pdm_password)
        removal = RemovalActivities(powerdns_api, pool_domains)
        pdm = PDMActivities(pool_domains)
        restoring = RestoringActivities(powerdns_api)
        kubernetes = KubernetesActivities(certificates, CertificateSearch(certificates, powerdns_api.search))
        authoritative = AuthoritativeServers(settings.catalyst_dns_authoritative)
        delegations = _delegations(settings)
        absence = AbsenceProof(DenialSurvey(authoritative, powerdns_api), resolvers)
        dns = DNSActivities(authoritative, resolvers, absence, delegations)
        registrar = RegistrarActivities(
            Registrars(client, settings.pdm_url, user=settings.pdm_user, password=settings.pdm_password),
            RegistrarCredentials(settings.catalyst_registrar_credentials_dir),
            PublicDNS(delegations, resolvers),
            powerdns_api,
        )
        inventory = InventorySources(
            pool_domains,
            Hetzner(client, settings.hetzner_url, settings.hetzner_tokens),
            settings.catalyst_owned_networks,
            temporal,
        )
        audit = AuditActivities(
            powerdns_api, inventory, settings.catalyst_expected_ns, runbook_url=settings.sovereign_dns_runbook_url
        )
        environment = EnvironmentActivities(
            settings.naming_rules,
            search_attributes_usable=attributes_usable,
            runbook_url=settings.sovereign_dns_runbook_url,
        )
        try:
            yield Activities(
                on_powerdns=[
                    powerdns.create_zone,
                    powerdns.upsert_records,
                    powerdns.compare_records,
                    removal.find_records,
                    removal.remove_records,
                    removal.remove_zone,
                    restoring.restore_records,
                ],
                on_all_else=[
                    environment.decide_intent,
                    environment.decide_removal,
                    environment.decide_fix,
                    environment.decide_restoring,
                    pdm.commit_pool_name,
                    pdm.release_pool_name,
                    kubernetes.request_certificate,
                    kubernetes.certificate_ready,
                    kubernetes.delete_certificate,
                    dns.verify_domain,
                    registrar.set_nameservers,
                    LockActivities().await_lock,
                    audit.audit_zones,
                ],
            )
        finally:
            await certificates.close()


def _delegations(settings: Settings) -> Delegations | None:
    """None where the servers to ask are named by hand: what the world's delegations lead to is another matter."""
    roots, anchors = settings.catalyst_dns_root_servers, settings.catalyst_dns_trust_anchors
    if settings.catalyst_dns_authoritative and not roots:
        return None
    try:
        # A private network's servers listen at the port of its root's, where that is another than 53.
        port = split_host_port(roots[0])[1] if roots else PORT
        return Delegations(roots, anchors or ROOT_TRUST_ANCHORS, port)
    except ValueError as error:
        raise SettingsError(f"CATALYST_DNS_ROOT_SERVERS, CATALYST_DNS_TRUST_ANCHORS: {error}") from error


async def _connect() -> Client:
    """Connects to Temporal as its own environment configuration says, as soon as it can be reached."""
    config = ClientConfig.load_client_connect_config()
    pause = 0.5
    while True:
        try:
            return await Client.connect(**config, data_converter=contract_data_converter)
        except RuntimeError as error:
            _log.warning(
                "Temporal can't be reached, tried again",
                address=config.get("target_host"),
                reason=str(error),
                seconds=pause,
            )
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_CONNECT_PAUSE_SECONDS)


async def _unless_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, Outcome]) -> Outcome | None:
    """What comes of the work, or None where the worker is told to stop before it is done."""
    working, stopped = asyncio.create_task(work), asyncio.create_task(stop.wait())
    await asyncio.wait({working, stopped}, return_when=asyncio.FIRST_COMPLETED)
    stopped.cancel()
    if working.done():
        return working.result()
    working.cancel()
    return None


def main() -> int:
    """Returns the exit code: 0 after a signal, 1 where the worker failed, 2 where its settings can't be used."""
    load_dotenv(Path.cwd() / ".env")
    try:
        settings = read_settings()
    except SettingsError as error:
        print(f"sovereign-dns worker: {error}", file=sys.stderr)
        return 2
    logs.configure(settings.sovereign_dns_log_level)
    try:
        telemetry.configure(settings.sovereign_dns_metrics_address)
        event_loop.run(run(settings))
    except SettingsError as error:
        print(f"sovereign-dns worker: {error}", file=sys.stderr)
        return 2
    except Exception:  # noqa: BLE001 (the last resort: told in the log, and in the exit code)
        _log.exception("worker failed")
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # The SDK may crash the interpreter while it tears down (facts of 1.35.0), after all work is done.
    # The exit code is ours, not that of the tear-down.
    os._exit(code)

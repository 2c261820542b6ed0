"""The whole embedded stack."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

from devstack.child_process import ChildProcess
from devstack.kubernetes_simulator import KubernetesSimulator
from devstack.pdm_simulator import PDMSimulator
from devstack.ports import Ports
from devstack.powerdns_server import PowerDNSServer
from devstack.recursor import Recursor
from devstack.state_folder import StateLock, secret
from devstack.temporal_server import TemporalServer
from devstack.worker_process import WorkerProcess


class Stack:
    """Temporal, PowerDNS, the recursor, the simulators and the worker, on one state folder.

    A context manager. Every part is an attribute that can be started, stopped and killed by itself.

    Args:
        state: the folder that keeps everything; made when absent, reused when not.
        ports: where the parts listen.
        namespaces: Temporal's namespaces; the worker serves the first one.
        worker: whether `start` starts the worker.
        simulators: whether `start` starts the simulators.
        reservation_seconds: how long PDM keeps a reservation.
        sweep_seconds: how often PDM looks for expired ones.
        issue_seconds: how long a certificate takes to be issued.
        settings: further variables for the worker; they win over the stack's own.
    """

    def __init__(
        self,
        state: Path,
        ports: Ports,
        namespaces: Sequence[str] = ("default",),
        *,
        worker: bool = True,
        simulators: bool = True,
        reservation_seconds: float = 600,
        sweep_seconds: float = 30,
        issue_seconds: float = 3,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.state = state.absolute()
        self.ports = ports
        self._start_worker = worker
        self._start_simulators = simulators
        self._lock = StateLock(self.state)
        self._key_file = self.state / "secrets" / "powerdns-api-key"
        self.registrar_tokens = self.state / "secrets" / "registrars"
        token_file = self.state / "secrets" / "kubernetes-token"

        self.temporal = TemporalServer(self.state, ports.temporal, ports.temporal_ui, namespaces)
        self.powerdns = PowerDNSServer(self.state, ports.powerdns_dns, ports.powerdns_api, secret(self._key_file))
        self.recursor = Recursor(self.state, ports.recursor, self.powerdns.dns_address)
        self.pdm = PDMSimulator(
            self.state,
            ports.pdm,
            self.powerdns.api_url,
            self._key_file,
            reservation_seconds=reservation_seconds,
            sweep_seconds=sweep_seconds,
        )
        self.kubernetes = KubernetesSimulator(self.state, ports.kubernetes, token_file, issue_seconds=issue_seconds)
        self.worker = WorkerProcess(
            self.environment(namespaces[0]) | dict(settings or {}),
            ports.worker_health,
            self.state / "logs" / "worker.log",
        )

    def environment(self, namespace: str = "default") -> dict[str, str]:
        """Return the variables that lead a worker or a client to this stack."""
        return {
            "TEMPORAL_ADDRESS": self.temporal.address,
            "TEMPORAL_NAMESPACE": namespace,
            "CATALYST_POWERDNS_API_URL": self.powerdns.api_url,
            "CATALYST_POWERDNS_API_KEY_FILE": str(self._key_file),
            "POOL_DOMAIN_MANAGER_URL": self.pdm.url,
            "CATALYST_REGISTRAR_CREDENTIALS_DIR": str(self.registrar_tokens),
            "CATALYST_DNS_AUTHORITATIVE": self.powerdns.dns_address,
            "CATALYST_DNS_PROPAGATION_RESOLVERS": self.recursor.address,
            "KUBECONFIG": str(self.kubernetes.kubeconfig),
        }

    def start(self) -> Self:
        """Start everything, and return when everything is ready. What was started is stopped on failure.

        Raises:
            StateInUseError: another stack runs on the state folder.
            PortTakenError: one or more ports are in use.
            ProgramMissingError: something is not installed.
            StartError: a process did not start; quotes the end of its log.
        """
        self._lock.acquire()
        try:
            self.ports.check(unused=self._unused_ports())
            # PDM's simulator takes any token but one that starts with "invalid".
            secret(self.registrar_tokens / "cloudflare-token")
            self._start_together()
            if self._start_worker:
                self.worker.start()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop everything that runs, the last started first, even when one of them resists."""
        with ExitStack() as last_in_first_out:
            last_in_first_out.callback(self._lock.release)
            for process in self._processes():
                last_in_first_out.callback(process.stop)

    def wait(self) -> NoReturn:
        """Wait until a process ends by itself.

        Raises:
            ProcessDiedError: says which one and how, and quotes the end of its log.
        """
        while True:
            for process in self._processes():
                process.check()
            time.sleep(0.2)

    def _processes(self) -> list[ChildProcess]:
        return [self.temporal, self.powerdns, self.recursor, self.pdm, self.kubernetes, self.worker]

    def _unused_ports(self) -> list[str]:
        simulators = [] if self._start_simulators else ["pdm", "kubernetes"]
        return simulators + ([] if self._start_worker else ["worker_health"])

    def _start_together(self) -> None:
        """Start all that the worker needs; none of them needs another one in order to start."""
        servers: list[ChildProcess] = [self.temporal, self.powerdns, self.recursor]
        if self._start_simulators:
            servers += [self.pdm, self.kubernetes]
        with ThreadPoolExecutor(len(servers)) as threads:
            starts = [threads.submit(server.start) for server in servers]
            try:
                for start in as_completed(starts):
                    start.result()
            except BaseException:
                # Ends the other starts too, which would otherwise be waited for.
                self.stop()
                raise

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

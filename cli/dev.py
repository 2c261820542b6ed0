"""`sovereign-dns dev`: the embedded stack in the foreground."""

import shlex
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from devstack.errors import StackError
from devstack.ports import Ports

if TYPE_CHECKING:
    from devstack.stack import Stack

_ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

# Where a script reads this, nothing may be broken into lines of 80 characters.
_out = Console(soft_wrap=True, highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)


State = Annotated[Path, typer.Option(help="Folder that keeps databases, secrets and logs.", file_okay=False)]


def _port(meant: str) -> Any:
    return typer.Option(min=1, max=65535, help=meant)


def dev(
    state: State = Path(".dev"),
    temporal_port: Annotated[int, _port("Temporal (gRPC).")] = Ports.temporal,
    ui_port: Annotated[int, _port("Temporal's Web UI.")] = Ports.temporal_ui,
    dns_port: Annotated[int, _port("PowerDNS, UDP and TCP.")] = Ports.powerdns_dns,
    powerdns_port: Annotated[int, _port("PowerDNS' REST API.")] = Ports.powerdns_api,
    recursor_port: Annotated[int, _port("The caching recursor, UDP and TCP.")] = Ports.recursor,
    pdm_port: Annotated[int, _port("The simulator of the pool-domain-manager.")] = Ports.pdm,
    kubernetes_port: Annotated[int, _port("The simulator of Kubernetes.")] = Ports.kubernetes,
    health_port: Annotated[int, _port("The worker's health endpoint.")] = Ports.worker_health,
) -> None:
    """Run Temporal, PowerDNS, a recursor, the simulators and the worker until Ctrl-C.

    Everything listens on 127.0.0.1 only. What was written survives in the state folder.
    Further settings of the worker come from the shell, not from .env.
    """
    # The stack's libraries come with the extra "dev"; the other commands do without it.
    from devstack.stack import Stack  # noqa: PLC0415

    ports = Ports(
        temporal=temporal_port,
        temporal_ui=ui_port,
        powerdns_dns=dns_port,
        powerdns_api=powerdns_port,
        recursor=recursor_port,
        pdm=pdm_port,
        kubernetes=kubernetes_port,
        worker_health=health_port,
    )
    _interrupt_once()
    try:
        started = time.monotonic()
        with Stack(state, ports) as stack:
            _show(stack, time.monotonic() - started)
            stack.wait()
    except KeyboardInterrupt:
        _out.print("Stopped. The state is kept in", str(state))
    except StackError as error:
        _err.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from None


def _interrupt_once() -> None:
    """Make the first signal end the stack, and the impatient ones after it do nothing."""

    def interrupt(_number: int, _frame: object) -> None:
        for number in _ENDING_SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        _out.print("Stopping...")
        raise KeyboardInterrupt

    for number in _ENDING_SIGNALS:
        signal.signal(number, interrupt)


def _show(stack: "Stack", seconds: float) -> None:
    table = Table(title=f"The embedded stack (up in {seconds:.1f} s)", title_justify="left")
    table.add_column("what")
    table.add_column("where", overflow="fold")
    for what, where in (
        ("Temporal's Web UI", stack.temporal.ui_url),
        ("Temporal", stack.temporal.address),
        ("PowerDNS, API", stack.powerdns.api_url),
        ("PowerDNS, DNS", stack.powerdns.dns_address),
        ("recursor", stack.recursor.address),
        ("pool-domain-manager (simulated)", stack.pdm.url),
        ("Kubernetes (simulated)", stack.kubernetes.url),
        ("worker's health", f"{stack.worker.health_url}/readyz"),
        ("registrars' tokens (made up)", str(stack.registrar_tokens)),
        ("logs", str(stack.state / "logs")),
    ):
        table.add_row(what, where)
    _out.print(table)
    _out.print("For clients and workers of your own, in a shell or in their .env:\n")
    for name, value in stack.environment().items():
        _out.print(f"export {name}={shlex.quote(value)}", markup=False)
    _out.print("\nCtrl-C ends everything.")

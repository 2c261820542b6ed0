"""`sovereign-dns demo`: the incident of 2026-05-15, and how the workflow ends it, on the embedded stack."""

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from cli import display
from devstack.errors import PortTakenError, StackError
from devstack.ports import Ports

Keep = Annotated[bool, typer.Option("--keep", help="Leave everything running until Ctrl-C, to look at the Web UI.")]
State = Annotated[Path, typer.Option(help="Folder of the demo's own state; emptied at the start.")]

_out = display.console()


def demo(keep: Keep = False, state: State = Path(".dev/demo")) -> None:
    """Tell the whole story on an embedded stack: the stranger, the workflow, and the proof."""
    # The stack's libraries come with the extra "dev"; the other commands do without it, and answer sooner.
    from cli.incident import tell  # noqa: PLC0415
    from devstack.stack import Stack  # noqa: PLC0415

    shutil.rmtree(state, ignore_errors=True)
    try:
        with Stack(state, _default_or_free_ports(), issue_seconds=2) as stack:
            os.environ.update(stack.environment())
            wrong = tell(stack)
            if keep:
                _out.print("\nEverything is left running. Ctrl-C ends it.")
                with suppress(KeyboardInterrupt):
                    stack.wait()
    except StackError as error:
        display.console(stderr=True).print(str(error), markup=False)
        raise typer.Exit(1) from None
    _out.print("\nEverything that the demo started is stopped.")
    if not keep:
        _out.print(f"To see the run in the Web UI: .venv/bin/sovereign-dns dev --state {state}")
    if wrong:
        display.console(stderr=True).print("The demo FAILED:\n" + "\n".join(f"- {item}" for item in wrong))
        raise typer.Exit(1)


def _default_or_free_ports() -> Ports:
    ports = Ports()
    try:
        ports.check()
    except PortTakenError:
        return Ports.free()
    return ports

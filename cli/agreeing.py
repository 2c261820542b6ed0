"""Asking for agreement before something is done."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer
from rich.console import Console

from cli import display
from cli.outcome import INTERRUPTED

WRONG_USAGE = 2


def agreed(question: str, *, unattended: str, declined: str | None = None, on_stdout: bool = False) -> bool:
    """Asks.

    Args:
        question: what is asked.
        unattended: said where nobody is there to be asked.
        declined: said after a no, and after Ctrl-C.
        on_stdout: whether to ask there, and not on stderr.

    Raises:
        typer.Exit: nobody is there to be asked, or Ctrl-C was the answer.
    """
    if not sys.stdin.isatty():
        display.console(stderr=True).print(unattended, markup=False)
        raise typer.Exit(WRONG_USAGE)
    terminal = display.console(stderr=not on_stdout)
    try:
        with _ctrl_c_raises():
            if typer.confirm(question, err=not on_stdout):
                return True
    except KeyboardInterrupt:
        terminal.print()
        _say(declined, terminal)
        raise typer.Exit(INTERRUPTED) from None
    except typer.Abort:
        # The end of the input (Ctrl-D) is no agreement.
        terminal.print()
    _say(declined, terminal)
    return False


def _say(declined: str | None, terminal: Console) -> None:
    if declined is not None:
        terminal.print(declined, markup=False)


@contextmanager
def _ctrl_c_raises() -> Iterator[None]:
    """Where an event loop runs, Ctrl-C only cancels its task, and would leave the question waiting for an answer."""
    interrupted = False

    def interrupt(_number: int, _frame: object) -> None:
        nonlocal interrupted
        interrupted = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    except typer.Abort:
        # What click makes of both a Ctrl-C and the end of the input.
        if interrupted:
            raise KeyboardInterrupt from None
        raise
    finally:
        signal.signal(signal.SIGINT, before)

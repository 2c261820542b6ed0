"""Asking for agreement before something is done."""

import sys

import typer

from cli import display

WRONG_USAGE = 2


def agreed(question: str, *, unattended: str, declined: str | None = None, on_stdout: bool = False) -> bool:
    """Asks.

    Args:
        question: what is asked.
        unattended: said where nobody is there to be asked.
        declined: said after a no.
        on_stdout: whether to ask there, and not on stderr.

    Raises:
        typer.Exit: nobody is there to be asked.
    """
    if not sys.stdin.isatty():
        display.console(stderr=True).print(unattended, markup=False)
        raise typer.Exit(WRONG_USAGE)
    if typer.confirm(question, err=not on_stdout):
        return True
    if declined is not None:
        display.console(stderr=not on_stdout).print(declined)
    return False

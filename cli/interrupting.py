"""A command's work, run to its exit code, or until Ctrl-C."""

import asyncio
from collections.abc import Coroutine
from typing import Any, NoReturn

import typer

from cli import display
from cli.outcome import INTERRUPTED


def end_with(work: Coroutine[Any, Any, int], *, interrupted: str | None = None) -> NoReturn:
    """Ends the command with the exit code that the work returns.

    Args:
        work: what the command does.
        interrupted: what goes on although nobody looks any more.

    Raises:
        typer.Exit: always.
    """
    try:
        code = asyncio.run(work)
    except KeyboardInterrupt:
        if interrupted is not None:
            display.console(stderr=True).print(f"interrupted: {interrupted}", markup=False)
        code = INTERRUPTED
    raise typer.Exit(code)

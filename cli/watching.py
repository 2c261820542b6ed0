"""Showing a run until it has ended: live on a terminal, each change once on a pipe."""

import asyncio
from collections.abc import Callable, Iterator

from rich.console import Console, RenderableType
from rich.live import Live

from cli import display, following
from cli.following import Handle, Look

NO_WORKER = "no worker answers: does one run on this task queue and namespace?"

NO_TEMPORAL = "Temporal can't be asked ({}): tried again. The run itself is kept, and goes on with it"

UNANSWERED_SECONDS = 5
"""A worker that is only slow, as with a run's first task, is not yet missed."""


async def show(handle: Handle, *, as_json: bool, until_handed_over: bool = False) -> None:
    """Shows the steps; with JSON on stdout only what the run waits for, on stderr."""
    shown = show_trouble if as_json else show_steps
    await shown(handle, display.console(stderr=as_json), until_handed_over=until_handed_over)


async def show_steps(
    handle: Handle, terminal: Console, *, transient: bool = False, until_handed_over: bool = False
) -> None:
    """Shows the steps and what they wait for; `transient` clears a terminal of them at the end."""
    if not terminal.is_terminal:
        await _print_once_each(handle, terminal, _changes, until_handed_over=until_handed_over)
        return
    with Live(console=terminal, auto_refresh=False, transient=transient) as live:
        async for seen in following.follow(handle, until_handed_over=until_handed_over):
            live.update(_shown(seen), refresh=True)


def _shown(seen: Look) -> RenderableType:
    if seen.trouble is not None:
        return NO_TEMPORAL.format(seen.trouble)
    return display.whole_status(seen.status, seen.waiting, live=True) if seen.status else NO_WORKER


async def show_trouble(handle: Handle, terminal: Console, *, until_handed_over: bool = False) -> None:
    """Prints only what the run waits for, for those who want nothing but the result."""
    await _print_once_each(handle, terminal, _trouble, until_handed_over=until_handed_over)


async def _print_once_each(
    handle: Handle, terminal: Console, lines_of: Callable[[Look], Iterator[str]], *, until_handed_over: bool
) -> None:
    printed: set[str] = set()
    clock = asyncio.get_running_loop().time
    answered = clock()
    async for seen in following.follow(handle, until_handed_over=until_handed_over):
        if seen.status is not None or seen.trouble is not None or not seen.running:
            answered = clock()
        lines = [*lines_of(seen), *([NO_WORKER] if clock() - answered > UNANSWERED_SECONDS else [])]
        for line in lines:
            if line not in printed:
                printed.add(line)
                terminal.print(line, markup=False)


def _changes(seen: Look) -> Iterator[str]:
    for step in seen.status.steps if seen.status else []:
        if step.state != "pending":
            yield display.step_line(step)
    yield from _trouble(seen)


def _trouble(seen: Look) -> Iterator[str]:
    if seen.trouble is not None:
        yield NO_TEMPORAL.format(seen.trouble)
    for activity_id, cause in seen.waiting.items():
        if cause.error_type is not None:
            yield f"… {activity_id} waits: {cause.told}"

"""The command line as a process, with its imports made already (`tests.preloaded`)."""

import asyncio
import os
import signal
import subprocess
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from temporalio.client import Client

from tests.preloaded import launching

PROGRAM = str(Path(sys.executable).parent / "sovereign-dns")


def environment_of(client: Client, description: dict[str, str]) -> dict[str, str]:
    """Leads it to a client's namespace."""
    return {
        "PATH": os.environ["PATH"],
        "TEMPORAL_ADDRESS": description["TEMPORAL_ADDRESS"],
        "TEMPORAL_NAMESPACE": client.namespace,
    }


def run(environment: dict[str, str], *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    """What it prints, and its exit code. It is not at a terminal."""
    return subprocess.run(
        launching(PROGRAM, *arguments),
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


async def answered_at_a_terminal(
    environment: dict[str, str], answer: str, *arguments: str
) -> tuple[int | None, str, str]:
    """Its exit code and what it printed, where it was asked at a terminal."""
    terminal, its_end = os.openpty()
    try:
        process = await asyncio.create_subprocess_exec(
            *launching(PROGRAM, *arguments), env=environment, stdin=its_end, stdout=PIPE, stderr=PIPE
        )
        os.write(terminal, f"{answer}\n".encode())
        async with asyncio.timeout(90):
            stdout, stderr = await process.communicate()
    finally:
        os.close(terminal)
        os.close(its_end)
    return process.returncode, stdout.decode(), stderr.decode()


@asynccontextmanager
async def running(environment: dict[str, str], *arguments: str, stderr: int = PIPE) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *launching(PROGRAM, *arguments), env=environment, stdout=PIPE, stderr=stderr
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def read_until(words: str, stream: asyncio.StreamReader | None) -> str:
    assert stream is not None
    told = ""
    async with asyncio.timeout(60):
        while words not in told:
            line = (await stream.readline()).decode()
            assert line, f"ended without {words!r}: {told}"
            told += line
    return told


async def interrupted(process: Process, *, within_seconds: float = 30) -> tuple[str, str]:
    """What it still prints after Ctrl-C, on stdout and stderr."""
    process.send_signal(signal.SIGINT)
    async with asyncio.timeout(within_seconds):
        stdout, stderr = await process.communicate()
    return stdout.decode(), (stderr or b"").decode()

"""Answers to a question that are neither yes nor no."""

import os
import signal
import subprocess
import sys

import pytest

ASKS = """
import typer
from cli import agreeing, interrupting

async def work():
    print("answered", agreeing.agreed("Remove it?", unattended="nobody is there", declined="nothing was removed"))
    return 0

app = typer.Typer()
app.command()(lambda: interrupting.end_with(work(), interrupted="a run that was started goes on"))
app()
"""
END_OF_INPUT = b"\x04"


@pytest.mark.parametrize(
    ("by", "exit_code", "answered"),
    [pytest.param(signal.SIGINT, 130, "", id="Ctrl-C"), pytest.param(END_OF_INPUT, 0, "answered False", id="Ctrl-D")],
)
def test_an_interrupted_question_ends_the_command_at_once(
    by: signal.Signals | bytes, exit_code: int, answered: str
) -> None:
    terminal, its_end = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", ASKS], stdin=its_end, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        try:
            asked = b""
            while b"[y/N]" not in asked:
                asked += os.read(process.stderr.fileno(), 1024)
            if isinstance(by, bytes):
                os.write(terminal, by)
            else:
                process.send_signal(by)
            assert process.wait(20) == exit_code
        finally:
            process.kill()
        told = process.stderr.read().decode()
        assert process.stdout.read().decode().strip() == answered
    os.close(terminal)
    os.close(its_end)
    assert told.split("\n")[1:] == ["nothing was removed", ""]

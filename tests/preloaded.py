"""Runs the project's scripts in forks of one process that has imported them: `python -m tests.preloaded SOCKET`.

To import the worker takes a second of CPU, the command line half of one, and the tests start more than two hundred
of them. A fork is a process like any other, with a pid, streams, settings, a folder, signals and an exit code of its
own. It shares only what a fresh interpreter draws by lot, the seed of hashes: so a test whose run moves from one
worker to another takes workers that are started from nothing.
"""

import gc
import json
import os
import runpy
import selectors
import signal
import socket
import struct
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from devstack.child_process import ChildProcess

LAUNCHER = Path(__file__).with_name("launcher.py")

_SOCKET = "SOVEREIGN_DNS_TESTS_PRELOADED"
"""Where it listens, for the processes of the tests."""


class Preloaded(ChildProcess):
    """The process that has imported them."""

    timeout: ClassVar[float] = 60.0

    def __init__(self, socket_path: Path, log: Path) -> None:
        super().__init__("preloaded", log)
        self._socket = socket_path
        os.environ[_SOCKET] = str(socket_path)

    def prepare(self) -> None:
        """Remove what a predecessor left."""
        self._socket.unlink(missing_ok=True)

    def command(self) -> list[str]:
        """Return the program and its arguments."""
        return [sys.executable, "-m", "tests.preloaded", str(self._socket)]

    def ready(self) -> bool:
        """Say whether it takes scripts."""
        return self._socket.exists()


def launching(*command: str) -> list[str]:
    """What to start instead of `python COMMAND…`, `-u` and a script."""
    return [sys.executable, "-I", "-S", str(LAUNCHER), os.environ[_SOCKET], *command]


@dataclass(frozen=True)
class _Script:
    command: list[str]
    environment: dict[str, str]
    folder: str
    streams: list[int]

    def run(self) -> None:
        """Makes this process what `python COMMAND…` would be, and runs the script."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for stream, received in enumerate(self.streams):
            os.dup2(received, stream)
            os.close(received)
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        unbuffered = self.command[0] == "-u"
        sys.argv = self.command[unbuffered:]
        sys.stdin, sys.stdout = open(0), open(1, "w")  # noqa: SIM115 (they live as long as the process)
        sys.stderr = open(2, "w", buffering=1, errors="backslashreplace")  # noqa: SIM115
        if unbuffered:
            sys.stdout.reconfigure(write_through=True)
        runpy.run_path(sys.argv[0], run_name="__main__")


def _serve(path: Path) -> _Script:
    """Takes scripts for ever. Only a fork returns, with the script that it is to run."""
    with socket.socket(socket.AF_UNIX) as listening:
        being_made = path.with_suffix(".new")
        listening.bind(str(being_made))
        listening.listen(64)
        being_made.rename(path)
        while True:
            connection, _ = listening.accept()
            _bury_the_dead()
            with connection:
                if os.fork() == 0:
                    listening.close()
                    os.setsid()
                    return _supervise(connection)


def _bury_the_dead() -> None:
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _supervise(connection: socket.socket) -> _Script:
    script = _received(connection)
    pid = os.fork()
    if pid == 0:
        return script
    for stream in script.streams:
        os.close(stream)
    _follow(pid, connection)
    os._exit(0)


def _received(connection: socket.socket) -> _Script:
    size, streams, _, _ = socket.recv_fds(connection, 4, 3)
    if len(size) < 4:
        os._exit(0)
    remaining = struct.unpack("I", size)[0]
    parts: list[bytes] = []
    while remaining and (part := connection.recv(remaining)):
        parts.append(part)
        remaining -= len(part)
    if remaining:
        os._exit(0)
    return _Script(**json.loads(b"".join(parts)), streams=streams)


def _follow(pid: int, connection: socket.socket) -> None:
    """Passes on signals to the script, and its exit code to the launcher. It ends when the launcher is killed."""
    ended = os.pidfd_open(pid)
    with selectors.DefaultSelector() as selector:
        selector.register(ended, selectors.EVENT_READ)
        selector.register(connection, selectors.EVENT_READ)
        while ended not in {key.fd for key, _ in selector.select()}:
            for number in connection.recv(16) or [signal.SIGKILL]:
                os.kill(pid, number)
                if number == signal.SIGKILL:
                    selector.unregister(connection)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with suppress(BrokenPipeError):
        connection.send(struct.pack("i", code))


if __name__ == "__main__":
    import worker  # noqa: F401 (what the scripts import)

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    _serve(Path(sys.argv[1])).run()

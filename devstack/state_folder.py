"""What the embedded stack keeps in its state folder: a lock and secrets."""

import fcntl
import os
import secrets
from pathlib import Path
from typing import IO

from devstack.errors import StateInUseError


class StateLock:
    """Makes sure that one stack at a time runs on a state folder; released by the kernel if we die."""

    def __init__(self, state: Path) -> None:
        self._path = state / "lock"
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            StateInUseError: another process has it; the message names the process.
        """
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "unknown"
            file.close()
            raise StateInUseError(
                f"A stack runs on {self._path.parent} already (process {owner}). "
                "End it first, or choose another folder with --state."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file

    def release(self) -> None:
        """Give the lock back; nothing when it is not held."""
        if self._file is not None:
            self._file.close()
            self._file = None


def secret(path: Path) -> str:
    """Return the secret in a file, made at the first use and readable by its owner only."""
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, secrets.token_urlsafe(32))
    return path.read_text().strip()


def write_private(path: Path, content: str) -> None:
    """Write a file that only its owner may read, in one step: a reader never sees half of it."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    draft.touch(mode=0o600)
    draft.write_text(content)
    draft.replace(path)

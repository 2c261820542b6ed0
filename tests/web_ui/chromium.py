"""The browser: Debian's Chromium without a screen, one for all who look at the Web UI."""

from pathlib import Path

from devstack.child_process import ChildProcess
from devstack.errors import ProgramMissingError
from devstack.programs import find_program
from devstack.readiness import http_ok

_NAMES = ("chromium-headless-shell", "chromium")


class Chromium(ChildProcess):
    """Listens for whoever drives it. Opens nothing but what is on this machine."""

    def __init__(self, state: Path, port: int) -> None:
        super().__init__("chromium", state / "logs" / "chromium.log")
        self._profile = state / "chromium"
        self._port = port

    @property
    def url(self) -> str:
        """Where it listens, by its DevTools protocol."""
        return f"http://127.0.0.1:{self._port}"

    def command(self) -> list[str]:
        """Return the program and its arguments.

        Raises:
            ProgramMissingError: there is no Chromium.
        """
        return [
            _program(),
            "--headless",
            # It shows our own pages only, and Chromium's sandbox refuses to run as root.
            "--no-sandbox",
            # A container's /dev/shm may be too small for it.
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--remote-debugging-port={self._port}",
            f"--user-data-dir={self._profile}",
            "about:blank",
        ]

    def ready(self) -> bool:
        """Say whether it can be driven."""
        return http_ok(f"{self.url}/json/version")


def _program() -> str:
    remedy = "`make test` installs it, as does `devstack/install-debian-packages --browser` as root."
    for name in _NAMES[:-1]:
        try:
            return find_program(name, remedy)
        except ProgramMissingError:
            continue
    return find_program(_NAMES[-1], remedy)

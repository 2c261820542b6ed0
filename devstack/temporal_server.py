"""The embedded Temporal server."""

from collections.abc import Sequence
from pathlib import Path

from devstack.child_process import ChildProcess
from devstack.ports import free_port
from devstack.programs import find_program
from devstack.readiness import http_ok

SEARCH_ATTRIBUTES = ("SovereignFQDN=Keyword", "SovereignPhase=Keyword", "SovereignDeployment=Keyword")


class TemporalServer(ChildProcess):
    """`temporal server start-dev` on a SQLite database that survives restarts, with its Web UI."""

    def __init__(self, state: Path, port: int, ui_port: int, namespaces: Sequence[str] = ("default",)) -> None:
        super().__init__("temporal", state / "logs" / "temporal.log")
        self._database = state / "temporal.db"
        self._port = port
        self._ui_port = ui_port
        self._namespaces = tuple(namespaces)
        # Left to itself the server takes any port that is free at that moment, perhaps one meant for another.
        self._http_port = free_port()
        self._metrics_port = free_port()

    @property
    def address(self) -> str:
        """Where clients and workers connect, `host:port`."""
        return f"127.0.0.1:{self._port}"

    @property
    def ui_url(self) -> str:
        """The Web UI's URL."""
        return f"http://127.0.0.1:{self._ui_port}"

    def command(self) -> list[str]:
        """Return the program and its arguments.

        Raises:
            ProgramMissingError: there is no `temporal`.
        """
        options = {
            "--ip": "127.0.0.1",
            "--port": str(self._port),
            "--ui-port": str(self._ui_port),
            "--http-port": str(self._http_port),
            "--metrics-port": str(self._metrics_port),
            "--db-filename": str(self._database),
            "--log-level": "warn",
        }
        return [
            find_program("temporal", "Run `make .venv`, which installs it, or put the Temporal CLI on the PATH."),
            *("server", "start-dev", "--ui-disable-news-fetch"),
            *(word for option in options.items() for word in option),
            *self.tuning(),
            *(word for attribute in SEARCH_ATTRIBUTES for word in ("--search-attribute", attribute)),
            *(word for namespace in self._namespaces for word in ("--namespace", namespace)),
        ]

    def tuning(self) -> list[str]:
        """Return the options that make it quick; `make bench ARGS="tuning temporal"` measures it without each."""
        return [
            # The default of 20 a second makes every short workflow wait for 50 ms ticks.
            *("--dynamic-config-value", "history.transferProcessorMaxPollRPS=2000"),
            # A rollback journal, SQLite's default, has the disk wait for each write.
            *("--sqlite-pragma", "journal_mode=WAL"),
            *("--sqlite-pragma", "synchronous=NORMAL"),
        ]

    def prepare(self) -> None:
        """Make the folder of the database."""
        self._database.parent.mkdir(parents=True, exist_ok=True)

    def ready(self) -> bool:
        """Say whether every namespace is there with its search attributes, and the Web UI too."""
        api = f"http://127.0.0.1:{self._http_port}/api/v1/namespaces"
        return all(http_ok(f"{api}/{name}/search-attributes") for name in self._namespaces) and http_ok(self.ui_url)

"""The authoritative PowerDNS server."""

import sqlite3
from pathlib import Path

from devstack.child_process import ChildProcess
from devstack.errors import ProgramMissingError
from devstack.programs import find_program
from devstack.readiness import dns_answers, http_ok
from devstack.state_folder import write_private

REMEDY = (
    "Run devstack/install-debian-packages as root, "
    "or install PowerDNS (server, SQLite backend) and its recursor by hand."
)

# The second one is a link to the first on Debian; slim images have no documentation folder.
_SCHEMAS = (
    Path("/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"),
    Path("/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql"),
)

# Caches stay as they are by default, so that what is seen here is what a production server would show.
_CONFIGURATION = """\
launch=gsqlite3
gsqlite3-database={database}
gsqlite3-dnssec=yes
gsqlite3-pragma-journal-mode=WAL
gsqlite3-pragma-synchronous=1
local-address=127.0.0.1
local-port={dns_port}
api=yes
api-key={api_key}
webserver=yes
webserver-address=127.0.0.1
webserver-port={api_port}
webserver-allow-from=127.0.0.1
enable-lua-records=yes
default-soa-content=ns1.openova.io hostmaster.@ 0 10800 3600 604800 3600
daemon=no
guardian=no
disable-syslog=yes
setuid=
setgid=
# Relative to the working directory: a full path soon exceeds the 107 bytes that a socket may have.
socket-dir=.
# Asks a server on the Internet whether this version has known holes.
security-poll-suffix=
"""


class PowerDNSServer(ChildProcess):
    """`pdns_server` on a SQLite database that survives restarts; DNSSEC, LUA records and API enabled."""

    def __init__(self, state: Path, dns_port: int, api_port: int, api_key: str) -> None:
        super().__init__("powerdns", state / "logs" / "powerdns.log")
        self._folder = state / "powerdns"
        self._dns_port = dns_port
        self._api_port = api_port
        self.api_key = api_key

    @property
    def api_url(self) -> str:
        """The REST API's URL, without `/api/v1`."""
        return f"http://127.0.0.1:{self._api_port}"

    @property
    def dns_address(self) -> str:
        """Where it answers DNS over UDP and TCP, `host:port`."""
        return f"127.0.0.1:{self._dns_port}"

    def folder(self) -> Path:
        """Return the folder of its database and its configuration."""
        return self._folder

    def command(self) -> list[str]:
        """Return the program and its arguments.

        Raises:
            ProgramMissingError: PowerDNS is not installed.
        """
        return [find_program("pdns_server", REMEDY), "--config-dir=."]

    def prepare(self) -> None:
        """Write its configuration and, the first time, make its database.

        Raises:
            ProgramMissingError: the SQLite backend is not installed.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        database = self._folder.resolve() / "pdns.sqlite3"
        if not database.exists():
            _create_database(database)
        configuration = _CONFIGURATION.format(
            database=database, dns_port=self._dns_port, api_port=self._api_port, api_key=self.api_key
        )
        # The API key is in a file and not among the arguments, which every user of the machine may read.
        write_private(self._folder / "pdns.conf", configuration)

    def ready(self) -> bool:
        """Say whether it answers DNS and takes the API key."""
        url = f"{self.api_url}/api/v1/servers/localhost"
        return http_ok(url, {"X-API-Key": self.api_key}) and dns_answers("127.0.0.1", self._dns_port)


def _create_database(database: Path) -> None:
    schema = next((path for path in _SCHEMAS if path.exists()), None)
    if schema is None:
        raise ProgramMissingError(f"PowerDNS' SQLite backend is not installed. {REMEDY}")
    # Under another name until it is whole: we may be killed half-way.
    draft = database.with_suffix(".draft")
    draft.unlink(missing_ok=True)
    connection = sqlite3.connect(draft)
    try:
        connection.executescript(schema.read_text())
    finally:
        connection.close()
    draft.replace(database)

"""The caching recursor."""

from pathlib import Path

from devstack.child_process import ChildProcess
from devstack.powerdns_server import REMEDY
from devstack.programs import find_program
from devstack.readiness import dns_answers


class Recursor(ChildProcess):
    """`pdns_recursor`, which asks one authoritative server for everything, and caches as public ones do.

    So it goes stale as they do: an old answer, or the absence of one, stays until its TTL has run out.
    """

    def __init__(self, state: Path, port: int, forward_to: str) -> None:
        super().__init__("recursor", state / "logs" / "recursor.log")
        self._folder = state / "recursor"
        self._port = port
        self._forward_to = forward_to

    @property
    def address(self) -> str:
        """Where it answers DNS over UDP and TCP, `host:port`."""
        return f"127.0.0.1:{self._port}"

    def folder(self) -> Path:
        """Return the folder of its control socket."""
        return self._folder

    def command(self) -> list[str]:
        """Return the program and its arguments.

        Raises:
            ProgramMissingError: the recursor is not installed.
        """
        settings = {
            # An empty folder: settings come from here only. Arguments mean the same to every version,
            # whereas the configuration file changed its syntax with 5.2.
            "config-dir": ".",
            "local-address": "127.0.0.1",
            "local-port": str(self._port),
            "allow-from": "127.0.0.0/8",
            # As if the other one were a resolver. Asked as an authority, it would be passed over as soon as the name
            # servers of a zone are in the cache, which nothing here can resolve.
            "forward-zones-recurse": f".={self._forward_to}",
            # Zones are signed, but no parent vouches for them up to the real root, so validation would
            # fail all of them. Signatures still go to those who ask for them.
            "dnssec": "process-no-validate",
            # Nothing of the stack asks the Internet: neither for the root servers nor for security notices.
            "hint-file": "no",
            "security-poll-suffix": "",
            "socket-dir": ".",
            "write-pid": "no",
            "daemon": "no",
            "disable-syslog": "yes",
            "quiet": "yes",
            "setuid": "",
            "setgid": "",
            "threads": "1",
        }
        program = find_program("pdns_recursor", REMEDY)
        return [program, *(f"--{name}={value}" for name, value in settings.items())]

    def prepare(self) -> None:
        """Make the folder of its control socket."""
        self._folder.mkdir(parents=True, exist_ok=True)

    def ready(self) -> bool:
        """Say whether it answers DNS."""
        return dns_answers("127.0.0.1", self._port)

"""DNS servers some way away: a question is answered one round trip after it came.

They run in a process of their own (`python -m benchmarks.distant_servers`), so that what they take of a core is not
taken from whoever asks. Each serves the same zone, of which some names have an address and no other name exists.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import dns.name

from benchmarks.sovereigns import ADDRESS

LOOPBACK = "127.0.0.1"
ZONE = "bench.works"
STRANGER = "49.12.16.160"
NAMESERVERS = ("ns1.openova.io", "ns2.openova.io", "ns3.openova.io")

_HEADER_OCTETS = 12
_OWNER_AS_ASKED = b"\xc0\x0c"
_OPT = b"\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00"
_A, _NS, _SOA = 1, 2, 6
_SERIAL_AND_TIMES = (2026051501, 10800, 3600, 604800, 60)
_RESPONSE, _AUTHORITATIVE, _RECURSION = 0x80, 0x04, 0x01
_NXDOMAIN = 3


@dataclass(frozen=True)
class DistantServers:
    """So many as there are TTLs. `wrong` is a name that the last of them answers with a stranger's address."""

    names: list[str]
    ttls: list[int]
    round_trip_seconds: float
    wrong: str | None = None


@contextlib.contextmanager
def running(servers: DistantServers) -> Iterator[list[str]]:
    """Runs them, and yields where each is, `host:port`."""
    command = [sys.executable, "-m", "benchmarks.distant_servers", json.dumps(asdict(servers))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 (ours)
        try:
            yield json.loads(process.stdout.readline() if process.stdout else "")
        finally:
            process.kill()


class _Zone:
    """What one server answers, put together from octets: a library would take longer for it than the way there."""

    def __init__(self, servers: DistantServers, ttl: int, wrong: str | None) -> None:
        self._ttl = ttl
        apex = _wire(ZONE)
        soa = _wire(NAMESERVERS[0]) + _wire(f"hostmaster.{ZONE}")
        soa = self._rr(_SOA, soa + b"".join(number.to_bytes(4, "big") for number in _SERIAL_AND_TIMES))
        self._denial = apex + soa
        self._names = {_wire(name) for name in servers.names} | {apex}
        self._answers = {(_wire(name), _A): [self._address(name == wrong)] for name in servers.names}
        self._answers[apex, _SOA] = [soa]
        self._answers[apex, _NS] = [self._rr(_NS, _wire(name)) for name in NAMESERVERS]

    def response(self, query: bytes) -> bytes:
        end = query.index(0, _HEADER_OCTETS) + 1
        name, kind = query[_HEADER_OCTETS:end].lower(), int.from_bytes(query[end : end + 2], "big")
        answers = self._answers.get((name, kind), [])
        return b"".join(
            [
                query[:2],
                bytes([_RESPONSE | _AUTHORITATIVE | query[2] & _RECURSION, 0 if name in self._names else _NXDOMAIN]),
                bytes([0, 1, 0, len(answers), 0, 0 if answers else 1, 0, 1]),
                query[_HEADER_OCTETS : end + 4],
                *(_OWNER_AS_ASKED + answer for answer in answers),
                b"" if answers else self._denial,
                _OPT,
            ]
        )

    def _address(self, wrong: bool) -> bytes:
        return self._rr(_A, bytes(int(part) for part in (STRANGER if wrong else ADDRESS).split(".")))

    def _rr(self, kind: int, data: bytes) -> bytes:
        return kind.to_bytes(2, "big") + b"\0\1" + self._ttl.to_bytes(4, "big") + len(data).to_bytes(2, "big") + data


def _wire(name: str) -> bytes:
    return dns.name.from_text(name).to_wire() or b""


class _Server(asyncio.DatagramProtocol):
    def __init__(self, zone: _Zone, round_trip_seconds: float) -> None:
        self._zone = zone
        self._round_trip_seconds = round_trip_seconds

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        response = self._zone.response(data)
        asyncio.get_running_loop().call_later(self._round_trip_seconds, self._transport.sendto, response, addr)


async def _serve(servers: DistantServers) -> None:
    loop = asyncio.get_running_loop()
    places = []
    for index, ttl in enumerate(servers.ttls):
        zone = _Zone(servers, ttl, servers.wrong if index == len(servers.ttls) - 1 else None)
        server = _Server(zone, servers.round_trip_seconds)
        transport, _ = await loop.create_datagram_endpoint(lambda server=server: server, local_addr=(LOOPBACK, 0))  # type: ignore[misc]
        places.append("{}:{}".format(*transport.get_extra_info("sockname")))
    sys.stdout.write(f"{json.dumps(places)}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_serve(DistantServers(**json.loads(sys.argv[1]))))

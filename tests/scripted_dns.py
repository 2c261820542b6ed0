"""A DNS server over UDP that answers as a test says: for what no real server can be brought to do."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import dns.exception
import dns.message

from devstack.ports import free_port

ADDRESS = "127.0.0.1"

Answer = Callable[[dns.message.Message], bytes | None]


class ScriptedServer(asyncio.DatagramProtocol):
    """`asked` counts the questions."""

    def __init__(self, port: int, answer: Answer) -> None:
        self.port = port
        self.asked = 0
        self._answer = answer
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.asked += 1
        answer = self._answer(dns.message.from_wire(data))
        if answer is not None and self._transport is not None:
            self._transport.sendto(answer, addr)


@asynccontextmanager
async def scripted(answer: Answer) -> AsyncIterator[ScriptedServer]:
    """Serves at 127.0.0.1, at a port of its own."""
    port = free_port()
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: ScriptedServer(port, answer), local_addr=(ADDRESS, port)
    )
    try:
        yield server
    finally:
        transport.close()

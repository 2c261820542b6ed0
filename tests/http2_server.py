"""DNS over HTTPS as public resolvers serve it: by HTTP/2, every question a stream of one connection."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import dns.message
import h2.config
import h2.connection
import h2.events
import h2.exceptions

from devstack.ports import free_port
from tests.dns_servers import LOOPBACK, Answering


class _Connection(asyncio.Protocol):
    def __init__(self, answering: Answering, connections: list[int]) -> None:
        self._answering = answering
        self._connections = connections
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        self._content: dict[int, bytes] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.append(1)
        self._http.initiate_connection()
        self._flush()

    def end(self) -> None:
        """Ends it at once."""
        for task in self._tasks:
            task.cancel()
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        for event in self._http.receive_data(data):
            match event:
                case h2.events.DataReceived(stream_id=stream, data=part):
                    self._content[stream] = self._content.get(stream, b"") + part
                case h2.events.StreamEnded(stream_id=stream):
                    task = asyncio.create_task(self._answer(stream))
                    self._tasks.add(task)
                    task.add_done_callback(self._tasks.discard)
        self._flush()

    async def _answer(self, stream: int) -> None:
        (packet,) = await self._answering(dns.message.from_wire(self._content.pop(stream)))
        headers = [(":status", "200"), ("content-type", "application/dns-message")]
        # The client may have given up waiting.
        with suppress(h2.exceptions.StreamClosedError):
            self._http.send_headers(stream, headers)
            self._http.send_data(stream, packet, end_stream=True)
        self._flush()

    def _flush(self) -> None:
        self._transport.write(self._http.data_to_send())


@asynccontextmanager
async def dns_over_http2(answering: Answering, context: ssl.SSLContext, connections: list[int]) -> AsyncIterator[str]:
    """Answers POST requests, and counts its connections. Yields the URL."""
    port = free_port()
    context.set_alpn_protocols(["h2"])
    opened: list[_Connection] = []

    def connected() -> _Connection:
        opened.append(_Connection(answering, connections))
        return opened[-1]

    server = await asyncio.get_running_loop().create_server(connected, LOOPBACK, port, ssl=context)
    try:
        yield f"https://{LOOPBACK}:{port}/dns-query"
    finally:
        server.close()
        for connection in opened:
            connection.end()

"""A resolver that passes every question on to another one, and remembers who was asked what."""

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self

import dns.asyncquery
import dns.message
import dns.rdatatype

from tests.world import address_of


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, resolver: "CountingResolver") -> None:
        self._resolver = resolver

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._resolver.answer(self._transport, data, addr)


class CountingResolver:
    """Listens on UDP; `asked` counts questions by name and type."""

    def __init__(self, behind: str) -> None:
        self._behind = address_of(behind)
        self._transport: asyncio.DatagramTransport | None = None
        self._answering: set[asyncio.Task[None]] = set()
        self.asked: Counter[tuple[str, str]] = Counter()

    @property
    def address(self) -> str:
        assert self._transport is not None
        host, port = self._transport.get_extra_info("sockname")
        return f"{host}:{port}"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(self), local_addr=("127.0.0.1", 0))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._transport is not None
        self._transport.close()

    def answer(self, transport: asyncio.DatagramTransport, data: bytes, client: tuple[str, int]) -> None:
        question = dns.message.from_wire(data).question[0]
        self.asked[question.name.to_text().rstrip("."), dns.rdatatype.to_text(question.rdtype)] += 1
        answering = asyncio.create_task(self._pass_on(transport, data, client))
        self._answering.add(answering)
        answering.add_done_callback(self._answering.discard)

    async def _pass_on(self, transport: asyncio.DatagramTransport, data: bytes, client: tuple[str, int]) -> None:
        host, port = self._behind
        response = await dns.asyncquery.udp(dns.message.from_wire(data), host, port=port, timeout=5)
        transport.sendto(response.to_wire(), client)

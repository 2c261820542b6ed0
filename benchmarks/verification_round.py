"""One look at 14 names on 8 resolvers, against one question to the slowest of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import dns.message
import dns.rrset

from sovereign_dns.clients.resolvers import Resolvers

ROUND_TRIP_SECONDS = 0.05
SERVERS = 8


class _Distant(asyncio.DatagramProtocol):
    """Answers every question, after one round trip."""

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        response = dns.message.make_response(query)
        response.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", "77.42.11.95"))
        asyncio.get_running_loop().call_later(ROUND_TRIP_SECONDS, self._transport.sendto, response.to_wire(), addr)


@asynccontextmanager
async def distant_resolvers() -> AsyncIterator[Resolvers]:
    """Eight resolvers that are 50 ms away each."""
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as ending:
        places = []
        for _ in range(SERVERS):
            transport, _protocol = await loop.create_datagram_endpoint(_Distant, local_addr=("127.0.0.1", 0))
            ending.callback(transport.close)
            host, port = transport.get_extra_info("sockname")
            places.append(f"{host}:{port}")
        yield await ending.enter_async_context(Resolvers(places))


async def ask_round(resolvers: Resolvers, names: list[str], servers: int) -> None:
    """Asks so many servers for the addresses of every name, all side by side."""
    questions = [(name, "A") for name in names]
    said = await resolvers.ask_all(dict.fromkeys(resolvers.resolvers[:servers], questions))
    if not all(answer.values for answers in said.values() for answer in answers):
        raise SystemExit("the benchmark's own check failed: a question was not answered")

"""The health server, asked by all sorts of clients."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from devstack.ports import free_port
from service.health import HealthServer


@asynccontextmanager
async def a_server(*, ready: bool) -> AsyncIterator[str]:
    async def polls() -> dict[str, bool]:
        return {"workflow": True, "activity": ready}

    port = free_port()
    server = HealthServer("127.0.0.1", port)
    server.check = polls
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/livez", 200, {"live": True}),
        ("GET", "/readyz?verbose", 503, {"ready": False, "polling": {"workflow": True, "activity": False}}),
        ("HEAD", "/readyz", 503, None),
        ("GET", "/metrics", 404, {"error": "only /livez and /readyz"}),
        ("POST", "/livez", 405, {"error": "only GET and HEAD"}),
    ],
)
async def test_what_it_answers(method: str, path: str, status: int, body: object) -> None:
    async with a_server(ready=False) as address, httpx.AsyncClient() as client:
        response = await client.request(method, f"http://{address}{path}")

    assert response.status_code == status
    assert (response.json() if response.content else None) == body


async def test_one_who_speaks_no_http_is_told_and_hung_up_on() -> None:
    async with a_server(ready=True) as address, httpx.AsyncClient() as client:
        reader, writer = await asyncio.open_connection(*address.split(":"))
        writer.write(b"what is this\r\n\r\n")
        said = await reader.read()
        writer.close()

        assert said.startswith(b"HTTP/1.1 400 ")
        assert (await client.get(f"http://{address}/readyz")).json()["ready"] is True

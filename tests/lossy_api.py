"""Before an HTTP API, a network that delays requests and loses answers: what was asked is done, and nobody hears of it.

Understands only servers that close a connection after their answer, as PowerDNS does.
"""

import asyncio
from types import TracebackType
from typing import Self


class LossyApi:
    """Passes requests on, and treats the answers to those of one method as it is told.

    Attributes:
        lose: how many of the next answers are lost.
        drop: how many of the next such requests never reach the server; nobody is answered.
        reads_take_seconds: how long every other request is under way.
        may_arrive: no request reaches the server as long as it is not set.
        may_answer: no answer is given as long as it is not set.
        sent: set when there was such a request.
        done: set when such a request has been done by the server.
    """

    def __init__(self, url: str, method: str) -> None:
        self._server_address = url.removeprefix("http://").split(":")
        self._method = method.encode()
        self._listening: asyncio.Server | None = None
        self.lose = 0
        self.drop = 0
        self.reads_take_seconds = 0.0
        self.may_arrive = asyncio.Event()
        self.may_arrive.set()
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.sent = asyncio.Event()
        self.done = asyncio.Event()

    @property
    def url(self) -> str:
        assert self._listening is not None
        return f"http://127.0.0.1:{self._listening.sockets[0].getsockname()[1]}"

    async def __aenter__(self) -> Self:
        self._listening = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._listening is not None
        self.may_arrive.set()
        self.may_answer.set()
        self._listening.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _request(reader)
            concerned = request.startswith(self._method)
            if concerned:
                self.sent.set()
                await self.may_arrive.wait()
                if self.drop:
                    self.drop -= 1
                    return
            else:
                await asyncio.sleep(self.reads_take_seconds)
            answer = await self._answer_to(request)
            if concerned and not answer.startswith(
                b"HTTP/1.1 5"
            ):  # a busy SQLite: nothing was done, and it comes again
                self.done.set()
                await self.may_answer.wait()
                if self.lose:
                    self.lose -= 1
                    return
            writer.write(answer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client, or the server, has gone
        finally:
            writer.close()

    async def _answer_to(self, request: bytes) -> bytes:
        host, port = self._server_address
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            writer.write(request)
            return await reader.read()
        finally:
            writer.close()


async def _request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return head + (await reader.readexactly(int(lengths[0].split(b":")[1])) if lengths else b"")

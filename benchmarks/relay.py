"""Between the worker and a server that speaks HTTP: takes its connections, and has somebody pass on what comes."""

from abc import ABC, abstractmethod
from asyncio import Server, StreamReader, StreamWriter, open_connection, start_server
from types import TracebackType
from typing import Self

from devstack.ports import free_port

LONGEST_QUEUE_OF_CONNECTIONS = 4096


class Relay(ABC):
    """As long as it isn't opened, it refuses connections as a stopped server does."""

    def __init__(self, url: str) -> None:
        host, port = url.removeprefix("http://").split(":")
        self._behind = host, int(port)
        self._port = free_port()
        self._listening: Server | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._listening is not None:
            self._listening.close()

    async def open(self) -> None:
        """Starts to listen."""
        self._listening = await start_server(
            self._pass_on, "127.0.0.1", self._port, backlog=LONGEST_QUEUE_OF_CONNECTIONS
        )

    async def _connected(self) -> tuple[StreamReader, StreamWriter]:
        """To the server."""
        return await open_connection(*self._behind)

    @abstractmethod
    async def _pass_on(self, client: StreamReader, answers: StreamWriter) -> None:
        """Serves one connection."""

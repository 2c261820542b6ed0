"""DNS over TLS (RFC 7858): questions share one connection, and none waits for another's answer (RFC 7766 §6.2.1.1)."""

import asyncio
import ssl

from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.exchange import Response
from sovereign_dns.clients.question import NotADNSAnswerError, Question

_MOST_IDS = 0x10000


class DNSOverTLS:
    """One server. Its connection is opened when it is needed, and again after the server has closed it."""

    def __init__(self, address: str, port: int, hostname: str, context: ssl.SSLContext) -> None:
        self._address = address
        self._port = port
        self._hostname = hostname
        self._context = context
        self._opening: asyncio.Task[_Connection] | None = None

    async def send(self, question: Question, timeout_seconds: float) -> Response:
        """Sends one question.

        A server may close its connection after any answer, while further queries are on their way: those are asked
        over a new one (RFC 7766 §6.2.4). One that closes without ever answering is not asked again.

        Raises:
            TimeoutError: no answer in time.
            OSError: no connection, or the certificate is not trusted.
            EOFError: the connection was closed before it brought any answer.
            NotADNSAnswerError: the server sent something else.
        """
        async with asyncio.timeout(timeout_seconds):
            while True:
                connection = await self._connected(timeout_seconds)
                try:
                    return Response(await connection.exchange(question))
                except EOFError:
                    if not connection.has_answered:
                        raise

    async def aclose(self) -> None:
        """Closes the connection, if there is one."""
        if self._opening is None:
            return
        self._opening.cancel()
        await asyncio.wait({self._opening})
        if not self._opening.cancelled() and self._opening.exception() is None:
            await self._opening.result().close()

    async def _connected(self, timeout_seconds: float) -> "_Connection":
        """The connection, opened for all who wait for it at once; so is its failure theirs."""
        if self._opening is None or _is_spent(self._opening):
            self._opening = asyncio.create_task(self._open(timeout_seconds))
            self._opening.add_done_callback(_is_spent)  # looks at the failure, even where everybody has stopped waiting
        return await asyncio.shield(self._opening)

    async def _open(self, timeout_seconds: float) -> "_Connection":
        async with asyncio.timeout(timeout_seconds):
            reader, writer = await asyncio.open_connection(
                self._address, self._port, ssl=self._context, server_hostname=self._hostname
            )
        return _Connection(reader, writer)


def _is_spent(opening: "asyncio.Task[_Connection]") -> bool:
    if not opening.done():
        return False
    return opening.cancelled() or opening.exception() is not None or not opening.result().usable


class _Connection:
    """An open connection. Answers come in any order, and find their query by its ID."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, tuple[Question, asyncio.Future[Answer]]] = {}
        self._last_id = 0
        self._messages_heard = 0
        self._is_silent = False
        self.has_answered = False
        self._reading = asyncio.create_task(self._read())

    @property
    def usable(self) -> bool:
        """Whether further queries may be sent."""
        return not self._reading.done() and not self._is_silent

    async def exchange(self, question: Question) -> Answer:
        """Sends the question under an ID that no other one under way has, and waits for its answer.

        Raises:
            EOFError: the connection was closed.
            NotADNSAnswerError: what came under the ID is no answer to the question.
        """
        if self._reading.done():
            raise EOFError
        message_id = self._unused_id()
        answered: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = question, answered
        wire = question.to_wire(message_id)
        self._writer.write(len(wire).to_bytes(2, "big") + wire)
        heard_before = self._messages_heard
        try:
            return await answered
        except asyncio.CancelledError:
            # Nothing at all came in all that time: the next query shall not go the same way.
            self._is_silent = self._is_silent or self._messages_heard == heard_before
            raise
        finally:
            del self._waiting[message_id]
            if self._is_silent and not self._waiting:
                self._writer.transport.abort()

    async def close(self) -> None:
        """Ends the connection at once; queries under way fail."""
        self._reading.cancel()
        await asyncio.wait({self._reading})

    def _unused_id(self) -> int:
        self._last_id = (self._last_id + 1) % _MOST_IDS
        while self._last_id in self._waiting:
            self._last_id = (self._last_id + 1) % _MOST_IDS
        return self._last_id

    async def _read(self) -> None:
        try:
            while self._deliver(await self._received()):
                pass
        except (OSError, EOFError):
            pass
        finally:
            self._writer.transport.abort()
            for _, answered in self._waiting.values():
                if not answered.done():
                    answered.set_exception(EOFError())

    async def _received(self) -> bytes:
        length = int.from_bytes(await self._reader.readexactly(2), "big")
        return await self._reader.readexactly(length)

    def _deliver(self, wire: bytes) -> bool:
        """Whether to go on reading: a server that talks while nobody has asked is not listened to."""
        self._messages_heard += 1
        message_id = int.from_bytes(wire[:2], "big")
        asked = self._waiting.get(message_id)
        if asked is None or asked[1].done():
            return bool(self._waiting)
        question, answered = asked
        self.has_answered = True
        try:
            answered.set_result(question.answer_in(wire, message_id))
        except NotADNSAnswerError as error:
            answered.set_exception(error)
        return True

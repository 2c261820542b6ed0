"""What is believed of the packets that arrive at a socket over which many questions are under way."""

import asyncio
import socket
from collections.abc import Iterator

import dns.message
import pytest

from sovereign_dns.clients.datagrams import Datagrams
from sovereign_dns.clients.question import Question
from tests.dns_servers import LOOPBACK, response

NAMES = [f"n{number}.t110.omani.works" for number in range(9)]
STRANGER = "49.12.16.160"


def address_of(name: str) -> str:
    return f"77.42.11.{NAMES.index(name)}"


class Server:
    """One that hears every question before the test lets it answer."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((LOOPBACK, 0))
        self.socket.setblocking(False)
        self.port: int = self.socket.getsockname()[1]

    async def heard(self) -> tuple[dns.message.Message, tuple[str, int]]:
        data, client = await asyncio.get_running_loop().sock_recvfrom(self.socket, 4096)
        return dns.message.from_wire(data), client


@pytest.fixture
def servers() -> Iterator[list[Server]]:
    made = [Server(), Server()]
    yield made
    for server in made:
        server.socket.close()


def right(query: dns.message.Message) -> dns.message.Message:
    name = query.question[0].name.to_text()
    return response(query, f"{name} 60 IN A {address_of(name.rstrip('.'))}")


def wrong(query: dns.message.Message) -> dns.message.Message:
    return response(query, f"{query.question[0].name} 60 IN A {STRANGER}")


async def test_each_question_gets_its_own_answer_in_whatever_order_they_come(servers: list[Server]) -> None:
    server = servers[0]
    datagrams = Datagrams(LOOPBACK, server.port)
    asking = [asyncio.create_task(datagrams.ask(Question(name, "A", 0), 5)) for name in NAMES]
    heard = [await server.heard() for _ in NAMES]
    assert len({query.id for query, _ in heard}) == len(NAMES)
    for query, client in reversed(heard):
        server.socket.sendto(right(query).to_wire(), client)

    assert [(await asked).values for asked in asking] == [[address_of(name)] for name in NAMES]


async def test_who_is_not_the_server_and_who_does_not_know_the_id_are_not_believed(servers: list[Server]) -> None:
    server, stranger = servers
    asking = asyncio.create_task(Datagrams(LOOPBACK, server.port).ask(Question(NAMES[1], "A", 0), 5))
    query, client = await server.heard()
    stranger.socket.sendto(wrong(query).to_wire(), client)
    guessed = wrong(query)
    guessed.id = query.id ^ 1
    server.socket.sendto(guessed.to_wire(), client)
    other = response(dns.message.make_query(NAMES[2], "A", id=query.id), f"{NAMES[1]}. 60 IN A {STRANGER}")
    server.socket.sendto(other.to_wire(), client)
    server.socket.sendto(right(query).to_wire()[:30], client)
    server.socket.sendto(right(query).to_wire(), client)

    assert (await asking).values == [address_of(NAMES[1])]


async def test_servers_that_are_asked_the_same_question_keep_their_own_words(servers: list[Server]) -> None:
    question = Question(NAMES[3], "A", 0)
    asking = [asyncio.create_task(Datagrams(LOOPBACK, server.port).ask(question, 5)) for server in servers]
    for server, answer in zip(servers, (right, wrong), strict=True):
        query, client = await server.heard()
        server.socket.sendto(answer(query).to_wire(), client)

    assert [(await asked).values for asked in asking] == [[address_of(NAMES[3])], [STRANGER]]

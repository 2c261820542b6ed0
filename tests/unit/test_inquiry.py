"""One inquiry's bounds: each question once, no more of them and no longer than allowed."""

import dns.message
import dns.name
import dns.rdatatype
import pytest

from sovereign_dns.clients import inquiry
from sovereign_dns.clients.authoritative import Server
from sovereign_dns.clients.inquiry import Heard, Inquiry, Silence, Useless
from tests.scripted_dns import ADDRESS, scripted

A = dns.rdatatype.A
NAMES = [dns.name.from_text(f"n{number}.test.") for number in range(6)]


def empty(query: dns.message.Message) -> bytes:
    return dns.message.make_response(query).to_wire()


async def test_each_question_is_asked_once() -> None:
    async with scripted(empty) as scripted_server, Inquiry((2.0,)) as asking:
        server = Server("ns", ADDRESS, scripted_server.port)
        heard = [await asking.heard(server, NAMES[0], A) for _ in range(3)]

    assert all(isinstance(item, Heard) for item in heard)
    assert scripted_server.asked == 1


async def test_no_more_questions_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "MOST_QUESTIONS", 4)
    async with scripted(empty) as scripted_server, Inquiry((2.0,)) as asking:
        server = Server("ns", ADDRESS, scripted_server.port)
        heard = [await asking.heard(server, name, A) for name in NAMES]

    assert scripted_server.asked == 4
    assert [type(item) for item in heard] == [Heard] * 4 + [Silence] * 2


async def test_no_longer_than_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inquiry, "LONGEST_SECONDS", 0.0)
    async with scripted(empty) as scripted_server, Inquiry((2.0,)) as asking:
        heard = await asking.heard(Server("ns", ADDRESS, scripted_server.port), NAMES[0], A)

    assert isinstance(heard, Silence)
    assert "not asked in time" in heard.reason
    assert scripted_server.asked == 0


async def test_others_are_asked_while_the_first_are_slow() -> None:
    async with scripted(lambda _: None) as slow, scripted(empty) as quick, Inquiry((30.0,)) as asking:
        servers = [Server("slow", f"127.0.0.{last}", slow.port) for last in (1, 2, 3)]
        found = await asking.first([*servers, Server("quick", ADDRESS, quick.port)], NAMES[0], A, lambda _: "found")

    assert found == "found"


async def test_without_a_useful_response_the_last_reason_is_told() -> None:
    async with scripted(empty) as scripted_server, Inquiry((2.0,)) as asking:
        server = Server("ns", ADDRESS, scripted_server.port)
        found = await asking.first([server], NAMES[0], A, lambda _: Useless("has nothing to say"))
        nobody = await asking.first([], NAMES[0], A, lambda _: "found")

    assert found == Useless("has nothing to say")
    assert isinstance(nobody, Useless)

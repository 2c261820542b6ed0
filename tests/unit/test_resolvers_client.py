"""How resolvers are asked by each protocol, and what is told of those that don't answer as they should."""

import asyncio
import ssl
from pathlib import Path

import dns.flags
import dns.message
import pytest
import trustme
from aiohttp import web

from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients import resolvers as clients
from sovereign_dns.clients.answers import STILL_TRUNCATED
from sovereign_dns.clients.resolvers import Resolvers
from tests.dns_servers import (
    LOOPBACK,
    HTTPAnswering,
    always,
    dns_over_https,
    dns_over_tls,
    do53,
    http_of,
    never,
    response,
)
from tests.http2_server import dns_over_http2
from tests.private_servers import HOSTNAME
from tests.unit.builders import FQDN, LOAD_BALANCER

NAME = f"console.{FQDN}"


def address_of(query: dns.message.Message) -> dns.message.Message:
    """The same answer for every name, so that each can be told from the others by its question."""
    return response(query, f"{query.question[0].name} 42 IN A {LOAD_BALANCER}")


RIGHT = always(address_of)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is never answered need not be waited for as long as in earnest."""
    monkeypatch.setattr(clients, "ATTEMPT_TIMEOUTS_SECONDS", (0.4, 0.8))
    monkeypatch.setattr(clients, "STREAM_TIMEOUTS_SECONDS", (1.2,))


async def ask(resolvers: Resolvers, *names: str, rrtype: str = "A") -> list[Answer]:
    """What the only resolver says."""
    (resolver,) = resolvers.resolvers
    return (await resolvers.ask_all({resolver: [(name, rrtype) for name in names]}))[resolver]


async def answer_at(place: str, ca_file: Path | None = None) -> Answer:
    async with Resolvers([place], ca_file=ca_file) as resolvers:
        (said,) = await ask(resolvers, NAME)
        return said


def is_right(answer: Answer) -> bool:
    return (answer.error, answer.rcode, answer.values, answer.ttl) == (None, "NOERROR", [LOAD_BALANCER], 42)


async def test_a_question_asks_for_recursion_and_for_the_word_on_validation() -> None:
    asked: list[dns.message.Message] = []

    def answer(query: dns.message.Message) -> dns.message.Message:
        asked.append(query)
        made = address_of(query)
        made.flags |= dns.flags.AD
        return made

    async with do53(always(answer)) as place:
        said = await answer_at(place)
    assert is_right(said)
    assert said.validated
    assert not said.bogus
    assert said.asked_at is not None
    assert said.latency_ms is not None
    (query,) = asked
    assert query.flags == dns.flags.RD | dns.flags.AD
    assert (query.edns, query.payload) == (0, 1232)


async def test_answers_come_in_the_order_of_the_questions_of_each_resolver(
    ca_file: Path, server_context: ssl.SSLContext
) -> None:
    names = [f"n{number}.{FQDN}" for number in range(30)]
    seen: list[int] = []
    all_asked = asyncio.Event()

    async def backwards(query: dns.message.Message) -> list[bytes]:
        """Nobody is answered before everybody has asked: so the questions are in flight together."""
        seen.append(query.id)
        if len(seen) == 3 * len(names):
            all_asked.set()
        await all_asked.wait()
        return [address_of(query).to_wire()]

    async with (
        do53(backwards) as plain,
        dns_over_tls(backwards, server_context) as tls,
        dns_over_https(http_of(backwards), server_context) as url,
        Resolvers([plain, f"tls://{tls}", url], ca_file=ca_file) as resolvers,
    ):
        questions = {resolver: [(name, "A") for name in names] for resolver in reversed(resolvers.resolvers)}
        said = await resolvers.ask_all(questions)
    assert [resolver.label for resolver in said] == [url, f"tls://{tls}", plain]
    for answers in said.values():
        assert [answer.name for answer in answers] == names
        assert all(is_right(answer) for answer in answers)


async def test_a_truncated_answer_is_asked_for_over_tcp() -> None:
    def cut(query: dns.message.Message) -> dns.message.Message:
        made = response(query)
        made.flags |= dns.flags.TC
        return made

    async with do53(always(cut), over_tcp=RIGHT) as place:
        assert is_right(await answer_at(place))
    async with do53(always(cut), over_tcp=always(cut)) as place:
        assert (await answer_at(place)).error == STILL_TRUNCATED
    async with do53(always(cut)) as place:
        assert (await answer_at(place)).error == "nothing listens there (connection refused)"


async def test_a_lost_packet_is_no_outage(impatient: None) -> None:
    asked: list[int] = []

    async def loses_the_first(query: dns.message.Message) -> list[bytes]:
        asked.append(query.id)
        return [] if len(asked) == 1 else [address_of(query).to_wire()]

    async with do53(loses_the_first) as place:
        assert is_right(await answer_at(place))
    assert len(asked) == 2


async def test_a_resolver_that_never_answers_holds_up_no_other(impatient: None) -> None:
    asked = asyncio.Event()
    async with do53(never(asked)) as silent, do53(RIGHT) as lively, Resolvers([silent, lively]) as resolvers:
        first, second = resolvers.resolvers
        said = await resolvers.ask_all({first: [(NAME, "A"), (NAME, "AAAA")], second: [(NAME, "A")]})
    assert asked.is_set()
    assert [(answer.error, answer.type) for answer in said[first]] == [
        ("no answer within 1.2 s", "A"),
        ("no answer within 1.2 s", "AAAA"),
    ]
    assert is_right(said[second][0])


async def test_an_answer_to_another_question_is_waited_past() -> None:
    async def spoofed_first(query: dns.message.Message) -> list[bytes]:
        other = address_of(query)
        other.id ^= 1
        return [b"", b"\x00" * 12, other.to_wire(), address_of(query).to_wire()]

    async with do53(spoofed_first) as place:
        assert is_right(await answer_at(place))


async def test_no_resolver_and_no_question_are_fine() -> None:
    async with Resolvers([]) as resolvers:
        assert resolvers.resolvers == ()
        assert await resolvers.ask_all({}) == {}
    async with Resolvers([LOOPBACK]) as resolvers:
        assert await resolvers.ask_all({resolvers.resolvers[0]: []}) == {resolvers.resolvers[0]: []}


class Validator:
    """Answers SERVFAIL while it checks, as often as it is told to; unchecked it answers what it is told to."""

    def __init__(self, unchecked: str, failures: int) -> None:
        self.asked: list[str] = []
        self._unchecked = unchecked
        self._failures = failures

    async def __call__(self, query: dns.message.Message) -> list[bytes]:
        checking_disabled = bool(query.flags & dns.flags.CD)
        self.asked.append("CD" if checking_disabled else "AD")
        if checking_disabled and self._unchecked != "NOERROR":
            return [response(query, rcode=self._unchecked).to_wire()]
        if not checking_disabled and self._failures >= self.asked.count("AD"):
            return [response(query, rcode="SERVFAIL").to_wire()]
        return [address_of(query).to_wire()]


@pytest.mark.parametrize(
    ("unchecked", "failures", "rcode", "bogus", "asked"),
    [
        ("NOERROR", 9, "SERVFAIL", True, ["AD", "CD", "AD"]),
        ("NXDOMAIN", 9, "SERVFAIL", True, ["AD", "CD", "AD"]),
        ("NOERROR", 1, "NOERROR", False, ["AD", "CD", "AD"]),  # the servers came back just then
        ("SERVFAIL", 9, "SERVFAIL", False, ["AD", "CD"]),
        ("REFUSED", 9, "SERVFAIL", False, ["AD", "CD"]),
        ("NOERROR", 0, "NOERROR", False, ["AD"]),
    ],
)
async def test_bogus_is_what_fails_only_where_it_is_checked(
    unchecked: str, failures: int, rcode: str, bogus: bool, asked: list[str]
) -> None:
    validator = Validator(unchecked, failures)
    async with do53(validator) as place:
        said = await answer_at(place)
    assert (said.rcode, said.bogus, validator.asked) == (rcode, bogus, asked)
    assert said.values == ([LOAD_BALANCER] if rcode == "NOERROR" else [])


async def test_questions_over_tls_share_a_connection_and_overtake_each_other(
    ca_file: Path, server_context: ssl.SSLContext
) -> None:
    names = [f"n{number}.{FQDN}" for number in range(20)]
    waiting: list[tuple[dns.message.Message, asyncio.Future[None]]] = []

    async def last_comes_first(query: dns.message.Message) -> list[bytes]:
        released = asyncio.get_running_loop().create_future()
        waiting.append((query, released))
        if len(waiting) == len(names):
            waiting[-1][1].set_result(None)
        await released
        if before := [f for _, f in waiting if not f.done()]:
            before[-1].set_result(None)
        return [address_of(query).to_wire()]

    connections: list[int] = []
    async with (
        dns_over_tls(last_comes_first, server_context, connections=connections) as place,
        Resolvers([f"tls://{place}"], ca_file=ca_file) as resolvers,
    ):
        assert all(is_right(answer) for answer in await ask(resolvers, *names))
    assert len(connections) == 1
    assert len({query.id for query, _ in waiting}) == len(names)


async def test_a_connection_that_the_server_closes_is_opened_again(
    ca_file: Path, server_context: ssl.SSLContext
) -> None:
    connections: list[int] = []
    async with (
        dns_over_tls(RIGHT, server_context, most_answers=1, connections=connections) as place,
        Resolvers([f"tls://{place}"], ca_file=ca_file) as resolvers,
    ):
        assert all(is_right(answer) for answer in await ask(resolvers, NAME, f"a.{FQDN}", f"b.{FQDN}"))
        assert is_right((await ask(resolvers, NAME))[0])
    assert len(connections) == 4


async def test_a_connection_on_which_nothing_comes_is_not_used_again(
    ca_file: Path, server_context: ssl.SSLContext, impatient: None
) -> None:
    connections: list[int] = []

    async def only_the_second_connection_answers(query: dns.message.Message) -> list[bytes]:
        return [address_of(query).to_wire()] if len(connections) == 2 else []

    async with (
        dns_over_tls(only_the_second_connection_answers, server_context, connections=connections) as place,
        Resolvers([f"tls://{place}"], ca_file=ca_file) as resolvers,
    ):
        said = await ask(resolvers, NAME, f"a.{FQDN}")
        assert {answer.error for answer in said} == {"no answer within 1.2 s"}
        assert is_right((await ask(resolvers, NAME))[0])


@pytest.mark.parametrize("hostname", ["", f"#{LOOPBACK}", f"#{HOSTNAME}"])
async def test_the_certificate_is_for_the_hostname_or_the_address(
    ca_file: Path, server_context: ssl.SSLContext, hostname: str
) -> None:
    async with dns_over_tls(RIGHT, server_context) as place:
        assert is_right(await answer_at(f"tls://{place}{hostname}", ca_file))


async def test_another_ones_certificate_is_not_trusted(ca_file: Path, server_context: ssl.SSLContext) -> None:
    async with dns_over_tls(RIGHT, server_context) as place:
        for hostname in ("other.example", "127.0.0.2"):
            said = await answer_at(f"tls://{place}#{hostname}", ca_file)
            assert said.values == []
            assert (said.error or "").startswith("its TLS certificate can't be trusted:")
            assert hostname in (said.error or "")


async def test_a_certificate_of_an_unknown_authority_is_not_trusted(server_context: ssl.SSLContext) -> None:
    async with (
        dns_over_tls(RIGHT, server_context) as place,
        dns_over_https(http_of(RIGHT), server_context) as url,
    ):
        for where in (f"tls://{place}", url):
            said = await answer_at(where)
            assert said.values == []
            assert (said.error or "").startswith("its TLS certificate can't be trusted:")


@pytest.mark.parametrize(
    ("packet", "told"),
    [
        (b"\xff" * 40, "malformed DNS message"),
        (b"\x00" * 9, "malformed DNS message"),
        (b"\x00" * 10, "answers another query"),
    ],
)
async def test_octets_that_are_no_answer_are_told_as_that(
    ca_file: Path, server_context: ssl.SSLContext, packet: bytes, told: str
) -> None:
    async def answering(query: dns.message.Message) -> list[bytes]:
        return [query.id.to_bytes(2, "big") + packet]

    async with (
        dns_over_tls(answering, server_context) as place,
        dns_over_https(http_of(answering), server_context) as url,
    ):
        for where in (f"tls://{place}", url):
            assert told in ((await answer_at(where, ca_file)).error or "")


async def test_answers_that_nobody_asked_for_are_passed_over(ca_file: Path, server_context: ssl.SSLContext) -> None:
    async def answering(query: dns.message.Message) -> list[bytes]:
        other = address_of(query)
        other.id ^= 0x8000
        return [b"", b"\x00", other.to_wire(), address_of(query).to_wire(), address_of(query).to_wire()]

    async with (
        dns_over_tls(answering, server_context) as place,
        Resolvers([f"tls://{place}"], ca_file=ca_file) as resolvers,
    ):
        for _ in range(3):
            assert is_right((await ask(resolvers, NAME))[0])


async def test_a_server_that_speaks_no_tls_is_told(ca_file: Path, impatient: None) -> None:
    async with do53(RIGHT, over_tcp=RIGHT) as place:
        for where in (f"tls://{place}", f"https://{place}/dns-query"):
            said = await answer_at(where, ca_file)
            assert said.values == []
            assert said.error


async def test_nobody_listening_is_told_alike_by_every_protocol(ca_file: Path) -> None:
    async with do53(RIGHT) as place:
        pass
    for where in (f"tls://{place}", f"https://{place}/dns-query"):
        assert (await answer_at(where, ca_file)).error == "nothing listens there (connection refused)"


def http(
    status: int = 200, body: bytes = b"", content_type: str = "application/dns-message", **headers: str
) -> HTTPAnswering:
    async def answering(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type=content_type, headers=headers)

    return answering


@pytest.mark.parametrize(
    ("answering", "told"),
    [
        (http(status=500), "HTTP status 500"),
        (http(status=403), "HTTP status 403"),
        (http(status=302, Location="https://127.0.0.1:1/"), "HTTP status 302"),
        (http(body=b"<html>", content_type="text/html"), "HTTP content of type text/html"),
        (http(body=b"\x00" * 70_000), "longer than any DNS message"),
        (http(), "malformed DNS message"),
    ],
)
async def test_http_that_is_no_dns_answer_is_told_as_that(
    ca_file: Path, server_context: ssl.SSLContext, answering: HTTPAnswering, told: str
) -> None:
    async with dns_over_https(answering, server_context) as url:
        said = await answer_at(url, ca_file)
    assert said.rcode is None
    assert told in (said.error or "")


async def test_a_response_from_an_http_cache_has_aged(ca_file: Path, server_context: ssl.SSLContext) -> None:
    async with dns_over_https(http_of(RIGHT, Age="40"), server_context) as url:
        assert (await answer_at(url, ca_file)).ttl == 2
    async with dns_over_https(http_of(RIGHT, Age="a while"), server_context) as url:
        assert is_right(await answer_at(url, ca_file))


async def test_questions_over_https_share_a_connection_where_the_server_speaks_http2(
    authority: trustme.CA, ca_file: Path
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(LOOPBACK).configure_cert(context)
    names = [f"n{number}.{FQDN}" for number in range(30)]
    asked: list[int] = []
    all_asked = asyncio.Event()

    async def after_the_last_question(query: dns.message.Message) -> list[bytes]:
        asked.append(query.id)
        if len(asked) >= len(names):
            all_asked.set()
        await all_asked.wait()
        return [address_of(query).to_wire()]

    connections: list[int] = []
    async with (
        dns_over_http2(after_the_last_question, context, connections) as url,
        Resolvers([url], ca_file=ca_file) as resolvers,
    ):
        assert all(is_right(answer) for answer in await ask(resolvers, *names))
        assert all(is_right(answer) for answer in await ask(resolvers, *names))
    assert len(connections) == 1
    assert set(asked) == {0}, "RFC 8484 §4.1"


async def test_a_silent_http2_connection_is_not_used_again(
    authority: trustme.CA, ca_file: Path, impatient: None
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert(LOOPBACK).configure_cert(context)
    connections: list[int] = []

    async def only_later_connections_answer(query: dns.message.Message) -> list[bytes]:
        if len(connections) == 1:
            await asyncio.Event().wait()
        return [address_of(query).to_wire()]

    async with (
        dns_over_http2(only_later_connections_answer, context, connections) as url,
        Resolvers([url], ca_file=ca_file) as resolvers,
    ):
        said = await ask(resolvers, NAME, f"a.{FQDN}")
        assert {answer.error for answer in said} == {"no answer within 1.2 s"}
        assert is_right((await ask(resolvers, NAME))[0])


async def test_https_that_never_answers_or_never_ends_is_left(
    ca_file: Path, server_context: ssl.SSLContext, impatient: None
) -> None:
    left = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        await left.wait()
        return web.Response()

    async def dripping(request: web.Request) -> web.StreamResponse:
        drops = web.StreamResponse(headers={"Content-Type": "application/dns-message"})
        await drops.prepare(request)
        while not left.is_set():
            await drops.write(b"\x00")
            await asyncio.sleep(0.05)
        return drops

    async with dns_over_https(silent, server_context) as first, dns_over_https(dripping, server_context) as second:
        for url in (first, second):
            assert (await answer_at(url, ca_file)).error == "no answer within 1.2 s"
        left.set()


def test_a_place_that_is_none_and_a_file_without_certificates_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="names no IP address"):
        Resolvers(["dns.google"])
    with pytest.raises(OSError, match="No such file"):
        Resolvers(["tls://127.0.0.1"], ca_file=tmp_path / "none.pem")

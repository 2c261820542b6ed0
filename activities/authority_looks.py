"""One look at the authoritative servers of a zone: what each of their addresses says."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sovereign_dns import names
from sovereign_dns.answer_verdicts import PROBE_PREFIX, Answer
from sovereign_dns.clients.authoritative import AuthoritativeServers, Server, Unresolved
from sovereign_dns.contract import ServerVerdict
from sovereign_dns.messages import ServedZone


@dataclass(frozen=True)
class SaidOfZone:
    """What each server said, in the order of the questions, and the verdicts on those that can't be asked."""

    by_server: dict[Server, list[Answer]]
    silent: list[ServerVerdict]


async def ask_zone(
    authoritative: AuthoritativeServers,
    zone: ServedZone,
    questions: Sequence[tuple[str, str]],
    *,
    written: Mapping[str, Sequence[str]] | None = None,
) -> SaidOfZone:
    """Asks every address of every server of the zone each question (name, type).

    `written` are the addresses that it holds by name, for name servers that can't be looked up yet.
    """
    servers, unresolved = await authoritative.of_zone(zone.nameservers, written)
    said = countable(await authoritative.ask_all(servers, questions))
    silent = [_unreachable(server) for server in unresolved]
    return SaidOfZone(by_server=said, silent=silent if said or silent else [_nobody_to_ask(zone)])


def countable(answers: dict[Server, list[Answer]]) -> dict[Server, list[Answer]]:
    """Without the addresses that this machine has no route to (IPv6, mostly), as long as the name server has others."""
    routable = {server for server, said in answers.items() if not all(answer.unroutable for answer in said)}
    reached = {server.name_server for server in routable}
    return {server: said for server, said in answers.items() if server in routable or server.name_server not in reached}


def random_name_below(base: str) -> str:
    """Random, so that no cache and no record can know it.

    Where the base is long, as many random digits as DNS has room for; then without the prefix by which such a name is
    known; and where nothing fits below the base, there is no such name: the base itself.
    """
    room = names.MAX_NAME_OCTETS - len(f".{base}")
    prefix = PROBE_PREFIX if room > len(PROBE_PREFIX) else ""
    label = f"{prefix}{secrets.token_hex(6)}"[: max(0, room)]
    return f"{label}.{base}" if label else base


def _nobody_to_ask(zone: ServedZone) -> ServerVerdict:
    return ServerVerdict(
        server=f"name servers of {zone.zone}",
        kind="authoritative",
        state="unreachable",
        detail=(
            f"zone {zone.zone} is not hosted in PowerDNS, or has no NS records at its apex, so nobody can be asked"
        ),
    )


def _unreachable(server: Unresolved) -> ServerVerdict:
    return ServerVerdict(server=server.label, kind="authoritative", state="unreachable", detail=server.reason)

"""The rules: what must never have happened, and what must be so in the end."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.chaos.checker.ledger import Asked, Ledger
from tests.chaos.checker.update_log import Update
from tests.chaos.checker.world import ADDRESS_TYPES, HeldRRset, SeenWorld

CLOCK_SLACK_SECONDS = 0.05
"""Between the moment of an event and its note, all on one machine's clock."""


@dataclass(frozen=True)
class Answered:
    """One address that a DNS server gave for a name. `at` in seconds since the epoch."""

    at: float
    name: str
    address: str


@dataclass(frozen=True)
class Violation:
    """A rule that was broken, and how: for a person."""

    rule: str
    told: str


def check(ledger: Ledger, updates: Sequence[Update], answered: Iterable[Answered], world: SeenWorld) -> list[Violation]:
    """Every violation that there is."""
    known = _Names(ledger)
    return [
        *_all_ended(ledger),
        *_foreign_untouched(ledger, updates, world),
        *_written_as_asked(known, updates),
        *_answered_as_asked(known, answered),
        *_ends_as_asked(ledger, world),
        *_nothing_left_over(ledger, known, world),
    ]


class _Names:
    """Whose a name is, and what was asked for it."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._holder = {
            name: fqdn
            for fqdn, requests in ledger.asked.items()
            for request in requests
            if request.accepted
            for name in request.names
        }
        self.planted = {(rrset.name, rrset.type) for rrset in ledger.planted}
        self.planted_values = {value for rrset in ledger.planted for value in rrset.values}

    def requests(self, name: str) -> list[Asked] | None:
        """Those that were accepted for the Sovereign that this name is of; None where it is nobody's."""
        fqdn = self._holder.get(name)
        if fqdn is None:
            return None
        return [request for request in self._ledger.asked[fqdn] if request.accepted]


def _all_ended(ledger: Ledger) -> Iterator[Violation]:
    for request in ledger.requests:
        if request.outcome != request.expected:
            ended = "has not ended" if request.outcome is None else f"ended as {request.outcome}"
            yield Violation("every request ends as it must", f"{_title(request)} {ended}, not as {request.expected}")


def _foreign_untouched(ledger: Ledger, updates: Sequence[Update], world: SeenWorld) -> Iterator[Violation]:
    rule = "no foreign rrset changes"
    planted = {(rrset.name, rrset.type): rrset for rrset in ledger.planted}
    for update in updates:
        if (update.name, update.type) in planted:
            yield Violation(rule, f"{update.content} was {update.change} at {update.name} {update.type}")
    held = {(rrset.zone, rrset.name, rrset.type): rrset.values for rrset in world.rrsets}
    for rrset in planted.values():
        now = held.get((rrset.zone, rrset.name, rrset.type), ())
        if now != tuple(sorted(rrset.values)):
            yield Violation(rule, f"{rrset.name} {rrset.type} is {list(now)}; it was {sorted(rrset.values)}")


def _written_as_asked(known: _Names, updates: Sequence[Update]) -> Iterator[Violation]:
    """Only what was asked for, and never a request's value once a later one's was written, or after its own end."""
    latest: dict[tuple[str, str], int] = {}
    for update in updates:
        if (
            update.change != "written"
            or update.type not in ADDRESS_TYPES
            or (update.name, update.type) in known.planted
        ):
            continue
        requests = known.requests(update.name)
        if requests is None:
            yield Violation("nothing is written at a name that nobody asked for", _of(update))
            continue
        asker = next((request for request in requests if request.address and request.address == update.content), None)
        if asker is None or update.at < asker.sent_at - CLOCK_SLACK_SECONDS:
            yield Violation("no address that nobody asked for is written", _of(update))
            continue
        if asker.ended_at is not None and update.at > asker.ended_at + CLOCK_SLACK_SECONDS:
            yield Violation("nothing is written for a request that has ended", f"{_of(update)}, {_title(asker)}")
        place = (update.name, update.type)
        if asker.number < latest.get(place, -1):
            yield Violation("an older request's value never replaces a newer one's", f"{_of(update)}, {_title(asker)}")
        latest[place] = max(asker.number, latest.get(place, -1))


def _answered_as_asked(known: _Names, answered: Iterable[Answered]) -> Iterator[Violation]:
    rule = "no address that nobody asked for is served"
    for answer in answered:
        requests = known.requests(answer.name)
        if requests is None:
            continue
        allowed = _allowed_at(answer.at, requests)
        if answer.address in allowed:
            continue
        settled = _settled_at(answer.at, requests)
        if settled is None and answer.address in known.planted_values:
            continue  # a wildcard that stood there before answers as long as nothing else does
        yield Violation(rule, f"{answer.name} was {answer.address} at {answer.at:.3f}; asked for: {sorted(allowed)}")


def _settled_at(at: float, requests: Sequence[Asked]) -> Asked | None:
    """The provisioning that was complete, and after which nothing else was asked for."""
    last = next((request for request in reversed(requests) if request.sent_at <= at + CLOCK_SLACK_SECONDS), None)
    if last is None or last.kind != "provision" or last.outcome != "complete":
        return None
    return last if last.ended_at is not None and at > last.ended_at else None


def _allowed_at(at: float, requests: Sequence[Asked]) -> set[str]:
    settled = _settled_at(at, requests)
    if settled is not None:
        return {settled.address}
    return {request.address for request in requests if request.sent_at <= at + CLOCK_SLACK_SECONDS}


def _ends_as_asked(ledger: Ledger, world: SeenWorld) -> Iterator[Violation]:
    rule = "each Sovereign ends in the state of its last accepted request"
    for requests in ledger.asked.values():
        accepted = [request for request in requests if request.accepted]
        if not accepted:
            continue
        last = accepted[-1]
        found = _provisioned(last, world) if last.kind == "provision" else _gone(last, world)
        yield from (Violation(rule, f"{_title(last)}: {told}") for told in found)


def _provisioned(last: Asked, world: SeenWorld) -> Iterator[str]:
    held: dict[str, list[HeldRRset]] = {}
    for rrset in world.rrsets:
        if rrset.type in ADDRESS_TYPES:
            held.setdefault(rrset.name, []).append(rrset)
    owner = f"sovereign={last.fqdn} deployment={last.deployment}"
    for name in last.names:
        rrsets = held.get(name, [])
        if [(rrset.type, rrset.values) for rrset in rrsets] != [("A", (last.address,))]:
            yield f"{name} holds {[(rrset.zone, rrset.type, rrset.values) for rrset in rrsets]}, not A {last.address}"
            continue
        of_pdm = last.pool and rrsets[0].ttl != last.ttl
        comments = world.comments.get((rrsets[0].zone, name, "A"), [])
        if not of_pdm and not any(comment.startswith(owner) for comment in comments):
            yield f"{name} A does not say that it is of {owner}, but {comments}"
        if not name.startswith("*") and world.answers.get(name) != [last.address]:
            yield f"{name} is answered with {world.answers.get(name)}, not {last.address}"
    for host in last.hosts:
        certificate = world.certificates.get(f"{host}-wildcard-tls")
        if certificate != sorted([host, f"*.{host}"]):
            yield f"the Certificate of {host} names {certificate}"
    yield from _held_by_pdm(last, world)


def _held_by_pdm(last: Asked, world: SeenWorld) -> Iterator[str]:
    if last.pool:
        rows = [(row.state, row.fqdn) for row in world.pool_rows if f"{row.subdomain}.{row.pool}" == last.fqdn]
        if rows != [("active", last.fqdn)]:  # PDM has no call that changes an active name's address
            yield f"PDM's row of it is {rows}"


def _gone(last: Asked, world: SeenWorld) -> Iterator[str]:
    for rrset in world.rrsets:
        if rrset.name in last.names:
            yield f"{rrset.name} {rrset.type} still holds {rrset.values} in {rrset.zone}"
    for host in last.hosts:
        if f"{host}-wildcard-tls" in world.certificates:
            yield f"the Certificate of {host} is still there"
    if last.pool and any(f"{row.subdomain}.{row.pool}" == last.fqdn for row in world.pool_rows):
        yield "PDM still has its row"


def _nothing_left_over(ledger: Ledger, known: _Names, world: SeenWorld) -> Iterator[Violation]:
    rule = "nothing is left over"
    last = (next((one for one in reversed(requests) if one.accepted), None) for requests in ledger.asked.values())
    living = {
        request.fqdn if request.pool else request.zone for request in last if request and request.kind == "provision"
    }
    for zone in sorted(world.zones - set(ledger.zones) - living):
        yield Violation(rule, f"zone {zone} is there, and nobody needs it")
    for rrset in world.rrsets:
        if (
            rrset.type in ADDRESS_TYPES
            and (rrset.name, rrset.type) not in known.planted
            and known.requests(rrset.name) is None
        ):
            yield Violation(rule, f"{rrset.name} {rrset.type} {rrset.values} in {rrset.zone} is nobody's")


def _of(update: Update) -> str:
    return f"{update.name} {update.type} {update.content} (update {update.number}, {update.at:.3f}, zone {update.zone})"


def _title(request: Asked) -> str:
    return f"{request.kind} {request.number} of {request.fqdn}"

"""What a registry, or a cache, does in its own time needs nobody, and is no stall; anything else is."""

from datetime import UTC, datetime, timedelta

import pytest

from sovereign_dns.contract import AnswerEvidence, Outcome, ServerKind, ServerVerdict, StepStatus, VerificationResult
from sovereign_dns.progress import Progress
from sovereign_dns.registry_wait import owed_by_time
from tests.unit.builders import FQDN

START = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOMES = "omani.homes"
UNTIL = START + timedelta(days=2)


def server(
    kind: ServerKind,
    state: Outcome,
    *,
    ns: tuple[Outcome, list[str]] | None = None,
    until: datetime | None = None,
    name: str = "s",
) -> ServerVerdict:
    answers = [AnswerEvidence(name=f"{HOMES}.", type="NS", state=ns[0], values=ns[1])] if ns else []
    return ServerVerdict(server=name, kind=kind, state=state, detail="", answers=answers, until=until)


def picture(*servers: ServerVerdict) -> VerificationResult:
    return VerificationResult(servers=list(servers))


AUTHORITY = server("authoritative", "converged")
NO_DELEGATION = server("parent", "missing", ns=("missing", []))
FORMER_DELEGATION = server("parent", "misdirected", ns=("misdirected", ["ns.former.net"]))
SILENT = server("parent", "unreachable", ns=("unreachable", []))
OLD_ANSWER = server("resolver", "misdirected", until=START + MINUTE)


@pytest.mark.parametrize(
    ("servers", "owed"),
    [
        ([AUTHORITY, NO_DELEGATION], "the registry doesn't lead"),
        ([AUTHORITY, FORMER_DELEGATION, SILENT], "the registry doesn't lead"),
        ([AUTHORITY, OLD_ANSWER], "until 2026-05-15 10:01:00 UTC"),
        ([AUTHORITY], None),
        ([AUTHORITY, SILENT], None),
        ([server("authoritative", "missing"), NO_DELEGATION], None),
        ([AUTHORITY, server("parent", "missing", ns=("missing", ["ns1.openova.io"]))], None),
        ([AUTHORITY, server("parent", "missing", ns=("converged", ["ns1.openova.io"]))], None),
        ([AUTHORITY, server("parent", "bogus", ns=("missing", []))], None),
        ([AUTHORITY, server("resolver", "bogus")], None),
        ([AUTHORITY, OLD_ANSWER, server("resolver", "refused")], None),
    ],
)
def test_only_what_time_alone_brings_is_owed_by_time(servers: list[ServerVerdict], owed: str | None) -> None:
    told = owed_by_time(picture(*servers))
    assert owed in told if owed and told else told is owed


@pytest.fixture
def progress() -> Progress:
    """The proof and a Certificate under way, both of which may wait for the registry."""
    fresh = Progress("provisioning", FQDN, "d1")
    for step in ("dns-verify", "certificate-ready"):
        fresh.expect(step, HOMES)
        fresh.wait_for_registry(step, HOMES, UNTIL)
        fresh.start(step, HOMES, START)
    return fresh


def states(progress: Progress) -> list[tuple[bool, str | None]]:
    return [(step.stalled, step.waits_for) for step in progress.snapshot().steps]


def test_what_waits_for_the_registry_is_not_stalled_and_says_until_when(progress: Progress) -> None:
    progress.see_verification(HOMES, picture(AUTHORITY, NO_DELEGATION), START)
    assert progress.next_stall() is None
    progress.mark_stalled(START + timedelta(hours=30))
    told = "the registry doesn't lead to the expected name servers yet; waited for until 2026-05-17 10:00 UTC"
    assert states(progress) == [(False, told)] * 2
    assert progress.phase == "provisioning"


def test_a_step_that_was_stalled_already_is_so_no_longer(progress: Progress) -> None:
    progress.mark_stalled(START + 3 * MINUTE)
    assert all(stalled for stalled, _ in states(progress))
    progress.see_verification(HOMES, picture(AUTHORITY, FORMER_DELEGATION), START + 4 * MINUTE)
    assert not any(stalled for stalled, _ in states(progress))
    assert progress.phase == "provisioning"


def test_when_a_person_is_needed_the_time_to_stall_begins(progress: Progress) -> None:
    progress.see_verification(HOMES, picture(AUTHORITY, NO_DELEGATION), START)
    delegated_without_ds = server("parent", "missing", ns=("converged", ["ns1.openova.io"]))
    hours_later = START + timedelta(hours=5)
    progress.see_verification(HOMES, picture(AUTHORITY, delegated_without_ds), hours_later)
    assert states(progress) == [(False, None)] * 2
    assert progress.next_stall() == hours_later + 2 * MINUTE
    progress.mark_stalled(hours_later + 2 * MINUTE)
    assert progress.phase == "stalled"


def test_a_certificate_has_its_time_from_when_the_proof_is_there(progress: Progress) -> None:
    progress.see_verification(HOMES, picture(AUTHORITY, NO_DELEGATION), START)
    hours_later = START + timedelta(hours=5)
    progress.finish("dns-verify", HOMES, hours_later, "proved")
    assert states(progress) == [(False, None)] * 2
    assert progress.next_stall() == hours_later + 2 * MINUTE


def test_a_run_that_may_not_wait_stalls_as_ever() -> None:
    progress = Progress("provisioning", FQDN, "d1")
    progress.expect("dns-verify", HOMES)
    progress.start("dns-verify", HOMES, START)
    progress.see_verification(HOMES, picture(AUTHORITY, NO_DELEGATION), START)
    assert progress.next_stall() == START + 2 * MINUTE


def test_what_another_run_has_done_stands_before_what_is_left() -> None:
    progress = Progress("provisioning", FQDN, "d1")
    progress.expect("nameservers-set", HOMES, waits_for="the run sovereign/x")
    progress.expect("dns-verify", HOMES)
    done = Progress("provisioning", FQDN, "d1")
    for step in ("zone-create", "dns-verify"):
        done.expect(step, HOMES)
        done.finish(step, HOMES, START, "as it should be")
    progress.take_over(done.snapshot())
    assert progress.snapshot().steps == [
        StepStatus(step="zone-create", domain=HOMES, state="done", outcome="as it should be", finished_at=START),
        StepStatus(step="nameservers-set", domain=HOMES, waits_for="the run sovereign/x"),
        StepStatus(step="dns-verify", domain=HOMES),
    ]

"""How far a provisioning has come: steps, the stalled phase and back, and what becomes the result."""

from datetime import UTC, datetime, timedelta

import pytest

from sovereign_dns.contract import (
    CertificateSpec,
    CertificateStatus,
    Hazard,
    PoolNameChange,
    ProvisionResult,
    RecordChange,
    ServerVerdict,
    StepStatus,
    VerificationResult,
    ZoneChange,
)
from sovereign_dns.progress import Progress
from tests.unit.builders import FQDN, LOAD_BALANCER, STRANGER

START = datetime(2026, 5, 15, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
WORKS, HOMES = "omani.works", "omani.homes"


@pytest.fixture
def progress() -> Progress:
    """Two parent domains with one step each, neither started."""
    fresh = Progress("provisioning", FQDN, "fe09897a1b6b3c1d")
    for domain in (WORKS, HOMES):
        fresh.expect("zone-create", domain)
    return fresh


def test_at_first_everything_is_pending(progress: Progress) -> None:
    now = progress.snapshot()
    assert (now.deployment_id, now.sovereign_fqdn, now.phase) == ("fe09897a1b6b3c1d", FQDN, "provisioning")
    assert [(step.domain, step.state, step.started_at) for step in now.steps] == [
        (WORKS, "pending", None),
        (HOMES, "pending", None),
    ]
    assert progress.domains_of("zone-create") == [WORKS, HOMES]
    assert progress.domains_of("dns-verify") == []


@pytest.mark.parametrize(("end", "state"), [("finish", "done"), ("skip", "skipped"), ("fail", "failed")])
def test_a_step_starts_and_ends_with_its_times_and_outcome(progress: Progress, end: str, state: str) -> None:
    progress.start("zone-create", WORKS, START)
    running = progress.status_of("zone-create", WORKS)
    assert (running.state, running.started_at, running.finished_at) == ("running", START, None)
    getattr(progress, end)("zone-create", WORKS, START + MINUTE, "what came of it")
    ended = progress.status_of("zone-create", WORKS)
    assert (ended.state, ended.outcome, ended.finished_at) == (state, "what came of it", START + MINUTE)
    assert progress.is_settled("zone-create", WORKS)


def test_a_step_is_settled_for_all_domains_only_when_it_is_for_each(progress: Progress) -> None:
    assert not progress.is_settled("zone-create")
    progress.start("zone-create", WORKS, START)
    progress.finish("zone-create", WORKS, START, "created")
    assert progress.is_settled("zone-create", WORKS)
    assert not progress.is_settled("zone-create", HOMES)
    assert not progress.is_settled("zone-create")
    progress.skip("zone-create", HOMES, START, "not needed")
    assert progress.is_settled("zone-create")


def test_a_step_that_nobody_expects_is_not_settled_and_unknown(progress: Progress) -> None:
    assert not progress.is_settled("dns-verify")
    assert not progress.is_settled("zone-create", "example.com")
    with pytest.raises(KeyError):
        progress.status_of("dns-verify", WORKS)


def test_after_two_minutes_without_success_the_phase_is_stalled_and_says_which_step(progress: Progress) -> None:
    progress.start("zone-create", WORKS, START)
    assert progress.next_stall() == START + 2 * MINUTE
    progress.mark_stalled(START + 2 * MINUTE - timedelta(seconds=1))
    assert progress.phase == "provisioning"
    progress.mark_stalled(START + 2 * MINUTE)
    assert progress.phase == progress.snapshot().phase == "stalled"
    assert [step.domain for step in progress.snapshot().steps if step.stalled] == [WORKS]
    assert progress.status_of("zone-create", WORKS).started_at == START


@pytest.mark.parametrize("end", ["finish", "skip", "fail"])
def test_a_stalled_step_that_ends_brings_the_phase_back_by_itself(progress: Progress, end: str) -> None:
    progress.start("zone-create", WORKS, START)
    progress.mark_stalled(START + 3 * MINUTE)
    getattr(progress, end)("zone-create", WORKS, START + 4 * MINUTE, "at last")
    assert progress.phase == "provisioning"
    assert not progress.status_of("zone-create", WORKS).stalled


def test_it_stays_stalled_while_another_step_is(progress: Progress) -> None:
    for domain in (WORKS, HOMES):
        progress.start("zone-create", domain, START)
    progress.mark_stalled(START + 3 * MINUTE)
    progress.finish("zone-create", WORKS, START + 4 * MINUTE, "at last")
    assert progress.phase == "stalled"


def test_only_what_runs_can_stall(progress: Progress) -> None:
    assert progress.next_stall() is None
    progress.start("zone-create", WORKS, START)
    progress.finish("zone-create", WORKS, START + MINUTE, "created")
    progress.mark_stalled(START + 60 * MINUTE)
    assert progress.phase == "provisioning"
    assert progress.next_stall() is None


def test_the_next_stall_is_the_earliest_of_what_runs_and_has_not_stalled(progress: Progress) -> None:
    progress.start("zone-create", WORKS, START)
    progress.start("zone-create", HOMES, START + MINUTE)
    assert progress.next_stall() == START + 2 * MINUTE
    progress.mark_stalled(START + 2 * MINUTE)
    assert progress.next_stall() == START + 3 * MINUTE


@pytest.mark.parametrize(
    ("dry_run", "given_up", "failed", "phase"),
    [
        (False, False, False, "complete"),
        (False, True, False, "degraded"),
        (False, False, True, "degraded"),
        (True, False, False, "planned"),
        (True, True, True, "degraded"),
    ],
)
def test_the_phase_at_the_end(progress: Progress, dry_run: bool, given_up: bool, failed: bool, phase: str) -> None:
    progress.finish("zone-create", WORKS, START, "created")
    if failed:
        progress.fail("zone-create", HOMES, START, "its deadline has passed")
    else:
        progress.skip("zone-create", HOMES, START, "not needed")
    assert progress.end(dry_run=dry_run, given_up=given_up).phase == phase
    assert progress.phase == phase


def test_a_run_that_breaks_off_fails_what_was_running_and_nothing_else(progress: Progress) -> None:
    progress.expect("dns-verify", WORKS)
    progress.finish("zone-create", WORKS, START, "created")
    progress.start("zone-create", HOMES, START)
    progress.mark_stalled(START + 3 * MINUTE)
    progress.abort("cancelled", START + 4 * MINUTE, "cancelled by hatice")
    now = progress.snapshot()
    assert now.phase == "cancelled"
    assert [(step.step, step.state, step.outcome) for step in now.steps] == [
        ("zone-create", "done", "created"),
        ("zone-create", "failed", "stopped, since the run ended: cancelled by hatice"),
        ("dns-verify", "pending", None),
    ]
    assert not any(step.stalled for step in now.steps)


def change(before: list[str], kind: str = "replaced", rrtype: str = "A") -> RecordChange:
    return RecordChange.model_validate(
        {
            "zone": "omani.works.", "name": f"{FQDN}.", "type": rrtype, "ttl": 60,
            "before": before, "after": [LOAD_BALANCER], "change": kind,
        }
    )  # fmt: skip


def test_of_one_rrset_the_first_word_counts_since_it_has_what_was_there_before(progress: Progress) -> None:
    progress.add_records([change([STRANGER])])
    progress.add_records([change([LOAD_BALANCER], "unchanged"), change([], "created", "AAAA")])
    assert [(r.type, r.before, r.change) for r in progress.snapshot().records] == [
        ("A", [STRANGER], "replaced"),
        ("AAAA", [], "created"),
    ]


def test_the_same_name_in_another_zone_is_another_rrset(progress: Progress) -> None:
    progress.add_records([change([STRANGER])])
    progress.add_records([change([STRANGER]).changed(zone="t110.omani.works.")])
    assert len(progress.snapshot().records) == 2


def hazard(content: str) -> Hazard:
    return Hazard(
        kind="stale-wildcard", zone="omani.works.", name="*.omani.works.", content=[content], message="mind it"
    )


def test_a_hazard_is_told_once(progress: Progress) -> None:
    progress.add_hazards([hazard(STRANGER)])
    progress.add_hazards([hazard(STRANGER), hazard("1.1.1.1")])
    assert [one.content for one in progress.snapshot().hazards] == [[STRANGER], ["1.1.1.1"]]


def test_of_a_certificate_the_latest_word_counts(progress: Progress) -> None:
    waiting = CertificateStatus(name="tls", namespace="kube-system", dns_names=[FQDN], reason="busy")
    progress.set_certificate(waiting)
    progress.set_certificate(waiting.changed(namespace="other"))
    progress.set_certificate(waiting.changed(ready=True, reason=None))
    assert [(c.namespace, c.ready) for c in progress.snapshot().certificates] == [
        ("kube-system", True),
        ("other", False),
    ]


def test_who_only_looks_at_a_certificate_keeps_what_was_changed_of_it(progress: Progress) -> None:
    before = CertificateSpec(dns_names=[FQDN], issuer="staging", secret_name="tls")
    asked = CertificateStatus(name="tls", namespace="ns", dns_names=[FQDN], change="replaced", before=before)
    issued = CertificateStatus(name="tls", namespace="ns", dns_names=[FQDN], ready=True)
    progress.set_certificate(asked)
    progress.see_certificate(issued.changed(ready=False))
    progress.set_certificate(issued)
    assert progress.snapshot().certificates == [issued.changed(change="replaced", before=before)]


RELEASED = PoolNameChange(domain=WORKS, subdomain="otech5", change="released", load_balancer_ip=LOAD_BALANCER)
REMOVED = CertificateStatus(
    name="tls",
    namespace="ns",
    dns_names=[FQDN],
    change="removed",
    before=CertificateSpec(dns_names=[FQDN], issuer="prod", secret_name="tls"),
)


def test_a_pool_name_is_told_once(progress: Progress) -> None:
    progress.add_pool_name(RELEASED)
    progress.add_pool_name(RELEASED)
    assert progress.snapshot().pool_names == [RELEASED]


@pytest.mark.parametrize("known", [True, False])
def test_what_was_perhaps_released_or_deleted_is_told_as_that_where_the_run_ends_before_it_knows(
    progress: Progress, known: bool
) -> None:
    progress.attempt_pool_names([RELEASED])
    progress.attempt_certificates([REMOVED])
    assert (progress.snapshot().pool_names, progress.snapshot().certificates) == ([], [])
    if known:
        progress.add_pool_name(RELEASED)
        progress.set_certificate(REMOVED)

    progress.abort("cancelled", START, "it was cancelled")

    told = progress.snapshot()
    assert told.pool_names == [RELEASED.changed(unconfirmed=not known)]
    assert told.certificates == [REMOVED.changed(unconfirmed=not known)]


GONE = ZoneChange(zone=f"{WORKS}.", change="removed", nameservers=["ns1.openova.io."], signed=True)


def test_a_zone_whose_removal_was_not_answered_counts_as_removed_only_where_its_step_says_so(
    progress: Progress,
) -> None:
    progress.attempt_zones([GONE.changed(unconfirmed=True)])
    assert progress.snapshot().zones == []
    progress.add_zones([GONE])

    progress.abort("cancelled", START, "it was cancelled")

    assert progress.snapshot().zones == [GONE]


def test_a_zone_whose_removal_was_never_answered_is_told_as_that_where_the_run_ends(progress: Progress) -> None:
    progress.attempt_zones([GONE.changed(unconfirmed=True)])
    progress.abort("failed", START, "another step was refused")
    assert progress.snapshot().zones == [GONE.changed(unconfirmed=True)]


def test_a_zone_that_its_step_left_in_the_end_is_not_told_as_removed(progress: Progress) -> None:
    progress.expect("zone-remove", WORKS)
    progress.attempt_zones([GONE.changed(unconfirmed=True)])
    progress.finish("zone-remove", WORKS, START, "left: it holds www.omani.works A")
    progress.abort("cancelled", START, "it was cancelled")
    assert progress.snapshot().zones == []


def test_a_zone_that_is_known_to_be_created_is_told_though_its_step_goes_on(progress: Progress) -> None:
    """Its delegation could not be written yet."""
    made = GONE.changed(change="created")
    progress.attempt_zones([made])
    assert progress.snapshot().zones == [made]


def test_a_request_for_a_certificate_that_was_given_up_unanswered_is_told_beside_what_is_seen_of_it(
    progress: Progress,
) -> None:
    """Its step has a deadline, and the run goes on without it."""
    seen = CertificateStatus(name="tls", namespace="ns", dns_names=[FQDN], ready=True)
    progress.attempt_certificates([REMOVED.changed(change="replaced")])
    progress.set_certificate(seen)
    (told,) = progress.end(dry_run=False, given_up=True).certificates
    assert told == seen.changed(change="replaced", before=REMOVED.before, unconfirmed=True)


def picture(converged: int, state: str = "converged") -> VerificationResult:
    verdict = ServerVerdict.model_validate({"server": "ns1", "kind": "authoritative", "state": state, "detail": "x"})
    return VerificationResult(level="propagated", converged=converged, total=14, servers=[verdict])


def test_the_latest_pictures_of_all_domains_are_one(progress: Progress) -> None:
    progress.set_verification(WORKS, picture(3, "missing"))
    progress.set_verification(HOMES, picture(14))
    progress.set_verification(WORKS, picture(13, "misdirected"))
    whole = progress.snapshot().verification
    assert (whole.converged, whole.total) == (27, 28)
    assert [server.state for server in whole.servers] == ["misdirected"], "one server, at its worst"


def test_a_snapshot_does_not_change_afterwards(progress: Progress) -> None:
    before = progress.snapshot()
    progress.start("zone-create", WORKS, START)
    progress.add_records([change([STRANGER])])
    assert before.steps[0].state == "pending"
    assert before.records == []


def test_a_run_that_hands_over_shows_what_the_other_reached(progress: Progress) -> None:
    reached = ProvisionResult(
        deployment_id="another",
        sovereign_fqdn=FQDN,
        phase="degraded",
        steps=[StepStatus(step="dns-verify", domain=WORKS, state="failed", outcome="late")],
        records=[change([STRANGER])],
        certificates=[CertificateStatus(name="tls", namespace="kube-system", dns_names=[FQDN], ready=True)],
        verification=picture(14),
        hazards=[hazard(STRANGER)],
    )
    progress.hand_over("sovereign/t110.omani.works")
    assert progress.snapshot().handed_over_to == "sovereign/t110.omani.works"
    adopted = progress.adopt(reached, "sovereign/t110.omani.works")
    assert adopted == reached.changed(handed_over_to="sovereign/t110.omani.works")
    assert progress.snapshot() == adopted
    assert progress.is_settled("dns-verify")


def test_one_that_followed_by_force_keeps_the_step_by_which_it_had_the_lock(progress: Progress) -> None:
    progress.expect("lock-await", FQDN)
    progress.finish("lock-await", FQDN, START, "no run held the lock")
    reached = ProvisionResult(
        deployment_id="", sovereign_fqdn=FQDN, steps=[StepStatus(step="dns-verify", domain=WORKS, state="done")]
    )

    adopted = progress.adopt(reached, "sovereign/t110.omani.works")

    assert [step.step for step in adopted.steps] == ["lock-await", "dns-verify"]
    assert [step.step for step in progress.snapshot().steps] == ["lock-await", "dns-verify"]


def test_steps_that_were_announced_later_stand_in_their_order(progress: Progress) -> None:
    for step in ("records-find", "dns-verify"):
        progress.expect(step, WORKS)
    progress.expect("records-remove", "a")
    progress.expect("records-remove", "b")
    assert progress.expects("records-remove", "a")
    assert not progress.expects("records-remove", "c")

    progress.arrange(["zone-create", "records-find", "records-remove", "dns-verify"])

    listed = [(step.step, step.domain) for step in progress.snapshot().steps if step.step != "zone-create"]
    assert listed == [
        ("records-find", WORKS), ("records-remove", "a"), ("records-remove", "b"), ("dns-verify", WORKS),
    ]  # fmt: skip


def record(kind: str, before: list[str]) -> RecordChange:
    name = "console.t110.omani.works."
    return RecordChange(
        zone="omani.works.",
        name=name,
        type="A",
        ttl=60,
        before=before,
        after=["77.42.11.95"],
        change=kind,  # type: ignore[arg-type]
    )


def test_a_change_outweighs_a_siblings_word_that_nothing_changed() -> None:
    progress = Progress("provisioning", FQDN, "fe09897a1b6b3c1d")
    progress.add_records([record("unchanged", ["77.42.11.95"])])
    progress.add_records([record("replaced", ["49.12.16.160"])])
    progress.add_records([record("unchanged", ["77.42.11.95"])])
    (told,) = progress.snapshot().records
    assert (told.change, told.before) == ("replaced", ["49.12.16.160"])


def test_what_was_sent_and_perhaps_written_is_told_only_where_the_run_ends_before_it_knows() -> None:
    progress = Progress("provisioning", FQDN, "fe09897a1b6b3c1d")
    progress.attempt_changes([record("replaced", ["49.12.16.160"])])
    assert progress.snapshot().records == []
    progress.abort("cancelled", START, "it was cancelled")
    assert progress.snapshot().records[0].before == ["49.12.16.160"]

"""The Markdown of the Web UI: what an operator needs, hazards first."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from sovereign_dns.checklist import as_markdown
from sovereign_dns.contract import Hazard, Owner, Phase, ProvisionResult, RecordChange, ServerVerdict, StepStatus
from sovereign_dns.contract import VerificationResult as Picture
from tests.unit.builders import FQDN, LOAD_BALANCER, STRANGER

TEN_PAST = datetime(2026, 5, 15, 10, 10, 30, tzinfo=UTC)
SINCE = "2026-05-15 10:10:30"
HAZARD = Hazard(
    kind="stale-wildcard",
    zone="omani.works.",
    name="*.omani.works.",
    content=[STRANGER],
    message=f"sends every other name to {STRANGER}",
)


def status(phase: Phase = "provisioning", **fields: object) -> ProvisionResult:
    return ProvisionResult(deployment_id="d", sovereign_fqdn=FQDN, phase=phase).changed(**fields)


def line_with(text: str, markdown: str) -> str:
    (line,) = [line for line in markdown.splitlines() if text in line]
    return line


@pytest.mark.parametrize(
    ("phase", "word"),
    [
        ("provisioning", "is being provisioned"),
        ("stalled", "**stalled**"),
        ("complete", "is complete"),
        ("degraded", "**degraded**"),
        ("planned", "nothing was written"),
        ("failed", "**failed**"),
        ("cancelled", "was cancelled"),
    ],
)
def test_the_first_line_says_which_sovereign_and_how_it_stands(phase: Phase, word: str) -> None:
    first = as_markdown(status(phase)).splitlines()[0]
    assert first.startswith(f"### {FQDN} ")
    assert word in first


def test_every_state_of_a_step_can_be_told_apart() -> None:
    states = ["pending", "running", "done", "skipped", "failed"]
    steps = [StepStatus.model_validate({"step": "dns-verify", "domain": f"d-{s}", "state": s}) for s in states]
    markdown = as_markdown(status(steps=steps))
    marks = {line_with(f"d-{state}", markdown).split()[1] for state in states}
    assert len(marks) == 5


def test_a_step_shows_its_domain_and_what_came_of_it() -> None:
    step = StepStatus(
        step="records-upsert", domain="omani.works", state="done", outcome="14 created", started_at=TEN_PAST
    )
    line = line_with("records-upsert", as_markdown(status(steps=[step])))
    assert line.endswith("`records-upsert` omani.works: 14 created")


def test_a_settled_step_says_when() -> None:
    step = StepStatus(
        step="records-upsert", domain="omani.works", state="done", outcome="14 created", finished_at=TEN_PAST
    )
    assert line_with("records-upsert", as_markdown(status(steps=[step]))).endswith("14 created (10:10:30)")


def test_a_running_step_says_since_when() -> None:
    step = StepStatus(step="dns-verify", domain="omani.works", state="running", started_at=TEN_PAST)
    assert line_with("dns-verify", as_markdown(status(steps=[step]))).endswith(f"running since {SINCE}")


def test_a_stalled_step_is_marked_and_the_reader_is_told_where_the_reason_stands() -> None:
    step = StepStatus(step="dns-verify", domain="omani.works", state="running", started_at=TEN_PAST, stalled=True)
    markdown = as_markdown(status("stalled", steps=[step]))
    assert line_with("**stalled** since", markdown) == f"- ◔ `dns-verify` omani.works: **stalled** since {SINCE}"
    stuck = line_with("*Pending Activities*", markdown)
    assert stuck.startswith("- `dns-verify` on omani.works since 2026-05-15 10:10:30 UTC")
    assert "`dns-verify/omani.works`" in stuck
    assert f"`sovereign-dns status {FQDN}`" in markdown
    assert "*Pending Activities*" not in as_markdown(status("complete"))


def test_where_a_stalled_run_has_an_id_of_its_own_it_is_asked_for_by_that() -> None:
    step = StepStatus(step="records-compare", domain="omani.works", state="running", started_at=TEN_PAST, stalled=True)
    stalled = status("stalled", steps=[step])
    assert f"`sovereign-dns status {FQDN}`" in as_markdown(stalled, workflow_id=f"sovereign/{FQDN}")
    verification = as_markdown(stalled, workflow_id="verify/1")
    assert "`temporal workflow describe --workflow-id verify/1`" in verification
    assert "sovereign-dns status" not in verification


URL = "https://example.com/runbook.md"


@pytest.mark.parametrize(
    ("trouble", "entry"),
    [
        (status("stalled"), "stalled"),
        (status("degraded"), "degraded"),
        (status("failed", failure="OwnershipConflict: console is another's"), "OwnershipConflict"),
        (status("failed", failure="Workflow cancelled: something: else"), "failed"),
        (status("complete", hazards=[HAZARD]), "stale-wildcard"),
    ],
)
def test_trouble_leads_to_its_entry_in_the_runbook(trouble: ProvisionResult, entry: str) -> None:
    assert f"`sovereign-dns explain {entry}`" in as_markdown(trouble)
    linked = as_markdown(trouble, runbook_url=URL)
    assert f"[runbook: {entry}]({URL}#{entry.lower()})" in linked
    assert "sovereign-dns explain" not in linked


def test_without_trouble_there_is_nothing_to_read_on() -> None:
    assert "explain" not in as_markdown(status("complete"))
    assert URL not in as_markdown(status("provisioning"), runbook_url=URL)


@pytest.mark.parametrize(
    "outcome",
    [
        "NotYetIssued: Certificate k/t is not issued yet",
        "not done before its deadline. NotYetIssued: Certificate k/t is not issued yet",
    ],
)
def test_a_failed_step_leads_to_the_entry_of_its_error_type(outcome: str) -> None:
    step = StepStatus(step="certificate-ready", domain="omani.works", state="failed", outcome=outcome)
    line = line_with("✘", as_markdown(status("degraded", steps=[step]), runbook_url=URL))
    assert line.endswith(f"not issued yet ([runbook: NotYetIssued]({URL}#notyetissued))")


@pytest.mark.parametrize("outcome", ["stopped, since the run ended: it was cancelled", "Nobody: knows this"])
def test_a_step_that_failed_without_a_type_of_its_own_leads_nowhere(outcome: str) -> None:
    step = StepStatus(step="certificate-ready", domain="omani.works", state="failed", outcome=outcome)
    assert line_with("✘", as_markdown(status("cancelled", steps=[step]), runbook_url=URL)).endswith(outcome)


def test_each_kind_of_hazard_is_led_to_once() -> None:
    hazards = [HAZARD, HAZARD.changed(name="*.works."), HAZARD.changed(kind="hidden-by-new-zone")]
    line = line_with("What to do", as_markdown(status("complete", hazards=hazards), runbook_url=URL))
    assert line.count("stale-wildcard](") == line.count("hidden-by-new-zone](") == 1


def test_hazards_come_before_everything_but_the_headline() -> None:
    step = StepStatus(step="dns-verify", domain="omani.works", state="done")
    markdown = as_markdown(status("complete", hazards=[HAZARD], steps=[step]))
    assert "`*.omani.works.`" in line_with(STRANGER, markdown)
    assert markdown.index(FQDN) < markdown.index(STRANGER) < markdown.index("#### Steps")


def server(name: str, state: str, detail: str) -> ServerVerdict:
    return ServerVerdict.model_validate({"server": name, "kind": "authoritative", "state": state, "detail": detail})


def test_servers_show_their_state_and_why_in_the_given_order() -> None:
    servers = [server("ns2", "misdirected", f"answers {STRANGER}"), server("ns1", "converged", "every name")]
    markdown = as_markdown(status(verification=Picture(servers=servers)))
    wrong, right = line_with("ns2", markdown), line_with("ns1", markdown)
    assert wrong.endswith(f"ns2 **misdirected** (authoritative): answers {STRANGER}")
    assert wrong.split()[1] != right.split()[1]
    assert markdown.index("ns2") < markdown.index("ns1")


def test_what_was_replaced_or_removed_is_shown_with_its_old_value_and_the_rest_is_not() -> None:
    def change(name: str, kind: str, before: list[str], after: list[str]) -> RecordChange:
        return RecordChange.model_validate(
            {
                "zone": "omani.works.", "name": name, "type": "A", "ttl": 60,
                "before": before, "after": after, "change": kind,
            }
        )  # fmt: skip

    records = [
        change("replaced.", "replaced", [STRANGER], [LOAD_BALANCER]),
        change("removed.", "removed", [STRANGER], []),
        change("created.", "created", [], [LOAD_BALANCER]),
        change("unchanged.", "unchanged", [LOAD_BALANCER], [LOAD_BALANCER]),
        change("disabled.", "removed", [], []).changed(before_disabled=[STRANGER]),
    ]
    markdown = as_markdown(status("complete", records=records))
    assert line_with("`disabled.`", markdown).endswith("disabled → nothing")
    assert line_with("`replaced.`", markdown).endswith(f"{STRANGER} → {LOAD_BALANCER}")
    assert line_with("`removed.`", markdown).endswith(f"{STRANGER} → nothing")
    assert "created." not in markdown
    assert "unchanged." not in markdown


@pytest.mark.parametrize(("owner", "whose"), [(None, ""), (FQDN, ""), ("t112.omani.works", " (of t112.omani.works)")])
def test_what_was_taken_from_another_sovereign_names_it(owner: str | None, whose: str) -> None:
    taken = RecordChange(
        zone="omani.works.", name="taken.", type="A", ttl=60, before=[STRANGER], after=[LOAD_BALANCER],
        change="replaced", before_owner=Owner(sovereign_fqdn=owner, deployment_id="d") if owner else None,
    )  # fmt: skip
    markdown = as_markdown(status("complete", records=[taken]))
    assert line_with("`taken.`", markdown).endswith(f"{STRANGER}{whose} → {LOAD_BALANCER}")


def test_a_long_list_is_cut_and_says_where_the_rest_stands() -> None:
    names = [f"h{number:03}.omani.works." for number in range(200)]
    hazards = [HAZARD.changed(name=name) for name in names]
    servers = [server(name, "unreachable", "timed out") for name in names]
    records = [
        RecordChange(
            zone="omani.works.", name=name, type="A", ttl=60, before=[STRANGER], after=[LOAD_BALANCER],
            change="replaced",
        )
        for name in names
    ]  # fmt: skip
    markdown = as_markdown(status(hazards=hazards, records=records, verification=Picture(servers=servers)))
    assert markdown.count("h000.") == 3
    assert "h199." not in markdown
    assert markdown.count("and 185 more: *Queries*, `status`, has them all") == 3
    assert len(quote(markdown)) < 8_000, "what a proxy in front of the Web UI takes as a URL"


def test_without_anything_to_list_there_are_no_empty_headings() -> None:
    markdown = as_markdown(status())
    assert [line for line in markdown.splitlines() if line.startswith("####")] == []


def test_a_run_that_only_handed_over_names_the_one_that_works() -> None:
    markdown = as_markdown(status(handed_over_to="sovereign/t110.omani.works"))
    assert "`sovereign/t110.omani.works`" in markdown
    assert "#### Steps" not in markdown
    assert f"`sovereign-dns status {FQDN}`" in markdown


def test_a_run_that_took_the_result_back_shows_it() -> None:
    step = StepStatus(step="dns-verify", domain="omani.works", state="done")
    markdown = as_markdown(status("complete", handed_over_to="sovereign/t110.omani.works", steps=[step]))
    assert "`dns-verify`" in markdown


def test_the_stars_of_wildcards_are_shown_and_start_no_emphasis() -> None:
    hazard = HAZARD.changed(message="*.omani.works and *.omani.homes lead elsewhere")
    markdown = as_markdown(
        status(hazards=[hazard], verification=Picture(servers=[server("ns1", "missing", "no *.a_b")]))
    )
    assert r"\*.omani.works and \*.omani.homes" in markdown
    assert r"no \*.a\_b" in markdown


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        (
            'run again with "removeWildcards": ["*.omani.works"].',
            'run again with `"removeWildcards": ["*.omani.works"]`.',
        ),
        ("console.xn--bcher-kva.works is wrong", "console.xn&#45;-bcher-kva.works is wrong"),
        ("see https://ca.example/order/12/3--4_5, then go on", "see https://ca.example/order/12/3--4_5, then go on"),
        ("1/2 of them", "1&#47;2 of them"),
        ('an open " quote', 'an open " quote'),
    ],
)
def test_what_people_copy_is_kept_from_the_web_uis_typography(message: str, shown: str) -> None:
    assert line_with("⚠", as_markdown(status(hazards=[HAZARD.changed(message=message)]))).endswith(f": {shown}")


def test_there_is_no_table_since_the_web_ui_renders_them_without_padding() -> None:
    servers = [server("ns1", "converged", "every name")]
    assert "|" not in as_markdown(status("stalled", hazards=[HAZARD], verification=Picture(servers=servers)))


def test_a_failed_run_says_why() -> None:
    markdown = as_markdown(status("failed", failure="NameTaken: pool: otech5.omani.works is active for another"))
    assert "NameTaken: pool: otech5.omani.works is active for another" in markdown


def test_a_run_that_could_not_hand_over_says_why_instead() -> None:
    failed = status("failed", failure="AlreadyInProgress: a run works", handed_over_to="sovereign/t110.omani.works")
    assert "AlreadyInProgress: a run works" in as_markdown(failed)


def test_what_a_step_waits_for_in_good_order_is_said_with_it() -> None:
    told = "the registry doesn't lead to the expected name servers yet; waited for until 2026-05-17 10:00 UTC"
    running = StepStatus(step="dns-verify", domain="omani.homes", state="running", started_at=TEN_PAST, waits_for=told)
    pending = StepStatus(step="nameservers-set", domain="omani.homes", waits_for="the run sovereign/t110.omani.works")
    shown = as_markdown(status(steps=[running, pending]))
    assert f": running since {SINCE}: {told}" in shown
    assert "- ○ `nameservers-set` omani.homes: the run sovereign/t110.omani.works" in shown

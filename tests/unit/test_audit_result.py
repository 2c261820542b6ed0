"""What becomes of findings: known or new, gone or not looked for, and never more than a payload holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sovereign_dns.audit_contract import MOST_FINDINGS, AuditResult, Finding, SourceRead
from sovereign_dns.audit_ledger import Ledger, beside
from sovereign_dns.audit_news import Known, complete_at, known_from, looked_for
from sovereign_dns.audit_report import as_markdown, in_short
from sovereign_dns.finding import Found, as_finding, unreadable_source, unreadable_zone
from tests.unit.builders import PARENT, STRANGER, rrset

MONDAY = datetime(2026, 5, 11, tzinfo=UTC)
READ = [SourceRead(source="owners", state="read", entries=3), SourceRead(source="pdm", state="read")]
PDM_AWAY = [READ[0], SourceRead(source="pdm", state="unreadable", detail="PDMUnavailable: look whether it runs")]


def finding(name: str = "old", kind: Any = "orphan", severity: Any = "warning", zone: str = PARENT) -> Finding:
    found = Found(
        kind=kind, severity=severity, rrset=rrset(f"{name}.{zone}", "A", STRANGER), message="why", evidence=["so"]
    )
    return as_finding(zone, found)


def result_of(
    *findings: Finding,
    day: int = 0,
    known: Known | None = None,
    zones: tuple[str, ...] = (PARENT,),
    scope: tuple[str, ...] = (),
    sources: list[SourceRead] = READ,
) -> AuditResult:
    """An audit's result, so many days after Monday."""
    ledger = Ledger(known or {}, MONDAY + timedelta(days=day))
    for zone in zones:
        page = ledger.page()
        page.add(found for found in findings if found.zone == f"{zone}." and found.kind != "unreadable")
        ledger.turn(page, zone, rrsets=10)
    for found in findings:
        if found.kind == "unreadable":
            ledger.add(found)
    return ledger.result(
        scope=list(scope),
        sources=sources,
        partial=any(found.kind == "unreadable" for found in findings),
        notes=[],
        finished_at=MONDAY + timedelta(days=day, seconds=9),
    )


def test_a_second_audit_tells_new_same_and_gone() -> None:
    first = result_of(finding("a"), finding("b"))
    second = result_of(finding("b"), finding("c"), day=1, known=known_from(first))

    assert {found.news for found in first.findings} == {"new"}
    assert [(f.name.partition(".")[0], f.news, f.first_seen) for f in second.findings] == [
        ("b", "same", MONDAY),
        ("c", "new", MONDAY + timedelta(days=1)),
    ]
    assert [found.name for found in second.gone] == [f"a.{PARENT}."]
    assert in_short(second) == "2 warning; 1 new, 1 gone"


def test_what_is_gone_is_counted_where_it_has_no_room() -> None:
    second = result_of(known=known_from(result_of(*(finding(f"n{number}") for number in range(900)))))
    assert 0 < len(second.gone) < 900
    assert f"{900 - len(second.gone)} more findings are gone than have room here." in as_markdown(second)


def test_the_most_severe_come_first() -> None:
    found = [finding("n", severity="notice"), finding("w"), finding("c", severity="critical")]
    assert [one.severity for one in result_of(*found).findings] == ["critical", "warning", "notice"]


BEFORE = result_of(finding("a"))


@pytest.mark.parametrize(
    "in_between",
    [
        pytest.param({"zones": ("omani.homes",), "scope": ("omani.homes",)}, id="of another zone"),
        pytest.param({"found": unreadable_zone(PARENT, "broke off"), "zones": ()}, id="the zone was unreadable"),
        pytest.param({"found": unreadable_source("pdm", "away"), "sources": PDM_AWAY}, id="the inventory was partial"),
    ],
)
def test_what_an_audit_could_not_look_for_is_neither_gone_nor_forgotten(in_between: dict[str, Any]) -> None:
    fields = dict(in_between)
    found = [fields.pop("found")] if "found" in fields else []
    latest = BEFORE
    for day in range(1, 13):
        latest = result_of(*found, day=day, known=known_from(latest), **fields)
        assert not looked_for(latest, BEFORE.findings[0])
        assert [one.id for one in latest.standing] == [BEFORE.findings[0].id]

    again = result_of(finding("a"), known=known_from(latest), day=20)
    assert "1 findings of audits before this one were not looked for: they stand as they were." in as_markdown(latest)
    assert [(one.first_seen, one.news) for one in again.findings] == [(MONDAY, "same")]
    assert again.standing == []
    gone = result_of(day=20, known=known_from(latest)).gone
    assert [one.name for one in gone if one.kind != "unreadable"] == [f"a.{PARENT}."]


def test_what_an_audit_beside_this_one_has_found_or_seen_gone_is_not_lost() -> None:
    before = result_of(finding("x", zone="b.works"), zones=("b.works",))
    known = known_from(before)
    late = result_of(finding("a"), day=2, known=known, scope=(PARENT,))
    meanwhile = result_of(
        finding("a"), finding("y", zone="b.works"), day=1, known=known, zones=(PARENT, "b.works")
    )  # fmt: skip
    assert [found.name for found in meanwhile.gone] == ["x.b.works."]

    after = beside(late, meanwhile)

    assert [(f.name, f.news, f.first_seen) for f in after.findings] == [
        (f"a.{PARENT}.", "same", MONDAY + timedelta(days=1))
    ]
    assert [(f.name, f.news) for f in after.standing] == [("y.b.works.", "same")]
    assert known_from(after).keys() == known_from(meanwhile).keys()


def test_what_this_audit_has_seen_gone_stays_gone_beside_another() -> None:
    known = known_from(result_of(finding("a")))
    meanwhile = result_of(finding("a"), day=1, known=known)
    assert known_from(beside(result_of(day=2, known=known), meanwhile)) == {}


def test_what_there_was_no_room_to_tell_again_stands() -> None:
    severe = [finding(f"s{number}", severity="critical") for number in range(MOST_FINDINGS)]
    full = result_of(finding("a"), *severe, day=1, known=known_from(BEFORE))
    assert (full.left_out, [one.name for one in full.standing], full.gone) == (1, [f"a.{PARENT}."], [])
    assert result_of(finding("a"), day=2, known=known_from(full)).findings[0].first_seen == MONDAY


def test_what_was_gone_once_and_comes_back_is_new() -> None:
    gone = result_of(day=1, known=known_from(BEFORE))
    assert known_from(gone) == {}


def test_the_last_complete_audit_is_remembered_by_those_that_are_not() -> None:
    assert complete_at(BEFORE, None) == BEFORE.finished_at
    known = BEFORE.changed(complete_at=BEFORE.finished_at)
    partial = result_of(unreadable_source("pdm", "away"), day=1, sources=PDM_AWAY)
    assert complete_at(partial, known) == BEFORE.finished_at
    assert complete_at(partial, None) is None
    assert complete_at(result_of(day=2, scope=("omani.homes",)), known) == BEFORE.finished_at


def test_a_partial_audit_calls_no_orphan_gone_but_a_drift() -> None:
    known = known_from(result_of(finding("a"), finding("b", kind="drift"), finding("c", kind="dangling")))
    now = result_of(unreadable_source("pdm", "away"), known=known, sources=PDM_AWAY, day=1)
    assert [found.kind for found in now.gone] == ["drift"]


def test_a_source_that_is_left_out_as_before_makes_no_difference() -> None:
    found = finding("a", kind="shadowing")
    without = [READ[0]]
    assert result_of(known=known_from(result_of(found)), sources=without, day=1).gone == []
    known = known_from(result_of(found, sources=without))
    assert [one.name for one in result_of(known=known, sources=without, day=1).gone] == [found.name]


def test_a_source_that_is_read_again_is_gone_from_the_findings() -> None:
    known = known_from(result_of(unreadable_source("pdm", "away"), sources=PDM_AWAY))
    assert [found.name for found in result_of(known=known, day=1).gone] == ["pdm"]
    left_out = [SourceRead(source="pdm", state="left-out")]
    assert result_of(known=known, day=1, sources=left_out).gone == []


def test_a_second_look_takes_findings_back() -> None:
    ledger = Ledger({}, MONDAY)
    page = ledger.page()
    page.add([finding("a"), finding("b")])
    ledger.turn(page, PARENT, rrsets=10)
    ledger.drop({finding("a").id})
    result = ledger.result(scope=[], sources=READ, partial=False, notes=[], finished_at=MONDAY)
    assert [found.name for found in result.findings] == [f"b.{PARENT}."]
    assert result.zones[0].findings == 1


def test_a_result_is_bounded_however_much_is_found() -> None:
    longest = ".".join(["x" * 60] * 3)
    zones = tuple(f"z{number}.{longest}" for number in range(1500))
    found = [
        finding(f"{number}.{longest}"[:60], zone=zone, severity="critical" if number % 10 == 0 else "warning")
        for number, zone in enumerate(zones * 2)
    ]
    whole = [one.changed(message="é" * 800, evidence=["é" * 300] * 4) for one in found]
    known = {one.id: one for one in (finding(f"gone{number}", zone=zones[0]) for number in range(2000))}
    elsewhere = [finding(f"standing{number}", zone=f"elsewhere.{longest}") for number in range(2000)]
    known |= {one.id: one.changed(message="é" * 800) for one in elsewhere}

    result = result_of(*whole, known=known, zones=zones, scope=tuple(sorted(zones)))

    size = len(result.model_dump_json().encode())
    print(f"the result of {len(whole):,} long findings in {len(zones):,} zones: {size / 1e3:.0f} kB")
    assert size < 1_000_000
    assert len(result.findings) + result.left_out == len(whole)
    assert len(result.findings) <= MOST_FINDINGS
    assert result.findings[0].severity == "critical"
    assert result.zones_total == len(zones)


def test_the_report_tells_all_that_a_person_needs() -> None:
    star = Found(
        kind="orphan", severity="critical", rrset=rrset(f"*.{PARENT}", "A", STRANGER), message=f"*.{PARENT} leads away"
    )
    known = known_from(result_of(finding("a"), finding("b")))
    result = result_of(as_finding(PARENT, star), finding("b"), known=known, day=1)

    text = as_markdown(result, runbook_url="https://wiki.test/runbook")

    assert text.startswith("### Audit of 1 zone with 10 rrsets: 1 critical, 1 warning; 1 new, 1 gone")
    assert f"**orphan** `*.{PARENT}.` A (new): \\*.{PARENT} leads away" in text
    assert f"\n- to mend it: `{result.findings[0].mend}`" in text
    assert "\n  " not in text, "the Web UI runs a list within a list together"
    assert "since 2026-05-11 00:00 UTC" in text
    assert "[runbook: orphan](https://wiki.test/runbook#orphan)" in text
    assert f"`a.{PARENT}.`" in text.partition("#### Gone")[2]
    assert "✔ owners read, 3 entries" in text
    assert f"`b.{PARENT}.`" not in as_markdown(result, most=1).partition("#### Gone")[0]
    assert "1 more: `sovereign-dns audit show`" in as_markdown(result, most=1)


def test_a_report_of_a_partial_audit_says_what_could_not_be_read() -> None:
    result = result_of(unreadable_source("pdm", "PDMUnavailable: look whether it runs"), sources=PDM_AWAY)
    text = as_markdown(result)
    assert in_short(result) == "1 warning; 1 new; partial"
    assert "✘ pdm unreadable, 0 entries: PDMUnavailable: look whether it runs" in text


def test_a_report_tells_what_stands_from_audits_before() -> None:
    known = known_from(result_of(finding("a")))
    result = result_of(known=known, day=1, zones=("omani.homes",), scope=("omani.homes",))
    told = as_markdown(result).partition("#### Standing from audits before")[2]
    assert f"orphan `a.{PARENT}.` A (since 2026-05-11 00:00 UTC): `{finding('a').mend}`" in told
    further = finding("x", zone="omani.homes")
    short = as_markdown(result_of(further, known=known, zones=("omani.homes",), scope=("omani.homes",)), most=1)
    assert "… and 1 more" in short.partition("#### Standing from audits before")[2]
    assert f"`a.{PARENT}.`" not in short

"""What an audit tells besides its findings."""

from datetime import UTC, datetime
from io import StringIO
from typing import Any

from rich.console import Console

from cli import audit_display
from sovereign_dns.audit_contract import AuditResult, Finding

NOW = datetime.now(UTC)


def finding(kind: Any, id_: str, name: str) -> Finding:
    return Finding(
        id=id_, kind=kind, severity="critical", zone="omani.works.", name=f"{name}.omani.works.", type="A",
        content=["192.0.2.7"], message="m", mend=f"sovereign-dns audit fix {id_}", first_seen=NOW,
    )  # fmt: skip


def shown(result: AuditResult, **options: bool) -> list[str]:
    told = StringIO()
    audit_display.show(result, Console(file=told, width=200), **options)
    return told.getvalue().splitlines()


def test_what_stands_from_audits_before_is_shown_with_what_mends_it_where_it_is_wanted() -> None:
    """An audit of one zone only is the latest one, and must not hide what others have found."""
    result = AuditResult(
        started_at=NOW, finished_at=NOW, scope=["omani.works"], standing=[finding("orphan", "aaa", "old")]
    )

    assert any("old.omani.works. A" in line and "audit fix aaa" in line for line in shown(result, standing=True))
    assert not any("aaa" in line for line in shown(result))


def test_where_one_fix_ends_two_findings_it_says_so() -> None:
    findings = [finding("orphan", "aaa", "*"), finding("shadowing", "bbb", "*"), finding("orphan", "ccc", "old")]
    result = AuditResult(started_at=NOW, finished_at=NOW, partial=False, findings=findings)

    lines = [line for line in shown(result) if line.startswith("one fix")]

    assert lines == ["one fix ends orphan aaa and shadowing bbb: both are about *.omani.works. A"]

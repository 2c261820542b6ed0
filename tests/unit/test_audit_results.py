"""Which audit is the latest one that the command line can read."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import cast

import pytest
from temporalio.client import Client

from cli.audit_results import latest_audit
from sovereign_dns.audit_contract import AuditResult

NOW = datetime(2026, 5, 15, tzinfo=UTC)
READABLE = AuditResult(started_at=NOW, finished_at=NOW).model_dump_json(by_alias=True)


class Listed:
    """A Temporal that lists these results, the latest first."""

    def __init__(self, *results: str) -> None:
        self._results = results

    async def list_workflows(self, _: str, **__: object) -> AsyncIterator[SimpleNamespace]:
        for number, _result in enumerate(self._results):
            yield SimpleNamespace(id=f"audit-{number}", run_id="r", close_time=NOW)

    def get_workflow_handle(self, workflow_id: str, **_: object) -> SimpleNamespace:
        async def result() -> AuditResult:
            return AuditResult.model_validate_json(self._results[int(workflow_id.rpartition("-")[2])])

        return SimpleNamespace(result=result)


async def test_a_result_of_another_version_is_passed_over_and_told(capsys: pytest.CaptureFixture[str]) -> None:
    latest = await latest_audit(cast("Client", Listed('{"findings": "many"}', READABLE)))
    assert latest is not None
    assert latest.workflow_id == "audit-1"
    assert "the result of audit-0 (run r) can't be read by this version" in " ".join(capsys.readouterr().err.split())


async def test_where_none_can_be_read_there_is_none() -> None:
    assert await latest_audit(cast("Client", Listed('{"findings": "many"}'))) is None

"""The audits' gauges, as Prometheus reads them."""

import re
from datetime import UTC, datetime
from typing import Any

import httpx
from temporalio.runtime import PrometheusConfig, Runtime, TelemetryConfig

from devstack.ports import free_port
from service.audit_metrics import FINDINGS, LAST_SUCCESS, AuditMetrics
from sovereign_dns.audit_contract import AuditResult, Finding, SourceRead

WHOLE = [SourceRead(source=source, state="read") for source in ("owners", "pdm", "temporal")]


def finding(kind: Any, name: str) -> Finding:
    return Finding(
        id=name, kind=kind, severity="critical", zone="omani.works.", name=f"{name}.omani.works.", type="A",
        message="", mend="", first_seen=datetime(2026, 11, 23, tzinfo=UTC),
    )  # fmt: skip


def audit(hour: int, *findings: Finding, **fields: Any) -> AuditResult:
    at = datetime(2026, 11, 23, hour, tzinfo=UTC)
    return AuditResult(
        started_at=at, finished_at=at, findings=list(findings), inventory=WHOLE, **{"complete_at": at} | fields
    )


class Page:
    """A runtime's page of metrics."""

    def __init__(self) -> None:
        self._address = f"127.0.0.1:{free_port()}"
        telemetry = TelemetryConfig(metrics=PrometheusConfig(bind_address=self._address), attach_service_name=False)
        self._runtime = Runtime(telemetry=telemetry)
        self.metrics = AuditMetrics(self._runtime.metric_meter)

    def gauges(self) -> dict[str, float]:
        page = httpx.get(f"http://{self._address}/metrics", trust_env=False).text
        return {
            name: float(value)
            for name, value in re.findall(r"^(\S+) (\S+)$", page, re.MULTILINE)
            if name.startswith("sovereign_dns_")
        }


def of(kind: str) -> str:
    return f'{FINDINGS}{{kind="{kind}",severity="critical"}}'


def test_gauges_follow_the_audits() -> None:
    page = Page()
    assert page.gauges() == {}

    first = audit(1, finding("orphan", "a"), finding("orphan", "b"), finding("drift", "c"))
    page.metrics.show(first)
    shown = page.gauges()
    assert (shown[of("orphan")], shown[of("drift")], shown[of("dangling")]) == (2, 1, 0)
    assert shown[LAST_SUCCESS] == first.finished_at.timestamp()
    assert len(shown) == 5 * 3 + 1

    mended = audit(2, finding("orphan", "b"))
    page.metrics.show(mended)
    shown = page.gauges()
    assert (shown[of("orphan")], shown[of("drift")]) == (1, 0)
    assert shown[LAST_SUCCESS] == mended.finished_at.timestamp()

    carried = {"standing": mended.findings, "complete_at": mended.finished_at}
    partial = audit(3, finding("unreadable", "pdm"), partial=True, **carried)
    page.metrics.show(partial)
    shown = page.gauges()
    assert (shown[of("orphan")], shown[of("unreadable")]) == (1, 1)
    assert shown[LAST_SUCCESS] == mended.finished_at.timestamp()

    one_zone = audit(4, scope=["elsewhere.org"], **carried)
    page.metrics.show(one_zone)
    shown = page.gauges()
    assert shown[of("orphan")] == 1
    assert shown[LAST_SUCCESS] == mended.finished_at.timestamp()

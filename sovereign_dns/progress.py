"""How far a run has come: the one place where steps change state. Pure; the caller says what time it is."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sovereign_dns import names, verification
from sovereign_dns.contract import (
    CertificateStatus,
    Hazard,
    Phase,
    PoolNameChange,
    ProvisionResult,
    ReadingStep,
    RecordChange,
    Step,
    StepStatus,
    UnderWay,
    VerificationResult,
    ZoneChange,
)
from sovereign_dns.messages import CertificateReport, ChangeReport, PoolReport, RecordsReport, ZoneReport
from sovereign_dns.registry_wait import owed_by_time

STALLED_AFTER = timedelta(minutes=2)
"""A step that has not succeeded for so long makes the phase `stalled`."""

AnyStep = Step | ReadingStep

_SETTLED = frozenset({"done", "skipped", "failed"})


class Progress:
    """The state that the query `status` answers, and that becomes the result."""

    def __init__(self, under_way: UnderWay, sovereign_fqdn: str, deployment_id: str | None) -> None:
        self._under_way: Phase = under_way
        self._result = ProvisionResult(
            deployment_id=deployment_id or "", sovereign_fqdn=sovereign_fqdn, phase=self._under_way
        )
        self._steps: dict[tuple[AnyStep, str], StepStatus] = {}
        self._attempted: dict[tuple[str, str, str], RecordChange] = {}
        self._attempted_zones: list[ZoneChange] = []
        self._attempted_pool_names: list[PoolNameChange] = []
        self._attempted_certificates: dict[tuple[str, str], CertificateStatus] = {}
        self._verified: dict[str, VerificationResult] = {}
        self._certificates: dict[tuple[str, str], CertificateStatus] = {}
        self._given_up_certificates: set[tuple[str, str]] = set()
        self._waiting_for_registry: dict[tuple[AnyStep, str], datetime] = {}
        self._trying_since: dict[tuple[AnyStep, str], datetime] = {}
        self._ended: Phase | None = None

    def snapshot(self) -> ProvisionResult:
        """The contract's view of now."""
        return self._result.changed(
            phase=self.phase,
            steps=[step.model_copy() for step in self._steps.values()],
            certificates=list(self._certificates.values()),
            verification=verification.bounded(verification.merged(self._verified.values())),
        )

    @property
    def phase(self) -> Phase:
        """`stalled` while any step is, and back by itself."""
        if self._ended is not None:
            return self._ended
        return "stalled" if any(step.stalled for step in self._steps.values()) else self._under_way

    def hand_over(self, workflow_id: str) -> None:
        """Another run, which holds the lock, does the work."""
        self._result = self._result.changed(handed_over_to=workflow_id)

    def adopt(self, result: ProvisionResult, workflow_id: str) -> ProvisionResult:
        """Takes over what the run with the lock has reached, after the steps by which the lock was had."""
        awaited = [step for (name, _), step in self._steps.items() if name == "lock-await"]
        self._result = result.changed(handed_over_to=workflow_id, steps=[*awaited, *result.steps])
        self._steps = {(step.step, step.domain): step for step in self._result.steps}
        self._certificates = {(item.namespace, item.name): item for item in result.certificates}
        self._verified = {"": result.verification}
        self._ended = result.phase
        return self._result

    def take_over(self, result: ProvisionResult) -> None:
        """What another run has done of this one's work, before its own steps, of which those that it knows stay."""
        before = {key: step for step in result.steps if (key := (step.step, step.domain)) not in self._steps}
        self._steps = before | self._steps
        self.add_zones(result.zones)
        self.add_records(result.records)
        self.add_hazards(result.hazards)
        for certificate in result.certificates:
            self.set_certificate(certificate)

    def expect(self, step: AnyStep, domain: str, *, waits_for: str | None = None) -> None:
        """Announces a step as pending, and what it waits for where that shows nowhere else."""
        self._steps[step, domain] = StepStatus(step=step, domain=domain, waits_for=waits_for)

    def expects(self, step: AnyStep, domain: str) -> bool:
        """Whether the step was announced."""
        return (step, domain) in self._steps

    def arrange(self, in_order: Sequence[AnyStep]) -> None:
        """Puts steps that were announced one after the other into their order."""
        self._steps = dict(sorted(self._steps.items(), key=lambda item: in_order.index(item[0][0])))

    def start(self, step: AnyStep, domain: str, now: datetime) -> None:
        """The step runs from now."""
        self._change(step, domain, state="running", started_at=now, waits_for=None)

    def wait_for_registry(self, step: AnyStep, domain: str, until: datetime) -> None:
        """The step may wait for a registry until then, and doesn't count as stalled as long as that is all."""
        self._waiting_for_registry[step, domain] = until

    def _keep_waiting(self, owed: str | None, now: datetime) -> None:
        """What steps wait for in good order, as of now; where that has come, their time to stall begins."""
        for key, until in self._waiting_for_registry.items():
            step = self._steps[key]
            if step.state in _SETTLED:
                continue
            if owed is not None:
                told = f"{owed}; waited for until {until:%Y-%m-%d %H:%M} UTC"
                self._steps[key] = step.changed(waits_for=told, stalled=False)
            elif step.waits_for is not None:
                self._steps[key] = step.changed(waits_for=None)
                self._trying_since[key] = now

    def finish(self, step: AnyStep, domain: str, now: datetime, outcome: str) -> None:
        """The step did what it guarantees."""
        self._settle(step, domain, now, state="done", outcome=outcome)

    def skip(self, step: AnyStep, domain: str, now: datetime, reason: str) -> None:
        """The step was left out, or given up waiting for."""
        self._settle(step, domain, now, state="skipped", outcome=reason)

    def fail(self, step: AnyStep, domain: str, now: datetime, reason: str) -> None:
        """The step's deadline has passed, or it was refused for good."""
        self._settle(step, domain, now, state="failed", outcome=reason)

    def _settle(self, step: AnyStep, domain: str, now: datetime, **values: object) -> None:
        self._change(step, domain, finished_at=now, stalled=False, waits_for=None, **values)
        if step == "dns-verify":
            self._keep_waiting(None, now)

    def _change(self, step: AnyStep, domain: str, **values: object) -> None:
        self._steps[step, domain] = self._steps[step, domain].changed(**values)

    def domains_of(self, step: Step) -> list[str]:
        """For which domains the step is expected, in their order."""
        return [domain for name, domain in self._steps if name == step]

    def status_of(self, step: AnyStep, domain: str) -> StepStatus:
        """One step's status.

        Raises:
            KeyError: no such step is expected.
        """
        return self._steps[step, domain]

    def is_settled(self, step: AnyStep, domain: str | None = None) -> bool:
        """Whether the step is done, skipped or failed, for one domain or for all. False while none is known."""
        states = [status.state for (name, of), status in self._steps.items() if name == step and domain in {None, of}]
        return bool(states) and all(state in _SETTLED for state in states)

    def next_stall(self) -> datetime | None:
        """When the next running step counts as stalled, if none succeeds before."""
        began = [
            since for key, step in self._steps.items() if not step.stalled and (since := self._tries_since(key, step))
        ]
        return min(began) + STALLED_AFTER if began else None

    def mark_stalled(self, now: datetime) -> None:
        """Marks what has been running for too long."""
        for key, step in self._steps.items():
            since = self._tries_since(key, step)
            if since is not None and now - since >= STALLED_AFTER:
                self._steps[key] = step.changed(stalled=True)

    def _tries_since(self, key: tuple[AnyStep, str], step: StepStatus) -> datetime | None:
        """Since when the step should have succeeded; None while it doesn't run, or waits in good order."""
        if step.state != "running" or step.waits_for is not None:
            return None
        return self._trying_since.get(key, step.started_at)

    def add_records(self, changes: list[RecordChange]) -> None:
        """Adds what was found or written.

        Of one rrset the first change counts, since it has the true `before`; who found it unchanged, before or
        after that, knows less.
        """
        known = {_key(change): change for change in self._result.records}
        for change in changes:
            first = known.get(_key(change))
            if first is None or (first.change == "unchanged" and change.change != "unchanged"):
                known[_key(change)] = change
        self._result = self._result.changed(records=list(known.values()))

    def add_zones(self, changes: list[ZoneChange]) -> None:
        """Adds zones that were created or removed, each once."""
        fresh = [change for change in changes if change not in self._result.zones]
        self._result = self._result.changed(zones=[*self._result.zones, *fresh])

    def add_pool_name(self, change: PoolNameChange) -> None:
        """Adds a pool name that was committed or released, each once."""
        if change not in self._result.pool_names:
            self._result = self._result.changed(pool_names=[*self._result.pool_names, change])

    def add_report(self, report: ChangeReport) -> None:
        """All that a step has found or done."""
        match report:
            case ZoneReport():
                self.add_zones(report.zones)
                self.add_records(report.changes)
            case RecordsReport():
                self.add_records(report.changes)
            case PoolReport(change=change):
                if change is not None:
                    self.add_pool_name(change)
            case CertificateReport():
                self.set_certificate(report.certificate)
        self.add_hazards(report.hazards)

    def attempt_changes(self, changes: list[RecordChange]) -> None:
        """Remembers what was sent and perhaps written: should the run end before it knows, this is what it can say."""
        self._attempted |= {_key(change): change.changed(unconfirmed=True) for change in changes}

    def attempt_zones(self, changes: list[ZoneChange]) -> None:
        """As `attempt_changes`, of zones. One that is known to be done, though its step isn't, counts at once."""
        self.add_zones([change for change in changes if not change.unconfirmed])
        unheard = [change for change in changes if change.unconfirmed]
        self._attempted_zones += [change for change in unheard if change not in self._attempted_zones]

    def attempt_pool_names(self, changes: list[PoolNameChange]) -> None:
        """As `attempt_changes`, of pool names."""
        self._attempted_pool_names += [change for change in changes if change not in self._attempted_pool_names]

    def attempt_certificates(self, certificates: list[CertificateStatus]) -> None:
        """As `attempt_changes`, of Certificates."""
        self._attempted_certificates |= {(item.namespace, item.name): item for item in certificates}

    def add_hazards(self, hazards: list[Hazard]) -> None:
        """Adds hazards, each once."""
        fresh = [hazard for hazard in hazards if hazard not in self._result.hazards]
        self._result = self._result.changed(hazards=[*self._result.hazards, *fresh])

    def set_certificate(self, certificate: CertificateStatus) -> None:
        """The latest word on a Certificate; who only looks at it knows nothing of what this run has changed."""
        known = self._certificates.get((certificate.namespace, certificate.name))
        if known is not None and certificate.change is None:
            certificate = certificate.changed(change=known.change, before=known.before)
        self._certificates[certificate.namespace, certificate.name] = certificate

    def see_certificate(self, certificate: CertificateStatus) -> None:
        """What a step that waits for it has seen. The one that is told at last knows more."""
        known = self._certificates.get((certificate.namespace, certificate.name))
        given_up = (certificate.namespace, certificate.name) in self._given_up_certificates
        if not given_up and not (known and known.ready):
            self.set_certificate(certificate)

    def stop_waiting_for_certificate(self, namespace: str, name: str) -> None:
        """Nobody looks at it any more: what was last seen of it must not read as how it is."""
        self._given_up_certificates.add((namespace, name))
        known = self._certificates.get((namespace, name))
        if known is not None and not known.ready:
            seen = f"; when it was last looked at: {known.reason}" if known.reason else ""
            self.set_certificate(known.changed(reason=f"given up waiting for it{seen}"))

    def see_verification(self, domain: str, picture: VerificationResult, now: datetime) -> None:
        """What a verification under way has seen. One that is done has said more."""
        if ("dns-verify", domain) in self._steps and not self.is_settled("dns-verify", domain):
            self.set_verification(domain, picture)
            self._keep_waiting(owed_by_time(picture), now)

    def has_seen(self, domain: str) -> bool:
        """Whether anything was told of a parent domain's answers."""
        return domain in self._verified

    def set_verification(self, domain: str, picture: VerificationResult) -> None:
        """The latest picture of a parent domain."""
        self._verified[domain] = picture

    def end(self, *, dry_run: bool, given_up: bool) -> ProvisionResult:
        """All steps are settled: complete, or degraded where one failed or was given up."""
        failed = any(step.state == "failed" for step in self._steps.values())
        self._ended = "degraded" if failed or given_up else "planned" if dry_run else "complete"
        self._add_unconfirmed()
        return self.snapshot()

    def abort(self, phase: Phase, now: datetime, reason: str, *, failure: str | None = None) -> None:
        """The run ends before its steps do; `failure` is its own."""
        for key, step in self._steps.items():
            if step.state == "running":
                self._steps[key] = step.changed(
                    state="failed",
                    outcome=f"stopped, since the run ended: {reason}",
                    finished_at=now,
                    stalled=False,
                    waits_for=None,
                )
        self._ended = phase
        self.add_records(list(self._attempted.values()))
        self._add_unconfirmed()
        self._result = self._result.changed(failure=failure)

    def _add_unconfirmed(self) -> None:
        """What was sent by steps that never knew whether it was done. Those of a Certificate may be given up."""
        known_zones = {(known.zone, known.change) for known in self._result.zones}
        self.add_zones(
            [
                zone
                for zone in self._attempted_zones
                if (zone.zone, zone.change) not in known_zones and not self._has_decided(zone)
            ]
        )
        for change in self._attempted_pool_names:
            if change not in self._result.pool_names:
                self.add_pool_name(change.changed(unconfirmed=True))
        for key, certificate in self._attempted_certificates.items():
            latest = self._certificates.get(key, certificate.changed(change=None))
            if latest.change is None:
                sent = {"change": certificate.change, "before": certificate.before}
                self.set_certificate(latest.changed(**sent, unconfirmed=True))

    def _has_decided(self, zone: ZoneChange) -> bool:
        """Whether the zone's step is done: then its report says what has become of the zone."""
        step: Step = "zone-remove" if zone.change == "removed" else "zone-create"
        status = self._steps.get((step, names.relative_to_root(zone.zone)))
        return status is not None and status.state == "done"


def _key(change: RecordChange) -> tuple[str, str, str]:
    return change.zone, change.name, change.type

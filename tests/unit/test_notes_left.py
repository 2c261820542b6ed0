"""What only the notes of a terminated run's steps tell: it is added as unconfirmed, and what is known stays."""

from typing import Any

from sovereign_dns.contract import CertificateSpec, CertificateStatus, PoolNameChange, ProvisionResult, RecordChange
from sovereign_dns.contract import ZoneChange as Zone
from sovereign_dns.notes_left import with_notes
from sovereign_dns.wire import Message


def noted(*items: Message) -> dict[str, Any]:
    """As `activities.journal` notes them."""
    notes: dict[str, Any] = {}
    for item in items:
        body = item.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        notes.setdefault(type(item).__name__, []).append(body)
    return notes


def record(name: str, change: str, before: str = "192.0.2.1") -> RecordChange:
    body = {"zone": "w.", "name": f"{name}.w.", "type": "A", "ttl": 60, "before": [before], "change": change}
    return RecordChange.model_validate(body)


RELEASED = PoolNameChange(domain="omani.works", subdomain="t1", change="released")
ZONE = Zone(zone="eu.w.", change="removed", signed=True)
CERTIFICATE = CertificateStatus(
    name="tls",
    namespace="ns",
    dns_names=["w"],
    change="removed",
    before=CertificateSpec(dns_names=["w"], issuer="ca", secret_name="tls"),
)
STATUS = ProvisionResult(deployment_id="d1", sovereign_fqdn="t1.w")


def test_what_is_only_noted_is_unconfirmed() -> None:
    steps = [noted(record("a", "removed"), ZONE), {}, noted(RELEASED), noted(CERTIFICATE), {"Convergence": [{}]}]
    told = with_notes(STATUS, steps)
    assert told.records == [record("a", "removed").changed(unconfirmed=True)]
    assert told.zones == [ZONE.changed(unconfirmed=True)]
    assert told.pool_names == [RELEASED.changed(unconfirmed=True)]
    assert told.certificates == [CERTIFICATE.changed(unconfirmed=True)]


def test_what_is_known_stays_as_it_is() -> None:
    seen = CERTIFICATE.changed(change=None, before=None)
    known = STATUS.changed(
        records=[record("a", "removed"), record("b", "unchanged"), record("c", "unchanged")],
        zones=[ZONE],
        pool_names=[RELEASED],
        certificates=[CERTIFICATE],
    )
    notes = [noted(record("a", "removed", "192.0.2.9"), record("b", "replaced"), ZONE, RELEASED, CERTIFICATE)]

    told = with_notes(known, notes)

    assert told.records == [
        record("a", "removed"), record("b", "replaced").changed(unconfirmed=True), record("c", "unchanged"),
    ]  # fmt: skip
    assert (told.zones, told.pool_names, told.certificates) == ([ZONE], [RELEASED], [CERTIFICATE])
    only_seen = with_notes(known.changed(certificates=[seen]), notes)
    assert only_seen.certificates == [CERTIFICATE.changed(unconfirmed=True)]

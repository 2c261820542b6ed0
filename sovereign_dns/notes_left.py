"""What the steps of a run had noted when it was ended from outside, and nobody heard what came of it. Pure.

A step notes what is there before it changes it. A run that was terminated gets no report of it: the notes are all there
is, and whether they were followed by a write is not known.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from sovereign_dns.contract import CertificateStatus, PoolNameChange, ProvisionResult, RecordChange, ZoneChange
from sovereign_dns.wire import Message

Note = TypeVar("Note", bound=Message)


def with_notes(status: ProvisionResult, steps: Iterable[Mapping[str, Any]]) -> ProvisionResult:
    """The status with what is only noted, which is `unconfirmed`.

    Args:
        status: the run's last one.
        steps: the notes of each step that was under way, by their kind (`activities.journal`).
    """
    notes = list(steps)
    known_records = {(one.zone, one.name, one.type): one for one in status.records}
    changed = {key: one for key, one in known_records.items() if one.change != "unchanged"}
    noted = {(one.zone, one.name, one.type): one for one in _noted(notes, RecordChange)}
    records = known_records | noted | changed
    zones = {(one.zone, one.change): one for one in [*_noted(notes, ZoneChange), *status.zones]}
    pool_names = {(one.domain, one.subdomain, one.change): one for one in _noted(notes, PoolNameChange)}
    pool_names |= {(one.domain, one.subdomain, one.change): one for one in status.pool_names}
    certificates = {(one.namespace, one.name): one for one in status.certificates}
    for one in _noted(notes, CertificateStatus):
        known = certificates.get((one.namespace, one.name))
        if one.change is not None and (known is None or known.change in {None, "unchanged"}):
            certificates[one.namespace, one.name] = one
    return status.changed(
        records=list(records.values()),
        zones=list(zones.values()),
        pool_names=list(pool_names.values()),
        certificates=list(certificates.values()),
    )


def _noted(steps: Iterable[Mapping[str, Any]], kind: type[Note]) -> list[Note]:
    return [
        kind.model_validate(note).changed(unconfirmed=True) for notes in steps for note in notes.get(kind.__name__, [])
    ]

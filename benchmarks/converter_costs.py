"""What it takes to convert the payloads of one Sovereign's run, by converter."""

import statistics
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import DataConverter, PayloadConverter

from benchmarks.report import CheckFailedError, Table
from sovereign_dns.contract import ProvisionRequest, ProvisionResult
from sovereign_dns.intent import ProvisioningIntent
from sovereign_dns.messages import (
    CreateZone,
    RecordsReport,
    UpsertRecords,
    VerificationReport,
    VerifyDomain,
    ZoneReport,
)
from workflows.conversion import contract_data_converter

TIMES = 100

_OF_ACTIVITIES: dict[str, tuple[type, type]] = {
    "zone-create": (CreateZone, ZoneReport),
    "records-upsert": (UpsertRecords, RecordsReport),
    "dns-verify": (VerifyDomain, VerificationReport),
}


class Typed(NamedTuple):
    """A payload, and what is read from it."""

    payload: Payload
    type: type


def converter_costs(history: WorkflowHistory) -> Table:
    """Reads and writes all inputs and results of a run, in turns, and checks that nothing is changed by it.

    Raises:
        CheckFailedError: a converter changed something, or the history holds less than a whole run.
    """
    payloads = list(_payloads(history))
    if len(payloads) != 3 + 2 * len(_OF_ACTIVITIES):
        raise CheckFailedError(f"a run has {len(payloads)} inputs and results: {[of.type for of in payloads]}")
    untyped = [Typed(of.payload, dict) for of in payloads]
    variants: dict[str, tuple[PayloadConverter, list[Typed]]] = {
        "ours": (contract_data_converter.payload_converter, payloads),
        "the SDK's for pydantic": (pydantic_data_converter.payload_converter, payloads),
        "the SDK's default, plain dictionaries": (DataConverter.default.payload_converter, untyped),
    }
    reading: dict[str, list[float]] = {what: [] for what in variants}
    writing: dict[str, list[float]] = {what: [] for what in variants}
    for _ in range(TIMES):
        for what, (converter, typed) in variants.items():
            began = time.perf_counter()
            values = [converter.from_payloads([of.payload], [of.type])[0] for of in typed]
            read = time.perf_counter()
            written = [converter.to_payloads([value])[0] for value in values]
            writing[what].append(time.perf_counter() - read)
            reading[what].append(read - began)
            _check(what, converter, typed, written, values)
    kilobytes = sum(len(of.payload.data) for of in payloads) / 1000
    return Table(
        title=f"The {len(payloads)} inputs and results of one Sovereign, {kilobytes:.1f} kB, ms",
        columns=["converter", "read", "written", "both"],
        rows=[
            [
                what,
                *(
                    f"{statistics.median(taken) * 1000:.2f}"
                    for taken in (
                        reading[what],
                        writing[what],
                        [sum(both) for both in zip(reading[what], writing[what], strict=True)],
                    )
                ),
            ]
            for what in variants
        ],
    )


def _check(
    what: str, converter: PayloadConverter, typed: list[Typed], written: list[Payload], values: list[object]
) -> None:
    for of, payload, value in zip(typed, written, values, strict=True):
        if converter.from_payloads([payload], [of.type])[0] != value:
            raise CheckFailedError(f"{what} writes {payload.data.decode()} for {value}")


def _payloads(history: WorkflowHistory) -> Iterator[Typed]:
    """The run's request and result, every activity's task and report, and what the local activity decided."""
    scheduled: dict[int, str] = {}
    for event in history.events:
        found: tuple[Any, type]
        match event.event_type:
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
                found = event.workflow_execution_started_event_attributes.input, ProvisionRequest
            case EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
                found = event.workflow_execution_completed_event_attributes.result, ProvisionResult
            case EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
                activity = event.activity_task_scheduled_event_attributes
                scheduled[event.event_id] = activity.activity_type.name
                found = activity.input, _OF_ACTIVITIES[activity.activity_type.name][0]
            case EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
                done = event.activity_task_completed_event_attributes
                found = done.result, _OF_ACTIVITIES[scheduled[done.scheduled_event_id]][1]
            case EventType.EVENT_TYPE_MARKER_RECORDED:
                # The only local activity.
                found = event.marker_recorded_event_attributes.details["result"], ProvisioningIntent
            case _:
                continue
        yield Typed(found[0].payloads[0], found[1])

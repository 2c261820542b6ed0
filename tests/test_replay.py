"""Old runs survive new code: recorded histories replay, and one that doesn't fit, or is missing, is noticed."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from google.protobuf.json_format import ParseDict
from temporalio import workflow
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.history.v1 import History
from temporalio.contrib.pydantic import pydantic_data_converter

from sovereign_dns.contract import Phase, ReadingStep, Step
from tests.histories.replay import recorded_histories
from workflows import patches
from workflows.all_workflows import ALL_WORKFLOWS

PROJECT = Path(__file__).parent.parent
HISTORIES = recorded_histories()


def replay(*files: Path) -> dict[str, str]:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.histories.replay", *map(str, files)],
        cwd=PROJECT, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    told = dict(line.split(": ", 1) for line in ended.stdout.splitlines() if ": " in line)
    assert told, ended.stderr
    return told


def test_every_recorded_history_replays() -> None:
    assert replay() == {f"{path.parent.name}/{path.name}": "replayed" for path in HISTORIES}


def test_a_history_that_does_not_fit_is_noticed(tmp_path: Path) -> None:
    recorded = json.loads(gzip.decompress((PROJECT / "tests/histories/001/complete.json.gz").read_bytes()))
    for event in recorded["events"]:
        scheduled = event.get("activityTaskScheduledEventAttributes")
        if scheduled and scheduled["activityType"]["name"] == "records-upsert":
            scheduled["activityType"]["name"] = "something-else"
    changed = tmp_path / "changed.json.gz"
    changed.write_bytes(gzip.compress(json.dumps(recorded).encode()))

    assert "ondeterminism" in replay(changed)[f"{tmp_path.name}/changed.json.gz"]


def _read(payload: Payload) -> Any:
    return pydantic_data_converter.payload_converter.from_payload(payload)


def _phases(fields: Mapping[str, Payload]) -> list[str]:
    return [f"phase {_read(fields['SovereignPhase'])}"] if "SovereignPhase" in fields else []


def _patches(details: Mapping[str, Payloads]) -> list[str]:
    return [f"patch {_read(payload)['id']}" for payload in details["patch-data"].payloads]


def _handlers(kind: str) -> dict[str, str]:
    definitions = map(workflow._Definition.must_from_class, ALL_WORKFLOWS)
    return next(_handlers_of(definition) for definition in definitions if definition.name == kind)


def _handlers_of(definition: workflow._Definition) -> dict[str, str]:
    """Every signal and update, by its name, as the class spells it that defines it.

    So one history stands for all workflows that inherit a handler.
    """
    handlers: list[Any] = [*definition.signals.values(), *definition.updates.values()]
    return {handler.name: handler.fn.__qualname__ for handler in handlers if handler.name}


SHOWN: dict[str, Callable[[Any, str], list[str]]] = {
    "workflow_execution_started": lambda of, kind: (
        [f"{kind}: a run", *([f"{kind}: a run that was handed over to"] if of.parent_workflow_execution.run_id else [])]
    ),
    "activity_task_scheduled": lambda of, _: [f"step {of.activity_type.name}"],
    "activity_task_started": lambda of, _: [f"an attempt after {of.last_failure.application_failure_info.type}"],
    "workflow_execution_signaled": lambda of, kind: [_handlers(kind).get(of.signal_name, of.signal_name)],
    "workflow_execution_update_accepted": lambda of, kind: [_handlers(kind)[of.accepted_request.input.name]],
    "start_child_workflow_execution_initiated": lambda _, kind: [f"{kind}: a run that handed over"],
    "start_child_workflow_execution_failed": lambda _, kind: [f"{kind}: a run that found the lock held"],
    "upsert_workflow_search_attributes": lambda of, _: _phases(of.search_attributes.indexed_fields),
    "marker_recorded": lambda of, _: _patches(of.details),
}
"""What an event shows, by its attributes and its run's workflow type."""


def shown_by(path: Path) -> set[str]:
    """What a run that this history stands for has done."""
    history = ParseDict(json.loads(gzip.decompress(path.read_bytes())), History(), ignore_unknown_fields=True)
    kind = history.events[0].workflow_execution_started_event_attributes.workflow_type.name
    shown: set[str] = set()
    for event in history.events:
        attributes = event.WhichOneof("attributes")
        assert attributes is not None
        if of := SHOWN.get(attributes.removesuffix("_event_attributes")):
            shown.update(of(getattr(event, attributes), kind))
    return shown


def wanted_of(workflows: Iterable[type]) -> set[str]:
    """What runs may do, by the workflows' own definitions and the contract."""
    wanted = {f"phase {phase}" for phase in get_args(Phase)}
    wanted |= {f"step {step}" for step in (*get_args(Step), *get_args(ReadingStep))}
    wanted |= {f"patch {value}" for name, value in vars(patches).items() if name.isupper()}
    wanted |= {"an attempt after PowerDNSUnavailable", "ProvisionSovereign: a run that found the lock held"}
    wanted |= {f"ProvisionSovereign: a run that {what}" for what in ("handed over", "was handed over to")}
    for definition in map(workflow._Definition.must_from_class, workflows):
        wanted.add(f"{definition.name}: a run")
        wanted |= set(_handlers_of(definition).values())
    return wanted


@workflow.defn(name="NewWorkflow")
class _NewWorkflow:
    @workflow.run
    async def run(self) -> None: ...


def test_there_is_a_history_of_everything_that_a_run_may_do() -> None:
    shown = set[str]().union(*map(shown_by, HISTORIES))

    assert wanted_of(ALL_WORKFLOWS) - shown == set(), "play it in tests/histories/scenarios.py, and record it"
    assert wanted_of([*ALL_WORKFLOWS, _NewWorkflow]) - shown == {"NewWorkflow: a run"}

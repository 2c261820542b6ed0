"""docs/changing-workflows.md keeps its word: its example is run on a real server, and its claims are replayed."""

import json
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import Client

from devstack.child_process import ChildProcess
from tests.documented_change import DNS_IS_RIGHT, TASK_QUEUE
from tests.documents import CHANGING_WORKFLOWS, named_code, temporal_command
from tests.eventually import eventually
from tests.namespaces import OwnNamespace
from tests.runs import Handle, waiting_for

DOCUMENT = CHANGING_WORKFLOWS.read_text(encoding="utf-8")
EXAMPLE = named_code(CHANGING_WORKFLOWS)

CALL = "activity, name, "
FIRST = '        await step("records-upsert", name)\n'
SECOND = '        await step("dns-verify", name)\n'
RUN = "    @workflow.run\n"
HANDLERS = "".join(
    f"    @workflow.{kind}\n    def a_{kind}(self) -> None: ...\n\n" for kind in ("query", "signal", "update")
)

GOES_ON = {
    "an activity's retry policy": (CALL, f"{CALL}retry_policy=RetryPolicy(maximum_attempts=3), "),
    "an activity's time-outs": ("seconds=10", "seconds=20"),
    "an activity's summary": (CALL, f'{CALL}summary="what it does", '),
    "an activity's task queue, as long": (CALL, f'{CALL}task_queue="another", '),
    "what an activity is given, where": (CALL, 'activity, f"{name}.", '),
    "the current details, and all": (FIRST, f'        workflow.set_current_details("shown")\n{FIRST}'),
    "a query, signal or update handler": (RUN, HANDLERS + RUN),
}
STANDS_STILL = {
    "a step more, or less, before": (FIRST, ""),
    "steps in another order": (FIRST + SECOND, SECOND + FIRST),
    "another activity id": (CALL, f'{CALL}activity_id=f"{{activity}}/{{name}}", '),
    "a local activity in the place": ("execute_activity", "execute_local_activity"),
    "a timer more": (SECOND, f"        await workflow.sleep(1)\n{SECOND}"),
    "a search attribute set once": (
        SECOND,
        f'        workflow.upsert_search_attributes({{"SovereignPhase": ["x"]}})\n{SECOND}',
    ),
}
"""How each line of the document's two lists begins, and what it means in the example."""


def version(run: str) -> str:
    """The example with another `run`."""
    return re.sub(r"    @workflow\.run\n.*?(?=\n\n)", lambda _: run.rstrip(), EXAMPLE["before"], flags=re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's versions as modules."""
    folder = tmp_path_factory.mktemp("documented-change")
    for name, code in EXAMPLE.items():
        (folder / f"code_{name}.py").write_text(code if name == "before" else version(code), encoding="utf-8")
    for name, (old, new) in claims().items():
        assert old in EXAMPLE["before"]
        changed = "from temporalio.common import RetryPolicy\n" + EXAMPLE["before"].replace(old, new)
        (folder / f"{name}.py").write_text(changed, encoding="utf-8")
    return folder


def claims() -> dict[str, tuple[str, str]]:
    lists = {"goes_on": GOES_ON, "stands_still": STANDS_STILL}
    return {f"{what}_{index}": change for what, of in lists.items() for index, change in enumerate(of.values())}


class ExampleWorker(ChildProcess):
    """A worker with one version of the example's code."""

    def __init__(self, folder: Path, code: str, client: Client) -> None:
        super().__init__(f"example-{code}", folder / f"{code}.log")
        self._arguments = ["work", str(folder), f"code_{code}", client.service_client.config.target_host]
        self._namespace = client.namespace

    def command(self) -> list[str]:
        return [sys.executable, "-m", "tests.documented_change", *self._arguments, self._namespace]

    def ready(self) -> bool:
        return True  # that it works is seen by what becomes of a run


async def waits(client: Client, code: str, folder: Path) -> Handle:
    """A run that began with this code, and waits; its history is kept, and its worker has gone."""
    with ExampleWorker(folder, code, client):
        run: Handle = await client.start_workflow("PublishName", "name", id=code, task_queue=TASK_QUEUE)
        await waiting_for(run, "2" if code == "before" else "3")
    (folder / f"{code}.json").write_text((await run.fetch_history()).to_json(), encoding="utf-8")
    return run


def replays(folder: Path) -> dict[str, dict[str, str]]:
    ended = subprocess.run(
        [sys.executable, "-m", "tests.documented_change", "replay", str(folder)],
        cwd=Path(__file__).parent.parent, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    told: dict[str, dict[str, str]] = json.loads(ended.stdout)
    return told


def documented_table() -> dict[str, dict[str, str]]:
    """Which code replays what, as the document has it: by the code that the run began with."""
    rows = re.findall(r"^\| (\w+) \|((?: [a-z ]+ \|){4})$", DOCUMENT, flags=re.MULTILINE)
    columns = ("before", "patched", "deprecated", "naive")
    return {
        began: dict(zip(columns, (cell.strip() for cell in cells.split("|")), strict=False)) for began, cells in rows
    }


async def steps_of(run: Handle) -> list[str]:
    scheduled = [
        e for e in (await run.fetch_history()).events if e.HasField("activity_task_scheduled_event_attributes")
    ]
    return [event.activity_task_scheduled_event_attributes.activity_type.name for event in scheduled]


async def task_failure_of(run: Handle) -> str | None:
    failed = [e for e in (await run.fetch_history()).events if e.HasField("workflow_task_failed_event_attributes")]
    return failed[-1].workflow_task_failed_event_attributes.failure.message if failed else None


async def counted(namespace: OwnNamespace, count: list[str], number: int) -> bool:
    return namespace.command(*count).strip() == f"Total: {number}"


def test_each_claim_of_the_two_lists_is_one_that_is_replayed() -> None:
    goes_on, stands_still = re.findall(r"so (?:change it freely|patch it):\n\n((?:- .*\n)+)", DOCUMENT)
    for claimed, tested in ((goes_on, GOES_ON), (stands_still, STANDS_STILL)):
        lines = claimed.splitlines()
        assert [line for line in lines if not line.startswith(tuple(f"- {claim}" for claim in tested))] == []
        assert len(lines) == len(tested)


async def test_the_worked_example(own_namespace: OwnNamespace, folder: Path) -> None:
    client = await own_namespace.create()
    runs = {code: await waits(client, code, folder) for code in ("before", "patched", "deprecated")}

    told = replays(folder)

    message = re.search(r"^\[TMPRL1100\].*$", DOCUMENT, flags=re.MULTILINE)
    assert message is not None
    assert message[0] in told["code_naive"]["before"]
    found = {
        began: {
            code: "replays" if told[f"code_{code}"][began] == "replayed" else "stands still" for code in EXAMPLE
        } for began in runs
    }  # fmt: skip
    assert {began: {code: row[code] for code in EXAMPLE} for began, row in documented_table().items()} == found

    for name in claims():
        assert (told[name]["before"] == "replayed") == name.startswith("goes_on"), name
        assert told[name]["before"] == "replayed" or "Nondeterminism error" in told[name]["before"]

    now = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    running = f'ExecutionStatus="Running" AND StartTime < "{now}"'
    count = temporal_command(CHANGING_WORKFLOWS, "workflow", "count", query=running)
    await eventually(lambda: counted(own_namespace, count, 3))

    (folder / DNS_IS_RIGHT).touch()
    with ExampleWorker(folder, "naive", client):
        failed = await eventually(lambda: task_failure_of(runs["before"]))
    assert failed == message[0]
    own_namespace.command(*temporal_command(CHANGING_WORKFLOWS, "workflow", "list"))  # a query that it understands
    with ExampleWorker(folder, "patched", client):
        for run in runs.values():
            await run.result()
        new: Handle = await client.start_workflow("PublishName", "name", id="new", task_queue=TASK_QUEUE)
        await new.result()
    assert await steps_of(runs["before"]) == ["records-upsert", "dns-verify"]
    assert await steps_of(new) == ["zone-create", "records-upsert", "dns-verify"]
    await eventually(lambda: counted(own_namespace, count, 0))

"""`sovereign-dns audit enable`, `disable` and `status`: the Schedule as Temporal and its Web UI describe it."""

from datetime import timedelta

from temporalio.client import Client, ScheduleActionStartWorkflow, ScheduleOverlapPolicy

from tests.command_line import environment_of, run
from tests.eventually import eventually
from tests.namespaces import OwnNamespace


async def described(client: Client) -> tuple[timedelta, bool, str | None, int]:
    """Its interval, whether it is paused, its note, and how often it has started an audit."""
    schedule = await client.get_schedule_handle("audit-zones").describe()
    (interval,) = schedule.schedule.spec.intervals
    state = schedule.schedule.state
    return interval.every, state.paused, state.note, schedule.info.num_actions


async def test_audits_are_enabled_changed_and_disabled(
    own_namespace: OwnNamespace, stack_description: dict[str, str]
) -> None:
    client = await own_namespace.create()
    environment = environment_of(client, stack_description)

    assert "not enabled" in run(environment, "audit", "status").stdout
    assert run(environment, "audit", "disable").returncode == 1
    enabled = run(environment, "audit", "enable", "--every", "1h", "--inventory", "owners")
    assert enabled.returncode == 0, enabled.stderr

    schedule = await client.get_schedule_handle("audit-zones").describe()
    action = schedule.schedule.action
    assert isinstance(action, ScheduleActionStartWorkflow)
    assert (action.workflow, action.id, action.task_queue) == ("AuditZones", "audit-zones", "sovereign-dns")
    policy = schedule.schedule.policy
    assert policy.overlap is ScheduleOverlapPolicy.SKIP
    assert policy.catchup_window == timedelta(minutes=10)
    assert not policy.pause_on_failure
    assert "reads only" in str(schedule.schedule.state.note)

    async def first_run() -> str | None:
        async for execution in client.list_workflows('WorkflowType = "AuditZones"'):
            return execution.id
        return None

    begun = await eventually(first_run)
    assert begun.startswith("audit-zones-")
    summary = await client.get_workflow_handle(begun).describe()
    assert "what nobody owns" in str(await summary.static_summary())
    told = run(environment, "audit", "status").stdout
    assert "audits are enabled: every 1h" in told
    assert "next run: " in told
    assert "no audit has a result yet" in told

    again = run(environment, "audit", "enable", "--every", "30m")
    assert "there already" in again.stdout
    every, paused, _, actions = await described(client)
    assert (every, paused, actions) == (timedelta(minutes=30), False, 1)

    assert run(environment, "audit", "disable").returncode == 0
    _, paused, note, _ = await described(client)
    assert paused
    assert "sovereign-dns audit enable" in str(note)
    told = run(environment, "audit", "status").stdout
    assert "audits are disabled" in told
    assert "next run" not in told

    assert run(environment, "audit", "enable", "--every", "2h").returncode == 0
    every, paused, _, _ = await described(client)
    assert (every, paused) == (timedelta(hours=2), False)


def test_what_is_no_time_is_refused(environment: dict[str, str]) -> None:
    for every in ("soon", "10s", "40d", "1.5h"):
        ended = run(environment, "audit", "enable", "--every", every)
        assert ended.returncode == 2
        assert every in ended.stderr

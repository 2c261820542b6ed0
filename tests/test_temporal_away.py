"""The Temporal server goes away while runs are in the middle of each step, and comes back with the same database."""

import asyncio
import json
import os
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.ports import free_port
from devstack.temporal_server import TemporalServer
from devstack.worker_process import WorkerProcess
from tests.command_line import read_until, running
from tests.gates import Hold
from tests.held_steps import all_complete, gates_before, hold_in_every_step
from tests.whole_zones import Sovereign, assert_exactly_right
from tests.world import World


@pytest.mark.parametrize("signal", ["SIGTERM", "SIGKILL"])
async def test_temporal_goes_away_in_the_middle_of_each_step_and_comes_back(
    signal: str, world: World, stack_description: dict[str, str], tmp_path: Path
) -> None:
    """The backends answer meanwhile, and the worker can tell nobody. It lives on, and so does who follows a run."""
    temporal = TemporalServer(tmp_path, free_port(), free_port())
    places = {"TEMPORAL_ADDRESS": temporal.address, "TEMPORAL_NAMESPACE": "default"}
    known = {key: value for key, value in stack_description.items() if key.startswith("CATALYST_")}
    async with gates_before(stack_description, tmp_path) as gates:
        settings = known | gates.settings | places
        with temporal, WorkerProcess(settings, free_port(), tmp_path / "worker.log") as worker:
            client = await Client.connect(temporal.address, data_converter=pydantic_data_converter)
            process = worker.pid
            runs = await hold_in_every_step(world, client, gates)
            followed, hold = Sovereign("t1", world.parent), Hold("PATCH", f"{world.parent}.")
            gates.powerdns.holds.append(hold)
            request = tmp_path / "request.json"
            request.write_text(json.dumps(followed.request(world)), encoding="utf-8")
            environment = {"PATH": os.environ["PATH"]} | places
            async with running(environment, "provision", "--request", str(request)) as command:
                await asyncio.wait_for(hold.reached.wait(), 60)

                await asyncio.to_thread(temporal.stop if signal == "SIGTERM" else temporal.kill)
                gates.let_everything_through()
                await read_until("Temporal can't be asked", command.stdout)
                await asyncio.to_thread(temporal.start)

                await read_until(f"{followed.fqdn} is complete", command.stdout)
                assert await asyncio.wait_for(command.wait(), 60) == 0
            await assert_exactly_right(world, followed)
            await all_complete(world, runs)
            assert worker.running
            assert worker.pid == process

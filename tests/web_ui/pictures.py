"""Takes the pictures of the Web UI for `docs/pictures/`, from a stack of its own: `python -m tests.web_ui.pictures`.

It really waits the two minutes after which a step counts as stalled.
"""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import FloatRect, Locator, expect
from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter

from devstack.ports import Ports, free_port
from devstack.programs import PROJECT
from devstack.stack import Stack
from tests import settings_of_the_shell
from tests.eventually import eventually
from tests.runs import Handle
from tests.web_ui.chromium import Chromium
from tests.web_ui.pages import WebUI, driven
from tests.world import LOAD_BALANCER, STRANGER, World, rrset

FOLDER = PROJECT / "docs" / "pictures"
PARENT = "omani.works"
ANOTHER_PARENT = "omani.homes"
SETTINGS = {"SOVEREIGN_DNS_RUNBOOK_URL": "https://runbook.example/sovereign-dns"}

WIDTH, HEIGHT = 1440, 1600
"""High enough for every page to be whole; each picture is cut to what it shows."""
MARGIN = 24


def request(fqdn: str, **fields: Any) -> dict[str, Any]:
    """What the incident's operator would have asked for."""
    return {"deploymentId": "fe09897a1b6b3c1d", "sovereignFQDN": fqdn, "loadBalancerIP": LOAD_BALANCER} | fields


class Album:
    """Plays what an operator meets, and takes a picture of each."""

    def __init__(self, stack: Stack, client: Client, world: World, ui: WebUI) -> None:
        self._stack = stack
        self._client = client
        self._world = world
        self._ui = ui

    async def fill(self) -> None:
        """All pictures. The run that stalls starts first, and has stalled when the others are taken."""
        stuck = await self._start_what_waits(f"t112.{ANOTHER_PARENT}")
        await self._world.create_zone(PARENT, rrset(f"*.{PARENT}", "A", STRANGER))
        await self._started_from_the_form_with_a_hazard(f"t110.{PARENT}")
        await self._refused(f"t111.{PARENT}")
        await self._done(f"t111.{ANOTHER_PARENT}")
        await self._waiting(stuck)
        await self._stalled(stuck, f"t112.{ANOTHER_PARENT}")
        await stuck.terminate()

    async def _start(self, fqdn: str) -> Handle:
        """As the command line does."""
        return await self._client.start_workflow(
            "ProvisionSovereign",
            request(fqdn),
            id=f"sovereign/{fqdn}",
            task_queue="sovereign-dns",
            static_summary=f"{fqdn} to {LOAD_BALANCER}",
        )

    async def _start_what_waits(self, fqdn: str) -> Handle:
        certificate = f"{fqdn}-wildcard-tls"
        await self._world.fault(self._world.kubernetes, call="create", kind="forbidden", name=certificate)
        handle = await self._start(fqdn)
        await handle.execute_update("await_step", {"step": "dns-verify"})
        return handle

    async def _started_from_the_form_with_a_hazard(self, fqdn: str) -> None:
        await self._ui.open_start_form()
        await self._ui.fill_start_form("my-first-run", json.dumps(request(fqdn)))
        await self._keep("start-workflow", down_to=self._ui.start_button)
        await self._ui.submit_start_form()
        await self._ui.expect_status("Completed")
        await self._keep_details("hazard", fqdn)

    async def _refused(self, fqdn: str) -> None:
        await self._ui.start("a-typing-error", request(fqdn, loadBalancerIP="77.42.11", consoleIp=LOAD_BALANCER))
        await self._ui.expect_status("Failed")
        await expect(self._ui.result).to_contain_text("is not an IPv4 address")
        await self._keep("bad-input", down_to=self._ui.result)

    async def _done(self, fqdn: str) -> None:
        await (await self._start(fqdn)).result()
        await self._keep_details("done", fqdn)
        await self._ui.open_tab("Timeline")
        await self._keep("timeline", down_to=self._ui.main.get_by_text("decide-intent"))

    async def _waiting(self, stuck: Handle) -> None:
        await self._ui.open_run(stuck.id)
        await self._ui.open_tab("Pending Activities")
        await self._keep("pending-activities", down_to=self._ui.main.get_by_role("textbox", name="Last Failure"))
        argument = {"step": "certificate-request", "reason": "issued by hand, ticket 42"}
        await self._ui.fill_update_form("skip_step", argument)
        await self._keep("skip-step", of=self._ui.dialog)

    async def _stalled(self, stuck: Handle, fqdn: str) -> None:
        async def stalled() -> bool:
            return bool((await stuck.query("status"))["phase"] == "stalled")

        await eventually(stalled, within_seconds=180)
        await self._keep_details("stalled", fqdn)

    async def _keep_details(self, name: str, fqdn: str) -> None:
        await self._ui.open_run(f"sovereign/{fqdn}")
        await self._ui.open_tab("User Metadata")
        await expect(self._ui.current_details.get_by_role("heading").first).to_contain_text(fqdn)
        await self._keep(name, down_to=self._ui.page.get_by_test_id("user-metadata"))

    async def _keep(self, name: str, *, down_to: Locator | None = None, of: Locator | None = None) -> None:
        """The page less the navigation, down to where something ends; or one part of it."""
        area = await _box_at_rest(of or self._ui.main)
        if down_to:
            end = await _box_at_rest(down_to)
            area["height"] = end["y"] + end["height"] + MARGIN - area["y"]
        path = FOLDER / f"{name}.png"
        await self._ui.page.screenshot(path=path, clip=area, animations="disabled")
        print(f"{path.relative_to(PROJECT)}  {path.stat().st_size // 1024} KB", flush=True)


async def _box_at_rest(of: Locator) -> FloatRect:
    """Where it is, as soon as the page has stopped laying itself out."""
    last: FloatRect | None = None
    while True:
        box = await of.bounding_box()
        if box is not None and box == last:
            return box
        last = box
        await asyncio.sleep(0.5)


async def take() -> None:
    """Starts a stack and a browser, and fills the album."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="sovereign-dns-pictures-") as folder:
        state = Path(folder)
        with (
            Stack(state, Ports.free(), issue_seconds=1, settings=SETTINGS) as stack,
            Chromium(state, free_port()) as chromium,
        ):
            client = await Client.connect(stack.temporal.address, data_converter=pydantic_data_converter)
            description = stack.environment() | {"STATE": str(state), "KUBERNETES_URL": stack.kubernetes.url}
            async with (
                World(description) as world,
                driven(chromium.url) as browser,
                WebUI.opened(browser, stack.temporal.ui_url, "default", width=WIDTH, height=HEIGHT) as ui,
            ):
                await Album(stack, client, world, ui).fill()


if __name__ == "__main__":
    settings_of_the_shell.forget()
    asyncio.run(take())

"""The Web UI's pages, by the words that a person reads there (version 2.54, which comes with `temporal`)."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import quote

from playwright.async_api import Browser, Locator, Page, async_playwright, expect

PATIENCE_SECONDS = 30

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@asynccontextmanager
async def driven(chromium_url: str) -> AsyncIterator[Browser]:
    """The running browser, driven by this process."""
    async with async_playwright() as playwright:
        yield await playwright.chromium.connect_over_cdp(chromium_url)


class WebUI:
    """One tab of the browser on one namespace. What it does returns when the page shows it."""

    def __init__(self, page: Page, url: str, namespace: str) -> None:
        self.page = page
        self._base = f"{url}/namespaces/{namespace}"
        self.main = page.get_by_role("main")
        self.dialog = page.locator("dialog[open]")

    @classmethod
    @asynccontextmanager
    async def opened(
        cls, browser: Browser, url: str, namespace: str, *, width: int = 1280, height: int = 900
    ) -> AsyncIterator[Self]:
        """A tab of its own, closed at the end."""
        # What moves is drawn anew sixty times a second, by the processor.
        context = await browser.new_context(
            viewport={"width": width, "height": height}, timezone_id="UTC", reduced_motion="reduce"
        )
        context.set_default_timeout(PATIENCE_SECONDS * 1000)
        try:
            yield cls(await context.new_page(), url, namespace)
        finally:
            await context.close()

    async def open_list(self, query: str = "") -> None:
        """The list of runs, filtered by a query."""
        await self.page.goto(f"{self._base}/workflows?query={quote(query)}")

    async def open_start_form(self) -> None:
        """*Start Workflow*, reached as a person does."""
        await self.open_list()
        await self.main.get_by_role("link", name="Start Workflow").click()

    @property
    def start_button(self) -> Locator:
        """What submits the form *Start Workflow*."""
        return self.main.get_by_role("button", name="Start Workflow")

    async def fill_start_form(self, workflow_id: str, text: str) -> None:
        """Every field, the input as text, which may be no JSON."""
        await self.page.get_by_label("Workflow ID").fill(workflow_id)
        await self.page.get_by_label("Task Queue").fill("sovereign-dns")
        await self.page.get_by_label("Workflow Type").fill("ProvisionSovereign")
        await self.fill_input(text)

    async def fill_input(self, text: str) -> None:
        """The input of the form *Start Workflow*."""
        await _fill_editor(self.main, text)

    async def start_like_this_one(self, its_input: str) -> None:
        """The form *Start Workflow*, once it is filled with what this run was started with."""
        await self.choose_action("Start Workflow Like This One")
        await expect(self.main.get_by_role("textbox", name="Data")).to_contain_text(its_input)

    async def submit_start_form(self) -> None:
        """Starts the run, and follows the notice that says so."""
        notice = self.page.get_by_role("link", name="Workflow started successfully")
        await expect(notice, "the notice of an earlier start goes by itself").to_have_count(0)
        await self.start_button.click()
        await notice.click()
        await self.page.wait_for_url("**/timeline*")

    async def start(self, workflow_id: str, request: dict[str, Any]) -> None:
        """A run, from the form."""
        await self.open_start_form()
        await self.fill_start_form(workflow_id, json.dumps(request))
        await self.submit_start_form()

    async def open_run(self, workflow_id: str, run_id: str = "") -> None:
        """The page of a run, or of the latest one that the list knows under an id."""
        await self.page.goto(f"{self._base}/workflows/{quote(workflow_id, safe='')}/{run_id}".rstrip("/"))

    async def open_tab(self, name: str) -> None:
        """One of the run's tabs, such as *Pending Activities*."""
        await self.main.get_by_role("tab", name=name).click()

    async def choose_action(self, name: str) -> None:
        """An entry of the menu *More Actions*."""
        await self.main.get_by_role("button", name="More Actions").click()
        await self.page.get_by_role("menuitem", name=name).click()

    async def expect_status(self, status: str) -> None:
        """Waits until the run's page shows it: `Running`, `Completed`, `Failed`, `Canceled`."""
        await expect(self.main.get_by_role("status").first).to_have_text(status)

    @property
    def summary(self) -> Locator:
        """The run's summary, on the tab *User Metadata*."""
        return self.page.frame_locator("#user-metadata-summary").locator("main")

    @property
    def current_details(self) -> Locator:
        """The run's current details, on the tab *User Metadata*."""
        return self.page.frame_locator("#user-metadata-current-details").locator("main")

    @property
    def result(self) -> Locator:
        """The run's result or failure, on the tab *Timeline*."""
        return self.main.get_by_role("textbox", name="Result")

    def activity_button(self, name: str) -> Locator:
        """*Pause*, *Update* or *Reset* beside a pending activity."""
        return self.main.get_by_role("button", name=name, exact=True)

    async def fill_update_form(self, update: str, argument: dict[str, str]) -> None:
        """*Send an Update*, filled but not sent."""
        await self.choose_action("Send an Update")
        await self.dialog.get_by_role("button", name="Select an Update").click()
        await self.page.get_by_role("option", name=re.compile(f"^{update}")).click()
        await self.fill_update(argument)

    async def fill_update(self, argument: dict[str, str]) -> None:
        """What the update says."""
        await _fill_editor(self.dialog, json.dumps(argument))

    async def submit_update(self) -> None:
        """Sends what the form holds."""
        await self.dialog.get_by_role("button", name="Submit").click()


async def _fill_editor(place: Locator, text: str) -> None:
    editor = place.get_by_role("textbox", name="Data")
    await editor.fill(text)
    # It lays JSON out when it is left, and by that moves the button below it away from under the mouse.
    await editor.blur()

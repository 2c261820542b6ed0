"""What a person does and reads in Temporal's Web UI: the real one, in a real browser."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, expect
from temporalio.client import Client

from tests.eventually import eventually
from tests.runs import Handle, step, waiting_for
from tests.web_ui.pages import WebUI, driven
from tests.world import LOAD_BALANCER, STRANGER, World, rrset


@pytest.fixture(scope="module")
async def browser(stack_description: dict[str, str]) -> AsyncIterator[Browser]:
    async with driven(stack_description["CHROMIUM"]) as browser:
        yield browser


@pytest.fixture
async def ui(browser: Browser, stack_description: dict[str, str], temporal: Client) -> AsyncIterator[WebUI]:
    async with WebUI.opened(browser, stack_description["WEB_UI"], temporal.namespace) as ui:
        yield ui


def lock_of(client: Client, fqdn: str) -> Handle:
    return client.get_workflow_handle(f"sovereign/{fqdn}")


async def stuck_at_the_request(ui: WebUI, client: Client, world: World) -> Handle:
    """A run that waits until RBAC is mended, which it looks at once a minute; its page is open."""
    await world.fault(world.kubernetes, namespace=f"ns-{world.unique}", call="create", kind="forbidden")
    fqdn = f"t1.{world.parent}"
    await ui.start(f"sovereign/{fqdn}", world.request(fqdn))
    handle = lock_of(client, fqdn)
    await waiting_for(handle, f"certificate-request/{world.parent}")
    await handle.execute_update("await_step", {"step": "dns-verify"})  # so that nothing else is pending
    return handle


async def test_a_provisioning_is_started_from_the_form_and_read_to_its_end(
    ui: WebUI, temporal: Client, world: World
) -> None:
    await world.create_zone(world.parent, rrset(f"*.{world.parent}", "A", STRANGER))
    fqdn = f"t1.{world.parent}"

    await ui.start(f"my-run-{world.unique}", world.request(fqdn))
    await ui.expect_status("Completed")

    await ui.open_tab("User Metadata")
    await expect(ui.current_details.get_by_role("heading").first).to_have_text(f"{fqdn} is complete, and proved by DNS")
    lines = await ui.current_details.get_by_role("listitem").all_inner_texts()
    (hazard,) = [line for line in lines if line.startswith("⚠")]
    assert hazard.startswith(f"⚠ *.{world.parent}. (stale-wildcard)")
    assert STRANGER in hazard
    assert f'run again with "removeWildcards": ["*.{world.parent}"]' in hazard, "it must be fit to be copied"
    for name, outcome in {
        "zone-create": "was there already, signed",
        "certificate-request": "created",
        "records-upsert": "14 created, 0 replaced, 0 unchanged",
        "dns-verify": "28 of 28 answers are as written",
        "certificate-ready": "issued, valid until ",
    }.items():
        assert any(line.startswith(f"✔ {name} {world.parent}: {outcome}") for line in lines), f"{name}: {lines}"
    assert any(line.startswith(f"⊘ pool-commit {world.parent}: not a pool name") for line in lines)
    for server in (world.description["POWERDNS_DNS"], world.description["CATALYST_DNS_PROPAGATION_RESOLVERS"]):
        assert any(line.startswith(f"✔ {server} converged ") for line in lines), lines

    await ui.open_tab("Relationships")
    await ui.main.get_by_role("link", name=f"sovereign/{fqdn}").click()
    await ui.open_tab("Timeline")
    await expect(ui.main.get_by_text(f"records-upsert • {fqdn} and 13 rrsets more")).to_be_visible()
    await expect(ui.main.get_by_text(f"dns-verify • real answers for {fqdn}")).to_be_visible()
    await ui.open_tab("User Metadata")
    await expect(ui.summary).to_have_text(f"{fqdn} to {LOAD_BALANCER}, started as my-run-{world.unique}")


async def test_bad_input_is_refused_with_words_that_say_what_to_mend_and_is_mended_from_there(
    ui: WebUI, temporal: Client, world: World
) -> None:
    fqdn = f"t1.{world.parent}"
    wanted = world.request(fqdn)
    await ui.open_start_form()
    await ui.fill_start_form(f"sovereign/{fqdn}", json.dumps(wanted)[:-1])
    await expect(ui.start_button).to_be_disabled()

    await ui.fill_input(json.dumps(wanted | {"loadBalancerIP": "77.42.11", "consoleIp": LOAD_BALANCER}))
    await ui.submit_start_form()
    await ui.expect_status("Failed")
    refused = (await lock_of(temporal, fqdn).describe()).run_id
    await expect(ui.result).to_contain_text("loadBalancerIP: '77.42.11' is not an IPv4 address")
    await expect(ui.result).to_contain_text("consoleIp: is not a field of this request")
    await expect(ui.result).to_contain_text("InvalidInput")
    await expect(ui.result).not_to_contain_text("stackTrace")

    await ui.start_like_this_one("consoleIp")
    await ui.fill_input(json.dumps(wanted))
    await ui.submit_start_form()
    latest = lock_of(temporal, fqdn)

    async def another_run() -> str | None:
        run_id = (await latest.describe()).run_id
        return run_id if run_id != refused else None

    # The notice's link may still lead to the refused run, which is all that the list knows for a moment.
    await ui.open_run(latest.id, await eventually(another_run))
    await ui.expect_status("Completed")
    assert (await latest.result())["phase"] == "complete"


async def test_a_waiting_step_says_why_and_attempts_at_once_when_it_is_reset(
    ui: WebUI, temporal: Client, world: World
) -> None:
    handle = await stuck_at_the_request(ui, temporal, world)

    await ui.open_tab("Pending Activities")
    await expect(ui.main.get_by_text(f"certificate-request/{world.parent}")).to_be_visible()
    failure = ui.main.get_by_role("textbox", name="Last Failure")
    await expect(failure).to_contain_text("The worker's service account needs get, list, create, patch and delete")
    await expect(failure).to_contain_text("KubernetesForbidden")

    await world.mend(world.kubernetes, namespace=f"ns-{world.unique}")
    await expect(ui.activity_button("Reset"), "no other step waits any more").to_have_count(1)
    await ui.activity_button("Reset").click()
    # Left as it is: the heartbeat details are the step's journal.
    await expect(ui.dialog.get_by_role("checkbox", name="Reset Heartbeat Details")).not_to_be_checked()
    await ui.dialog.get_by_role("button", name="Reset", exact=True).click()

    await ui.expect_status("Completed")
    assert (await handle.result())["phase"] == "complete"


async def test_a_step_is_given_up_by_the_update_form_and_its_reason_stays(
    ui: WebUI, temporal: Client, world: World
) -> None:
    handle = await stuck_at_the_request(ui, temporal, world)

    await ui.fill_update_form("skip_step", {"step": "records-upsert", "reason": "issued by hand, ticket 42"})
    await ui.submit_update()
    refusal = "step: Input should be 'certificate-request', 'certificate-ready', 'certificate-delete' or 'dns-verify'"
    await expect(ui.dialog.get_by_text(refusal)).to_be_visible()
    for name in ("certificate-ready", "certificate-request"):
        await ui.fill_update({"step": name, "reason": "issued by hand, ticket 42"})
        await ui.submit_update()
        await expect(ui.page.get_by_text("Update successful").first).to_be_visible()
        if name == "certificate-ready":
            await ui.fill_update_form("skip_step", {})

    await ui.expect_status("Completed")
    await ui.open_tab("User Metadata")
    details = ui.current_details
    await expect(details.get_by_role("heading").first).to_contain_text("is degraded: not everything was proved")
    await expect(details).to_contain_text("⊘ certificate-request")
    result: dict[str, Any] = await handle.result()
    assert step(result, "certificate-request")["outcome"] == "given up: issued by hand, ticket 42"


async def test_a_run_is_cancelled_and_says_that_what_is_done_stays_done(
    ui: WebUI, temporal: Client, world: World
) -> None:
    await stuck_at_the_request(ui, temporal, world)

    await ui.main.get_by_role("button", name="Request Cancellation").click()
    await ui.dialog.get_by_role("button", name="Confirm").click()

    await ui.expect_status("Canceled")
    await ui.open_tab("User Metadata")
    await expect(ui.current_details.get_by_role("heading").first).to_contain_text(
        "was cancelled; what is done stays done, and a new run carries on from it"
    )
    await expect(ui.current_details).to_contain_text(f"✔ records-upsert {world.parent}: 14 created")

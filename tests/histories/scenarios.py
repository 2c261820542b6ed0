"""The runs whose histories are recorded: every outcome, every signal and update, every patch."""

import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.client import Client, WorkflowFailureError, WorkflowHandle

from devstack.stack import Stack
from tests.eventually import eventually
from tests.lossy_api import LossyApi
from tests.runs import step, waiting_for
from tests.world import STRANGER, World, rrset

PARENT = "omani.works"
TWO_PARENTS = [{"name": PARENT}, {"name": "omani.homes"}]

Handle = WorkflowHandle[Any, Any]
Keep = Callable[[str, Handle], Awaitable[None]]


class Scenarios:
    """Plays every scenario, and has each run kept under its name once it has ended."""

    def __init__(self, client: Client, stack: Stack, world: World, lossy: LossyApi, keep: Keep) -> None:
        self._client = client
        self._stack = stack
        self._world = world
        self._lossy = lossy
        self._keep = keep

    async def play(self) -> None:
        """The one that stalls takes its two minutes beside the others; the outage comes last, as it hits them all."""
        stalling = await self._begin_to_stall()
        await self._provisioned()
        await self._handed_over()
        await self._refused()
        await self._certificates_that_are_not_issued()
        await self._given_up_while_its_last_attempt_fails()
        await self._zone_below_the_host()
        await self._resolver_with_an_old_answer()
        await self._verified()
        await self._lost_answer()
        await self._parent_domain_added()
        await self._stalled_then_mended(stalling)
        await self._outage()

    async def _start(
        self, fqdn: str, *, under: str | None = None, kind: str = "ProvisionSovereign", **fields: Any
    ) -> Handle:
        required = {"deploymentId": "d1", "sovereignFQDN": fqdn, "loadBalancerIP": "77.42.11.95"}
        return await self._client.start_workflow(
            kind, required | fields, id=under or f"sovereign/{fqdn}", task_queue="sovereign-dns"
        )

    async def _kubernetes_fails(self, namespace: str, **fault: Any) -> None:
        await self._world.fault(self._world.kubernetes, namespace=namespace, **fault)

    async def _provisioned(self) -> None:
        fqdn = f"t1.{PARENT}"
        await self._keep("complete", await self._start(fqdn, parentDomains=TWO_PARENTS))
        await self._keep("unchanged", await self._start(fqdn, parentDomains=TWO_PARENTS))
        await self._keep("planned", await self._start(f"t3.{PARENT}", under="a-plan", dryRun=True))
        pool = {"domain": PARENT, "subdomain": "otech5"}
        await self._keep("pool", await self._start(f"otech5.{PARENT}", pool=pool))

    async def _handed_over(self) -> None:
        fqdn = f"t2.{PARENT}"
        await self._keep("handed-over", await self._start(fqdn, under="anything"))
        await self._keep("handed-over-child", self._client.get_workflow_handle(f"sovereign/{fqdn}"))
        fqdn = f"t9.{PARENT}"
        await self._kubernetes_fails("stuck-t9", kind="challenge-stuck")
        certificate = {"namespace": "stuck-t9"}
        outer = await self._start(fqdn, under="cancelled-later", certificate=certificate)
        inner = self._client.get_workflow_handle(f"sovereign/{fqdn}")
        await eventually(lambda: _is_there(inner))
        await inner.execute_update("await_step", {"step": "dns-verify"})
        await self._keep("refused-in-progress", await self._start(fqdn, under="too-late", certificate=certificate))
        await outer.cancel()
        await self._keep("handed-over-cancelled", outer)
        await self._keep("handed-over-cancelled-child", inner)

    async def _refused(self) -> None:
        await self._keep("refused-input", await self._start(f"t4.{PARENT}", loadBalancerIP="10.0.0.1"))
        await (await self._start(f"a.{PARENT}", parentDomains=TWO_PARENTS)).result()
        twin = await self._start(
            "a.omani.homes", parentDomains=[{"name": "omani.homes"}], certificate={"enabled": False}
        )
        await self._keep("refused-ownership", twin)

    async def _certificates_that_are_not_issued(self) -> None:
        await self._kubernetes_fails("stuck", kind="challenge-stuck")
        late = await self._start(f"t5.{PARENT}", certificate={"namespace": "stuck", "deadlineSeconds": 2})
        await self._keep("degraded", late)
        skipped = await self._start(f"t6.{PARENT}", certificate={"namespace": "stuck"})
        await skipped.execute_update("await_step", {"step": "dns-verify"})
        await skipped.execute_update("skip_step", {"step": "certificate-ready", "reason": "recorded"})
        await self._keep("skipped", skipped)
        cancelled = await self._start(f"t7.{PARENT}", certificate={"namespace": "stuck"})
        await cancelled.execute_update("await_step", {"step": "dns-verify"})
        await cancelled.cancel()
        await self._keep("cancelled", cancelled)

    async def _given_up_while_its_last_attempt_fails(self) -> None:
        await self._kubernetes_fails("slow", call="patch", kind="slow", seconds=2, times=1)
        await self._kubernetes_fails("slow", call="create", kind="forbidden")
        run = await self._start(f"t10.{PARENT}", certificate={"namespace": "slow"})
        await run.execute_update("await_step", {"step": "dns-verify"})
        for name in ("certificate-request", "certificate-ready"):
            await run.execute_update("skip_step", {"step": name, "reason": "recorded"})
        await self._keep("skipped-after-a-failure", run)

    async def _zone_below_the_host(self) -> None:
        fqdn = f"t11.{PARENT}"
        parents = [{"name": PARENT}, {"name": f"api.{fqdn}"}]
        await self._keep("zone-below-the-host", await self._start(fqdn, parentDomains=parents))

    async def _resolver_with_an_old_answer(self) -> None:
        await self._world.write(PARENT, rrset(f"*.{PARENT}", "A", STRANGER, ttl=4))
        await self._world.answer(f"console.t8.{PARENT}", server=self._stack.recursor.address)
        await self._keep("stale-resolver", await self._start(f"t8.{PARENT}"))

    async def _verified(self) -> None:
        for name, address in (("verified", "77.42.11.95"), ("verified-otherwise", "77.42.11.99")):
            expected = {
                "sovereignFQDN": f"t1.{PARENT}",
                "loadBalancerIP": address,
                "verification": {"deadlineSeconds": 3},
            }
            run: Handle = await self._client.start_workflow(
                "VerifySovereign", expected, id=f"verify/{name}", task_queue="sovereign-dns"
            )
            await self._keep(name, run)

    async def _add_domain(self, fqdn: str, name: str, *, under: str | None = None, **fields: Any) -> Handle:
        return await self._start(
            fqdn, under=under or f"parent-domain/{name}", kind="AddParentDomain", name=name, **fields
        )

    async def _parent_domain_added(self) -> None:
        """The worker has no registrar's token: most runs name no registrar, one is cancelled while it waits for it."""
        fqdn = f"t15.{PARENT}"
        await self._keep("domain-added", await self._add_domain(fqdn, "omani.houses"))
        await self._keep("domain-planned", await self._add_domain(fqdn, "omani.casa", under="a-domain", dryRun=True))
        await self._keep("domain-refused", await self._add_domain(fqdn, "omani.casa", under=f"sovereign/{fqdn}"))
        await self._kubernetes_fails("stuck-t15", kind="challenge-stuck")
        self._lossy.lose = 1
        skipped = await self._add_domain(fqdn, "omani.casa", certificate={"namespace": "stuck-t15"})
        await skipped.execute_update("await_step", {"step": "dns-verify"})
        await skipped.execute_update("skip_step", {"step": "certificate-ready", "reason": "recorded"})
        await self._keep("domain-skipped", skipped)
        await self._keep("domain-lost-answer-child", self._client.get_workflow_handle(f"sovereign/{fqdn}"))
        await self._world.create_zone("omani.cloud")  # with another NS set, which its registrar would have to be told
        registrar = {"kind": "ovh", "credentialsRef": "missing"}
        waiting = await self._add_domain(fqdn, "omani.cloud", registrar=registrar)
        await waiting_for(waiting, "nameservers-set/omani.cloud")
        await waiting.cancel()
        await self._keep("domain-cancelled", waiting)
        fqdn = f"t16.{PARENT}"
        await self._world.write("omani.houses", rrset("*.omani.houses", "A", STRANGER, ttl=4))
        await self._world.answer("console.t16.omani.houses", server=self._stack.recursor.address)
        await self._keep("domain-stale-resolver", await self._add_domain(fqdn, "omani.houses"))

    async def _lost_answer(self) -> None:
        """What was written is told by a signal, since the step can't say so yet."""
        self._lossy.lose = 1
        await self._keep("lost-answer", await self._start(f"t12.{PARENT}"))

    async def _begin_to_stall(self) -> Handle:
        await self._kubernetes_fails("away", kind="status", status=503)
        return await self._start(f"t13.{PARENT}", certificate={"namespace": "away"})

    async def _stalled_then_mended(self, run: Handle) -> None:
        async def it_stalls() -> bool:
            return bool((await run.query("status"))["phase"] == "stalled")

        await eventually(it_stalls, within_seconds=150)
        (await self._world.kubernetes.delete("/simulator/faults", params={"namespace": "away"})).raise_for_status()
        await self._keep("stalled", run)

    async def _outage(self) -> None:
        self._stack.powerdns.stop()
        run = await self._start(f"t14.{PARENT}")
        await waiting_for(run, f"zone-create/{PARENT}")
        self._stack.powerdns.start()
        await self._keep("outage", run)
        assert step(await run.result(), "zone-create")["state"] == "done"


async def _is_there(run: Handle) -> bool:
    with contextlib.suppress(Exception):
        return bool(await run.describe())
    return False


async def ended(run: Handle) -> None:
    """Waits for a run's end, whatever it is."""
    with contextlib.suppress(WorkflowFailureError):
        await run.result()

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
        await self._deprovisioned()
        await self._deprovisioned_by_force()
        await self._parent_domain_removed()
        await self._removals_that_are_spoken_to()
        await self._resolver_with_an_old_answer()
        await self._verified()
        await self._audited()
        await self._fixed()
        await self._lost_answer()
        await self._restored()
        await self._parent_domain_added()
        await self._restoring_that_is_spoken_to()
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

    async def _remove(self, fqdn: str, *, under: str | None = None, **fields: Any) -> Handle:
        proof = {"verification": {"level": "authoritative"}}
        kind = "RemoveParentDomain" if "name" in fields else "DeprovisionSovereign"
        return await self._start(fqdn, under=under, kind=kind, **(proof | fields))

    async def _deprovisioned(self) -> None:
        fqdn = f"t15.{PARENT}"
        parents = [{"name": PARENT}, {"name": f"eu.{PARENT}"}]
        await (await self._start(fqdn, parentDomains=parents)).result()
        await self._keep("deprovision-planned", await self._remove(fqdn, under="a-removal-plan", dryRun=True))
        await self._keep("deprovisioned", await self._remove(fqdn))
        await self._keep("deprovisioned-before", await self._remove(fqdn))
        await self._certificates_found_by_their_owner()
        fqdn = f"otech16.{PARENT}"
        pool = {"domain": PARENT, "subdomain": "otech16"}
        await (await self._start(fqdn, pool=pool)).result()
        await self._keep("deprovision-handed-over", await self._remove(fqdn, under="some-removal", pool=pool))
        await self._keep("deprovision-handed-over-child", self._client.get_workflow_handle(f"sovereign/{fqdn}"))
        await self._keep("deprovision-refused", await self._remove("console.openova.io"))

    async def _certificates_found_by_their_owner(self) -> None:
        """To one no name leads any more; then nobody may look for any."""
        fqdn = f"t21.{PARENT}"
        await (await self._start(fqdn, certificate={"name": "t21-tls"})).result()
        await self._keep("deprovisioned-found-by-owner", await self._remove(fqdn))
        await self._kubernetes_fails("blind-t21", call="list", kind="forbidden")
        await self._keep("deprovisioned-blindly", await self._remove(fqdn, certificateNamespace="blind-t21"))

    async def _deprovisioned_by_force(self) -> None:
        fqdn = f"t17.{PARENT}"
        await self._kubernetes_fails("stuck-t17", kind="challenge-stuck")
        provisioning = await self._start(fqdn, certificate={"namespace": "stuck-t17"})
        await provisioning.execute_update("await_step", {"step": "dns-verify"})
        held = await self._remove(fqdn, under="too-late-to-remove", certificateNamespace="stuck-t17")
        await self._keep("deprovision-refused-in-progress", held)
        forced = await self._remove(fqdn, under="by-force", force=True, certificateNamespace="stuck-t17")
        await self._keep("deprovisioned-by-force", forced)
        await self._keep("deprovisioned-by-force-child", self._client.get_workflow_handle(f"sovereign/{fqdn}"))

    async def _parent_domain_removed(self) -> None:
        fqdn = f"t18.{PARENT}"
        parents = [{"name": PARENT}, {"name": "t18.homes"}]
        await (await self._start(fqdn, parentDomains=parents)).result()
        await self._keep("parent-domain-removed", await self._remove(fqdn, name="t18.homes"))

    async def _removals_that_are_spoken_to(self) -> None:
        """Every update and signal. Those that steps send only now and then are sent by hand."""
        await self._kubernetes_fails("away-t19", kind="status", status=503)
        certificate = {"name": "tls", "namespace": "away-t19", "dnsNames": []}
        for name, fields in (("deprovision", {}), ("parent-domain-removal", {"name": PARENT})):
            run = await self._remove(f"t19.{PARENT}", certificateNamespace="away-t19", **fields)
            await run.execute_update("await_step", {"step": "records-remove"})
            await run.execute_update("skip_step", {"step": "dns-verify", "reason": "recorded"})
            await run.signal("changes-attempted", {})
            await run.signal("certificate-seen", {"certificate": certificate})
            await run.signal("verification-seen", {"domain": PARENT, "verification": {}})
            await run.cancel()
            await self._keep(f"{name}-cancelled", run)

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
        registrar = {"kind": "ovh", "credentialsRef": "missing"}
        waiting = await self._add_domain(fqdn, "omani.cloud", registrar=registrar)
        await waiting_for(waiting, "nameservers-set/omani.cloud")
        await waiting.cancel()
        await self._keep("domain-cancelled", waiting)
        fqdn = f"t16.{PARENT}"
        await self._world.write("omani.houses", rrset("*.omani.houses", "A", STRANGER, ttl=4))
        await self._world.answer("console.t16.omani.houses", server=self._stack.recursor.address)
        await self._keep("domain-stale-resolver", await self._add_domain(fqdn, "omani.houses"))

    async def _audited(self) -> None:
        """What the other runs have left, among it a wildcard that nobody owns; and a zone that is not there."""
        for name, zones in (("audited", [PARENT]), ("audit-refused", [f"nowhere.{PARENT}"])):
            run: Handle = await self._client.start_workflow(
                "AuditZones", {"zones": zones}, id=f"audit/{name}", task_queue="sovereign-dns"
            )
            await self._keep(name, run)

    async def _fixed(self) -> None:
        """While its first answer is lost, it is spoken to; what steps send only now and then is sent by hand."""
        finding = {
            "id": "0123456789", "kind": "orphan", "severity": "warning", "zone": f"{PARENT}.", "name": f"old.{PARENT}.",
            "type": "A", "content": [STRANGER], "message": "", "mend": "sovereign-dns audit fix 0123456789",
            "firstSeen": "2026-11-23T00:00:00Z",
        }  # fmt: skip
        await self._world.write(PARENT, rrset(f"old.{PARENT}", "A", STRANGER))
        await self._keep("fix-planned", await self._fix(finding, "a-fix-plan", dryRun=True))
        self._lossy.lose = 1
        outer = await self._fix(finding, "any-fix")
        inner = self._client.get_workflow_handle("audit-fix/0123456789")
        await eventually(lambda: _is_there(inner))
        await waiting_for(inner, f"records-remove/{PARENT}")
        certificate = {"name": "tls", "namespace": "kube-system", "dnsNames": []}
        await inner.signal("changes-attempted", {})
        await inner.signal("certificate-seen", {"certificate": certificate})
        await inner.signal("verification-seen", {"domain": PARENT, "verification": {}})
        await inner.execute_update("skip_step", {"step": "dns-verify", "reason": "recorded"})
        await inner.execute_update("await_step", {"step": "records-remove"})
        await self._keep("fixed", outer)
        await self._keep("fixed-child", inner)
        await self._world.write(PARENT, rrset(f"old.{PARENT}", "A", "77.42.11.95"))
        await self._keep("fix-refused", await self._fix(finding, "audit-fix/0123456789"))

    async def _fix(self, finding: dict[str, Any], under: str, **fields: Any) -> Handle:
        return await self._client.start_workflow(
            "FixFinding", {"finding": finding} | fields, id=under, task_queue="sovereign-dns"
        )

    async def _lost_answer(self) -> None:
        """What was written is told by a signal, since the step can't say so yet."""
        self._lossy.lose = 1
        await self._keep("lost-answer", await self._start(f"t12.{PARENT}"))

    async def _restored(self) -> None:
        """With every step that there is; and not over what somebody has written since."""
        fqdn, nested = f"otech15.{PARENT}", f"eu15.{PARENT}"
        lost = {"type": "A", "ttl": 60, "change": "removed", "before": ["77.42.11.95"]}
        certificate = {
            "name": f"{fqdn}-wildcard-tls",
            "namespace": "kube-system",
            "dnsNames": [fqdn],
            "change": "removed",
            "before": {"dnsNames": [fqdn], "issuer": "letsencrypt-dns01-prod", "secretName": f"{fqdn}-wildcard-tls"},
        }
        request = {
            "restores": "a-deprovisioning",
            "sovereignFQDN": fqdn,
            "deploymentId": "d1",
            "zones": [{"zone": f"{nested}.", "change": "removed"}],
            "records": [
                lost | {"zone": f"{fqdn}.", "name": f"console.{fqdn}."},
                lost | {"zone": f"{nested}.", "name": f"console.{nested}."},
            ],
            "certificates": [certificate],
            "poolNames": [
                {"domain": PARENT, "subdomain": "otech15", "change": "released", "loadBalancerIP": "77.42.11.95"}
            ],
            "verification": {"level": "authoritative"},
        }
        await self._keep("restore-planned", await self._restore(request | {"dryRun": True}, "a-plan-to-restore"))
        await self._keep("restored", await self._restore(request, "anything-to-restore"))
        await self._keep("restored-child", self._client.get_workflow_handle(f"sovereign/{fqdn}"))
        await self._world.write(fqdn, rrset(f"console.{fqdn}", "A", STRANGER))
        await self._keep("restore-refused", await self._restore(request, "restored-too-late"))

    async def _restoring_that_is_spoken_to(self) -> None:
        """Every update and signal, as of removals."""
        await self._kubernetes_fails("away-t20", kind="status", status=503)
        fqdn = f"t20.{PARENT}"
        certificate = {"name": f"{fqdn}-wildcard-tls", "namespace": "away-t20", "dnsNames": [fqdn], "change": "removed"}
        asked = {"dnsNames": [fqdn], "issuer": "letsencrypt-dns01-prod", "secretName": f"{fqdn}-wildcard-tls"}
        lost = {"type": "A", "ttl": 60, "change": "removed", "before": ["77.42.11.95"]}
        request = {
            "restores": "a-removal",
            "sovereignFQDN": fqdn,
            "records": [lost | {"zone": f"{PARENT}.", "name": f"console.{fqdn}."}],
            "certificates": [certificate | {"before": asked}],
            "verification": {"level": "authoritative"},
        }
        run = await self._restore(request, f"sovereign/{fqdn}")
        await run.execute_update("await_step", {"step": "records-restore"})
        await run.signal("changes-attempted", {})
        await run.signal("certificate-seen", {"certificate": certificate})
        await run.signal("verification-seen", {"domain": PARENT, "verification": {}})
        for given_up in ("certificate-request", "certificate-ready"):
            await run.execute_update("skip_step", {"step": given_up, "reason": "recorded"})
        await self._keep("restore-spoken-to", run)

    async def _restore(self, request: dict[str, Any], workflow_id: str) -> Handle:
        return await self._client.start_workflow("RestoreRecords", request, id=workflow_id, task_queue="sovereign-dns")

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

"""cert-manager's controllers: they bring each Certificate from its spec to an issued revision.

Every step is decided from the objects, so a restart goes on where it was; only waiting times begin anew.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta

from devstack.simulators.faults import Faults, Target
from devstack.simulators.kubernetes_issuance import (
    condition,
    delete_challenges,
    find_request,
    make_challenges,
    make_order,
    make_request,
    next_revision,
    remove_condition,
    requested,
    set_condition,
)
from devstack.simulators.kubernetes_objects import Key, Object, Objects, timestamp
from devstack.simulators.kubernetes_schema import CERTIFICATE, CLUSTER_ISSUER, ISSUER, ORDER, REQUEST

FAULT_KINDS = frozenset({"controller-away", "issuer-missing", "challenge-stuck", "order-errored"})
DEFAULT_ISSUER = "letsencrypt-dns01-prod"
LIFETIME = timedelta(days=90)
RENEW_BEFORE = timedelta(days=30)
TICK_SECONDS = 0.05
SAVE_SECONDS = 0.5  # what a kill may lose
RATE_LIMITED = (
    "Failed to create Order: 429 urn:ietf:params:acme:error:rateLimited: these very names have had as many "
    "certificates as one week allows"
)


class CertManager:
    """The controllers.

    Args:
        objects: The objects of the API server.
        faults: Where the issuance's own faults come from; their call is ``issue``.
        issue_seconds: From the order to the certificate.
        retry_seconds: From a failure to the next attempt, doubled with each one (cert-manager: 1 h).
    """

    def __init__(
        self, objects: Objects, faults: Faults, issue_seconds: float = 1.0, retry_seconds: float = 3600.0
    ) -> None:
        self._objects = objects
        self._faults = faults
        self._issue_seconds = issue_seconds
        self._retry_seconds = retry_seconds
        # How long a changed spec goes unnoticed: Ready is stale for that time.
        self._notice_seconds = min(0.2, issue_seconds / 2)
        self._settled: dict[Key, str] = {}
        self._since: dict[str, float] = {}
        self._idle_at: int | None = None
        if objects.get(CLUSTER_ISSUER, None, DEFAULT_ISSUER) is None:
            metadata = {"name": DEFAULT_ISSUER}
            kind = {"apiVersion": CLUSTER_ISSUER.api_version, "kind": CLUSTER_ISSUER.kind}
            objects.put(CLUSTER_ISSUER, {**kind, "metadata": metadata, "spec": {"acme": {}}})

    async def run(self) -> None:
        """Work for ever; keep the file of the objects up to date."""
        saved = time.monotonic()
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.step()
            if time.monotonic() - saved >= SAVE_SECONDS:
                self._objects.save()
                saved = time.monotonic()

    def step(self) -> None:
        """Bring every object that is not settled one step further."""
        if self._objects.version == self._idle_at:
            return
        seen, idle = self._objects.version, True
        for key in self._unsettled(CLUSTER_ISSUER.qualified) + self._unsettled(ISSUER.qualified):
            self._accept_issuer(key)
        for key in self._unsettled(CERTIFICATE.qualified):
            certificate = self._objects.get(CERTIFICATE, key[1], key[2])
            if certificate is not None and self._step(certificate):
                self._settled[key] = certificate["metadata"]["resourceVersion"]
            else:
                idle = False
        self._idle_at = seen if idle and seen == self._objects.version else None

    def renew(self, namespace: str, name: str) -> bool:
        """Have a Certificate issued again, as ``cmctl renew`` does; False when there is none."""
        certificate = self._objects.get(CERTIFICATE, namespace, name)
        if certificate is None:
            return False
        message = "somebody asked for another certificate by hand"
        set_condition(certificate, "Issuing", True, "ManuallyTriggered", message, **_observed(certificate))
        self._objects.put(CERTIFICATE, certificate)
        return True

    def _unsettled(self, qualified: str) -> list[Key]:
        resource = {r.qualified: r for r in (CERTIFICATE, CLUSTER_ISSUER, ISSUER)}[qualified]
        versions = self._objects.versions(resource)
        return [key for key, version in versions.items() if self._settled.get(key) != version]

    def _accept_issuer(self, key: Key) -> None:
        resource = CLUSTER_ISSUER if key[0] == CLUSTER_ISSUER.qualified else ISSUER
        issuer = self._objects.get(resource, key[1] or None, key[2])
        if issuer is not None:
            message = "the ACME server knows the account"
            set_condition(issuer, "Ready", True, "ACMEAccountRegistered", message, **_observed(issuer))
            self._settled[key] = self._objects.put(resource, issuer)["metadata"]["resourceVersion"]

    def _step(self, certificate: Object) -> bool:
        """Take one Certificate one step further; True when there is nothing left to do."""
        if self._faults.find(_target(certificate), ["controller-away"]):
            return False
        issuing = condition(certificate, "Issuing")
        ready = condition(certificate, "Ready")
        if ready is None or ready["observedGeneration"] != certificate["metadata"]["generation"]:
            return self._notice(certificate)
        if issuing is None:
            return True
        if issuing["status"] == "True":
            return self._issue(certificate)
        return self._retry_in_time(certificate)

    def _notice(self, certificate: Object) -> bool:
        """See a new spec, after the short while in which conditions are stale.

        Ready is about the new spec then. An issuance that is under way goes on as it began, its condition untouched,
        and one that failed is begun again before its time only for another request.
        """
        metadata = certificate["metadata"]
        if not self._waited(f"notice/{metadata['uid']}/{metadata['generation']}", self._notice_seconds):
            return False
        issued = find_request(self._objects, certificate, next_revision(certificate) - 1)
        observed = _observed(certificate)
        if issued is not None and _matches(issued, certificate):
            set_condition(certificate, "Ready", True, "Ready", _READY, **observed)
        else:
            reason, message = ("DoesNotExist", _NO_SECRET) if issued is None else ("RequestChanged", _REQUEST_CHANGED)
            set_condition(certificate, "Ready", False, reason, message, **observed)
            if not self._is_under_way(certificate):
                set_condition(certificate, "Issuing", True, reason, message, **observed)
        self._objects.put(CERTIFICATE, certificate)
        return False

    def _is_under_way(self, certificate: Object) -> bool:
        """Tell whether it is being issued, or waits to be tried again with the very request that failed."""
        issuing = condition(certificate, "Issuing")
        if issuing is None or issuing["status"] == "True":
            return issuing is not None
        failed = find_request(self._objects, certificate, next_revision(certificate))
        return failed is not None and _matches(failed, certificate)

    def _issue(self, certificate: Object) -> bool:
        """Go on with the request of the next revision; never True, since there is always a next look."""
        revision = next_revision(certificate)
        request = find_request(self._objects, certificate, revision)
        if request is None or not _matches(request, certificate) or _failed(request):
            request = make_request(self._objects, certificate, revision)
        target = _target(certificate)
        orders = self._objects.owned_by(ORDER, request)
        if not orders:
            self._order(certificate, request, target)
            return False
        order = orders[0]
        stuck = self._faults.find(target, ["challenge-stuck"])
        if not stuck and self._waited(f"issue/{order['metadata']['uid']}", self._issue_seconds):
            self._finish(certificate, request, order, revision)
        return False

    def _order(self, certificate: Object, request: Object, target: Target) -> None:
        """Place the order with the issuer, when there is one."""
        missing = self._missing_issuer(certificate, request, target)
        if missing is not None:
            set_condition(request, "Ready", False, "Pending", missing)
            self._objects.put(REQUEST, request)
            return
        order = make_order(self._objects, request, certificate["spec"])
        errored = self._faults.take(target, ["order-errored"])
        if errored is None:
            make_challenges(self._objects, order)
            self._waited(f"issue/{order['metadata']['uid']}", self._issue_seconds)
        else:
            self._fail(certificate, request, order, errored.message or RATE_LIMITED)

    def _missing_issuer(self, certificate: Object, request: Object, target: Target) -> str | None:
        ref = request["spec"]["issuerRef"]
        resource = CLUSTER_ISSUER if ref["kind"] == CLUSTER_ISSUER.kind else ISSUER
        namespace = certificate["metadata"]["namespace"] if resource.namespaced else None
        gone = self._faults.find(target, ["issuer-missing"])
        if not gone and self._objects.get(resource, namespace, ref["name"]):
            return None
        singular = f"{resource.kind.lower()}.{resource.group}"
        return f'Referenced "{resource.kind}" not found: {singular} "{ref["name"]}" not found'

    def _fail(self, certificate: Object, request: Object, order: Object, reason: str) -> None:
        """Let an order be errored, and its request and certificate with it."""
        now = timestamp()
        order["status"] |= {"state": "errored", "reason": reason, "failureTime": now}
        self._objects.put(ORDER, order)
        where = f"{order['metadata']['namespace']}/{order['metadata']['name']}"
        message = f"order {where} is errored: {reason}"
        set_condition(request, "Ready", False, "Failed", message)
        request["status"]["failureTime"] = now
        self._objects.put(REQUEST, request)
        retried = f"this attempt came to nothing, another follows: {message}"
        set_condition(certificate, "Issuing", False, "Failed", retried, **_observed(certificate))
        status = certificate["status"]
        status["lastFailureTime"] = now
        status["failedIssuanceAttempts"] = status.get("failedIssuanceAttempts", 0) + 1
        self._objects.put(CERTIFICATE, certificate)

    def _retry_in_time(self, certificate: Object) -> bool:
        """Begin again when the back-off is over."""
        attempts = certificate["status"]["failedIssuanceAttempts"]
        backoff = self._retry_seconds * 2 ** min(attempts - 1, 5)
        if self._waited(f"retry/{certificate['metadata']['uid']}/{attempts}", backoff):
            set_condition(certificate, "Issuing", True, "DoesNotExist", _NO_SECRET, **_observed(certificate))
            self._objects.put(CERTIFICATE, certificate)
        return False

    def _finish(self, certificate: Object, request: Object, order: Object, revision: int) -> None:
        """Issue: the order valid, the request ready, the certificate at its new revision."""
        delete_challenges(self._objects, order)
        order["status"]["state"] = "valid"
        self._objects.put(ORDER, order)
        set_condition(request, "Ready", True, "Issued", "the issuer has delivered")
        self._objects.put(REQUEST, request)
        remove_condition(certificate, "Issuing")
        set_condition(certificate, "Ready", True, "Ready", _READY, **_observed(certificate))
        now = datetime.now(UTC)
        status = certificate["status"]
        for of_failures in ("lastFailureTime", "failedIssuanceAttempts"):
            status.pop(of_failures, None)
        status |= {
            "revision": revision,
            "notBefore": timestamp(now),
            "notAfter": timestamp(now + LIFETIME),
            "renewalTime": timestamp(now + LIFETIME - RENEW_BEFORE),
        }
        self._objects.put(CERTIFICATE, certificate)

    def _waited(self, what: str, seconds: float) -> bool:
        """Start a clock at the first call; True when it has run for so long, which also forgets it."""
        now = time.monotonic()
        over = now - self._since.setdefault(what, now) >= seconds
        if over:
            del self._since[what]
        return over


_READY = "the certificate is what the spec asks for, and in date"
_NO_SECRET = "there is no Secret yet: the first certificate is on its way"  # noqa: S105 - a message
_REQUEST_CHANGED = "the spec asks for another certificate than the last request did"


def _observed(obj: Object) -> dict[str, int]:
    return {"observedGeneration": obj["metadata"]["generation"]}


def _target(certificate: Object) -> Target:
    return Target("issue", certificate["metadata"]["namespace"], certificate["metadata"]["name"])


def _matches(request: Object, certificate: Object) -> bool:
    return bool(request["spec"]["request"] == requested(certificate["spec"]))


def _failed(request: Object) -> bool:
    ready = condition(request, "Ready")
    return ready is not None and ready["reason"] == "Failed"

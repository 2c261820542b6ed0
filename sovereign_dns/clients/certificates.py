"""cert-manager Certificates through the Kubernetes API, by lightkube."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import msgspec
from lightkube import ApiError, AsyncClient
from lightkube.core.exceptions import ConfigError
from lightkube.generic_resource import GenericNamespacedResource, create_namespaced_resource

from sovereign_dns import issuance
from sovereign_dns.clients.conditional_delete import delete_as_seen
from sovereign_dns.clients.http import retry_after
from sovereign_dns.clients.kubernetes_connection import FIELD_MANAGER, KubernetesConnection
from sovereign_dns.contract import CertificateStatus
from sovereign_dns.failures import (
    CertificateRejected,
    CertManagerMissing,
    Failure,
    IssuerMissing,
    KubernetesForbidden,
    KubernetesUnavailable,
    NamespaceMissing,
    OwnershipConflict,
)
from sovereign_dns.issuance import KubernetesObject, WantedCertificate

_Certificate = create_namespaced_resource("cert-manager.io", "v1", "Certificate", "certificates")
_CertificateRequest = create_namespaced_resource("cert-manager.io", "v1", "CertificateRequest", "certificaterequests")
_Order = create_namespaced_resource("acme.cert-manager.io", "v1", "Order", "orders")
_Challenge = create_namespaced_resource("acme.cert-manager.io", "v1", "Challenge", "challenges")

LISTED_AT_ONCE = 500
"""Of a namespace's Certificates, as kubectl does it: the API server keeps no longer answer together."""


class Certificates:
    """A client for Certificates.

    Every method raises `KubernetesNotConfigured`, `KubernetesUnavailable`, `KubernetesForbidden` and
    `CertManagerMissing`.
    """

    def __init__(self, kubeconfig: Path | None) -> None:
        self._connection = KubernetesConnection(kubeconfig)

    async def find(self, namespace: str, name: str) -> KubernetesObject | None:
        """The Certificate as it is now, or None where there is none."""
        async with self._calling(f"reading Certificate {namespace}/{name}") as client:
            try:
                return _insisted_on(dict(await client.get(_Certificate, name, namespace=namespace)), namespace, name)
            except ApiError as error:
                if error.status.code == 404:
                    return None
                raise

    async def marked_as_of(self, namespace: str, sovereign_fqdn: str) -> list[KubernetesObject]:
        """The namespace's Certificates that say that they are this Sovereign's, whatever their names."""
        labels = issuance.selecting_labels(sovereign_fqdn)
        async with self._calling(f"listing the Certificates of {sovereign_fqdn} in namespace {namespace}") as client:
            chosen = client.list(_Certificate, namespace=namespace, labels=dict(labels), chunk_size=LISTED_AT_ONCE)
            listed = [dict(item) async for item in chosen]
        return [certificate for certificate in listed if issuance.owner_of(certificate) == sovereign_fqdn]

    async def apply(self, wanted: WantedCertificate, *, force: bool) -> CertificateStatus:
        """Makes the Certificate as wanted. With `force`, also where another field manager wants it otherwise.

        Raises:
            OwnershipConflict: it is managed by another field manager.
            NamespaceMissing: its namespace doesn't exist.
            CertificateRejected: the API or an admission webhook refused it.
        """
        async with self._calling(f"applying Certificate {wanted.namespace}/{wanted.name}") as client:
            manifest = _Certificate.from_dict(issuance.manifest(wanted))
            try:
                applied = await client.apply(manifest, field_manager=FIELD_MANAGER, force=force)
            except ApiError as error:
                raise _refused_apply(error, wanted) from error
            return issuance.status_of(_insisted_on(dict(applied), wanted.namespace, wanted.name))

    async def delete(self, seen: KubernetesObject) -> bool:
        """Deletes the Certificate, if it is still as it was seen. Returns whether it was there. Its Secret stays.

        Raises:
            KubernetesUnavailable: it was changed since; the next attempt looks at it again.
        """
        subject = f"{seen['metadata']['namespace']}/{seen['metadata']['name']}"
        async with self._calling(f"deleting Certificate {subject}") as client:
            try:
                await delete_as_seen(client, _Certificate, seen)
            except ApiError as error:
                if error.status.code == 404:
                    return False
                if error.status.code == 409:
                    raise KubernetesUnavailable(
                        f"Certificate {subject} was changed while it was looked at, by cert-manager perhaps, so it was "
                        f"not deleted ({error.status.message}). It is looked at again.",
                        sent=False,
                    ) from error
                raise
            return True

    async def status(self, namespace: str, name: str) -> CertificateStatus | None:
        """A Certificate's status with the deepest known reason why it is not ready, or None where there is none.

        Raises:
            IssuerMissing: it waits for an issuer that doesn't exist.
        """
        certificate = await self.find(namespace, name)
        if certificate is None:
            return None
        status = issuance.status_of(certificate)
        if status.ready:
            return status
        requests = await self._visible(_CertificateRequest, namespace)
        if words := issuance.missing_issuer(certificate, requests):
            raise IssuerMissing(
                f"Certificate {namespace}/{name} waits for an issuer: {words}. "
                "Create it (kubectl get clusterissuers); issuance then goes on by itself."
            )
        orders = await self._visible(_Order, namespace)
        challenges = await self._visible(_Challenge, namespace)
        deepest = issuance.deepest_reason(certificate, requests, orders, challenges)
        return status.changed(reason=deepest or status.reason)

    async def close(self) -> None:
        """Closes the connection."""
        await self._connection.close()

    async def _visible(self, kind: type[GenericNamespacedResource], namespace: str) -> list[KubernetesObject]:
        """The namespace's objects of a kind; none where RBAC hides them, since they only serve to say why."""
        try:
            async with self._calling(f"listing {kind.__name__}s in {namespace}") as client:
                return [dict(item) async for item in client.list(kind, namespace=namespace)]
        except (KubernetesForbidden, CertManagerMissing):
            return []

    @asynccontextmanager
    async def _calling(self, doing: str) -> AsyncIterator[AsyncClient]:
        async with self._connection.client() as client:
            try:
                yield client
            except Failure:
                raise
            except httpx2.HTTPStatusError as error:
                if error.response is not None and error.response.status_code == 401:
                    await self._connection.renew(client)
                raise _classified(error, doing) from error
            # What the kubeconfig names is read at each call: a token's file, a plugin.
            except (ConfigError, OSError) as error:
                await self._connection.renew(client)
                raise self._connection.not_configured(error) from error
            except (httpx2.LocalProtocolError, UnicodeEncodeError):
                await self._connection.renew(client)
                # Without its cause and its text, which holds the header, and so the secret.
                raise KubernetesForbidden(
                    f"nothing was sent to the Kubernetes API while {doing}, since the credentials hold a line break or "
                    "another character that no HTTP header may hold. Renew them in the kubeconfig or the service "
                    "account; the next attempt reads them afresh."
                ) from None
            except (httpx2.HTTPError, msgspec.DecodeError, ValueError) as error:
                raise KubernetesUnavailable(
                    f"the Kubernetes API doesn't answer ({type(error).__name__}: {error}) while {doing}. "
                    "It is tried again until it does.",
                    sent=not isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout),
                ) from error


def _insisted_on(certificate: KubernetesObject, namespace: str, name: str) -> KubernetesObject:
    """The Certificate, where it is the one that was asked for: the API server shows whatever it did.

    Raises:
        KubernetesUnavailable: it is another one, or none: something else answers in its place.
    """
    metadata = certificate.get("metadata") or {}
    if metadata.get("name") == name and metadata.get("namespace") == namespace and metadata.get("uid"):
        return certificate
    raise KubernetesUnavailable(
        f"what answers as the Kubernetes API was asked for Certificate {namespace}/{name}, and showed none of that "
        "name. It is asked again; look whether a proxy answers in its place, and where the kubeconfig leads."
    )


def _refused_apply(error: ApiError, wanted: WantedCertificate) -> Exception:
    subject, details = f"{wanted.namespace}/{wanted.name}", error.status.details
    if error.status.code == 409:
        return OwnershipConflict(
            f"Certificate {subject} is managed by another field manager: {error.status.message}. "
            'Leave it to that one with another "certificate.name", or send "takeover": true.'
        )
    if error.status.code == 404 and details is not None and details.kind == "namespaces":
        return NamespaceMissing(
            f"namespace {wanted.namespace} for Certificate {wanted.name} doesn't exist. Create it "
            f"(kubectl create namespace {wanted.namespace}); this goes on by itself."
        )
    if error.status.code in {400, 422}:
        return CertificateRejected(f"the Kubernetes API refused Certificate {subject}: {error.status.message}")
    return error


def _classified(error: httpx2.HTTPStatusError, doing: str) -> Failure:
    code = error.response.status_code if error.response is not None else getattr(error, "status", None)
    said = str(error)
    match code:
        case 401:
            return KubernetesForbidden(
                f"the Kubernetes API doesn't accept the worker's credentials (401 while {doing}). "
                "Renew them in the kubeconfig or the service account; the next attempt reads them afresh."
            )
        case 403:
            return KubernetesForbidden(
                f"RBAC doesn't allow it ({said}) while {doing}. The worker's service account needs get, list, "
                "create, patch and delete on certificates.cert-manager.io in that namespace.",
                by_rbac=True,
            )
        case 404:
            return CertManagerMissing(
                f"the Kubernetes API doesn't know cert-manager's kinds (404 while {doing}). Install cert-manager "
                "with its CRDs; this goes on by itself."
            )
        case _:
            return KubernetesUnavailable(
                f"the Kubernetes API answered {code} ({said}) while {doing}. It is tried again until it works.",
                retry_after=retry_after(error.response.headers.get("Retry-After", ""))
                if error.response is not None
                else None,
            )

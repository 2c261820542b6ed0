"""What can go wrong, by type. The class names are the contract's error types; their kind decides the retry.

A message is for the person who reads it at 3 a.m.: what failed, on which name and server, what it means,
what to do. It never holds a secret.
"""

from enum import Enum
from typing import ClassVar


class Kind(Enum):
    """What the workflow does about a failure."""

    OUTAGE = "outage"
    """Retried for ever, 1 s doubling to 60 s, of which up to half is left out by chance; never before `retry_after`."""

    NEEDS_A_HAND = "needs a hand"
    """Retried for ever, every 60 s: when a person has mended the cause it goes on by itself."""

    REFUSED = "refused for good"
    """The workflow fails at once."""

    NOT_YET = "not yet"
    """No error: looked at again when it can have changed."""


class Failure(Exception):  # noqa: N818 (the contract names the types)
    """A classified failure. `retry_after` is in seconds, where the other side said when to come again."""

    kind: ClassVar[Kind]

    def __init__(self, message: str, *, retry_after: float | None = None, evidence: object | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.evidence = evidence

    @property
    def error_type(self) -> str:
        """The name by which the contract knows it."""
        return type(self).__name__


class Outage(Failure):
    """A system is away or overloaded; nobody needs to do anything but bring it back.

    `sent` is whether the request may have reached it: then it may have been done, and only its answer be lost.
    `status` is what it answered, if it did.
    """

    kind = Kind.OUTAGE

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        evidence: object | None = None,
        sent: bool = True,
        status: int | None = None,
    ) -> None:
        super().__init__(message, retry_after=retry_after, evidence=evidence)
        self.sent = sent
        self.status = status


class NeedsAHand(Failure):
    """A person must mend something outside; then it goes on by itself."""

    kind = Kind.NEEDS_A_HAND


class Refused(Failure):
    """Asking again would give the same answer."""

    kind = Kind.REFUSED


class NotYet(Failure):
    """What is waited for has not happened yet."""

    kind = Kind.NOT_YET


class InvalidInput(Refused):
    """The request is malformed, or asks for what can't be; the message names the field."""


class ProtectedName(Refused):
    """The request touches a name that no request may touch (`CATALYST_PROTECTED_FQDNS`)."""


class NameTaken(Refused):
    """PDM holds the pool name as active for another Sovereign."""


class OwnershipConflict(Refused):
    """A record or Certificate belongs to another Sovereign, and the request doesn't say `takeover`."""


class FindingChanged(Refused):
    """What a finding of an audit names is no longer as the audit found it, so nothing was removed."""


class ZoneRejected(Refused):
    """PowerDNS refused a zone or a change of its records as invalid."""


class PowerDNSUnavailable(Outage):
    """PowerDNS' API doesn't answer, or not with sense."""


class PDMUnavailable(Outage):
    """PDM doesn't answer, or not with sense."""


class RegistrarUnavailable(Outage):
    """PDM answers, and says that the domain's registrar doesn't, or has had too many calls."""


class KubernetesUnavailable(Outage):
    """The Kubernetes API doesn't answer, or not with sense."""


class HetznerUnavailable(Outage):
    """The Hetzner Cloud API doesn't answer, or not with sense, or a project's requests are used up."""


class TemporalUnavailable(Outage):
    """Temporal could not be told what is about to be changed, so nothing was; or not be asked for its runs."""


class PowerDNSUnauthorized(NeedsAHand):
    """PowerDNS doesn't accept the API key."""


class PDMUnauthorized(NeedsAHand):
    """PDM, or the ingress before it, doesn't accept the credentials."""


class RegistrarUnauthorized(NeedsAHand):
    """The domain's registrar doesn't take the token."""


class RegistrarNotConfigured(NeedsAHand):
    """There is no usable token for the domain's registrar."""


class DomainNotInAccount(NeedsAHand):
    """The token opens an account of the registrar that doesn't hold the domain."""


class HetznerUnauthorized(NeedsAHand):
    """The Hetzner Cloud API doesn't accept the token."""


class KubernetesForbidden(NeedsAHand):
    """The Kubernetes API doesn't know the credentials, or RBAC doesn't allow the call: `by_rbac`."""

    def __init__(self, message: str, *, by_rbac: bool = False) -> None:
        super().__init__(message)
        self.by_rbac = by_rbac


class KubernetesNotConfigured(NeedsAHand):
    """There is neither a usable KUBECONFIG nor an in-cluster service account."""


class NamespaceMissing(NeedsAHand):
    """The namespace for the Certificate doesn't exist."""


class CertManagerMissing(NeedsAHand):
    """The cluster doesn't know cert-manager's Certificate."""


class IssuerMissing(NeedsAHand):
    """The ClusterIssuer that the Certificate names doesn't exist."""


class CertificateRejected(NeedsAHand):
    """The Kubernetes API, or an admission webhook, refused the Certificate."""


class ZoneWrongKind(NeedsAHand):
    """The zone is hosted in a way that can't be written to (a secondary)."""


class ZoneMissing(NeedsAHand):
    """The zone that was there when the run created it is gone."""


class NotYetConverged(NotYet):
    """Real DNS answers are not yet those that were written."""


class NotYetIssued(NotYet):
    """The certificate is not issued yet."""


class NameReserved(NotYet):
    """Somebody else holds a reservation of the pool name, which either expires or becomes active."""


class LockHeld(NotYet):
    """A run that was cancelled, so that another one follows it, has not ended yet."""


def by_error_type() -> dict[str, type[Failure]]:
    """Every classified failure, by the name that the contract gives it."""
    return {failure.__name__: failure for kind in Failure.__subclasses__() for failure in kind.__subclasses__()}

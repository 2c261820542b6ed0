"""What a run changes of a Certificate: asks for it, asks for something else, takes it away. Pure."""

from collections.abc import Mapping
from typing import Any

from sovereign_dns import issuance
from sovereign_dns.contract import CertificateSpec, CertificateStatus, Change, Owner
from sovereign_dns.failures import OwnershipConflict
from sovereign_dns.issuance import KubernetesObject, WantedCertificate
from sovereign_dns.messages import DomainCertificate

MOST_NEEDING_NAMED = 3


def spec_of(certificate: KubernetesObject) -> CertificateSpec:
    """What a Certificate asks for, and whose it is. Where its issuer has no kind, it is cert-manager's default."""
    spec: Mapping[str, Any] = certificate.get("spec") or {}
    issuer = spec.get("issuerRef") or {}
    return CertificateSpec(
        dns_names=list(spec.get("dnsNames") or []),
        issuer=str(issuer.get("name") or ""),
        issuer_kind=str(issuer.get("kind") or "Issuer"),
        secret_name=str(spec.get("secretName") or ""),
        owner=_owner(certificate),
    )


def _owner(certificate: KubernetesObject) -> Owner | None:
    fqdn = issuance.owner_of(certificate)
    annotations = (certificate.get("metadata") or {}).get("annotations") or {}
    deployment = annotations.get(issuance.DEPLOYMENT_ANNOTATION, "")
    return Owner(sovereign_fqdn=fqdn, deployment_id=deployment) if fqdn else None


def asked_for(present: KubernetesObject | None, wanted: WantedCertificate, *, takeover: bool) -> CertificateStatus:
    """The Certificate when it has been asked for, and what is changed of it by that.

    One that asks for what is wanted is left as it is, unless it is taken over from another Sovereign.

    Raises:
        OwnershipConflict: it belongs to another Sovereign, or is not what it shall take the place of, and no takeover
            is asked.
    """
    if present is None:
        return _status(wanted, change="created")
    holder = _other_holder(present, wanted)
    if holder is not None and not takeover:
        raise OwnershipConflict(
            f"Certificate {wanted.namespace}/{wanted.name} belongs to Sovereign {holder}. "
            'Give this Sovereign another "certificate.name", or send "takeover": true if it shall be its own.'
        )
    if not takeover and not issuance.may_be_changed(present, wanted):
        raise OwnershipConflict(
            f"Certificate {wanted.namespace}/{wanted.name} is neither what the run left there, nor what was there "
            f"before: somebody changed it since ({differences(present, wanted)} would put it back). It was left as it "
            'is. If it shall give way, send "takeover": true.'
        )
    if holder is None and issuance.is_as_wanted(present, wanted):
        return issuance.status_of(present).changed(change="unchanged")
    return _status(wanted, change="replaced", before=spec_of(present))


def differences(present: KubernetesObject, wanted: WantedCertificate) -> str:
    """What is replaced, in words."""
    told = issuance.differences(present, wanted)
    if holder := _other_holder(present, wanted):
        told.append(f"owner {holder} -> {wanted.owner.sovereign_fqdn}")
    return "; ".join(told)


def _other_holder(present: KubernetesObject, wanted: WantedCertificate) -> str | None:
    holder = issuance.owner_of(present)
    return None if holder == wanted.owner.sovereign_fqdn else holder


def _status(wanted: WantedCertificate, *, change: Change, before: CertificateSpec | None = None) -> CertificateStatus:
    return CertificateStatus(
        name=wanted.name, namespace=wanted.namespace, dns_names=wanted.dns_names, change=change, before=before
    )


def removed(present: KubernetesObject) -> CertificateStatus:
    """A Certificate that is taken away."""
    status = issuance.status_of(present)
    return CertificateStatus(
        name=status.name,
        namespace=status.namespace,
        dns_names=status.dns_names,
        change="removed",
        before=spec_of(present),
    )


def why_left(present: KubernetesObject, owner: Owner) -> str | None:
    """Why a Certificate is not the owner's to take away; None where it is.

    It is the Sovereign's, whichever deployment of it has asked for it.
    """
    holder = issuance.owner_of(present)
    if holder is None:
        return "no annotation or label says whose it is"
    return None if holder == owner.sovereign_fqdn else f"it belongs to Sovereign {holder}"


def why_needed(certificate: DomainCertificate | None, owner: Owner) -> str | None:
    """Why a parent domain's own Certificate outlives who has asked for it; None where nobody else needs it."""
    if certificate is None or not certificate.needed_by:
        return None
    others = certificate.needed_by[:MOST_NEEDING_NAMED]
    who = f"{', '.join(others)}{' and more' if len(certificate.needed_by) > len(others) else ''}"
    return (
        f"it is the domain's own, and still serves {who} under {certificate.domain}. Once nobody is served there, it "
        f"goes with: sovereign-dns remove-domain {certificate.domain} --sovereign {owner.sovereign_fqdn}"
    )


def over_all_attempts(noted: CertificateStatus | None, found: CertificateStatus) -> CertificateStatus:
    """What several attempts changed together: what stood there first is what they have replaced.

    Args:
        noted: what an earlier attempt was about to change; it may have done it.
        found: what this attempt finds, which calls `unchanged` what an earlier one has done.
    """
    return found if noted is None else found.changed(change=noted.change, before=noted.before)

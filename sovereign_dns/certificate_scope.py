"""Which of the Certificates that say they are a Sovereign's a removal takes away, whatever their names. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

from sovereign_dns import issuance
from sovereign_dns.contract import Hazard, Owner
from sovereign_dns.failures import KubernetesForbidden
from sovereign_dns.issuance import KubernetesObject
from sovereign_dns.messages import DomainCertificate
from sovereign_dns.names import is_at_or_below, relative_to_root
from sovereign_dns.protected_names import at_stake
from sovereign_dns.removal import MOST_NAMED, is_zone_in_scope
from sovereign_dns.removal_intent import RemovalIntent


class Besides(NamedTuple):
    """Certificates of the Sovereign: those that go, and those that are left, and told."""

    taken: list[KubernetesObject]
    left: list[Hazard]


def besides(
    listed: Iterable[KubernetesObject],
    named: Collection[str],
    intent: RemovalIntent,
    inner_domains: Collection[str] = (),
) -> Besides:
    """What is there besides the Certificates that the removal names.

    Args:
        listed: all that say that they are the Sovereign's.
        named: the names of those that are seen to anyway.
        intent: what shall be gone.
        inner_domains: the zones in it that are parent domains of their own: what is served there stays.
    """
    taken, left = [], []
    for certificate in listed:
        bases = bases_of(certificate)
        others = [base for base in bases if not _is_in_scope(base, intent, inner_domains)]
        in_scope = intent.everywhere or len(others) < len(bases)
        if certificate["metadata"]["name"] in named or not in_scope:
            continue
        if why := _why_left(certificate, others, intent):
            left.append(_left(certificate, why))
        else:
            taken.append(certificate)
    return Besides(taken, left)


def _is_in_scope(base: str, intent: RemovalIntent, inner_domains: Iterable[str]) -> bool:
    stays = any(is_at_or_below(base, domain) for domain in inner_domains)
    return intent.everywhere or (is_zone_in_scope(base, intent) and not stays)


def bases_of(certificate: KubernetesObject) -> list[str]:
    """The names that it is for; a wildcard counts as what it lies below."""
    return list(dict.fromkeys(name.removeprefix("*.") for name in _dns_names(certificate)))


def may_serve_others(certificate: KubernetesObject, sovereign_fqdn: str) -> list[str]:
    """The names that it is for below which another Sovereign may be; below the Sovereign's own name is none."""
    return [base for base in bases_of(certificate) if not is_at_or_below(base, sovereign_fqdn)]


def _why_left(certificate: KubernetesObject, others: list[str], intent: RemovalIntent) -> str | None:
    annotations: Mapping[str, Any] = certificate["metadata"].get("annotations") or {}
    if issuance.OWNER_ANNOTATION not in annotations:
        return f"only its label names {intent.owner.sovereign_fqdn}, and sovereign-dns has not asked for it"
    deployment, wanted = annotations.get(issuance.DEPLOYMENT_ANNOTATION) or "unknown", intent.owner.deployment_id
    if why := _why_protected(certificate, intent.protected_fqdns):
        return why
    if wanted and deployment != wanted:
        return (
            f"it is of deployment {deployment}, and the request is about {wanted}: the other may be newer, and in use. "
            "The same removal without deploymentId takes it too"
        )
    return f"it is for {_first(others)} too" if others else None


def kept_as_protected(certificate: KubernetesObject, protected_fqdns: Collection[str]) -> list[Hazard]:
    """Told where a Certificate is for one of the platform's own names, whosever it says that it is."""
    why = _why_protected(certificate, protected_fqdns)
    return [_left(certificate, why)] if why else []


def _why_protected(certificate: KubernetesObject, protected_fqdns: Collection[str]) -> str | None:
    """Where one of the platform's own names is among those that it is for, itself or by a wildcard."""
    protected = next(filter(None, (at_stake(name, [], protected_fqdns) for name in _dns_names(certificate))), None)
    why = f"it is for {protected}, which is protected (CATALYST_PROTECTED_FQDNS), so it is the platform's own"
    return why if protected else None


def _dns_names(certificate: KubernetesObject) -> list[str]:
    given = (certificate.get("spec") or {}).get("dnsNames") or []
    return [relative_to_root(str(name).lower()) for name in given]


def needed_by_nobody(certificate: KubernetesObject, of_domain: DomainCertificate | None, owner: Owner) -> list[Hazard]:
    """A parent domain's own Certificate, whose owner went first, when the last one goes that it has served."""
    holder = issuance.owner_of(certificate)
    if of_domain is None or of_domain.needed_by or holder in {None, owner.sovereign_fqdn}:
        return []
    namespace, domain = certificate["metadata"]["namespace"], of_domain.domain
    why = (
        f"it belongs to Sovereign {holder}, which has no records below {domain}, nor has any other by now. If {holder} "
        f"is gone, take it away with: sovereign-dns remove-domain {domain} --sovereign {holder} "
        f"--certificate-namespace {namespace}"
    )
    return [_left(certificate, why)]


def _left(certificate: KubernetesObject, why: str) -> Hazard:
    namespace, name = certificate["metadata"]["namespace"], certificate["metadata"]["name"]
    return Hazard(
        kind="certificate-left",
        zone="",
        name=f"{namespace}/{name}",
        content=issuance.status_of(certificate).dns_names,
        message=(
            f"Certificate {namespace}/{name} was left: {why}. If nobody needs it any more, by hand: kubectl -n "
            f"{namespace} delete certificate {name}"
        ),
    )


def not_looked_for(sovereign_fqdn: str, namespace: str, named: Collection[str], refusal: KubernetesForbidden) -> Hazard:
    """Nobody knows whether there are any besides those named."""
    return Hazard(
        kind="certificate-left",
        zone="",
        name=f"{namespace}/*",
        content=[],
        message=(
            f"Certificates of {sovereign_fqdn} were not looked for by their owner in namespace {namespace}, only by "
            f"name ({_first(named)}), so that one with another name may be left. {refusal} Grant list there and "
            f"start the same removal again, or look yourself: kubectl -n {namespace} get certificates -o yaml, for the "
            f"annotation {issuance.OWNER_ANNOTATION}: {sovereign_fqdn}"
        ),
    )


def told(found: Besides) -> str:
    """In one line; nothing where there is nothing."""
    names = [certificate["metadata"]["name"] for certificate in found.taken]
    parts = [f"found by their owner: {_first(names)}"] if names else []
    parts += [f"{len(found.left)} left, see the hazards"] if found.left else []
    return "; ".join(parts)


def _first(names: Collection[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(list(names)[:MOST_NAMED])}{more}"

"""From a request to restore, and the environment's rules, to what shall be put back. Pure.

The outcome is decided once for a run, in an activity, and stands in its history.
"""

from collections.abc import Iterable

from sovereign_dns.contract import CertificateStatus, Owner, PoolNameChange, ProvisionResult, RecordChange
from sovereign_dns.failures import InvalidInput, ProtectedName
from sovereign_dns.intent import NamingRules
from sovereign_dns.issuance import WantedCertificate
from sovereign_dns.lifecycle_requests import RestoreRequest
from sovereign_dns.names import is_at_or_below, relative_to_root
from sovereign_dns.public_suffixes import is_public_suffix
from sovereign_dns.restoring import lost_in
from sovereign_dns.wire import Message

_DEPLOYMENT_UNKNOWN = "restored"


class ZoneToRestore(Message):
    """A zone that was removed, and the names that are written into it again. It gets keys of its own."""

    domain: str
    nameservers: list[str]
    names: list[str]
    may_create: bool


class RecordsToRestore(Message):
    """What stood in one zone. `pool_address` where PDM makes the zone, and writes this address into it."""

    zone: str
    records: list[RecordChange]
    pool_address: str | None = None


class PoolNameToRestore(Message):
    """A pool name that was released."""

    domain: str
    subdomain: str
    load_balancer_ip: str

    @property
    def fqdn(self) -> str:
        """The Sovereign's name."""
        return f"{self.subdomain}.{self.domain}"


class RestoringIntent(Message):
    """What shall be put back. Zones are in the order in which they can be created: those above before those below."""

    owner: Owner
    nameservers: list[str]
    zones: list[ZoneToRestore] = []
    records: list[RecordsToRestore] = []
    pool_names: list[PoolNameToRestore] = []
    certificates: list[WantedCertificate] = []
    search_attributes_usable: bool = True
    runbook_url: str | None = None


def derive_restoring(request: RestoreRequest, rules: NamingRules) -> RestoringIntent:
    """Decides what is put back, and by which step.

    Raises:
        InvalidInput: names the field and why.
        ProtectedName: it touches a protected name.
    """
    lost = lost_in(
        ProvisionResult(
            deployment_id=request.deployment_id or "",
            sovereign_fqdn=request.sovereign_fqdn or "",
            zones=request.zones,
            records=[_normal(change) for change in request.records],
            certificates=request.certificates,
            pool_names=request.pool_names,
        )
    )
    owner = Owner(sovereign_fqdn=lost.sovereign_fqdn, deployment_id=lost.deployment_id or _deployment_of(lost))
    pool_names = [_pool_name(name, lost) for name in lost.pool_names]
    of_pools = {name.fqdn for name in pool_names}
    removed = {relative_to_root(zone.zone).lower(): zone for zone in lost.zones}
    records = [
        change
        for change in lost.records
        # Whoever makes the zone delegates it, with the DS of its new keys.
        if not (change.type in {"NS", "DS"} and relative_to_root(change.name) in removed.keys() | of_pools)
    ]
    intent = RestoringIntent(
        owner=owner,
        nameservers=rules.nameservers,
        zones=[
            ZoneToRestore(
                domain=domain,
                nameservers=[relative_to_root(server) for server in removed[domain].nameservers] or rules.nameservers,
                names=list(
                    dict.fromkeys(relative_to_root(c.name) for c in records if relative_to_root(c.zone) == domain)
                ),
                may_create=not any(is_at_or_below(protected, domain) for protected in rules.protected_fqdns),
            )
            for domain in sorted(removed.keys() - of_pools, key=lambda name: (name.count("."), name))
        ],
        records=_by_zone(records, pool_names),
        pool_names=pool_names,
        certificates=[_certificate(status, owner) for status in lost.certificates],
    )
    _refuse_nothing(intent)
    _refuse_what_cannot_be(request, intent)
    _refuse_outside(intent, rules.allowed_parent_domains)
    _refuse_protected(intent, rules.protected_fqdns)
    return intent


def _normal(change: RecordChange) -> RecordChange:
    return change.changed(zone=change.zone.lower(), name=change.name.lower(), type=change.type.upper())


def _deployment_of(lost: ProvisionResult) -> str:
    """Of a run that was told of none: the deployment that the first of its own records was written by."""
    owners = [
        *(change.before_owner for change in lost.records),
        *(status.before.owner for status in lost.certificates if status.before),
    ]
    own = (owner.deployment_id for owner in owners if owner and owner.sovereign_fqdn == lost.sovereign_fqdn)
    return next(own, _DEPLOYMENT_UNKNOWN)


def _pool_name(name: PoolNameChange, lost: ProvisionResult) -> PoolNameToRestore:
    fqdn = f"{name.subdomain}.{name.domain}"
    address = name.load_balancer_ip or next(
        (c.before[0] for c in lost.records if relative_to_root(c.name) == fqdn and c.type == "A" and c.before), None
    )
    if address is None:
        raise InvalidInput(
            f"poolNames: {fqdn} has no loadBalancerIP, and no A record of it is put back: PDM takes no name without an "
            "address. Give it one"
        )
    return PoolNameToRestore(domain=name.domain, subdomain=name.subdomain, load_balancer_ip=address)


def _by_zone(records: Iterable[RecordChange], pool_names: Iterable[PoolNameToRestore]) -> list[RecordsToRestore]:
    by_zone: dict[str, list[RecordChange]] = {}
    for change in records:
        by_zone.setdefault(relative_to_root(change.zone), []).append(change)
    addresses = {name.fqdn: name.load_balancer_ip for name in pool_names}
    return [
        RecordsToRestore(zone=zone, records=changes, pool_address=addresses.get(zone))
        for zone, changes in by_zone.items()
    ]


def _certificate(status: CertificateStatus, owner: Owner) -> WantedCertificate:
    spec = status.before
    assert spec is not None  # noqa: S101 (others are none that was lost)
    return WantedCertificate(
        name=status.name,
        namespace=status.namespace,
        issuer=spec.issuer,
        issuer_kind=spec.issuer_kind,
        dns_names=spec.dns_names,
        secret_name=spec.secret_name,
        owner=spec.owner or owner,
        in_place_of=[] if status.change == "removed" else status.dns_names,
    )


def _refuse_nothing(intent: RestoringIntent) -> None:
    if not (intent.zones or intent.records or intent.pool_names or intent.certificates):
        raise InvalidInput(
            "records: there is nothing to put back. Give the zones, records, certificates and poolNames of the run's "
            "result, where at least one was removed or replaced; sovereign-dns restore WORKFLOW_ID does that by itself"
        )


def _refuse_what_cannot_be(request: RestoreRequest, intent: RestoringIntent) -> None:
    if request.sovereign_fqdn is None and (intent.zones or intent.pool_names or intent.certificates):
        raise InvalidInput(
            "sovereignFQDN: is required where zones, pool names or certificates are put back: whose are they?"
        )
    for name in intent.pool_names:
        if name.fqdn != request.sovereign_fqdn:
            raise InvalidInput(f"poolNames: {name.fqdn} is not the sovereignFQDN {request.sovereign_fqdn}")
    for zone in intent.zones:
        if is_public_suffix(zone.domain):
            raise InvalidInput(f"zones: {zone.domain} is a public suffix, not a domain that an operator can own")
    for part in intent.records:
        for change in part.records:
            if not is_at_or_below(relative_to_root(change.name), part.zone):
                raise InvalidInput(f"records: {change.name} lies outside of its zone {change.zone}")
            if change.type == "SOA":
                raise InvalidInput(f"records: the SOA of {change.zone} is PowerDNS' own business; leave it out")


def _refuse_outside(intent: RestoringIntent, allowed: list[str]) -> None:
    touched = [*(zone.domain for zone in intent.zones), *(part.zone for part in intent.records)]
    for zone in touched:
        if allowed and not any(is_at_or_below(zone, domain) for domain in allowed):
            raise InvalidInput(
                f"zones: {zone} is outside what this installation serves "
                f"(CATALYST_ALLOWED_PARENT_DOMAINS={','.join(allowed)})"
            )


def _refuse_protected(intent: RestoringIntent, protected_fqdns: list[str]) -> None:
    touched = {relative_to_root(change.name) for part in intent.records for change in part.records}
    touched |= {name for certificate in intent.certificates for name in certificate.dns_names}
    touched |= {name.fqdn for name in intent.pool_names}
    for name in sorted(touched & set(protected_fqdns)):
        raise ProtectedName(
            f"records: {name} is protected (CATALYST_PROTECTED_FQDNS): it is the platform's own, and no request may "
            "touch it, nor put anything back there"
        )

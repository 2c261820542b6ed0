"""From a finding of an audit and the environment's rules to what is removed. Pure."""

from collections.abc import Iterable

from sovereign_dns import names
from sovereign_dns.audit_contract import Finding, FindingKind, FixFindingRequest
from sovereign_dns.contract import Owner, sovereign_workflow_id
from sovereign_dns.failures import InvalidInput, ProtectedName
from sovereign_dns.intent import NamingRules
from sovereign_dns.lifecycle_messages import RRsetToRemove
from sovereign_dns.names import relative_to_root
from sovereign_dns.protected_names import at_stake
from sovereign_dns.removal_intent import RemovalIntent

REMOVABLE: tuple[FindingKind, ...] = ("orphan", "dangling", "shadowing")
"""A drift is mended by writing what was meant, and what could not be read by having it read."""

NOBODY = Owner(sovereign_fqdn="", deployment_id="")
"""Whose records are that no Sovereign owns."""

_MENDED_BY_REMOVAL = "sovereign-dns audit fix "

_NEVER_REMOVED = {"SOA", "NS", "DNSKEY"}
"""At a zone's own apex: without them there is no zone."""


class FixIntent(RemovalIntent):
    """What shall be gone: rrsets of one zone, each as the audit found it. The owner's FQDN is empty where none is."""

    zone: str
    rrsets: list[RRsetToRemove]


def fix_lock_id(finding: Finding) -> str:
    """The workflow id that is the lock: the Sovereign's, or, where nobody owns it, one of the finding's own."""
    return sovereign_workflow_id(finding.owner.sovereign_fqdn) if finding.owner else f"audit-fix/{finding.id}"


def why_not_removable(finding: Finding) -> str | None:
    """Why no finding of this kind and size is removed, and what mends it; None where it may be."""
    if finding.kind in REMOVABLE and finding.mend.startswith(_MENDED_BY_REMOVAL) and finding.content:
        return None
    return (
        f"the finding {finding.id} ({finding.kind} {finding.name} {finding.type}) is not mended by removing a record, "
        f"but by: {finding.mend}"
    )


def derive_fix(request: FixFindingRequest, rules: NamingRules) -> FixIntent:
    """What is removed.

    Raises:
        InvalidInput: the finding is mended otherwise, or is none.
        ProtectedName: it names what the platform itself needs.
    """
    finding = request.finding
    together = [finding, *request.together_with]
    for one in together:
        if told := why_not_removable(one):
            raise InvalidInput(f"finding: {told}")
        if (one.zone, one.name, one.owner) != (finding.zone, finding.name, finding.owner):
            raise InvalidInput(
                f"togetherWith: {one.id} is about {one.name} in zone {one.zone}, and {finding.id} about {finding.name} "
                f"in {finding.zone}. Only findings of one owner at one name are removed together"
            )
    zone, name = _checked_name("zone", finding.zone), _checked_name("name", finding.name)
    if not names.is_at_or_below(name, zone):
        raise InvalidInput(f"finding.name: {name} is not in the zone {zone}")
    if name == zone and any(one.type in _NEVER_REMOVED for one in together):
        raise InvalidInput(f"finding.type: the {finding.type} of {zone} itself is what makes it a zone")
    _refuse_outside(name, rules.allowed_parent_domains)
    _refuse_protected(name, (one.type for one in together), rules.protected_fqdns)
    owner = finding.owner or NOBODY
    return FixIntent(
        owner=owner,
        nameservers=rules.nameservers,
        domains=[],
        zone=finding.zone,
        rrsets=[
            RRsetToRemove(name=finding.name, type=one.type, expected=one.content, expected_owner=owner.sovereign_fqdn)
            for one in together
        ],
    )


def _checked_name(field: str, text: str) -> str:
    plain = relative_to_root(text).lower()
    if not plain or plain.startswith("."):
        raise InvalidInput(f"finding.{field}: {text!r} is no name")
    return plain


def _refuse_outside(name: str, allowed: list[str]) -> None:
    if allowed and not any(names.is_at_or_below(name, domain) for domain in allowed):
        raise InvalidInput(
            f"finding.name: {name} is outside what this installation serves "
            f"(CATALYST_ALLOWED_PARENT_DOMAINS={','.join(allowed)})"
        )


def _refuse_protected(name: str, types: Iterable[str], protected_fqdns: list[str]) -> None:
    """Also what a protected name may be answered by: a wildcard above it, or a delegation at it or above."""
    protected = at_stake(name, types, protected_fqdns)
    if protected is not None:
        raise ProtectedName(
            f"finding.name: removing {name} may take {protected} away, which is protected "
            "(CATALYST_PROTECTED_FQDNS): it is the platform's own, and no request may touch it. Where the record is "
            "really to go, remove it by hand"
        )

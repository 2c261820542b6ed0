"""Findings about where a name leads: to an address that nobody has, or from names that are not its own. Pure."""

from collections.abc import Mapping

from sovereign_dns.audit_contract import Severity
from sovereign_dns.finding import Found
from sovereign_dns.rrsets import ADDRESS_TYPES, RRset, canonical_content
from sovereign_dns.zone_survey import Survey

MOST_ADDRESSES_TOLD = 5
NOBODY = "in nobody's inventory"


def nobodys(rrset: RRset, survey: Survey) -> list[str]:
    """The served addresses that nobody is known to have. A name that an alias leads to is not looked up."""
    if rrset.type not in {"A", "AAAA"}:
        return []
    return [
        content for content in rrset.served if survey.owner_of_address(canonical_content(rrset.type, content)) is None
    ]


def orphan(rrset: RRset, survey: Survey) -> Found | None:
    """An address without an owner's comment that is in nobody's inventory: a stranger may have it, or get it."""
    strangers = nobodys(rrset, survey) if rrset.owner is None else []
    if not strangers:
        return None
    wildcard = rrset.name.startswith("*.")
    told = listed(strangers)
    reach = f"every name below {rrset.name[2:]} that has no records of its own" if wildcard else rrset.name
    return Found(
        kind="orphan",
        severity="critical" if wildcard else "warning",
        rrset=rrset,
        message=(
            f"{rrset.name} {rrset.type} sends {reach} to {told}, which is in nobody's inventory: whoever has that "
            "address now, or is given it next, answers there. If it is yours, add it to CATALYST_OWNED_NETWORKS; else "
            "remove the record"
        ),
        evidence=[
            "no owner comment on the rrset",
            f"{told}: no Sovereign's address, and in no source of the inventory",
            f"TTL {rrset.ttl}",
        ],
    )


def shadowing(rrset: RRset, survey: Survey, shadowed: Mapping[str, str], *, complete: bool) -> Found | None:
    """A wildcard that answers for names of Sovereigns which are not its own, as soon as they have no records."""
    if not rrset.name.startswith("*.") or rrset.type not in ADDRESS_TYPES or not rrset.served:
        return None
    below = rrset.name[2:]
    if below not in shadowed or _is_own(rrset, below, survey):
        return None
    strangers = nobodys(rrset, survey) if complete else []
    severity: Severity = "critical" if strangers else "warning"
    return Found(
        kind="shadowing",
        severity=severity,
        rrset=rrset,
        message=(
            f"{rrset.name} {rrset.type} answers {listed(rrset.served)} for every name below {below} that has no "
            "records, also for a Sovereign whose records are not written yet, or were removed: its users then reach "
            + ("a stranger" if strangers else "something else")
            + ". Remove it, and give the names that need it records of their own"
        ),
        evidence=[shadowed[below], *_whose(rrset, survey)],
    )


def listed(values: list[str]) -> str:
    """The first ones of many."""
    more = f" and {len(values) - MOST_ADDRESSES_TOLD} more" if len(values) > MOST_ADDRESSES_TOLD else ""
    return ", ".join(values[:MOST_ADDRESSES_TOLD]) + more


def _is_own(rrset: RRset, below: str, survey: Survey) -> bool:
    """Whether it is the wildcard of a Sovereign's own host, written by it or, for a pool name, by PDM.

    One without an owner is not where it leads to a stranger, or to another Sovereign.
    """
    sovereign = survey.hosts.get(below)
    if sovereign is None:
        return False
    if rrset.owner is not None:
        return rrset.owner.sovereign_fqdn == sovereign
    addresses = [canonical_content(rrset.type, content) for content in rrset.served if rrset.type in {"A", "AAAA"}]
    elsewhere = any(survey.is_known_to_be_anothers(address, below, sovereign) for address in addresses)
    return not (elsewhere or nobodys(rrset, survey))


def _whose(rrset: RRset, survey: Survey) -> list[str]:
    told = [f"owner comment: Sovereign {rrset.owner.sovereign_fqdn}" if rrset.owner else "no owner comment"]
    if rrset.type in {"A", "AAAA"}:
        told += [
            f"{content}: {survey.owner_of_address(canonical_content(rrset.type, content)) or NOBODY}"
            for content in rrset.served[:MOST_ADDRESSES_TOLD]
        ]
    return told

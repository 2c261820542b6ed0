"""Findings about whose an rrset is: left behind by who is gone, or no longer what its owner wrote. Pure."""

from sovereign_dns import names
from sovereign_dns.audit_addresses import listed, nobodys
from sovereign_dns.audit_contract import Severity
from sovereign_dns.finding import Found
from sovereign_dns.rrsets import RRset
from sovereign_dns.zone_survey import Survey


def abandoned(zone: str, rrset: RRset, survey: Survey, *, complete: bool) -> Found | None:
    """An rrset of a Sovereign that is deprovisioned, or of a pool name that PDM doesn't know (any more)."""
    if not rrset.served or (rrset.name == zone and rrset.type in {"SOA", "NS"}):
        return None
    if rrset.type in {"NS", "DS"} and rrset.name in survey.zones and not _is_left_by_pdm(rrset.name, survey):
        return None  # the delegation lives as long as the zone that it leads to
    return _of_gone_sovereign(rrset, survey, complete=complete) or _of_unknown_pool_name(zone, rrset, survey)


def _of_gone_sovereign(rrset: RRset, survey: Survey, *, complete: bool) -> Found | None:
    gone = survey.inventory.gone_sovereign(rrset.owner.sovereign_fqdn) if rrset.owner else None
    if gone is None:
        return None
    strangers = nobodys(rrset, survey) if complete else []
    return Found(
        kind="dangling",
        severity="critical" if strangers else "warning",
        rrset=rrset,
        message=(
            f"{rrset.name} {rrset.type} ({listed(rrset.served)}) belongs to Sovereign {gone.sovereign_fqdn}, which is "
            "deprovisioned: nobody looks after it any more"
            + (f", and nobody is known to have {listed(strangers)}" if strangers else "")
            + f". Remove it, or all that is left of it at once: sovereign-dns deprovision {gone.sovereign_fqdn}"
        ),
        evidence=[f"deprovisioned at {gone.at:%Y-%m-%d %H:%M:%S} UTC by {gone.workflow_id} (run {gone.run_id})"],
    )


def _of_unknown_pool_name(zone: str, rrset: RRset, survey: Survey) -> Found | None:
    pool_name = rrset.name if rrset.type in {"NS", "DS"} else zone
    if not _is_left_by_pdm(pool_name, survey) or _is_transient(rrset):
        return None
    known = "Temporal takes its Sovereign for live" if pool_name in survey.inventory.live else ""
    owner = f"owner comment: Sovereign {rrset.owner.sovereign_fqdn}" if rrset.owner else "no owner comment"
    return Found(
        kind="dangling",
        severity="warning",
        rrset=rrset,
        message=(
            f"{rrset.name} {rrset.type} ({listed(rrset.served)}) is there for the pool name {pool_name}, which PDM "
            "doesn't hold: somebody else may be given that name at any time. If the Sovereign is in use, have PDM hold "
            f"its name again: sovereign-dns provision --again {pool_name}. Else remove it, or all of it at once: "
            f"sovereign-dns deprovision {pool_name}"
        ),
        evidence=[
            line
            for line in (f"no row of {pool_name} in PDM, and its zone is not one that we made", owner, known)
            if line
        ],
    )


def _is_left_by_pdm(zone: str, survey: Survey) -> bool:
    """Whether a hosted zone was made for a pool name that PDM no longer holds. One that we made says so by its NS."""
    inventory = survey.inventory
    return (
        zone in survey.zones
        and names.parent_of(zone) in inventory.pools
        and inventory.has_read("pdm")
        and inventory.pool_row(zone) is None
        and zone not in survey.made_by_us
    )


def _is_transient(rrset: RRset) -> bool:
    """Whether it lives for minutes (RFC 8555 §8.4)."""
    return rrset.type == "TXT" and rrset.name.startswith("_acme-challenge.")


def drift(rrset: RRset, survey: Survey, *, complete: bool) -> Found | None:
    """An owned rrset that is not what was written, or is not there any more, though its owner's comment is."""
    owner = rrset.owner
    if owner is None or survey.inventory.gone_sovereign(owner.sovereign_fqdn) is not None:
        return None
    if rrset.records and rrset.is_as_written is not False:
        return None
    strangers = nobodys(rrset, survey) if complete else []
    severity: Severity = "critical" if strangers else "warning"
    now = f"now it is {listed(rrset.served)} with TTL {rrset.ttl}" if rrset.served else "now nothing is served"
    return Found(
        kind="drift",
        severity=severity,
        rrset=rrset,
        message=(
            f"{rrset.name} {rrset.type} is not what Sovereign {owner.sovereign_fqdn} wrote: {now}"
            + (f", and nobody is known to have {listed(strangers)}" if strangers else "")
            + ". Somebody changed it past the workflow. If that was meant, provision the Sovereign with it; else have "
            "it written again"
        ),
        evidence=[
            f"written by deployment {owner.deployment_id}",
            *([f"kept and not served: {listed(rrset.disabled)}"] if rrset.disabled else []),
            "its digest doesn't fit" if rrset.records else "the owner's comment is there, and no record",
        ],
        again=owner.sovereign_fqdn,
    )

"""Findings about delegations that lead nowhere: no zone behind them, or no key. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sovereign_dns.audit_addresses import listed
from sovereign_dns.delegation import matches_a_key
from sovereign_dns.finding import Found
from sovereign_dns.rrsets import RRset
from sovereign_dns.zone_survey import Survey


@dataclass(frozen=True)
class Cut:
    """A name at which a zone hands over to another one, or has remains of that."""

    name: str
    ns: RRset | None
    ds: RRset | None


def cut_of(zone: str, name: str, rrsets: Sequence[RRset]) -> Cut | None:
    """The delegation at a name, if there is any. A zone's own apex is none."""
    if name == zone:
        return None
    served = {rrset.type: rrset for rrset in rrsets if rrset.served}
    ns, ds = served.get("NS"), served.get("DS")
    return Cut(name, ns, ds) if ns or ds else None


def dangling_cut(
    cut: Cut, survey: Survey, our_nameservers: Collection[str], child_ds: Sequence[str] | None
) -> list[Found]:
    """What leads nowhere at a cut.

    Args:
        cut: the delegation.
        survey: knows the hosted zones.
        our_nameservers: those that lead here, names with their dots, in lower case.
        child_ds: the DS records of the hosted zone's keys; None where they are not known.
    """
    found: list[Found] = []
    here = [server for server in cut.ns.served if server.lower() in our_nameservers] if cut.ns else []
    leads_here, hosted = bool(here), cut.name in survey.zones
    if cut.ns is not None and leads_here and not hosted:
        if len(here) < len(cut.ns.served):  # others may well answer, by the DS too
            return [_to_no_zone_in_part(cut.ns, here)]
        found.append(_to_no_zone(cut.ns))
    if cut.ds is None:
        return found
    if cut.ns is None:
        found.append(_without_delegation(cut.ds, hosted=hosted))
    elif leads_here and not hosted:
        found.append(_of_no_zone(cut.ds))
    elif leads_here and child_ds is not None and not matches_a_key(cut.ds, child_ds):
        found.append(_without_key(cut.ds, signed=bool(child_ds)))
    return found


def _to_no_zone(ns: RRset) -> Found:
    return Found(
        kind="dangling",
        severity="warning",
        rrset=ns,
        message=(
            f"{ns.name} is delegated to {listed(ns.served)}, which are our own name servers, and no such zone is "
            "hosted here: every name at and below it is refused. Whoever may create zones here can take it. Create the "
            "zone, or remove the delegation"
        ),
        evidence=[f"PowerDNS hosts no zone {ns.name}"],
    )


def _to_no_zone_in_part(ns: RRset, here: list[str]) -> Found:
    others = [server for server in ns.served if server not in here]
    return Found(
        kind="dangling",
        severity="warning",
        rrset=ns,
        message=(
            f"{ns.name} is delegated to {listed(here)}, which are our own name servers, and no such zone is hosted "
            f"here: they refuse it, and whoever may create zones here can answer in its place. {listed(others)} may "
            "well answer for it, so the delegation is not to be removed"
        ),
        evidence=[f"PowerDNS hosts no zone {ns.name}"],
        by_hand=f"take {listed(here)} out of the NS records of {ns.name} by hand, or create the zone",
    )


def _of_no_zone(ds: RRset) -> Found:
    return Found(
        kind="dangling",
        severity="warning",
        rrset=ds,
        message=(
            f"{ds.name} has a DS record for a zone that is not hosted: should it be created, it has other keys, and "
            "every validating resolver refuses it. Remove the DS"
        ),
        evidence=[f"PowerDNS hosts no zone {ds.name}"],
    )


def _without_delegation(ds: RRset, *, hosted: bool) -> Found:
    return Found(
        kind="dangling",
        severity="warning" if hosted else "notice",
        rrset=ds,
        message=(
            f"{ds.name} has a DS record and no NS beside it, so it delegates nothing"
            + (
                ", though the zone is hosted: validating resolvers refuse its answers. Provision its Sovereign again, "
                "which writes the delegation, or remove the DS"
                if hosted
                else ". Remove it"
            )
        ),
        evidence=["no NS at the same name"],
    )


def _without_key(ds: RRset, *, signed: bool) -> Found:
    return Found(
        kind="dangling",
        severity="critical",
        rrset=ds,
        message=(
            f"the DS of {ds.name} names no key of the hosted zone"
            + ("" if signed else ", which is not signed")
            + ": every validating resolver refuses all answers of it, so its names are gone for most of the world. "
            "Remove the DS; provisioning its Sovereign again writes the right one"
        ),
        evidence=["keys of the zone: " + (f"tags {_tags(ds)} asked for, none is active" if signed else "none")],
    )


def _tags(ds: RRset) -> str:
    return ", ".join(sorted({content.split()[0] for content in ds.served if content.split()}))

"""What a removal is about once it is known what there is."""

import pytest

from sovereign_dns.contract import Hazard, Owner
from sovereign_dns.lifecycle_messages import FoundZone, RRsetToRemove
from sovereign_dns.removal_intent import DomainRemoval, RemovalIntent
from sovereign_dns.removal_scope import absent_names, domain_certificates, domains_of, why_no_pool_name, zones_below
from tests.unit.builders import FQDN, PARENT, STRANGER

WORKS = DomainRemoval(domain=PARENT, host=FQDN, names=[FQDN, f"api.{FQDN}"], certificate_names=[f"{FQDN}-wildcard-tls"])
INTENT = RemovalIntent(owner=Owner(sovereign_fqdn=FQDN, deployment_id=""), nameservers=[], domains=[WORKS])
HOMES = FoundZone(
    zone="omani.homes", domain="omani.homes", rrsets=[RRsetToRemove(name="api.t110.omani.homes", type="A")]
)


def test_a_parent_domain_of_which_only_records_tell_has_a_certificate_too() -> None:
    works, homes = domains_of(INTENT, [FoundZone(zone=PARENT, domain=PARENT), HOMES])

    assert works == WORKS
    assert (homes.domain, homes.host) == ("omani.homes", "t110.omani.homes")
    assert homes.certificate_names == ["t110.omani.homes-wildcard-tls"]


def test_what_was_found_is_denied_too_and_what_is_anothers_is_not() -> None:
    found = FoundZone(zone=PARENT, domain=PARENT, rrsets=[RRsetToRemove(name=f"extra.{FQDN}", type="A")])
    kept = Hazard(kind="kept-for-another", zone=f"{PARENT}.", name=f"api.{FQDN}.", content=[STRANGER], message="")

    assert absent_names(WORKS, [found, HOMES], [kept]) == [FQDN, f"extra.{FQDN}"]


def test_a_domains_own_certificate_is_none_of_a_hosts() -> None:
    at_its_own_name = DomainRemoval(domain=FQDN, host=FQDN, names=[FQDN], certificate_names=[f"{FQDN}-wildcard-tls"])

    assert [(c.domain, c.name) for c in domain_certificates([WORKS])] == [(PARENT, f"{PARENT}-wildcard-tls")]
    assert domain_certificates([at_its_own_name]) == []


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([FoundZone(zone=PARENT, domain=PARENT)], "not a pool name (BYO): PDM has no part in it"),
        ([FoundZone(zone=FQDN, domain=FQDN, made_for_us=True)], "not a pool name (BYO): PDM has no part in it"),
        ([FoundZone(zone=FQDN, domain=PARENT)], f"the request names no pool: if {FQDN} is a pool name, PDM still"),
        ([], f"the request names no pool: if {FQDN} is a pool name, PDM still holds it"),
    ],
)
def test_a_pool_name_may_be_one_that_has_a_zone_of_its_own_or_of_which_nothing_is_found(
    found: list[FoundZone], told: str
) -> None:
    assert why_no_pool_name(FQDN, found).startswith(told)


def test_zones_go_from_the_deepest_up() -> None:
    zones = [PARENT, f"eu.{PARENT}", f"x.eu.{PARENT}", "omani.homes"]

    assert zones_below(PARENT, zones) == [f"eu.{PARENT}", f"x.eu.{PARENT}"]
    assert zones_below(f"x.eu.{PARENT}", zones) == []

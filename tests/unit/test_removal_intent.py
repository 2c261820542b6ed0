"""What a request for removal touches: the names that provisioning wrote, and none that nobody may touch."""

from typing import Any

import pytest

from sovereign_dns.failures import InvalidInput, ProtectedName
from sovereign_dns.intent import CANONICAL_SUBDOMAINS, NamingRules
from sovereign_dns.lifecycle_requests import DeprovisionRequest, RemoveParentDomainRequest
from sovereign_dns.removal_intent import RemovalIntent, derive_removal
from tests.unit.builders import FQDN, LOAD_BALANCER, intent


def deprovision(rules: NamingRules | None = None, **fields: object) -> RemovalIntent:
    request = DeprovisionRequest.model_validate({"sovereignFQDN": FQDN} | fields)
    return derive_removal(request, rules or NamingRules())


def remove_domain(rules: NamingRules | None = None, **fields: object) -> RemovalIntent:
    request = RemoveParentDomainRequest.model_validate({"sovereignFQDN": FQDN, "name": "omani.homes"} | fields)
    return derive_removal(request, rules or NamingRules())


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"parentDomains": [{"name": "omani.works"}, {"name": "omani.homes"}]},
        {"subdomains": ["console", "a.b"]},
        {"pool": {"domain": "omani.works", "subdomain": "t110"}},
        {"parentDomains": [{"name": FQDN}]},
    ],
)
def test_it_takes_the_names_that_the_same_request_provisions(fields: dict[str, Any]) -> None:
    provisioned = intent(**fields)
    removed = deprovision(**fields)

    assert [(d.domain, d.host, d.names) for d in removed.domains] == [
        (d.domain, d.host, list(dict.fromkeys(rrset.name for rrset in d.rrsets))) for d in provisioned.domains
    ]
    assert [d.certificate_names for d in removed.domains] == [[d.certificate_name] for d in provisioned.domains]


def test_a_sovereign_goes_from_every_zone_whatever_parent_domains_are_named() -> None:
    assert deprovision().everywhere
    assert deprovision(parentDomains=[{"name": "omani.works"}]).everywhere
    assert not remove_domain().everywhere


def test_a_certificate_with_a_name_of_its_own_is_that_of_the_first_host() -> None:
    parents = [{"name": "omani.works"}, {"name": "omani.homes"}]
    removed = deprovision(parentDomains=parents, certificateName="sovereign-wildcard-tls")
    assert [d.certificate_names for d in removed.domains] == [
        ["sovereign-wildcard-tls"],
        ["t110.omani.homes-wildcard-tls"],
    ]


def test_no_deployment_stands_for_every_one() -> None:
    assert deprovision().owner.deployment_id == ""
    assert deprovision(deploymentId="d7").owner.deployment_id == "d7"


def test_one_parent_domain_and_its_host() -> None:
    (domain,) = remove_domain().domains
    assert (domain.domain, domain.host) == ("omani.homes", "t110.omani.homes")
    assert domain.names == ["t110.omani.homes", *(f"{label}.t110.omani.homes" for label in CANONICAL_SUBDOMAINS)]
    assert domain.certificate_names == ["t110.omani.homes-wildcard-tls"]


def test_the_environments_subdomains_count_where_the_request_names_none() -> None:
    (domain,) = deprovision(NamingRules(subdomains=["app"])).domains
    assert domain.names == [FQDN, f"app.{FQDN}"]


def test_addresses_are_compared_by_value() -> None:
    found = deprovision(
        loadBalancerIP=LOAD_BALANCER, consoleLoadBalancerIP=LOAD_BALANCER, loadBalancerIPv6="2A01:4F8:0:0::95"
    )
    assert found.addresses == [LOAD_BALANCER, "2a01:4f8::95"]


@pytest.mark.parametrize("name", [FQDN, f"console.{FQDN}"])
def test_a_protected_name_is_never_taken_away(name: str) -> None:
    with pytest.raises(ProtectedName, match=name):
        deprovision(NamingRules(protected_fqdns=[name]))


def test_a_protected_sovereign_is_refused_although_no_parent_domain_of_the_request_contains_it() -> None:
    """Records that name it are found in every zone."""
    with pytest.raises(ProtectedName, match=FQDN):
        deprovision(NamingRules(protected_fqdns=[FQDN]), parentDomains=[{"name": "omani.homes"}])


def test_a_pool_name_that_holds_a_protected_name_is_not_released() -> None:
    """PDM deletes its zone with all that is in it."""
    rules = NamingRules(protected_fqdns=[f"status.{FQDN}"])
    pool = {"domain": "omani.works", "subdomain": "t110"}
    with pytest.raises(ProtectedName, match=f"status.{FQDN}"):
        deprovision(rules, pool=pool)
    assert deprovision(rules, pool=pool, releasePool=False).protected_fqdns == [f"status.{FQDN}"]


def test_a_public_suffix_is_nobodys_to_remove() -> None:
    with pytest.raises(InvalidInput, match=r"^name: co\.uk is a public suffix"):
        remove_domain(name="co.uk")
    with pytest.raises(InvalidInput, match=r"^parentDomains: co\.uk is a public suffix"):
        deprovision(parentDomains=[{"name": "co.uk"}])
    with pytest.raises(InvalidInput, match=r"^sovereignFQDN: co\.uk is a public suffix"):
        deprovision(sovereignFQDN="co.uk")


def test_what_this_installation_does_not_serve_it_does_not_remove() -> None:
    with pytest.raises(InvalidInput, match=r"^name: omani\.homes is outside what this installation serves"):
        remove_domain(NamingRules(allowed_parent_domains=["omani.works"]))


def test_a_name_that_dns_cannot_hold_is_refused() -> None:
    with pytest.raises(InvalidInput, match="has at most 253"):
        deprovision(subdomains=[".".join(["a" * 60] * 4)])

"""What is refused once the environment has its say: each refusal names the field, and what would mend it."""

from typing import Any

import pytest

from sovereign_dns.failures import InvalidInput, Kind, ProtectedName
from sovereign_dns.intent import NamingRules, derive_intent
from tests.unit.builders import FQDN, intent, request


def refused(rules: NamingRules | None = None, /, **fields: Any) -> str:
    """The message of the InvalidInput that a valid request ends in."""
    wanted = request(**fields)
    with pytest.raises(InvalidInput) as caught:
        derive_intent(wanted, rules or NamingRules())
    assert caught.value.kind is Kind.REFUSED
    return str(caught.value)


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.16.0.1", "192.168.1.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "192.0.2.1", "240.0.0.1"],
)
@pytest.mark.parametrize("field", ["loadBalancerIP", "consoleLoadBalancerIP"])
def test_an_address_that_nobody_can_reach_is_refused_unless_allowed(field: str, address: str) -> None:
    told = refused(**{field: address})
    assert told.startswith(f"{field}: {address} is not a public address")
    assert "CATALYST_ALLOW_NON_PUBLIC_IPS" in told
    decided = intent(NamingRules(allow_non_public_ips=True), **{field: address})
    assert address in decided.domains[0].addresses


@pytest.mark.parametrize("address", ["::1", "fe80::1", "fc00::1", "2001:db8::1"])
def test_an_ipv6_address_that_nobody_can_reach_is_refused_unless_allowed(address: str) -> None:
    assert refused(loadBalancerIPv6=address).startswith(f"loadBalancerIPv6: {address} is not a public address")
    decided = intent(NamingRules(allow_non_public_ips=True), loadBalancerIPv6=address)
    assert address in decided.domains[0].addresses


@pytest.mark.parametrize(
    ("field", "address"),
    [
        ("loadBalancerIP", "0.0.0.0"),  # noqa: S104 (that is the point)
        ("loadBalancerIP", "224.0.0.1"),
        ("loadBalancerIP", "255.255.255.255"),
        ("consoleLoadBalancerIP", "239.1.2.3"),
        ("loadBalancerIPv6", "::"),
        ("loadBalancerIPv6", "ff02::1"),
    ],
)
def test_what_can_be_no_servers_address_is_refused_even_on_a_laptop(field: str, address: str) -> None:
    told = refused(NamingRules(allow_non_public_ips=True), **{field: address})
    assert told == f"{field}: {address} can't be the address of a server"


@pytest.mark.parametrize(("fqdn", "suffix"), [("acme.co.uk", "co.uk"), ("a.b.kobe.jp", "b.kobe.jp")])
def test_a_public_suffix_is_never_a_parent_domain(fqdn: str, suffix: str) -> None:
    for parents in ([{"name": suffix}], [{"name": fqdn}, {"name": suffix}]):
        told = refused(sovereignFQDN=fqdn, parentDomains=parents)
        assert told.startswith(f"parentDomains: {suffix} is a public suffix")


def test_a_public_suffix_is_no_sovereign() -> None:
    assert refused(sovereignFQDN="co.uk").startswith("sovereignFQDN: co.uk is a public suffix")


def test_what_is_marked_primary_must_contain_the_fqdn() -> None:
    told = refused(parentDomains=[{"name": "omani.works"}, {"name": "omani.homes", "role": "primary"}])
    assert told == "parentDomains: omani.homes is marked primary, but t110.omani.works doesn't lie in it"


@pytest.mark.parametrize("allowed", ["omani.works", "works", "t110.omani.works"])
def test_allowed_parent_domains_include_what_lies_below_them(allowed: str) -> None:
    rules = NamingRules(allowed_parent_domains=["example.com", allowed])
    assert intent(rules, parentDomains=[{"name": FQDN}]).primary.domain == FQDN


@pytest.mark.parametrize("allowed", ["omani.homes", "mani.works", "t110.omani.works"])
def test_a_parent_domain_outside_the_allowed_ones_is_refused_with_the_variable(allowed: str) -> None:
    told = refused(NamingRules(allowed_parent_domains=[allowed]))
    assert told.startswith("parentDomains: omani.works is outside what this installation serves")
    assert f"CATALYST_ALLOWED_PARENT_DOMAINS={allowed}" in told


def test_one_parent_domain_outside_is_enough() -> None:
    rules = NamingRules(allowed_parent_domains=["omani.works"])
    assert "omani.homes is outside" in refused(rules, parentDomains=[{"name": "omani.works"}, {"name": "omani.homes"}])


@pytest.mark.parametrize(
    ("protected", "fields"),
    [
        ("t110.omani.works", {}),
        ("console.t110.omani.works", {}),
        ("mail.t110.omani.works", {"subdomains": ["mail"]}),
        ("t110.omani.homes", {"parentDomains": [{"name": "omani.works"}, {"name": "omani.homes"}]}),
        ("omani.works", {"sovereignFQDN": "omani.works"}),
    ],
)
def test_a_protected_name_is_never_touched(protected: str, fields: dict[str, Any]) -> None:
    with pytest.raises(ProtectedName, match=f"{protected} is protected") as caught:
        intent(NamingRules(protected_fqdns=["openova.io", protected]), **fields)
    assert caught.value.kind is Kind.REFUSED


@pytest.mark.parametrize("protected", ["omani.works", "other.t110.omani.works", "xt110.omani.works"])
def test_a_neighbour_of_a_protected_name_is_free(protected: str) -> None:
    assert intent(NamingRules(protected_fqdns=[protected])).primary.host == FQDN


@pytest.mark.parametrize(
    "wildcard", ["*.omani.homes", "*.console.t110.omani.works", "*.t112.omani.works", "*.mani.works"]
)
def test_a_wildcard_that_does_not_stand_over_the_host_is_refused(wildcard: str) -> None:
    told = refused(removeWildcards=[wildcard])
    assert told.startswith(f"removeWildcards: {wildcard} doesn't stand between a host")
    assert FQDN in told


def test_a_wildcard_above_the_parent_domain_is_somebody_elses() -> None:
    assert "*.omani.works doesn't stand" in refused(parentDomains=[{"name": FQDN}], removeWildcards=["*.omani.works"])


def test_a_pool_sovereigns_own_wildcard_is_not_removed() -> None:
    pool = {"domain": "omani.works", "subdomain": "t110"}
    told = refused(pool=pool, removeWildcards=["*.t110.omani.works"])
    assert told == "removeWildcards: *.t110.omani.works is a name that this pool Sovereign itself needs"
    assert intent(pool=pool, removeWildcards=["*.omani.works"]).primary.remove_wildcards == ["*.omani.works"]


def test_a_name_that_would_be_too_long_is_refused_with_its_length() -> None:
    host = ".".join(["a" * 60, "b" * 60, "c" * 60, "d" * 55, "works"])
    assert len(host) == 244
    certificate = {"name": "sovereign-wildcard-tls"}
    assert intent(sovereignFQDN=host, subdomains=["a" * 8], certificate=certificate).primary.host == host
    told = refused(sovereignFQDN=host, subdomains=["a" * 9], certificate=certificate)
    assert told.startswith("subdomains: ")
    assert "254 octets" in told

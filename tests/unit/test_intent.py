"""Which names a Sovereign gets, under which hosts, with which addresses and certificates."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sovereign_dns.intent import DomainIntent, NamingRules, derive_intent
from sovereign_dns.public_suffixes import is_public_suffix
from tests.unit.builders import (
    CONSOLE_LOAD_BALANCER,
    FQDN,
    LOAD_BALANCER,
    LOAD_BALANCER_V6,
    OWNER,
    domain_intent,
    intent,
    request,
)
from tests.unit.strategies import FQDNS

CANONICAL = [
    "console", "auth", "gitea", "harbor", "registry", "bao", "grafana",
    "hubble", "pdns", "openova-flow", "marketplace", "api", "guacamole",
]  # fmt: skip


def records(domain: DomainIntent) -> dict[tuple[str, str], list[str]]:
    return {(rrset.name, rrset.type): rrset.values for rrset in domain.rrsets}


def test_every_canonical_name_and_the_hosts_own_apex_lead_to_the_load_balancer() -> None:
    names = [FQDN, *(f"{label}.{FQDN}" for label in CANONICAL)]
    assert len(names) == 14
    assert records(domain_intent()) == {(name, "A"): [LOAD_BALANCER] for name in names}


def test_the_ttl_is_the_requests() -> None:
    assert {rrset.ttl for rrset in domain_intent(ttl=300).rrsets} == {300}
    assert {rrset.ttl for rrset in domain_intent().rrsets} == {60}


def test_the_owner_and_the_name_servers_are_part_of_the_decision() -> None:
    decided = intent(NamingRules(nameservers=["ns1.openova.io"]))
    assert decided.owner == OWNER
    assert decided.nameservers == ["ns1.openova.io"]


def test_the_requests_subdomains_count_before_the_environments_and_those_before_the_canonical() -> None:
    rules = NamingRules(subdomains=["shop"])
    assert [rrset.name for rrset in intent(rules).domains[0].rrsets] == [FQDN, f"shop.{FQDN}"]
    chosen = intent(rules, subdomains=["mail"]).domains[0]
    assert [rrset.name for rrset in chosen.rrsets] == [FQDN, f"mail.{FQDN}"]


def test_an_empty_list_of_subdomains_leaves_the_apex() -> None:
    assert [rrset.name for rrset in domain_intent(subdomains=[]).rrsets] == [FQDN]


def test_the_console_has_a_load_balancer_of_its_own_where_one_is_given() -> None:
    found = records(domain_intent(consoleLoadBalancerIP=CONSOLE_LOAD_BALANCER))
    at_console = {name for (name, _), values in found.items() if values == [CONSOLE_LOAD_BALANCER]}
    assert at_console == {f"{label}.{FQDN}" for label in ("console", "api", "marketplace")}
    assert {name for (name, _), values in found.items() if values == [LOAD_BALANCER]} == {
        FQDN,
        *(f"{label}.{FQDN}" for label in CANONICAL if label not in {"console", "api", "marketplace"}),
    }


def test_the_environment_says_what_the_consoles_load_balancer_serves() -> None:
    rules = NamingRules(console_gateway_subdomains=["gitea"])
    found = records(intent(rules, consoleLoadBalancerIP=CONSOLE_LOAD_BALANCER).domains[0])
    assert [name for (name, _), values in found.items() if values == [CONSOLE_LOAD_BALANCER]] == [f"gitea.{FQDN}"]


def test_without_a_console_load_balancer_the_console_is_like_any_other_name() -> None:
    assert records(domain_intent())[f"console.{FQDN}", "A"] == [LOAD_BALANCER]


def test_ipv6_is_written_for_every_name_where_it_is_given() -> None:
    found = records(domain_intent(loadBalancerIPv6=LOAD_BALANCER_V6))
    assert {name for name, rrtype in found if rrtype == "AAAA"} == {name for name, rrtype in found if rrtype == "A"}
    assert found[FQDN, "AAAA"] == [LOAD_BALANCER_V6]


def test_the_consoles_names_get_no_ipv6_address_of_another_machine() -> None:
    found = records(domain_intent(loadBalancerIPv6=LOAD_BALANCER_V6, consoleLoadBalancerIP=CONSOLE_LOAD_BALANCER))
    without = {name for name, rrtype in found if rrtype == "A"} - {name for name, rrtype in found if rrtype == "AAAA"}
    assert without == {f"{label}.{FQDN}" for label in ("console", "api", "marketplace")}


def test_every_address_of_the_sovereign_is_known_once() -> None:
    domain = domain_intent(loadBalancerIPv6=LOAD_BALANCER_V6, consoleLoadBalancerIP=CONSOLE_LOAD_BALANCER)
    assert sorted(domain.addresses) == sorted([LOAD_BALANCER, LOAD_BALANCER_V6, CONSOLE_LOAD_BALANCER])


def test_under_a_second_parent_domain_it_is_served_by_its_first_label() -> None:
    decided = intent(
        sovereignFQDN="t111.omani.works",
        parentDomains=[{"name": "omani.homes", "role": "org-pool"}, {"name": "omani.works", "role": "primary"}],
    )
    assert [(d.domain, d.host, d.primary) for d in decided.domains] == [
        ("omani.homes", "t111.omani.homes", False),
        ("omani.works", "t111.omani.works", True),
    ]
    assert decided.primary.domain == "omani.works"
    for domain in decided.domains:
        assert {rrset.name for rrset in domain.rrsets} == {domain.host, *(f"{x}.{domain.host}" for x in CANONICAL)}
        assert domain.dns_names == [f"*.{domain.host}", domain.host]
        assert domain.certificate_name == f"{domain.host}-wildcard-tls"


def test_of_nested_parent_domains_the_nearest_is_primary_unless_the_request_says_otherwise() -> None:
    nested = [{"name": "omani.works"}, {"name": FQDN}]
    assert intent(parentDomains=nested).primary.domain == FQDN
    marked = [{"name": "omani.works", "role": "primary"}, {"name": FQDN}]
    assert intent(parentDomains=marked).primary.domain == "omani.works"
    assert {domain.host for domain in intent(parentDomains=marked).domains} == {FQDN}


def test_the_certificates_name_is_overridden_for_the_primary_domain_only() -> None:
    decided = intent(
        parentDomains=[{"name": "omani.works"}, {"name": "omani.homes"}],
        certificate={"name": "sovereign-wildcard-tls"},
    )
    assert [domain.certificate_name for domain in decided.domains] == [
        "sovereign-wildcard-tls",
        "t110.omani.homes-wildcard-tls",
    ]


@pytest.mark.parametrize(
    ("fqdn", "parent"),
    [
        ("t110.omani.works", "omani.works"),
        ("a.b.omani.works", "b.omani.works"),
        ("acme.com", "acme.com"),
        ("acme.co.uk", "acme.co.uk"),
        ("t1.acme.co.uk", "acme.co.uk"),
        ("acme.xn--p1ai", "acme.xn--p1ai"),
        ("team.github.io", "github.io"),
    ],
)
def test_without_parent_domains_the_zone_is_the_fqdn_less_a_label_or_the_fqdn(fqdn: str, parent: str) -> None:
    domain = domain_intent(sovereignFQDN=fqdn)
    assert (domain.domain, domain.host, domain.primary) == (parent, fqdn, True)


@pytest.mark.parametrize(
    ("protected", "parent", "may_create"),
    [
        ("openova.io", "omani.works", True),
        ("omani.works", "omani.works", False),
        ("console.omani.works", "omani.works", False),
        ("xomani.works", "omani.works", True),
        ("works", "omani.works", True),
    ],
)
def test_a_zone_that_holds_a_protected_name_is_never_created(protected: str, parent: str, may_create: bool) -> None:
    decided = intent(NamingRules(protected_fqdns=[protected]), parentDomains=[{"name": parent}])
    assert decided.domains[0].may_create_zone is may_create


POOL = {"domain": "omani.works", "subdomain": "t110", "reservationToken": "token", "createdBy": "catalyst-api"}


def test_a_pool_sovereign_has_the_wildcard_below_its_fqdn_that_pdm_writes_too() -> None:
    wildcard = [rrset for rrset in domain_intent(pool=POOL).rrsets if rrset.name.startswith("*")]
    assert [(r.name, r.type, r.values, r.only_values) for r in wildcard] == [(f"*.{FQDN}", "A", [LOAD_BALANCER], True)]
    assert not any(rrset.only_values for rrset in domain_intent(pool=POOL).rrsets if rrset not in wildcard)


def test_the_pools_wildcard_has_ipv6_where_the_sovereign_has_and_never_the_consoles_address() -> None:
    domain = domain_intent(pool=POOL, loadBalancerIPv6=LOAD_BALANCER_V6, consoleLoadBalancerIP=CONSOLE_LOAD_BALANCER)
    found = records(domain)
    assert found[f"*.{FQDN}", "A"] == [LOAD_BALANCER]
    assert found[f"*.{FQDN}", "AAAA"] == [LOAD_BALANCER_V6]


def test_only_the_pools_own_host_has_the_wildcard() -> None:
    decided = intent(pool=POOL, parentDomains=[{"name": "omani.works"}, {"name": "omani.homes"}])
    wild = [rrset.name for domain in decided.domains for rrset in domain.rrsets if rrset.name.startswith("*")]
    assert wild == [f"*.{FQDN}"]


def test_a_byo_sovereign_has_no_wildcard() -> None:
    assert not any(rrset.name.startswith("*") for rrset in domain_intent().rrsets)


def test_a_wildcard_is_removed_in_every_domain_that_it_stands_in() -> None:
    decided = intent(
        parentDomains=[{"name": "omani.works"}, {"name": FQDN}, {"name": "omani.homes"}],
        removeWildcards=["*.omani.works", "*.t110.omani.works", "*.omani.homes"],
    )
    assert [domain.remove_wildcards for domain in decided.domains] == [
        ["*.omani.works", "*.t110.omani.works"],
        ["*.t110.omani.works"],
        ["*.omani.homes"],
    ]


@given(FQDNS.filter(lambda name: name.count(".") >= 2), st.lists(FQDNS, max_size=3, unique=True))
def test_every_name_lies_below_its_host_and_every_host_in_its_parent_domain(fqdn: str, others: list[str]) -> None:
    parent = fqdn.partition(".")[2]
    owned = [name for name in others if name.count(".") >= 2 and name != parent]
    assume(not any(is_public_suffix(name) for name in [parent, *owned]))
    decided = derive_intent(
        request(
            sovereignFQDN=fqdn,
            loadBalancerIP=LOAD_BALANCER,
            parentDomains=[{"name": name} for name in [parent, *owned]],
        ),
        NamingRules(),
    )
    assert [domain.domain for domain in decided.domains] == [parent, *owned]
    assert [domain.primary for domain in decided.domains].count(True) == 1
    for domain in decided.domains:
        assert f".{domain.host}".endswith(f".{domain.domain}")
        assert all(f".{rrset.name}".endswith(f".{domain.host}") for rrset in domain.rrsets)
        assert len(domain.rrsets) == 14

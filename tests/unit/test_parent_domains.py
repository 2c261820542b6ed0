"""One more parent domain: which hosts, Certificates and addresses that means, and what is refused at once."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from sovereign_dns.failures import InvalidInput
from sovereign_dns.intent import NamingRules, ProvisioningIntent, derive_intent
from sovereign_dns.lifecycle_requests import AddParentDomainRequest
from sovereign_dns.parent_domains import as_provisioning, certificates_of, glue_if_ours, only_added
from sovereign_dns.wire import explain
from tests.unit.builders import FQDN, LOAD_BALANCER, REQUIRED

RULES = NamingRules(nameservers=["ns1.openova.io", "ns2.openova.io"])


def asked(name: str = "omani.homes", **fields: Any) -> AddParentDomainRequest:
    return AddParentDomainRequest.model_validate_json(json.dumps(REQUIRED | {"name": name} | fields))


def decided(request: AddParentDomainRequest) -> ProvisioningIntent:
    return only_added(request, derive_intent(as_provisioning(request), RULES))


def test_what_the_contract_names_is_enough() -> None:
    told = {"name": "omani.homes", "sovereignFQDN": FQDN, "loadBalancerIP": LOAD_BALANCER}
    assert AddParentDomainRequest.model_validate(told).deployment_id == "manual"


def test_only_the_added_domain_is_decided_with_the_sovereigns_host_in_it() -> None:
    intent = decided(asked(subdomains=["console"], ttl=300))
    (domain,) = intent.domains
    assert (domain.domain, domain.host) == ("omani.homes", "t110.omani.homes")
    assert {(r.name, r.ttl, *r.values) for r in domain.rrsets} == {
        ("t110.omani.homes", 300, LOAD_BALANCER),
        ("console.t110.omani.homes", 300, LOAD_BALANCER),
    }
    assert intent.nameservers == RULES.nameservers
    assert decided(asked(nameservers=["ns.elsewhere.net"])).nameservers == ["ns.elsewhere.net"]


@pytest.mark.parametrize(
    ("name", "certificates"),
    [
        (
            "omani.homes",
            {
                "omani.homes-wildcard-tls": ["*.omani.homes", "omani.homes"],
                "t110.omani.homes-wildcard-tls": ["*.t110.omani.homes", "t110.omani.homes"],
            },
        ),
        (
            "omani.works",
            {
                "omani.works-wildcard-tls": ["*.omani.works", "omani.works"],
                f"{FQDN}-wildcard-tls": [f"*.{FQDN}", FQDN],
            },
        ),
        (FQDN, {f"{FQDN}-wildcard-tls": [f"*.{FQDN}", FQDN]}),
    ],
)
def test_the_domain_and_the_host_in_it_have_a_certificate_each(name: str, certificates: dict[str, list[str]]) -> None:
    (domain,) = decided(asked(name)).domains
    assert {item.name: item.dns_names for item in certificates_of(domain)} == certificates


@pytest.mark.parametrize(
    ("nameserver", "address"),
    [
        (f"ns1.{FQDN}", LOAD_BALANCER),
        ("ns1.omani.homes", LOAD_BALANCER),
        ("ns1.openova.io", None),
        ("ns1.notomani.homes", None),
    ],
)
def test_the_load_balancer_is_the_address_of_name_servers_that_are_the_sovereigns_own(
    nameserver: str, address: str | None
) -> None:
    assert glue_if_ours(asked(), [nameserver, "ns2.openova.io"]) == address


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"subdomains": ["console", "console"]}, "subdomains: console is named twice"),
        ({"nameservers": ["ns1.x.io", "ns1.x.io"]}, "nameservers: ns1.x.io is named twice"),
        ({"certificate": {"name": "sovereign-wildcard-tls"}}, "certificate.name: under omani.homes there are several"),
        ({"registrar": {"kind": "ovh", "credentialsRef": "../ovh"}}, "credentialsRef"),
        ({"registrar": {"kind": "ovh", "credentialsRef": "..data"}}, "credentialsRef"),
        ({"registrar": {"kind": "ovh/x", "credentialsRef": "ovh"}}, "registrar.kind"),
        ({"registrar": {"kind": "ovh", "credentialsRef": "ovh", "token": "x"}}, "registrar.token"),
    ],
)
def test_what_can_never_be_right_is_refused_with_its_field(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        asked(**fields)
    assert words in explain(caught.value)


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("co.uk", {}, "co.uk is a public suffix"),
        ("omani.homes", {"role": "primary"}, "marked primary"),
        ("omani.homes", {"loadBalancerIP": "10.0.0.1"}, "loadBalancerIP: 10.0.0.1 is not a public address"),
    ],
)
def test_what_a_provisioning_would_be_refused_for_is_refused_here_too(
    name: str, fields: dict[str, Any], words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        decided(asked(name, **fields))


def test_a_domain_that_holds_the_sovereign_may_be_its_primary_one() -> None:
    assert decided(asked("omani.works", role="primary")).domains[0].primary

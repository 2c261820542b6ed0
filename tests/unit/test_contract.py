"""The contract's strictness: each field that is wrong is named, by its JSON name, and never passed over."""

from typing import Any

import pytest
from pydantic import ValidationError

from sovereign_dns.contract import (
    AwaitStepRequest,
    CertificateRequest,
    SkipStepRequest,
    VerificationRequest,
    sovereign_workflow_id,
)
from sovereign_dns.wire import explain
from tests.unit.builders import FQDN, LOAD_BALANCER, REQUIRED, error_of, refusal, request

LONGEST_DEADLINE = 7 * 24 * 3600


def test_three_fields_are_enough_and_the_rest_has_the_documented_defaults() -> None:
    plain = request()
    assert plain.model_dump(mode="json") == {
        "deploymentId": "fe09897a1b6b3c1d",
        "sovereignFQDN": FQDN,
        "loadBalancerIP": LOAD_BALANCER,
        "loadBalancerIPv6": None,
        "consoleLoadBalancerIP": None,
        "parentDomains": [],
        "pool": None,
        "subdomains": None,
        "ttl": 60,
        "certificate": {
            "enabled": True,
            "name": None,
            "issuer": "letsencrypt-dns01-prod",
            "namespace": "kube-system",
            "deadlineSeconds": 3600,
        },
        "verification": {"level": "propagated", "deadlineSeconds": 1800},
        "removeWildcards": [],
        "takeover": False,
        "dryRun": False,
    }


@pytest.mark.parametrize("field", ["deploymentId", "sovereignFQDN", "loadBalancerIP"])
def test_a_required_field_is_required_and_not_null(field: str) -> None:
    assert refusal(**{field: None}).startswith(f"{field}: Input should be a valid string")
    body = {key: value for key, value in REQUIRED.items() if key != field}
    assert explain(error_of(body)) == f"{field}: is required"


def test_snake_case_is_no_spelling_of_the_contract() -> None:
    assert "load_balancer_ip: is not a field of this request" in refusal(load_balancer_ip=LOAD_BALANCER)
    assert "dry_run: is not a field of this request" in refusal(dry_run=True)
    body = {"deployment_id": "d", "sovereign_fqdn": FQDN, "load_balancer_ip": LOAD_BALANCER}
    assert "sovereignFQDN: is required" in explain(error_of(body))


NAME = "t110.omani.works"

WRONG: list[tuple[str, str, Any, str]] = [
    # the place of the error, the field, its value, a part of the reason
    ("deploymentId", "deploymentId", "", "1 to 128"),
    ("deploymentId", "deploymentId", "-a", "start with a letter or digit"),
    ("deploymentId", "deploymentId", "a b", "1 to 128"),
    ("deploymentId", "deploymentId", "a\n", "1 to 128"),
    ("deploymentId", "deploymentId", "a" * 129, "1 to 128"),
    ("deploymentId", "deploymentId", 7, "valid string"),
    ("sovereignFQDN", "sovereignFQDN", "", "is empty"),
    ("sovereignFQDN", "sovereignFQDN", "works", "not fully qualified"),
    ("sovereignFQDN", "sovereignFQDN", "*.omani.works", "wildcard"),
    ("sovereignFQDN", "sovereignFQDN", [NAME], "valid string"),
    ("loadBalancerIP", "loadBalancerIP", "", "not an IPv4 address"),
    ("loadBalancerIP", "loadBalancerIP", "77.42.11", "not an IPv4 address"),
    ("loadBalancerIP", "loadBalancerIP", "77.42.11.256", "not an IPv4 address"),
    ("loadBalancerIP", "loadBalancerIP", "077.42.11.95", "not an IPv4 address"),
    ("loadBalancerIP", "loadBalancerIP", " 77.42.11.95", "not an IPv4 address"),
    ("loadBalancerIP", "loadBalancerIP", "77.42.11.95/32", "not an IPv4 address"),
    ("loadBalancerIP", "loadBalancerIP", "lb.omani.works", "not an IPv4 address"),
    ("loadBalancerIP", "loadBalancerIP", "2a01::1", "belongs into loadBalancerIPv6"),
    ("loadBalancerIP", "loadBalancerIP", 1294600031, "valid string"),
    ("loadBalancerIPv6", "loadBalancerIPv6", "77.42.11.95", "not an IPv6 address"),
    ("loadBalancerIPv6", "loadBalancerIPv6", "2a01:::1", "not an IPv6 address"),
    ("loadBalancerIPv6", "loadBalancerIPv6", "fe80::1%eth0", "zone id"),
    ("consoleLoadBalancerIP", "consoleLoadBalancerIP", "2a01::1", "not an IPv4 address"),
    ("parentDomains", "parentDomains", {}, "valid array"),
    ("parentDomains", "parentDomains", "omani.works", "valid array"),
    ("parentDomains.0", "parentDomains", ["omani.works"], "must be one JSON object"),
    ("parentDomains.0", "parentDomains", [None], "must be one JSON object"),
    ("parentDomains.0.name", "parentDomains", [{"role": "primary"}], "is required"),
    ("parentDomains.0.name", "parentDomains", [{"name": "a b.c"}], "space"),
    ("parentDomains.1.role", "parentDomains", [{"name": NAME}, {"name": "a.b", "role": "main"}], "'primary'"),
    ("parentDomains.0.rol", "parentDomains", [{"name": NAME, "rol": "primary"}], "not a field"),
    ("parentDomains", "parentDomains", [{"name": f"d{n}.works"} for n in range(21)], "at most 20"),
    ("pool", "pool", "omani.works", "must be one JSON object"),
    ("pool.subdomain", "pool", {"domain": "omani.works"}, "is required"),
    ("pool.subdomain", "pool", {"domain": "omani.works", "subdomain": "t110."}, "trailing dot"),
    ("pool.domain", "pool", {"domain": "works", "subdomain": "t110"}, "not fully qualified"),
    (
        "pool.reservationToken",
        "pool",
        {"domain": "omani.works", "subdomain": "t110", "reservationToken": ""},
        "least 1",
    ),
    ("pool.createdBy", "pool", {"domain": "omani.works", "subdomain": "t110", "createdBy": "x" * 129}, "at most 128"),
    ("pool.token", "pool", {"domain": "omani.works", "subdomain": "t110", "token": "x"}, "not a field"),
    ("subdomains", "subdomains", "console", "valid array"),
    ("subdomains.1", "subdomains", ["console", "auth."], "trailing dot"),
    ("subdomains.0", "subdomains", ["*"], "wildcard"),
    ("subdomains.0", "subdomains", ["@"], "'@'"),
    ("subdomains.0", "subdomains", [""], "is empty"),
    ("subdomains", "subdomains", [f"s{n}" for n in range(201)], "at most 200"),
    ("ttl", "ttl", 0, "greater than or equal to 1"),
    ("ttl", "ttl", 86401, "less than or equal to 86400"),
    ("ttl", "ttl", "60", "valid integer"),
    ("ttl", "ttl", 60.0, "valid integer"),
    ("ttl", "ttl", True, "valid integer"),
    ("certificate", "certificate", [], "must be one JSON object"),
    ("certificate.enabled", "certificate", {"enabled": 1}, "valid boolean"),
    ("certificate.name", "certificate", {"name": "Wildcard_TLS"}, "not a Kubernetes name"),
    ("certificate.name", "certificate", {"name": "a..b"}, "not a Kubernetes name"),
    ("certificate.name", "certificate", {"name": "a" * 254}, "not a Kubernetes name"),
    ("certificate.issuer", "certificate", {"issuer": "-x"}, "not a Kubernetes name"),
    ("certificate.issuer", "certificate", {"issuer": ""}, "not a Kubernetes name"),
    ("certificate.namespace", "certificate", {"namespace": "a.b"}, "not a Kubernetes namespace"),
    ("certificate.namespace", "certificate", {"namespace": "a" * 64}, "not a Kubernetes namespace"),
    ("certificate.deadlineSeconds", "certificate", {"deadlineSeconds": 0}, "greater than or equal to 1"),
    ("certificate.deadlineSeconds", "certificate", {"deadlineSeconds": LONGEST_DEADLINE + 1}, "less than or equal"),
    ("certificate.deadline_seconds", "certificate", {"deadline_seconds": 5}, "not a field"),
    ("verification.level", "verification", {"level": "global"}, "'authoritative', 'delegated' or 'propagated'"),
    ("verification.deadlineSeconds", "verification", {"deadlineSeconds": 1800000000000}, "less than or equal"),
    ("verification.deadlineSeconds", "verification", {"deadlineSeconds": "30m"}, "valid integer"),
    ("removeWildcards.0", "removeWildcards", ["omani.works"], "must start with '*.'"),
    ("removeWildcards.0", "removeWildcards", ["*.*.works"], "wildcard"),
    ("removeWildcards.0", "removeWildcards", ["*.works"], "not fully qualified"),
    ("removeWildcards", "removeWildcards", [f"*.w{n}.works" for n in range(21)], "at most 20"),
    ("takeover", "takeover", "true", "valid boolean"),
    ("takeover", "takeover", 0, "valid boolean"),
    ("dryRun", "dryRun", "yes", "valid boolean"),
]


@pytest.mark.parametrize(("place", "field", "value", "reason"), WRONG)
def test_a_field_that_is_wrong_is_named_with_the_reason(place: str, field: str, value: object, reason: str) -> None:
    told = refusal(**{field: value})
    assert told.startswith(f"{place}: ")
    assert reason in told


def test_limits_are_included() -> None:
    for ttl in (1, 86400):
        assert request(ttl=ttl).ttl == ttl
    for seconds in (1, LONGEST_DEADLINE):
        assert request(certificate={"deadlineSeconds": seconds}).certificate.deadline_seconds == seconds
    assert len(request(subdomains=[f"s{n}" for n in range(200)]).subdomains or []) == 200
    assert request(deploymentId="a" * 128).deployment_id == "a" * 128
    assert request(certificate={"name": "a" * 253, "namespace": "b" * 63}).certificate.namespace == "b" * 63


def test_names_and_addresses_are_brought_into_their_normal_form() -> None:
    read = request(
        sovereignFQDN="T110.Omani.Works.",
        loadBalancerIPv6="2A01:04F8:0::95",
        parentDomains=[{"name": "OMANI.works."}],
        subdomains=["Console"],
        removeWildcards=["*.Omani.Works."],
    )
    assert read.sovereign_fqdn == FQDN
    assert read.load_balancer_ipv6 == "2a01:4f8::95"
    assert read.parent_domains[0].name == "omani.works"
    assert read.subdomains == ["console"]
    assert read.remove_wildcards == ["*.omani.works"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"parentDomains": [{"name": "omani.works"}, {"name": "OMANI.works."}]}, "omani.works is named twice"),
        ({"subdomains": ["console", "Console"]}, "console is named twice"),
        ({"removeWildcards": ["*.omani.works", "*.omani.works."]}, "*.omani.works is named twice"),
        (
            {"parentDomains": [{"name": "omani.works", "role": "primary"}, {"name": FQDN, "role": "primary"}]},
            "at most one may have the role 'primary'",
        ),
        ({"parentDomains": [{"name": "omani.homes"}, {"name": "x.t110.omani.works"}]}, "none of omani.homes, x.t110"),
        ({"parentDomains": [{"name": "mani.works"}]}, "none of mani.works is t110.omani.works or contains it"),
        ({"pool": {"domain": "omani.works", "subdomain": "t111"}}, "t111.omani.works is not the sovereignFQDN"),
        ({"pool": {"domain": "omani.homes", "subdomain": "t110"}}, "t110.omani.homes is not the sovereignFQDN"),
    ],
)
def test_fields_that_contradict_each_other_are_named(fields: dict[str, Any], told: str) -> None:
    field = next(iter(fields))
    assert refusal(**fields).startswith(f"{field}: ")
    assert told in refusal(**fields)


SECRET = "s3cret-token-of-a-reservation"


@pytest.mark.parametrize(
    "fields",
    [
        {"pool": {"domain": "omani.works", "subdomain": "t111", "reservationToken": SECRET}},
        {"pool": {"domain": "omani.works", "subdomain": "t110", "reservationToken": SECRET * 50}},
        {"pool": {"domain": "omani.works", "subdomain": "t110", "reservationToken": [SECRET]}},
        {"pool": {"domain": "omani.works", "subdomain": "t110", "reservationTokn": SECRET}},
        {"pool": SECRET},
        {"pool": {"domain": "omani.works", "subdomain": "t110", "reservationToken": SECRET}, "ttl": 0},
        {"reservationToken": SECRET},
    ],
)
def test_the_reservation_token_is_in_no_error(fields: dict[str, Any]) -> None:
    error = error_of(REQUIRED | fields)
    assert SECRET not in f"{error} {explain(error)}"


def test_the_workflow_id_is_the_lock_of_the_name() -> None:
    assert sovereign_workflow_id(request(sovereignFQDN="T110.omani.works.").sovereign_fqdn) == (
        "sovereign/t110.omani.works"
    )


@pytest.mark.parametrize("step", ["certificate-request", "certificate-ready", "dns-verify"])
def test_what_is_only_waited_for_may_be_skipped(step: str) -> None:
    skip = SkipStepRequest.model_validate_json(f'{{"step": "{step}", "reason": "by hand"}}')
    assert (skip.step, skip.domain, skip.reason) == (step, None, "by hand")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"step": "records-upsert", "reason": "x"}', "step: "),
        ('{"step": "zone-create", "reason": "x"}', "step: "),
        ('{"step": "pool-commit", "reason": "x"}', "step: "),
        ('{"step": "dns-verify"}', "reason: is required"),
        ('{"step": "dns-verify", "reason": ""}', "reason: "),
        ('{"step": "dns-verify", "reason": "x", "domain": "a b"}', "domain: "),
    ],
)
def test_a_step_that_does_something_cannot_be_skipped_nor_one_without_a_reason(text: str, told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SkipStepRequest.model_validate_json(text)
    assert explain(caught.value).startswith(told)


def test_any_step_of_the_sequence_may_be_awaited_and_nothing_else() -> None:
    assert AwaitStepRequest.model_validate_json('{"step": "records-upsert"}').step == "records-upsert"
    with pytest.raises(ValidationError) as caught:
        AwaitStepRequest.model_validate_json('{"step": "records"}')
    assert explain(caught.value).startswith("step: Input should be 'zone-create', 'certificate-request'")


def test_defaults_are_not_shared_between_requests() -> None:
    first = request()
    first.remove_wildcards.append("*.omani.works")
    first.certificate.enabled = False
    second = request()
    assert second.remove_wildcards == []
    assert second.certificate == CertificateRequest()
    assert second.verification == VerificationRequest()

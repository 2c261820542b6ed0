"""Decisions at the edges: each of these was once decided wrongly."""

import re

import httpx
import pytest

from sovereign_dns.answer_verdicts import Answer, Probe, judge_probe
from sovereign_dns.clients.authoritative import split_host_port
from sovereign_dns.clients.http import call
from sovereign_dns.delegation import plan_delegation
from sovereign_dns.failures import InvalidInput, PowerDNSUnavailable
from sovereign_dns.intent import NamingRules
from sovereign_dns.names import normalise_fqdn
from sovereign_dns.records import plan_zone
from tests.unit.builders import (
    FQDN,
    LOAD_BALANCER,
    LOAD_BALANCER_V6,
    NEIGHBOUR,
    OWNER,
    PARENT,
    domain_intent,
    intent,
    refusal,
    rrset,
)
from tests.unit.test_http import BACKEND


def test_a_wildcard_alias_out_of_the_zone_is_no_convergence() -> None:
    alias = Answer(name=f"x7.{FQDN}", type="A", rcode="NOERROR", authoritative=True, alias_target="stranger.example.")
    assert judge_probe(Probe(name=f"x7.{FQDN}", acceptable=[LOAD_BALANCER]), alias).state == "misdirected"


def test_a_subdomain_that_the_environment_names_twice_is_written_once() -> None:
    domain = intent(NamingRules(subdomains=["console", "console"])).domains[0]
    keys = [(r.name, r.type) for r in domain.rrsets]
    assert len(keys) == len(set(keys))


LONG_HOST = ".".join(["a" * 60, "b" * 60, "c" * 60, "d" * 57, "works"])  # 246


def test_a_host_whose_certificate_could_have_no_name_is_refused() -> None:
    with pytest.raises(InvalidInput):
        intent(sovereignFQDN=LONG_HOST, subdomains=["c"])


def test_a_wildcard_that_would_be_too_long_is_refused() -> None:
    host = ".".join(["a" * 63, "b" * 63, "c" * 60, "d" * 57, "works"])  # 252
    pool = {"domain": host.partition(".")[2], "subdomain": "a" * 63}
    with pytest.raises(InvalidInput):
        intent(sovereignFQDN=host, subdomains=[], pool=pool, certificate={"name": "tls"})


@pytest.mark.parametrize("name", ["a.-b", "a-.b"])
def test_a_name_that_kubernetes_refuses_is_refused_by_the_contract(name: str) -> None:
    assert refusal(certificate={"name": name}).startswith("certificate.name: ")


def test_an_own_ipv6_address_in_another_spelling_is_no_hazard() -> None:
    wanted = domain_intent(loadBalancerIPv6=LOAD_BALANCER_V6)
    assert plan_zone(PARENT, wanted, [rrset("*.omani.works", "AAAA", "2A01:04F8:0::95")], OWNER).hazards == []


def test_a_takeover_of_the_pools_wildcard_lasts() -> None:
    wanted = domain_intent(pool={"domain": PARENT, "subdomain": "t110"}, subdomains=[])
    present = rrset(f"*.{FQDN}", "A", LOAD_BALANCER, owner=NEIGHBOUR)
    taken = plan_zone(PARENT, wanted, [present], OWNER, takeover=True)
    left_alone = not any(w.name == f"*.{FQDN}" for w in taken.writes)
    conflicts_next_time = plan_zone(PARENT, wanted, [present], OWNER).conflicts
    assert not (left_alone and conflicts_next_time)


def test_a_ds_over_an_unsigned_child_is_removed() -> None:
    present = [rrset("t126.omani.works", "NS", "ns1.openova.io."), rrset("t126.omani.works", "DS", "1 13 2 aa")]
    plan = plan_delegation(PARENT, "t126.omani.works", ["ns1.openova.io."], [], present, OWNER)
    assert [w.type for w in plan.writes] == ["DS"]


def test_one_host_has_one_certificate() -> None:
    decided = intent(parentDomains=[{"name": PARENT}, {"name": FQDN}], certificate={"name": "sovereign-wildcard-tls"})
    assert len({d.certificate_name for d in decided.domains}) == len({d.host for d in decided.domains})


def test_a_pool_label_is_one_label() -> None:
    assert refusal(sovereignFQDN="a.b.omani.works", pool={"domain": PARENT, "subdomain": "a.b"}).startswith("pool")


@pytest.mark.parametrize("place", [":5300", "[::1]5300", "[::1", ""])
def test_a_place_without_a_host_or_with_a_broken_bracket_is_refused(place: str) -> None:
    with pytest.raises(ValueError, match=re.escape(repr(place))):
        split_host_port(place)


@pytest.mark.parametrize("dot", "。．｡")
def test_a_trailing_dot_of_another_script_is_a_trailing_dot(dot: str) -> None:
    assert normalise_fqdn(f"t110.omani.works{dot}") == FQDN


async def said_of(url: str) -> str:
    async with httpx.AsyncClient() as client:
        with pytest.raises(PowerDNSUnavailable) as caught:
            await call(client, BACKEND, "GET", url, doing="reading")
    return str(caught.value)


async def test_a_url_that_is_none_is_classified() -> None:
    assert "mend the setting" in await said_of("http://pdns:port/x")


async def test_a_password_in_a_url_is_in_no_failure() -> None:
    assert "s3cret" not in await said_of("http://u:s3cret@127.0.0.1:1/x")


def test_an_ipv4_address_in_disguise_is_no_ipv6_address() -> None:
    with pytest.raises(InvalidInput, match="disguise"):
        intent(loadBalancerIPv6="::ffff:77.42.11.95")


def test_a_ds_of_a_child_that_is_served_elsewhere_is_left_alone() -> None:
    present = [rrset("eu.omani.works", "NS", "ns1.provider.example."), rrset("eu.omani.works", "DS", "1 13 2 aa")]
    for keys in ([], ["2 13 2 bb"]):
        plan = plan_delegation(PARENT, "eu.omani.works", ["ns1.openova.io."], keys, present, OWNER)
        assert plan.writes == []


@pytest.mark.parametrize("disguised", ["::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "2001::1"])
def test_an_ipv4_address_within_an_ipv6_one_is_no_address_of_a_sovereign(disguised: str) -> None:
    with pytest.raises(InvalidInput, match=r"loadBalancerIPv6: .* is an IPv4 address in disguise"):
        intent(loadBalancerIPv6=disguised)

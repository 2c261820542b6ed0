"""Which Certificates that say they are a Sovereign's go with it, and which are left and told."""

from typing import Any

import pytest

from sovereign_dns.certificate_scope import besides, may_serve_others, not_looked_for
from sovereign_dns.contract import Owner
from sovereign_dns.failures import KubernetesForbidden
from sovereign_dns.issuance import WantedCertificate, manifest, selecting_labels
from sovereign_dns.removal_intent import DomainRemoval, RemovalIntent
from tests.unit.builders import FQDN, OWNER, PARENT

HOMES = DomainRemoval(domain="omani.homes", host="t110.omani.homes", names=[], certificate_names=[])
EVERYWHERE = RemovalIntent(
    owner=Owner(sovereign_fqdn=FQDN, deployment_id=""), nameservers=[], domains=[], everywhere=True
)
ONE_DOMAIN = EVERYWHERE.changed(domains=[HOMES], everywhere=False)


def certificate(name: str, *dns_names: str) -> dict[str, Any]:
    return manifest(WantedCertificate(name=name, namespace="ns", issuer="any", dns_names=list(dns_names), owner=OWNER))


def taken(*listed: dict[str, Any], named: list[str], intent: RemovalIntent) -> list[str]:
    return [item["metadata"]["name"] for item in besides(listed, named, intent).taken]


def test_all_that_are_the_sovereigns_go_but_those_that_are_seen_to_by_name() -> None:
    listed = [certificate("a", FQDN), certificate("b", "t110.omani.homes"), certificate("c")]

    assert taken(*listed, named=["a"], intent=EVERYWHERE) == ["b", "c"]


def test_of_one_parent_domain_only_what_is_for_nothing_else() -> None:
    """The host's there, the domain's own; what is for another domain too is told."""
    listed = [
        certificate("host", "t110.omani.homes", "*.t110.omani.homes"),
        certificate("own", "*.OMANI.homes.", "omani.homes"),
        certificate("neighbour", "t111.omani.homes"),
        certificate("elsewhere", FQDN),
        certificate("nothing"),
        certificate("both", "t110.omani.homes", FQDN),
    ]

    found = besides(listed, [], ONE_DOMAIN)

    assert [item["metadata"]["name"] for item in found.taken] == ["host", "own"]
    assert [hazard.name for hazard in found.left] == ["ns/both"]
    assert f"it is for {FQDN} too" in found.left[0].message


def test_what_is_for_an_inner_parent_domain_stays_with_it() -> None:
    inner = "eu.t110.omani.homes"
    host = f"t110.{inner}"
    listed = [certificate("inner", host, f"*.{host}"), certificate("both", "t110.omani.homes", host)]

    found = besides(listed, [], ONE_DOMAIN, [inner])

    assert (found.taken, [hazard.name for hazard in found.left]) == ([], ["ns/both"])


def test_what_is_of_another_deployment_than_the_requests_is_left_and_told() -> None:
    given = EVERYWHERE.changed(owner=Owner(sovereign_fqdn=FQDN, deployment_id="d0"))

    found = besides([certificate("tls", FQDN)], [], given)

    assert found.taken == []
    (hazard,) = found.left
    assert (hazard.kind, hazard.zone, hazard.name, hazard.content) == ("certificate-left", "", "ns/tls", [FQDN])
    assert f"of deployment {OWNER.deployment_id}" in hazard.message
    assert "kubectl -n ns delete certificate tls" in hazard.message
    assert taken(certificate("tls", FQDN), named=[], intent=given.changed(owner=OWNER)) == ["tls"]


@pytest.mark.parametrize("platforms", ["console.openova.io", "*.OPENOVA.io."])
def test_what_is_for_a_protected_name_is_left_and_told_whoever_it_is_annotated_for(platforms: str) -> None:
    protecting = EVERYWHERE.changed(protected_fqdns=["console.openova.io"])

    found = besides([certificate("tls", FQDN, platforms), certificate("own", FQDN)], [], protecting)

    assert [item["metadata"]["name"] for item in found.taken] == ["own"]
    (hazard,) = found.left
    assert (hazard.kind, hazard.name) == ("certificate-left", "ns/tls")
    assert "console.openova.io, which is protected (CATALYST_PROTECTED_FQDNS)" in hazard.message


def test_one_that_only_a_label_calls_the_sovereigns_is_left_and_told() -> None:
    theirs = certificate("sovereign-wildcard-tls", FQDN)
    del theirs["metadata"]["annotations"]

    found = besides([theirs], [], EVERYWHERE)

    assert (found.taken, [hazard.name for hazard in found.left]) == ([], ["ns/sovereign-wildcard-tls"])


def test_others_may_be_served_anywhere_but_below_the_sovereigns_own_name() -> None:
    shared = certificate("tls", "*.omani.homes", "omani.homes", FQDN, f"*.api.{FQDN}", PARENT)

    assert may_serve_others(shared, FQDN) == ["omani.homes", PARENT]


@pytest.mark.parametrize(
    ("fqdn", "label"), [("t" * 51 + ".omani.works", "sovereign"), ("t" * 52 + ".omani.works", "component")]
)
def test_they_are_selected_by_a_label_that_all_of_them_bear(fqdn: str, label: str) -> None:
    wanted = WantedCertificate(
        name="tls", namespace="ns", issuer="any", dns_names=[], owner=OWNER.changed(sovereign_fqdn=fqdn)
    )

    selecting = selecting_labels(fqdn)

    assert list(selecting) == [f"catalyst.openova.io/{label}"]
    assert selecting.items() <= manifest(wanted)["metadata"]["labels"].items()


def test_where_nobody_could_look_it_is_told_what_to_grant() -> None:
    refusal = KubernetesForbidden("RBAC doesn't allow it.", by_rbac=True)

    told = not_looked_for(FQDN, "ns", ["a", "b"], refusal)

    assert (told.kind, told.name) == ("certificate-left", "ns/*")
    for words in (FQDN, "namespace ns", "(a, b)", "RBAC doesn't allow it.", "Grant list"):
        assert words in told.message

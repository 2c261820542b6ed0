"""What is put back, by which step, and what gives way to it."""

import json
from typing import Any

import pytest

from sovereign_dns.clients.powerdns import APEX_TTL_SECONDS
from sovereign_dns.contract import (
    CertificateSpec,
    CertificateStatus,
    Comment,
    Owner,
    PoolNameChange,
    RecordChange,
    ZoneChange,
)
from sovereign_dns.failures import InvalidInput, ProtectedName
from sovereign_dns.intent import NamingRules
from sovereign_dns.lifecycle_requests import RestoreRequest
from sovereign_dns.records import ZonePlan
from sovereign_dns.restoring import answers_after, plan_restoring
from sovereign_dns.restoring_intent import RestoringIntent, derive_restoring
from sovereign_dns.rrsets import RRset
from tests.unit.builders import FQDN, LOAD_BALANCER, NEIGHBOUR, OWNER, PARENT, STRANGER, rrset

RULES = NamingRules(nameservers=["ns1.openova.io"], protected_fqdns=["console.openova.io"])


def lost(name: str, rrtype: str, *values: str, **fields: Any) -> RecordChange:
    """One that was removed, unless something else is said."""
    told: dict[str, Any] = {
        "zone": f"{PARENT}.",
        "change": "removed",
        "ttl": 300,
        "before_ttl": 300,
        "before": list(values),
    }
    return RecordChange(**{"name": f"{name}.", "type": rrtype} | told | fields)


def made(name: str, rrtype: str, *values: str, **fields: Any) -> RecordChange:
    told: dict[str, Any] = {"zone": f"{PARENT}.", "change": "created", "ttl": 60, "after": list(values)}
    return RecordChange(**{"name": f"{name}.", "type": rrtype} | told | fields)


def planned(records: list[RecordChange], *existing: RRset, **options: Any) -> ZonePlan:
    return plan_restoring(PARENT, records, existing, FQDN, **options)


def written(plan: ZonePlan) -> list[tuple[str, str, list[str]]]:
    return [(write.name, write.type, write.values) for write in plan.writes]


def decided(rules: NamingRules = RULES, **fields: Any) -> RestoringIntent:
    request = RestoreRequest.model_validate({"restores": f"sovereign/{FQDN}", "sovereignFQDN": FQDN})
    return derive_restoring(request.changed(**fields), rules)


def test_what_the_run_put_in_the_place_of_an_alias_goes_before_the_alias_comes() -> None:
    console = f"console.{FQDN}"
    plan = planned(
        [lost(console, "CNAME", "stranger.example."), made(console, "A", LOAD_BALANCER)],
        rrset(console, "A", LOAD_BALANCER, owner=OWNER),
    )
    assert written(plan) == [(console, "A", []), (console, "CNAME", ["stranger.example."])]
    assert [change.change for change in plan.changes] == ["removed", "created"]


@pytest.mark.parametrize(
    "since",
    [
        rrset(f"console.{FQDN}", "A", "192.0.2.1", owner=OWNER),
        rrset(f"console.{FQDN}", "A", LOAD_BALANCER, ttl=61, owner=OWNER),
        rrset(f"console.{FQDN}", "A", LOAD_BALANCER, owner=NEIGHBOUR),
        rrset(f"console.{FQDN}", "A", LOAD_BALANCER, owner=OWNER, disabled=("192.0.2.2",)),
        rrset(f"console.{FQDN}", "TXT", '"written since"'),
    ],
)
def test_what_is_not_as_the_run_left_it_is_a_conflict(since: RRset) -> None:
    console = f"console.{FQDN}"
    records = [lost(console, "CNAME", "stranger.example."), made(console, "A", LOAD_BALANCER)]
    assert len(planned(records, since).conflicts) == 1
    assert written(planned(records, since, takeover=True)) == [
        (console, since.type, []),
        (console, "CNAME", ["stranger.example."]),
    ]


def test_not_even_a_takeover_costs_a_delegation() -> None:
    delegated = rrset(f"console.{FQDN}", "NS", "ns1.elsewhere.example.")
    plan = planned([lost(f"console.{FQDN}", "CNAME", "stranger.example.")], delegated, takeover=True)
    assert len(plan.conflicts) == 1


def test_what_its_owner_has_written_again_since_is_left_to_it() -> None:
    """A later deployment's, with the same values."""
    later = Owner(sovereign_fqdn=FQDN, deployment_id="a-later-one")
    plan = planned(
        [lost(FQDN, "A", LOAD_BALANCER, before_owner=OWNER)], rrset(FQDN, "A", LOAD_BALANCER, ttl=300, owner=later)
    )
    assert (plan.writes, plan.conflicts) == ([], [])


def test_where_only_the_deployment_was_replaced_the_former_one_is_put_back() -> None:
    former = Owner(sovereign_fqdn=FQDN, deployment_id="the-former")
    change = lost(FQDN, "A", LOAD_BALANCER, change="replaced", after=[LOAD_BALANCER], before_owner=former)
    plan = planned([change], rrset(FQDN, "A", LOAD_BALANCER, ttl=300, owner=OWNER))
    assert [write.comments[-1].content for write in plan.writes] == [f"sovereign={FQDN} deployment=the-former"]


def test_what_pdm_has_just_written_gives_way_and_nothing_else_does() -> None:
    records = [lost(f"console.{FQDN}", "A", "77.42.11.96"), lost(f"auth.{FQDN}", "A", LOAD_BALANCER)]
    by_pdm = rrset(f"console.{FQDN}", "A", LOAD_BALANCER)
    anybodys = rrset(f"auth.{FQDN}", "A", STRANGER)
    plan = planned(records, by_pdm, anybodys, pool_address=LOAD_BALANCER)
    assert written(plan) == [(f"console.{FQDN}", "A", ["77.42.11.96"])]
    assert [conflict.split()[0] for conflict in plan.conflicts] == [f"auth.{FQDN}."]


def test_what_another_zone_hides_is_put_back_told_and_not_asked_for() -> None:
    records = [lost(f"console.{FQDN}", "A", STRANGER), lost(PARENT, "A", STRANGER), lost(FQDN, "NS", "ns1.x.example.")]
    plan = planned(records, zones_below=[FQDN])
    assert len(plan.writes) == 3
    assert [(hazard.kind, hazard.name) for hazard in plan.hazards] == [("hidden-by-new-zone", f"console.{FQDN}.")]
    answers = answers_after(PARENT, plan.changes, plan.hazards)
    assert answers is not None
    assert [rrset.name for rrset in answers.rrsets] == [PARENT]


def test_comments_of_others_are_kept_and_put_back_each_once() -> None:
    ada = Comment(content="asked for by Ada", account="ada", modified_at=1)
    bob = Comment(content="nobody knows", account="bob", modified_at=2)
    there = rrset(FQDN, "A", "192.0.2.9", comments=(ada,))
    (write,) = planned([lost(FQDN, "A", STRANGER, before_comments=[ada, bob])], there, takeover=True).writes
    assert write.comments == [ada, bob]


def test_aliases_are_not_asked_for_and_a_wildcard_is_where_it_answers() -> None:
    plan = planned(
        [
            lost(f"a.{PARENT}", "CNAME", "stranger.example."),
            lost(f"*.{PARENT}", "A", STRANGER),
            lost(f"b.{PARENT}", "AAAA", "2a01:4f8::95", ttl=1, before_ttl=7),
        ],
        rrset(f"b.{PARENT}", "A", LOAD_BALANCER, ttl=60),
    )
    answers = answers_after(PARENT, plan.changes, plan.hazards)
    assert answers is not None
    assert answers.host == PARENT
    assert {(r.name, r.type): (r.ttl, r.values) for r in answers.rrsets} == {
        (f"*.{PARENT}", "A"): (300, [STRANGER]),
        (f"b.{PARENT}", "A"): (60, [LOAD_BALANCER]),
        (f"b.{PARENT}", "AAAA"): (7, ["2a01:4f8::95"]),
    }


def test_a_removed_zone_is_delegated_anew_and_not_by_its_old_ds() -> None:
    child, grandchild = f"eu.{PARENT}", f"t1.eu.{PARENT}"
    intent = decided(
        zones=[
            ZoneChange(zone=f"{grandchild}.", change="removed", nameservers=["ns9.openova.io."], signed=True),
            ZoneChange(zone=f"{child}.", change="removed", signed=True),
            ZoneChange(zone="other.works.", change="created"),
        ],
        records=[
            lost(child, "DS", "1 13 2 ab"),
            lost(child, "NS", "ns1.openova.io."),
            lost(f"x.{PARENT}", "DS", "2 13 2 cd"),
            lost(f"console.{child}", "A", STRANGER, zone=f"{child}.", before_owner=OWNER),
        ],
    )
    assert [(zone.domain, zone.nameservers, zone.names) for zone in intent.zones] == [
        (child, ["ns1.openova.io"], [f"console.{child}"]),
        (grandchild, ["ns9.openova.io"], []),
    ]
    assert [(part.zone, [change.name for change in part.records]) for part in intent.records] == [
        (PARENT, [f"x.{PARENT}."]),
        (child, [f"console.{child}."]),
    ]
    assert intent.owner == OWNER, "the deployment that its own records were written by"


def test_pdm_makes_a_pool_names_zone_and_delegates_it() -> None:
    intent = decided(
        zones=[ZoneChange(zone=f"{FQDN}.", change="removed")],
        pool_names=[PoolNameChange(domain=PARENT, subdomain="t110", change="released")],
        records=[lost(FQDN, "NS", "ns1.openova.io."), lost(FQDN, "A", LOAD_BALANCER, zone=f"{FQDN}.")],
    )
    assert intent.zones == []
    assert [(name.fqdn, name.load_balancer_ip) for name in intent.pool_names] == [(FQDN, LOAD_BALANCER)]
    assert [(part.zone, part.pool_address) for part in intent.records] == [(FQDN, LOAD_BALANCER)]


def test_a_certificate_is_asked_for_as_it_was_and_only_in_place_of_what_the_run_left() -> None:
    spec = CertificateSpec(
        dns_names=["a.example"], issuer="ours", issuer_kind="Issuer", secret_name="s", owner=NEIGHBOUR
    )
    left = CertificateStatus(name="c", namespace="n", dns_names=["b.example"], change="replaced", before=spec)
    removed = left.changed(name="d", change="removed", before=spec.changed(owner=None))
    untouched = left.changed(name="e", change="unchanged", before=None)
    replaced, gone = decided(deployment_id="d1", certificates=[left, removed, untouched]).certificates
    assert (replaced.issuer_kind, replaced.secret_name, replaced.owner) == ("Issuer", "s", NEIGHBOUR)
    assert (replaced.in_place_of, gone.in_place_of) == (["b.example"], [])
    assert gone.owner == Owner(sovereign_fqdn=FQDN, deployment_id="d1")


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"records": [lost("console.elsewhere.example", "A", STRANGER)]}, "lies outside of its zone"),
        ({"records": [lost(PARENT, "SOA", "a b 1 2 3 4 5")]}, "the SOA of omani.works. is PowerDNS' own"),
        ({"zones": [ZoneChange(zone="co.uk.", change="removed")]}, "co.uk is a public suffix"),
        ({"zones": [ZoneChange(zone="x.works.", change="removed")], "sovereign_fqdn": None}, "sovereignFQDN: is req"),
        ({"pool_names": [PoolNameChange(domain=PARENT, subdomain="t110", change="released")]}, "has no loadBalancerIP"),
        (
            {
                "pool_names": [
                    PoolNameChange(domain=PARENT, subdomain="x", change="released", load_balancer_ip="192.0.2.1")
                ]
            },
            "x.omani.works is not the sovereignFQDN",
        ),
    ],
)
def test_what_can_not_be_is_refused_by_its_field(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidInput, match=told):
        decided(**fields)


def test_protected_names_and_domains_that_are_not_served_are_left_alone() -> None:
    with pytest.raises(ProtectedName, match=r"console\.openova\.io"):
        decided(records=[lost("console.openova.io", "A", STRANGER, zone="openova.io.")])
    narrowed = RULES.changed(allowed_parent_domains=["omani.homes"])
    with pytest.raises(InvalidInput, match=r"CATALYST_ALLOWED_PARENT_DOMAINS=omani\.homes"):
        decided(narrowed, records=[lost(FQDN, "A", STRANGER)])


def test_what_the_run_created_or_found_is_left() -> None:
    records = [made(FQDN, "A", LOAD_BALANCER), lost(FQDN, "AAAA", "2a01:4f8::1", change="unchanged")]
    zones = [ZoneChange(zone="other.works.", change="created")]
    intent = decided(records=[*records, lost(f"x.{PARENT}", "A", STRANGER)], zones=zones)
    assert [change.name for part in intent.records for change in part.records] == [f"x.{PARENT}."]
    assert intent.zones == []
    with pytest.raises(InvalidInput, match="there is nothing to put back"):
        decided(records=records, zones=zones)


def test_a_result_as_go_and_the_temporal_command_print_it_can_be_given() -> None:
    told = lost(f"x.{PARENT}", "A", STRANGER).model_dump(mode="json")
    printed = {key: value or None for key, value in told.items()}
    body = {"restores": "x", "records": [printed], "zones": None, "poolNames": None}

    request = RestoreRequest.model_validate_json(json.dumps(body))

    assert request.records == [lost(f"x.{PARENT}", "A", STRANGER)]


@pytest.mark.parametrize("given", [None, {"level": "propagated"}])
def test_the_proof_waits_longer_than_resolvers_keep_the_denial_of_a_removal(given: dict[str, str] | None) -> None:
    request = RestoreRequest.model_validate({"restores": f"sovereign/{FQDN}", "verification": given})
    assert request.verification.deadline_seconds >= 2 * APEX_TTL_SECONDS

"""What an audit finds in zones, and what it must not: each kind of finding with its near misses."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.audit_contract import Finding, InventorySource, SourceRead
from sovereign_dns.audit_findings import Judge
from sovereign_dns.contract import Comment, Owner
from sovereign_dns.fix_intent import why_not_removable
from sovereign_dns.inventory import GoneSovereign, Inventory, OwnedAddress, OwnedNetwork, PoolRow
from sovereign_dns.rrsets import RRset, RRsetWrite, owner_comment
from sovereign_dns.zone_survey import Survey
from tests.unit.builders import FQDN, LOAD_BALANCER, NEIGHBOUR, OWNER, PARENT, STRANGER, STRANGER_V6, rrset
from tests.unit.strategies import FQDNS

NAMESERVERS = ("ns1.openova.io", "ns2.openova.io")
OURS = tuple(f"{server}." for server in NAMESERVERS)
THEIRS = "ns.stranger.test."
KEY = "12345 13 2 " + "ab" * 32
OTHER_KEY = "54321 13 2 " + "cd" * 32

Zones = dict[str, Sequence[RRset]]


def written(name: str, rrtype: str, *values: str, owner: Owner = OWNER, ttl: int = 60) -> RRset:
    """An rrset as the workflow wrote it, with the digest in its owner's comment."""
    write = RRsetWrite(name=name, type=rrtype, ttl=ttl, values=list(values), comments=[owner_comment(owner)])
    return RRset.model_validate(write.as_powerdns() | {"name": name})


def read(*sources: InventorySource) -> list[SourceRead]:
    return [SourceRead(source=source, state="read") for source in sources]


def apex(zone: str, *, owner: Owner | None = None) -> list[RRset]:
    return [rrset(zone, "SOA", "ns1. host. 1 1 1 1 1"), rrset(zone, "NS", *OURS, owner=owner)]


def gone(fqdn: str) -> GoneSovereign:
    return GoneSovereign(
        sovereign_fqdn=fqdn, workflow_id=f"sovereign/{fqdn}", run_id="r1", at=datetime(2026, 5, 15, tzinfo=UTC)
    )


def audit(
    zones: Zones,
    inventory: Inventory | None = None,
    *,
    complete: bool = True,
    keys: dict[str, list[str]] | None = None,
) -> list[Finding]:
    """What the audit of these zones finds; each has its apex besides."""
    full = {
        zone: [*rrsets, *([] if any(r.type == "SOA" for r in rrsets) else apex(zone))] for zone, rrsets in zones.items()
    }
    groups = {
        zone: {name: [r for r in rrsets if r.name == name] for name in dict.fromkeys(r.name for r in rrsets)}
        for zone, rrsets in full.items()
    }
    survey = Survey(set(full), inventory or Inventory())
    for zone, by_name in groups.items():
        for name, rrsets in by_name.items():
            survey.see(zone, name, rrsets)
    judge = Judge(survey, NAMESERVERS, complete=complete)
    found = []
    for zone, by_name in groups.items():
        for name, rrsets in by_name.items():
            known = (keys or {}).get(name, []) if judge.needs_keys(zone, name, rrsets) else None
            found += judge.judge(zone, name, rrsets, known)
    return found


def told(findings: list[Finding]) -> list[tuple[str, str, str, str]]:
    return sorted((found.kind, found.severity, found.name.rstrip("."), found.type) for found in findings)


def test_the_incident_is_found_before_there_is_any_record_of_the_sovereign() -> None:
    found = audit({PARENT: [rrset(f"*.{PARENT}", "A", STRANGER)]}, Inventory(live=[FQDN]))

    assert told(found) == [("orphan", "critical", f"*.{PARENT}", "A"), ("shadowing", "critical", f"*.{PARENT}", "A")]
    orphan, shadowing = found
    assert orphan.content == [STRANGER]
    assert STRANGER in orphan.message
    assert f"every name below {PARENT}" in orphan.message
    assert orphan.mend == f"sovereign-dns audit fix {orphan.id}"
    assert FQDN in shadowing.evidence[0]
    assert orphan.id != shadowing.id


class TestOrphan:
    def test_an_address_that_nobody_has(self) -> None:
        found = audit({PARENT: [rrset(f"www.{PARENT}", "A", STRANGER), rrset(PARENT, "AAAA", STRANGER_V6)]})
        assert told(found) == [("orphan", "warning", PARENT, "AAAA"), ("orphan", "warning", f"www.{PARENT}", "A")]

    @pytest.mark.parametrize(
        "inventory",
        [
            Inventory(addresses=[OwnedAddress(address=STRANGER, source="hetzner", label="load balancer lb1")]),
            Inventory(networks=[OwnedNetwork(network="49.12.0.0/16", source="networks", label="49.12.0.0/16")]),
            Inventory(pool_rows=[PoolRow(pool=PARENT, subdomain="o1", state="active", load_balancer_ip=STRANGER)]),
        ],
    )
    def test_an_address_in_somebodys_inventory_is_none(self, inventory: Inventory) -> None:
        assert audit({PARENT: [rrset(f"www.{PARENT}", "A", STRANGER)]}, inventory) == []

    def test_an_address_of_a_sovereign_is_none_in_any_zone_and_however_spelled(self) -> None:
        mine = written(f"console.{FQDN}", "AAAA", "2a01:4f8:0::95")
        assert audit({PARENT: [mine], "omani.homes": [rrset("a.omani.homes", "AAAA", "2A01:4F8::95")]}) == []

    def test_one_stranger_beside_a_known_address(self) -> None:
        mine = written(f"console.{FQDN}", "A", LOAD_BALANCER)
        (found,) = audit({PARENT: [mine, rrset(f"www.{PARENT}", "A", LOAD_BALANCER, STRANGER)]})
        assert (found.kind, found.content) == ("orphan", [LOAD_BALANCER, STRANGER])
        assert LOAD_BALANCER not in found.message

    def test_an_owned_address_is_none_and_neither_is_one_that_is_not_served(self) -> None:
        assert (
            audit({PARENT: [rrset(FQDN, "A", STRANGER, owner=OWNER), rrset(f"a.{PARENT}", "A", disabled=(STRANGER,))]})
            == []
        )

    def test_what_a_hosted_child_zone_hides_is_not_answered(self) -> None:
        assert audit({PARENT: [rrset(f"a.{FQDN}", "A", STRANGER), rrset(FQDN, "A", STRANGER)], FQDN: []}) == []

    def test_glue_below_somebody_elses_delegation_is_answered(self) -> None:
        cut = [rrset(f"x.{PARENT}", "NS", f"ns.x.{PARENT}."), rrset(f"ns.x.{PARENT}", "A", STRANGER)]
        assert told(audit({PARENT: cut})) == [("orphan", "warning", f"ns.x.{PARENT}", "A")]

    def test_a_gone_sovereigns_address_is_nobodys(self) -> None:
        leftover = rrset(FQDN, "A", LOAD_BALANCER, owner=OWNER)
        found = audit({PARENT: [leftover, rrset(f"www.{PARENT}", "A", LOAD_BALANCER)]}, Inventory(gone=[gone(FQDN)]))
        assert told(found) == [("dangling", "critical", FQDN, "A"), ("orphan", "warning", f"www.{PARENT}", "A")]

    def test_what_somebody_put_under_a_sovereigns_comment_makes_no_address_its_own(self) -> None:
        drifted = written(FQDN, "A", LOAD_BALANCER).changed(records=rrset(FQDN, "A", STRANGER).records)
        found = audit({PARENT: [drifted, rrset(f"*.{PARENT}", "A", STRANGER)]})
        assert ("orphan", "critical", f"*.{PARENT}", "A") in told(found)
        assert ("drift", "critical", FQDN, "A") in told(found)

    def test_a_partial_inventory_makes_no_orphans_and_no_strangers(self) -> None:
        found = audit({PARENT: [rrset(f"*.{PARENT}", "A", STRANGER)]}, Inventory(live=[FQDN]), complete=False)
        assert told(found) == [("shadowing", "warning", f"*.{PARENT}", "A")]


class TestShadowing:
    @pytest.mark.parametrize(
        "inventory", [Inventory(pools=[PARENT]), Inventory(pools=[f"eu.{PARENT}"]), Inventory(live=[f"a.eu.{PARENT}"])]
    )
    def test_names_that_sovereigns_have_or_may_get(self, inventory: Inventory) -> None:
        known = inventory.changed(addresses=[OwnedAddress(address=STRANGER, source="hetzner", label="landing page")])
        found = audit({PARENT: [rrset(f"*.{PARENT}", "A", STRANGER)]}, known)
        assert told(found) == [("shadowing", "warning", f"*.{PARENT}", "A")]
        assert "landing page" in " ".join(found[0].evidence)

    @pytest.mark.parametrize("owner", [None, NEIGHBOUR])
    def test_a_hosts_own_names_that_another_sovereign_would_answer(self, owner: Owner | None) -> None:
        neighbours = "77.42.11.99"
        live = [written(FQDN, "A", LOAD_BALANCER), written("t112.omani.works", "A", neighbours, owner=NEIGHBOUR)]
        found = audit({PARENT: [*live, rrset(f"*.{FQDN}", "A", neighbours, owner=owner)]})
        assert told(found) == [("shadowing", "warning", f"*.{FQDN}", "A")]
        assert found[0].evidence[0] == f"Sovereign {FQDN} is served there"

    def test_a_host_may_share_its_address_or_lead_where_no_sovereign_is(self) -> None:
        shared, landing = "77.42.11.99", "77.42.200.1"
        networks = [OwnedNetwork(network=landing, source="networks", label="landing pages")]
        row = PoolRow(pool=PARENT, subdomain="t112", state="active", load_balancer_ip=shared)
        wildcards = [rrset(f"*.{FQDN}", "A", landing, shared), rrset("*.t112.omani.works", "A", shared)]
        live = [written(FQDN, "A", LOAD_BALANCER, shared), written(f"console.{FQDN}", "A", shared)]
        assert audit({PARENT: [*live, *wildcards]}, Inventory(networks=networks, pool_rows=[row])) == []

    @pytest.mark.parametrize("rrtype", ["CNAME", "LUA"])
    def test_wherever_it_leads(self, rrtype: str) -> None:
        found = audit({PARENT: [rrset(f"*.{PARENT}", rrtype, "x.test."), written(FQDN, "A", LOAD_BALANCER)]})
        assert told(found) == [("shadowing", "warning", f"*.{PARENT}", rrtype)]

    def test_under_another_parent_domain_where_only_records_tell(self) -> None:
        served_there = written("console.t110.omani.homes", "A", LOAD_BALANCER)
        found = audit({"omani.homes": [served_there, rrset("*.omani.homes", "A", LOAD_BALANCER)]})
        assert told(found) == [("shadowing", "warning", "*.omani.homes", "A")]

    def test_a_sovereigns_own_wildcard_is_none(self) -> None:
        row = PoolRow(
            pool=PARENT, subdomain="t110", state="active", sovereign_fqdn=FQDN, load_balancer_ip=LOAD_BALANCER
        )
        inventory = Inventory(pools=[PARENT], pool_rows=[row], live=[FQDN, f"inner.{FQDN}"], sources=read("pdm"))
        assert audit({FQDN: [rrset(f"*.{FQDN}", "A", LOAD_BALANCER)], PARENT: []}, inventory) == []
        assert audit({FQDN: [written(f"*.{FQDN}", "A", LOAD_BALANCER)], PARENT: []}, inventory) == []

    def test_anothers_wildcard_at_a_sovereigns_host_with_one_below_it(self) -> None:
        foreign = written(f"*.{FQDN}", "A", "77.42.11.99", owner=NEIGHBOUR)
        assert told(audit({PARENT: [foreign]}, Inventory(live=[FQDN, f"inner.{FQDN}"]))) == [
            ("shadowing", "warning", f"*.{FQDN}", "A")
        ]

    def test_a_wildcard_where_no_sovereign_lives_is_none(self) -> None:
        known = Inventory(
            live=[FQDN], addresses=[OwnedAddress(address=STRANGER, source="hetzner", label="landing page")]
        )
        zones: Zones = {
            PARENT: [rrset(f"*.apps.{FQDN}", "A", STRANGER), rrset(f"*.docs.{PARENT}", "A", STRANGER)],
            "example.com": [rrset("*.example.com", "A", STRANGER)],
        }
        assert audit(zones, known) == []

    def test_a_wildcard_of_text_leads_nobody_anywhere(self) -> None:
        assert audit({PARENT: [rrset(f"*.{PARENT}", "TXT", '"x"')]}, Inventory(live=[FQDN])) == []


class TestDanglingRecords:
    def test_what_a_deprovisioned_sovereign_has_left(self) -> None:
        zones: Zones = {PARENT: [written(FQDN, "A", LOAD_BALANCER), rrset(f"x.{FQDN}", "TXT", '"x"', owner=OWNER)]}
        still_ours = [OwnedAddress(address=LOAD_BALANCER, source="hetzner", label="lb1")]
        found = audit(zones, Inventory(gone=[gone(FQDN)], addresses=still_ours))
        assert told(found) == [("dangling", "warning", FQDN, "A"), ("dangling", "warning", f"x.{FQDN}", "TXT")]
        assert found[0].owner == OWNER
        assert f"sovereign/{FQDN}" in found[0].evidence[0]

    def test_what_a_live_or_unknown_sovereign_has_is_none(self) -> None:
        zones: Zones = {PARENT: [written(FQDN, "A", LOAD_BALANCER)]}
        assert audit(zones, Inventory(live=[FQDN], gone=[gone(NEIGHBOUR.sovereign_fqdn)])) == []
        assert audit(zones) == []

    def test_the_zone_that_is_kept_and_its_delegation_are_none(self) -> None:
        delegated = [written(FQDN, "NS", *OURS), written(FQDN, "DS", KEY)]
        zones: Zones = {PARENT: delegated, FQDN: apex(FQDN, owner=OWNER)}
        assert audit(zones, Inventory(gone=[gone(FQDN)]), keys={FQDN: [KEY]}) == []

    def test_comments_alone_of_who_is_gone_are_none(self) -> None:
        assert audit({PARENT: [rrset(FQDN, "A", owner=OWNER)]}, Inventory(gone=[gone(FQDN)])) == []

    def test_a_pool_name_that_pdm_does_not_know(self) -> None:
        zones: Zones = {
            PARENT: [rrset(FQDN, "NS", *OURS), rrset(FQDN, "DS", KEY)],
            FQDN: [rrset(f"*.{FQDN}", "A", LOAD_BALANCER), written(f"console.{FQDN}", "A", LOAD_BALANCER)],
        }
        inventory = Inventory(pools=[PARENT], sources=read("pdm"))
        assert told(audit(zones, inventory, keys={FQDN: [KEY]})) == [
            ("dangling", "warning", f"*.{FQDN}", "A"),
            ("dangling", "warning", f"console.{FQDN}", "A"),
            ("dangling", "warning", FQDN, "DS"),
            ("dangling", "warning", FQDN, "NS"),
        ]
        row = PoolRow(pool=PARENT, subdomain="t110", state="reserved")
        assert audit(zones, inventory.changed(pool_rows=[row]), keys={FQDN: [KEY]}) == []
        assert audit(zones, Inventory(pools=[PARENT]), complete=False, keys={FQDN: [KEY]}) == []

    @pytest.mark.parametrize("marked", ["apex", "cut"])
    def test_a_sovereigns_own_zone_below_a_pool_is_none(self, marked: str) -> None:
        zones: Zones = {
            PARENT: [rrset(FQDN, "NS", *OURS, owner=OWNER if marked == "cut" else None)],
            FQDN: [*apex(FQDN, owner=OWNER if marked == "apex" else None), written(FQDN, "A", LOAD_BALANCER)],
        }
        assert audit(zones, Inventory(pools=[PARENT], sources=read("pdm"))) == []

    def test_a_sovereign_below_a_pool_that_is_not_of_the_pool_is_none(self) -> None:
        zones: Zones = {PARENT: [written(FQDN, "A", LOAD_BALANCER)]}
        assert audit(zones, Inventory(pools=[PARENT], sources=read("pdm"))) == []


class TestDanglingDelegations:
    def test_to_our_name_servers_without_a_zone(self) -> None:
        found = audit({PARENT: [rrset(FQDN, "NS", "NS1.openova.io."), rrset(FQDN, "DS", KEY)]})
        assert told(found) == [("dangling", "warning", FQDN, "DS"), ("dangling", "warning", FQDN, "NS")]

    def test_to_the_zones_own_name_servers_which_are_not_the_expected_ones(self) -> None:
        own = [rrset(PARENT, "SOA", "x"), rrset(PARENT, "NS", "a.dns.test.")]
        assert told(audit({PARENT: [*own, rrset(FQDN, "NS", "a.dns.test.")]})) == [("dangling", "warning", FQDN, "NS")]

    def test_in_part_to_somebody_elses_is_told_and_not_to_be_removed(self) -> None:
        """The zone may be hosted there; without the delegation it would be gone."""
        (found,) = audit({PARENT: [rrset(FQDN, "NS", OURS[0], THEIRS), rrset(FQDN, "DS", KEY)]})
        assert (found.kind, found.type) == ("dangling", "NS")
        assert why_not_removable(found) is not None
        assert found.mend == f"take {OURS[0]} out of the NS records of {FQDN} by hand, or create the zone"

    def test_to_somebody_elses_is_none(self) -> None:
        assert audit({PARENT: [rrset(FQDN, "NS", THEIRS), rrset(FQDN, "DS", KEY)]}) == []
        assert (
            audit({PARENT: [rrset(FQDN, "NS", THEIRS), rrset(FQDN, "DS", KEY)], FQDN: []}, keys={FQDN: [OTHER_KEY]})
            == []
        )

    def test_to_a_hosted_zone_with_its_key_is_none(self) -> None:
        upper = KEY.upper().replace(" 13 2 ", "  13 2 ")
        zones: Zones = {PARENT: [rrset(FQDN, "NS", *OURS), rrset(FQDN, "DS", upper)], FQDN: []}
        assert audit(zones, keys={FQDN: [OTHER_KEY, KEY]}) == []

    @pytest.mark.parametrize("keys", [[OTHER_KEY], []])
    def test_a_ds_without_such_a_key(self, keys: list[str]) -> None:
        zones: Zones = {PARENT: [rrset(FQDN, "NS", *OURS), rrset(FQDN, "DS", KEY)], FQDN: []}
        assert told(audit(zones, keys={FQDN: keys})) == [("dangling", "critical", FQDN, "DS")]

    @pytest.mark.parametrize(("children", "severity"), [({}, "notice"), ({FQDN: []}, "warning")])
    def test_a_ds_without_ns(self, children: Zones, severity: str) -> None:
        found = audit({PARENT: [rrset(FQDN, "DS", KEY)], **children}, keys={FQDN: [KEY]})
        assert told(found) == [("dangling", severity, FQDN, "DS")]

    def test_the_remains_of_a_delegation_that_a_zone_in_between_hides_are_none(self) -> None:
        zones: Zones = {PARENT: [rrset(FQDN, "NS", *OURS), rrset(f"a.{FQDN}", "NS", *OURS)], FQDN: []}
        assert audit(zones) == []


class TestDrift:
    def test_another_value_another_ttl_or_a_disabled_one(self) -> None:
        mine = written(FQDN, "A", LOAD_BALANCER)
        disabled = rrset(FQDN, "A", disabled=(LOAD_BALANCER,)).records
        for changed in (mine.changed(ttl=300), mine.changed(records=disabled)):
            (found,) = audit({PARENT: [changed, written(f"a.{FQDN}", "A", LOAD_BALANCER)]})
            assert (found.kind, found.severity, found.type) == ("drift", "warning", "A")
            assert found.mend == f"sovereign-dns provision --again {FQDN}"
        (found,) = audit({PARENT: [mine.changed(records=rrset(FQDN, "A", STRANGER).records)]})
        assert (found.kind, found.severity, found.content) == ("drift", "critical", [STRANGER])

    def test_an_owners_comment_without_records(self) -> None:
        (found,) = audit({PARENT: [rrset(FQDN, "A", owner=OWNER)]})
        assert (found.kind, found.content) == ("drift", [])

    def test_as_written_or_from_before_there_were_digests_is_none(self) -> None:
        zones: Zones = {
            PARENT: [written(FQDN, "A", LOAD_BALANCER), rrset(f"a.{FQDN}", "A", LOAD_BALANCER, owner=OWNER)]
        }
        assert audit(zones) == []

    def test_somebody_elses_comment_without_records_is_none(self) -> None:
        assert audit({PARENT: [rrset(FQDN, "A", comments=(Comment(content="x", account="ada"),))]}) == []


@given(st.lists(st.tuples(FQDNS, st.booleans()), max_size=8, unique_by=lambda one: one[0]))
def test_what_the_workflow_itself_has_written_is_never_found(sovereigns: list[tuple[str, bool]]) -> None:
    zones: Zones = {}
    for number, (fqdn, own_zone) in enumerate(sovereigns):
        owner = Owner(sovereign_fqdn=fqdn, deployment_id=f"d{number}")
        zone = fqdn if own_zone else fqdn.partition(".")[2]
        held = [written(name, "A", LOAD_BALANCER, owner=owner) for name in (fqdn, f"console.{fqdn}", f"*.{fqdn}")]
        zones[zone] = [*zones.get(zone, []), *held]
    nested = {a for a, _ in sovereigns for b, _ in sovereigns if a != b and b.endswith(f".{a}")}
    found = [one for one in audit(zones) if one.name.rstrip(".").removeprefix("*.") not in nested]
    assert found == []


def test_ids_are_stable_short_and_apart() -> None:
    zones: Zones = {
        PARENT: [rrset(f"*.{PARENT}", rrtype, value) for rrtype, value in (("A", STRANGER), ("AAAA", STRANGER_V6))]
    }
    first, second = audit(zones, Inventory(live=[FQDN])), audit(zones, Inventory(live=[FQDN]))
    assert [one.id for one in first] == [one.id for one in second]
    assert len({one.id for one in first}) == 4
    assert all(one.id.isalnum() and len(one.id) == 10 for one in first)


def test_what_is_too_long_is_cut_and_not_to_be_removed_by_a_stroke_of_a_key() -> None:
    many = [f"2001:db8::{number:x}:ffff" for number in range(1, 500)]
    (found,) = audit({PARENT: [rrset(f"a.{PARENT}", "AAAA", *many)]})
    assert found.content[-1] == "…"
    assert "by hand" in found.mend
    assert len(found.model_dump_json()) < 6000

"""Zones that were made for a Sovereign, and whether they go with it."""

import secrets

import pytest

from activities.powerdns import PowerDNSActivities
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.failures import OwnershipConflict
from tests.attempts import Attempts
from tests.powerdns_bench import whole
from tests.removal_bench import Life, removals
from tests.world import LOAD_BALANCER, STRANGER, World, rrset


async def test_a_zone_that_holds_anything_of_others_stays_and_is_served(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    life = Life(powerdns, f"t1.{parent}", {"parentDomains": [{"name": f"t1.{parent}"}]})
    await life.provision()
    await bench.write(life.fqdn, rrset(f"www.{life.fqdn}", "A", STRANGER))
    delegated = await whole(bench, parent)

    _, zone = await life.remove(await life.find())

    assert (zone.zones, zone.changes) == ([], [])
    assert [(hazard.kind, hazard.content) for hazard in zone.hazards] == [("zone-kept", [f"www.{life.fqdn}. A"])]
    assert await whole(bench, parent) == delegated
    assert await bench.answer(f"www.{life.fqdn}") == [STRANGER]


async def test_what_a_zone_holds_is_seen_beside_a_big_zone_below_it(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    life = Life(powerdns, f"t1.{parent}", {"parentDomains": [{"name": f"t1.{parent}"}]})
    big = f"a.{life.fqdn}"
    await bench.create_zone(big, *(rrset(f"h{i}.{big}", "A", STRANGER) for i in range(100)))
    await life.provision()

    assert {held.name for held in await powerdns.search.some_below(life.fqdn)} >= {f"console.{life.fqdn}"}
    _, zone = await life.remove(await life.find())

    assert zone.outcome == f"removed, with its delegation in {parent}"
    assert await bench.values(big, f"h7.{big}", "A") == [STRANGER]


@pytest.mark.parametrize("leftover_of_pool", [False, True])
async def test_a_zone_stays_whose_only_name_is_behind_pages_of_what_is_none_of_its_own(
    bench: World, powerdns: PowerDNS, parent: str, leftover_of_pool: bool
) -> None:
    life = Life(powerdns, f"t1.{parent}", {"parentDomains": [{"name": f"t1.{parent}"}]})
    await life.provision()
    (found,) = (await life.find()).zones
    await Attempts().attempt(removals(powerdns).remove_records, life.removal(found))
    held, child = f"{'d.' * 80}{life.fqdn}", f"a.{life.fqdn}"
    await bench.write(life.fqdn, rrset(held, "A", STRANGER))  # makes 79 empty non-terminals
    await bench.create_zone(child, *(rrset(f"h{i}.{child}", "A", STRANGER) for i in range(2_100)))
    await bench.write(life.fqdn, rrset(held, "A", STRANGER))  # behind all of them: the search goes by age

    keys = sorted(await powerdns.ds_records(life.fqdn))
    removal = life.zone_removal(found, leftover_of_pool=leftover_of_pool, keys=keys)
    report = await Attempts().attempt(removals(powerdns).remove_zone, removal)

    assert [hazard.content for hazard in report.hazards] == [[f"{held}. A"]]
    assert (report.zones, report.changes) == ([], [])
    assert await bench.answer(held) == [STRANGER]


async def test_what_a_new_zone_would_hide_is_seen_however_much_of_ones_own_is_before_it(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    life, other = Life(powerdns, f"t1.{parent}"), f"console.t1.{parent}"
    own = [rrset(f"h{i}.{life.fqdn}", "A", LOAD_BALANCER, owner=life.fqdn) for i in range(1_100)]
    await bench.write(parent, *own)
    await bench.write(parent, rrset(other, "A", STRANGER, owner=f"t2.{parent}"))

    with pytest.raises(OwnershipConflict, match=f"take Sovereign t2.{parent} "):
        await Attempts().attempt(PowerDNSActivities(powerdns).create_zone, life.creation(life.fqdn))

    assert await bench.zone(life.fqdn) is None
    assert await bench.answer(other) == [STRANGER]


async def test_what_an_interrupted_removal_left_is_found(bench: World, powerdns: PowerDNS, parent: str) -> None:
    life = Life(powerdns, f"t1.{parent}", {"parentDomains": [{"name": f"t1.{parent}"}]})
    before = await whole(bench, parent)
    await life.provision()
    (first,) = (await life.find()).zones
    await Attempts().attempt(removals(powerdns).remove_records, life.removal(first))

    (without_records,) = (await life.find()).zones
    await bench.delete_zone(life.fqdn)
    (without_zone,) = (await life.find()).zones
    (report,) = await life.remove(await life.find())

    assert (without_records.rrsets, without_records.made_for_us, without_records.parent_zone) == ([], True, parent)
    assert (without_zone.made_for_us, without_zone.delegated_for_us) == (False, True)
    assert report.outcome == f"was gone already; its delegation in {parent} is removed"
    assert await whole(bench, parent) == before


async def test_a_zone_that_was_there_before_stays_as_it_was(bench: World, powerdns: PowerDNS, parent: str) -> None:
    fqdn = f"t1.{parent}"
    await bench.create_zone(fqdn)
    before = [await whole(bench, zone) for zone in (parent, fqdn)]
    life = Life(powerdns, fqdn, {"parentDomains": [{"name": fqdn}]})
    await life.provision()

    _, zone = await life.remove(await life.find())

    assert [await whole(bench, zone) for zone in (parent, fqdn)] == before
    assert zone.zones == []
    assert [hazard.kind for hazard in zone.hazards] == ["zone-kept"]


async def test_a_zone_without_one_above_it_goes_only_as_a_parent_domain(bench: World, powerdns: PowerDNS) -> None:
    domain = f"p{secrets.token_hex(4)}.homes"
    life = Life(powerdns, f"t1.{domain}")
    await life.provision()

    _, kept = await life.remove(await life.find())
    (removed,) = await life.remove(await life.find(), without_parent=True)

    assert [hazard.kind for hazard in kept.hazards] == ["zone-kept"]
    assert removed.outcome == "removed"
    assert await bench.zone(domain) is None


async def test_what_pdm_left_of_a_pool_name_goes_and_nobodys_who_claims_it_then(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    fqdn = f"t1.{parent}"
    before = await whole(bench, parent)
    life = Life(powerdns, fqdn, {"pool": {"domain": parent, "subdomain": "t1"}})

    async def reserved_and_committed() -> None:
        await bench.create_zone(fqdn, *(rrset(name, "A", LOAD_BALANCER, ttl=300) for name in (fqdn, f"*.{fqdn}")))
        await bench.write(parent, rrset(fqdn, "NS", "ns1.openova.io.", ttl=3600))

    await reserved_and_committed()
    await life.provision()
    found = await life.find()
    (zone,) = found.zones
    assert (zone.made_by_pdm, zone.made_for_us, "left" in found.outcome.lower()) == (True, False, False)
    _, report = await life.remove(found)

    assert report.outcome == f"removed, with its delegation in {parent}"
    assert [(change.name, change.before) for change in report.changes if change.zone == f"{fqdn}."] == [
        (f"*.{fqdn}.", [LOAD_BALANCER])
    ]
    assert await whole(bench, parent) == before

    await reserved_and_committed()
    claimed = [await whole(bench, zone) for zone in (parent, fqdn)]
    late = await Attempts().attempt(removals(powerdns).remove_zone, life.zone_removal(zone))
    assert "claimed the pool name since" in late.outcome
    assert [await whole(bench, zone) for zone in (parent, fqdn)] == claimed

    # PDM takes a zone that it finds for the new holder's: the keys are those of the one that was released.
    (same,) = (await life.find()).zones
    late = await Attempts().attempt(removals(powerdns, "t1").remove_zone, life.zone_removal(same))
    assert late.outcome == "left: somebody has claimed the pool name since it was released"
    assert [await whole(bench, zone) for zone in (parent, fqdn)] == claimed

    await bench.delete_zone(fqdn)
    await Attempts().attempt(removals(powerdns, "t1").remove_zone, life.zone_removal(same))
    assert await whole(bench, parent) == claimed[0]

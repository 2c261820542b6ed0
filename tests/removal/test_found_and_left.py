"""What is found as a Sovereign's, and what is left as somebody else's."""

import secrets

import pytest

from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.contract import Owner, ZoneChange
from sovereign_dns.failures import FindingChanged, OwnershipConflict
from sovereign_dns.intent import NamingRules
from sovereign_dns.lifecycle_messages import RemoveRecords, RRsetToRemove
from tests.attempts import Attempts
from tests.powerdns_bench import whole
from tests.removal_bench import SERVERS, Life, removals
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset

NOBODY = Owner(sovereign_fqdn="", deployment_id="")


async def serials(bench: World, *zones: str) -> list[int]:
    return [await bench.serial(zone) for zone in zones]


async def test_nothing_is_answered_any_more_where_records_were(bench: World, powerdns: PowerDNS, parent: str) -> None:
    life = Life(powerdns, f"t1.{parent}", {"parentDomains": [{"name": f"t1.{parent}"}]})
    await life.provision()

    found = await life.find()
    records, zone = await life.remove(found)

    assert (records.outcome, zone.outcome) == ("14 removed", f"removed, with its delegation in {parent}")
    assert [change.before for change in records.changes] == [[LOAD_BALANCER]] * 14
    assert zone.zones == [
        ZoneChange(zone=f"t1.{parent}.", change="removed", nameservers=[f"{s}." for s in SERVERS], signed=True)
    ]
    assert [(change.type, change.change) for change in zone.changes] == [("DS", "removed"), ("NS", "removed")]
    assert await bench.answers_other_than([], names_of(life.fqdn)) == {}


async def test_a_dry_run_tells_the_same_and_writes_nothing(bench: World, powerdns: PowerDNS, parent: str) -> None:
    life = Life(
        powerdns, f"t1.{parent}", {"parentDomains": [{"name": f"t1.{parent}"}], "loadBalancerIP": LOAD_BALANCER}
    )
    await life.provision()
    without_owner = rrset(f"auth.{life.fqdn}", "A", LOAD_BALANCER)
    await bench.write(life.fqdn, without_owner)
    before = [await whole(bench, zone) for zone in (parent, life.fqdn)]
    serial = await serials(bench, parent, life.fqdn)
    found = await life.find()

    planned = await life.remove(found, dry_run=True)

    assert [report.outcome for report in planned] == [
        "dry run: 14 would be removed", f"dry run: would be removed, with its delegation in {parent}",
    ]  # fmt: skip
    assert [await whole(bench, zone) for zone in (parent, life.fqdn)] == before
    assert await serials(bench, parent, life.fqdn) == serial
    done = await life.remove(found)
    assert [report.changes for report in done] == [report.changes for report in planned]
    assert done[1].zones == planned[1].zones


async def test_addresses_from_before_there_were_comments_are_known_by_where_they_lead(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    fqdn = f"t1.{parent}"
    theirs = rrset(f"harbor.{fqdn}", "A", LOAD_BALANCER, owner=f"t2.{parent}")
    await bench.write(
        parent,
        *(rrset(name, "A", LOAD_BALANCER) for name in (fqdn, f"console.{fqdn}", f"*.{fqdn}", f"mine.{fqdn}")),
        rrset(f"auth.{fqdn}", "A", STRANGER),
        rrset(f"api.{fqdn}", "A", LOAD_BALANCER, STRANGER),
        rrset(f"gitea.{fqdn}", "TXT", '"77.42.11.95"'),
        theirs,
    )
    life = Life(powerdns, fqdn)

    assert (await life.find()).zones == []
    found = await life.find(loadBalancerIP=LOAD_BALANCER)

    (zone,) = found.zones
    assert {rrset.name for rrset in zone.rrsets} == {fqdn, f"console.{fqdn}", f"*.{fqdn}"}
    assert [(hazard.kind, hazard.name) for hazard in found.hazards] == [("kept-for-another", f"harbor.{fqdn}.")]
    assert f"api.{fqdn} A (" in found.outcome
    assert f"auth.{fqdn} A ({STRANGER})" in found.outcome


async def test_a_newer_deployment_is_not_taken_offline(bench: World, powerdns: PowerDNS, parent: str) -> None:
    newer = Life(powerdns, f"t1.{parent}", deployment="d2")
    await newer.provision()
    before = await whole(bench, parent)
    found = await newer.find()

    with pytest.raises(OwnershipConflict, match=r"d1 is not the only deployment .*of deployment d2; .*and 9 more"):
        await newer.find(deploymentId="d1")
    late = newer.removal(found.zones[0], owner=Owner(sovereign_fqdn=newer.fqdn, deployment_id="d1"))
    with pytest.raises(OwnershipConflict, match="of deployment d2"):
        await Attempts().attempt(removals(powerdns).remove_records, late)

    assert await whole(bench, parent) == before


async def test_what_the_platform_needs_stays_though_it_is_noted_as_the_sovereigns(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    life = Life(powerdns, f"t1.{parent}", {"subdomains": ["console"]})
    before = await whole(bench, parent)
    await life.provision()
    platform = f"p{secrets.token_hex(4)}.io"
    kept = [rrset(name, "A", LOAD_BALANCER, owner=life.fqdn) for name in (f"api.{platform}", f"*.{platform}")]
    await bench.create_zone(platform, *kept, rrset(f"old.{platform}", "A", LOAD_BALANCER, owner=life.fqdn))

    found = await life.find(rules=NamingRules(nameservers=SERVERS, protected_fqdns=[f"api.{platform}"]))
    await life.remove(found)

    assert await whole(bench, parent) == before
    assert await bench.values(platform, f"api.{platform}", "A") == [LOAD_BALANCER]
    assert await bench.values(platform, f"*.{platform}", "A") == [LOAD_BALANCER]
    assert await bench.values(platform, f"old.{platform}", "A") == []
    told = {hazard.name: hazard for hazard in found.hazards}
    assert set(told) == {f"api.{platform}.", f"*.{platform}."}
    assert {hazard.kind for hazard in found.hazards} == {"kept-for-another"}
    assert "CATALYST_PROTECTED_FQDNS" in told[f"*.{platform}."].message


async def test_what_another_sovereign_took_over_since_it_was_found_stays(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    life = Life(powerdns, f"t1.{parent}")
    await life.provision()
    found = await life.find()
    await bench.write(parent, rrset(f"console.{life.fqdn}", "A", STRANGER, owner=f"t2.{parent}"))

    (report,) = await life.remove(found)

    assert report.outcome == "13 removed"
    assert [hazard.name for hazard in report.hazards] == [f"console.{life.fqdn}."]
    assert await bench.values(parent, f"console.{life.fqdn}", "A") == [STRANGER]


async def test_more_rrsets_than_a_search_tells_by_default_are_found(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    fqdn = f"t1.{parent}"
    await bench.write(parent, *(rrset(f"h{i}.{fqdn}", "A", LOAD_BALANCER, owner=fqdn) for i in range(1_200)))

    noted = await powerdns.search.noted_as_of(fqdn)

    assert {(item.zone, item.name) for item in noted} == {(parent, f"h{i}.{fqdn}") for i in range(1_200)}
    assert await powerdns.search.other_owners_below(parent, fqdn) == []
    await bench.write(parent, rrset(f"z.{parent}", "A", LOAD_BALANCER, owner=f"t2.{parent}"))
    assert await powerdns.search.other_owners_below(parent, fqdn) == [f"t2.{parent}"]


async def test_a_finding_goes_only_as_it_was_found(bench: World, powerdns: PowerDNS, parent: str) -> None:
    await bench.write(
        parent,
        rrset(f"*.{parent}", "A", STRANGER),
        rrset(f"gone.{parent}", "NS", "ns1.openova.io."),
        rrset(f"gone.{parent}", "DS", "26675 13 2 5e0b4f8ce2040fcc52c96b49bb8644956000dd64b09ce745a8b5e577ce7abceb"),
    )
    serial = await bench.serial(parent)
    remove = removals(powerdns).remove_records

    def fix(*rrsets: RRsetToRemove) -> RemoveRecords:
        return RemoveRecords(owner=NOBODY, zone=parent, rrsets=list(rrsets))

    wildcard = RRsetToRemove(name=f"*.{parent}.", type="A", expected=[STRANGER])
    with pytest.raises(FindingChanged, match=rf"is {STRANGER} by now, and no longer {LOAD_BALANCER}"):
        await Attempts().attempt(remove, fix(wildcard.changed(expected=[LOAD_BALANCER])))
    assert await bench.serial(parent) == serial
    removed = await Attempts().attempt(remove, fix(wildcard))
    again = await Attempts().attempt(remove, fix(wildcard))
    delegation = RRsetToRemove(name=f"gone.{parent}", type="NS", expected=["NS1.openova.io."])
    await Attempts().attempt(remove, fix(delegation))

    assert [(change.before, change.before_ttl) for change in removed.changes] == [([STRANGER], 60)]
    assert (again.outcome, again.changes) == ("0 removed", [])
    assert await bench.values(parent, f"*.{parent}", "A") == []
    assert await bench.values(parent, f"gone.{parent}", "NS") == []
    assert await bench.values(parent, f"gone.{parent}", "DS") != []

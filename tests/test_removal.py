"""Finding and removing what a Sovereign has, on a real PowerDNS: nothing of it is left, and nothing else is missing."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from activities.powerdns import PowerDNSActivities
from activities.restoring import RestoringActivities
from devstack.powerdns_server import PowerDNSServer
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.rrsets_at_names import RRsetsAtNames
from sovereign_dns.contract import Owner, ZoneChange
from sovereign_dns.failures import FindingChanged, OwnershipConflict, PowerDNSUnavailable
from sovereign_dns.intent import NamingRules
from sovereign_dns.lifecycle_messages import RemoveRecords, RestoreZoneRecords, RRsetToRemove
from sovereign_dns.messages import RecordsReport
from sovereign_dns.rrsets import RRset
from tests.attempts import Attempts
from tests.lossy_api import LossyApi
from tests.powerdns_bench import WholeZone, client_of, own_powerdns, whole, world_of
from tests.removal_bench import SERVERS, Life, removals
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset

NOBODY = Owner(sovereign_fqdn="", deployment_id="")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDNSServer]:
    with own_powerdns(tmp_path_factory.mktemp("powerdns")) as server:
        yield server


@pytest.fixture(scope="module")
async def bench(server: PowerDNSServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with world_of(server, tmp_path_factory.mktemp("key")) as world:
        yield world


@pytest.fixture(scope="module")
async def powerdns(server: PowerDNSServer) -> AsyncIterator[PowerDNS]:
    async with client_of(server.api_url) as client:
        yield client


@pytest.fixture
async def parent(bench: World) -> str:
    """A parent domain of the test's own; it has a zone, in which somebody else has a name."""
    name = f"p{secrets.token_hex(4)}.works"
    await bench.create_zone(name, rrset(f"www.{name}", "A", STRANGER))
    return name


async def serials(bench: World, *zones: str) -> list[int]:
    return [await bench.serial(zone) for zone in zones]


# --- whole zones


def content(rrtype: str, zone: str) -> st.SearchStrategy[str]:
    return st.sampled_from(
        {
            "A": [LOAD_BALANCER, STRANGER],
            "AAAA": ["2a01:4f8::95", "2a01:4f8::bad"],
            "TXT": ['"a note"', '"v=spf1 -all"'],
            "MX": [f"10 www.{zone}."],
            "CNAME": [f"www.{zone}."],
            "LUA": [f"A \"pickrandom({{'{LOAD_BALANCER}'}})\""],
        }[rrtype]
    )


@st.composite
def neighbours(draw: st.DrawFn, zone: str, host: str) -> list[dict[str, Any]]:
    """What others have in a zone: beside the Sovereign, above it, below its names, and at them what is no address."""
    free = [
        zone,
        f"*.{zone}",
        f"www.{zone}",
        f"t2.{zone}",
        f"console.t2.{zone}",
        f"x.{host}",
        f"*.x.{host}",
        f"un{host}",
    ]
    held = [host, f"console.{host}", f"auth.{host}"]
    rrsets = []
    for name in draw(st.lists(st.sampled_from(free + held), unique=True, max_size=8)):
        kinds = st.sets(
            st.sampled_from(["TXT", "MX"] if name in held else ["A", "AAAA", "TXT", "MX", "LUA"]), max_size=3
        )
        alone = st.just({"CNAME"}) if name not in {zone, *held} else st.nothing()
        for kind in sorted(draw(kinds | alone)):
            values = draw(st.lists(content(kind, zone), unique=True, min_size=1, max_size=2 if kind != "CNAME" else 1))
            disabled = draw(st.sampled_from([[], values[:1]])) if kind != "CNAME" else []
            neighbour = draw(st.sampled_from([None, f"t2.{zone}", f"x.{host}", f"un{host}"]))
            entry = rrset(name, kind, *values, ttl=draw(st.sampled_from([60, 300])), owner=neighbour)
            for record in entry["records"]:
                record["disabled"] = record["content"] in disabled
            if draw(st.booleans()):
                entry["comments"].append({"content": f"sovereign={host} deployment=d1", "account": "ada"})
            rrsets.append(entry)
    return rrsets


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # to make an example smaller takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
async def test_every_zone_is_afterwards_what_it_was_before(
    bench: World, powerdns: PowerDNS, data: st.DataObject
) -> None:
    """To the byte: contents, TTLs, comments with their times, disabled records; of the SOA all but the serial."""
    unique = secrets.token_hex(4)
    zone, homes = f"p{unique}.works", f"p{unique}.homes"
    fqdn = f"t1.{zone}"
    asked: dict[str, Any] = data.draw(
        st.sampled_from(
            [
                {},
                {"parentDomains": [{"name": fqdn}]},
                {"parentDomains": [{"name": zone}, {"name": f"eu.{homes}"}]},
                {"subdomains": ["console", "deep.down"], "loadBalancerIPv6": "2a01:4f8::95"},
            ]
        )
    )
    for there, host in ((zone, fqdn), (homes, f"t1.eu.{homes}")):
        await bench.create_zone(there, *data.draw(neighbours(there, host)))
    before = [await whole(bench, there) for there in (zone, homes)]
    life = Life(powerdns, fqdn, asked)

    await life.provision(takeover=True)
    assert [await whole(bench, there) for there in (zone, homes)] != before
    found = await life.find(parentDomains=[])  # whatever it was asked for, everything is found
    await life.remove(found)

    assert [await whole(bench, there) for there in (zone, homes)] == before
    assert await whole(bench, fqdn) is None
    assert await whole(bench, f"eu.{homes}") is None
    again = await life.find(parentDomains=[])
    assert (again.zones, again.outcome.split(".")[0]) == ([], "no records")


# --- what is found, and what is left


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


A_FEW, MANY = 0, 60
"""Further rrsets of the Sovereign: with so many, the whole zone is read instead of its names."""


def disabled(name: str, rrtype: str, *values: str, served: int = 0, owner: str | None = None) -> dict[str, Any]:
    """An rrset of which only the first values are served; Ada has noted something on it."""
    entry = rrset(name, rrtype, *values, ttl=77, owner=owner)
    for record in entry["records"][served:]:
        record["disabled"] = True
    entry["comments"].append({"content": "asked for by Ada", "account": "ada", "modified_at": 1700000000})
    return entry


@pytest.mark.parametrize("besides", [A_FEW, MANY])
async def test_what_is_disabled_goes_with_its_owner_is_told_and_comes_back(
    bench: World, powerdns: PowerDNS, parent: str, besides: int
) -> None:
    """Whether all of an rrset is disabled, or a part: PowerDNS tells nothing of it to who reads by name."""
    fqdn = f"t1.{parent}"
    theirs = disabled(f"api.{fqdn}", "A", LOAD_BALANCER, owner=f"t2.{parent}")
    await bench.write(parent, theirs, disabled(f"harbor.{fqdn}", "A", LOAD_BALANCER))
    without_it = await whole(bench, parent)
    await bench.write(
        parent,
        disabled(f"auth.{fqdn}", "A", LOAD_BALANCER, STRANGER, owner=fqdn),
        disabled(f"console.{fqdn}", "A", LOAD_BALANCER, STRANGER, served=1, owner=fqdn),
        disabled(f"_x.{fqdn}", "TXT", '"a note"', owner=fqdn),
        *(rrset(f"h{number}.{fqdn}", "A", LOAD_BALANCER, owner=fqdn) for number in range(besides)),
    )
    with_it = await whole(bench, parent)
    life = Life(powerdns, fqdn, {"loadBalancerIP": LOAD_BALANCER})

    found = await life.find()
    (report,) = await life.remove(found)

    assert isinstance(report, RecordsReport)
    assert report.outcome == f"{3 + besides} removed"
    assert [(hazard.kind, hazard.name) for hazard in found.hazards] == [("kept-for-another", f"api.{fqdn}.")]
    assert await whole(bench, parent) == without_it
    told = {change.name: (change.before, sorted(change.before_disabled)) for change in report.changes}
    assert told[f"auth.{fqdn}."] == ([], sorted([LOAD_BALANCER, STRANGER]))
    assert told[f"console.{fqdn}."] == ([LOAD_BALANCER], [STRANGER])

    restoring = RestoreZoneRecords(owner=life.owner, zone=parent, records=report.changes)
    await Attempts().attempt(RestoringActivities(powerdns).restore_records, restoring)
    assert but_for_the_times_of_ours(await whole(bench, parent)) == but_for_the_times_of_ours(with_it)
    again = await Attempts().attempt(RestoringActivities(powerdns).restore_records, restoring)
    assert {change.change for change in again.changes} == {"unchanged"}


@pytest.mark.parametrize("besides", [A_FEW, MANY])
async def test_what_a_provisioning_finds_disabled_is_told_comes_back_and_is_not_taken_from_another(
    bench: World, powerdns: PowerDNS, parent: str, besides: int
) -> None:
    fqdn = f"t1.{parent}"
    await bench.write(
        parent,
        disabled(f"console.{fqdn}", "A", STRANGER, "192.0.2.9", served=1),
        disabled(f"api.{fqdn}", "A", STRANGER),
        disabled(f"auth.{fqdn}", "CNAME", f"www.{parent}."),
    )
    before = await whole(bench, parent)
    labels = ["console", "api", "auth", *(f"h{number}" for number in range(besides))]
    life = Life(powerdns, fqdn, {"subdomains": labels})

    report = await life.provision()

    told = {change.name: (change.change, change.before_disabled) for change in report.changes if change.before_ttl}
    assert told[f"console.{fqdn}."] == ("replaced", ["192.0.2.9"])
    assert told[f"api.{fqdn}."] == ("replaced", [STRANGER])
    assert ("removed", [f"www.{parent}."]) in [
        (change.change, change.before_disabled) for change in report.changes if change.name == f"auth.{fqdn}."
    ]
    restoring = RestoreZoneRecords(owner=life.owner, zone=parent, records=report.changes)
    await Attempts().attempt(RestoringActivities(powerdns).restore_records, restoring)
    now = await whole(bench, parent) or {}
    assert {key: now[key] for key in before or {}} == before

    theirs = disabled(f"console.{fqdn}", "A", STRANGER, owner=f"t2.{parent}")
    await bench.write(parent, theirs)
    with pytest.raises(OwnershipConflict, match=rf"console\.{fqdn}\. A .* is disabled, written by Sovereign t2"):
        await life.provision()


def but_for_the_times_of_ours(zone: WholeZone | None) -> WholeZone:
    """An owner's comment that is written again has the time of that."""
    return {
        key: (
            ttl,
            records,
            [(account, said, 0 if account == "sovereign-dns" else at) for account, said, at in comments],
        )
        for key, (ttl, records, comments) in (zone or {}).items()
    }


@pytest.mark.parametrize("besides", [A_FEW, MANY])
async def test_what_is_put_back_never_overwrites_what_somebody_has_disabled_since(
    bench: World, powerdns: PowerDNS, parent: str, besides: int
) -> None:
    fqdn = f"t1.{parent}"
    labels = ["console", *(f"h{number}" for number in range(besides))]
    await bench.write(parent, *(rrset(f"{label}.{fqdn}", "A", LOAD_BALANCER, owner=fqdn) for label in labels))
    life = Life(powerdns, fqdn)
    (report,) = await life.remove(await life.find())
    await bench.write(parent, disabled(f"console.{fqdn}", "A", STRANGER))
    before = await whole(bench, parent)

    restoring = RestoreZoneRecords(owner=life.owner, zone=parent, records=report.changes)
    with pytest.raises(OwnershipConflict, match=rf"console\.{fqdn}\. A .* is disabled by now"):
        await Attempts().attempt(RestoringActivities(powerdns).restore_records, restoring)

    assert await whole(bench, parent) == before


async def test_what_is_found_at_some_names_does_not_depend_on_how_many_there_are(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    labels = ["both", "nothing-served", "of-nobody", "*.wild", "_under", "noted-only", "alias"]
    await bench.write(
        parent,
        disabled(f"both.{parent}", "A", LOAD_BALANCER, STRANGER, served=1, owner=f"t1.{parent}"),
        disabled(f"both.{parent}", "TXT", '"x"'),
        disabled(f"nothing-served.{parent}", "AAAA", "2a01:4f8::95", owner=f"t1.{parent}"),
        disabled(f"of-nobody.{parent}", "A", LOAD_BALANCER) | {"comments": []},
        disabled(f"*.wild.{parent}", "A", LOAD_BALANCER, owner=f"t1.{parent}"),
        disabled(f"_under.{parent}", "TXT", '"x"'),
        disabled(f"alias.{parent}", "CNAME", f"both.{parent}."),
    )
    at_names, reading = [parent, *(f"{label}.{parent}" for label in labels)], RRsetsAtNames(powerdns)
    padded = [*at_names, *(f"no{number}.{parent}" for number in range(MANY))]

    few, many = await reading.held(parent, at_names), await reading.held(parent, padded)
    assert in_any_order(few) == in_any_order(many)
    assert len(few) == 9
    served, served_of_many = await reading.served(parent, at_names), await reading.served(parent, padded)
    assert in_any_order(served) == in_any_order(served_of_many)
    assert {rrset.name for rrset in served} == {parent, f"both.{parent}"}


def in_any_order(rrsets: list[RRset]) -> list[RRset]:
    """Records and rrsets of one name come in whatever order."""
    ordered = [one.changed(records=sorted(one.records, key=lambda record: record.content)) for one in rrsets]
    return sorted(ordered, key=lambda one: (one.name, one.type))


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


# --- zones


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


# --- findings of an audit


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


# --- answers that are lost


async def test_what_was_removed_is_told_though_the_answer_was_lost(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str
) -> None:
    life = Life(powerdns, f"t1.{parent}", {"subdomains": ["console"]})
    await life.provision()
    (zone,) = (await life.find()).zones
    attempts = Attempts()
    async with LossyApi(server.api_url, "PATCH") as lossy, client_of(lossy.url) as client:
        lossy.lose = 1
        remove = removals(client).remove_records
        with pytest.raises(PowerDNSUnavailable):
            await attempts.attempt(remove, life.removal(zone))
        (told,) = attempts.told
        report = await attempts.attempt(remove, life.removal(zone))

    assert report.outcome == "2 removed"
    assert {change.name for change in report.changes} == {f"{life.fqdn}.", f"console.{life.fqdn}."}
    assert told.changes == report.changes


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
async def test_a_zone_that_was_removed_is_told_though_an_answer_was_lost(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str, method: str
) -> None:
    life = Life(powerdns, f"t1.{parent}", {"parentDomains": [{"name": f"t1.{parent}"}]})
    await life.provision()
    (zone,) = (await life.find()).zones
    await Attempts().attempt(removals(powerdns).remove_records, life.removal(zone))
    attempts = Attempts()
    async with LossyApi(server.api_url, method) as lossy, client_of(lossy.url) as client:
        lossy.lose = 1
        remove = removals(client).remove_zone
        with pytest.raises(PowerDNSUnavailable):
            await attempts.attempt(remove, life.zone_removal(zone))
        (told,) = attempts.told
        report = await attempts.attempt(remove, life.zone_removal(zone))
        later = await Attempts().attempt(remove, life.zone_removal(zone))

    assert report.outcome == f"removed, with its delegation in {parent}"
    assert [change.zone for change in report.zones] == [f"{life.fqdn}."]
    assert {change.type for change in report.changes} == {"NS", "DS"}
    assert told.changes == report.changes
    unconfirmed = [change.changed(unconfirmed=True) for change in report.zones]
    assert told.zones == (unconfirmed if method == "DELETE" else [])
    assert (later.outcome, later.zones) == ("was gone already", [])


async def test_what_a_killed_worker_removed_is_told_by_the_next(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str
) -> None:
    life = Life(powerdns, f"t1.{parent}", {"parentDomains": [{"name": f"t1.{parent}"}]})
    await life.provision()
    (zone,) = (await life.find()).zones
    await Attempts().attempt(removals(powerdns).remove_records, life.removal(zone))
    attempts = Attempts()
    async with LossyApi(server.api_url, "DELETE") as lossy, client_of(lossy.url) as client:
        lossy.may_answer.clear()
        killed = asyncio.create_task(attempts.attempt(removals(client).remove_zone, life.zone_removal(zone)))
        await lossy.done.wait()
        report = await attempts.attempt(removals(powerdns).remove_zone, life.zone_removal(zone))
        lossy.may_answer.set()
        await killed

    assert [change.zone for change in report.zones] == [f"{life.fqdn}."]
    assert {change.type for change in report.changes} == {"NS", "DS"}


# --- zones that are made


async def test_a_zone_that_is_made_says_for_whom_and_is_otherwise_as_any_other(
    bench: World, powerdns: PowerDNS, parent: str
) -> None:
    life = Life(powerdns, f"t1.{parent}")
    made, by_hand = f"t1.{parent}", f"t2.{parent}"
    creation = life.creation(made)

    planned = await Attempts().attempt(PowerDNSActivities(powerdns).create_zone, life.creation(made, dry_run=True))
    report = await Attempts().attempt(PowerDNSActivities(powerdns).create_zone, creation)
    again = await Attempts().attempt(PowerDNSActivities(powerdns).create_zone, creation)
    await powerdns.create_zone(by_hand, SERVERS)

    servers = [f"{name}." for name in SERVERS]
    assert report.zones == [ZoneChange(zone=f"{made}.", change="created", nameservers=servers, signed=True)]
    assert (planned.zones, again.zones) == (report.zones, [])
    marked = await bench.zone(made)
    unmarked = await bench.zone(by_hand)
    assert marked is not None
    assert unmarked is not None
    of_the_zone = {"id", "name", "url", "rrsets", "serial", "edited_serial"}
    assert {k: v for k, v in marked.items() if k not in of_the_zone} == {
        k: v for k, v in unmarked.items() if k not in of_the_zone
    }
    (comment,) = next(r for r in marked["rrsets"] if r["type"] == "NS")["comments"]
    assert comment["content"].startswith(f"sovereign={life.fqdn} deployment=d1")
    assert await bench.answer(made, "SOA") != []
    assert sorted(await bench.answer(made, "NS")) == servers


async def test_a_zone_that_was_made_is_told_though_the_answer_was_lost(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str
) -> None:
    creation = Life(powerdns, f"t1.{parent}").creation(f"t1.{parent}")
    attempts = Attempts()
    async with LossyApi(server.api_url, "POST") as lossy, client_of(lossy.url) as client:
        lossy.lose = 1
        with pytest.raises(PowerDNSUnavailable):
            await attempts.attempt(PowerDNSActivities(client).create_zone, creation)
        (told,) = attempts.told
        report = await attempts.attempt(PowerDNSActivities(client).create_zone, creation)

    assert report.outcome == f"created, signed, delegated from {parent}"
    assert [change.zone for change in report.zones] == [f"t1.{parent}."]
    assert told.zones == [change.changed(unconfirmed=True) for change in report.zones]


async def test_a_zone_that_was_made_is_told_once_though_it_could_not_be_delegated_yet(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str
) -> None:
    creation = Life(powerdns, f"t1.{parent}").creation(f"t1.{parent}")
    attempts = Attempts()
    async with LossyApi(server.api_url, "PATCH") as lossy, client_of(lossy.url) as client:
        lossy.may_answer.clear()
        create = asyncio.create_task(attempts.attempt(PowerDNSActivities(client).create_zone, creation))
        await lossy.done.wait()
        lossy.lose = 1
        await bench.write(parent, {"name": f"t1.{parent}.", "type": "NS", "changetype": "DELETE"})
        lossy.may_answer.set()
        with pytest.raises(PowerDNSUnavailable):
            await create
        lossy.lose = 1
        with pytest.raises(PowerDNSUnavailable):
            await attempts.attempt(PowerDNSActivities(client).create_zone, creation)

    assert [(len(told.zones), len(told.changes)) for told in attempts.told] == [(0, 2), (1, 0)]
    report = await attempts.attempt(PowerDNSActivities(powerdns).create_zone, creation)
    assert [change.zone for change in report.zones] == [f"t1.{parent}."]
    assert {change.type: change.change for change in report.changes} == {"NS": "created", "DS": "created"}


async def test_a_zone_that_somebody_else_made_meanwhile_is_not_told_as_ours(
    bench: World, server: PowerDNSServer, powerdns: PowerDNS, parent: str
) -> None:
    creation = Life(powerdns, f"t1.{parent}").creation(f"t1.{parent}")
    attempts = Attempts()
    async with LossyApi(server.api_url, "POST") as lossy, client_of(lossy.url) as client:
        lossy.may_arrive.clear()
        lossy.lose = 1
        late = asyncio.create_task(attempts.attempt(PowerDNSActivities(client).create_zone, creation))
        await lossy.sent.wait()
        await bench.create_zone(f"t1.{parent}")
        lossy.may_arrive.set()
        with pytest.raises(PowerDNSUnavailable):
            await late
        report = await attempts.attempt(PowerDNSActivities(client).create_zone, creation)

    assert (report.zones, report.outcome.split(",")[0]) == ([], "was there already")

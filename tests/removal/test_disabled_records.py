"""What is disabled in a zone: never served, and lost to nobody by what is written, removed or put back."""

from typing import Any

import pytest

from activities.restoring import RestoringActivities
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.rrsets_at_names import RRsetsAtNames
from sovereign_dns.failures import OwnershipConflict
from sovereign_dns.lifecycle_messages import RestoreZoneRecords
from sovereign_dns.messages import RecordsReport
from sovereign_dns.rrsets import RRset
from tests.attempts import Attempts
from tests.powerdns_bench import WholeZone, whole
from tests.removal_bench import Life
from tests.world import LOAD_BALANCER, STRANGER, World, rrset

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

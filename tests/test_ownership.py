"""Whose records they are: another Sovereign's are refused by name, and taken over only where the request says so."""

from temporalio.client import Client

from tests.runs import provision, refused
from tests.world import LOAD_BALANCER, STRANGER, World, names_of, rrset


async def test_another_sovereigns_rrset_is_refused_by_name_and_untouched(temporal: Client, world: World) -> None:
    fqdn = f"t110.{world.parent}"
    theirs = rrset(f"console.{fqdn}", "A", STRANGER, ttl=300, owner="t110.elsewhere.works")
    await world.create_zone(world.parent)
    await world.write(world.parent, theirs)
    serial = await world.serial(world.parent)

    failure = await refused(temporal, world.request(fqdn))

    assert failure.type == "OwnershipConflict"
    assert f"console.{fqdn}." in failure.message
    assert "t110.elsewhere.works" in failure.message
    assert STRANGER in failure.message
    assert "takeover" in failure.message
    assert await world.serial(world.parent) == serial
    assert await world.values(world.parent, f"console.{fqdn}", "A") == [STRANGER]


async def test_takeover_replaces_and_keeps_what_was_there(temporal: Client, world: World) -> None:
    fqdn = f"t110.{world.parent}"
    await world.create_zone(world.parent)
    noted = rrset(f"auth.{fqdn}", "AAAA", "2a01:4f8::bad", owner="t110.elsewhere.works")
    noted["comments"].append({"content": "asked for by Ada", "account": "ada"})
    await world.write(world.parent, rrset(f"console.{fqdn}", "A", STRANGER, ttl=300, owner="t110.elsewhere.works"))
    await world.write(world.parent, noted)

    result = await provision(temporal, world.request(fqdn, takeover=True))

    replaced = [r for r in result["records"] if r["change"] == "replaced"]
    assert [(r["name"], r["before"], r["beforeTTL"], r["after"]) for r in replaced] == [
        (f"console.{fqdn}.", [STRANGER], 300, [LOAD_BALANCER])
    ]
    assert replaced[0]["beforeOwner"] == {"sovereignFQDN": "t110.elsewhere.works", "deploymentId": "d0"}
    removed = next(r for r in result["records"] if r["change"] == "removed")
    assert (removed["name"], removed["type"], removed["before"]) == (f"auth.{fqdn}.", "AAAA", ["2a01:4f8::bad"])
    assert removed["beforeOwner"] == replaced[0]["beforeOwner"]
    assert [(c["content"], c["account"]) for c in removed["beforeComments"]] == [("asked for by Ada", "ada")]
    created = [r for r in result["records"] if r["change"] == "created"]
    assert {r["beforeOwner"] for r in created} == {None}
    written = await world.rrset(world.parent, f"console.{fqdn}", "A")
    assert written is not None
    (comment,) = written["comments"]
    assert comment["content"].startswith(f"sovereign={fqdn} deployment=d1 written=")


async def test_every_rrset_names_its_owner_and_keeps_others_comments(temporal: Client, world: World) -> None:
    fqdn = f"t110.{world.parent}"
    noted = rrset(f"auth.{fqdn}", "A", LOAD_BALANCER)
    noted["comments"] = [{"content": "asked for by Ada", "account": "ada"}]
    await world.create_zone(world.parent)
    await world.write(world.parent, noted)

    await provision(temporal, world.request(fqdn))

    for name in names_of(fqdn):
        written = await world.rrset(world.parent, name, "A")
        assert written is not None
        contents = {comment["content"].partition(" written=")[0] for comment in written["comments"]}
        assert f"sovereign={fqdn} deployment=d1" in contents
        assert ("asked for by Ada" in contents) == (name == f"auth.{fqdn}")


async def test_a_new_deployment_of_the_same_sovereign_is_no_conflict(temporal: Client, world: World) -> None:
    fqdn = f"t110.{world.parent}"
    level = {"level": "authoritative"}  # a resolver keeps the old address for as long as its TTL
    await provision(temporal, world.request(fqdn, verification=level))

    moved = world.request(fqdn, deploymentId="d2", loadBalancerIP="77.42.11.99", verification=level)
    result = await provision(temporal, moved)

    assert result["phase"] == "complete"
    assert await world.answers_other_than(["77.42.11.99"], names_of(fqdn)) == {}
    assert {tuple(r["before"]) for r in result["records"]} == {(LOAD_BALANCER,)}


async def test_another_sovereigns_certificate_is_refused(temporal: Client, world: World) -> None:
    first, second = f"a.{world.parent}", f"b.{world.parent}"
    shared = {"namespace": f"ns-{world.unique}", "name": "sovereign-wildcard-tls"}
    await provision(temporal, world.request(first, certificate=shared))
    before = await world.certificate(f"ns-{world.unique}", "sovereign-wildcard-tls")

    failure = await refused(temporal, world.request(second, certificate=shared))

    assert failure.type == "OwnershipConflict"
    assert first in failure.message
    assert await world.certificate(f"ns-{world.unique}", "sovereign-wildcard-tls") == before


async def test_a_new_zone_never_takes_a_live_sovereign_offline(temporal: Client, world: World) -> None:
    """Without parentDomains the zone of x.t110 would be t110 itself, whose cut hides all that t110 serves."""
    live = f"t110.{world.parent}"
    await world.create_zone(world.parent)
    await provision(temporal, world.request(live))

    failure = await refused(temporal, world.request(f"x.{live}"))

    assert failure.type == "OwnershipConflict"
    assert live in failure.message
    assert await world.zone(live) is None
    assert await world.answers_other_than([LOAD_BALANCER], names_of(live)) == {}


async def test_a_new_zone_never_hides_what_is_served_below_it(temporal: Client, world: World) -> None:
    region = f"eu.{world.parent}"
    live, page = f"t1.{region}", f"www.{region}"
    await world.create_zone(world.parent, rrset(page, "A", STRANGER))
    await provision(temporal, world.request(live, parentDomains=[{"name": world.parent}]))

    failure = await refused(temporal, world.request(f"t2.{region}"))

    assert failure.type == "OwnershipConflict"
    assert f"take Sovereign {live} (deployment d1) offline" in failure.message
    assert f"{page} A would no longer be answered" in failure.message
    assert await world.zone(region) is None
    taken = await provision(temporal, world.request(f"t2.{region}", takeover=True))
    assert taken["phase"] == "complete"
    hidden = {h["name"]: h["content"] for h in taken["hazards"] if h["kind"] == "hidden-by-new-zone"}
    assert hidden == {f"{page}.": [STRANGER]} | {f"{name}.": [LOAD_BALANCER] for name in names_of(live)}


async def test_what_a_new_zone_hides_of_ones_own_names_is_told(temporal: Client, world: World) -> None:
    fqdn = f"t126.{world.parent}"
    mail = rrset(f"mail.{fqdn}", "MX", "10 mail.example.")
    await world.create_zone(world.parent, rrset(f"console.{fqdn}", "A", STRANGER), mail)
    request = world.request(fqdn, parentDomains=[{"name": fqdn}])

    failure = await refused(temporal, request)
    assert f"mail.{fqdn} MX would no longer be answered" in failure.message

    await world.write(world.parent, mail | {"changetype": "DELETE"})
    planned = await provision(temporal, request | {"dryRun": True})
    done = await provision(temporal, request)
    for result in (planned, done):
        (hidden,) = result["hazards"]
        assert (hidden["kind"], hidden["name"], hidden["content"]) == (
            "hidden-by-new-zone", f"console.{fqdn}.", [STRANGER],
        )  # fmt: skip


async def test_a_zone_that_is_delegated_to_other_servers_is_not_made_here(temporal: Client, world: World) -> None:
    elsewhere = f"eu.{world.parent}"
    await world.create_zone(world.parent, rrset(elsewhere, "NS", "ns1.provider.example."))
    serial = await world.serial(world.parent)

    failure = await refused(temporal, world.request(f"t1.{elsewhere}", parentDomains=[{"name": elsewhere}]))

    assert failure.type == "OwnershipConflict"
    assert "ns1.provider.example." in failure.message
    assert await world.serial(world.parent) == serial
    assert await world.zone(elsewhere) is None

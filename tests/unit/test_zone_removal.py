"""Which zone goes, and which stays because others have something in it or count on it."""

import pytest

from sovereign_dns.contract import Comment, Owner
from sovereign_dns.lifecycle_messages import RemoveZone
from sovereign_dns.rrsets import RRset, owner_comment, written_digest
from sovereign_dns.zone_removal import ZoneRemoval, ZoneSeen, plan_zone_removal
from tests.unit.builders import FQDN, LOAD_BALANCER, NEIGHBOUR, OWNER, PARENT, STRANGER, rrset

SERVERS = ("ns1.openova.io.", "ns2.openova.io.")
EARLIER = Owner(sovereign_fqdn=FQDN, deployment_id="an-earlier-one")
SOA = rrset(FQDN, "SOA", "ns1.openova.io. hostmaster.openova.io. 1 2 3 4 5")
NS, DS = rrset(FQDN, "NS", *SERVERS, owner=OWNER), rrset(FQDN, "DS", "1 13 2 00ff", owner=EARLIER)
KEYS = ["1 13 2 00ff"]


def made(**fields: object) -> ZoneSeen:
    """A zone that was made for the Sovereign, as it is when its records are gone."""
    usual = {"parent_zone": PARENT, "apex": [SOA, NS], "at_the_cut": [NS, DS], "signed": True, "keys": KEYS}
    return ZoneSeen.model_validate({"zone": FQDN} | usual | fields)


def by_pdm(*below: RRset, **fields: object) -> ZoneSeen:
    unmarked = rrset(FQDN, "NS", *reversed(SERVERS))
    return made(apex=[SOA, unmarked], at_the_cut=[unmarked], below=list(below), **fields)


def planned(seen: ZoneSeen, **wish: object) -> ZoneRemoval:
    return plan_zone_removal(seen, RemoveZone.model_validate({"owner": OWNER, "zone": seen.zone} | wish))


def gone_above(removal: ZoneRemoval) -> list[str]:
    return [write.type for write in removal.delegation.writes] if removal.delegation else []


def test_it_goes_with_its_delegation() -> None:
    removal = planned(made())

    assert removal.removed
    assert (gone_above(removal), removal.hazards) == (["NS", "DS"], [])
    assert removal.delegation is not None
    assert [(c.zone, c.before_owner) for c in removal.delegation.changes] == [
        ("omani.works.", OWNER),
        ("omani.works.", EARLIER),
    ]


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (made(below=[rrset(f"www.{FQDN}", "A", STRANGER)]), f"it holds www.{FQDN} A"),
        (made(below=[rrset(f"x.{FQDN}", "A", LOAD_BALANCER, owner=OWNER)]), f"it holds x.{FQDN} A"),
        (made(apex=[SOA, NS, rrset(FQDN, "MX", "10 mail.example.")]), f"it holds {FQDN} MX"),
        (made(apex=[SOA, rrset(FQDN, "NS", *SERVERS, owner=NEIGHBOUR)]), "it was made for Sovereign t112.omani.works"),
        (made(writable=False), "it gets its content from another server"),
        (made(parent_zone=None, at_the_cut=[]), "a registry may delegate it to these name servers"),
        (made(parent_zone=None, at_the_cut=[]), f"(sovereign-dns remove-domain {FQDN} --sovereign {FQDN})"),
        (made(at_the_cut=[rrset(FQDN, "NS", *SERVERS)]), "its NS in zone omani.works is nobody's that is known"),
        (
            made(at_the_cut=[NS, rrset(FQDN, "DS", *KEYS, owner=NEIGHBOUR)]),
            "its DS in zone omani.works is Sovereign",
        ),
    ],
)
def test_it_stays_with_its_delegation_where_others_count_on_it(seen: ZoneSeen, why: str) -> None:
    removal = planned(seen)

    assert not removal.removed
    assert gone_above(removal) == []
    (hazard,) = removal.hazards
    assert (hazard.kind, hazard.zone) == ("zone-kept", f"{FQDN}.")
    assert why in hazard.message


def test_of_much_that_it_holds_the_first_is_named() -> None:
    (hazard,) = planned(made(below=[rrset(f"h{i}.{FQDN}", "A", STRANGER) for i in range(9)])).hazards

    assert hazard.content == [f"h{i}.{FQDN}. A" for i in range(5)]
    assert f"h4.{FQDN} A and more" in hazard.message


def test_a_zone_that_was_there_before_stays_and_loses_only_what_delegated_it_for_the_sovereign() -> None:
    removal = planned(made(apex=[SOA, rrset(FQDN, "NS", *SERVERS)], at_the_cut=[NS, rrset(FQDN, "DS", *KEYS)]))

    assert (removal.removed, gone_above(removal)) == (False, ["NS"])
    assert [hazard.kind for hazard in removal.hazards] == ["zone-kept"]


def test_a_delegation_to_other_servers_is_another_zones() -> None:
    elsewhere = rrset(FQDN, "NS", "ns1.provider.example.", owner=OWNER)
    removal = planned(made(at_the_cut=[elsewhere, DS]))

    assert (removal.removed, gone_above(removal)) == (True, [])


def test_without_a_zone_above_it_goes_only_as_a_parent_domain() -> None:
    top = made(parent_zone=None, at_the_cut=[])

    assert not planned(top).removed
    removal = planned(top, without_parent=True)
    assert removal.removed
    (told,) = removal.hazards
    assert (told.kind, told.content) == ("still-delegated", top.nameservers)
    assert "Have the registrar lead" in told.message


def test_a_zone_that_is_gone_leaves_no_delegation_of_ours_behind() -> None:
    gone = ZoneSeen(zone=FQDN, hosted=False, parent_zone=PARENT, at_the_cut=[NS, rrset(FQDN, "DS", *KEYS)])

    removal = planned(gone)

    assert (removal.removed, removal.kept, gone_above(removal)) == (False, None, ["NS"])


def test_where_the_delegation_of_a_zone_that_is_gone_was_led_elsewhere_it_stays() -> None:
    digest = written_digest("NS", 60, SERVERS)
    comment = Comment(content=f"{owner_comment(OWNER).content} written={digest}", account="sovereign-dns")
    ours = rrset(FQDN, "NS", *SERVERS, comments=(comment,))
    led_elsewhere = rrset(FQDN, "NS", "ns1.provider.example.", comments=(comment,))

    for cut, going in (([ours, DS], ["NS", "DS"]), ([led_elsewhere, DS], [])):
        gone = ZoneSeen(zone=FQDN, hosted=False, parent_zone=PARENT, at_the_cut=cut)
        assert gone_above(planned(gone)) == going


def test_before_a_dry_run_nothing_of_its_own_was_removed() -> None:
    own = [rrset(f"a.{FQDN}", "A", STRANGER, owner=EARLIER), rrset(f"b.{FQDN}", "A", LOAD_BALANCER)]

    assert planned(made(below=own), dry_run=True, addresses=[LOAD_BALANCER]).removed
    assert not planned(made(below=own), dry_run=True).removed
    assert not planned(made(below=own), addresses=[LOAD_BALANCER]).removed


def test_what_pdm_left_goes_with_what_it_wrote_itself() -> None:
    by_itself = [rrset(f"{label}{FQDN}", "A", LOAD_BALANCER, ttl=300) for label in ("*.", "console.", "harbor.")]

    removal = planned(by_pdm(*by_itself), leftover_of_pool=True, keys=KEYS)

    assert (removal.removed, gone_above(removal)) == (True, ["NS"])
    assert removal.lost_with_it is not None
    assert [(c.name, c.before, c.before_ttl) for c in removal.lost_with_it.changes] == [
        (f"{held.name}.", [LOAD_BALANCER], 300) for held in by_itself
    ]
    assert not planned(by_pdm(*by_itself)).removed


def test_what_others_wrote_into_pdms_zone_keeps_it() -> None:
    theirs = [rrset(f"console.{FQDN}", "A", LOAD_BALANCER, owner=NEIGHBOUR), rrset(f"www.{FQDN}", "A", LOAD_BALANCER)]
    for held in theirs:
        assert not planned(by_pdm(held), leftover_of_pool=True, keys=KEYS).removed


def test_the_zone_of_who_has_claimed_the_pool_name_since_is_left_without_a_word() -> None:
    removal = planned(by_pdm(keys=["2 13 2 11ee"]), leftover_of_pool=True, keys=KEYS)

    assert (removal.removed, gone_above(removal), removal.hazards) == (False, [], [])
    assert "claimed" in str(removal.kept)


def test_the_delegation_that_pdm_left_goes_where_its_zone_is_gone() -> None:
    cut = [rrset(FQDN, "NS", *SERVERS)]
    gone = ZoneSeen(zone=FQDN, hosted=False, parent_zone=PARENT, at_the_cut=cut)
    expected = [server.removesuffix(".") for server in SERVERS]

    assert gone_above(planned(gone, leftover_of_pool=True, nameservers=expected)) == ["NS"]
    assert gone_above(planned(gone, leftover_of_pool=True, nameservers=["ns1.elsewhere.example"])) == []
    assert gone_above(planned(gone, nameservers=expected)) == []

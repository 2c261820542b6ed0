"""An rrset as PowerDNS holds it: what it serves, whose it is, and how a write of it is spelled."""

import pytest
from hypothesis import given

from sovereign_dns.contract import Comment, Owner
from sovereign_dns.rrsets import RRsetWrite, canonical_content, owner_comment
from tests.unit.builders import FQDN, LOAD_BALANCER, NEIGHBOUR, OWNER, STRANGER, rrset
from tests.unit.strategies import DEPLOYMENTS, FQDNS

NOTE = Comment(content="ask hatice before touching", account="hatice", modified_at=1700000000)


def test_a_disabled_record_is_kept_and_not_served() -> None:
    found = rrset(FQDN, "A", LOAD_BALANCER, disabled=(STRANGER,))
    assert found.served == [LOAD_BALANCER]
    assert found.disabled == [STRANGER]
    assert not found.holds_exactly([LOAD_BALANCER])


@pytest.mark.parametrize(
    ("rrtype", "there", "wanted", "same"),
    [
        ("A", ["77.42.11.95"], ["77.42.11.95"], True),
        ("A", ["77.42.11.95", "49.12.16.160"], ["49.12.16.160", "77.42.11.95"], True),
        ("A", ["77.42.11.95", "49.12.16.160"], ["77.42.11.95"], False),
        ("A", ["77.42.11.95"], ["77.42.11.95", "49.12.16.160"], False),
        ("A", [], ["77.42.11.95"], False),
        ("AAAA", ["2A01:04F8::0095"], ["2a01:4f8::95"], True),
        ("AAAA", ["2a01:4f8::96"], ["2a01:4f8::95"], False),
        ("CNAME", ["LB.omani.works."], ["lb.omani.works."], True),
        ("TXT", ['"A"'], ['"a"'], False),
    ],
)
def test_equal_contents_are_equal_however_spelled(rrtype: str, there: list[str], wanted: list[str], same: bool) -> None:
    assert rrset(FQDN, rrtype, *there).holds_exactly(wanted) is same


def test_what_is_no_address_keeps_its_spelling() -> None:
    assert canonical_content("A", "not-an-address") == "not-an-address"


@given(FQDNS, DEPLOYMENTS)
def test_the_owner_is_read_back_from_the_comment_that_names_it(fqdn: str, deployment: str) -> None:
    owner = Owner(sovereign_fqdn=fqdn, deployment_id=deployment)
    assert rrset(FQDN, "A", LOAD_BALANCER, comments=(NOTE,), owner=owner).owner == owner


@pytest.mark.parametrize(
    "comment",
    [
        Comment(content="sovereign=t112.omani.works deployment=abc", account="hatice"),
        Comment(content="sovereign=t112.omani.works", account="sovereign-dns"),
        Comment(content="was: sovereign=t112.omani.works deployment=abc", account="sovereign-dns"),
        Comment(content="", account="sovereign-dns"),
    ],
)
def test_a_comment_of_anyone_else_names_no_owner_and_is_kept(comment: Comment) -> None:
    found = rrset(FQDN, "A", LOAD_BALANCER, comments=(comment, NOTE))
    assert found.owner is None
    assert found.foreign_comments == [comment, NOTE]


def test_an_owners_comment_is_not_foreign_whoever_it_is() -> None:
    found = rrset(FQDN, "A", LOAD_BALANCER, comments=(NOTE, owner_comment(NEIGHBOUR)), owner=OWNER)
    assert found.foreign_comments == [NOTE]


def test_a_write_says_the_whole_rrset_and_keeps_the_time_of_comments() -> None:
    write = RRsetWrite(
        name=FQDN, type="A", ttl=60, values=[LOAD_BALANCER], comments=[NOTE, Comment(content="x", account="y")]
    )
    assert write.as_powerdns() == {
        "name": f"{FQDN}.",
        "type": "A",
        "changetype": "REPLACE",
        "ttl": 60,
        "records": [{"content": LOAD_BALANCER, "disabled": False}],
        "comments": [
            {"content": "ask hatice before touching", "account": "hatice", "modified_at": 1700000000},
            {"content": "x", "account": "y"},
        ],
    }


def test_a_deletion_is_said_by_name_and_never_as_an_empty_replacement() -> None:
    deletion = RRsetWrite(name=FQDN, type="CNAME").as_powerdns()
    assert deletion == {"name": f"{FQDN}.", "type": "CNAME", "changetype": "DELETE"}

"""An rrset as PowerDNS holds it: what it serves, whose it is, and how a write of it is spelled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.contract import Comment, Owner
from sovereign_dns.rrsets import Record, RRset, RRsetWrite, canonical_content, owner_comment
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


def _as_powerdns_keeps(write: RRsetWrite) -> RRset:
    sent = write.as_powerdns()
    return RRset.model_validate(sent | {"name": write.name})


@given(FQDNS, DEPLOYMENTS, st.integers(1, 86400))
def test_an_owned_write_says_what_was_written_and_is_recognised_as_that(fqdn: str, deployment: str, ttl: int) -> None:
    owner = Owner(sovereign_fqdn=fqdn, deployment_id=deployment)
    values = ["2001:DB8::1", "2001:db8::2"]
    write = RRsetWrite(name=FQDN, type="AAAA", ttl=ttl, values=values, comments=[NOTE, owner_comment(owner)])

    kept = _as_powerdns_keeps(write)

    assert kept.owner == owner
    assert kept.foreign_comments == [NOTE]
    assert kept.is_as_written is True
    spelled_otherwise = [Record(content="2001:db8:0::2"), Record(content="2001:db8::1")]
    assert kept.changed(records=spelled_otherwise).is_as_written is True
    assert kept.changed(ttl=ttl + 1).is_as_written is False
    assert kept.changed(records=kept.records[:1]).is_as_written is False
    assert kept.changed(records=[*kept.records, Record(content="2001:db8::3", disabled=True)]).is_as_written is False


def test_what_was_written_before_there_were_digests_cannot_be_compared() -> None:
    assert rrset(FQDN, "A", LOAD_BALANCER, owner=OWNER).is_as_written is None
    assert rrset(FQDN, "A", LOAD_BALANCER).is_as_written is None


def test_an_owner_that_a_later_version_wrote_is_read() -> None:
    told = "sovereign=t1.omani.works deployment=d1 written=0123456789abcdef by=sovereign-dns-9"
    found = rrset(FQDN, "A", LOAD_BALANCER, comments=(Comment(content=told, account="sovereign-dns"),))
    assert found.owner == Owner(sovereign_fqdn="t1.omani.works", deployment_id="d1")
    assert found.is_as_written is False


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

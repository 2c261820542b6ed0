"""The verdicts on a delegation: each fault by its name, the worst first, and never an exception."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.contract import Outcome
from sovereign_dns.delegation_seen import (
    ChainAbove,
    ChildSaid,
    Delegation,
    ParentSaid,
    SignatureFault,
)
from sovereign_dns.delegation_verdicts import verdicts

ZONE = "t1.omani.test"
NAMESERVERS = ["ns1.hosting.test", "ns2.hosting.test"]
WITHIN = f"ns1.{ZONE}"
DS = f"11111 13 2 {'ab' * 32}"
OTHER_DS = f"22222 13 2 {'cd' * 32}"


def parent(**changes: Any) -> ParentSaid:
    return ParentSaid.model_validate(
        {"server": "a.test (192.0.2.1)", "position": "delegates", "nameservers": NAMESERVERS, "ds": [DS]} | changes
    )


def child(**changes: Any) -> ChildSaid:
    return ChildSaid.model_validate(
        {
            "server": "ns1.hosting.test (192.0.2.11)",
            "name_server": "ns1.hosting.test",
            "position": "answers",
            "nameservers": NAMESERVERS,
            "key_ds": [DS],
            "advised_ds": DS,
        }
        | changes
    )


def seen(
    *parents: ParentSaid, children: list[ChildSaid] | None = None, above: str = "secure", **changes: Any
) -> Delegation:
    return Delegation.model_validate(
        {
            "zone": ZONE,
            "parent": "omani.test",
            "expected": NAMESERVERS,
            "above": {"state": above, "reason": "it says why"},
            "parents": list(parents),
            "children": [child()] if children is None else children,
        }
        | changes
    )


def test_all_well() -> None:
    (verdict,) = verdicts(seen(parent()))

    assert (verdict.kind, verdict.state) == ("parent", "converged")
    assert [(answer.type, answer.state) for answer in verdict.answers] == [("NS", "converged"), ("DS", "converged")]


@pytest.mark.parametrize(
    ("delegation", "state", "words"),
    [
        (seen(parent(position="silent", reason="no answer within 4.5 s")), "unreachable", "no answer within 4.5 s"),
        (seen(parent(position="nowhere", reason="NXDOMAIN")), "unreachable", "address can't be found"),
        (seen(parent(position="refuses", reason="REFUSED")), "refused", "REFUSED"),
        (seen(parent(position="lame", reason="refers to the root")), "refused", "is lame"),
        (seen(parent(position="lame", reason="has no AA"), parent=""), "refused", "intercept port 53"),
        (seen(parent(position="nxdomain", nameservers=[])), "missing", "NXDOMAIN"),
        (seen(parent(position="no-data", nameservers=[])), "missing", "no NS records"),
        (seen(parent(position="alias", nameservers=[], reason="CNAME at x")), "missing", "is an alias (CNAME at x)"),
        (seen(parent(position="hosts-zone", delegation_denied=True)), "missing", "omani.test above it has no NS"),
        (seen(parent(nameservers=["ns.stranger.test"])), "misdirected", "somebody else's servers"),
        (seen(parent(nameservers=NAMESERVERS[:1])), "missing", "disagree"),
        (
            seen(parent(nameservers=["ns1.hosting.test"]), children=[child(nameservers=["ns1.hosting.test"])]),
            "missing",
            "ns2.hosting.test is lacking",
        ),
        (
            seen(
                parent(nameservers=[*NAMESERVERS, "ns.stranger.test"]),
                children=[child(nameservers=[*NAMESERVERS, "ns.stranger.test"])],
            ),
            "missing",
            "ns.stranger.test is not expected",
        ),
        (seen(parent(), children=[child(), child(nameservers=NAMESERVERS[:1])]), "missing", "disagree"),
        (seen(parent(ds=[])), "missing", f"put the DS {DS}"),
        (seen(parent(ds=[OTHER_DS])), "bogus", "DS without key"),
        (seen(parent(), children=[child(key_ds=[])]), "bogus", "is unsigned though"),
        (seen(parent(ds_problem="shows a DS that has expired")), "bogus", "shows a DS that has expired"),
        (seen(parent(ds=[], ds_silence="answers SERVFAIL")), "refused", "answers SERVFAIL"),
        (seen(parent(), above="broken"), "bogus", "breaks above t1.omani.test: it says why"),
        (seen(parent(nameservers=["ns.stranger.test"]), above="broken"), "misdirected", "somebody else's"),
    ],
)
def test_a_fault_above_the_cut(delegation: Delegation, state: Outcome, words: str) -> None:
    verdict = verdicts(delegation)[0]

    assert (verdict.kind, verdict.state) == ("parent", state)
    assert words in verdict.detail
    assert ZONE in verdict.detail


@pytest.mark.parametrize(
    ("glue", "own", "state", "words"),
    [
        ({}, {}, "missing", "missing glue"),
        ({WITHIN: ["192.0.2.5"]}, {WITHIN: ["192.0.2.6"]}, "missing", "differs"),
        ({WITHIN: ["192.0.2.5"]}, {WITHIN: ["192.0.2.5"]}, "converged", "as expected"),
        ({WITHIN: ["192.0.2.5"]}, {}, "converged", "as expected"),
        ({WITHIN: ["192.0.2.5", "2001:db8::5"]}, {WITHIN: ["2001:db8::5", "192.0.2.5"]}, "converged", "as expected"),
    ],
)
def test_glue(glue: dict[str, list[str]], own: dict[str, list[str]], state: Outcome, words: str) -> None:
    delegation = seen(
        parent(nameservers=[WITHIN], glue=glue),
        children=[child(nameservers=[WITHIN], addresses=own)],
        expected=[WITHIN],
    )

    verdict = verdicts(delegation)[0]

    assert verdict.state == state
    assert words in verdict.detail


@pytest.mark.parametrize(
    "delegation",
    [
        seen(parent(ds=[]), children=[child(key_ds=[])]),
        seen(parent(ds=[]), above="insecure"),
        seen(parent(ds=[OTHER_DS]), above="insecure"),
        seen(parent(ds=[DS, OTHER_DS])),
        seen(parent(position="hosts-zone")),
        seen(parent(ds=[OTHER_DS], ds_unsupported=True)),
        seen(parent(), children=[]),
    ],
    ids=["unsigned", "island", "no chain reaches", "leftover DS", "same servers", "unknown algorithm", "none below"],
)
def test_no_fault_above_the_cut(delegation: Delegation) -> None:
    assert verdicts(delegation)[0].state == "converged"


@pytest.mark.parametrize(
    ("said", "state", "words"),
    [
        (child(position="silent", reason="no answer"), "unreachable", "gives no answer"),
        (child(position="refuses", reason="answers REFUSED"), "refused", "is lame"),
        (child(position="lame", reason="answers without authority"), "refused", "without authority"),
        (child(position="nowhere", reason="NXDOMAIN"), "missing", "whoever gets hold of that name"),
        (
            child(signature_faults=[SignatureFault(type="SOA", problem="has a signature that expired")]),
            "bogus",
            "the SOA rrset of t1.omani.test",
        ),
        (child(key_ds=[OTHER_DS]), "bogus", "stale or unsigned"),
    ],
)
def test_a_fault_below_the_cut(said: ChildSaid, state: Outcome, words: str) -> None:
    above, below = verdicts(seen(parent(), children=[child(), said.changed(server="ns2 (192.0.2.12)")]))

    assert above.state == "converged"
    assert (below.kind, below.server, below.state) == ("authoritative", "ns2 (192.0.2.12)", state)
    assert words in below.detail


def test_signatures_that_no_validator_looks_at() -> None:
    said = child(signature_faults=[SignatureFault(type="SOA", problem="has expired")])

    (verdict,) = verdicts(seen(parent(), children=[said], above="insecure"))

    assert verdict.state == "converged"
    assert "it says why" in verdict.detail


def test_missing_glue_is_told_once() -> None:
    delegation = seen(
        parent(nameservers=[WITHIN]), children=[child(name_server=WITHIN, position="nowhere")], expected=[WITHIN]
    )

    (verdict,) = verdicts(delegation)

    assert "missing glue" in verdict.detail


def test_nobody_above() -> None:
    (verdict,) = verdicts(seen())

    assert (verdict.kind, verdict.state) == ("parent", "unreachable")


HOSTS = st.lists(st.sampled_from([*NAMESERVERS, WITHIN, "ns.stranger.test", ""]), max_size=4)
DS_SETS = st.lists(st.sampled_from([DS, OTHER_DS, "", "1 2"]), max_size=3)
ADDRESSES = st.dictionaries(st.sampled_from([*NAMESERVERS, WITHIN]), st.lists(st.text(max_size=9), max_size=2))
WORDS = st.text(max_size=12)
PARENTS = st.builds(
    ParentSaid,
    nameservers=HOSTS,
    glue=ADDRESSES,
    ds=DS_SETS,
    ds_silence=st.none() | WORDS,
    ds_problem=st.none() | WORDS,
    ds_unsupported=st.booleans(),
    delegation_denied=st.booleans(),
)
CHILDREN = st.builds(
    ChildSaid,
    nameservers=HOSTS,
    key_ds=DS_SETS,
    advised_ds=WORDS,
    addresses=ADDRESSES,
    signature_faults=st.lists(st.builds(SignatureFault), max_size=2),
)
DELEGATIONS = st.builds(
    Delegation,
    zone=st.just(ZONE),
    parent=st.sampled_from(["omani.test", ""]),
    expected=HOSTS,
    above=st.builds(ChainAbove, reason=WORDS),
    parents=st.lists(PARENTS, max_size=3),
    children=st.lists(CHILDREN, max_size=3),
)


@given(DELEGATIONS)
def test_whatever_was_seen_there_is_a_verdict(delegation: Delegation) -> None:
    found = verdicts(delegation)

    above = [verdict for verdict in found if verdict.kind == "parent"]
    assert len(above) == max(1, len(delegation.parents))
    assert all(verdict.detail for verdict in found)
    assert all(verdict.state != "converged" for verdict in found if verdict.kind != "parent")
    for said, verdict in zip(delegation.parents, above, strict=False):
        if verdict.state == "converged":
            assert said.position in {"delegates", "hosts-zone"}
            assert set(said.nameservers) == set(delegation.expected)
            assert delegation.above.state != "broken"
            assert said.ds_problem is None

"""Names: one normal form, everything else refused with a reason; who lies below whom."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns import names
from tests.unit.strategies import FQDNS, LABELS

HOST_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("t110.omani.works", "t110.omani.works"),
        ("T110.Omani.WORKS", "t110.omani.works"),
        ("t110.omani.works.", "t110.omani.works"),
        ("1.2.3.4.example", "1.2.3.4.example"),
        ("ab--cd.example", "ab--cd.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.Example", "xn--bcher-kva.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("XN--BCHER-KVA.EXAMPLE", "xn--bcher-kva.example"),
        ("a\u0301.example", "xn--1ca.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("пример.рф", "xn--e1afmkfd.xn--p1ai"),
        ("t110。omani．works", "t110.omani.works"),
        ("ｔ１１０.omani.works", "t110.omani.works"),
        ("t1\u00ad10.omani.works", "t110.omani.works"),
    ],
)
def test_every_spelling_of_a_name_has_one_normal_form(text: str, normal: str) -> None:
    assert names.normalise_fqdn(text) == normal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (".", "is empty"),
        ("works", "not fully qualified"),
        ("*.omani.works", "wildcard"),
        ("t*.omani.works", "wildcard"),
        ("＊.omani.works", "RFC 1123"),
        (" t110.omani.works", "space"),
        ("t110 .omani.works", "space"),
        ("t110.omani.works ", "space"),
        ("t110.omani.works\n", "space"),
        ("t110\t.omani.works", "space"),
        ("t110\u00a0.omani.works", "space"),
        ("https://t110.omani.works", "'/'"),
        ("t110.omani.works/", "'/'"),
        ("t110.omani.works:443", "':'"),
        ("root@omani.works", "'@'"),
        ("t110\\.omani.works", "'\\'"),
        ("t110／.omani.works", "RFC 1123"),
        ("t110＠.omani.works", "RFC 1123"),
        ("77.42.11.95", "IP address"),
        ("７７.４２.１１.９５", "IP address"),
        ("t110.omani.1", "IP address"),
        ("::1", "':'"),
        ("[2a01::1]", "':'"),
        ("_dmarc.omani.works", "RFC 1123"),
        ("t110\0.omani.works", "RFC 1123"),
        ("t110.omani.works\0", "RFC 1123"),
        ("t110%2eomani.works", "RFC 1123"),
        ('"t110".omani.works', "RFC 1123"),
        ("'t110'.omani.works", "RFC 1123"),
        ("-t110.omani.works", "RFC 1123"),
        ("t110-.omani.works", "RFC 1123"),
        ("t110..omani.works", "empty label"),
        (".t110.omani.works", "empty label"),
        ("t110.omani.works..", "empty label"),
        ("。t110.omani.works", "empty label"),
        ("xn--.example", "not valid in IDNA"),
        ("xn--a.example", "not valid in IDNA"),
        ("xn--zzzzzz99999.example", "not valid in IDNA"),
        ("xn--ss.example", "not valid in IDNA"),
        ("xn--ü.example", "not valid in IDNA"),
        ("☃.example", "not valid in IDNA"),
        ("a\u202eb.example", "not a valid internationalised name"),
        ("\ud800.example", "not a valid internationalised name"),
        ("⒈example.works", "not a valid internationalised name"),
    ],
)
def test_what_is_no_host_name_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        names.normalise_fqdn(text)


def test_a_label_has_63_octets_at_most() -> None:
    assert names.normalise_fqdn("a" * 63 + ".works") == "a" * 63 + ".works"
    with pytest.raises(ValueError, match="label of 64 octets; a label has at most 63"):
        names.normalise_fqdn("a" * 64 + ".works")


def test_the_limit_of_a_label_counts_its_octets_and_not_its_characters() -> None:
    with pytest.raises(ValueError, match="not valid in IDNA"):
        names.normalise_fqdn("漢字仮名交じり文日本語" * 5 + ".works")


def test_a_name_has_253_octets_at_most_its_trailing_dot_not_counted() -> None:
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])
    assert len(longest) == 253
    assert names.normalise_fqdn(longest) == longest
    assert names.normalise_fqdn(f"{longest}.") == longest
    with pytest.raises(ValueError, match="has 254 octets; a name has at most 253"):
        names.normalise_fqdn(f"{longest}b")


def test_an_absurdly_long_text_is_cut_in_its_error() -> None:
    with pytest.raises(ValueError, match="5006 characters") as caught:
        names.normalise_fqdn("a" * 5000 + ".works")
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("text", "normal"), [("console", "console"), ("OpenOva-Flow", "openova-flow"), ("a.b", "a.b"), ("1", "1")]
)
def test_a_relative_name_needs_no_second_label(text: str, normal: str) -> None:
    assert names.normalise_relative(text) == normal


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("console.", "without a trailing dot"),
        ("@", "'@'"),
        ("*", "wildcard"),
        ("_acme-challenge", "RFC 1123"),
        ("a..b", "empty label"),
        ("x" * 64, "at most 63"),
    ],
)
def test_what_is_no_relative_host_name_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)):
        names.normalise_relative(text)


WILD_TEXTS = st.text(alphabet=st.sampled_from("abXN-09.。．_%*@ ßüÜéяЯ漢字ｅ\u00ad\u200d\u0301א١"), max_size=40)


@given(WILD_TEXTS | st.text(max_size=20) | st.builds("{}.{}".format, WILD_TEXTS, FQDNS))
def test_any_text_is_either_refused_or_has_a_normal_form_that_is_its_own(text: str) -> None:
    try:
        normal = names.normalise_fqdn(text)
    except ValueError:
        return
    assert HOST_NAME.fullmatch(normal)
    assert len(normal) <= 253
    assert names.normalise_fqdn(normal) == normal


@given(st.from_regex(r"[a-zà-öø-ÿа-я]{1,12}", fullmatch=True), st.sampled_from(["works", "РФ"]))
def test_u_labels_have_a_normal_form_that_is_its_own(label: str, top: str) -> None:
    normal = names.normalise_fqdn(f"{label}.{top}")
    assert HOST_NAME.fullmatch(normal)
    assert names.normalise_fqdn(normal) == normal
    assert names.normalise_fqdn(f"{label.upper()}.{top.lower()}.") == normal


@given(FQDNS)
def test_case_and_trailing_dot_make_no_difference(name: str) -> None:
    assert names.normalise_fqdn(f"{name.upper()}.") == name


@given(FQDNS)
def test_the_absolute_form_and_back(name: str) -> None:
    assert names.absolute(name) == f"{name}."
    assert names.relative_to_root(names.absolute(name)) == name
    assert names.relative_to_root(name) == name


@pytest.mark.parametrize(
    ("name", "ancestor", "below"),
    [
        ("omani.works", "omani.works", True),
        ("t110.omani.works", "omani.works", True),
        ("console.t110.omani.works", "omani.works", True),
        ("xomani.works", "omani.works", False),
        ("omani.works", "t110.omani.works", False),
        ("omani.works.example", "omani.works", False),
    ],
)
def test_below_means_by_whole_labels(name: str, ancestor: str, below: bool) -> None:
    assert names.is_at_or_below(name, ancestor) is below


def test_the_lineage_ends_at_the_top_or_at_the_last_label() -> None:
    assert names.lineage("a.b.works") == ["a.b.works", "b.works", "works"]
    assert names.lineage("a.b.works", "b.works") == ["a.b.works", "b.works"]
    assert names.lineage("b.works", "b.works") == ["b.works"]
    assert names.parent_of("b.works") == "works"
    assert names.parent_of("works") is None


@given(FQDNS)
def test_everyone_in_a_lineage_contains_the_name_and_the_one_before(name: str) -> None:
    lineage = names.lineage(name)
    assert len(lineage) == name.count(".") + 1
    assert all(names.is_at_or_below(name, ancestor) for ancestor in lineage)
    assert [names.parent_of(one) for one in lineage] == [*lineage[1:], None]


@pytest.mark.parametrize(
    ("fqdn", "parent", "host"),
    [
        ("t110.omani.works", "omani.works", "t110.omani.works"),
        ("omani.works", "omani.works", "omani.works"),
        ("a.b.omani.works", "omani.works", "a.b.omani.works"),
        ("t111.omani.works", "omani.homes", "t111.omani.homes"),
        ("a.b.omani.works", "omani.homes", "a.omani.homes"),
        ("t111.omani.works", "mani.works", "t111.mani.works"),
    ],
)
def test_the_host_under_a_parent_domain(fqdn: str, parent: str, host: str) -> None:
    assert names.host_under(fqdn, parent) == host


@given(FQDNS, FQDNS)
def test_the_host_always_lies_in_its_parent_domain(fqdn: str, parent: str) -> None:
    assert names.is_at_or_below(names.host_under(fqdn, parent), parent)


def test_the_zone_of_a_name_is_the_nearest_and_never_one_that_only_looks_alike() -> None:
    hosted = {"omani.works", "t126.omani.works", "mani.works", "x.console.t126.omani.works"}
    assert names.longest_hosted_suffix("console.t126.omani.works", hosted) == "t126.omani.works"
    assert names.longest_hosted_suffix("t126.omani.works", hosted) == "t126.omani.works"
    assert names.longest_hosted_suffix("t12.omani.works", hosted) == "omani.works"
    assert names.longest_hosted_suffix("t110.omani.homes", hosted) is None


@given(st.lists(LABELS, min_size=2, max_size=6), st.sets(st.integers(0, 5)), st.sets(FQDNS, max_size=3))
def test_the_zone_of_a_name_is_its_longest_hosted_ancestor_or_itself(
    labels: list[str], hosted_depths: set[int], unrelated: set[str]
) -> None:
    name = ".".join(labels)
    hosted = {".".join(labels[depth:]) for depth in hosted_depths if depth < len(labels)} | unrelated
    containing = [zone for zone in hosted if name == zone or name.endswith(f".{zone}")]
    assert names.longest_hosted_suffix(name, hosted) == max(containing, key=len, default=None)

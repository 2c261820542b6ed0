"""Public suffixes, by the bundled list."""

import pytest

from sovereign_dns.public_suffixes import is_public_suffix


@pytest.mark.parametrize("name", ["com", "works", "co.uk", "xn--p1ai", "kobe.jp", "a-tld-that-nobody-knows"])
def test_a_name_under_which_others_register_is_a_suffix(name: str) -> None:
    assert is_public_suffix(name)


@pytest.mark.parametrize("name", ["omani.works", "acme.co.uk", "t110.omani.works", "city.kobe.jp", "github.io"])
def test_a_name_that_somebody_owns_is_none(name: str) -> None:
    assert not is_public_suffix(name)

"""A secret is not shown, however others repeat it."""

import json
import urllib.parse

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sovereign_dns.redaction import REDACTED, SHORTEST_TOLD_APART, without_secret

TOKEN = "sk-live-4eC39HqLyj\nWDarjtT1zdp7dc/+=x"


@pytest.mark.parametrize(
    "repeated",
    [
        TOKEN,
        TOKEN.upper(),
        json.dumps({"token": TOKEN}),
        urllib.parse.quote(TOKEN, safe=""),
        urllib.parse.urlencode({"token": TOKEN}),
        " ".join(TOKEN.split()),
        TOKEN[:12],
        TOKEN[9:18] + "..." + TOKEN[25:],
    ],
)
def test_a_token_that_is_repeated_is_blacked_out(repeated: str) -> None:
    shown = without_secret(f"bad token ({repeated}) given", TOKEN)
    assert shown.startswith("bad token (")
    assert shown.endswith(") given")
    assert REDACTED in shown
    assert not any(TOKEN[at : at + SHORTEST_TOLD_APART].lower() in shown.lower() for at in range(len(TOKEN) - 5))


def test_what_says_nothing_of_it_is_left() -> None:
    assert without_secret("the registrar is away", TOKEN) == "the registrar is away"
    assert without_secret("anything", "") == "anything"


@given(st.text(min_size=1, max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_secret_gets_through(secret: str, before: str, after: str) -> None:
    shown = without_secret(before + secret + after, secret)
    assert secret not in shown.replace(REDACTED, "\0")

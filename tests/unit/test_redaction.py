"""A secret is not shown, however others repeat it."""

import html
import json
import urllib.parse
from collections.abc import Callable

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


@pytest.mark.parametrize(
    "escape",
    [html.escape, lambda text: text.replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")],
)
def test_a_token_full_of_signs_is_blacked_out_as_a_page_or_a_program_in_go_shows_it(
    escape: Callable[[str], str],
) -> None:
    shown = without_secret(f"bad token ({escape('Zx<Qv&Jk>Wp&Yb')}) given", "Zx<Qv&Jk>Wp&Yb")
    assert shown == f"bad token ({REDACTED}) given"


def test_what_says_nothing_of_it_is_left() -> None:
    assert without_secret("the registrar is away", TOKEN) == "the registrar is away"
    assert without_secret("anything", "") == "anything"


@given(st.text(min_size=1, max_size=60), st.text(max_size=60), st.text(max_size=60))
def test_no_secret_gets_through(secret: str, before: str, after: str) -> None:
    shown = without_secret(before + secret + after, secret)
    assert secret not in shown.replace(REDACTED, "\0")

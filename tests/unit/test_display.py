"""What is printed is what is meant, whatever a terminal library makes of it."""

import pytest

from cli import display
from sovereign_dns.contract import ServerVerdict, VerificationResult

ADDRESS = "2a01:4f8:a:100::b:1"


def test_an_ipv6_address_is_never_taken_for_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = ServerVerdict(server=ADDRESS, kind="authoritative", state="missing", detail=f"{ADDRESS} says nothing")

    display.console().print(display.proof(VerificationResult(servers=[verdict])))
    display.console().print(ADDRESS, markup=False)

    assert capsys.readouterr().out.count(ADDRESS) == 3

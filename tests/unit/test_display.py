"""What is printed is what is meant, whatever a terminal library makes of it."""

import pytest

from cli import display
from sovereign_dns.checklist import as_markdown
from sovereign_dns.contract import (
    CertificateStatus,
    Owner,
    PoolNameChange,
    ProvisionResult,
    RecordChange,
    ServerVerdict,
    VerificationResult,
    ZoneChange,
)

ADDRESS = "2a01:4f8:a:100::b:1"


def test_an_ipv6_address_is_never_taken_for_emoji(capsys: pytest.CaptureFixture[str]) -> None:
    verdict = ServerVerdict(server=ADDRESS, kind="authoritative", state="missing", detail=f"{ADDRESS} says nothing")

    display.console().print(display.proof(VerificationResult(servers=[verdict])))
    display.console().print(ADDRESS, markup=False)

    assert capsys.readouterr().out.count(ADDRESS) == 3


@pytest.mark.parametrize(
    ("owner", "whose"),
    [
        (Owner(sovereign_fqdn="t13.omani.works", deployment_id="d13"), "of t13.omani.works, deployment d13"),
        (Owner(sovereign_fqdn="t130.omani.works", deployment_id="old-1"), "own, deployment old-1"),
        (None, "of nobody"),
    ],
)
def test_a_diff_says_whose_each_replaced_record_is(
    capsys: pytest.CaptureFixture[str], owner: Owner | None, whose: str
) -> None:
    replaced = RecordChange(
        zone="omani.works.", name="api.t130.omani.works.", type="A", ttl=30, change="replaced",
        before=["77.42.11.13"], before_ttl=60, before_owner=owner, after=["77.42.11.96"],
    )  # fmt: skip

    display.console().print(display.diff([replaced], "t130.omani.works"))

    shown = capsys.readouterr().out.splitlines()[1].rstrip()
    assert shown.endswith(f"77.42.11.13 (TTL 60, {whose}) -> 77.42.11.96")


@pytest.mark.parametrize("unconfirmed", [False, True])
def test_what_was_perhaps_taken_away_is_shown_as_that(*, unconfirmed: bool) -> None:
    result = ProvisionResult(
        deployment_id="d1",
        sovereign_fqdn="t130.omani.works",
        zones=[ZoneChange(zone="eu.omani.works.", change="removed", unconfirmed=unconfirmed)],
        certificates=[
            CertificateStatus(name="tls", namespace="ns", dns_names=[], change="removed", unconfirmed=unconfirmed)
        ],
        pool_names=[PoolNameChange(domain="omani.works", subdomain="t1", change="released", unconfirmed=unconfirmed)],
    )
    for shown in (list(display.besides_records(result)), as_markdown(result).splitlines()):
        told = [line for line in shown if line.startswith("- ")]
        assert ["perhaps" in line for line in told] == [unconfirmed] * 3


def test_brackets_of_a_lua_record_stand_in_the_diff_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    content = "A \"x = ({'192.0.2.1'})[i]\""
    removed = RecordChange(
        zone="omani.works.", name="omani.works.", type="LUA", ttl=60, change="removed", before=[content], before_ttl=60
    )

    display.console().print(display.diff([removed], "t130.omani.works"))

    assert f"{content} (TTL 60, of nobody) -> nothing" in capsys.readouterr().out

"""When a registrar is told of name servers: unless the zone above is seen to delegate to them, and never by hearsay."""

from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

import pytest

from activities.registrar import RegistrarActivities
from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.delegations import Delegations
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.public_dns import PublicDNS
from sovereign_dns.clients.registrars import Registrars
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.contract import Owner
from sovereign_dns.failures import ZoneMissing
from sovereign_dns.lifecycle_messages import NameserversReport, SetNameservers
from sovereign_dns.registrar_credentials import RegistrarCredentials
from tests.attempts import Attempts

DOMAIN, NS = "omani.homes", "ns1.openova.io"


class ToldRegistrar:
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, list[str]]] = []

    async def set_nameservers(self, _: str, domain: str, __: Any, nameservers: list[str], ___: Any) -> str:
        self.told.append((domain, nameservers))
        return "within the hour"


class SplitHorizon:
    """A resolver to which the new zone's own NS set is told, which nobody has delegated yet."""

    resolvers = ("192.0.2.53",)

    async def ask_all(self, asked: dict[str, list[tuple[str, str]]]) -> dict[str, list[Answer]]:
        values = {"NS": [f"{NS}."], "A": ["192.0.2.1"]}
        return {
            resolver: [Answer(name=name, type=kind, rcode="NOERROR", values=values[kind]) for name, kind in questions]
            for resolver, questions in asked.items()
        }


class Registry:
    """What the servers of the zone above say."""

    def __init__(self, *said: str) -> None:
        self._said = [frozenset({nameserver}) for nameserver in said]

    async def nameservers(self, _: str) -> list[frozenset[str]]:
        return self._said

    async def addresses(self, _: str) -> list[str]:
        return ["192.0.2.1"]


class Hosting:
    """PowerDNS with some zones."""

    def __init__(self, zones: Collection[str]) -> None:
        self._zones = zones

    async def hosted(self, candidates: Collection[str]) -> set[str]:
        return {name for name in candidates if name in self._zones}


@pytest.fixture
def registrar() -> ToldRegistrar:
    return ToldRegistrar()


async def set_nameservers(
    registrar: ToldRegistrar,
    folder: Path,
    registry: Registry | None,
    *,
    dry_run: bool = False,
    hosted: Collection[str] = (DOMAIN,),
) -> NameserversReport:
    (folder / "ovh").write_text("token", encoding="utf-8")
    public_dns = PublicDNS(cast("Delegations | None", registry), cast("Resolvers", SplitHorizon()))
    activities = RegistrarActivities(
        cast("Registrars", registrar), RegistrarCredentials(folder), public_dns, cast("PowerDNS", Hosting(hosted))
    )
    task = SetNameservers(
        owner=Owner(sovereign_fqdn="t1.omani.works", deployment_id="d1"),
        domain=DOMAIN,
        registrar="ovh",
        credentials_ref="ovh",
        nameservers=[NS],
        dry_run=dry_run,
    )
    return await Attempts().attempt(activities.set_nameservers, task)


async def test_where_no_delegation_is_followed_the_registrar_is_told_whatever_resolvers_say(
    registrar: ToldRegistrar, tmp_path: Path
) -> None:
    planned = await set_nameservers(registrar, tmp_path, None, dry_run=True)
    assert registrar.told == []
    assert planned.outcome.startswith(f"dry run: would be set to {NS} at ovh")

    report = await set_nameservers(registrar, tmp_path, None)

    assert registrar.told == [(DOMAIN, [NS])]
    assert not report.already
    for outcome in (planned.outcome, report.outcome):
        assert "whether it was so already is not known" in outcome
        assert "CATALYST_DNS_ROOT_SERVERS" in outcome


@pytest.mark.parametrize(("said", "told"), [([NS, NS], False), ([NS, "ns.former.net"], True), ([], True)])
async def test_where_it_is_followed_every_server_above_must_say_so(
    registrar: ToldRegistrar, tmp_path: Path, said: list[str], told: bool
) -> None:
    report = await set_nameservers(registrar, tmp_path, Registry(*said))

    assert bool(registrar.told) is told
    assert report.already is not told
    assert "not known" not in report.outcome


async def test_a_domain_whose_zone_was_removed_meanwhile_is_not_delegated_here(
    registrar: ToldRegistrar, tmp_path: Path
) -> None:
    with pytest.raises(ZoneMissing, match="is not hosted by PowerDNS any more"):
        await set_nameservers(registrar, tmp_path, Registry("ns.former.net"), hosted=())

    assert registrar.told == []

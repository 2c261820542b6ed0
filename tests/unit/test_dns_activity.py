"""What counts as a proof where a server can't be asked."""

import dns.name
import httpx
import pytest
from pydantic import SecretStr

from activities.absence import AbsenceProof
from activities.authority_looks import countable, random_name_below
from activities.denials import DenialSurvey
from activities.dns import DNSActivities
from sovereign_dns.answer_verdicts import PROBE_PREFIX, Answer
from sovereign_dns.clients.authoritative import AuthoritativeServers, Server
from sovereign_dns.clients.powerdns import PowerDNS
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.failures import NotYetConverged
from sovereign_dns.messages import ServedZone, VerifyDomain
from sovereign_dns.mounted import MountedURL
from sovereign_dns.secrets import Secret
from tests.unit.builders import FQDN, LOAD_BALANCER, OWNER, PARENT, domain_intent


async def test_a_zone_that_nobody_can_be_asked_about_is_not_proved() -> None:
    zone = ServedZone(zone=PARENT, nameservers=[], names=[FQDN])
    task = VerifyDomain(owner=OWNER, intent=domain_intent(), zones=[zone], level="authoritative")

    with pytest.raises(NotYetConverged, match="no NS records at its apex"):
        await activities().verify_domain(task)


async def test_names_for_which_no_zone_is_left_and_nobody_can_be_asked_are_not_proved_gone() -> None:
    task = VerifyDomain(owner=OWNER, intent=domain_intent(), zones=[], level="authoritative", gone=True)

    with pytest.raises(NotYetConverged, match="nobody can be asked"):
        await activities().verify_domain(task)


def activities() -> DNSActivities:
    """Of an installation whose PowerDNS hosts nothing."""
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, json=[])))
    powerdns = PowerDNS(client, MountedURL("URL", "http://pdns.test"), Secret("KEY", SecretStr("key")))
    authoritative, resolvers = AuthoritativeServers(), Resolvers([])
    return DNSActivities(authoritative, resolvers, AbsenceProof(DenialSurvey(authoritative, powerdns), resolvers))


def test_an_address_without_a_route_is_left_out_only_beside_another_of_its_server() -> None:
    reached = [Answer(name=FQDN, type="A", rcode="NOERROR")]
    unroutable = [Answer(name=FQDN, type="A", error="no route", unroutable=True)]
    ns1_v4, ns1_v6 = Server("ns1 v4", "192.0.2.1", name_server="ns1"), Server("ns1 v6", "::1", name_server="ns1")
    ns3_v6 = Server("ns3 v6", "::3", name_server="ns3")

    counted = countable({ns1_v4: reached, ns1_v6: unroutable, ns3_v6: unroutable})

    assert list(counted) == [ns1_v4, ns3_v6]


@pytest.mark.parametrize("octets", [20, 234, 235, 246, 247, 251, 252, 253])
def test_dns_can_hold_the_random_name_below_a_base_of_any_length(octets: int) -> None:
    base = ".".join(["b" * 63] * 4)[-octets:].removeprefix(".").rjust(octets, "b")

    name = random_name_below(base)

    assert dns.name.from_text(name).is_subdomain(dns.name.from_text(base))
    assert (name == base) == (octets > 251)
    assert name.startswith(PROBE_PREFIX) == (octets <= 245)


async def test_a_name_server_below_what_is_not_delegated_yet_is_asked_at_the_address_that_was_written() -> None:
    servers, unresolved = await AuthoritativeServers().of_zone(
        ["pdns.t1.not-delegated.invalid.", "ns.nowhere.invalid."], {"pdns.t1.not-delegated.invalid": [LOAD_BALANCER]}
    )
    assert [(server.address, server.name_server) for server in servers] == [
        (LOAD_BALANCER, "pdns.t1.not-delegated.invalid.")
    ]
    assert [item.label for item in unresolved] == ["ns.nowhere.invalid."]

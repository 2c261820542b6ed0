"""What counts as a proof where a server can't be asked."""

import pytest

from activities.dns import DNSActivities, _countable
from sovereign_dns.answer_verdicts import Answer
from sovereign_dns.clients.authoritative import AuthoritativeServers, Server
from sovereign_dns.clients.resolvers import Resolvers
from sovereign_dns.failures import NotYetConverged
from sovereign_dns.messages import ServedZone, VerifyDomain
from tests.unit.builders import FQDN, OWNER, PARENT, domain_intent


async def test_a_zone_that_nobody_can_be_asked_about_is_not_proved() -> None:
    zone = ServedZone(zone=PARENT, nameservers=[], names=[FQDN])
    task = VerifyDomain(owner=OWNER, intent=domain_intent(), zones=[zone], level="authoritative")

    with pytest.raises(NotYetConverged, match="no NS records at its apex"):
        await DNSActivities(AuthoritativeServers(), Resolvers([])).verify_domain(task)


def test_an_address_without_a_route_is_left_out_only_beside_another_of_its_server() -> None:
    reached = [Answer(name=FQDN, type="A", rcode="NOERROR")]
    unroutable = [Answer(name=FQDN, type="A", error="no route", unroutable=True)]
    ns1_v4, ns1_v6 = Server("ns1 v4", "192.0.2.1", name_server="ns1"), Server("ns1 v6", "::1", name_server="ns1")
    ns3_v6 = Server("ns3 v6", "::3", name_server="ns3")

    counted = _countable({ns1_v4: reached, ns1_v6: unroutable, ns3_v6: unroutable})

    assert list(counted) == [ns1_v4, ns3_v6]

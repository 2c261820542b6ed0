"""A Sovereign that comes and goes leaves every zone as it was, whatever others have there."""

import secrets
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from sovereign_dns.clients.powerdns import PowerDNS
from tests.powerdns_bench import whole
from tests.removal_bench import Life
from tests.world import LOAD_BALANCER, STRANGER, World, rrset


def content(rrtype: str, zone: str) -> st.SearchStrategy[str]:
    return st.sampled_from(
        {
            "A": [LOAD_BALANCER, STRANGER],
            "AAAA": ["2a01:4f8::95", "2a01:4f8::bad"],
            "TXT": ['"a note"', '"v=spf1 -all"'],
            "MX": [f"10 www.{zone}."],
            "CNAME": [f"www.{zone}."],
            "LUA": [f"A \"pickrandom({{'{LOAD_BALANCER}'}})\""],
        }[rrtype]
    )


@st.composite
def neighbours(draw: st.DrawFn, zone: str, host: str) -> list[dict[str, Any]]:
    """What others have in a zone: beside the Sovereign, above it, below its names, and at them what is no address."""
    free = [
        zone,
        f"*.{zone}",
        f"www.{zone}",
        f"t2.{zone}",
        f"console.t2.{zone}",
        f"x.{host}",
        f"*.x.{host}",
        f"un{host}",
    ]
    held = [host, f"console.{host}", f"auth.{host}"]
    rrsets = []
    for name in draw(st.lists(st.sampled_from(free + held), unique=True, max_size=8)):
        kinds = st.sets(
            st.sampled_from(["TXT", "MX"] if name in held else ["A", "AAAA", "TXT", "MX", "LUA"]), max_size=3
        )
        alone = st.just({"CNAME"}) if name not in {zone, *held} else st.nothing()
        for kind in sorted(draw(kinds | alone)):
            values = draw(st.lists(content(kind, zone), unique=True, min_size=1, max_size=2 if kind != "CNAME" else 1))
            disabled = draw(st.sampled_from([[], values[:1]])) if kind != "CNAME" else []
            neighbour = draw(st.sampled_from([None, f"t2.{zone}", f"x.{host}", f"un{host}"]))
            entry = rrset(name, kind, *values, ttl=draw(st.sampled_from([60, 300])), owner=neighbour)
            for record in entry["records"]:
                record["disabled"] = record["content"] in disabled
            if draw(st.booleans()):
                entry["comments"].append({"content": f"sovereign={host} deployment=d1", "account": "ada"})
            rrsets.append(entry)
    return rrsets


@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # to make an example smaller takes minutes
    suppress_health_check=[HealthCheck.too_slow],
)
@given(data=st.data())
async def test_every_zone_is_afterwards_what_it_was_before(
    bench: World, powerdns: PowerDNS, data: st.DataObject
) -> None:
    """To the byte: contents, TTLs, comments with their times, disabled records; of the SOA all but the serial."""
    unique = secrets.token_hex(4)
    zone, homes = f"p{unique}.works", f"p{unique}.homes"
    fqdn = f"t1.{zone}"
    asked: dict[str, Any] = data.draw(
        st.sampled_from(
            [
                {},
                {"parentDomains": [{"name": fqdn}]},
                {"parentDomains": [{"name": zone}, {"name": f"eu.{homes}"}]},
                {"subdomains": ["console", "deep.down"], "loadBalancerIPv6": "2a01:4f8::95"},
            ]
        )
    )
    for there, host in ((zone, fqdn), (homes, f"t1.eu.{homes}")):
        await bench.create_zone(there, *data.draw(neighbours(there, host)))
    before = [await whole(bench, there) for there in (zone, homes)]
    life = Life(powerdns, fqdn, asked)

    await life.provision(takeover=True)
    assert [await whole(bench, there) for there in (zone, homes)] != before
    found = await life.find(parentDomains=[])  # whatever it was asked for, everything is found
    await life.remove(found)

    assert [await whole(bench, there) for there in (zone, homes)] == before
    assert await whole(bench, fqdn) is None
    assert await whole(bench, f"eu.{homes}") is None
    again = await life.find(parentDomains=[])
    assert (again.zones, again.outcome.split(".")[0]) == ([], "no records")

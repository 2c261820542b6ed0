"""How much one run removes: what its result, and all that follows from it, can tell of without losing anything."""

import pytest

from sovereign_dns.absence import absence_of
from sovereign_dns.contract import Comment, ProvisionResult, RecordChange
from sovereign_dns.intent import NamingRules
from sovereign_dns.lifecycle_messages import FoundReport, FoundZone, RestoreZoneRecords, RRsetToRemove
from sovereign_dns.lifecycle_requests import RestoreRequest
from sovereign_dns.messages import RecordsReport, ServedZone, VerifyDomain
from sovereign_dns.removal import MOST_BYTES_TOLD, first_portion, plan_removals
from sovereign_dns.restoring import answers_after, plan_restoring
from sovereign_dns.restoring_intent import derive_restoring
from sovereign_dns.rrsets import Record, RRset, owner_comment
from sovereign_dns.wire import Message
from tests.unit.builders import LOAD_BALANCER, OWNER

TEMPORAL_TAKES = 2 * 1024 * 1024

LONG_ZONE = f"{'z' * 60}.works"
LONG_HOST = f"{'t' * 63}.{'t' * 63}.{LONG_ZONE}"


def owned(name: str, *notes: str) -> RRset:
    comments = [owner_comment(OWNER, "0123456789abcdef"), *(Comment(content=note, account="ada") for note in notes)]
    return RRset(name=name, type="A", ttl=60, records=[Record(content=LOAD_BALANCER)], comments=comments)


def found(zone: str, rrsets: list[RRset]) -> FoundZone:
    wanted = [RRsetToRemove(name=rrset.name, type=rrset.type) for rrset in rrsets]
    return FoundZone(zone=zone, domain=zone, rrsets=wanted)


def bytes_of(message: Message) -> int:
    return len(message.model_dump_json().encode())


def test_an_rrset_that_no_result_could_tell_of_is_left_and_named_and_holds_back_no_other() -> None:
    first = [owned("a.omani.works"), owned("b.omani.works", "ä" * MOST_BYTES_TOLD), owned("c.omani.works")]
    second = [owned("a.omani.homes")]
    zones = [found("omani.works", first), found("omani.homes", second)]

    portion, left_over = first_portion(zones, {"omani.works": first, "omani.homes": second})

    assert [[item.name for item in zone.rrsets] for zone in portion] == [
        ["a.omani.works", "c.omani.works"],
        ["a.omani.homes"],
    ]
    assert left_over == ["b.omani.works A in zone omani.works"]


@pytest.mark.parametrize(
    ("host", "zone", "notes"),
    [
        pytest.param(OWNER.sovereign_fqdn, "omani.works", [], id="as they are"),
        pytest.param(LONG_HOST, LONG_ZONE, [], id="the longest names"),
        pytest.param(OWNER.sovereign_fqdn, "omani.works", ['"\\' * 200, "ä" * 200], id="long notes of others"),
    ],
)
def test_temporal_takes_all_that_a_portion_becomes(host: str, zone: str, notes: list[str]) -> None:
    label = "n" * min(63 if host == LONG_HOST else 7, 253 - len(host) - 6)
    rrsets = [owned(f"{label}.{number:04}.{host}", *notes) for number in range(4_000)]
    (part,), left_over = first_portion([found(zone, rrsets)], {zone: rrsets})
    removed = plan_removals(zone, part.rrsets, rrsets, OWNER, []).changes

    told = _told_by_the_removal(part, removed) + _told_by_the_restoring(zone, host, removed)

    assert len(part.rrsets) + len(left_over) == len(rrsets)
    assert len(removed) == len(part.rrsets) > 0
    assert bytes_of(ProvisionResult(deployment_id="d1", sovereign_fqdn=host, records=removed)) > 0.9 * MOST_BYTES_TOLD
    assert max(map(bytes_of, told)) < 0.7 * TEMPORAL_TAKES


def _told_by_the_removal(part: FoundZone, removed: list[RecordChange]) -> list[Message]:
    gone = absence_of(part.zone, part.zone, [item.name for item in part.rrsets], removed)
    return [
        FoundReport(outcome="", zones=[part]),
        RecordsReport(outcome="", changes=removed),
        VerifyDomain(owner=OWNER, intent=gone, zones=[], level="propagated", gone=True),
    ]


def _told_by_the_restoring(zone: str, host: str, removed: list[RecordChange]) -> list[Message]:
    """Of a zone that was removed too: then its names are told once more."""
    taken = {"zone": f"{zone}.", "change": "removed"}
    records = [change.model_dump(mode="json", by_alias=True) for change in removed]
    body = {"restores": "that-run", "sovereignFQDN": host, "zones": [taken], "records": records}
    request = RestoreRequest.model_validate(body)
    intent = derive_restoring(request, NamingRules())
    (part,) = intent.records
    back = plan_restoring(zone, part.records, [], host).changes
    served = [ServedZone(zone=zone, nameservers=[], names=[change.name for change in back])]
    answers = answers_after(zone, back, [])
    assert answers is not None
    return [
        request,
        intent,
        RestoreZoneRecords(owner=OWNER, zone=zone, records=part.records),
        RecordsReport(outcome="", changes=back, zones=served),
        VerifyDomain(owner=OWNER, intent=answers, zones=served, level="propagated"),
    ]

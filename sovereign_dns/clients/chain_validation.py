"""Follows the chain of trust down a path of zones: each zone's keys by the DS records of the zone above."""

from collections.abc import Sequence

import dns.message
import dns.rdatatype

from sovereign_dns.chain_of_trust import (
    Broken,
    Insecure,
    Secure,
    Trust,
    find_rrset,
    name_text,
    signatures_of,
    trust_from_ds,
)
from sovereign_dns.clients.inquiry import Inquiry, Useless
from sovereign_dns.clients.referrals import KnownZone
from sovereign_dns.cut_answers import DSRead, is_authoritative, read_ds, trust_below, without_authority
from sovereign_dns.dnssec_arithmetic import DS


async def trust_along(inquiry: Inquiry, zones: Sequence[KnownZone], anchors: Sequence[DS]) -> Trust:
    """The trust in the last of some zones, the first of which is the root.

    Of each zone one server with valid answers is enough, as it is for a validating resolver.
    """
    above = zones[0]
    trust = await _trust_by_keys(inquiry, above, anchors)
    for zone in zones[1:]:
        if not isinstance(trust, Secure):
            return trust
        trust = await _trust_below(inquiry, above, zone, trust)
        above = zone
    return trust


async def _trust_below(inquiry: Inquiry, above: KnownZone, zone: KnownZone, trust: Secure) -> Trust:
    def read(response: dns.message.Message) -> DSRead | Useless:
        found = read_ds(response, above.name, zone.name, trust)
        flaw = found.problem or found.silence
        return Useless(flaw) if flaw else found

    ds = await inquiry.first(above.servers, zone.name, dns.rdatatype.DS, read)
    if isinstance(ds, Useless):
        return Broken(f"asked for the DS of {name_text(zone.name)}, the zone {name_text(above.name)} {ds.reason}")
    return trust_below(ds, above.name, zone.name) or await _trust_by_keys(inquiry, zone, ds.records)


async def _trust_by_keys(inquiry: Inquiry, zone: KnownZone, ds_records: Sequence[DS]) -> Trust:
    def read(response: dns.message.Message) -> Secure | Insecure | Useless:
        if not is_authoritative(response):
            return Useless(f"a server of {name_text(zone.name)} {without_authority(response)}")
        keys = find_rrset(response.answer, zone.name, dns.rdatatype.DNSKEY)
        signatures = signatures_of(response.answer, keys) if keys is not None else []
        trust = trust_from_ds(zone.name, ds_records, keys, signatures)
        return Useless(trust.reason) if isinstance(trust, Broken) else trust

    found: Secure | Insecure | Useless = await inquiry.first(zone.servers, zone.name, dns.rdatatype.DNSKEY, read)
    return Broken(found.reason) if isinstance(found, Useless) else found

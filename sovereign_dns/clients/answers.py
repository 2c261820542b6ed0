"""What a DNS response says of a question, whatever its shape, and whoever sent it."""

from collections.abc import Sequence

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

from sovereign_dns import names
from sovereign_dns.answer_verdicts import Answer

_SOA = (dns.rdatatype.SOA, dns.rdataclass.IN)

STILL_TRUNCATED = "the answer is truncated (TC), even over a stream"


def read_answer(name: str, rrtype: str, response: dns.message.Message) -> Answer:
    """What a response says of a question. What is truncated is no answer: nobody knows what it left out."""
    question, kind = dns.name.from_text(names.absolute(name)), dns.rdatatype.from_text(rrtype)
    answered = [rrset for rrset in response.answer if rrset.rdclass == dns.rdataclass.IN]
    exact = _rrset(answered, question, kind)
    alias = _rrset(answered, question, dns.rdatatype.CNAME)
    elsewhere = [rrset for rrset in answered if rrset.rdtype == kind and rrset.name != question]
    soa = next((r for r in response.authority if (r.rdtype, r.rdclass) == _SOA), None)
    delegations = [rrset for rrset in response.authority if rrset.rdtype == dns.rdatatype.NS]
    authoritative = bool(response.flags & dns.flags.AA)
    is_referral = not response.answer and soa is None and not authoritative
    denied = soa if exact is None else None
    return Answer(
        name=name,
        type=rrtype,
        rcode=dns.rcode.to_text(response.rcode()),
        authoritative=authoritative,
        validated=bool(response.flags & dns.flags.AD),
        values=[item.to_text() for item in exact] if exact else [],
        ttl=_ttl(exact, alias, answered),
        negative_ttl=_negative_ttl(denied),
        authority=denied.name.to_text() if denied else None,
        alias_target=alias[0].target.to_text() if alias else None,
        alias_values=[item.to_text() for rrset in elsewhere for item in rrset] if alias else [],
        referral_to=[item.to_text() for rrset in delegations for item in rrset] if is_referral else [],
        error=STILL_TRUNCATED if response.flags & dns.flags.TC else None,
    )


def aged(answer: Answer, seconds: int) -> Answer:
    """The answer after that many seconds in an HTTP cache, which counts no TTL down (RFC 8484 §5.1)."""
    if seconds <= 0:
        return answer
    return answer.changed(ttl=_later(answer.ttl, seconds), negative_ttl=_later(answer.negative_ttl, seconds))


def _later(ttl: int | None, seconds: int) -> int | None:
    return None if ttl is None else max(ttl - seconds, 0)


def _rrset(
    section: Sequence[dns.rrset.RRset], name: dns.name.Name, kind: dns.rdatatype.RdataType
) -> dns.rrset.RRset | None:
    return next((rrset for rrset in section if rrset.name == name and rrset.rdtype == kind), None)


def _ttl(
    exact: dns.rrset.RRset | None, alias: dns.rrset.RRset | None, answered: Sequence[dns.rrset.RRset]
) -> int | None:
    """How long the answer holds: a chain of aliases can change as soon as one of its links does."""
    if exact:
        return int(exact.ttl)
    return min(int(rrset.ttl) for rrset in answered) if alias else None


def _negative_ttl(soa: dns.rrset.RRset | None) -> int | None:
    """How long a denial may be cached: the SOA's TTL or its MINIMUM, whichever is less (RFC 2308 §5).

    A cache counts the SOA's TTL down, so that from there it is what remains.
    """
    return min(int(soa.ttl), int(soa[0].minimum)) if soa else None

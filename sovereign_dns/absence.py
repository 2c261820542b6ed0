"""What shall be proved gone, of what a run has removed. Pure."""

from collections.abc import Iterable

from sovereign_dns import names
from sovereign_dns.contract import RecordChange
from sovereign_dns.intent import DesiredRRset, DomainIntent
from sovereign_dns.rrsets import ADDRESS_TYPES


def absence_of(domain: str, host: str, gone: Iterable[str], removed: Iterable[RecordChange] = ()) -> DomainIntent:
    """The names of one parent domain that shall not be answered any more, with what they led to.

    Args:
        domain: the parent domain.
        host: the Sovereign's host under it; nothing may be found below it by chance either.
        gone: the names, without their trailing dots; a wildcard may be among them.
        removed: what the run has removed, here or elsewhere: by it an old answer is told from a stranger's.
    """
    by_name: dict[str, list[DesiredRRset]] = {}
    for change in removed:
        if change.type in ADDRESS_TYPES and change.before:
            name = names.relative_to_root(change.name)
            rrset = DesiredRRset(name=name, type=change.type, ttl=change.before_ttl or 0, values=change.before)
            by_name.setdefault(name, []).append(rrset)
    return DomainIntent(
        domain=domain,
        host=host,
        primary=False,
        may_create_zone=False,
        certificate_name="",
        rrsets=[
            rrset
            for name in dict.fromkeys(gone)
            for rrset in by_name.get(name, [DesiredRRset(name=name, type="A", ttl=0, values=[])])
        ],
    )

"""What is wrong with one name of a zone, by all that is known of the others. Pure.

`audit_addresses`, `audit_ownership` and `audit_delegations` hold the kinds of findings; here they are put together, one
finding of a kind for an rrset.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property

from sovereign_dns import names
from sovereign_dns.audit_addresses import orphan, shadowing
from sovereign_dns.audit_contract import Finding
from sovereign_dns.audit_delegations import cut_of, dangling_cut
from sovereign_dns.audit_ownership import abandoned, drift
from sovereign_dns.finding import Found, as_finding
from sovereign_dns.rrsets import RRset
from sovereign_dns.zone_survey import Survey


class Judge:
    """Judges names, one at a time.

    Args:
        survey: what all zones together say.
        expected_nameservers: those that our zones are delegated to, without their dots.
        complete: whether all of the inventory could be read; else nothing is called an orphan.
    """

    def __init__(self, survey: Survey, expected_nameservers: Iterable[str], *, complete: bool) -> None:
        self._survey = survey
        self._expected = frozenset(names.absolute(server).lower() for server in expected_nameservers)
        self._complete = complete

    @cached_property
    def _shadowed(self) -> dict[str, str]:
        return self._survey.answered_by_wildcard_at()

    def needs_keys(self, zone: str, name: str, rrsets: Sequence[RRset]) -> bool:
        """Whether the name is a cut above a hosted zone whose DS must fit that zone's keys."""
        cut = cut_of(zone, name, rrsets)
        return cut is not None and bool(cut.ds) and name in self._survey.zones

    def judge(
        self, zone: str, name: str, rrsets: Sequence[RRset], child_ds: Sequence[str] | None = None
    ) -> list[Finding]:
        """All findings of one name.

        Args:
            zone: the zone that holds it.
            name: without its dot.
            rrsets: all that the zone holds at the name.
            child_ds: the DS records of the hosted zone's keys, where the name `needs_keys`.
        """
        found: list[Found] = []
        served = self._survey.zone_that_answers(name) == zone
        cut = cut_of(zone, name, rrsets)
        if cut is not None and self._survey.zone_that_answers(_above(name)) == zone:
            ours = self._expected | self._survey.nameservers.get(zone, frozenset())
            found += dangling_cut(cut, self._survey, ours, child_ds)
        for rrset in rrsets:
            found += self._of_rrset(zone, rrset, served=served, dangling=[one.rrset for one in found])
        return [as_finding(zone, one) for one in found]

    def _of_rrset(self, zone: str, rrset: RRset, *, served: bool, dangling: Sequence[RRset]) -> list[Found]:
        if rrset in dangling:
            return []
        left = abandoned(zone, rrset, self._survey, complete=self._complete)
        if left is not None:
            return [left]
        found = [drift(rrset, self._survey, complete=self._complete)]
        if served:
            found.append(orphan(rrset, self._survey) if self._complete else None)
            found.append(shadowing(rrset, self._survey, self._shadowed, complete=self._complete))
        return [one for one in found if one is not None]


def _above(name: str) -> str:
    return names.parent_of(name) or name

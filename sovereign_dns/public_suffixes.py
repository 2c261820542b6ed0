"""Which names are public suffixes, by the copy of the Public Suffix List that its library brings along.

Only the list's ICANN section counts: its private section holds names that an operator may own.
A top-level domain that the list doesn't know counts as a suffix, by the list's own default rule `*`.
"""

from functools import cache

from publicsuffixlist import PublicSuffixList


@cache
def _bundled_list() -> PublicSuffixList:
    return PublicSuffixList(only_icann=True)


def is_public_suffix(name: str) -> bool:
    """Whether names are registered directly below `name`, as below `com` or `co.uk`."""
    return bool(_bundled_list().is_public(name))

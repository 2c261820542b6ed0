"""The platform's own names, and what else they hang on. Pure."""

from collections.abc import Iterable

from sovereign_dns import names

_REACHES_BELOW = frozenset({"NS", "DS", "DNAME"})


def at_stake(name: str, types: Iterable[str], protected_fqdns: Iterable[str]) -> str | None:
    """The first protected name that may be taken away with rrsets of a name; None where there is none.

    That is the name itself, or what a wildcard, a cut or a zone there answers for.
    """
    above = name.removeprefix("*.") if name.startswith("*.") else name
    reaches_below = name.startswith("*.") or bool(_REACHES_BELOW & set(types))
    for protected in sorted(protected_fqdns):
        if name == protected or (reaches_below and names.is_at_or_below(protected, above)):
            return protected
    return None

"""Pages that people write, with tables in them that are generated: each stands between two marks."""

import re

from benchmarks.page import table
from benchmarks.report import Table

_PART = re.compile(r"(<!-- generated: (?P<name>[a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


class PageError(Exception):
    """A page and what is generated for it do not fit together."""


def filled(page: str, tables: dict[str, Table]) -> str:
    """The page with all its generated parts made anew.

    Raises:
        PageError: a part of it has no table, or a table no part.
    """
    places = [found["name"] for found in _PART.finditer(page)]
    if sorted(places) != sorted(tables):
        raise PageError(f"the page has places for {sorted(places)}, and there are tables for {sorted(tables)}")
    return _PART.sub(lambda found: f"{found[1]}\n{_titled(tables[found['name']])}\n{found[3]}", page)


def _titled(part: Table) -> str:
    return f"**{part.title}**\n\n{table(part)}"

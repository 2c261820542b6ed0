"""`explain`: an entry of docs/runbook.md, which is the one place where they are written."""

import difflib
import itertools
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated

import typer
from markdown_it import MarkdownIt
from rich.markdown import Markdown

from cli import display

_PLACES = (Path(__file__).parent / "runbook.md", Path(__file__).parent.parent / "docs" / "runbook.md")
"""In an installed package, and in the project's folder."""

_PART = re.compile(r"^\*\*(Meaning|Looks like|Do|Mended when):\*\*", re.MULTILINE)

Entry = Annotated[
    str | None,
    typer.Argument(
        metavar="ERROR_TYPE",
        help="An error type, a kind of hazard or finding, or a phase such as stalled. Without it: all of them.",
        show_default=False,
    ),
]


def explain(error_type: Entry = None) -> None:
    """Say what an error type, a hazard, a finding or a phase means, and what to do: its entry of the runbook."""
    entries = entries_of(runbook())
    if error_type is None:
        for name, text in entries.items():
            display.console().print(f"{name:<24} {meaning_of(text)}", markup=False)
        return
    by_key = {_key(name): name for name in entries}
    wanted = _key(error_type)
    if wanted not in by_key:
        meant = [by_key[key] for key in _near(wanted, by_key)]
        hint = f"Did you mean {', '.join(meant)}?" if meant else "`sovereign-dns explain` lists all entries."
        raise typer.BadParameter(f"the runbook has no entry {error_type}. {hint}")
    entry = entries[by_key[wanted]]
    terminal = display.console()
    if terminal.is_terminal:
        terminal.print(Markdown(_without_links(entry)))
    else:
        print(entry)


def _key(name: str) -> str:
    """Whatever is copied from a screen: other case, and the message after the type."""
    return re.sub(r"[^a-z0-9]", "", name.partition(":")[0].casefold())


def _near(wanted: str, keys: Iterable[str]) -> list[str]:
    keys = list(keys)
    alike = difflib.get_close_matches(wanted, keys, n=3)
    return [key for key in keys if key in alike or (wanted and (wanted in key or key in wanted))]


def runbook() -> str:
    """The whole page, as Markdown."""
    return next(place for place in _PLACES if place.is_file()).read_text(encoding="utf-8")


def entries_of(page: str) -> dict[str, str]:
    """The page's entries by their names, in its order: what stands below a third heading and says what it means."""
    return {name: text for name, text in _sections(page).items() if "Meaning" in parts_of(text)}


def parts_of(entry: str) -> Mapping[str, str]:
    """An entry's parts by their names."""
    _, *split = _PART.split(entry)
    return {name: text.strip() for name, text in zip(split[::2], split[1::2], strict=True)}


def meaning_of(entry: str) -> str:
    """The first sentence of what it means."""
    return re.split(r"(?<=\.) ", " ".join(parts_of(entry)["Meaning"].split()))[0]


def _sections(page: str) -> dict[str, str]:
    lines, tokens = page.splitlines(), MarkdownIt().parse(page)
    headings = [
        (token.tag, token.map[0], following.content)
        for token, following in itertools.pairwise(tokens)
        if token.type == "heading_open" and token.map
    ]
    ends = [start for _, start, _ in headings[1:]] + [len(lines)]
    return {
        title: "\n".join(lines[start:end]).strip()
        for (tag, start, title), end in zip(headings, ends, strict=True)
        if tag == "h3"
    }


def _without_links(entry: str) -> str:
    """A terminal can't follow a link within the page."""
    return re.sub(r"\[([^\]]+)\]\(#[^)]+\)", r"\1", entry)

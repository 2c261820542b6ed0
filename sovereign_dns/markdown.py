"""Text as the Web UI's Markdown shows it unchanged. Pure."""

import re

# A wildcard's star would start an emphasis; and the Web UI turns straight quotes into curly ones, `--`, as in an
# internationalised name, into a dash, and 1/2 into a fraction.
_CHANGED_BY_MARKDOWN = re.compile(
    r"""
      (?P<link> https?://[^\s<>"`]+ )
    | (?P<json> "[^"`]*" (?: [\]}:,\s\[{]+ "[^"`]*" )* [\]}]* )
    | (?P<typography> -(?=-) | (?<=\d)/(?=\d) )
    | (?P<markup> [\\`*_\[\]<>#] )
    """,
    re.VERBOSE,
)


def plain(text: str) -> str:
    """Text that Markdown shows as it is, so that names and JSON can be copied from the page."""
    return _CHANGED_BY_MARKDOWN.sub(_kept, text)


def _kept(found: re.Match[str]) -> str:
    match found.lastgroup:
        case "json":
            return f"`{found[0]}`"
        case "typography":
            return f"&#{ord(found[0])};"
        case "markup":
            return f"\\{found[0]}"
        case _:
            return found[0]


def code(text: str) -> str:
    """Text as code, whatever it holds: between as many backticks as it has none of in a row (CommonMark §6.1)."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence, room = "`" * (longest + 1), " " if longest else ""
    return f"{fence}{room}{text}{room}{fence}"

"""Text of others, without what of a secret it repeats. Pure."""

import html
import json
import urllib.parse

REDACTED = "[redacted]"

SHORTEST_TOLD_APART = 6
"""Characters. What shares fewer of them with a secret in a row says nothing of it."""

_AS_GO_WRITES_JSON = str.maketrans({sign: f"\\u{ord(sign):04x}" for sign in "&<>"})


def without_secret(text: str, secret: str) -> str:
    """The text, with every stretch blacked out that stands in the secret too, however either is broken or cut off.

    A body may repeat a token whole or in part, escaped as JSON, in HTML or in a URL, or with another line break.
    """
    length = min(SHORTEST_TOLD_APART, len(secret))
    if not length:
        return text
    known = {
        spelled[at : at + length] for spelled in _spellings(secret.lower()) for at in range(len(spelled) - length + 1)
    }
    told = "".join(character.lower()[:1] for character in text)  # as long as the text: one letter may become two
    covered = [False] * len(text)
    for at in range(len(told) - length + 1):
        if told[at : at + length] in known:
            covered[at : at + length] = [True] * length
    return _blacked_out(text, covered)


def _spellings(secret: str) -> set[str]:
    return {
        secret,
        " ".join(secret.split()),
        json.dumps(secret)[1:-1],
        json.dumps(secret)[1:-1].translate(_AS_GO_WRITES_JSON),
        html.escape(secret),
        urllib.parse.quote(secret, safe="").lower(),
        urllib.parse.quote_plus(secret).lower(),
    }


def _blacked_out(text: str, covered: list[bool]) -> str:
    shown: list[str] = []
    for character, hidden in zip(text, covered, strict=True):
        if not hidden:
            shown.append(character)
        elif not shown or shown[-1] != REDACTED:
            shown.append(REDACTED)
    return "".join(shown)

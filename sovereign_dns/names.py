"""Domain names: their normal form, who lies below whom, and the host of a Sovereign under a parent domain.

Everywhere below this module a name is lower case, in A-labels and without its trailing dot;
only what is sent to PowerDNS or asked in DNS carries the dot (`absolute`).
"""

import re
from collections.abc import Collection

import idna

MAX_NAME_OCTETS = 253
"""RFC 1035 §2.3.4 allows 255 octets on the wire, which are 253 characters in text without the root's dot."""

MAX_LABEL_OCTETS = 63
"""RFC 1035 §2.3.4."""

_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_FULL_STOPS = ".\u3002\uff0e\uff61"
"""What counts as a dot in an internationalised name (RFC 3490 §3.1)."""

_LONGEST_SENSIBLE_INPUT = 4 * MAX_NAME_OCTETS


def normalise_fqdn(text: str) -> str:
    """Returns the one valid form of a fully qualified host name: lower case, A-labels, no trailing dot.

    Raises:
        ValueError: says what is wrong (RFC 1035 §2.3.4 for lengths, RFC 1123 §2.1 for characters).
    """
    labels = _normal_labels(re.sub(rf"[{_FULL_STOPS}]\Z", "", text), shown=text)
    if len(labels) < 2:
        raise ValueError(
            f"{_quoted(text)} is not fully qualified: it needs at least two labels, such as t110.omani.works"
        )
    if labels[-1].isdigit():
        raise ValueError(f"{_quoted(text)} looks like an IP address, where a domain name is expected")
    return ".".join(labels)


def normalise_relative(text: str) -> str:
    """Returns the one valid form of a name relative to a host, such as `console` or `a.b`.

    Raises:
        ValueError: the text is no relative host name; the host's own apex is always served and is not listed.
    """
    if text.endswith("."):
        raise ValueError(f"{_quoted(text)} is absolute: subdomains are relative to the host, without a trailing dot")
    return ".".join(_normal_labels(text, shown=text))


def _normal_labels(text: str, *, shown: str) -> list[str]:
    if not text:
        raise ValueError("is empty, where a domain name is expected")
    if len(text) > _LONGEST_SENSIBLE_INPUT:
        raise ValueError(f"{_quoted(shown)} has {len(text)} characters; a name has at most {MAX_NAME_OCTETS}")
    if re.search(r"[\s/:@\\]", text):
        raise ValueError(f"{_quoted(shown)} is not a domain name: it holds a space, '/', ':', '@' or '\\'")
    if "*" in text:
        raise ValueError(f"{_quoted(shown)} holds a wildcard; name the host itself")
    labels = [_normal_label(label, shown=shown) for label in _dotted(text).split(".")]
    name = ".".join(labels)
    if len(name) > MAX_NAME_OCTETS:
        raise ValueError(f"{_quoted(shown)} has {len(name)} octets; a name has at most {MAX_NAME_OCTETS} (RFC 1035)")
    return labels


def _dotted(text: str) -> str:
    """Lower case, with the full stops of other scripts turned to dots (UTS #46)."""
    if text.isascii():
        return text.lower()
    try:
        return idna.uts46_remap(text, std3_rules=False)
    except idna.IDNAError as error:
        raise ValueError(f"{_quoted(text)} is not a valid internationalised name: {error}") from error


def _normal_label(label: str, *, shown: str) -> str:
    if not label:
        raise ValueError(f"{_quoted(shown)} has an empty label (two dots in a row, or a leading dot)")
    try:
        # An A-label is checked too: "xn--" followed by what no registry could have made is no name.
        a_label = label if label.isascii() and not label.startswith("xn--") else idna.alabel(label).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError(f"{_quoted(shown)} has a label that is not valid in IDNA: {error}") from error
    if len(a_label) > MAX_LABEL_OCTETS:
        raise ValueError(
            f"{_quoted(shown)} has a label of {len(a_label)} octets; a label has at most {MAX_LABEL_OCTETS}"
        )
    if not _HOST_LABEL.fullmatch(a_label):
        raise ValueError(
            f"{_quoted(shown)} has the label {a_label!r}; a label is letters, digits and inner hyphens (RFC 1123)"
        )
    return a_label


def _quoted(text: str) -> str:
    """The text as an error shows it: escaped, and cut where it is absurdly long."""
    return repr(text if len(text) <= 80 else text[:77] + "...")


def absolute(name: str) -> str:
    """The name with its trailing dot, as PowerDNS and DNS want it."""
    return f"{name}."


def relative_to_root(name: str) -> str:
    """The name without its trailing dot: the inverse of `absolute`."""
    return name.removesuffix(".")


def is_at_or_below(name: str, ancestor: str) -> bool:
    """Whether `name` is `ancestor` or lies below it, by whole labels (RFC 8499, "subdomain")."""
    return name == ancestor or name.endswith(f".{ancestor}")


def parent_of(name: str) -> str | None:
    """The name less its first label, or None for a single label."""
    return name.partition(".")[2] or None


def lineage(name: str, top: str | None = None) -> list[str]:
    """The name and its ancestors, nearest first, as far as `top` (included) or the last label."""
    names: list[str] = []
    current: str | None = name
    while current is not None:
        names.append(current)
        current = None if current == top else parent_of(current)
    return names


def host_under(sovereign_fqdn: str, parent_domain: str) -> str:
    """The host by which a Sovereign is served under a parent domain.

    The FQDN itself where it is the parent domain or lies below it, else its first label under that domain:
    `t111.omani.works` is served at `t111.omani.homes` too.
    """
    if is_at_or_below(sovereign_fqdn, parent_domain):
        return sovereign_fqdn
    return f"{sovereign_fqdn.partition('.')[0]}.{parent_domain}"


def longest_hosted_suffix(name: str, hosted_zones: Collection[str]) -> str | None:
    """The zone that really answers for a name: of those hosted, the one nearest to it (RFC 1034 §4.3.2, step 2)."""
    return next((ancestor for ancestor in lineage(name) if ancestor in hosted_zones), None)

"""Resource record sets as PowerDNS' API holds them, and what our comment on each says: whose, and what was written."""

import hashlib
import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from pydantic import Field

from sovereign_dns import names
from sovereign_dns.contract import Comment, Owner
from sovereign_dns.wire import Message

ADDRESS_TYPES = frozenset({"A", "AAAA", "CNAME", "ALIAS", "LUA"})
"""The types that decide which address a name resolves to: those of one name are planned together."""

COMMENT_ACCOUNT = "sovereign-dns"

_OWNER_COMMENT = re.compile(
    r"sovereign=(?P<fqdn>\S+) deployment=(?P<deployment>\S+)(?: written=(?P<written>[0-9a-f]{16}))?(?: \S+=\S+)*"
)
"""What later versions add is passed over; comments from before there were digests have none."""


class Record(Message):
    """One record's content; a disabled one is kept by PowerDNS and never served."""

    content: str
    disabled: bool = False


class RRset(Message):
    """All records of one name and type. The name is without its trailing dot, the TTL in seconds."""

    name: str
    type: str
    ttl: int
    records: list[Record]
    comments: list[Comment] = []

    @property
    def served(self) -> list[str]:
        """The contents that DNS answers."""
        return [record.content for record in self.records if not record.disabled]

    @property
    def disabled(self) -> list[str]:
        """The contents that are kept and not served."""
        return [record.content for record in self.records if record.disabled]

    @property
    def owner(self) -> Owner | None:
        """The Sovereign that wrote it, as its comment says."""
        return next(filter(None, map(_owner_in, self.comments)), None)

    @property
    def told_digest(self) -> str | None:
        """The digest of what we wrote, as our comment says; None where it has none."""
        told = next(filter(None, map(_owner_comment_in, self.comments)), None)
        return None if told is None else told["written"]

    @property
    def is_as_written(self) -> bool | None:
        """Whether it still is what we wrote, as our comment's digest says; None where the comment has none."""
        if self.told_digest is None:
            return None
        return not self.disabled and self.told_digest == written_digest(self.type, self.ttl, self.served)

    @property
    def foreign_comments(self) -> list[Comment]:
        """What others noted on it, to be kept."""
        return [comment for comment in self.comments if _owner_in(comment) is None]

    def holds_exactly(self, values: list[str], disabled: Sequence[str] = ()) -> bool:
        """Whether it serves these contents and no others, and what it holds disabled is just this."""
        return self._same(self.served, values) and self._same(self.disabled, disabled)

    def _same(self, held: Sequence[str], values: Sequence[str]) -> bool:
        mine = {canonical_content(self.type, content) for content in held}
        return mine == {canonical_content(self.type, value) for value in values}


def _owner_comment_in(comment: Comment) -> re.Match[str] | None:
    return _OWNER_COMMENT.fullmatch(comment.content) if comment.account == COMMENT_ACCOUNT else None


def _owner_in(comment: Comment) -> Owner | None:
    matched = _owner_comment_in(comment)
    if matched is None:
        return None
    return Owner(sovereign_fqdn=matched["fqdn"], deployment_id=matched["deployment"])


def says_what_was_written(comment: Comment) -> bool:
    """Whether it is an owner's comment with a digest, which nobody but us would write: whatever its account may be."""
    matched = _OWNER_COMMENT.fullmatch(comment.content)
    return matched is not None and matched["written"] is not None


def is_a_note(comment: Comment) -> bool:
    """Whether it has not the form of an owner's comment, and so says nothing of whose the rrset is."""
    return _OWNER_COMMENT.fullmatch(comment.content) is None


def owner_comment(owner: Owner, digest: str | None = None) -> Comment:
    """The comment that says whose an rrset is; `RRsetWrite` adds the digest of what is written."""
    written = f" written={digest}" if digest else ""
    return Comment(
        content=f"sovereign={owner.sovereign_fqdn} deployment={owner.deployment_id}{written}", account=COMMENT_ACCOUNT
    )


def owners_pattern(sovereign_fqdn: str) -> str:
    """What PowerDNS' search finds every comment by that names a Sovereign as the owner, of whatever deployment.

    `?` stands for the space: PowerDNS does not read the `+` by which a space is sent in a URL.
    """
    return f"sovereign={sovereign_fqdn}?deployment=*"


@lru_cache(maxsize=4096)  # a proof asks for the same few values a thousand times
def canonical_content(rrtype: str, content: str) -> str:
    """One spelling for equal contents: addresses by value, names in lower case."""
    if rrtype in {"A", "AAAA"}:
        try:
            return str(ipaddress.ip_address(content))
        except ValueError:
            return content
    return content.lower() if rrtype in {"NS", "DS", "CNAME", "ALIAS"} else content


def written_digest(rrtype: str, ttl: int, values: Iterable[str]) -> str:
    """What an rrset is, in 16 characters: by it somebody else's later change is noticed."""
    told = [rrtype, str(ttl), *sorted({canonical_content(rrtype, value) for value in values})]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:16]


class RRsetWrite(Message):
    """One entry of a PATCH: the whole rrset as it shall be, or, without records, its deletion.

    `disabled` are contents that are kept, and not served. What `was_there` before keeps its owner's comment as it is:
    where somebody had changed it since it was written, the digest in it goes on telling so.
    """

    name: str
    type: str
    ttl: int = 0
    values: list[str] = Field(default_factory=list)
    disabled: list[str] = Field(default_factory=list)
    comments: list[Comment] = Field(default_factory=list)
    was_there: bool = False

    def as_powerdns(self) -> dict[str, object]:
        """The JSON of PowerDNS' API. An empty REPLACE would delete, so a deletion is always said by name."""
        named: dict[str, object] = {"name": names.absolute(self.name), "type": self.type}
        if not self.values and not self.disabled:
            return named | {"changetype": "DELETE"}
        return named | {
            "changetype": "REPLACE",
            "ttl": self.ttl,
            "records": [
                *({"content": value, "disabled": False} for value in self.values),
                *({"content": value, "disabled": True} for value in self.disabled),
            ],
            "comments": [
                {"content": self._told(comment), "account": comment.account}
                | ({"modified_at": comment.modified_at} if comment.modified_at else {})
                for comment in self.comments
            ],
        }

    def _told(self, comment: Comment) -> str:
        owner = _owner_in(comment)
        if owner is None or self.was_there:
            return comment.content
        return owner_comment(owner, written_digest(self.type, self.ttl, self.values)).content

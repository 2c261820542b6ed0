"""What was seen of a delegation, at the servers of the zone above and at its own, and faults found in it. Pure."""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal, NamedTuple

from sovereign_dns.contract import Outcome
from sovereign_dns.wire import Message

ParentPosition = Literal[
    "delegates",  # a referral to the zone's name servers
    "hosts-zone",  # it serves the zone too, and so answers for it instead of referring to it
    "no-data",  # the name exists in the parent, and isn't delegated
    "nxdomain",
    "alias",
    "lame",  # it doesn't serve the parent zone
    "refuses",
    "silent",
    "nowhere",  # it has no address
]

ChildPosition = Literal["answers", "lame", "refuses", "silent", "nowhere"]


class ChainAbove(Message):
    """Whether the chain of trust reaches from its anchor down to the parent zone; `reason` says why it doesn't."""

    state: Literal["secure", "insecure", "broken"]
    reason: str = ""


class ParentSaid(Message):
    """What one server of the parent zone says of the delegation.

    `reason` says more of a position that is no answer. `ds_silence` is why it is not known whether there is a DS,
    `ds_problem` why what it says of the DS can't be trusted, `ds_unsupported` is set where no DS has an algorithm that
    is known here. `delegation_denied` is set where its answer about the DS shows that nothing is delegated at the name.
    `ttl` is how many seconds a resolver may keep what it says of the NS.
    """

    server: str
    position: ParentPosition
    reason: str = ""
    nameservers: list[str] = []
    glue: dict[str, list[str]] = {}
    ds: list[str] = []
    ds_silence: str | None = None
    ds_problem: str | None = None
    ds_unsupported: bool = False
    delegation_denied: bool = False
    ttl: int | None = None
    latency_ms: float | None = None
    asked_at: datetime | None = None


class SignatureFault(Message):
    """An rrset at the zone's apex that doesn't validate, and why."""

    type: str
    problem: str


class ChildSaid(Message):
    """What one address of one of the zone's name servers says of the zone.

    `key_ds` are the DS records that its keys could have in the parent, `advised_ds` the best of them; `addresses` is
    what it says of name servers that lie within the zone.
    """

    server: str
    name_server: str
    position: ChildPosition
    reason: str = ""
    nameservers: list[str] = []
    key_ds: list[str] = []
    advised_ds: str = ""
    signature_faults: list[SignatureFault] = []
    addresses: dict[str, list[str]] = {}
    latency_ms: float | None = None
    asked_at: datetime | None = None


class Delegation(Message):
    """All that was seen of one zone's delegation. Names are lower case, without their trailing dots."""

    zone: str
    parent: str
    expected: list[str]
    above: ChainAbove
    parents: list[ParentSaid] = []
    children: list[ChildSaid] = []

    @property
    def above_shown(self) -> str:
        """The zone above, as a sentence names it."""
        return self.parent or "the root"

    @property
    def answering(self) -> list[ChildSaid]:
        """The zone's servers that answer for it."""
        return [child for child in self.children if child.position == "answers"]


class Finding(NamedTuple):
    """One fault of one server, told of the rrset of that type."""

    state: Outcome
    type: str
    detail: str


def listed(values: Iterable[str]) -> str:
    """Names or addresses as a sentence names them."""
    return ", ".join(sorted(values))


def tags(ds_records: Iterable[str]) -> str:
    """The key tags of DS records, as a sentence names them."""
    found = {ds.partition(" ")[0] for ds in ds_records}
    return ", ".join(sorted(found, key=lambda tag: (len(tag), tag)))

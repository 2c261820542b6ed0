"""A zone in memory that takes a PATCH as PowerDNS does (`facts.md`): atomically, in its order, and as literally."""

from collections.abc import Iterable, Sequence
from typing import Any, Self

from sovereign_dns.contract import Comment
from sovereign_dns.rrsets import Record, RRset, RRsetWrite

Key = tuple[str, str]


class PatchRefusedError(Exception):
    """What PowerDNS answers 422 to; nothing was applied."""


class ZoneModel:
    """All rrsets of one zone by name and type."""

    def __init__(self, rrsets: Iterable[RRset]) -> None:
        self.rrsets: dict[Key, RRset] = {(rrset.name, rrset.type): rrset for rrset in rrsets}

    def content(self) -> list[RRset]:
        return list(self.rrsets.values())

    def apply(self, writes: Sequence[RRsetWrite]) -> Self:
        """The zone after the PATCH."""
        entries = [write.as_powerdns() for write in writes]
        if len({(entry["name"], entry["type"]) for entry in entries}) < len(entries):
            raise PatchRefusedError("Duplicate RRset")
        after = dict(self.rrsets)
        for entry in entries:
            _apply_one(after, entry)
            _refuse_conflicts(after)
        return type(self)(after.values())


def _apply_one(rrsets: dict[Key, RRset], entry: dict[str, Any]) -> None:
    name = str(entry["name"])
    if not name.endswith("."):
        raise PatchRefusedError(f"{name} is not canonical")
    key = (name.removesuffix("."), str(entry["type"]))
    if entry["changetype"] == "DELETE":
        rrsets.pop(key, None)
        return
    # PowerDNS would accept it, and delete: nobody may rely on that.
    assert entry["records"], f"an empty REPLACE of {key}"
    rrsets[key] = RRset(
        name=key[0],
        type=key[1],
        ttl=entry["ttl"],
        records=[Record(**record) for record in entry["records"]],
        comments=[Comment(**comment) for comment in entry["comments"]],
    )


def _refuse_conflicts(rrsets: dict[Key, RRset]) -> None:
    for name, rrtype in rrsets:
        if rrtype == "CNAME" and any(other == name and kind != "CNAME" for other, kind in rrsets):
            raise PatchRefusedError(f"{name} IN CNAME: Conflicts with pre-existing RRset")

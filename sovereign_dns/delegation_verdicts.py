"""What the parent's servers say of a zone's delegation, held against the zone's own servers and what is expected. Pure.

A fault is told where it is mended: what the parent holds (NS, glue, DS) at each of the parent's servers, what the zone
itself serves (lameness, expired signatures) at each of the zone's.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from sovereign_dns import names
from sovereign_dns.contract import AnswerEvidence, Outcome, ServerVerdict
from sovereign_dns.verification import WORST_FIRST, worst
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


class _Finding(NamedTuple):
    state: Outcome
    type: str
    detail: str


def verdicts(seen: Delegation) -> list[ServerVerdict]:
    """One verdict for each server of the parent, and one for each of the zone's servers that is at fault."""
    parents = [_parent_verdict(seen, parent) for parent in seen.parents] or [_nobody_above(seen)]
    children = [
        _child_verdict(seen, child, findings)
        for child in seen.children
        if (findings := list(_child_findings(seen, child)))
    ]
    return [*parents, *children]


def _parent_verdict(seen: Delegation, parent: ParentSaid) -> ServerVerdict:
    findings = list(_parent_findings(seen, parent))
    if not findings:
        return _verdict(parent, "parent", "converged", _well(seen, parent), _parent_evidence(seen, parent, []))
    first = _first(findings)
    return _verdict(parent, "parent", first.state, first.detail, _parent_evidence(seen, parent, findings))


def _child_verdict(seen: Delegation, child: ChildSaid, findings: Sequence[_Finding]) -> ServerVerdict:
    first = _first(findings)
    evidence = [
        AnswerEvidence(
            name=names.absolute(seen.zone),
            type=finding.type,
            state=finding.state,
            values=child.nameservers if finding.type == "NS" else [],
            detail=finding.detail,
            latency_ms=child.latency_ms,
            asked_at=child.asked_at,
        )
        for finding in findings
    ]
    return _verdict(child, "authoritative", first.state, first.detail, evidence)


def _verdict(
    said: ParentSaid | ChildSaid,
    kind: Literal["parent", "authoritative"],
    state: Outcome,
    detail: str,
    answers: list[AnswerEvidence],
) -> ServerVerdict:
    return ServerVerdict(server=said.server, kind=kind, state=state, detail=detail, answers=answers)


def _first(findings: Sequence[_Finding]) -> _Finding:
    return min(findings, key=lambda finding: WORST_FIRST.index(finding.state))


def _parent_evidence(seen: Delegation, parent: ParentSaid, findings: Sequence[_Finding]) -> list[AnswerEvidence]:
    """The NS and the DS rrset, each with the worst that was found of it."""
    evidence = []
    for rrtype, values in (("NS", parent.nameservers), ("DS", parent.ds)):
        of_this = [finding for finding in findings if finding.type == rrtype]
        evidence.append(
            AnswerEvidence(
                name=names.absolute(seen.zone),
                type=rrtype,
                state=worst(finding.state for finding in of_this) if of_this else "converged",
                values=values,
                detail=_first(of_this).detail if of_this else None,
                latency_ms=parent.latency_ms,
                asked_at=parent.asked_at,
            )
        )
    return evidence


def _nobody_above(seen: Delegation) -> ServerVerdict:
    return ServerVerdict(
        server=f"name servers of {_shown(seen.parent)}",
        kind="parent",
        state="unreachable",
        detail=f"no server of {_shown(seen.parent)}, the zone above {seen.zone}, is known, so that nobody can follow "
        f"the delegation: mend the delegation of {_shown(seen.parent)} first",
    )


# --- what the parent holds -------------------------------------------------------------------------------------------


def _parent_findings(seen: Delegation, parent: ParentSaid) -> Iterable[_Finding]:
    if (useless := _no_answer_above(seen, parent)) is not None:
        return [useless]
    return [
        *_chain_findings(seen, parent),
        *_cut_findings(seen, parent),
        *_glue_findings(seen, parent),
        *_ds_findings(seen, parent),
    ]


def _no_answer_above(seen: Delegation, parent: ParentSaid) -> _Finding | None:
    above, zone = _shown(seen.parent), seen.zone
    match parent.position:
        case "silent":
            return _Finding(
                "unreachable",
                "NS",
                f"{parent.server}, a server of {above}, gives no answer about {zone} ({parent.reason}): resolvers that "
                f"pick it have to wait; start it, open port 53 for UDP and TCP, or take it out of {above}'s delegation",
            )
        case "nowhere":
            return _Finding(
                "unreachable",
                "NS",
                f"{above}, the zone above {zone}, is delegated to {parent.server}, whose address can't be found "
                f"({parent.reason}): give it one, or take it out of {above}'s delegation",
            )
        case "refuses":
            return _Finding(
                "refused",
                "NS",
                f"{parent.server}, a server of {above}, declines to answer about {zone} ({parent.reason}): it doesn't "
                f"serve {above}, or can't read it; load the zone there, or take it out of {above}'s delegation",
            )
        case "lame" if not seen.parent:
            return _Finding(
                "refused",
                "NS",
                f"{parent.server}, a server of the root, {parent.reason} when asked about {zone}: something on the way "
                "answers in its place, as in networks that intercept port 53; check from a network that doesn't",
            )
        case "lame":
            return _Finding(
                "refused",
                "NS",
                f"{parent.server} is lame: {above} is delegated to it, and about {zone} it {parent.reason}; load "
                f"{above} there, or take it out of {above}'s delegation",
            )
        case _:
            return None


def _chain_findings(seen: Delegation, parent: ParentSaid) -> Iterable[_Finding]:
    above, zone = _shown(seen.parent), seen.zone
    if seen.above.state == "broken":
        yield _Finding(
            "bogus",
            "DS",
            f"the chain of trust breaks above {zone}: {seen.above.reason}; validating resolvers answer SERVFAIL for "
            f"everything below, so mend that zone's keys, signatures or DS first",
        )
    elif parent.ds_problem is not None:
        yield _Finding(
            "bogus",
            "DS",
            f"what {parent.server} says of {zone}'s DS doesn't validate: it {parent.ds_problem}; validating resolvers "
            f"answer SERVFAIL, so sign {above} anew (or rectify it) and bring all its servers up to date",
        )


def _cut_findings(seen: Delegation, parent: ParentSaid) -> Iterable[_Finding]:
    if _is_undelegated(parent):
        yield _no_delegation(seen, parent)
        return
    wanted, there = set(seen.expected), set(parent.nameservers)
    if parent.position == "delegates" and not there & wanted:
        yield _Finding(
            "misdirected",
            "NS",
            f"{parent.server} delegates {seen.zone} to {_listed(there)}, none of which is expected "
            f"({_listed(wanted)}): somebody else's servers answer for it; {_set_ns(seen)}",
        )
        return
    disagreeing = next((child for child in _answering(seen) if set(child.nameservers) != there), None)
    if disagreeing is not None:
        yield _disagreement(seen, parent, disagreeing)
    elif there != wanted:
        yield _Finding(
            "missing",
            "NS",
            f"{parent.server} above {seen.zone}, and the zone itself, have another NS set than expected: "
            f"{_differences(wanted, there)}; set both NS sets to {_listed(wanted)}",
        )


def _is_undelegated(parent: ParentSaid) -> bool:
    return parent.position in {"no-data", "nxdomain", "alias"} or (
        parent.position == "hosts-zone" and parent.delegation_denied
    )


def _no_delegation(seen: Delegation, parent: ParentSaid) -> _Finding:
    lost = "so that resolvers never get to the zone's own servers"
    match parent.position:
        case "no-data":
            says = f"{parent.server} knows the name {seen.zone} and has no NS records for it, {lost}"
        case "nxdomain":
            says = f"{parent.server} says that {seen.zone} doesn't exist (NXDOMAIN), {lost}"
        case "alias":
            says = f"{parent.server} says that {seen.zone} is an alias ({parent.reason}), {lost}"
        case _:
            says = (
                f"{parent.server} serves {seen.zone} itself, and {_shown(seen.parent)} above it has no NS records for "
                "it, so that resolvers find it by chance only, and take it for forged where the zone above is signed"
            )
    return _Finding("missing", "NS", f"no delegation: {says}; {_set_ns(seen)}")


def _disagreement(seen: Delegation, parent: ParentSaid, child: ChildSaid) -> _Finding:
    """A resolver that has learned the zone's own NS set prefers it to the parent's (RFC 2181 §5.4.1)."""
    return _Finding(
        "missing",
        "NS",
        f"parent and child disagree about {seen.zone}'s name servers: {parent.server} above says "
        f"{_listed(parent.nameservers)}, {child.server} below says {_listed(child.nameservers)}, where "
        f"{_listed(seen.expected)} is expected; resolvers use now these, now those, so set both NS sets to the "
        "expected one",
    )


def _glue_findings(seen: Delegation, parent: ParentSaid) -> Iterable[_Finding]:
    """Without the addresses of name servers within the zone no one can ask them for these addresses (RFC 9471)."""
    if parent.position != "delegates":
        return
    for host in sorted(parent.nameservers):
        if not names.is_at_or_below(host, seen.zone):
            continue
        glue = set(parent.glue.get(host, []))
        if not glue:
            yield _Finding(
                "missing",
                "NS",
                f"missing glue: {parent.server} delegates {seen.zone} to {host}, which lies within the zone, without "
                f"its address, so that no resolver can reach it; add A (and AAAA) records for {host} to "
                f"{_shown(seen.parent)}, or at the registrar",
            )
            continue
        own = next((set(child.addresses[host]) for child in _answering(seen) if host in child.addresses), glue)
        if own != glue:
            yield _Finding(
                "missing",
                "NS",
                f"the glue of {host} differs: {parent.server} above says {_listed(glue)}, the zone itself says "
                f"{_listed(own) or 'nothing'}; set both to the address at which the server listens",
            )


def _ds_findings(seen: Delegation, parent: ParentSaid) -> Iterable[_Finding]:
    if seen.above.state != "secure" or parent.ds_problem is not None or parent.ds_unsupported:
        return
    if _is_undelegated(parent):
        return
    above, zone = _shown(seen.parent), seen.zone
    if parent.ds_silence is not None:
        yield _Finding(
            "refused",
            "DS",
            f"{parent.server} doesn't say whether {zone} has a DS ({parent.ds_silence}): validating resolvers fail "
            f"without that; let it answer questions for DS, or bring another server for {above}",
        )
        return
    served = _answering(seen)
    keys = {ds for child in served for ds in child.key_ds}
    if not parent.ds:
        if keys:
            yield _Finding(
                "missing",
                "DS",
                f"{zone} is signed, and {parent.server} has no DS for it, so that nothing vouches for its keys and it "
                f"counts as unsigned; put the DS {_advised(seen)} into {above}, or hand it to the registrar",
            )
    elif served and not keys:
        yield _Finding(
            "bogus",
            "DS",
            f"{zone} is unsigned though {parent.server} has a DS (key tag {_tags(parent.ds)}) that says it is signed: "
            f"validating resolvers answer SERVFAIL; remove the DS from {above}, or sign {zone} with that key",
        )
    elif served and not keys & set(parent.ds):
        yield _Finding(
            "bogus",
            "DS",
            f"DS without key: the DS of {zone} at {parent.server} (key tag {_tags(parent.ds)}) matches none of the "
            f"zone's keys (key tag {_tags(keys)}), as after a key was deleted: validating resolvers answer SERVFAIL; "
            f"replace it in {above} by {_advised(seen)}",
        )


def _well(seen: Delegation, parent: ParentSaid) -> str:
    delegates = "serves the zone too, with" if parent.position == "hosts-zone" else "delegates to"
    said = f"{delegates} {_listed(parent.nameservers)}, as expected"
    if seen.above.state == "insecure":
        return f"{said}; no chain of trust reaches here: {seen.above.reason}"
    if not parent.ds:
        return f"{said}; unsigned, as the parent proves"
    if parent.ds_unsupported:
        return f"{said}; its DS has an algorithm that is not known here, and was not checked"
    keys = {ds for child in _answering(seen) for ds in child.key_ds}
    leftover = _tags(set(parent.ds) - keys)
    also = f" (the DS of key tag {leftover} matches no key and may be removed)" if keys and leftover else ""
    return f"{said}; signed, and its DS is vouched for from the trust anchor down{also}"


# --- what the zone's own servers say ---------------------------------------------------------------------------------


def _child_findings(seen: Delegation, child: ChildSaid) -> Iterable[_Finding]:
    if child.position != "answers":
        yield from _no_answer_below(seen, child)
        return
    if not _is_vouched_for(seen):
        return
    ds = {item for parent in seen.parents for item in parent.ds}
    others = {item for other in _answering(seen) for item in other.key_ds}
    if not ds & set(child.key_ds):
        if ds & others:  # otherwise the parent's DS is at fault
            yield _Finding(
                "bogus",
                "DNSKEY",
                f"{child.server} serves {seen.zone} without the key that the DS in {_shown(seen.parent)} names (key "
                f"tag {_tags(ds & others)}), and other servers serve it: this copy is stale or unsigned; transfer the "
                "zone to it anew",
            )
        return
    for fault in child.signature_faults:
        yield _Finding(
            "bogus",
            fault.type,
            f"the {fault.type} rrset of {seen.zone} at {child.server} {fault.problem}: validating resolvers answer "
            "SERVFAIL; sign the zone anew and bring all its servers up to date",
        )


def _no_answer_below(seen: Delegation, child: ChildSaid) -> Iterable[_Finding]:
    zone, above = seen.zone, _shown(seen.parent)
    match child.position:
        case "silent":
            yield _Finding(
                "unreachable",
                "NS",
                f"{child.server}, to which {zone} is delegated, gives no answer ({child.reason}): resolvers that pick "
                f"it have to wait; start it, open port 53 for UDP and TCP, or take it out of the NS set",
            )
        case "nowhere" if not _is_told_as_missing_glue(seen, child.name_server):
            yield _Finding(
                "missing",
                "NS",
                f"{zone} is delegated to {child.name_server}, whose address can't be found ({child.reason}): give it "
                f"one, or take it out of the NS sets of {above} and of {zone}; whoever gets hold of that name answers "
                "for the zone",
            )
        case "refuses" | "lame":
            yield _Finding(
                "refused",
                "NS",
                f"{child.server} is lame: {zone} is delegated to it, and it {child.reason}; load the zone there, or "
                f"take it out of the NS sets of {above} and of {zone}",
            )
        case _:
            pass


def _is_told_as_missing_glue(seen: Delegation, host: str) -> bool:
    return names.is_at_or_below(host, seen.zone) and any(
        parent.position == "delegates" and host in parent.nameservers and not parent.glue.get(host)
        for parent in seen.parents
    )


def _is_vouched_for(seen: Delegation) -> bool:
    """Whether a validating resolver would look at the zone's signatures at all."""
    return seen.above.state == "secure" and any(
        parent.ds and parent.ds_problem is None and not parent.ds_unsupported for parent in seen.parents
    )


def _answering(seen: Delegation) -> list[ChildSaid]:
    return [child for child in seen.children if child.position == "answers"]


# --- words -----------------------------------------------------------------------------------------------------------


def _set_ns(seen: Delegation) -> str:
    return (
        f"set the NS records of {seen.zone} in {_shown(seen.parent)} (or at the registrar) to {_listed(seen.expected)}"
    )


def _differences(wanted: set[str], there: set[str]) -> str:
    lacking = f"{_listed(wanted - there)} is lacking" if wanted - there else ""
    surplus = f"{_listed(there - wanted)} is not expected" if there - wanted else ""
    return " and ".join(filter(None, (lacking, surplus)))


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))


def _shown(zone: str) -> str:
    return zone or "the root"


def _tags(ds_records: Iterable[str]) -> str:
    tags = {ds.partition(" ")[0] for ds in ds_records}
    return ", ".join(sorted(tags, key=lambda tag: (len(tag), tag)))


def _advised(seen: Delegation) -> str:
    return next((child.advised_ds for child in _answering(seen) if child.advised_ds), "of a key that signs it")

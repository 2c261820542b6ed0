"""Faults in what the zone above holds of a delegation (NS, glue, DS), told where they are mended. Pure."""

from collections.abc import Iterable, Sequence

from sovereign_dns import names
from sovereign_dns.delegation_seen import ChildSaid, Delegation, Finding, ParentSaid, listed, tags


def parent_findings(seen: Delegation, parent: ParentSaid) -> Sequence[Finding]:
    """What is wrong with what one server of the zone above says."""
    if (useless := _no_answer_above(seen, parent)) is not None:
        return [useless]
    return [
        *_chain_findings(seen, parent),
        *_cut_findings(seen, parent),
        *_glue_findings(seen, parent),
        *_ds_findings(seen, parent),
    ]


def _no_answer_above(seen: Delegation, parent: ParentSaid) -> Finding | None:
    above, zone = seen.above_shown, seen.zone
    match parent.position:
        case "silent":
            return Finding(
                "unreachable",
                "NS",
                f"{parent.server}, a server of {above}, gives no answer about {zone} ({parent.reason}): resolvers that "
                f"pick it have to wait; start it, open port 53 for UDP and TCP, or take it out of {above}'s delegation",
            )
        case "nowhere":
            return Finding(
                "unreachable",
                "NS",
                f"{above}, the zone above {zone}, is delegated to {parent.server}, whose address can't be found "
                f"({parent.reason}): give it one, or take it out of {above}'s delegation",
            )
        case "refuses":
            return Finding(
                "refused",
                "NS",
                f"{parent.server}, a server of {above}, declines to answer about {zone} ({parent.reason}): it doesn't "
                f"serve {above}, or can't read it; load the zone there, or take it out of {above}'s delegation",
            )
        case "lame" if not seen.parent:
            return Finding(
                "refused",
                "NS",
                f"{parent.server}, a server of the root, {parent.reason} when asked about {zone}: something on the way "
                "answers in its place, as in networks that intercept port 53; check from a network that doesn't",
            )
        case "lame":
            return Finding(
                "refused",
                "NS",
                f"{parent.server} is lame: {above} is delegated to it, and about {zone} it {parent.reason}; load "
                f"{above} there, or take it out of {above}'s delegation",
            )
        case _:
            return None


def _chain_findings(seen: Delegation, parent: ParentSaid) -> Iterable[Finding]:
    above, zone = seen.above_shown, seen.zone
    if seen.above.state == "broken":
        yield Finding(
            "bogus",
            "DS",
            f"the chain of trust breaks above {zone}: {seen.above.reason}; validating resolvers answer SERVFAIL for "
            f"everything below, so mend that zone's keys, signatures or DS first",
        )
    elif parent.ds_problem is not None:
        yield Finding(
            "bogus",
            "DS",
            f"what {parent.server} says of {zone}'s DS doesn't validate: it {parent.ds_problem}; validating resolvers "
            f"answer SERVFAIL, so sign {above} anew (or rectify it) and bring all its servers up to date",
        )


def _cut_findings(seen: Delegation, parent: ParentSaid) -> Iterable[Finding]:
    if _is_undelegated(parent):
        yield _no_delegation(seen, parent)
        return
    wanted, there = set(seen.expected), set(parent.nameservers)
    if parent.position == "delegates" and not there & wanted:
        yield Finding(
            "misdirected",
            "NS",
            f"{parent.server} delegates {seen.zone} to {listed(there)}, none of which is expected "
            f"({listed(wanted)}): somebody else's servers answer for it; {_set_ns(seen)}",
        )
        return
    disagreeing = next((child for child in seen.answering if set(child.nameservers) != there), None)
    if disagreeing is not None:
        yield _disagreement(seen, parent, disagreeing)
    elif there != wanted:
        yield Finding(
            "missing",
            "NS",
            f"{parent.server} above {seen.zone}, and the zone itself, have another NS set than expected: "
            f"{_differences(wanted, there)}; set both NS sets to {listed(wanted)}",
        )


def _is_undelegated(parent: ParentSaid) -> bool:
    return parent.position in {"no-data", "nxdomain", "alias"} or (
        parent.position == "hosts-zone" and parent.delegation_denied
    )


def _no_delegation(seen: Delegation, parent: ParentSaid) -> Finding:
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
                f"{parent.server} serves {seen.zone} itself, and {seen.above_shown} above it has no NS records for "
                "it, so that resolvers find it by chance only, and take it for forged where the zone above is signed"
            )
    return Finding("missing", "NS", f"no delegation: {says}; {_set_ns(seen)}")


def _disagreement(seen: Delegation, parent: ParentSaid, child: ChildSaid) -> Finding:
    """A resolver that has learned the zone's own NS set prefers it to the parent's (RFC 2181 §5.4.1)."""
    return Finding(
        "missing",
        "NS",
        f"parent and child disagree about {seen.zone}'s name servers: {parent.server} above says "
        f"{listed(parent.nameservers)}, {child.server} below says {listed(child.nameservers)}, where "
        f"{listed(seen.expected)} is expected; resolvers use now these, now those, so set both NS sets to the "
        "expected one",
    )


def _glue_findings(seen: Delegation, parent: ParentSaid) -> Iterable[Finding]:
    """Without the addresses of name servers within the zone no one can ask them for these addresses (RFC 9471)."""
    if parent.position != "delegates":
        return
    for host in sorted(parent.nameservers):
        if not names.is_at_or_below(host, seen.zone):
            continue
        glue = set(parent.glue.get(host, []))
        if not glue:
            yield Finding(
                "missing",
                "NS",
                f"missing glue: {parent.server} delegates {seen.zone} to {host}, which lies within the zone, without "
                f"its address, so that no resolver can reach it; add A (and AAAA) records for {host} to "
                f"{seen.above_shown}, or at the registrar",
            )
            continue
        own = next((set(child.addresses[host]) for child in seen.answering if host in child.addresses), glue)
        if own != glue:
            yield Finding(
                "missing",
                "NS",
                f"the glue of {host} differs: {parent.server} above says {listed(glue)}, the zone itself says "
                f"{listed(own) or 'nothing'}; set both to the address at which the server listens",
            )


def _ds_findings(seen: Delegation, parent: ParentSaid) -> Iterable[Finding]:
    if seen.above.state != "secure" or parent.ds_problem is not None or parent.ds_unsupported:
        return
    if _is_undelegated(parent):
        return
    above, zone = seen.above_shown, seen.zone
    if parent.ds_silence is not None:
        yield Finding(
            "refused",
            "DS",
            f"{parent.server} doesn't say whether {zone} has a DS ({parent.ds_silence}): validating resolvers fail "
            f"without that; let it answer questions for DS, or bring another server for {above}",
        )
        return
    served = seen.answering
    keys = {ds for child in served for ds in child.key_ds}
    if not parent.ds:
        if keys:
            yield Finding(
                "missing",
                "DS",
                f"{zone} is signed, and {parent.server} has no DS for it, so that nothing vouches for its keys and it "
                f"counts as unsigned; put the DS {_advised(seen)} into {above}, or hand it to the registrar",
            )
    elif served and not keys:
        yield Finding(
            "bogus",
            "DS",
            f"{zone} is unsigned though {parent.server} has a DS (key tag {tags(parent.ds)}) that says it is signed: "
            f"validating resolvers answer SERVFAIL; remove the DS from {above}, or sign {zone} with that key",
        )
    elif served and not keys & set(parent.ds):
        yield Finding(
            "bogus",
            "DS",
            f"DS without key: the DS of {zone} at {parent.server} (key tag {tags(parent.ds)}) matches none of the "
            f"zone's keys (key tag {tags(keys)}), as after a key was deleted: validating resolvers answer SERVFAIL; "
            f"replace it in {above} by {_advised(seen)}",
        )


def _set_ns(seen: Delegation) -> str:
    return f"set the NS records of {seen.zone} in {seen.above_shown} (or at the registrar) to {listed(seen.expected)}"


def _differences(wanted: set[str], there: set[str]) -> str:
    lacking = f"{listed(wanted - there)} is lacking" if wanted - there else ""
    surplus = f"{listed(there - wanted)} is not expected" if there - wanted else ""
    return " and ".join(filter(None, (lacking, surplus)))


def _advised(seen: Delegation) -> str:
    return next((child.advised_ds for child in seen.answering if child.advised_ds), "of a key that signs it")

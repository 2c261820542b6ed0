"""What the parent's servers say of a zone's delegation, held against the zone's own servers and what is expected. Pure.

A fault is told where it is mended: what the parent holds (NS, glue, DS) at each of the parent's servers, what the zone
itself serves (lameness, expired signatures) at each of the zone's.
"""

from collections.abc import Sequence
from typing import Literal

from sovereign_dns import names
from sovereign_dns.child_findings import child_findings
from sovereign_dns.contract import AnswerEvidence, Outcome, ServerVerdict
from sovereign_dns.delegation_seen import ChildSaid, Delegation, Finding, ParentSaid, listed, tags
from sovereign_dns.parent_findings import parent_findings
from sovereign_dns.verification import WORST_FIRST, worst


def verdicts(seen: Delegation) -> list[ServerVerdict]:
    """One verdict for each server of the parent, and one for each of the zone's servers that is at fault."""
    parents = [_parent_verdict(seen, parent) for parent in seen.parents] or [_nobody_above(seen)]
    children = [
        _child_verdict(seen, child, findings)
        for child in seen.children
        if (findings := list(child_findings(seen, child)))
    ]
    return [*parents, *children]


def _parent_verdict(seen: Delegation, parent: ParentSaid) -> ServerVerdict:
    findings = list(parent_findings(seen, parent))
    if not findings:
        return _verdict(parent, "parent", "converged", _well(seen, parent), _parent_evidence(seen, parent, []))
    first = _first(findings)
    return _verdict(parent, "parent", first.state, first.detail, _parent_evidence(seen, parent, findings))


def _child_verdict(seen: Delegation, child: ChildSaid, findings: Sequence[Finding]) -> ServerVerdict:
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


def _first(findings: Sequence[Finding]) -> Finding:
    return min(findings, key=lambda finding: WORST_FIRST.index(finding.state))


def _parent_evidence(seen: Delegation, parent: ParentSaid, findings: Sequence[Finding]) -> list[AnswerEvidence]:
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
                ttl=parent.ttl if rrtype == "NS" and values else None,
                negative_ttl=parent.ttl if rrtype == "NS" and not values else None,
                detail=_first(of_this).detail if of_this else None,
                latency_ms=parent.latency_ms,
                asked_at=parent.asked_at,
            )
        )
    return evidence


def _nobody_above(seen: Delegation) -> ServerVerdict:
    return ServerVerdict(
        server=f"name servers of {seen.above_shown}",
        kind="parent",
        state="unreachable",
        detail=f"no server of {seen.above_shown}, the zone above {seen.zone}, is known, so that nobody can follow "
        f"the delegation: mend the delegation of {seen.above_shown} first",
    )


def _well(seen: Delegation, parent: ParentSaid) -> str:
    delegates = "serves the zone too, with" if parent.position == "hosts-zone" else "delegates to"
    said = f"{delegates} {listed(parent.nameservers)}, as expected"
    if seen.above.state == "insecure":
        return f"{said}; no chain of trust reaches here: {seen.above.reason}"
    if not parent.ds:
        return f"{said}; unsigned, as the parent proves"
    if parent.ds_unsupported:
        return f"{said}; its DS has an algorithm that is not known here, and was not checked"
    keys = {ds for child in seen.answering for ds in child.key_ds}
    leftover = tags(set(parent.ds) - keys)
    also = f" (the DS of key tag {leftover} matches no key and may be removed)" if keys and leftover else ""
    return f"{said}; signed, and its DS is vouched for from the trust anchor down{also}"

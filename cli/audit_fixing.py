"""`audit fix`: removes what one finding names, after showing it, and after an audit has found it once more."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Annotated

import typer
from temporalio.client import Client, WorkflowFailureError

from cli import agreeing, audit_display, display, interrupting, planning, reading, starting, watching
from cli.audit_results import known_findings
from cli.audit_runs import audit_request, audited
from cli.connection import connect
from cli.outcome import INTERRUPTED, failed
from sovereign_dns.audit_contract import FIX_FINDING, AuditResult, Finding, FixFindingRequest
from sovereign_dns.audit_news import known_from
from sovereign_dns.contract import ProvisionResult
from sovereign_dns.fix_intent import fix_lock_id, why_not_removable

Id = Annotated[
    str, typer.Argument(metavar="ID", help="The finding's id, as `audit show` prints it.", show_default=False)
]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would be removed. Writes nothing.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result's JSON and nothing else.")]


def fix(finding_id: Id, *, yes: Yes = False, dry_run: DryRun = False, json: Json = False) -> None:
    """Remove the record that a finding names, where it is still as it was found. Can be put back by `restore`."""
    interrupting.end_with(
        _fix(finding_id.strip().lower(), yes=yes, dry_run=dry_run, as_json=json),
        interrupted="not followed any further; a removal that was started goes on",
    )


async def _fix(finding_id: str, *, yes: bool, dry_run: bool, as_json: bool) -> int:
    client = await connect()
    known = await known_findings(client)
    terminal = display.console(stderr=True)
    finding = known.get(finding_id)
    if finding is None:
        terminal.print(
            f"no finding {finding_id} stands: it is gone, or no audit has found it. Look with: sovereign-dns audit run",
            markup=False,
        )
        return 1
    together = _at_the_same_cut(finding, known)
    for one in (finding, *together):
        terminal.print(audit_display.detail(one))
    if why := why_not_removable(finding):
        terminal.print(why, markup=False)
        return 1
    asks = not (yes or dry_run)
    if asks and not _agreed(finding):
        return 1
    if code := await _found_once_more(client, finding, asks=asks):
        return code
    request = FixFindingRequest(finding=finding, togetherWith=together, dryRun=dry_run)
    code = await _start_and_show(client, request, as_json=as_json)
    if code == 0 and not (dry_run or as_json):
        for line in _what_is_gone(finding, known):
            display.console().print(line, markup=False)
    return code


async def _found_once_more(client: Client, finding: Finding, *, asks: bool) -> int:
    """0 where it still is a finding, or may be one, and is to be removed all the same."""
    terminal = display.console(stderr=True)
    try:
        latest = await _looked_at_again(client, finding)
    except WorkflowFailureError as error:
        return failed(error)
    except reading.ReaderGoneError:
        return INTERRUPTED
    if why := _why_not_now(finding, latest):
        terminal.print(why, markup=False)
        return 1
    if asks and _is_unknown(finding, latest) and not _agreed(finding, "all the same"):
        return 1
    return 0


async def _looked_at_again(client: Client, finding: Finding) -> AuditResult:
    """What an audit says now.

    What makes a record a finding may be gone, though the record is as it was: somebody has made the zone that a
    delegation leads to, or provisioned the Sovereign again.
    """
    zone, terminal = finding.zone.rstrip("."), display.console(stderr=True)
    terminal.print(f"looking at zone {zone} once more before anything is removed", markup=False)
    latest = await audited(client, audit_request([zone], []))
    if _is_unknown(finding, latest):
        terminal.print(
            f"whether {finding.id} is still a {finding.kind} is not known, since not all of the inventory can be read; "
            "its record is removed only where it is as it was found",
            markup=False,
        )
    return latest


def _is_unknown(finding: Finding, latest: AuditResult) -> bool:
    return finding.id in {standing.id for standing in latest.standing}


def _why_not_now(finding: Finding, latest: AuditResult) -> str | None:
    """None where it was found again, or could not be looked for, since the inventory can't be read."""
    if finding.id in known_from(latest):
        return None
    return (
        f"{finding.id} is gone by now: {finding.name} {finding.type} in zone {finding.zone} is no {finding.kind} any "
        "more, and nothing was removed. What is found there: sovereign-dns audit show"
    )


def _what_is_gone(finding: Finding, known: Mapping[str, Finding]) -> Iterator[str]:
    """That an audit's findings stand until the next audit, and which others this fix has ended with it."""
    place = (finding.zone, finding.name, finding.type)
    also = [one for one in known.values() if (one.zone, one.name, one.type) == place and one.id != finding.id]
    for one in also:
        yield f"this ends {one.kind} {one.id} too: it is about the same records"
    yield f"The next audit shows it as gone. At once: sovereign-dns audit run {finding.zone.rstrip('.')}"


def _at_the_same_cut(finding: Finding, known: Mapping[str, Finding]) -> list[Finding]:
    """A delegation that leads nowhere goes with its DS, which would be of no use alone."""
    if finding.kind != "dangling" or finding.type != "NS":
        return []
    return [
        other
        for other in known.values()
        if (other.kind, other.zone, other.name, other.owner)
        == (finding.kind, finding.zone, finding.name, finding.owner)
        and other.type == "DS"
        and why_not_removable(other) is None
    ]


def _agreed(finding: Finding, though: str = "") -> bool:
    return agreeing.agreed(
        " ".join(filter(None, [f"Remove {finding.name} {finding.type} from zone {finding.zone}", though])) + "?",
        unattended="nothing was removed: there is no terminal to ask at. To remove it: "
        f"sovereign-dns audit fix {finding.id} --yes",
        declined="nothing was removed",
    )


async def _start_and_show(client: Client, request: FixFindingRequest, *, as_json: bool) -> int:
    finding = request.finding
    lock_id = fix_lock_id(finding)
    workflow_id = f"plan/audit-fix/{finding.id}/{secrets.token_hex(4)}" if request.dry_run else lock_id
    summary = f"{finding.kind} {finding.name} {finding.type} removed"
    handle = await starting.started(
        starting.start(client, FIX_FINDING, request, workflow_id, summary=summary),
        busy=f"a run holds the lock {lock_id}, so nothing was removed. Wait for it, and start again.",
    )
    if handle is None:
        return 1
    await (watching.show_trouble if as_json else watching.show_steps)(handle, display.console(stderr=True))
    try:
        result = await handle.result()
    except WorkflowFailureError as error:
        return failed(error)
    return _report(result, handle.id, as_json=as_json)


def _what_was_done(result: ProvisionResult, workflow_id: str) -> str:
    removed = sum(record.change == "removed" for record in result.records)
    if not removed:
        return f"0 removed, {result.phase}: nothing of it stands there any more"
    return f"{removed} removed, {result.phase}. To put it back: sovereign-dns restore {workflow_id}"


def _report(result: ProvisionResult, workflow_id: str, *, as_json: bool) -> int:
    terminal = display.console()
    if as_json:
        print(result.model_dump_json())
        return planning.exit_code(result)
    terminal.print(display.diff(result.records, result.sovereign_fqdn))
    for hazard in result.hazards:
        terminal.print(display.HazardNotice(hazard))
    if result.phase == "planned":
        terminal.print("planned: nothing was removed", markup=False)
    else:
        terminal.print(_what_was_done(result, workflow_id), markup=False)
    return planning.exit_code(result)

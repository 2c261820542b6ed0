"""What an activity tells its workflow before it ends: a failed attempt leaves nothing in the run's history."""

import hashlib

import structlog
from temporalio import activity
from temporalio.service import RPCError

from activities import journal
from sovereign_dns.messages import CHANGES_ATTEMPTED, ChangesAttempted
from sovereign_dns.wire import Message

_log = structlog.get_logger(__name__)


async def tell(signal: str, message: Message) -> None:
    """Sends a signal to the run that the activity belongs to.

    Where that fails, and outside an activity, nothing happens: what is told is shown, and nothing depends on it.
    """
    if not activity.in_activity():
        return
    info = activity.info()
    run = activity.client().get_workflow_handle(str(info.workflow_id), run_id=info.workflow_run_id)
    try:
        await run.signal(signal, message)
    except RPCError as error:
        _log.info("the run could not be told", signal=signal, reason=error.message)


class AttemptTold(Message):
    """What was told already. Not in full: of many rrsets, a heartbeat has no room for that beside what it notes."""

    digest: str


async def tell_of_attempt(attempted: ChangesAttempted) -> None:
    """Tells of a write whose answer was not heard, since the run may end before it is known. Once in all attempts."""
    told = journal.notes(AttemptTold)
    this = AttemptTold(digest=hashlib.sha256(attempted.model_dump_json().encode()).hexdigest())
    if this not in told:
        await tell(CHANGES_ATTEMPTED, attempted)
        await journal.remember(*told, this)

"""What a look that proves nothing yet leaves behind: its picture in the run's status, and its failure."""

from datetime import UTC, datetime

from activities import journal
from activities.telling import tell
from sovereign_dns import verification
from sovereign_dns.absence_verdicts import counted_as
from sovereign_dns.contract import VerificationResult
from sovereign_dns.convergence import Convergence
from sovereign_dns.failures import NotYetConverged
from sovereign_dns.messages import VERIFICATION_SEEN, VerificationSeen, VerifyDomain

RESOLVERS_LEFT_OUT = "no resolver was asked: CATALYST_DNS_PROPAGATION_RESOLVERS names none"


async def show(task: VerifyDomain, known: Convergence, picture: VerificationResult) -> None:
    """Shows the picture in the run's status, where it has changed: a failed attempt leaves nothing in the history."""
    gist = verification.gist(picture)
    if gist != known.told:
        seen = VerificationSeen(domain=task.intent.domain, verification=verification.of_what_is_open(picture))
        await tell(VERIFICATION_SEEN, seen)
    await journal.remember(known.changed(told=gist).bounded())


def not_yet(
    task: VerifyDomain, picture: VerificationResult, *, look_again_at: datetime | None = None
) -> NotYetConverged:
    """The failure by which the step is attempted again, at that time or soon."""
    told = verification.sentence(picture, done=False, denied=counted_as(task.intent))
    return NotYetConverged(
        f"below {task.intent.domain}: {told}",
        evidence=verification.in_short(picture),
        retry_after=None if look_again_at is None else (look_again_at - datetime.now(UTC)).total_seconds(),
    )

"""Whose a pool name is, by what the pool-domain-manager (PDM) says of it. Pure, but for the time of day."""

from datetime import datetime
from enum import Enum

from sovereign_dns.failures import InvalidInput, NameReserved, NameTaken, PDMUnavailable
from sovereign_dns.wire import Message

SHORTEST_WAIT_FOR_A_RESERVATION_SECONDS = 5.0
LONGEST_WAIT_FOR_A_RESERVATION_SECONDS = 60.0


class Claim(Message):
    """A name to hold as active. `reservation_token` is what an earlier reserve handed out, if anything."""

    pool_domain: str
    subdomain: str
    sovereign_fqdn: str
    load_balancer_ip: str
    created_by: str
    reservation_token: str | None = None


class Allocation(Message):
    """PDM's row of a name."""

    subdomain: str
    state: str
    sovereign_fqdn: str | None = None
    load_balancer_ip: str | None = None
    expires_at: datetime | None = None
    reservation_token: str | None = None
    created_by: str | None = None


class Availability(Message):
    """PDM's answer to `check`."""

    available: bool
    reason: str | None = None
    detail: str | None = None


class Claimed(Enum):
    """How a claim came about."""

    COMMITTED = "committed"
    COMMITTED_WITHOUT_DNS = "committed; PDM couldn't write its own records, the records step does"
    RESERVED_AGAIN = "the reservation was gone: reserved again and committed"
    RESERVED_AGAIN_WITHOUT_DNS = (
        "the reservation was gone: reserved again and committed; PDM couldn't write its own records, "
        "the records step does"
    )
    ACTIVE_ALREADY = "was active for this Sovereign already"


def refuse_impossible_label(claim: Claim, answer: Availability) -> None:
    """Returns where the name could be handed out, to somebody at least.

    Raises:
        InvalidInput: PDM never hands it out.
    """
    if not answer.available and answer.reason in {"reserved", "invalid-format", "unsupported-pool"}:
        field = "pool.domain" if answer.reason == "unsupported-pool" else "pool.subdomain"
        detail = f": {answer.detail}" if answer.detail else ""
        raise InvalidInput(f"{field}: PDM never hands out {claim.sovereign_fqdn} ({answer.reason}{detail})")


def is_decided_by_commit(claim: Claim, row: Allocation | None) -> bool:
    """Whether a commit with the request's own token settles it, so that no reservation is asked for."""
    if claim.reservation_token is None or row is None:
        return False
    return row.state == "active" or _holds_token_of(claim, row)


def token_of_our_reservation(claim: Claim, row: Allocation) -> str | None:
    """What to commit a name with that can't be reserved; None where it is active for this Sovereign already.

    Raises:
        NameTaken: the name is active for another Sovereign.
        NameReserved: the reservation is somebody else's.
    """
    if row.state != "reserved":
        insist_on_active_for_us(claim, row)
        return None
    # A reservation of ours whose answer was lost: its creator names this very deployment.
    if row.reservation_token and (row.created_by == claim.created_by or _holds_token_of(claim, row)):
        return row.reservation_token
    raise reserved_by_another(claim, row)


def _holds_token_of(claim: Claim, row: Allocation) -> bool:
    """PDM reads a token without regard to case."""
    ours, theirs = claim.reservation_token, row.reservation_token
    return ours is not None and theirs is not None and ours.lower() == theirs.lower()


def insist_on_active_for_us(claim: Claim, row: Allocation) -> None:
    """Returns where the name is this Sovereign's.

    Raises:
        NameTaken: it is active for another one.
        PDMUnavailable: it is not active.
    """
    if row.state != "active":
        raise being_changed(claim)
    if (row.sovereign_fqdn or "").rstrip(".").lower() != claim.sovereign_fqdn:
        raise NameTaken(
            f"pool: {claim.subdomain}.{claim.pool_domain} is active in PDM for another Sovereign "
            f"({row.sovereign_fqdn}, created by {row.created_by})"
        )


def being_changed(claim: Claim) -> PDMUnavailable:
    """The failure where PDM's answers don't agree with each other, since time passed between them."""
    return PDMUnavailable(
        f"PDM called {claim.sovereign_fqdn} taken and doesn't list it as active: it is being changed by "
        "somebody else. Tried again"
    )


def reserved_by_another(claim: Claim, row: Allocation) -> NameReserved:
    """The failure where somebody else holds a reservation; looked at again when it can have expired."""
    return NameReserved(
        f"{claim.sovereign_fqdn} is reserved in PDM by {row.created_by or 'somebody'} until {row.expires_at}. "
        "If the reservation expires, this Sovereign gets the name; if it becomes active for another, the run fails.",
        retry_after=_until(row.expires_at),
    )


def _until(moment: datetime | None) -> float:
    if moment is None:
        return LONGEST_WAIT_FOR_A_RESERVATION_SECONDS
    left = (moment - datetime.now(moment.tzinfo)).total_seconds()
    return min(max(left, SHORTEST_WAIT_FOR_A_RESERVATION_SECONDS), LONGEST_WAIT_FOR_A_RESERVATION_SECONDS)

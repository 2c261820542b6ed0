"""What a registry, or a cache, will do by itself in its own time, told apart from what needs a person. Pure."""

from sovereign_dns.contract import ServerVerdict, VerificationResult
from sovereign_dns.verification import holding_up


def owed_by_time(picture: VerificationResult) -> str | None:
    """What nobody need do anything for: a delegation that is still the former one, or none, and old answers in caches.

    None where anything else is wrong: servers that don't answer as written, a DS that is lacking or wrong, glue.
    """
    wrong = holding_up(picture)
    reached = [server for server in wrong if not (server.kind == "parent" and server.state == "unreachable")]
    if reached and all(server.kind == "parent" and _delegates_as_before(server) for server in reached):
        return "the registry doesn't lead to the expected name servers yet"
    ends = [server.until for server in wrong if server.kind == "resolver" and server.until is not None]
    if wrong and len(ends) == len(wrong):
        return f"resolvers keep the former answers, the last of them until {max(ends):%Y-%m-%d %H:%M:%S} UTC"
    return None


def _delegates_as_before(parent: ServerVerdict) -> bool:
    """To somebody else's servers, or to none. One that names some of ours, but not as expected, is mistaken."""
    if parent.state == "bogus":
        return False
    return any(
        answer.state == "misdirected" or (answer.state == "missing" and not answer.values)
        for answer in parent.answers
        if answer.type == "NS"
    )

"""Many Sovereigns at once into one large zone, with one worker and with several: what meeting there costs.

Nothing keeps workers from one another. PowerDNS answers 500 to a write that meets another, and its Sovereigns attempt
again.
"""

from benchmarks.crowd import Outcome, Scene, play
from benchmarks.report import CheckFailedError, Report, Table

SOVEREIGNS = 100
RRSETS = 14_000
WORKERS = (1, 2, 4)


def measure() -> Report:
    """Plays the same with each number of workers, and checks every result and the whole zone.

    Raises:
        CheckFailedError: something is not exactly as it should be.
    """
    outcomes = {workers: play(_scene(workers)) for workers in WORKERS}
    wrong = [line for outcome in outcomes.values() for line in outcome.wrong]
    if wrong:
        raise CheckFailedError("; ".join(wrong[:10]))
    one = outcomes[WORKERS[0]]
    return Report(
        number="workers",
        title=f"{SOVEREIGNS} Sovereigns at once into one zone of {RRSETS:,} rrsets, by how many workers there are",
        about="Whole runs, from the start of the first to the end of the last; all workers write into the same zone.",
        tables=[Table(title="By workers", columns=_COLUMNS, rows=[_row(*item) for item in outcomes.items()])],
        goals=[],
        checked=[
            "every run is complete and tells that it created 14 rrsets",
            "the zone holds exactly the rrsets of all Sovereigns and those that were there before",
        ],
        ratios={
            f"{workers} workers: seconds / one worker's": outcome.seconds / one.seconds
            for workers, outcome in outcomes.items()
            if outcome is not one
        },
    )


def _scene(workers: int) -> Scene:
    return Scene(SOVEREIGNS, zones=1, workers=workers, rrsets=RRSETS, outage=False)


_COLUMNS = ["workers", "seconds", "calls", "PATCHes", "failed calls", "failed attempts", "most failures of one step"]


def _row(workers: int, outcome: Outcome) -> list[str]:
    failed = sum(outcome.failed_attempts.values())
    return [
        str(workers),
        f"{outcome.seconds:.1f}",
        str(outcome.calls.answered + outcome.calls.failed),
        str(outcome.calls.by_method["PATCH"]),
        str(outcome.calls.failed),
        f"{failed} ({failed / SOVEREIGNS:.2f} a Sovereign)",
        str(outcome.most_of_a_step),
    ]

"""What the simulation is asked: whether it predicts what was measured, and then what nobody can measure here."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from benchmarks.many_into_one_zone import GROUP_COMMIT, IN_TURN, RRSETS, SOVEREIGNS
from benchmarks.provisioning_costs import CASES, ROUNDS_DATABASE, ROUNDS_ZONES, UNPACED
from benchmarks.report import Goal, Plot, Report, Table
from benchmarks.simulation import limits
from benchmarks.simulation.fleet import Fleet, Played, play
from benchmarks.simulation.measured import Measured, rounded, span
from benchmarks.simulation.sizing import QUESTIONS
from benchmarks.sovereigns import PER_SOVEREIGN

CORES_HERE = 2
"""Of the machine on which the crowds were measured."""

ALLOWED_ERROR = 0.35
"""By which a prediction may miss a measured case."""

ONE_ZONE = (10, 100, 1_000, 3_000, 10_000)
MINUTES = (1, 10)
MORE_SLOTS = 4
ALL = 100_000

SEEDS = (1, 2, 3)


def simulate(measured: Measured) -> Report:
    """Validates the model, and has it check the two claims."""
    validated, goals = _validation(measured)
    one_zone, plots = _one_zone(measured)
    fleet = _fleet(measured)
    return Report(
        number="simulation",
        title="Fleets that nobody can measure here",
        about="Every Sovereign passes the queues that the real one meets; the times are drawn from measured ones.",
        tables=[validated, *one_zone, fleet],
        goals=goals,
        checked=["every Sovereign ends", "no two PATCHes of a zone overlap"],
        plots=plots,
    )


def checked(fleet: Fleet, measured: Measured, seed: int = 1) -> Played:
    """A play whose own result is checked."""
    played = play(fleet, measured, seed)
    if len(played.ended_after) != fleet.sovereigns or len(played.written_after) != fleet.sovereigns:
        raise AssertionError(f"{len(played.ended_after)} of {fleet.sovereigns} Sovereigns have ended")
    ends: dict[int, float] = {}
    for zone, start, end, _ in sorted(played.patches, key=lambda patch: patch[1]):
        if start < ends.get(zone, 0.0):
            raise AssertionError(f"two PATCHes of zone {zone} overlap at {start}")
        ends[zone] = end
    return played


def _validation(measured: Measured) -> tuple[Table, list[Goal]]:
    rows, goals = [], []
    for case, (fleet, samples) in _cases(measured).items():
        played = [checked(fleet, measured, seed) for seed in SEEDS]
        predicted, real = statistics.median(p.seconds for p in played), statistics.median(samples)
        error = predicted / real - 1
        rows.append([case, span(real), span(predicted), f"{error:+.0%}", played[0].bound_by])
        goals.append(
            Goal(
                text=f"predicts {case} within {ALLOWED_ERROR:.0%}",
                figure=f"{error:+.0%}",
                met=abs(error) <= ALLOWED_ERROR,
                reason="" if abs(error) <= ALLOWED_ERROR else "what the model leaves out counts here",
            )
        )
    title = "The model against what was measured: seconds until all are complete, one worker, all on one machine"
    return Table(title, ["case", "measured", "predicted", "error", "bound by"], rows), goals


def _cases(measured: Measured) -> dict[str, tuple[Fleet, Sequence[float]]]:
    """What is to be predicted, and what was measured of it: whole runs, and of B3 the writes alone."""
    cases: dict[str, tuple[Fleet, Sequence[float]]] = {}
    for case in CASES:
        fleet = Fleet(
            case.sovereigns,
            case.zones,
            case.rrsets_before,
            rrsets_elsewhere=0 if case.rrsets_before else ROUNDS_DATABASE,
            zones_elsewhere=1 + ROUNDS_ZONES - case.zones,
            shared_cores=CORES_HERE,
            paced_per_second=UNPACED,
        )
        where = f"{case.zones} zones" if case.zones > 1 else f"one zone of {case.rrsets_before:,} rrsets"
        cases[f"{case.sovereigns} at once into {where}"] = fleet, measured.of(case.key)
    b3 = Fleet(SOVEREIGNS, 1, RRSETS, shared_cores=CORES_HERE, only_writes=True)
    for way, group_commit in ((IN_TURN, False), (GROUP_COMMIT, True)):
        name = f"B3, {SOVEREIGNS} into one zone of {RRSETS:,} rrsets: {way}"
        cases[name] = replace(b3, group_commit=group_commit), measured.of(way)
    return cases


def _one_zone(measured: Measured) -> tuple[list[Table], list[Plot]]:
    """The writes alone, all of which wait from the start; and beside them whole runs."""
    rows, series = [], {"one after the other": [], "group commit": [], "child zones": []}  # type: ignore[var-annotated]
    most = dict.fromkeys(MINUTES, 0)
    for n in ONE_ZONE:
        writes = Fleet(n, 1, written_before=True, only_writes=True)
        alone = checked(replace(writes, group_commit=False), measured)
        together = checked(writes, measured)
        children = checked(replace(writes, zones=n), measured)
        whole = replace(writes, only_writes=False)
        today, wider = checked(whole, measured), checked(replace(whole, slots=MORE_SLOTS * whole.slots), measured)
        rectify = measured.patch.draw(n * PER_SOVEREIGN, PER_SOVEREIGN, 0.5)
        each = children.busy["PowerDNS' writer"] / n
        rows.append(
            [
                f"{n:,}",
                f"{n * PER_SOVEREIGN:,}",
                span(rectify),
                span(_writing(alone)),
                rounded(_writing(alone) / (rectify * n)),
                span(_writing(together)),
                f"{len(together.patches):,}",
                rounded(_writing(together) / (rectify * len(together.patches))),
                span(_writing(children)),
                span(each),
                _whole_run(today),
                _whole_run(wider),
            ]
        )
        for name, played in zip(series, (alone, together, children), strict=True):
            series[name].append((float(n), _writing(played)))
        for minutes in MINUTES:
            if _writing(together) <= 60 * minutes:
                most[minutes] = n
    columns = [
        "Sovereigns",
        "rrsets in the zone",
        "one rectify",
        "one PATCH after the other",
        "… ÷ (rectify × Sovereigns)",
        "group commit",
        "its PATCHes",
        "… ÷ (rectify × PATCHes)",
        "child zones",
        "… each write",
        "a whole run, one worker as it is set by default",
        f"… with {MORE_SLOTS} × its slots",
    ]
    title = "All Sovereigns of one zone are written anew after an outage: the writes alone, and whole runs"
    said = Table(
        "How many Sovereigns one zone may hold, so that group commit writes all of them in time (of those simulated)",
        ["within", "Sovereigns"],
        [[f"{minutes} min", _at_least(most[minutes])] for minutes in MINUTES],
    )
    plot = Plot(
        name="scaling-one-zone",
        title="Until all Sovereigns of one zone are written (simulated)",
        x="Sovereigns",
        y="seconds",
        series=series,
        log_x=True,
        log_y=True,
    )
    return [Table(title, columns, rows), said], [plot]


def _whole_run(played: Played) -> str:
    return f"{span(max(played.written_after))}, {len(played.patches):,} PATCHes; {played.bound_by}"


def _at_least(sovereigns: int) -> str:
    """With a word where no more were simulated."""
    return f"{sovereigns:,}" + (" or more" if sovereigns == ONE_ZONE[-1] else "")


def _writing(played: Played) -> float:
    """From the first PATCH's start to the last one's end."""
    return max(end for _, _, end, _ in played.patches) - min(start for _, start, _, _ in played.patches)


def _fleet(measured: Measured) -> Table:
    """A rerun of all, in child zones; each row removes what has bound the one before."""
    fleet = Fleet(
        sovereigns=ALL,
        zones=ALL,
        written_before=True,
        questions=QUESTIONS,
        questions_per_second=limits.GOOGLE.figure,
    )
    assumed = (
        f"assumed: {fleet.temporal_cores} cores for Temporal unless told, {fleet.powerdns_cores} for each PowerDNS"
    )
    remedies: dict[str, tuple[str, Callable[[Fleet], Fleet]]] = {
        "PowerDNS' CPU": ("… 32 PowerDNS, a task queue each", partial(replace, powerdns_servers=32)),
        "workers' CPU": ("… 50 workers", partial(replace, workers=50)),
        "resolvers' limit": ("… verifiers at 4 addresses", partial(replace, egress_addresses=4)),
        "Temporal's CPU": ("… 32 cores for Temporal", partial(replace, temporal_cores=32)),
    }
    scene, rows = "one worker, one PowerDNS, one address", []
    while True:
        played = checked(fleet, measured)
        used = sorted(played.places, key=lambda place: -played.used(place))[:3]
        rows.append(
            [
                scene,
                span(played.seconds),
                rounded(60 * ALL / played.seconds),
                "; ".join(f"{place} {played.used(place):.0%}" for place in used),
            ]
        )
        if played.bound_by not in remedies:
            break
        scene, remedy = remedies.pop(played.bound_by)
        fleet = remedy(fleet)
    title = f"A rerun of {ALL:,} Sovereigns, each with a zone of its own: how long, and what bounds it ({assumed})"
    return Table(title, ["installation", "until all are complete", "a minute", "busiest places"], rows)

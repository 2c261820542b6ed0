"""The model of a fleet, where the extra `bench` is installed."""

from dataclasses import replace

import pytest

pytest.importorskip("simpy")

import itertools

from benchmarks import generated_parts
from benchmarks.report import Table
from benchmarks.simulation.fleet import Fleet, Played, play
from benchmarks.simulation.measured import BySize, Measured
from benchmarks.sovereigns import PER_SOVEREIGN
from benchmarks.unit_costs import HOSTED_ZONES, ZONE_SIZES, listing_key, metadata_key, patch_key, search_key

MEASURED = Measured(
    {
        **{search_key(size): [size * 1e-6, size * 2e-6] for size in ZONE_SIZES},
        **{metadata_key(size): [1e-3] for size in ZONE_SIZES},
        **{listing_key(zones): [zones * 1e-6, zones * 3e-6] for zones in HOSTED_ZONES},
        **{patch_key(size, PER_SOVEREIGN): [size * 1e-5, size * 2e-5] for size in ZONE_SIZES},
        **{patch_key(size, 10 * PER_SOVEREIGN): [size * 2e-5] for size in ZONE_SIZES},
        "worker CPU per Sovereign": [0.1, 0.2],
        "Temporal CPU per Sovereign": [0.05],
        "PowerDNS CPU per Sovereign": [0.02, 0.03],
        "record search requests per Sovereign": [3.0],
        "zone search requests per Sovereign": [1.0],
        "other GET requests per Sovereign": [3.0],
    },
)
CROWD = Fleet(sovereigns=90, zones=4, rrsets_before=5_000, workers=3, writers=4, slots=30, paced_per_second=1_000)


def _overlapping(played: Played) -> list[tuple[int, float]]:
    """Zone and start of each PATCH that starts before the zone's one before has ended."""
    ordered = sorted(played.patches)
    return [
        (zone, start)
        for (before, _, end, _), (zone, start, _, _) in itertools.pairwise(ordered)
        if zone == before and start < end
    ]


@pytest.mark.parametrize("fleet", [CROWD, replace(CROWD, group_commit=False), replace(CROWD, slots=1, workers=1)])
def test_every_sovereign_ends_and_is_written_once(fleet: Fleet) -> None:
    played = play(fleet, MEASURED)

    assert len(played.ended_after) == len(played.written_after) == fleet.sovereigns
    assert sum(rrsets for *_, rrsets in played.patches) == fleet.sovereigns * PER_SOVEREIGN


def test_patches_of_one_zone_never_overlap_while_those_of_several_do() -> None:
    played = play(CROWD, MEASURED)
    starts_and_ends = sorted((start, end) for _, start, end, _ in played.patches)

    assert _overlapping(played) == []
    assert any(start < end for (_, end), (start, _) in itertools.pairwise(starts_and_ends))


def test_a_seed_decides_everything() -> None:
    assert play(CROWD, MEASURED, seed=7) == play(CROWD, MEASURED, seed=7)
    assert play(CROWD, MEASURED, seed=7) != play(CROWD, MEASURED, seed=8)


def test_group_commit_writes_less_often_and_no_more_than_fits() -> None:
    together = play(replace(CROWD, zones=1, most_rrsets=10 * PER_SOVEREIGN), MEASURED)
    alone = play(replace(CROWD, zones=1, group_commit=False), MEASURED)

    assert len(alone.patches) == CROWD.sovereigns
    assert len(together.patches) < CROWD.sovereigns / 2
    assert max(rrsets for *_, rrsets in together.patches) <= 10 * PER_SOVEREIGN
    assert max(together.written_after) < max(alone.written_after)


def test_what_is_the_same_for_all_of_a_zone_is_read_less_often() -> None:
    def reading(zones: int) -> float:
        elsewhere = CROWD.sovereigns - zones
        fleet = replace(CROWD, zones=zones, zones_elsewhere=elsewhere, rrsets_before=0, rrsets_elsewhere=500_000)
        played = play(fleet, MEASURED)
        return played.busy["PowerDNS' CPU"] - played.busy["PowerDNS' writer"]

    assert reading(zones=1) < 0.8 * reading(zones=CROWD.sovereigns)


def test_what_is_in_other_zones_of_the_server_makes_reading_dearer() -> None:
    alone = play(CROWD, MEASURED)
    beside_much = play(replace(CROWD, rrsets_elsewhere=40_000), MEASURED)

    assert beside_much.busy["PowerDNS' CPU"] > 1.2 * alone.busy["PowerDNS' CPU"]


def test_the_slowest_place_is_named_and_bounds_the_whole() -> None:
    paced = play(replace(CROWD, paced_per_second=2), MEASURED)

    assert paced.bound_by == "pace of PowerDNS' task queue"
    assert paced.seconds >= CROWD.sovereigns * 2 / 2


def test_draws_lie_on_what_was_measured_and_between() -> None:
    times = BySize({100: [1.0, 3.0], 200: [2.0, 6.0]})

    assert times.draw(50, 0.0) == times.draw(100, 0.0) == 1.0
    assert times.draw(150, 1.0) == 4.5
    assert times.draw(300, 0.0) == 3.0


def test_only_the_generated_parts_of_the_page_change() -> None:
    before = "Prose.\n<!-- generated: fleet -->\nold\n<!-- end -->\nMore.\n"

    after = generated_parts.filled(before, {"fleet": Table("New", ["a"], [["1"]])})

    assert after.startswith("Prose.\n<!-- generated: fleet -->\n")
    assert after.endswith("<!-- end -->\nMore.\n")
    assert "| 1 |" in after
    assert "old" not in after
    assert generated_parts.filled(after, {"fleet": Table("New", ["a"], [["1"]])}) == after


def test_a_page_that_lacks_a_place_is_refused() -> None:
    with pytest.raises(generated_parts.PageError, match="fleet"):
        generated_parts.filled("No places here.\n", {"fleet": Table("New", ["a"], [])})

"""Which benchmarks there are, in the order in which they run and are told."""

BENCHMARKS = {
    "B1": "benchmarks.one_sovereign",
    "B2": "benchmarks.zone_growth",
    "B3": "benchmarks.many_into_one_zone",
    "B4": "benchmarks.throughput",
    "B5": "benchmarks.verification_round",
    "B6": "benchmarks.time_to_green",
    "B7": "benchmarks.worker_at_rest",
    "B8": "benchmarks.audit",
    "workers": "benchmarks.many_workers",
}
"""Each with the module whose `measure()` runs it; imported in that run's own process only."""


def named(name: str) -> str:
    """The benchmark of this name, however it is written.

    Raises:
        ValueError: there is none.
    """
    for benchmark in BENCHMARKS:
        if benchmark.casefold() == name.casefold():
            return benchmark
    raise ValueError(name)


def place(benchmark: str) -> int:
    """Where it comes among all of them."""
    return list(BENCHMARKS).index(benchmark)

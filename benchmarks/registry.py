"""Which benchmarks there are, in the order in which they run and are told, and what else is measured."""

from typing import NamedTuple


class Benchmark(NamedTuple):
    """The module whose `measure()` runs it, imported in that run's own process only, and what it measures."""

    module: str
    about: str


BENCHMARKS = {
    "B1": Benchmark("benchmarks.one_sovereign", "one Sovereign, end to end"),
    "B2": Benchmark("benchmarks.zone_growth", "records of one Sovereign into zones of any size"),
    "B3": Benchmark("benchmarks.many_into_one_zone", "100 Sovereigns at once into one zone"),
    "B4": Benchmark("benchmarks.throughput", "Sovereigns a minute; up to five minutes"),
    "B5": Benchmark("benchmarks.verification_round", "one look at 14 names on 8 servers"),
    "B6": Benchmark("benchmarks.time_to_green", "time to green after a stale answer"),
    "B7": Benchmark("benchmarks.worker_at_rest", "a worker's start, memory and CPU"),
    "B8": Benchmark("benchmarks.audit", "an audit of 50,000 rrsets"),
    "costs": Benchmark("benchmarks.unit_costs", "what single calls and runs cost, for the simulation"),
    "workers": Benchmark("benchmarks.many_workers", "what several workers cost one another in one zone"),
}

ALONE = {
    "stampede": Benchmark("benchmarks.stampede", "many Sovereigns wait for a PowerDNS that is away, and it comes back"),
    "audit": Benchmark("benchmarks.audit", "an audit of a small zone and of a big one, its size as you like"),
    "tuning": Benchmark("benchmarks.tuning", "what each setting of the engine gains; about four minutes"),
    "trace": Benchmark("benchmarks.trace_of_one_run", "the trace of one provisioning, drawn into its page"),
    "simulate": Benchmark(
        "benchmarks.simulation.page", "fleets that nobody can measure here; writes the tables of docs/scaling.md"
    ),
}
"""Measurements that are started by themselves only. Their modules have `add_arguments` for what can be varied, and
`show`, which prints and says whether all was right; they are imported only to run: some need the extra `bench`."""


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

"""What fleets of three sizes need: the measured unit costs times their number, and others' limits."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.report import Table
from benchmarks.simulation import limits
from benchmarks.simulation.fleet import Fleet
from benchmarks.simulation.measured import Measured, rounded, span
from benchmarks.sovereigns import PER_SOVEREIGN
from benchmarks.unit_costs import HOSTED_ZONES, patch_key
from sovereign_dns.settings import DEFAULT_RESOLVERS

SIZES = (10, 1_000, 100_000)
QUESTIONS = PER_SOVEREIGN + 1
"""To each resolver: every name's address, and the zone's NS set."""

SMALLEST = Fleet(sovereigns=1, zones=1)
"""One worker, one PowerDNS, and the settings' defaults."""

DAY = 86_400.0


@dataclass(frozen=True)
class Bottleneck:
    """One place that all have to pass, and how long it takes all of them."""

    place: str
    seconds: float
    arithmetic: str


def tables(measured: Measured) -> list[Table]:
    """All that is computed, and what it is computed from."""
    return [
        _unit_costs(measured),
        _limits(),
        _at_rest(measured),
        _rerun(measured),
        _within_an_hour(measured),
        _certificates(),
        _first_bottlenecks(measured),
    ]


def _unit_costs(measured: Measured) -> Table:
    search, patch = measured.search, measured.patch
    rows = [
        ["worker's CPU", _ms(measured.median("worker CPU per Sovereign")), "measured"],
        ["Temporal's CPU (embedded server, SQLite)", _ms(measured.median("Temporal CPU per Sovereign")), "measured"],
        ["PowerDNS' CPU", _ms(measured.median("PowerDNS CPU per Sovereign")), "measured"],
        [
            "requests to PowerDNS: PATCHes; searches among records and comments; among zones; other reads",
            "; ".join(
                rounded(figure)
                for figure in (
                    measured.count("PATCH requests per Sovereign"),
                    measured.scans,
                    measured.count("zone search requests per Sovereign"),
                    measured.count("other GET requests per Sovereign"),
                )
            ),
            "measured",
        ],
        [
            "questions to the authoritative server",
            rounded(measured.median("authoritative questions per Sovereign")),
            "measured; one server, one resolver behind it, no cache warm",
        ],
        ["questions to each resolver", str(QUESTIONS), "computed: every name and the NS set, if all answer as written"],
        ["history: events", rounded(measured.median("history events per Sovereign")), "measured"],
        ["history: kB", rounded(measured.median("history bytes per Sovereign") / 1e3), "measured"],
        ["Temporal's state transitions", rounded(measured.median("state transitions per Sovereign")), "measured"],
        [
            "Temporal's operations on its database",
            rounded(measured.median("persistence operations per Sovereign")),
            "measured",
        ],
        [
            "rrsets; bytes of each in PowerDNS' database",
            f"{PER_SOVEREIGN}; {rounded(measured.median('database bytes per rrset'))}",
            "measured",
        ],
    ]
    rows += [
        [
            f"one PATCH of {PER_SOVEREIGN} rrsets into a zone of {size:,}",
            _ms(measured.median(patch_key(size, PER_SOVEREIGN))),
            "measured",
        ]
        for size in (100, 1_400, 14_000, 50_000)
    ]
    rows.append(["one PATCH of 1,400 rrsets into a zone of 14,000", _ms(patch.draw(14_000, 1_400, 0.5)), "measured"])
    for size in (14_000, 50_000, 100_000 * PER_SOVEREIGN):
        how = "measured" if size <= 50_000 else "computed: the line through 14,000 and 50,000 goes on"
        rows.append([f"one search in a database of {size:,} rrsets", _ms(search.draw(size, 0.5)), how])
    rows += [
        [f"… more among {zones:,} hosted zones, which any search lists", _ms(measured.more_to_list(zones)), how]
        for zones, how in (
            (HOSTED_ZONES[-1], "measured"),
            (100_000, f"computed: the line through {HOSTED_ZONES[0]:,} and {HOSTED_ZONES[-1]:,} goes on"),
        )
    ]
    rows.append(["an audit, each 1,000 rrsets", _ms(1_000 * measured.median("audit seconds per rrset")), "measured"])
    return Table("What one Sovereign costs (medians)", ["what", "figure", "how known"], rows)


def _limits() -> Table:
    rows = [[limit.what, rounded(limit.figure), limit.unit, limit.source] for limit in limits.PUBLISHED]
    return Table("What others allow (published)", ["what", "figure", "unit", "source"], rows)


def _at_rest(measured: Measured) -> Table:
    audit, cpu = measured.median("audit seconds per rrset"), measured.median("worker CPU per Sovereign")
    history, stored = measured.median("history bytes per Sovereign"), measured.median("database bytes per rrset")
    rows = [
        _row("rrsets", lambda n: f"{n * PER_SOVEREIGN:,}"),
        _row("PowerDNS' database", lambda n: _size(n * PER_SOVEREIGN * stored)),
        _row("one audit of all zones", lambda n: span(n * PER_SOVEREIGN * audit)),
        _row(
            "… hourly: part of one core",
            lambda n: f"{rounded(100 * limits.AUDITS_A_DAY * n * PER_SOVEREIGN * audit / DAY)} %",
        ),
        _row(
            "a daily check of each: part of one core",
            lambda n: f"{rounded(100 * limits.CHECKS_A_DAY * n * cpu / DAY)} %",
        ),
        _row(
            "… questions a second to each resolver, spread over the day",
            lambda n: rounded(limits.CHECKS_A_DAY * n * QUESTIONS / DAY),
        ),
        _row(
            f"Temporal's histories, kept for {limits.RETENTION_DAYS} days",
            lambda n: _size(n * history * (1 + limits.CHECKS_A_DAY * limits.RETENTION_DAYS)),
        ),
        *(_renewals(days) for days in limits.LIFETIME_DAYS),
    ]
    return Table("At rest", ["what", *(f"{size:,}" for size in SIZES)], rows)


def _renewals(days: int) -> list[str]:
    return _row(f"renewals a day, certificates of {days} days", lambda n: rounded(n / (days * limits.RENEWED_AT)))


def bottlenecks(measured: Measured, sovereigns: int) -> list[Bottleneck]:
    """How long each place takes a rerun of all in the smallest installation, each alone; the slowest first."""
    rrsets = sovereigns * PER_SOVEREIGN
    worker, temporal = (measured.median(f"{name} CPU per Sovereign") for name in ("worker", "Temporal"))
    together = SMALLEST.most_rrsets
    patch = measured.patch.draw(rrsets, min(rrsets, together), 0.5)
    patches = math.ceil(rrsets / together)
    n = f"{sovereigns:,}"
    found = [
        Bottleneck("worker", sovereigns * worker, f"{n} × {_ms(worker)}"),
        Bottleneck(
            "Temporal",
            sovereigns * temporal / SMALLEST.temporal_cores,
            f"{n} × {_ms(temporal)} ÷ {SMALLEST.temporal_cores} cores",
        ),
        _searches(measured, sovereigns, zones=1),
        Bottleneck("PowerDNS' writes", patches * patch, f"{patches:,} PATCHes × {_ms(patch)}, all in one zone"),
        Bottleneck(
            "pace of PowerDNS' task queue",
            2 * sovereigns / SMALLEST.paced_per_second,
            f"{n} × 2 steps ÷ {rounded(SMALLEST.paced_per_second)} a second",
        ),
        Bottleneck(
            "resolvers' limits",
            sovereigns * QUESTIONS / limits.GOOGLE.figure,
            f"{n} × {QUESTIONS} ÷ {limits.GOOGLE.figure:,.0f} a second",
        ),
    ]
    return sorted(found, key=lambda bottleneck: -bottleneck.seconds)


def _searches(measured: Measured, sovereigns: float, zones: float) -> Bottleneck:
    """All searches of all Sovereigns, on one server that hosts so many zones."""
    each = measured.searching(sovereigns * PER_SOVEREIGN, zones, 0.5)
    n, cores = f"{sovereigns:,.0f}", SMALLEST.powerdns_cores
    arithmetic = f"{n} × {_ms(each)} for {rounded(measured.listings)} searches ÷ {cores} cores"
    return Bottleneck("PowerDNS' searches", sovereigns * each / cores, arithmetic)


def _told(bottleneck: Bottleneck) -> str:
    return f"{span(bottleneck.seconds)} ({bottleneck.arithmetic})"


def _rerun(measured: Measured) -> Table:
    rows = []
    for place in sorted({b.place for b in bottlenecks(measured, 1)}):
        found = [next(b for b in bottlenecks(measured, size) if b.place == place) for size in SIZES]
        rows.append([place, *map(_told, found)])
    rows.append(["PowerDNS' searches, with a zone for each", *(_told(_searches(measured, n, zones=n)) for n in SIZES)])
    return Table(
        "All rerun at once in the smallest installation: what each place takes alone "
        f"(assumed: {SMALLEST.temporal_cores} cores for Temporal, {SMALLEST.powerdns_cores} for PowerDNS)",
        ["place", *(f"{size:,}" for size in SIZES)],
        rows,
    )


def _within_an_hour(measured: Measured) -> Table:
    seconds = limits.WITHIN_SECONDS
    worker, temporal = (measured.median(f"{name} CPU per Sovereign") for name in ("worker", "Temporal"))
    transitions = measured.median("state transitions per Sovereign")
    operations = measured.median("persistence operations per Sovereign")

    def shards(n: int) -> str:
        needed = n * transitions / seconds * limits.PERSISTENCE_SECONDS / limits.SHARD_USE
        return f"{2 ** math.ceil(math.log2(max(needed, 1)))}"

    rows = [
        _row("workers (one core each)", lambda n: f"{math.ceil(n * worker / seconds):,}"),
        _row("Temporal: cores of its servers", lambda n: f"{math.ceil(n * temporal / seconds):,}"),
        _row("Temporal: state transitions a second", lambda n: rounded(n * transitions / seconds)),
        _row("Temporal: operations on its database a second", lambda n: rounded(n * operations / seconds)),
        _row("Temporal: history shards, at least", shards),
        _row("PowerDNS: servers for the searches", lambda n: f"{_servers(measured, n, zones=1):,}"),
        _row("… with a zone for each Sovereign", lambda n: f"{_servers(measured, n, zones=n):,}"),
        _row("steps a second on PowerDNS' task queues", lambda n: rounded(2 * n / seconds)),
        _row("questions a second to each resolver", lambda n: rounded(n * QUESTIONS / seconds)),
        _row("… addresses to ask from", lambda n: f"{math.ceil(n * QUESTIONS / seconds / limits.GOOGLE.figure):,}"),
        _row(
            f"… questions a second to all {len(DEFAULT_RESOLVERS)} resolvers",
            lambda n: rounded(n * QUESTIONS * len(DEFAULT_RESOLVERS) / seconds),
        ),
    ]
    return Table("What a rerun of all within an hour needs", ["what", *(f"{size:,}" for size in SIZES)], rows)


def _servers(measured: Measured, sovereigns: int, zones: int) -> int:
    """The fewest PowerDNS whose cores do the searches of their share of all in time."""
    servers = 1
    while servers < sovereigns:
        if _searches(measured, sovereigns / servers, zones / servers).seconds <= limits.WITHIN_SECONDS:
            break
        servers += 1
    return servers


def _certificates() -> Table:
    per_domain = 7 * DAY / limits.CERTIFICATES_PER_DOMAIN.figure
    per_account = 3 * 3600 / limits.ORDERS_PER_ACCOUNT.figure
    calls = limits.CALLS_PER_CERTIFICATE / limits.CERT_MANAGER_CALLS.figure

    def beyond(n: int, burst: float, each: float) -> str:
        """The first come at once, each further one when there is room again."""
        return span(max(n - burst, 0) * each) if n > burst else "at once"

    rows = [
        _row("all below one registered domain", lambda n: beyond(n, limits.CERTIFICATES_PER_DOMAIN.figure, per_domain)),
        _row(
            "all by one account, each on a domain of its own",
            lambda n: beyond(n, limits.ORDERS_PER_ACCOUNT.figure, per_account),
        ),
        _row(
            "cert-manager's calls of the Kubernetes API",
            lambda n: f"{span(n * calls)} ({limits.CALLS_PER_CERTIFICATE} each, assumed)",
        ),
        _row(
            "registered domains for all in 30 days",
            lambda n: f"{math.ceil(n / (limits.CERTIFICATES_PER_DOMAIN.figure * (1 + 30 / 7))):,}",
        ),
        _row(
            "accounts for all in 30 days",
            lambda n: f"{math.ceil(n / (limits.ORDERS_PER_ACCOUNT.figure * (1 + 30 * 8))):,}",
        ),
    ]
    return Table("First certificates of all", ["what", *(f"{size:,}" for size in SIZES)], rows)


def _first_bottlenecks(measured: Measured) -> Table:
    rows = []
    for size in SIZES:
        first, second, *_ = bottlenecks(measured, size)
        change, cost = CHANGES[first.place]
        rows.append(
            [
                f"{size:,}",
                f"{first.place}: {span(first.seconds)}",
                f"{second.place}: {span(second.seconds)}",
                change,
                cost,
            ]
        )
    return Table(
        "The first bottleneck of a rerun, and what removes it",
        ["Sovereigns", "first", "next", "change", "what it costs"],
        rows,
    )


CHANGES = {
    "worker": (
        "more workers on the same task queues",
        "a core and some 100 MB each; writes that meet in one zone cost one retry",
    ),
    "Temporal": (
        "more history, matching and frontend servers, on PostgreSQL or Cassandra",
        "cores; the number of shards can't be changed later",
    ),
    "PowerDNS' searches": (
        "pools on several PowerDNS servers, with one task queue each",
        "a server each, and who knows which pool is where; child zones make it worse: a search passes and lists all",
    ),
    "PowerDNS' writes": (
        "a child zone for each Sovereign",
        "keys, and NS and DS in the parent for each; the parent still takes one PATCH a new Sovereign",
    ),
    "pace of PowerDNS' task queue": (
        "a higher `SOVEREIGN_DNS_POWERDNS_ACTIVITIES_PER_SECOND`",
        "nothing, as long as PowerDNS has the CPU: it is what protects the server",
    ),
    "resolvers' limits": (
        "verifiers in several regions, each with an address of its own",
        "a small worker on a task queue of its own in each",
    ),
}


def _row(what: str, figure: Callable[[int], str]) -> list[str]:
    return [what, *(figure(size) for size in SIZES)]


def _ms(seconds: float) -> str:
    return f"{rounded(seconds * 1000)} ms"


def _size(octets: float) -> str:
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if octets >= size:
            return f"{rounded(octets / size)} {unit}"
    return f"{octets:.0f} B"

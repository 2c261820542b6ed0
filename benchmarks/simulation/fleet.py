"""A fleet that provisions: every Sovereign as a process that passes through the queues that the real one meets."""

import heapq
import json
import random
from collections import defaultdict
from collections.abc import Generator
from dataclasses import dataclass, field

import simpy

from benchmarks.simulation.measured import Measured
from benchmarks.sovereigns import PER_SOVEREIGN
from benchmarks.unit_costs import batch
from sovereign_dns.clients.group_commit import LONGEST_GATHERING_SECONDS
from sovereign_dns.clients.powerdns import READS_IN_FLIGHT
from sovereign_dns.clients.zone_queue import MOST_BYTES
from sovereign_dns.settings import Settings
from worker import POWERDNS_ACTIVITIES_AT_ONCE

WORKFLOW_PARTS = 3
"""A Sovereign's CPU comes in parts, between its waits: before each step on PowerDNS, and after its proof."""

STEP_PARTS = 2
"""And the worker's also in each step on PowerDNS. All parts are assumed to be equal; what they take together does not
depend on it."""

MOST_RRSETS = MOST_BYTES * PER_SOVEREIGN // len(json.dumps(batch("size", 1)))

PACE: float = Settings.model_fields["sovereign_dns_powerdns_activities_per_second"].default

OTHERS = "the CPU of who starts the runs, and of the resolver"

Waits = Generator[simpy.Event, object, None]


@dataclass(frozen=True)
class Fleet:
    """What there is, and how many come at once.

    Attributes:
        sovereigns: all of which start at the same moment.
        zones: among which they are spread evenly.
        rrsets_before: of others, in each zone.
        rrsets_elsewhere: on each PowerDNS, in zones that nobody here writes.
        zones_elsewhere: those zones.
        written_before: whether their own rrsets are in the zones already, as where all get a new address.
        shared_cores: of one machine that everything runs on, with who starts the runs and the resolver; None where
            each part has its own.
        temporal_cores: of its servers together; assumed.
        powerdns_servers: each with its own database, and its share of the zones.
        powerdns_cores: of each server; assumed.
        writers: PATCHes of different zones that one server takes at once.
        group_commit: whether what waits for a zone goes in one PATCH.
        most_rrsets: in one PATCH.
        slots: steps on PowerDNS that one worker has under way at once.
        paced_per_second: steps on one PowerDNS' task queue.
        only_writes: whether a Sovereign is nothing but its write.
        reads_in_flight: of one worker at one PowerDNS.
        questions: to each resolver, for one Sovereign.
        questions_per_second: that one resolver takes from one address; None: unlimited.
        egress_addresses: from which resolvers are asked.
    """

    sovereigns: int
    zones: int
    rrsets_before: int = 0
    rrsets_elsewhere: int = 0
    zones_elsewhere: int = 0
    written_before: bool = False
    workers: int = 1
    shared_cores: int | None = None
    temporal_cores: int = 8
    powerdns_servers: int = 1
    powerdns_cores: int = 4
    writers: int = 1
    group_commit: bool = True
    most_rrsets: int = MOST_RRSETS
    slots: int = POWERDNS_ACTIVITIES_AT_ONCE
    paced_per_second: float = PACE
    only_writes: bool = False
    reads_in_flight: int = READS_IN_FLIGHT
    questions: int = PER_SOVEREIGN + 1
    questions_per_second: float | None = None
    egress_addresses: int = 1


@dataclass
class Played:
    """What happened. `patches` tells zone, start, end and rrsets of each."""

    seconds: float = 0.0
    written_after: list[float] = field(default_factory=list)
    ended_after: list[float] = field(default_factory=list)
    patches: list[tuple[int, float, float, int]] = field(default_factory=list)
    busy: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds that each kind of place was busy or, of what is paced, would have to take."""
    places: dict[str, int] = field(default_factory=dict)

    def used(self, name: str) -> float:
        """The part of all the time in which a kind of place was busy."""
        return self.busy[name] / (self.places[name] * self.seconds)

    @property
    def bound_by(self) -> str:
        """The place that was busy the most."""
        return max(self.places, key=self.used)


class Places:
    """Places that serve in the order of arrival: at its arrival a client knows when it will have been served."""

    def __init__(self, env: simpy.Environment, number: int) -> None:
        self._env = env
        self.free_at = [0.0] * number

    def end_of(self, seconds: float) -> simpy.Event:
        """Its end, where the first free place serves it for so long."""
        end = max(self._env.now, self.free_at[0]) + seconds
        heapq.heapreplace(self.free_at, end)
        return self._env.timeout(end - self._env.now)


class PlacesOnMachine(Places):
    """Places of a part that shares its machine's cores with all others: it takes one of them only when it has one."""

    def __init__(self, env: simpy.Environment, number: int, cores: simpy.Resource) -> None:
        super().__init__(env, number)
        self._own, self._cores = simpy.Resource(env, number), cores

    def end_of(self, seconds: float) -> simpy.Event:
        """Its end, where it is served when a place and a core are free."""
        return self._env.process(self._served(seconds))

    def _served(self, seconds: float) -> Waits:
        with self._own.request() as place:
            yield place
            with self._cores.request() as core:
                yield core
                yield self._env.timeout(seconds)


class _Zone:
    """A zone, its writer, what waits for it, and who is on the way: each with the event that it is here."""

    def __init__(self, number: int, rrsets: int) -> None:
        self.number = number
        self.rrsets = rrsets
        self.waiting: list[simpy.Event] = []
        self.on_their_way: dict[simpy.Event, None] = {}
        self.is_written = False


class Simulation:
    """One play of a fleet. For the same seed it always goes the same way."""

    def __init__(self, fleet: Fleet, measured: Measured, seed: int = 1) -> None:
        self._fleet = fleet
        self._random = random.Random(seed)  # noqa: S311 (it draws from measurements, and keeps no secret)
        self._measured, self._patch = measured, measured.patch
        self._worker_cpu = measured.of("worker CPU per Sovereign")
        self._temporal_cpu = measured.of("Temporal CPU per Sovereign")
        self._powerdns_cpu = measured.of("PowerDNS CPU per Sovereign")
        self._others_cpu = measured.of("others' CPU per Sovereign") if fleet.shared_cores else []
        self._env = env = simpy.Environment()
        cores = simpy.Resource(env, fleet.shared_cores) if fleet.shared_cores else None

        def places(number: int) -> Places:
            return PlacesOnMachine(env, number, cores) if cores else Places(env, number)

        self._workers = [places(1) for _ in range(fleet.workers)]
        self._slots = [simpy.Resource(env, fleet.slots) for _ in range(fleet.workers)]
        self._reads = [
            [simpy.Resource(env, fleet.reads_in_flight) for _ in range(fleet.powerdns_servers)]
            for _ in range(fleet.workers)
        ]
        self._unsent: dict[tuple[object, ...], simpy.Event] = {}
        self._temporal = places(fleet.temporal_cores)
        self._others = places(fleet.shared_cores or 1)
        self._servers = [places(fleet.powerdns_cores) for _ in range(fleet.powerdns_servers)]
        self._writers = [simpy.Resource(env, fleet.writers) for _ in range(fleet.powerdns_servers)]
        self._paces = [Places(env, 1) for _ in range(fleet.powerdns_servers)]
        self._resolvers = Places(env, fleet.egress_addresses)
        share = -(-fleet.sovereigns // fleet.zones) * PER_SOVEREIGN if fleet.written_before else 0
        self._zones = [_Zone(number, fleet.rrsets_before + share) for number in range(fleet.zones)]
        self._databases = [fleet.rrsets_elsewhere] * fleet.powerdns_servers
        self._hosted = [fleet.zones_elsewhere] * fleet.powerdns_servers
        for zone in self._zones:
            self._databases[self._server(zone)] += zone.rrsets
            self._hosted[self._server(zone)] += 1
        self.played = Played()

    def play(self) -> Played:
        """Until the last one has ended."""
        fleet, played = self._fleet, self.played
        for number in range(fleet.sovereigns):
            self._env.process(self._sovereign(number))
        self._env.run()
        played.seconds = max(played.ended_after)
        played.places = {
            "workers' CPU": fleet.workers,
            "Temporal's CPU": fleet.temporal_cores,
            "PowerDNS' CPU": fleet.powerdns_servers * fleet.powerdns_cores,
            "PowerDNS' writer": min(fleet.powerdns_servers * fleet.writers, fleet.zones),
            "pace of PowerDNS' task queue": fleet.powerdns_servers,
        }
        if fleet.questions_per_second:
            played.places["resolvers' limit"] = fleet.egress_addresses
        if fleet.shared_cores:
            played.places[OTHERS] = played.places["the machine's CPU"] = fleet.shared_cores
        return played

    def _server(self, zone: _Zone) -> int:
        return zone.number % self._fleet.powerdns_servers

    def _sovereign(self, number: int) -> Waits:
        worker = number % self._fleet.workers
        zone = self._zones[number % self._fleet.zones]
        if self._fleet.only_writes:
            yield from self._written(zone)
            self.played.written_after.append(self._env.now)
            self.played.ended_after.append(self._env.now)
            return
        of_worker = self._random.choice(self._worker_cpu) / (WORKFLOW_PARTS + STEP_PARTS)
        cpu = of_worker, self._random.choice(self._temporal_cpu) / WORKFLOW_PARTS
        yield from self._think(worker, *cpu)
        yield from self._step_on_powerdns(worker, zone, of_worker, writes=False)
        yield from self._think(worker, *cpu)
        yield from self._step_on_powerdns(worker, zone, of_worker, writes=True)
        self.played.written_after.append(self._env.now)
        if self._fleet.questions_per_second:
            seconds = self._fleet.questions / self._fleet.questions_per_second
            yield self._serve("resolvers' limit", self._resolvers, seconds)
        if self._others_cpu:
            yield self._serve(OTHERS, self._others, self._random.choice(self._others_cpu))
        yield from self._think(worker, *cpu)
        self.played.ended_after.append(self._env.now)

    def _think(self, worker: int, of_worker: float, of_temporal: float) -> Waits:
        yield self._serve("Temporal's CPU", self._temporal, of_temporal)
        yield self._serve("workers' CPU", self._workers[worker], of_worker)

    def _serve(self, name: str, places: Places, seconds: float) -> simpy.Event:
        self.played.busy[name] += seconds
        if isinstance(places, PlacesOnMachine):
            self.played.busy["the machine's CPU"] += seconds
        return places.end_of(seconds)

    def _step_on_powerdns(self, worker: int, zone: _Zone, of_worker: float, *, writes: bool) -> Waits:
        server = self._server(zone)
        yield self._serve("pace of PowerDNS' task queue", self._paces[server], 1 / self._fleet.paced_per_second)
        with self._slots[worker].request() as slot:
            yield slot
            measured, at = self._measured, self._random.random()
            if not writes:
                yield self._serve("workers' CPU", self._workers[worker], of_worker)
                seconds = measured.reads_of_the_zone_step(at)
                yield self._shared_read("zone-create", worker, zone, seconds)
                return
            here = self._env.event()
            zone.on_their_way[here] = None
            yield self._serve("workers' CPU", self._workers[worker], of_worker)
            place = self._databases[server], self._hosted[server], at
            shared = self._shared_read("records-upsert", worker, zone, measured.shared_reads(*place))
            own = self._env.process(self._read(worker, server, measured.own_reads(*place)))
            yield self._env.all_of([shared, own])
            zone.on_their_way.pop(here, None)
            here.succeed()
            yield from self._written(zone)
        beside_calls = max(self._random.choice(self._powerdns_cpu) - measured.calls, 0.0)  # DNS questions above all
        yield self._serve("PowerDNS' CPU", self._servers[server], beside_calls)

    def _shared_read(self, step: str, worker: int, zone: _Zone, seconds: float) -> simpy.Event:
        """Who asks the same as another whose read waits to be sent, waits for that answer."""
        key = step, worker, zone.number
        if (unsent := self._unsent.get(key)) is not None:
            return unsent
        read = self._env.process(self._read(worker, self._server(zone), seconds, key))
        self._unsent[key] = read
        return read

    def _read(self, worker: int, server: int, seconds: float, key: tuple[object, ...] = ()) -> Waits:
        with self._reads[worker][server].request() as turn:
            yield turn
            self._unsent.pop(key, None)
            yield self._serve("PowerDNS' CPU", self._servers[server], seconds)

    def _written(self, zone: _Zone) -> Waits:
        written = self._env.event()
        zone.waiting.append(written)
        if not zone.is_written:
            zone.is_written = True
            self._env.process(self._write(zone))
        yield written

    def _write(self, zone: _Zone) -> Waits:
        """One PATCH after the other, until nothing waits. What comes while one waits for its turn goes with it."""
        fleet, server = self._fleet, self._server(zone)
        most = max(fleet.most_rrsets // PER_SOVEREIGN, 1) if fleet.group_commit else 1
        while zone.waiting:
            if fleet.group_commit and zone.on_their_way:
                yield from self._gather(zone)
            with self._writers[server].request() as turn:
                yield turn
                together, zone.waiting = zone.waiting[:most], zone.waiting[most:]
                yield from self._send(zone, server, len(together) * PER_SOVEREIGN)
            for written in together:
                written.succeed()
        zone.is_written = False

    def _gather(self, zone: _Zone) -> Waits:
        """Waits for those who are reading what they are to write: for each once, and not for long."""
        awaited = list(zone.on_their_way)
        yield self._env.any_of([self._env.all_of(awaited), self._env.timeout(LONGEST_GATHERING_SECONDS)])
        for here in awaited:
            zone.on_their_way.pop(here, None)

    def _send(self, zone: _Zone, server: int, rrsets: int) -> Waits:
        start = self._env.now
        seconds = self._patch.draw(zone.rrsets, rrsets, self._random.random())
        self.played.busy["PowerDNS' writer"] += seconds
        yield self._serve("PowerDNS' CPU", self._servers[server], seconds)
        self.played.patches.append((zone.number, start, self._env.now, rrsets))
        if not self._fleet.written_before:
            zone.rrsets += rrsets
            self._databases[server] += rrsets


def play(fleet: Fleet, measured: Measured, seed: int = 1) -> Played:
    """What happens when so many start at once."""
    return Simulation(fleet, measured, seed).play()

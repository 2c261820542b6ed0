"""What becomes of each request: decided by the seed, by what is asked and how often it was asked, and by no clock."""

import random
import re
from collections import Counter
from collections.abc import Sequence

from tests.chaos.dns_faults import DnsFault, DnsFaultKind
from tests.chaos.http_faults import HttpFault, HttpFaultKind

_HANG_SECONDS = (1.0, 40.0)
"""The longest outlasts the clients' own patience."""

_PAUSE_SECONDS = (0.05, 2.0)

_RARE: dict[str, float] = {"hang": 0.15}
"""How often, beside the other kinds, one comes that holds everything up for long."""

_NUMBER_OF_THE_RUN = re.compile(r"resourceVersion=\d+|timeoutSeconds=\d+")


class SeededHttpFates:
    """For one HTTP backend. The same request gets the same fate at its n-th time, in every run of a seed.

    Args:
        seed: of the run.
        backend: its name; each has fates of its own.
        share: of the requests that fail, between 0 and 1.
        kinds: of what goes wrong.
    """

    def __init__(self, seed: int, backend: str, share: float, kinds: Sequence[HttpFaultKind]) -> None:
        self.share = share
        self._seed = seed
        self._backend = backend
        self._kinds = list(kinds)
        self._times: Counter[str] = Counter()

    def __call__(self, method: str, path: str, _body: bytes) -> HttpFault | None:
        asked = f"{method} {_NUMBER_OF_THE_RUN.sub('', path)}"
        self._times[asked] += 1
        decided = random.Random(f"{self._seed}/{self._backend}/{asked}/{self._times[asked]}")
        if decided.random() >= self.share:
            return None
        kind = decided.choices(self._kinds, [_RARE.get(kind, 1.0) for kind in self._kinds])[0]
        return HttpFault(kind, decided.uniform(*(_HANG_SECONDS if kind == "hang" else _PAUSE_SECONDS)))


class SeededDnsFates:
    """For one DNS server, likewise."""

    def __init__(self, seed: int, server: str, share: float, kinds: Sequence[DnsFaultKind]) -> None:
        self.share = share
        self._seed = seed
        self._server = server
        self._kinds = list(kinds)
        self._times: Counter[str] = Counter()

    def __call__(self, name: str, rrtype: str) -> DnsFault | None:
        asked = f"{name} {rrtype}"
        self._times[asked] += 1
        decided = random.Random(f"{self._seed}/{self._server}/{asked}/{self._times[asked]}")
        if decided.random() >= self.share:
            return None
        return DnsFault(decided.choice(self._kinds), decided.uniform(*_PAUSE_SECONDS))

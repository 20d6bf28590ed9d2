"""The last seconds of a service: quantiles of times and shares of failures, from counts, in constant memory."""

import threading
import time
from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

EDGES = tuple(0.001 * 1.2**step for step in range(64))
"""Upper edges of the bins in which times are counted, in seconds: 1 ms to 97 s, a fifth apart."""


@dataclass
class _Slice:
    """What was counted in one slice of the window."""

    number: int
    answers: int = 0
    failures: int = 0
    times: Counter[int] = field(default_factory=Counter)
    waits: Counter[int] = field(default_factory=Counter)


class Recent:
    """Counts over a sliding window, kept in slices of a tenth of it; callable from any thread.

    Parameters
    ----------
    window
        Its length, in seconds.
    clock
        Gives seconds.
    """

    def __init__(self, window: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._width, self._clock = window / 10, clock
        self._slices: deque[_Slice] = deque(maxlen=10)
        self._lock = threading.Lock()

    def answered(self, seconds: float, failed: bool) -> None:
        """Count an answer."""
        with self._lock:
            now = self._now()
            now.answers += 1
            now.failures += failed
            now.times[bisect_left(EDGES, seconds)] += 1

    def queued(self, seconds: float) -> None:
        """Count a decision's time in the queue."""
        with self._lock:
            self._now().waits[bisect_left(EDGES, seconds)] += 1

    @property
    def answers(self) -> int:
        """Answers in the window."""
        return sum(each.answers for each in self._within())

    @property
    def failure_share(self) -> float:
        """Share of the answers that failed; 0 without answers."""
        within = self._within()
        return sum(each.failures for each in within) / max(1, sum(each.answers for each in within))

    def latency(self, share: float) -> float:
        """Return the time within which a share of the answers came, at most a fifth too long; 0 without answers."""
        return _quantile([each.times for each in self._within()], share)

    def queue(self, share: float) -> float:
        """Return the time in the queue that a share of the decisions did not exceed, at most a fifth too long."""
        return _quantile([each.waits for each in self._within()], share)

    def _now(self) -> _Slice:
        number = int(self._clock() / self._width)
        if not self._slices or self._slices[-1].number != number:
            self._slices.append(_Slice(number))
        return self._slices[-1]

    def _within(self) -> list[_Slice]:
        with self._lock:
            first = int(self._clock() / self._width) - 10
            return [each for each in self._slices if each.number > first]


def _quantile(counts: list[Counter[int]], share: float) -> float:
    total: Counter[int] = Counter()
    for each in counts:
        total.update(each)
    wanted, seen = share * total.total(), 0
    for at in sorted(total):
        seen += total[at]
        if seen >= wanted:
            return EDGES[min(at, len(EDGES) - 1)]
    return 0.0

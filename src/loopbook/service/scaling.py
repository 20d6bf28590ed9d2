"""Autoscaling: how many worker processes, by the time that decisions wait in the queue.

The rule is the one of Kubernetes' horizontal autoscaler, so that one machine and a cluster behave alike: workers grow
in proportion to metric over target, at once; they shrink only by the largest number recommended within a time of calm,
and one at a time. A queue says nothing of how few workers would be too few, so the rule remembers at which rate workers
were not enough, and does not try that again soon.

References
----------
Kubernetes documentation, Horizontal Pod Autoscaling: algorithm details, stabilization window.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from loopbook.scenario.errors import LoopbookError

SHARE = 0.95
"""Of the decisions, whose time in the queue is held against the target."""
MOST = 64
_TOLERANCE = 0.1  # metric over target that counts as 1: no change for a trifle
_ROOM = 0.8  # of the rate at which fewer workers were not enough, that they may be given again


@dataclass(frozen=True)
class Rule:
    """Within which limits, and how fast, workers are added and taken away.

    Attributes
    ----------
    least, most
        Number of workers.
    target
        Seconds in the queue that 95 % of the decisions should not exceed.
    settle
        Seconds after a change in which none are added: new workers load the model meanwhile.
    calm
        Seconds for which fewer must have sufficed before one is taken away.
    memory
        Seconds for which it is remembered at which rate a number of workers was not enough.
    """

    least: int
    most: int
    target: float = 0.05
    settle: float = 5.0
    calm: float = 60.0
    memory: float = 900.0


@dataclass(frozen=True)
class Sample:
    """What was measured since the sample before.

    Attributes
    ----------
    at
        When, in seconds of a clock that never goes back.
    workers
        How many there were.
    queue
        Seconds in the queue that 95 % of the decisions did not exceed; 0 without decisions.
    rate
        Decisions a second.
    """

    at: float
    workers: int
    queue: float
    rate: float


def limits(text: str) -> tuple[int, int]:
    """Return least and most workers from ``2``, or ``1:4``, where the queue decides between them.

    Raises
    ------
    LoopbookError
        If it is neither.
    """
    least, _, most = text.partition(":")
    parts = (least, most or least)
    if not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
        raise LoopbookError(f"--workers {text!r}: write a number, such as 2, or the least and the most, such as 1:4.")
    low, high = map(int, parts)
    if not 1 <= low <= high <= MOST:
        raise LoopbookError(f"--workers {text!r}: from 1 to {MOST} workers, the smaller number first.")
    return low, high


def wanted(history: Sequence[Sample], rule: Rule) -> int:
    """Return how many workers there should be.

    Parameters
    ----------
    history
        Samples in the order of time, the newest last; `trimmed` keeps as many as are needed.
    rule
        Its limits hold whatever was measured.
    """
    if not history:
        return rule.least
    now = history[-1]
    if now.workers < rule.least or now.workers > rule.most:
        return min(max(now.workers, rule.least), rule.most)
    more = _recommended(now, rule)
    if more > now.workers:
        return now.workers if now.at - _changed(history) < rule.settle else min(more, rule.most)
    begin = now.at - rule.calm
    if history[0].at > begin or _changed(history) > begin:
        return now.workers
    enough = max(_recommended(sample, rule) for sample in history if sample.at > begin)
    busiest = max(sample.rate for sample in history if sample.at > begin)
    fewer = now.workers - 1
    if enough >= now.workers or fewer < rule.least or busiest > _ROOM * _refused(history, fewer, rule):
        return now.workers
    return fewer


def trimmed(history: Sequence[Sample], rule: Rule) -> list[Sample]:
    """Return the samples that `wanted` may still need."""
    begin = history[-1].at - max(rule.memory, rule.calm + rule.settle) if history else 0.0
    return [sample for sample in history if sample.at >= begin]


def quantile(before: Mapping[float, float], now: Mapping[float, float], share: float = SHARE) -> float:
    """Return a quantile of what was counted between two readings of a histogram, as Prometheus estimates it.

    Parameters
    ----------
    before, now
        Cumulative counts by upper edge, the last of which is infinite.
    share
        Of what was counted, that is not to exceed it.

    Returns
    -------
    float
        Interpolated within its bin; the last finite edge if it lies beyond; 0 if nothing was counted.
    """
    counted = [(edge, count - before.get(edge, 0.0)) for edge, count in sorted(now.items())]
    total = counted[-1][1] if counted else 0.0
    if total <= 0:
        return 0.0
    rank = share * total
    for (low, below), (high, upto) in pairwise([(0.0, 0.0), *counted]):
        if upto >= rank:
            return low if math.isinf(high) else low + (high - low) * (rank - below) / max(upto - below, 1e-12)
    return counted[-1][0]


class Meter:
    """Reads the queue of all worker processes of this machine, from what they count for Prometheus.

    Parameters
    ----------
    read
        Returns the cumulative counts of ``loopbook_queue_seconds`` by upper edge; `metrics.queued` does.
    """

    def __init__(self, read: Callable[[], Mapping[float, float]]) -> None:
        self._read = read
        self._before = dict(read())
        self._at: float | None = None

    def sample(self, at: float, workers: int) -> Sample:
        """Return what was measured since the last call; the first counts from the meter's making."""
        now = dict(self._read())
        seconds = max(at - self._at, 1e-3) if self._at is not None else math.inf
        many = now.get(math.inf, 0.0) - self._before.get(math.inf, 0.0)
        found = Sample(at, workers, quantile(self._before, now), many / seconds)
        self._before, self._at = now, at
        return found


class Scaler:
    """Measures, remembers, and says how many workers there should be.

    Parameters
    ----------
    rule
        By which it decides.
    meter
        By which it measures.
    """

    def __init__(self, rule: Rule, meter: Meter) -> None:
        self._rule, self._meter = rule, meter
        self._history: list[Sample] = []

    def look(self, at: float, workers: int) -> int:
        """Measure, and return the number wanted; `workers` answer now."""
        self._history = trimmed([*self._history, self._meter.sample(at, workers)], self._rule)
        return wanted(self._history, self._rule)


def _recommended(sample: Sample, rule: Rule) -> int:
    """Return the autoscaler's number: workers in proportion to metric over target, at most twice as many."""
    ratio = min(sample.queue / rule.target, 2.0)
    return sample.workers if abs(ratio - 1) <= _TOLERANCE else math.ceil(sample.workers * ratio)


def _changed(history: Sequence[Sample]) -> float:
    """Return when the number of workers was last another; long ago if it never was."""
    changes = (later.at for sooner, later in pairwise(history) if sooner.workers != later.workers)
    return max(changes, default=-math.inf)


def _refused(history: Sequence[Sample], workers: int, rule: Rule) -> float:
    """Return what so many workers do at most: the largest rate, in proportion, of workers that were not enough."""
    begin = history[-1].at - rule.memory
    short = (sample for sample in history if sample.at >= begin and _recommended(sample, rule) > sample.workers)
    return max((sample.rate * workers / sample.workers for sample in short), default=math.inf)

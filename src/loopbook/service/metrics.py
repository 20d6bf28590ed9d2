"""Metrics in Prometheus' text format, one count over all worker processes of a machine."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from loopbook.service.recent import Recent

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where the workers of one machine count together: the variable that prometheus_client reads when it is imported."""

SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


def share(folder: Path) -> None:
    """Let the processes that are started from now on count together, from zero: call it once, before any of them.

    Raises
    ------
    RuntimeError
        If prometheus_client was imported before: it would count for this process alone.
    """
    if "prometheus_client" in sys.modules and os.environ.get(FOLDER) != str(folder):
        raise RuntimeError(f"{FOLDER} must be set before prometheus_client is imported.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for old in folder.glob("*.db"):
        old.unlink()
    os.environ[FOLDER] = str(folder)


class Metrics:
    """What a worker counts; every method may be called from any thread.

    Attributes
    ----------
    recent
        The same of the last seconds, for alerts.
    """

    def __init__(self, window: float = 60.0) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        self.recent = Recent(window)
        self._own = CollectorRegistry()
        shared: dict[str, Any] = {"registry": self._own}
        self._requests = Counter(
            "loopbook_requests", "Answers by route, method and status", ["route", "method", "status"], **shared
        )
        self._seconds = Histogram(
            "loopbook_request_seconds", "From request to answer", ["route"], buckets=SECONDS, **shared
        )
        self._queued = Histogram("loopbook_queue_seconds", "Time of decisions in the queue", buckets=SECONDS, **shared)
        self._batches = Histogram("loopbook_batch_size", "Decisions made at once", buckets=SIZES, **shared)
        self._decisions = Counter("loopbook_decisions", "Decisions by action", ["action"], **shared)
        self._turns = Counter("loopbook_turns", "What customers wrote, by what the desk did", ["act"], **shared)
        self._challenger = Counter("loopbook_challenger", "Rows of the challenger on trial", ["what"], **shared)
        self._incidents = Counter("loopbook_incidents", "Faults inside, each with a trace in the log", **shared)
        self._alerts = Gauge(
            "loopbook_alert", "1: the service is alerted of itself", ["what"], multiprocess_mode="livemax", **shared
        )
        self._children: dict[tuple[str, ...], Any] = {}

    def answered(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count an answer."""
        key = (route, method, str(status))
        count = self._children.get(key) or self._children.setdefault(key, self._requests.labels(*key))
        count.inc()
        timed = self._children.get((route,)) or self._children.setdefault((route,), self._seconds.labels(route))
        timed.observe(seconds)
        self.recent.answered(seconds, status >= 500)

    def batch(self, waited: Sequence[float]) -> None:
        """Count decisions made at once: how long each had waited in the queue, in seconds."""
        self._batches.observe(len(waited))
        for seconds in waited:
            self._queued.observe(seconds)
            self.recent.queued(seconds)

    def decided(self, actions: Mapping[str, int]) -> None:
        """Count decisions, by action."""
        for action, many in actions.items():
            self._decisions.labels(action).inc(many)

    def turn(self, act: str) -> None:
        """Count what a customer wrote, by the desk's act; `busy`, `slow` and `fault`: it could not act."""
        self._turns.labels(act).inc()

    def challenger(self, what: str, many: int) -> None:
        """Count rows of the challenger on trial: decided, shadowed, dropped or failed."""
        self._challenger.labels(what).inc(many)

    def incident(self) -> None:
        """Count a fault inside."""
        self._incidents.inc()

    def alert(self, what: str, on: bool) -> None:
        """Say whether the service is alerted of itself."""
        self._alerts.labels(what).set(float(on))

    def text(self) -> tuple[bytes, str]:
        """Return all that is counted, over all worker processes, and its media type."""
        from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess

        registry = self._own
        if os.environ.get(FOLDER):
            registry = CollectorRegistry()
            multiprocess.MultiProcessCollector(registry)
        return generate_latest(registry), CONTENT_TYPE_LATEST


def queued() -> dict[float, float]:
    """Return how many decisions waited at most so long in the queue, by upper edge, over all worker processes."""
    from prometheus_client import CollectorRegistry, multiprocess

    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    samples = (sample for metric in registry.collect() for sample in metric.samples)
    return {float(each.labels["le"]): each.value for each in samples if each.name == "loopbook_queue_seconds_bucket"}


def ended(process: int) -> None:
    """Say that a worker has ended, so that its alerts end with it; its counts stay."""
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(process)

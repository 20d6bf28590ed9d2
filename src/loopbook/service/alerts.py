"""Alerts of the service on itself: latency, errors, queue; each beginning and end is an entry of the log."""

import json
import threading
from collections.abc import Mapping
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

from sqlalchemy import Engine, select

from loopbook.decisions.audit import chain, entry
from loopbook.decisions.audit.tables import RECORDS
from loopbook.decisions.audit.writer import Writer
from loopbook.scenario.service import ServiceSettings
from loopbook.service.errors import LOG
from loopbook.service.metrics import Metrics
from loopbook.service.recent import Recent

FEWEST = 20
"""Answers in the window below which nothing is judged: the 99 % of a handful is its slowest."""


def judged(recent: Recent, settings: ServiceSettings) -> dict[str, str]:
    """Return what is wrong with a service now: what, and how it was measured."""
    if recent.answers < FEWEST:
        return {}
    latency, failed, queue = recent.latency(0.99), recent.failure_share, recent.queue(0.99)
    window = f"in the last {settings.alert_seconds:g} s"
    checks = {
        "latency": (
            latency > settings.alert_p99,
            f"99% of answers took up to {latency:.3g} s {window}, limit {settings.alert_p99:g} s",
        ),
        "errors": (
            failed > settings.alert_error_share,
            f"{failed:.1%} of answers failed {window}, limit {settings.alert_error_share:.1%}",
        ),
        "queue": (
            queue > settings.alert_queue,
            f"99% of decisions waited up to {queue:.3g} s {window}, limit {settings.alert_queue:g} s",
        ),
    }
    return {what: text for what, (wrong, text) in checks.items() if wrong}


class Standing(NamedTuple):
    """An alert that began and has not ended, as the log says."""

    agent: str
    what: str
    text: str
    since: datetime


def standing(engine: Engine, since: datetime) -> list[Standing]:
    """Return the alerts of workers that began after `since` and stand, over all agents; the oldest first.

    Those of a worker that was killed stand until `since` passes them: it could not say any more that they ended.
    """
    found: dict[tuple[str, str], Standing] = {}
    begun = RECORDS.c.facts.like('%"act":"alert-%') | RECORDS.c.facts.like(f'%"act":"{entry.CLOSED}"%')
    query = select(*RECORDS.c["agent", "writer", "written", "facts"]).where(
        RECORDS.c.kind == "admin", RECORDS.c.written >= chain.stamp(since), begun
    )
    with engine.connect() as connection:
        rows = connection.execute(query.order_by(RECORDS.c.written, RECORDS.c.seq)).all()
    for row in rows:
        facts = json.loads(row.facts)
        if facts["act"] == "alert-began":
            found[row.writer, facts["what"]] = Standing(
                row.agent, facts["what"], facts["text"], chain.moment(row.written)
            )
        elif facts["act"] == "alert-ended":
            found.pop((row.writer, facts["what"]), None)
        else:
            found = {place: alert for place, alert in found.items() if place[0] != row.writer}
    return list(found.values())


class Watch:
    """A thread that judges a worker every few seconds, and writes down what begins and ends; a context manager.

    Parameters
    ----------
    metrics
        Of the worker.
    writer
        Of the log.
    settings
        The limits.
    every
        Seconds between two looks; None: a tenth of the window.
    """

    def __init__(self, metrics: Metrics, writer: Writer, settings: ServiceSettings, every: float | None = None) -> None:
        self._metrics, self._writer, self._settings = metrics, writer, settings
        self._every = settings.alert_seconds / 10 if every is None else every
        self._alerts: Mapping[str, str] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="service-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join()

    @property
    def alerts(self) -> list[str]:
        """What is wrong now, in sentences."""
        return [f"{what}: {text}" for what, text in self._alerts.items()]

    def look(self) -> None:
        """Judge once, and write down what has changed."""
        found, before = judged(self._metrics.recent, self._settings), self._alerts
        acts = [
            *(entry.admin("alert-began", what=what, text=text) for what, text in found.items() if what not in before),
            *(entry.admin("alert-ended", what=what) for what in before if what not in found),
        ]
        for what in {*found, *before}:
            self._metrics.alert(what, what in found)
        if acts:
            self._writer.append(acts).result()
        self._alerts = found

    def _run(self) -> None:
        while not self._ended.wait(self._every):
            try:
                self.look()
            except Exception:  # the log cannot be written to just now: the next look says so again
                LOG.exception("the service could not write down its own alerts")

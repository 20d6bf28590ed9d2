"""Looks at what is being decided: computed in a thread of one worker at a time, kept in a file for all of them."""

import json
import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from loopbook.decisions.audit import log_query
from loopbook.decisions.audit.entry import Stored
from loopbook.decisions.audit.log_query import Filter
from loopbook.monitoring import alerts
from loopbook.scenario.errors import LoopbookError
from loopbook.service.errors import incident
from loopbook.service.pages.people import People
from loopbook.statistics.intervals import wilson
from loopbook.store import content, locks, lookup
from loopbook.store.lookup import artifact

MOST = 5_000
"""Decisions that are looked at: the latest ones of the run that is served."""
FRESH = 60.0
"""Seconds for which a look is shown before another one begins."""

_YEAR = timedelta(days=366)


@dataclass(frozen=True)
class Look:
    """What a look has found.

    Attributes
    ----------
    at, seconds
        When it began (Unix seconds), and how long it took.
    run
        Whose decisions were looked at, as scenario/run.
    decisions, checked
        How many there were, and how many could be held against the run's test; 0: too few.
    since, until
        When the first and the last were written down (ISO 8601, UTC); empty if there are none.
    shares
        Of each action: name, number, share, low, high (95% interval), and its share before, in notebook 05.
    found
        What has changed: a sentence, whether it lasts, and its evidence.
    failed
        Why nothing was found out; empty if it was.
    """

    at: float
    seconds: float
    run: str
    decisions: int = 0
    checked: int = 0
    since: str = ""
    until: str = ""
    shares: tuple[dict[str, Any], ...] = ()
    found: tuple[dict[str, Any], ...] = ()
    failed: str = ""

    @property
    def time(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)


class Looks:
    """The latest look, renewed when somebody asks and it is old."""

    def __init__(self, people: People) -> None:
        self._people = people
        folder, name = people.behind.project.work / "live", people.agent.replace("/", "-")
        self._file, self._lock = folder / f"{name}.json", folder / f"{name}.lock"

    def latest(self) -> tuple[Look | None, bool]:
        """Return the latest look, and whether a newer one is under way; nobody waits for it."""
        known, run = self._kept(), self._run()
        if known and known.run == run and time.time() - known.at < FRESH:
            return known, False
        lock = locks.seized(self._lock)
        if lock is not None:
            threading.Thread(target=self._renew, args=(lock, run), name="look", daemon=True).start()
        return (known if known and known.run == run else None), True

    def _renew(self, lock: Any, run: str) -> None:
        try:
            content.write_json(self._file, asdict(self._look(run)))
        finally:
            lock.release()

    def _look(self, run: str) -> Look:
        begun = time.time()
        try:
            wanted = Filter(run=run)
            stored = log_query.page(self._people.database, self._people.agent, wanted, most=MOST).found[::-1]
            checked = self._people.behind.checked(iter(_together(stored)))
            found: tuple[dict[str, Any], ...] = ()
            if checked is not None:
                seen = checked.seen
                found = tuple(
                    {
                        "sentence": alerts.sentence(seen.log, one),
                        "lasts": one.open,
                        "evidence": seen.signals.loc[list(one.signals), "evidence"].tolist(),
                    }
                    for one in seen.incidents
                )
            since, until = (stored[at].written.isoformat(timespec="seconds") if stored else "" for at in (0, -1))
            held, shares = checked.decisions if checked else 0, self._shares(stored, run)
            return Look(begun, time.time() - begun, run, len(stored), held, since, until, shares, found)
        except LoopbookError as error:
            return Look(begun, time.time() - begun, run, failed=str(error))
        except Exception as error:  # the next look may succeed; until then the page names the incident
            return Look(begun, time.time() - begun, run, failed=f"incident {incident(error)}")

    def _shares(self, stored: Sequence[Stored], run: str) -> tuple[dict[str, Any], ...]:
        now = Counter(str(one.facts["action"]) for one in stored)
        table = artifact(self._people.behind.project, lookup.run(self._people.behind.project, run), "decisions")
        before = pd.read_parquet(table, columns=["decision"])["decision"].value_counts(normalize=True).to_dict()
        total = now.total()
        named = sorted({*now, *map(str, before)}, key=lambda name: (-now[name], name)) if total else []
        return tuple(
            {"action": name, "number": now[name], "before": float(before.get(name, 0.0))}
            | dict(zip(("share", "low", "high"), map(float, wilson(now[name] / total, total)), strict=True))
            for name in named
        )

    def _run(self) -> str:
        return str(self._people.behind.about()["versions"]["run"])

    def _kept(self) -> Look | None:
        try:
            return Look(**json.loads(self._file.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):  # none yet, or of another version
            return None


def _together(stored: Sequence[Stored]) -> list[Stored]:
    """Return the decisions whose own times lie within a year of the middle one: each day in between takes a while."""
    times = [_own_time(one) for one in stored]
    middle = sorted(times)[len(times) // 2] if times else None
    return [one for one, time in zip(stored, times, strict=True) if middle and abs(time - middle) <= _YEAR]


def _own_time(stored: Stored) -> datetime:
    told = (stored.payload or {}).get("time")
    return datetime.fromisoformat(told) if told else stored.written

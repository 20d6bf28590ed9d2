"""What a worker has read of the log for the review queue: the latest decisions, and all reviews that stand."""

import threading
import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Engine

from loopbook.decisions.audit import reader
from loopbook.decisions.audit.entry import Stored
from loopbook.feedback import reviewing
from loopbook.feedback.review_order import Pool
from loopbook.feedback.reviewing import Review
from loopbook.service.deciding import Deciding

MOST = 5_000
"""Decisions among which the most useful ones are looked for: the latest."""
FRESH = 5.0
"""Seconds after which a worker looks for new decisions; what was said it reads each time."""
_OVERLAP = timedelta(seconds=2)  # by which an entry may be there later than its time says, where writers do not queue


class Seen:
    """The pool and the reviews of one agent, as of the last `refresh`; callable from any thread.

    Attributes
    ----------
    pool
        Decisions that can be reviewed.
    reviews
        What stands, by decision.
    """

    def __init__(self, behind: Deciding, database: Engine) -> None:
        self.pool = Pool({}, [])
        self.reviews: Mapping[str, list[Review]] = {}
        self._behind, self._database = behind, database
        self._lock = threading.Lock()
        self._read, self._run = float("-inf"), ""
        self._rehearsed: tuple[list[Stored], Mapping[str, str]] = [], {}
        self._decisions: dict[str, Stored] = {}
        self._said: dict[str, Stored] = {}
        self._until: dict[str, datetime] = {}

    def refresh(self) -> None:
        """Read what is new in the log: what was said, and every `FRESH` seconds what was decided."""
        with self._lock:
            begun = time.monotonic()
            if begun - self._read >= FRESH:
                run = str(self._behind.about()["versions"]["run"])
                if changed := run != self._run:
                    self._rehearsed, self._run = self._behind.rehearsed(MOST), run
                if self._new_decisions() or changed:
                    self.pool = self._pooled()
                self._read = begun
            if self._new_reviews():
                said = sorted(self._said.values(), key=lambda stored: (stored.written, stored.writer, stored.seq))
                self.reviews = reviewing.by_decision(reviewing.standing_reviews(said))

    def _new_decisions(self) -> bool:
        """Read decisions that are not known yet; return whether there are any."""
        decided = self._newest("decision", MOST)
        new = {stored.id: stored for stored in decided if stored.payload is not None}.keys() - self._decisions.keys()
        self._decisions |= {stored.id: stored for stored in decided if stored.id in new}
        for id in list(self._decisions)[:-MOST]:
            del self._decisions[id]
        return bool(new)

    def _new_reviews(self) -> bool:
        """Read reviews that are not known yet; return whether there are any."""
        said = self._newest("feedback", None)
        new = {stored.id: stored for stored in said if stored.facts.get("review") and stored.id not in self._said}
        self._said |= new
        return bool(new)

    def _newest(self, kind: str, most: int | None) -> list[Stored]:
        """Return the entries of a kind that may be new since the last time."""
        before = self._until.get(kind)
        found = reader.latest(self._database, self._behind.name, kind, most, before and before - _OVERLAP)
        if found:
            self._until[kind] = found[-1].written
        return found

    def _pooled(self) -> Pool:
        """Return what was served; without that, what was rehearsed. Of known truth are only rehearsed decisions."""
        rehearsed, known = self._rehearsed
        decided = [*self._decisions.values(), *(item for item in rehearsed if item.id in known)]
        return Pool.of(self._behind.scenario, decided if self._decisions else rehearsed, known)

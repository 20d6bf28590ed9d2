"""A fetch's journal: every address with what came of it, in one SQLite file; what is in it is never asked for again."""

import hashlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from loopbook.data import download
from loopbook.data.web.addresses import host, pattern
from loopbook.data.web.visits import WAITING, Found, Outcome, Visit
from loopbook.scenario.errors import DataError

_SCHEMA = """
CREATE TABLE crawl (id INTEGER PRIMARY KEY, started TEXT NOT NULL, finished TEXT, left TEXT NOT NULL DEFAULT '{}');
CREATE TABLE visit (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, crawl INTEGER NOT NULL, kind TEXT NOT NULL, address TEXT NOT NULL,
  host TEXT NOT NULL, depth INTEGER NOT NULL, hops INTEGER NOT NULL, lineage TEXT NOT NULL, repeats TEXT,
  state TEXT NOT NULL,
  status INTEGER NOT NULL DEFAULT 0, headers TEXT NOT NULL DEFAULT '{}', sha256 TEXT, size INTEGER NOT NULL DEFAULT 0,
  detail TEXT NOT NULL DEFAULT '', at TEXT, UNIQUE (crawl, address, kind)
);
CREATE INDEX frontier ON visit (crawl, state, depth, seq, host);
CREATE INDEX likes ON visit (crawl, repeats);
CREATE TABLE body (sha256 TEXT PRIMARY KEY, first TEXT NOT NULL, content BLOB NOT NULL);
"""


def now() -> str:
    """Return the time in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


@contextmanager
def opened(path: Path) -> Iterator["Journal"]:
    """Open a journal for a while.

    Raises
    ------
    DataError
        If the file is damaged, or the disk full.
    """
    journal = None
    try:
        journal = Journal(path)
        yield journal
    except sqlite3.DatabaseError as error:
        raise DataError(f"{path} cannot be used: {error}. If it is damaged, remove it, and fetch again.") from error
    finally:
        if journal is not None:
            journal.close()


class Journal:
    """One file, written by one process at a time; each visit is one transaction, so that a kill leaves it whole.

    Parameters
    ----------
    path
        The file; it is made, readable by its owner only.
    """

    def __init__(self, path: Path) -> None:
        if not path.exists():
            for stale in path.parent.glob(
                f"{path.name}-*"
            ):  # of a file that is gone: it would be written into this one
                stale.unlink()
            os.close(download.private(path))
        self._base = sqlite3.connect(path, isolation_level=None, timeout=60)
        self._base.executescript("PRAGMA auto_vacuum=FULL; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
        self._known: dict[int, int] = {}
        if not self._base.execute("SELECT 1 FROM sqlite_master").fetchone():
            with self._whole():
                for statement in _SCHEMA.split(";\n"):
                    self._base.execute(statement)

    def close(self) -> None:
        self._base.close()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        self._base.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._base.execute("ROLLBACK")
            raise
        self._base.execute("COMMIT")

    def open_crawl(self) -> tuple[int, bool]:
        """Return the crawl that was not finished, or a new one; and whether it is one that goes on."""
        unfinished = self._base.execute("SELECT id FROM crawl WHERE finished IS NULL").fetchone()
        if unfinished:
            return int(unfinished[0]), True
        return int(self._base.execute("INSERT INTO crawl (started) VALUES (?)", [now()]).lastrowid or 0), False

    def begin(self, crawl: int, found: Iterator[Found] | tuple[Found, ...]) -> None:
        """Note the first addresses; robots.txt of a crawl that goes on is asked for again after a day (RFC 9309)."""
        with self._whole():
            self._base.execute(
                "UPDATE visit SET state = ? WHERE crawl = ? AND kind = 'robots'"
                " AND julianday('now') - julianday(at) > 1",
                [WAITING, crawl],
            )
            self._add(crawl, found, 1 << 62, 1 << 62)

    def next(self, crawl: int, busy: set[str]) -> Visit | None:
        """Return the next address to visit, nearest to the start first, on none of the hosts that are busy."""
        free = ",".join("?" * len(busy))
        rows = self._visits(
            f"crawl = ? AND state = ? AND host NOT IN ({free}) ORDER BY depth, seq LIMIT 1", [crawl, WAITING, *busy]
        )
        return next(rows, None)

    def note(self, crawl: int, visit: Visit, outcome: Outcome, most: int, most_alike: int) -> None:
        """Note what came of a visit, and the new addresses among those that it led to.

        Parameters
        ----------
        most
            Addresses that a crawl may know.
        most_alike
            Addresses of one pattern that pages of the same pattern have led to, or those that these have led to.
        """
        with self._whole():
            sha256 = hashlib.sha256(outcome.body).hexdigest() if outcome.body else None
            at = now()
            if sha256:
                packed = zlib.compress(outcome.body, 6)
                self._base.execute("INSERT OR IGNORE INTO body VALUES (?, ?, ?)", [sha256, at, packed])
            self._base.execute(
                "UPDATE visit SET state=?, status=?, headers=?, sha256=?, size=?, detail=?, at=? WHERE seq=?",
                [outcome.state, outcome.status, json.dumps(dict(outcome.headers)), sha256, outcome.size,
                 outcome.detail, at, visit.seq],
            )  # fmt: skip
            left = self._add(crawl, outcome.found, most, most_alike)
            self._leave(crawl, {**outcome.left, **left})

    def _add(self, crawl: int, found: Iterator[Found] | tuple[Found, ...], most: int, alike: int) -> dict[str, int]:
        """Add addresses that are new, with the robots.txt of a new host before them; say how many were left out."""
        known = self._known.get(crawl) or self._one("SELECT count(*) FROM visit WHERE crawl = ?", crawl)
        left: dict[str, int] = {}
        for new in found:
            if self._count("address = ? AND kind = ?", 1, crawl, new.address, new.kind):
                continue
            form = pattern(new.address)
            repeats = form if form in new.lineage else None
            trapped = repeats and self._count("repeats = ?", alike, crawl, form) >= alike
            if trapped or known >= most:
                reason = "pattern_pages" if trapped else "too many addresses"
                left[reason] = left.get(reason, 0) + 1
                continue
            root = f"{new.address.split('/', 1)[0]}//{host(new.address)}/robots.txt"
            known += self._insert(crawl, Found(root, "robots", -1), None) + self._insert(crawl, new, repeats)
        self._known[crawl] = known
        return left

    def _count(self, where: str, most: int, crawl: int, *values: Any) -> int:
        query = f"SELECT count(*) FROM (SELECT 1 FROM visit WHERE crawl = ? AND {where} LIMIT ?)"
        return self._one(query, crawl, *values, most)

    def _insert(self, crawl: int, new: Found, repeats: str | None) -> int:
        return self._base.execute(
            "INSERT OR IGNORE INTO visit (crawl, kind, address, host, depth, hops, lineage, repeats, state)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                crawl,
                new.kind,
                new.address,
                host(new.address),
                new.depth,
                new.hops,
                json.dumps(new.lineage),
                repeats,
                WAITING,
            ],
        ).rowcount

    def _leave(self, crawl: int, left: Mapping[str, int]) -> None:
        if left:
            said = self.left(crawl)
            total = {reason: said.get(reason, 0) + left.get(reason, 0) for reason in {*said, *left}}
            self._base.execute("UPDATE crawl SET left = ? WHERE id = ?", [json.dumps(total, sort_keys=True), crawl])

    def left(self, crawl: int) -> dict[str, int]:
        """Return how many addresses were left out, by reason."""
        row = self._base.execute("SELECT left FROM crawl WHERE id = ?", [crawl]).fetchone()
        return dict(json.loads(row[0]))

    def finish(self, crawl: int, reason: str, keep_all: bool, days: float | None) -> None:
        """Mark a crawl as whole, count what still waits as left out for `reason`, and take older content away.

        Parameters
        ----------
        keep_all
            Earlier crawls stay too, up to their `days`: a feed forgets, and its entries do not.
        """
        with self._whole():
            waiting = self._one("SELECT count(*) FROM visit WHERE crawl=? AND state=? AND kind='page'", crawl, WAITING)
            self._leave(crawl, {reason: waiting} if waiting else {})
            self._base.execute("DELETE FROM visit WHERE crawl = ? AND state = ?", [crawl, WAITING])
            self._base.execute("UPDATE crawl SET finished = ? WHERE id = ?", [now(), crawl])
            if not keep_all:
                self._base.execute("DELETE FROM visit WHERE crawl <> ?", [crawl])
            elif days is not None:
                old = "crawl <> ? AND julianday(at) < julianday('now') - ?"
                self._base.execute(f"DELETE FROM visit WHERE {old}", [crawl, days])
            self._base.execute("DELETE FROM crawl WHERE id <> ? AND id NOT IN (SELECT crawl FROM visit)", [crawl])
            self._base.execute("DELETE FROM body WHERE sha256 NOT IN (SELECT sha256 FROM visit WHERE sha256 NOTNULL)")

    def spent(self, crawl: int) -> tuple[int, int]:
        """Return how many pages were asked for, and how many bytes came."""
        row = self._base.execute(
            "SELECT count(*), coalesce(sum(size), 0) FROM visit WHERE crawl = ? AND kind IN ('page', 'feed')"
            " AND state NOT IN (?, 'forbidden', 'robots-unreachable')",
            [crawl, WAITING],
        ).fetchone()
        return int(row[0]), int(row[1])

    def waiting(self, crawl: int) -> int:
        """Return how many known addresses have not been visited."""
        return self._one("SELECT count(*) FROM visit WHERE crawl = ? AND state = ?", crawl, WAITING)

    def before(self, crawl: int, address: str, kind: str) -> Visit | None:
        """Return the newest visit in an earlier crawl that brought content."""
        where = "crawl < ? AND address = ? AND kind = ? AND sha256 NOTNULL ORDER BY crawl DESC LIMIT 1"
        return next(self._visits(where, [crawl, address, kind]), None)

    def robots(self, crawl: int, own: str) -> Visit | None:
        """Return the visit of a host's robots.txt."""
        return next(
            self._visits("crawl = ? AND kind = 'robots' AND host = ? AND state <> ?", [crawl, own, WAITING]), None
        )

    def visits(self, crawl: int | None, *kinds: str) -> list[Visit]:
        """Return the visits of a crawl, or of all whole ones, in the order in which their addresses were found."""
        asked = ",".join("?" * len(kinds))
        which = "crawl = ?" if crawl is not None else "crawl IN (SELECT id FROM crawl WHERE finished NOTNULL) AND 0 = ?"
        return list(self._visits(f"{which} AND kind IN ({asked}) ORDER BY seq", [crawl or 0, *kinds]))

    def whole(self) -> tuple[int, str, str] | None:
        """Return the newest whole crawl, with when it began and ended."""
        row = self._base.execute(
            "SELECT id, started, finished FROM crawl WHERE finished NOTNULL ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return (int(row[0]), str(row[1]), str(row[2])) if row else None

    def unfinished(self) -> int:
        """Return how many pages a crawl has that was not finished; 0: there is none."""
        row = self._base.execute("SELECT id FROM crawl WHERE finished IS NULL").fetchone()
        return max(1, self.spent(int(row[0]))[0]) if row else 0

    def body(self, sha256: str) -> tuple[bytes, str]:
        """Return the content with this hash, and when it came for the first time."""
        content, first = self._base.execute("SELECT content, first FROM body WHERE sha256 = ?", [sha256]).fetchone()
        return zlib.decompress(content), str(first)

    def _one(self, query: str, *values: Any) -> int:
        return int(self._base.execute(query, values).fetchone()[0])

    def _visits(self, where: str, values: list[Any]) -> Iterator[Visit]:
        columns = ", ".join(Visit._fields)
        for row in self._base.execute(f"SELECT {columns} FROM visit WHERE {where}", values):
            visit = Visit(*row)
            lineage = tuple(json.loads(str(visit.lineage)))
            yield visit._replace(headers=json.loads(str(visit.headers)), lineage=lineage)

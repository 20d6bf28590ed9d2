"""Measure the explorer's queries on a large log.

``python -m tests.benchmarks.log_query --decisions 50000 --repeats 5`` writes so many decisions of the default agent's
size, every twentieth reviewed, and prints milliseconds (median, smallest, largest; and processor milliseconds, which
other work on the machine does not stretch, but without those of a PostgreSQL server) for: the first page, the 500th by
cursor, pages with each filter (among them one that nothing fits, so that it looks through all that it may), the
counts of the chart, and an export of everything as decisions a second. Beside each page stands the same page by
``OFFSET``, the way without a cursor, of the same repeat. ``--address`` takes PostgreSQL.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Engine
from tests.benchmarks.audit import FACTS, PAYLOAD

from loopbook.decisions.audit import database, log_query, reader
from loopbook.decisions.audit.entry import Entry, new_id
from loopbook.decisions.audit.log_query import Filter
from loopbook.decisions.audit.tables import RECORDS
from loopbook.decisions.audit.writer import Writer
from loopbook.store.project import Project

AGENT = "market-monitor/standard"
PAGE, FAR = 50, 500
FILTERS = {
    "no filter": Filter(),
    "action": Filter(action="alert"),
    "score": Filter(low=0.4, high=0.6),
    "segment": Filter(segment=("company", "Acme 3")),
    "text": Filter(text="report 77", text_fields=("text",)),
    "reviewed": Filter(reviewed=True),
    "fits nothing": Filter(text="no such text", text_fields=("text",)),
}


def write(engine: Engine, many: int) -> None:
    """Write decisions, and feedback on every twentieth."""
    with Writer(engine, AGENT) as writer:
        for first in range(0, many, 1_000):
            ids = [new_id() for _ in range(first, min(first + 1_000, many))]
            entries = [_decision(id, first + at) for at, id in enumerate(ids)]
            said = [Entry("feedback", new_id(), {"decision_id": id, "label": "yes"}, {}) for id in ids[::20]]
            writer.append([*entries, *said]).result()


def _decision(id: str, number: int) -> Entry:
    p = (number * 7919 % 1000) / 1000
    facts = {
        **FACTS,
        "probability": p,
        "action": "alert" if p > 0.9 else "ignore",
        "answer": "yes" if p > 0.5 else "no",
    }
    text = f"{PAYLOAD['fields']['text']} report {number}"  # type: ignore[index]
    return Entry("decision", id, facts, {"fields": {"text": text}, "attributes": {"company": f"Acme {number % 100}"}})


def by_offset(engine: Engine, pages: int) -> None:
    """Fetch a page as one would without a cursor."""
    newest = RECORDS.c.written.desc(), RECORDS.c.writer.desc(), RECORDS.c.seq.desc()
    query = reader.records().where(RECORDS.c.agent == AGENT, RECORDS.c.kind == "decision").order_by(*newest)
    with engine.connect() as connection:
        assert [reader.stored(row) for row in connection.execute(query.offset(pages * PAGE).limit(PAGE))]


def timed(what: Callable[[], object], repeats: int) -> list[tuple[float, float]]:
    """Return milliseconds, and those of the processor, of each repeat, after one that does not count."""
    found = []
    for _ in range(repeats + 1):
        begun, used = time.perf_counter(), time.process_time()
        what()
        found.append(((time.perf_counter() - begun) * 1_000, (time.process_time() - used) * 1_000))
    return found[1:]


def told(name: str, found: list[tuple[float, float]]) -> None:
    """Print a line."""
    passed, used = ([each[at] for each in found] for at in (0, 1))
    spread = f"({min(passed):.1f} to {max(passed):.1f})"
    print(
        f"{name:<24} {statistics.median(passed):8.1f} ms {spread}; {statistics.median(used):.1f} of processor",
        flush=True,
    )


def main() -> None:
    """Write, and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--decisions", type=int, default=50_000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--address", default="")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        engine = database.connect(Project(Path.cwd()), asked.address or f"sqlite:///{folder}/log.sqlite")
        write(engine, asked.decisions)
        print(f"{asked.decisions:,} decisions, {engine.dialect.name}, pages of {PAGE}")
        for name, wanted in FILTERS.items():
            told(f"page, {name}", timed(lambda wanted=wanted: log_query.page(engine, AGENT, wanted), asked.repeats))
        after = None
        for _ in range(min(FAR, asked.decisions // PAGE - 2)):
            after = log_query.page(engine, AGENT, Filter(), after).following
        told(f"page {FAR}, by cursor", timed(lambda: log_query.page(engine, AGENT, Filter(), after), asked.repeats))
        told(f"page {FAR}, by offset", timed(lambda: by_offset(engine, FAR), asked.repeats))
        for name in ("no filter", "text", "reviewed"):
            told(f"chart, {name}", timed(lambda n=name: log_query.counts(engine, AGENT, FILTERS[n]), asked.repeats))
        begun, many = time.perf_counter(), sum(1 for _ in log_query.every(engine, AGENT, Filter()))
        print(f"{'all as a stream':<28} {many / (time.perf_counter() - begun):9,.0f} decisions a second")
        engine.dispose()


if __name__ == "__main__":
    main()

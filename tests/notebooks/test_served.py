"""What the agent decides as a service is watched and taught by the same notebooks as what it replays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import pytest
from tests.smoke import ROOT, Place, Ran

from loopbook.decisions.audit import database
from loopbook.decisions.audit.entry import Entry, Stored
from loopbook.decisions.audit.writer import Writer
from loopbook.decisions.replay import Budget
from loopbook.requirements import interface
from loopbook.service.agent import Served
from loopbook.store.project import Project

SAME = {"decision_id"}
"""Columns of the log that are another's for another writer: in the service they are random."""


def project(place: Place) -> Project:
    return Project(ROOT, place.folder / "data", place.folder / "reports")


def copied(ran: Ran, place: Callable[[str], Place], name: str) -> Place:
    """Return a copy of a smoke run's folder, in which one may go on."""
    where = place(name)
    for part in ("data", "reports"):
        shutil.copytree(ran[0].folder / part, where.folder / part)
    return where


def table(where: Place, record: Mapping[str, Any], name: str) -> pd.DataFrame:
    return pd.read_parquet(artifact(where, record, name))


def artifact(where: Place, record: Mapping[str, Any], name: str) -> Any:
    return next(
        where.folder / "data" / stage["artifacts"][name]
        for stage in record["stages"].values()
        if name in stage["artifacts"]
    )


def plain(where: Place, record: Mapping[str, Any], name: str) -> Any:
    return json.loads(artifact(where, record, name).read_text(encoding="utf-8"))


def asked(rows: pd.DataFrame, served: Served) -> list[dict[str, Any]]:
    """Return rows as a caller would send them, attributes with them."""
    found = []
    for row in rows.astype(object).where(rows.notna(), None).to_dict("records"):
        watched = {name: row.get(name) for name in interface.attributes(served.scenario)}
        fields = {name: row[name] for name in served.scenario.task.fields}
        found.append({"id": row["row_id"], "time": row["time"], "fields": fields, "attributes": watched})
    return found


def decide(where: Place, scenario: str, requests: Sequence[Mapping[str, Any]]) -> list[Stored]:
    """Let the served agent decide, and write it to the log."""
    served, stored = Served.load(project(where), scenario, "smoke"), []
    budget, engine = Budget(served.agent.capacity), database.connect(project(where))
    with Writer(engine, served.name) as writer:
        for start in range(0, len(requests), 7):
            entries = served.decide(served.prepare(requests[start : start + 7]), budget)
            stored += writer.append(entries).result()
    engine.dispose()
    return stored


def say(where: Place, scenario: str, entries: Sequence[Entry]) -> None:
    engine = database.connect(project(where))
    with Writer(engine, f"{scenario}/smoke") as writer:
        writer.append(entries).result()
    engine.dispose()


@pytest.fixture(scope="module")
def lived(ran: Ran, place: Callable[[str], Place]) -> Ran:
    """Return the default agent after it has decided its stream as a service, and its next run."""
    where = copied(ran, place, "served")
    served = Served.load(project(where), "market-monitor", "smoke")
    decide(where, "market-monitor", asked(table(where, ran[1], "stream"), served))
    return where, where.run("market-monitor")


def test_a_served_stream_gives_the_same_decisions_alerts_and_proposals_as_the_replayed_one(
    ran: Ran, lived: Ran
) -> None:
    (before, was), (where, now) = ran, lived
    states = {name: stage["state"] for name, stage in now["stages"].items()}
    assert {name for name, state in states.items() if state == "done"} == {
        "05_decisions",
        "06_monitoring",
        "07_feedback",
    }
    replayed, decided = table(before, was, "decisions"), table(where, now, "decisions")
    assert list(replayed) == list(decided) and decided["decision_id"].is_unique
    pd.testing.assert_frame_equal(replayed.drop(columns=[*SAME]), decided.drop(columns=[*SAME]), rtol=0, atol=1e-5)
    for name in ("scores", "lived", "alerts", "answers", "to_label"):
        pd.testing.assert_frame_equal(table(before, was, name), table(where, now, name), rtol=0, atol=1e-5)
    assert plain(before, was, "proposals") == plain(where, now, "proposals")
    told = now["stages"]["05_decisions"]["metrics"]
    assert (told["stream"], told["stream_versions"], told["stream_watched"]) == ("served", 1, len(decided))
    assert was["stages"]["05_decisions"]["metrics"]["stream"] == "replayed"
    assert told["stream_from"] == decided["time"].min().isoformat()
    index = (where.folder / "reports" / "index.html").read_text(encoding="utf-8")
    page = (where.folder / "reports" / "market-monitor" / "latest" / "05_decisions.html").read_text(encoding="utf-8")
    assert f"Served: {len(decided):,} decisions from" in index and "by 1 version of the agent" in index
    assert "Served" in page


def test_nothing_new_in_the_log_is_nothing_to_do_and_what_is_new_is_named(lived: Ran) -> None:
    where = lived[0]
    assert "Nothing to do" in where.python("-m", "loopbook", "run", "--profile", "smoke").stdout
    kept = sorted((where.folder / "data" / "store" / "sealed").iterdir())
    say(where, "market-monitor", [])  # a process that comes and goes decides nothing
    assert "Nothing to do" in where.python("-m", "loopbook", "run", "--profile", "smoke").stdout
    assert sorted((where.folder / "data" / "store" / "sealed").iterdir()) == kept

"""Incidents of a run: listed, acknowledged, silenced, counted and sent once."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tests.operations import conftest

from loopbook.operations import incidents
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import LoopbookError
from loopbook.store import content
from loopbook.store.project import Project
from loopbook.store.records import Run, StageRecord

HOSTILE = conftest.HOSTILE.replace("\ud800", "")  # a table cannot hold half a character


def night(project: Project, run: str, *rows: tuple[str, str, str]) -> Run:
    """Return a run with these incidents: id, title, day on which it ended."""
    table = pd.DataFrame(
        [(name, title, "2026-01-05", "2026-01-06", until) for name, title, until in rows],
        columns=["id", "title", "since", "peak", "until"],
    )
    path = Path("store") / run
    (project.data / path).mkdir(parents=True)
    saved = content.save(table, project.data / path / "alerts")
    stage: dict[str, Any] = {"stage": "06_monitoring", "key": "k", "state": "done"}
    stage["artifacts"] = {"alerts": str(saved.relative_to(project.data))}
    values = {"scenario": "made-up", "title": "Made up", "run": run, "profile": "smoke", "status": "good"}
    return Run.model_construct(**values, simulated=True, stages={"06_monitoring": StageRecord.model_validate(stage)})


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "notebooks" / "scenarios").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    return Project(tmp_path, data_at=tmp_path / "data")


def agent(**alerts: Any) -> Scenario:
    return Scenario.model_validate(
        {
            "name": "made-up", "title": "Made up", "description": "Made up.", "alerts": alerts,
            "task": {"fields": {"text": "text"}, "label": {"column": "alert", "positive": [1]}},
            "source": {"kind": "csv", "path": "none.csv"},
            "data": {"splits": {"by": "stratum"}},
            "training": {"candidates": {"one": {"architecture": "majority"}}},
        }
    )  # fmt: skip


def test_what_is_acknowledged_or_silenced_stays_so_until_its_day(project: Project) -> None:
    run = night(project, "a", ("one", "First.", ""), ("two", HOSTILE, ""), ("three", "Over.", "2026-01-09"))
    incidents.say(project, run, "one", "acknowledged", by="ann")
    incidents.say(project, run, "two", "silenced", by="ann", until="2026-03-01", reason="known")
    states = [(one.id, one.state) for one in incidents.known(project, run, date(2026, 2, 1))]
    assert states == [("one", "acknowledged"), ("two", "silenced"), ("three", "ended")]
    assert [one.state for one in incidents.known(project, run, date(2026, 3, 2))] == ["acknowledged", "open", "ended"]
    assert "\n" not in incidents.known(project, run)[1].title
    with pytest.raises(LoopbookError, match=r"no incident 'on'.*Did you mean 'one'"):
        incidents.say(project, run, "on", "acknowledged")
    with pytest.raises(LoopbookError, match="is no day"):
        incidents.say(project, run, "one", "silenced", until="soon")


@pytest.mark.parametrize(
    "torn",
    [b'{"id": "two", "ev', b'{"id": "two"}\n', b"\xff\xfe\n", b"[]\n", b"\x00\x00", b'{"id": 1, "event": "silenced"}'],
)
def test_a_line_that_was_cut_off_is_named_and_the_others_count(project: Project, torn: bytes) -> None:
    run = night(project, "a", ("one", "First.", ""), ("two", "Second.", ""), ("three", "Third.", ""))
    incidents.say(project, run, "one", "acknowledged", by="ann")
    with (project.state / "incidents" / "made-up.jsonl").open("ab") as log:
        log.write(torn)
    incidents.say(project, run, "three", "acknowledged", by="ann")
    states = {one.id: one.state for one in incidents.known(project, run)}
    assert states == {"one": "acknowledged", "two": "open", "three": "acknowledged"}
    (sentence,) = incidents.unreadable(project, "made-up")
    assert "line 2" in sentence


def test_a_night_counts_what_is_new_open_and_ended(project: Project) -> None:
    before = night(project, "a", ("one", "First.", ""), ("two", "Second.", ""), ("old", "Old.", "2026-01-02"))
    after = night(project, "b", ("one", "First.", ""), ("two", "Second.", "2026-01-09"), ("new", "New.", ""))
    assert incidents.counts(project, after, before) == {"new": 1, "open": 2, "ended": 1}
    assert incidents.counts(project, before, None) == {"new": 3, "open": 2, "ended": 0}


def test_an_incident_is_told_once_and_once_that_it_has_ended(project: Project) -> None:
    scenario, file = agent(file="data/alerts.jsonl"), project.root / "data" / "alerts.jsonl"
    first = night(project, "a", ("one", HOSTILE, ""), ("two", "Second.", ""))
    incidents.say(project, first, "two", "silenced", until="2999-01-01", reason="known")
    for _ in range(2):
        assert incidents.tell(project, scenario, first) == {}
    told = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert [(one["incident"], one["state"], one["simulated"]) for one in told] == [("one", "open", True)]
    assert "ann@example.org" not in told[0]["title"]
    incidents.tell(project, scenario, night(project, "b", ("one", "First.", "2026-01-09")))
    assert len(file.read_text(encoding="utf-8").splitlines()) == 2


def test_a_way_that_fails_is_told_and_stops_no_other(project: Project) -> None:
    scenario = agent(file="data/alerts.jsonl", webhook="ALERTS_ADDRESS", mail=["ann@example.org"])
    failed = incidents.tell(project, scenario, night(project, "a", ("one", "First.", "")), {})
    assert sorted(failed) == ["mail", "webhook"]
    assert "set ALERTS_ADDRESS" in failed["webhook"]
    assert (project.root / "data" / "alerts.jsonl").exists()


def test_good_news_is_listed_last_counted_as_no_open_incident_and_sent_to_nobody(project: Project) -> None:
    run = night(project, "a", ("good", "More good news.", ""), ("bad", "More bad news.", ""), ("worse", "Worse.", ""))
    path = project.data / run.stages["06_monitoring"].artifacts["alerts"]
    more = {"told": [True, False, False], "expected_cost": [900.0, 20.0, 300.0], "associated": ["", "", HOSTILE]}
    content.save(pd.read_parquet(path).assign(**more, words="", rows=""), path.with_suffix(""))
    found = incidents.known(project, run)
    assert [(one.id, one.state) for one in found] == [("worse", "open"), ("bad", "open"), ("good", "told")]
    assert (found[0].cost, found[0].associated) == (300.0, HOSTILE)
    counted = incidents.counts(project, run, None)
    assert counted is not None and counted["open"] == 2
    assert incidents.tell(project, agent(file="told.jsonl"), run, {}) == {}
    sent = [json.loads(line) for line in (project.root / "told.jsonl").read_text("utf-8").splitlines()]
    assert "good" not in json.dumps(sent) and len(sent) == 2

"""What a run amounts to is said in sentences that follow from its records."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from loopbook.operations import session
from loopbook.reports import overview
from loopbook.runner import criteria
from loopbook.runner.run import record as run_record
from loopbook.scenario import loading
from loopbook.store import origin
from loopbook.store.project import Project
from loopbook.store.records import ParameterRecord, StageRecord

DATA = StageRecord(stage="02_data", key="k", state="done", metrics={"total": 12.0}, inputs={"source": "a"})
TRAINING = StageRecord(
    stage="03_training",
    candidate="one",
    key="t",
    state="done",
    parameters=(ParameterRecord(name="epochs", value=3),),
    inputs={"train": "x"},
)


def test_a_criterion_is_met_missed_or_not_yet_tested(project: Project) -> None:
    scenario = loading.load("tiny", project.scenarios)
    assert [each.met for each in criteria.criteria(scenario, {"02_data": DATA})] == [True]
    poor = DATA.model_copy(update={"metrics": {"total": 9.0}})
    assert [each.met for each in criteria.criteria(scenario, {"02_data": poor})] == [False]
    assert [each.met for each in criteria.criteria(scenario, {})] == [None]
    timed = DATA.model_copy(update={"metrics": {}, "measurements": {"total": 11}})
    assert [each.value for each in criteria.criteria(scenario, {"02_data": timed})] == [11.0]


@pytest.mark.parametrize("total", [12.0, 9.0])
def test_a_criterion_is_neither_met_nor_missed_on_rows_that_are_not_fresh(project: Project, total: float) -> None:
    scenario = loading.load("tiny", project.scenarios)
    stale = DATA.model_copy(update={"metrics": {"total": total, "fresh_rows": False}})
    (each,) = criteria.criteria(scenario, {"02_data": stale})
    assert (each.met, each.value, each.verdict) == (None, total, "not tested: no fresh rows")
    assert overview.verdict([each]) == ("Of 1 acceptance criteria: 1 not tested: no fresh rows.",)
    request = session.read("tiny", "standard")
    assert run_record(request, datetime.now(UTC), 1.0, {"02_data": stale}).status == "good"
    fresh = DATA.model_copy(update={"metrics": {"total": total, "fresh_rows": True}})
    assert [one.met for one in criteria.criteria(scenario, {"02_data": fresh})] == [total == 12.0]


@pytest.mark.parametrize("total", [12.0, 9.0])
def test_smoke_judges_no_criterion_and_so_ends_well(project: Project, total: float) -> None:
    stages = {"02_data": DATA.model_copy(update={"metrics": {"total": total}})}
    made = run_record(session.read("tiny", "smoke"), datetime.now(UTC), 1.0, stages)
    assert [(each.met, each.value, each.verdict) for each in made.criteria] == [(None, total, "not judged in smoke")]
    assert made.status == "good"


def test_versions_and_revision_are_read(project: Project) -> None:
    assert criteria.versions()["pandas"].startswith("3.")
    assert origin.code(project.root) == (None, None)


def test_an_approved_criterion_counts_like_the_others(project: Project) -> None:
    scenario = loading.load("tiny", project.scenarios)
    asked = {"id": "asked", "kind": "criterion", "segment": "x", "text": "It stays small", "stage": "02_data"}
    asked |= {"metric": "total", "comparison": "<=", "threshold": 10}
    note = {"id": "comments-1", "kind": "look into", "text": "They speak of delays."}
    found = criteria.criteria(scenario, {"02_data": DATA}, [asked, note])
    assert [(each.id, each.story, each.met) for each in found] == [
        ("sum-large", "adding", True),
        ("asked", "asked-for", False),
    ]

"""Repeated cross-validation: every row is judged by models that have not seen it, with an honest interval."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.conftest import Problem

from loopbook.models.choice import cross_validation
from loopbook.models.choice.cross_validation import COLUMNS
from loopbook.models.model import Model
from loopbook.models.network import Network
from loopbook.models.training.method import Method
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.data import DataSettings
from loopbook.scenario.errors import DataError
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics import folds, metrics
from loopbook.store import content
from loopbook.store.project import Project
from loopbook.store.stage import Stage

LOGISTIC, MAJORITY = Candidate(architecture="table_logistic"), Candidate(architecture="majority")
TRAINING = TrainingSettings(candidates={"any": LOGISTIC})


def dealt(label: np.ndarray, groups: np.ndarray, count: int = 4, repeats: int = 2) -> list[folds.Fold]:
    return list(folds.stratified(label, groups, count, repeats, 0.25, seed=3))


@settings(deadline=None)
@given(st.integers(60, 160), st.integers(1, 3), st.integers(0, 50))
def test_every_row_is_held_out_once_a_repeat_and_no_group_stands_on_two_sides(rows: int, size: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    groups = np.arange(rows) // size
    label = (random.random(rows) < 0.5).astype(int)
    for repeat in (0, 1):
        parts = [each for each in dealt(label, groups) if each.repeat == repeat]
        assert sorted(np.concatenate([each.held for each in parts]).tolist()) == list(range(rows))
        for each in parts:
            sides = [set(groups[at]) for at in (each.held, each.train, each.validation)]
            assert sum(map(len, sides)) == len(set(groups)), "a group stands on two sides, or on none"


def test_classes_keep_their_shares_and_repeats_are_dealt_anew() -> None:
    label = np.repeat([0, 1], [150, 50])
    parts = dealt(label, np.arange(200))
    assert all(label[at].mean() == pytest.approx(0.25, abs=0.02) for each in parts for at in (each.held, each.train))
    assert all(len(each.validation) == pytest.approx(0.25 * 150, abs=2) for each in parts)
    assert set(parts[0].held) != set(parts[4].held)
    assert [each.held.tolist() for each in dealt(label, np.arange(200))] == [each.held.tolist() for each in parts]


def test_too_few_groups_of_a_class_are_refused() -> None:
    label, groups = np.repeat([0, 1], [90, 10]), np.array([*range(90), *[90] * 10])
    with pytest.raises(DataError, match=r"one class has 1\. Lower optimization\.cv_folds"):
        dealt(label, groups)


@pytest.fixture
def stage(project: Project, cells: Problem) -> SimpleNamespace:
    """Return what `run` needs of stage 04: a real store behind it, and the settings."""
    real = Stage.open("03_training", {"scenario": "tiny", "profile": "standard", "candidate": "one"})
    return SimpleNamespace(
        settings=SimpleNamespace(cv_folds=3, cv_repeats=2, search_seed=1),
        scenario=SimpleNamespace(task=cells.task, data=DataSettings()),
        project=real.project,
        progress=lambda text: None,
        cached=real.cached,
    )


def test_rows_are_judged_by_fits_that_are_kept_by_themselves(stage: SimpleNamespace, cells: Problem) -> None:
    rows = cells.train.head(150)
    found = cross_validation.run(stage, rows, Method(LOGISTIC, TRAINING), Method(MAJORITY, TRAINING), 0.25)
    assert list(found.columns) == COLUMNS and len(found) == 300
    assert all(sorted(part["row_id"]) == sorted(rows["row_id"]) for _, part in found.groupby("repeat"))
    kept = sorted((stage.project.drafts / "cache" / "fits").iterdir())
    assert len(kept) == 12
    again = cross_validation.run(stage, rows, Method(LOGISTIC, TRAINING), Method(MAJORITY, TRAINING), 0.25)
    assert content.digest_value(again) == content.digest_value(found)
    assert sorted((stage.project.drafts / "cache" / "fits").iterdir()) == kept

    table = cross_validation.summary(found, "binary")
    assert table.loc["champion", "value"] > 0.97 and table.loc["baseline", "value"] == 0.5
    assert table.loc["champion", "high"] <= 1.0
    assert table.loc["difference", "low"] > 0
    flat = cross_validation.figures(table, "binary")
    assert flat["cv_roc_auc"] == table.loc["champion", "value"]
    assert flat["cv_difference_low"] == table.loc["difference", "low"]
    by_hand = [
        metrics.score("roc_auc", part["label"], part["probability"]) for _, part in found.groupby(["repeat", "fold"])
    ]
    assert table.loc["champion", "value"] == pytest.approx(np.mean(by_hand))


def test_a_champion_that_is_the_baseline_is_fitted_once(stage: SimpleNamespace, cells: Problem) -> None:
    method = Method(LOGISTIC, TRAINING)
    found = cross_validation.run(stage, cells.train.head(150), method, method, 0.25)
    assert (found["probability"] == found["baseline"]).all()
    assert cross_validation.summary(found, "binary").loc["difference"].tolist() == [0.0, 0.0, 0.0]


def test_a_champion_of_record_is_fitted_anew_as_it_was_and_not_as_the_scenario_says_now(cells: Problem) -> None:
    was = {"epochs": 7, "patience": 2, "learning_rate": 0.02, "batch_size": 16, "seed": 5, "class_weights": True}
    record = Model("mlp", cells.features, Network(None), (), settings={"units": 8}, training=was)
    method = Method.of(record, TRAINING)
    assert method.candidate == Candidate(architecture="mlp", settings={"units": 8})
    assert {name: getattr(method.recipe, name) for name in was} == was
    assert method.recipe.bootstrap == TRAINING.bootstrap


def test_without_repeats_nothing_is_fitted_and_the_tables_are_empty(stage: SimpleNamespace, cells: Problem) -> None:
    stage.settings.cv_repeats = 0
    found = cross_validation.run(stage, cells.train, Method(LOGISTIC, TRAINING), Method(MAJORITY, TRAINING), 0.25)
    assert found.empty and list(found.columns) == COLUMNS
    assert cross_validation.summary(found, "binary").empty
    assert cross_validation.figures(cross_validation.summary(found, "binary"), "binary") == {}
    assert isinstance(content.digest_value(found), str)
    assert isinstance(found, pd.DataFrame)

"""A detector learns from all normal rows; what calibrates it comes of models that have not seen the row's time."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.models.architectures.test_detectors import FIELDS, TASK, rows
from tests.models.conftest import problem

from loopbook.models import predictions
from loopbook.models.architectures import registry
from loopbook.models.class_heads import Anomaly as Head
from loopbook.models.model import Model
from loopbook.models.training import fitting
from loopbook.models.training.cross_fitting import cross_fit
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.recipe import Recipe
from loopbook.store import content


def data(train: int, validation: int) -> TrainingData:
    made = problem(FIELDS, rows(train, 1), rows(validation, 2, 0.5))
    days = pd.date_range("2026-01-01", periods=train + validation, freq="h", tz="UTC")
    return TrainingData(
        made.train.assign(time=days[:train]), made.validation.assign(time=days[train:]), made.features, TASK
    )


def quiet(_: str) -> None:
    pass


def found(given: TrainingData) -> Any:
    learn = partial(registry.find("pca").make, given.features)
    (head,) = fitting.goals_of(given, Recipe(), False).heads
    return cross_fit(learn, head, given, quiet)


def test_each_normal_row_is_scored_once_and_by_one_that_has_not_seen_its_stretch() -> None:
    given = data(150, 100)
    normal = pd.concat([given.train, given.validation], ignore_index=True).query("label == 0").reset_index(drop=True)
    scores = found(given)
    assert scores.raw.shape == (len(normal), 1)
    last = np.arange(len(normal)) * 5 // len(normal) == 4
    moved = given.validation.copy()
    columns = list(FIELDS)
    inside = moved["row_id"].isin(normal.loc[last, "row_id"])
    moved.loc[inside, columns] = moved.loc[inside, columns] * 3  # the last stretch is now another
    again = found(TrainingData(given.train, moved, given.features, TASK))
    whole = scores.predictor.raw(given.features, normal)
    assert (again.raw[~last] != scores.raw[~last]).all(), "others have learned from the last stretch"
    assert scores.raw[last].mean() > whole[last].mean(), "who has learned from a row finds it more normal"


def test_what_failed_and_what_counts_nothing_is_left_out() -> None:
    given = data(150, 100)
    weightless = given.train.assign(weight=np.where(given.train.index < 50, 0, 1).astype(np.float32))
    count = len(found(TrainingData(weightless, given.validation, given.features, TASK)).raw)
    assert count == 100 + int((given.validation["label"] == 0).sum())


def test_of_few_rows_validation_alone_calibrates(tmp_path: Path) -> None:
    few = data(20, 30)
    assert found(few) is None
    fitting.fit(Method(Candidate(architecture="pca"), Recipe()), few, tmp_path / "few", quiet)
    (head,) = Model.load(tmp_path / "few" / fitting.MODEL).outputs
    assert isinstance(head, Head) and len(head.reference) == int((few.validation["label"] == 0).sum())


@pytest.mark.parametrize("name", ["pca", "isolation_forest"])
def test_validation_is_judged_by_one_that_learned_from_train_alone(name: str, tmp_path: Path) -> None:
    given = data(150, 100)
    fitting.fit(Method(Candidate(architecture=name), Recipe()), given, tmp_path / "fit", quiet)
    model = Model.load(tmp_path / "fit" / fitting.MODEL)
    (head,) = model.outputs
    assert isinstance(head, Head) and len(head.reference) == 150 + int((given.validation["label"] == 0).sum())
    (goal,) = fitting.goals_of(given, Recipe(), False).train
    alone = registry.find(name).make(given.features, given.train, [goal]).raw(given.features, given.validation)
    assert not np.allclose(model.raw(given.validation), alone)
    told = content.load(tmp_path / "fit" / f"{fitting.PREDICTIONS}.parquet")
    expected = predictions.table(given.validation, fitting.goals_of(given, Recipe(), False).held, alone)
    pd.testing.assert_frame_equal(told, expected)

"""Rows without a label join by sure answers, and by nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem, classes_task, frame, number_task, settings, silent

from loopbook.models.model import Model
from loopbook.models.training import self_training
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import DataError

TFIDF = Method(Candidate(architecture="tfidf", settings={"min_rows": 1}), settings())


def data(given: Problem, rows: int) -> TrainingData:
    return TrainingData(given.train.head(rows), given.validation, given.features, given.task)


@pytest.mark.parametrize(("threshold", "classes"), [(0.55, 2), (0.65, 1)])
def test_what_joins_is_sure_and_labelled_as_the_model_said(
    threshold: float, classes: int, text: Problem, tmp_path: Path
) -> None:
    rows = frame(300, 9).assign(label=np.int8(1))
    folder, joined = self_training.fit(TFIDF, data(text, 60), rows, tmp_path, silent, threshold=threshold, rounds=2)
    assert 10 < len(joined) < 300 and joined["at"].is_unique and (joined["probability"] >= threshold).all()
    first = Model.load(tmp_path / "fit-0" / "model").probabilities(rows)
    early = joined[joined["round"] == 1]
    assert early["label"].tolist() == first[early["at"]].argmax(axis=1).tolist() and early["label"].nunique() == classes
    assert set(early["at"]) == set(np.flatnonzero(first.max(axis=1) >= threshold))
    assert folder.name == f"fit-{joined['round'].max()}" and len(joined["round"].unique()) == joined["round"].max()
    assert not np.allclose(Model.load(folder / "model").probabilities(rows), first)


def test_nothing_sure_leaves_the_first_fit(text: Problem, tmp_path: Path) -> None:
    folder, joined = self_training.fit(TFIDF, data(text, 60), frame(50, 9), tmp_path, silent, threshold=1.0)
    assert joined.empty and folder.name == "fit-0"
    none, joined = self_training.fit(TFIDF, data(text, 60), frame(0, 9), tmp_path / "none", silent)
    assert joined.empty and none.name == "fit-0"


def test_classes_join_by_their_names(text: Problem, tmp_path: Path) -> None:
    names = ["<b>good</b>", "bad", "never"]

    def named(rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(label=pd.Categorical.from_codes(rows["label"], names))

    task = classes_task({"text": "text"})
    given = replace(data(text, 100), train=named(text.train.head(100)), validation=named(text.validation), task=task)
    rows = named(frame(200, 9)).assign(label=pd.Categorical([None] * 200, names))
    folder, joined = self_training.fit(TFIDF, given, rows, tmp_path, silent, threshold=0.6, rounds=1)
    assert set(joined["label"]) == set(names[:2])
    assert Model.load(folder / "model").classes == tuple(names)


def test_a_number_has_no_class_to_be_sure_of(text: Problem, tmp_path: Path) -> None:
    given = replace(data(text, 60), task=number_task("squared", {"text": "text"}))
    with pytest.raises(DataError, match="the task is a number"):
        self_training.fit(TFIDF, given, frame(5, 9), tmp_path, silent)

"""The fairness term is the gap that it says it is, makes the gap small, and refuses rows without groups."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem, problem
from tests.models.training.test_fitting import fit

from loopbook.models.class_heads import Binary, Multiclass
from loopbook.models.training import fairness, fit_store, runtime
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Binary as BinaryTask
from loopbook.scenario.task import YesNo
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics import metrics


def unequal(rows: int, seed: int) -> pd.DataFrame:
    """Return rows where a field tells the label, and another the age more than the label."""
    random = np.random.default_rng(seed)
    age = random.integers(20, 60, rows)
    label = (random.random(rows) < np.where(age < 40, 0.6, 0.3)).astype(np.int8)
    columns = {"skill": label + random.normal(size=rows), "postcode": (age < 40) + 0.3 * random.normal(size=rows)}
    ids = [f"{seed}-{at}" for at in range(rows)]
    base = {"row_id": ids, "group": ids, "label": label, "weight": np.float32(1), "age": age}
    return pd.DataFrame({**base, **columns}).assign(time=pd.NaT)


@pytest.fixture(scope="module")
def made() -> Problem:
    return problem({"skill": "number", "postcode": "number"}, unequal(1_500, 1), unequal(1_500, 2))


def gaps(frame: pd.DataFrame, yes: np.ndarray) -> tuple[float, float]:
    """Return by how much the mean probability of those who are yes, and the share of them found, differ by age."""
    true, young = frame["label"].to_numpy() == 1, frame["age"].to_numpy() < 40
    return tuple(abs(said[true & young].mean() - said[true & ~young].mean()) for said in (yes, yes > 0.5))  # type: ignore[return-value]


@pytest.mark.parametrize("classes", [2, 3])
def test_the_term_is_the_variance_between_groups_within_each_class(classes: int) -> None:
    runtime.prepare()
    import tensorflow as tf

    random, width = np.random.default_rng(4), 1 if classes == 2 else classes
    z, y = random.normal(size=(60, width)), random.integers(0, classes, 60)
    group, weight = random.integers(0, 4, 60), random.random(60) * (random.random(60) < 0.8)
    names = tuple("abc"[:classes])
    head = Binary(classes=names) if classes == 2 else Multiclass(classes=names, seen=(0, 1, 2), rows=60)
    said = 1 / (1 + np.exp(-z)) if classes == 2 else np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    expected = 0.0
    for own in range(classes):
        middle = np.average(said[y == own], axis=0, weights=weight[y == own])
        for number in range(4):
            rows = (y == own) & (group == number)
            if weight[rows].any():
                mean = np.average(said[rows], axis=0, weights=weight[rows])
                expected += weight[rows].sum() * ((mean - middle) ** 2).sum() / weight.sum()
    given = (tf.constant(each, tf.float32) for each in (z, y, weight))
    found = fairness.gap(head, *given, tf.constant(group, tf.int32), 4, tf)
    assert float(found) == pytest.approx(expected, rel=1e-4)


def test_the_gap_between_groups_falls_and_what_it_costs(made: Problem, tmp_path: Path) -> None:
    held = made.validation
    scores, recalls, areas = [], [], []
    for weight in (0.0, 30.0):
        own = {"fairness": weight, "fairness_by": "age", "epochs": 12, "patience": 12, "batch_size": 128}
        said = fit(made, tmp_path / str(weight), "mlp", own={"units": 8, "layers": 1, "dropout": 0.0}, **own)
        yes = said.probabilities(held)[:, 1]
        score, recall = gaps(held, yes)
        scores.append(score)
        recalls.append(recall)
        areas.append(metrics.score("roc_auc", held["label"], yes))
    print(f"mean score of yes: gap {scores[0]:.3f} to {scores[1]:.3f}, recall {recalls[0]:.3f} to {recalls[1]:.3f}")
    print(f"ROC AUC {areas[0]:.3f} to {areas[1]:.3f}")
    assert scores[0] > 0.15 and recalls[0] > 0.2  # there is a gap to close
    assert scores[1] < 0.3 * scores[0]
    assert recalls[1] < 0.5 * recalls[0]
    assert areas[0] - 0.1 < areas[1] < areas[0]  # fairness has its price


def test_groups_are_bands_of_numbers_and_there_must_be_some(made: Problem) -> None:
    asked = Recipe(fairness=1.0, fairness_by="age")
    found = fairness.groups(made.train, asked)
    assert found.dtype == np.int32 and len(set(found)) == 4
    assert fairness.groups(made.train, Recipe()).any() == np.False_
    with pytest.raises(ScenarioError, match=r"name one of source\.protected in training\.fairness_by, not ''"):
        fairness.groups(made.train, Recipe(fairness=1.0))
    with pytest.raises(ScenarioError, match="no gap to close"):
        fairness.groups(made.train.assign(age=30), asked)


def test_the_fit_is_known_by_its_groups(made: Problem) -> None:
    candidate = Candidate(architecture="mlp")

    def key(train: pd.DataFrame, **asked: object) -> dict[str, object]:
        data = TrainingData(train, made.validation, made.features, made.task)
        return fit_store.parts(Method(candidate, Recipe(**asked)), data)

    plain, fair = key(made.train), key(made.train, fairness=1.0, fairness_by="age")
    assert plain != fair
    assert fair != key(made.train, fairness=1.0, fairness_by="postcode")
    assert fair != key(made.train.assign(age=made.train["age"] + 1), fairness=1.0, fairness_by="age")


@pytest.mark.parametrize(("protected", "by"), [((), "age"), (("age",), ""), (("age",), "sex")])
def test_a_scenario_names_the_groups_that_it_wants_treated_alike(protected: tuple[str, ...], by: str) -> None:
    asked = {"recipe": {"fairness": 1.0, "fairness_by": by}}
    with pytest.raises(ValueError, match=r"fairness_by must be one of source\.protected"):
        Scenario(
            name="test",
            title="Test",
            description="Test.",
            task=BinaryTask(fields={"x": "number"}, label=YesNo(column="y", positive=(1,))),
            source=CsvSource(kind="csv", path="none.csv", protected=protected),
            training=TrainingSettings(candidates={"any": Candidate(architecture="mlp", **asked)}),
        )

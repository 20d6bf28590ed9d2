"""Detectors of anomalies learn from normal rows alone, tell faults, and are shipped as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem, goals, problem

from loopbook.models.architectures import registry
from loopbook.models.class_heads import Anomaly as Head
from loopbook.models.model import Model
from loopbook.models.shipping import onnx_export
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.task import Anomaly
from loopbook.statistics import metrics, tails

FIELDS = {f"heat_{name}": "number" for name in ("now", "lag_1", "lag_2", "z", "mean")}
TASK = Anomaly(type="anomaly", fields=FIELDS)
NAMES = ("z_score", "pca", "isolation_forest", "forecast", "autoencoder")


def rows(count: int, seed: int, faulty: float = 0.0) -> pd.DataFrame:
    """Return windows of a sensor that moves slowly; faults break how its past and its present go together."""
    rng = np.random.default_rng(seed)
    base = rng.normal(0, 1, count)
    past = [base + rng.normal(0, 0.1, count) for _ in range(2)]
    label = (rng.random(count) < faulty).astype(np.int8)
    now = base + rng.normal(0, 0.1, count) + 4 * label
    found = {"heat_now": now, "heat_lag_1": past[0], "heat_lag_2": past[1], "heat_z": now - base, "heat_mean": base}
    ids = [f"r{seed}-{at}" for at in range(count)]
    frame = pd.DataFrame({"row_id": ids, "group": ids, "time": pd.NaT, "label": label, "weight": np.float32(1)})
    return frame.assign(**found)


@pytest.fixture(scope="module")
def plant() -> Problem:
    made = problem(FIELDS, rows(300, 1), rows(200, 2, 0.5))
    return replace(made, task=TASK)


@pytest.fixture(scope="module", params=NAMES)
def detector(request: pytest.FixtureRequest, plant: Problem) -> tuple[str, Any]:
    kind = registry.find(request.param)
    settings = {"trees": 50} if request.param == "isolation_forest" else {}
    return request.param, kind.make(plant.features, plant.train, goals(plant), **settings)


def model_of(name: str, predictor: Any, plant: Problem) -> Model:
    z = predictor.raw(plant.features, plant.validation)
    (goal,) = goals(plant)
    head = goal.head.calibrated(goal.head.target(plant.validation["label"]), z)
    return Model(name, plant.features, predictor, (head,))


def test_faults_score_higher(detector: tuple[str, Any], plant: Problem) -> None:
    z = detector[1].raw(plant.features, plant.validation)
    assert z.shape == (200, 1) and metrics.score("roc_auc", plant.validation["label"], z[:, 0]) > 0.9


def test_it_is_saved_loaded_and_exported_as_it_is(detector: tuple[str, Any], plant: Problem, tmp_path: Path) -> None:
    model = model_of(*detector, plant)
    model.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert (again.raw(plant.validation) == model.raw(plant.validation)).all()
    onnx_export.export(model, tmp_path / "onnx")
    assert onnx_export.check(model, tmp_path / "onnx", plant.validation) < 1e-5


@pytest.mark.parametrize("name", ["pca", "isolation_forest", "forecast"])
def test_rows_that_failed_teach_nothing(name: str, plant: Problem) -> None:
    failed = rows(60, 9).assign(label=np.int8(1), heat_now=50.0)
    mixed = replace(plant, train=pd.concat([plant.train, failed], ignore_index=True))
    first, second = (registry.find(name).make(plant.features, given.train, goals(given)) for given in (plant, mixed))
    assert (first.raw(plant.features, plant.validation) == second.raw(plant.features, plant.validation)).all()


def test_the_probability_comes_of_normal_rows_alone(plant: Problem) -> None:
    z = np.linspace(0, 5, 200)[:, None]
    target = np.repeat([0.0, 1.0], 100)
    (goal,) = goals(plant)
    head = goal.head.calibrated(target, z)
    assert isinstance(head, Head) and head.reference == tuple(z[:100, 0])
    expected = tails.posterior(tails.Tail.of(z[:100, 0]).probability(z[:, 0]), TASK.prior)
    assert head.probabilities(z)[:, 1] == pytest.approx(expected)
    assert head.risk(target, z).sum() == pytest.approx(z[:100].sum()), "who failed counts nothing"


def test_what_learns_a_label_is_refused_and_what_learns_none_elsewhere_too() -> None:
    with pytest.raises(ScenarioError, match=r"cannot learn a task of type anomaly. These can: .*pca"):
        registry.check(Candidate(architecture="boosted_trees"), TASK)
    for name in NAMES:
        registry.check(Candidate(architecture=name), TASK)


def test_without_a_normal_row_and_without_its_fields_it_says_so(plant: Problem) -> None:
    with pytest.raises(DataError, match="No row of the split 'train' is normal"):
        goals(replace(plant, train=plant.train.assign(label=np.int8(1))))
    other = problem({"size": "number"}, rows(50, 1).assign(size=range(50)), rows(20, 2).assign(size=range(20)))
    for name, needed in (("forecast", "_lag_"), ("z_score", "_z")):
        with pytest.raises(DataError, match=needed):
            registry.find(name).make(other.features, other.train, goals(replace(other, task=TASK)))


@pytest.mark.parametrize("name", ["pca", "forecast", "autoencoder"])
def test_how_features_are_scaled_changes_no_score(name: str, plant: Problem) -> None:
    numbers = tuple(
        number.model_copy(update={"shift": number.shift + 3, "scale": number.scale * 5, "fill": number.fill})
        for number in plant.features.numbers
    )
    other = replace(plant, features=plant.features.model_copy(update={"numbers": numbers}))
    first, second = (
        registry.find(name)
        .make(given.features, given.train, goals(given), **({"passes": 3} if name == "autoencoder" else {}))
        .raw(given.features, given.validation)
        for given in (plant, other)
    )
    assert second == pytest.approx(first, abs=1e-3)

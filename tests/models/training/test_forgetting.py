"""Who is trained further on rows of a new kind forgets the old kind, and less so with replay and an anchor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem, classes_task, problem, settings, silent

from loopbook.models import seen_rows
from loopbook.models.model import Model
from loopbook.models.training import fit_store, fitting, forgetting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.recipe import Recipe
from loopbook.statistics import metrics

SMALL = Candidate(architecture="mlp", settings={"units": 16, "layers": 1, "dropout": 0.0})
FURTHER = {"epochs": 30, "patience": 30, "batch_size": 32, "learning_rate": 0.01}


def kind(rows: int, seed: int, place: float) -> pd.DataFrame:
    """Return rows that lie about a place; what speaks for yes there speaks against it on the other side of 0."""
    random = np.random.default_rng(seed)
    sign, at = random.normal(size=rows), place + 0.5 * random.normal(size=rows)
    label = (sign * np.sign(place) + 0.3 * random.normal(size=rows) > 0).astype(np.int8)
    ids = [f"{seed}-{at}" for at in range(rows)]
    base = {"row_id": ids, "group": ids, "label": label, "weight": np.float32(1), "sign": sign, "at": at}
    return pd.DataFrame(base).assign(time=pd.NaT)


@pytest.fixture(scope="module")
def old() -> Problem:
    return problem({"sign": "number", "at": "number"}, kind(300, 1, -1.0), kind(300, 2, -1.0))


Further = Callable[..., tuple[Model, float, float]]


@pytest.fixture(scope="module")
def start(old: Problem, tmp_path_factory: pytest.TempPathFactory) -> Path:
    work = tmp_path_factory.mktemp("start")
    data = TrainingData(old.train, old.validation, old.features, old.task)
    fitting.fit(Method(SMALL, settings(**FURTHER)), data, work, silent)
    return work / "model"


@pytest.fixture(scope="module")
def further(old: Problem, start: Path, tmp_path_factory: pytest.TempPathFactory) -> Further:
    """Return what trains the start further on old and new rows, with its ROC AUC on old and new rows."""
    train, validation = pd.concat([old.train, kind(100, 3, 1.0)], ignore_index=True), kind(100, 4, 1.0)

    def fit(begin: Path | None = start, **asked: object) -> tuple[Model, float, float]:
        work = tmp_path_factory.mktemp("further")
        data = TrainingData(train, validation, old.features, old.task, begin)
        fitting.fit(Method(SMALL, settings(**{**FURTHER, **asked})), data, work, silent)
        model = Model.load(work / "model")
        rows = (kind(1_000, 5, -1.0), kind(1_000, 6, 1.0))
        areas = [metrics.score("roc_auc", each["label"], model.probabilities(each)[:, 1]) for each in rows]
        return model, *areas

    return fit


def test_replay_and_an_anchor_keep_what_was_known(further: Further, start: Path) -> None:
    before = Model.load(start)
    known = kind(1_000, 5, -1.0)
    first = metrics.score("roc_auc", known["label"], before.probabilities(known)[:, 1])
    tried = {
        "neither": {"replay": 0.0},
        "anchor": {"replay": 0.0, "anchor": 0.03},
        "replay": {"replay": 0.2},
        "both": {"replay": 0.2, "anchor": 0.003},
    }
    found = {name: further(**asked)[1:] for name, asked in tried.items()}
    print(f"\nstart: {first:.3f} on old rows")
    for name, (on_old, on_new) in found.items():
        print(f"{name}: {on_old:.3f} on old rows, {on_new:.3f} on new ones")
    assert first > 0.95
    assert found["neither"][0] < 0.5  # all is forgotten, and turned round
    assert found["anchor"][0] > found["neither"][0] + 0.2
    assert found["replay"][0] > 0.8
    assert found["both"][0] > 0.8 and found["both"][1] > 0.9


def test_an_anchor_holds_the_weights_near_those_it_began_with(further: Further, start: Path) -> None:
    first = Model.load(start).predictor.model.get_weights()

    def moved(anchor: float) -> float:
        model, *_ = further(anchor=anchor, epochs=5)
        pairs = zip(first, model.predictor.model.get_weights(), strict=True)
        return float(sum(((one - two) ** 2).sum() for one, two in pairs)) ** 0.5

    free, held, tied = (moved(anchor) for anchor in (0.0, 0.1, 100.0))
    assert tied < 0.3 * held < 0.3 * free


def test_it_knows_the_rows_of_its_start_and_may_not_be_measured_on_them(further: Further, old: Problem) -> None:
    model, *_ = further(replay=0.0, epochs=1)
    with pytest.raises(DataError, match="300 of 300 rows"):
        seen_rows.answer(model, old.train)


def test_a_share_of_each_class_is_learned_again_and_all_that_is_new(old: Problem, start: Path) -> None:
    new = kind(40, 7, 1.0)
    data = TrainingData(pd.concat([old.train, new], ignore_index=True), new, old.features, old.task, start)
    kept = forgetting.replayed(data, Recipe(replay=0.1)).train
    again = kept[kept["row_id"].isin(old.train["row_id"])]
    assert len(kept) - len(again) == len(new)
    per_class = old.train["label"].value_counts()
    assert again["label"].value_counts().to_dict() == {name: -(-rows // 10) for name, rows in per_class.items()}
    assert forgetting.replayed(data, Recipe(replay=0.1, seed=2)).train["row_id"].tolist() != kept["row_id"].tolist()
    assert forgetting.replayed(data, Recipe()) is data


def test_the_fit_is_known_by_its_start(old: Problem, start: Path, tmp_path: Path) -> None:
    data = TrainingData(old.train, old.validation, old.features, old.task)
    plain, warm = (fit_store.parts(Method(SMALL, Recipe()), each) for each in (data, replace(data, start=start)))
    assert set(warm) - set(plain) == {"start"}


def test_weights_of_another_form_are_refused(old: Problem, start: Path, tmp_path: Path) -> None:
    label = np.array(["a", "b", "c"])[np.arange(300) % 3]
    train, validation = (part.assign(label=pd.Categorical(label)) for part in (old.train, old.validation))
    data = TrainingData(train, validation, old.features, classes_task({"sign": "number", "at": "number"}), start)
    with pytest.raises(ScenarioError, match=r"Set feedback\.warm_start to false"):
        fitting.fit(Method(SMALL, settings()), data, tmp_path, silent)

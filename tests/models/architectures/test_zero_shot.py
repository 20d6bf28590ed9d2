"""Classes are known by their words: no label of train moves an answer, and a class without a row can be answered."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem, classes_task, frame, problem, settings, silent

from loopbook.models.model import Model
from loopbook.models.shipping import onnx_export
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import DataError, ScenarioError
from loopbook.scenario.task import Binary, Multiclass, OneOfMany, YesNo

TEXTS = {
    "card_lost": ["I cannot find my credit card", "my bank card is gone", "somebody took my card"],
    "weather": ["will it rain tomorrow", "sunny and warm today", "a storm is coming"],
    "zz": ["a recipe for apple cake", "how long do I boil potatoes", "soup with onions"],
}
DESCRIPTIONS = {"zz": "cooking and food"}


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("embeddings")


def given(known: list[str], task: Multiclass, seed: int = 0) -> TrainingData:
    """Return rows of which train has some classes only; their labels are dealt anew with another seed."""
    rows = pd.DataFrame([(name, text) for name, texts in TEXTS.items() for text in texts], columns=["label", "text"])
    rows = rows.assign(row_id=rows["text"], group=rows["text"], weight=np.float32(1), time=pd.NaT)
    train = rows[rows["label"].isin(known)].reset_index(drop=True)
    label = np.random.default_rng(seed).permutation(train["label"]) if seed else train["label"]
    train, held = (
        part.assign(label=pd.Categorical(said, list(TEXTS))) for part, said in ((train, label), (rows, rows["label"]))
    )
    features = problem({"text": "text"}, frame(40, 1), frame(5, 2)).features
    return TrainingData(train, held, features, task)


def described(**descriptions: str) -> Multiclass:
    label = OneOfMany(column="y", descriptions=descriptions)
    return classes_task({"text": "text"}).model_copy(update={"label": label})


def fitted(data: TrainingData, work: Path, cache: Path, **recipe: object) -> Model:
    method = Method(Candidate(architecture="zero_shot"), settings(**recipe))
    fitting.fit(method, data, work, silent, cache)
    return Model.load(work / "model")


@pytest.mark.parametrize("weights", [False, True])
def test_a_class_of_which_train_has_no_row_is_answered_by_its_description(
    weights: bool, cache: Path, tmp_path: Path
) -> None:
    data = given(["card_lost", "weather"], described(**DESCRIPTIONS))
    model = fitted(data, tmp_path / "fit", cache, class_weights=weights)
    said = model.answer(data.validation, cache)
    assert said.likeliest.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert np.isfinite(said.probability).all() and said.probability.sum(axis=1) == pytest.approx(np.ones(9))
    dealt = fitted(given(["card_lost", "weather"], described(**DESCRIPTIONS), seed=3), tmp_path / "dealt", cache)
    assert dealt.predictor.embedding_weights.tolist() == model.predictor.embedding_weights.tolist()
    onnx_export.export(model, tmp_path / "onnx")
    assert onnx_export.check(model, tmp_path / "onnx", data.validation, cache) <= 1e-5


def test_a_class_without_a_description_is_read_as_its_name(cache: Path, tmp_path: Path) -> None:
    bare = fitted(given(list(TEXTS), described()), tmp_path / "bare", cache)
    named = fitted(given(list(TEXTS), described(card_lost="card lost")), tmp_path / "named", cache)
    assert bare.predictor.embedding_weights == pytest.approx(named.predictor.embedding_weights)


def test_of_two_classes_the_description_of_yes_stands_against_that_of_no(cache: Path, tmp_path: Path) -> None:
    names = {"out": "the weather, rain or sun", "in": "food and cooking"}
    label = YesNo(column="y", positive=(1,), names=("out", "in"), descriptions=names)
    rows = given(["weather", "zz"], described())
    train, held = (
        part[part["label"] != "card_lost"].assign(label=lambda part: (part["label"] == "zz").astype(np.int8))
        for part in (rows.train, rows.validation)
    )
    task = Binary(fields={"text": "text"}, label=label)
    model = fitted(replace(rows, train=train, validation=held, task=task), tmp_path / "fit", cache)
    assert model.answer(held, cache).likeliest.tolist() == held["label"].tolist()


def test_a_description_of_no_class_is_refused(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"speaks of 'wether', which is no class\. Did you mean 'weather'"):
        fitted(given(list(TEXTS), described(wether="rain")), tmp_path, cache)


def test_a_number_has_no_classes_to_describe(text: Problem, tmp_path: Path) -> None:
    from tests.models.conftest import number_task

    data = TrainingData(text.train, text.validation, text.features, number_task("squared", {"text": "text"}))
    with pytest.raises(ScenarioError, match="cannot learn a task of type number"):
        fitted(data, tmp_path, tmp_path)

"""Open-set recognition: methods against known answers, and a real model with real questions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from loopbook.data.features import Features
from loopbook.desk import outside
from loopbook.desk.outside import METHODS, Fusion, Outside
from loopbook.models.model import Model
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.source import CsvSource
from loopbook.scenario.task import Multiclass, OneOfMany
from loopbook.scenario.training import TrainingSettings
from loopbook.statistics.intervals import wilson

DESK = Path(__file__).parents[2] / "notebooks" / "scenarios" / "desk"
FAR = ["how do I prune roses in winter", "who won the football match", "my dog is limping", "boil an egg for how long"]


def blobs(rows: int = 90, width: int = 6, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return three classes round three points."""
    coin = np.random.default_rng(seed)
    code = np.arange(rows) % 3
    return 5 * np.eye(width)[code] + coin.normal(size=(rows, width)), code


@pytest.mark.parametrize("name", METHODS)
def test_every_method_scores_what_lies_far_from_all_classes_above_new_rows_of_them(name: str) -> None:
    x, code = blobs()
    score = METHODS[name](x, code)
    other = -15 * np.eye(6)[0] + np.random.default_rng(2).normal(size=(30, 6))
    assert np.quantile(score(blobs(seed=1)[0]), 0.9) < np.quantile(score(other), 0.1)


def test_knn_is_the_mean_distance_to_the_nearest() -> None:
    reference = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 2.0], [100.0, 0.0]])
    score = outside.knn(reference, neighbours=3)
    assert score(np.zeros((1, 2))) == pytest.approx([(0 + 5 + 2) / 3])
    assert outside.knn(reference[:2])(np.zeros((1, 2))) == pytest.approx([2.5]), "fewer rows than neighbours"


def test_mahalanobis_is_that_of_the_shrunk_covariance() -> None:
    from sklearn.covariance import ledoit_wolf

    x, code = blobs()
    means = np.stack([x[code == at].mean(axis=0) for at in range(3)])
    inverse = np.linalg.inv(ledoit_wolf(x - means[code], assume_centered=True)[0])
    apart = blobs(9, seed=3)[0][:, None] - means
    direct = np.sqrt(np.einsum("nki,ij,nkj->nk", apart, inverse, apart)).min(axis=1)
    assert outside.mahalanobis(x, code)(blobs(9, seed=3)[0]) == pytest.approx(direct)
    one = np.zeros(len(x), dtype=np.int64)
    assert outside.mahalanobis(x, one)(x.mean(axis=0, keepdims=True)) == pytest.approx([0.0], abs=1e-6)


def test_fused_parts_weigh_in_their_own_spread() -> None:
    far, unsure = np.array([1.0, 3.0]), np.array([0.1, 0.3])
    fusion = Fusion.of(far, unsure)
    assert fusion.score(far, unsure, 0.5) == pytest.approx([-1.5, 1.5])
    assert fusion.score(np.array([4.0]), np.array([0.2]), 2.0) == pytest.approx([2.0])
    same = Fusion.of(np.ones(3), np.zeros(3)).score(np.ones(1), np.zeros(1))
    assert same == pytest.approx([0.0]), "parts that do not vary divide by nothing"


def test_entropy_of_even_and_of_sure_answers() -> None:
    assert outside.entropy(np.array([[0.25] * 4, [1.0, 0, 0, 0]])) == pytest.approx([np.log(4), 0])


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> tuple[Model, dict[str, pd.DataFrame], Path]:
    """Return a model of eight authored intents, its splits, and a folder for embeddings."""
    folder = tmp_path_factory.mktemp("outside")
    rows = pd.read_csv(DESK / "questions.csv")
    intents = sorted(rows["intent"].unique())[:8]
    rows = rows[rows["intent"].isin(intents)].reset_index(drop=True)
    names = rows.index.astype(str)
    rows = pd.DataFrame(
        {"row_id": names, "time": pd.NaT, "group": names, "weight": np.float32(1), "text": rows["text"],
         "label": pd.Categorical(rows["intent"], intents)}
    )  # fmt: skip
    part = np.arange(len(rows)) % 5
    splits = {
        name: rows[mask].reset_index(drop=True)
        for name, mask in {"train": part < 3, "validation": part == 3, "test": part == 4}.items()
    }
    scenario = Scenario(
        name="questions", title="Questions", description="Questions.",
        task=Multiclass(type="multiclass", fields={"text": "text"}, label=OneOfMany(column="label")),
        source=CsvSource(kind="csv", path="none.csv"),
        training=TrainingSettings(candidates={"any": Candidate(architecture="majority")}),
    )  # fmt: skip
    features = Features.fit(splits["train"], scenario)
    data = TrainingData(splits["train"], splits["validation"], features, scenario.task)
    fitting.fit(Method(Candidate(architecture="tfidf"), Recipe()), data, folder, lambda _: None, folder)
    return Model.load(folder / fitting.MODEL), splits, folder


def test_questions_of_other_subjects_are_told_from_those_of_known_intents(
    taught: tuple[Model, dict[str, pd.DataFrame], Path],
) -> None:
    model, splits, cache = taught
    known = Outside.of(model, splits["train"], splits["validation"], cache)
    inside = np.array(known.tail(list(splits["test"]["text"])))
    assert max(known.tail(FAR)) <= 0.05
    assert wilson(float((inside <= 0.05).mean()), len(inside)).low <= 0.05, "the level is held within chance"
    assert np.median(inside) > 0.25
    assert len(known.tail([])) == 0
    strange = np.array(known.tail(["", "   ", "\ud800 🎉", "问" * 2_000]))
    assert np.isfinite(strange).all() and ((strange > 0) & (strange <= 1)).all()


def test_methods_are_compared_on_the_same_questions(taught: tuple[Model, dict[str, pd.DataFrame], Path]) -> None:
    model, splits, cache = taught
    told = outside.compare(model, splits, {"far": FAR}, 0.05, cache).set_index(["asked", "method"])["value"]
    assert told["far", outside.FUSED] == 1.0
    desk = Outside.of(model, splits["train"], splits["validation"], cache)
    fused = np.mean([tail <= 0.05 for tail in desk.tail(list(splits["test"]["text"]))])
    assert told["known", outside.FUSED] == pytest.approx(fused), "the table judges what the desk uses"
    assert (told["known"] <= 0.2).all()


def test_too_few_questions_are_refused_by_name(taught: tuple[Model, dict[str, pd.DataFrame], Path]) -> None:
    model, splits, cache = taught
    with pytest.raises(outside.DataError, match="3 labelled rows of validation"):
        Outside.of(model, splits["train"], splits["validation"].head(3), cache)

"""A fit is done once for the same code, data and settings, whoever asks for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.models.conftest import Problem, number_task

from loopbook.models import predictions
from loopbook.models.choice import choice_page, model_selection
from loopbook.models.choice.leaderboard import leaderboard
from loopbook.models.model import Model
from loopbook.models.shipping import serving
from loopbook.models.training import fit_store
from loopbook.models.training.fit_store import Fit
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import DataError
from loopbook.scenario.recipe import Recipe
from loopbook.scenario.task import Quantity
from loopbook.store import champions
from loopbook.store.project import Project
from loopbook.store.stage import Stage

TFIDF = Candidate(architecture="tfidf")


def on(problem: Problem, train: pd.DataFrame) -> TrainingData:
    return TrainingData(train, problem.validation, problem.features, problem.task)


@pytest.fixture
def fit(project: Project, text: Problem) -> Callable[..., Fit]:
    stage = Stage.open("03_training", {"scenario": "tiny", "profile": "standard", "candidate": "one"})

    def make(candidate: Candidate = TFIDF, train: pd.DataFrame | None = None, **settings: object) -> Fit:
        rows = text.train if train is None else train
        return fit_store.fit(stage, Method(candidate, Recipe(**settings)), on(text, rows))

    return make


def test_the_same_fit_is_not_done_again_and_another_one_is(fit: Callable[..., Fit], text: Problem) -> None:
    first = fit()
    assert fit().model == first.model
    assert fit(epochs=7, patience=2).model == first.model, "a plain baseline knows no epochs"
    assert fit(class_weights=True).model != first.model
    assert fit(train=text.train.head(150)).model != first.model
    assert fit(Candidate(architecture="word_list")).model != first.model


def test_what_stands_in_a_folder_that_a_candidate_names_counts(text: Problem, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"layers": 2}')
    here = {"preset": str(tmp_path)}
    own = Candidate(architecture="encoder", settings=here)
    both = Candidate(architecture="ensemble", members=(TFIDF, own))

    def keys() -> list[object]:
        return [fit_store.parts(Method(each, Recipe()), on(text, text.train))["files"] for each in (own, both)]

    before = keys()
    assert keys() == before and own.files == both.files == (str(tmp_path),)
    (tmp_path / "config.json").write_text('{"layers": 3}')
    assert all(now != was for now, was in zip(keys(), before, strict=True))
    assert "files" not in fit_store.parts(Method(TFIDF, Recipe()), on(text, text.train))


@pytest.mark.parametrize(
    "changed",
    [
        {"loss": "absolute"},
        {"loss": "quantiles"},
        {"label": Quantity(column="y", limits=(0.5, 1.0))},
        {"monotone": {"mean radius": "up"}},
    ],
)
def test_the_same_rows_are_fitted_again_for_another_task(
    project: Project, cells: Problem, changed: dict[str, Any]
) -> None:
    stage = Stage.open("03_training", {"scenario": "tiny", "profile": "standard", "candidate": "one"})
    train, validation = (frame.assign(label=np.linspace(0, 2, len(frame))) for frame in (cells.train, cells.validation))
    first = number_task("squared", dict(cells.task.fields))
    method = Method(Candidate(architecture="table_ridge"), Recipe())
    fits = [
        fit_store.fit(stage, method, TrainingData(train, validation, cells.features, task)).model
        for task in (first, first.model_copy(update={"actions": ("wait", "go")}), first.model_copy(update=changed))
    ]
    assert fits[0] == fits[1] != fits[2], "what the actions are called changes no model"


def test_a_fit_holds_model_history_predictions_and_events(fit: Callable[..., Fit], text: Problem) -> None:
    found = fit()
    assert Model.load(found.model).probabilities(text.validation).shape == (len(text.validation), 2)
    assert list(found.history.columns) == ["epoch", "loss", "val_loss", "val_score"]
    assert found.predictions["row_id"].tolist() == text.validation["row_id"].tolist()
    assert list(found.events.iterdir())


def test_a_model_fitted_again_differs_in_what_it_learned_from_alone(fit: Callable[..., Fit], text: Problem) -> None:
    stage = Stage.open("03_training", {"scenario": "tiny", "profile": "standard", "candidate": "one"})
    first = fit(class_weights=True)
    method = Method.of(Model.load(first.model), Recipe())
    same = fit_store.fit(stage, method, on(text, text.train))
    assert same.model == first.model, "equal rows give the fit that is there already"
    less = fit_store.fit(stage, method, on(text, text.train.head(150)))
    assert less.model != first.model
    assert dict(Model.load(less.model).training) == {"class_weights": True}


def test_an_approved_model_stands_again_beside_the_candidates(
    fit: Callable[..., Fit], text: Problem, project: Project
) -> None:
    new, old = fit(), fit(train=text.train.head(150))
    approved = champions.keep(project, old.model)
    models = model_selection.candidates({"tfidf": new.model}, approved, project)
    assert list(models) == ["tfidf", "tfidf, as approved"]
    written = {"tfidf": new.predictions}
    held = model_selection.on_validation(models, written, text.validation, text.task)
    assert held["tfidf"].tolist() == predictions.array(new.predictions).tolist()
    assert held["tfidf, as approved"].tolist() == Model.load(old.model).probabilities(text.validation).tolist()
    assert list(model_selection.candidates({"tfidf": new.model}, None, project)) == ["tfidf"]


def test_the_contest_ranks_compares_ships_and_shows_mistakes(
    fit: Callable[..., Fit], text: Problem, project: Project
) -> None:
    fits = {"tfidf": fit(), "majority": fit(Candidate(architecture="majority"))}
    models = {name: Model.load(found.model) for name, found in fits.items()}
    rows = text.validation
    answers = {name: model.probabilities(rows) for name, model in models.items()}
    entries = model_selection.enter(models, answers, text.task)
    board = leaderboard(rows["label"], entries, rows["group"], 100)
    assert model_selection.best(board) == model_selection.best(board, "plain") == "tfidf"
    assert model_selection.best(board, "network") is None
    assert model_selection.intervals(board, "binary").loc["majority", "value"] == 0.5

    gains = model_selection.against(rows["label"], entries, "majority", rows["group"], 100, "roc_auc")
    assert gains.loc["majority"].tolist() == [0, 0, 0]
    assert gains.loc["tfidf", "value"] == pytest.approx(
        model_selection.intervals(board, "binary").loc["tfidf", "value"] - 0.5
    )
    with pytest.raises(DataError, match="'lstm' is no candidate"):
        model_selection.against(rows["label"], entries, "lstm", rows["group"], 100, "roc_auc")

    cache = project.work / "embeddings"
    shipped = model_selection.ship_all(models, "tfidf", project.work, rows, export=True, repeats=10, cache=cache)
    assert shipped["tfidf"].folder == project.work / "champion"
    assert (shipped["tfidf"].difference or 0) <= 1e-5
    assert not (project.work / "others").exists()
    served = serving.load(shipped["tfidf"].folder)
    assert served.probabilities(rows) == pytest.approx(answers["tfidf"], abs=1e-5)
    timed = leaderboard(rows["label"], model_selection.timed(entries, shipped), rows["group"], 100)
    assert (timed["size_bytes"] > 0).all()
    assert set(model_selection.figures(timed, "tfidf", "test_", "binary")) >= {"test_accuracy", "test_roc_auc_low"}

    said = {name: model.answer(rows) for name, model in models.items()}
    wrong = choice_page.mistakes(choice_page.Tested(rows, text.task, said), "tfidf", count=3)
    off = (rows["label"] - answers["tfidf"][:, 1]).abs().sort_values(ascending=False).head(3)
    assert wrong.index.tolist() == off.index.tolist()
    assert set(wrong["label"]) <= {"good", "bad"} and (wrong["label"] != wrong["answer"]).all()
    assert wrong["probability"].to_numpy() == pytest.approx(off.to_numpy())

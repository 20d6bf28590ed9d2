"""No model is measured on a row that it has learned from, by whichever way the row came to be measured on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.data.conftest import build_scenario
from tests.models.conftest import Problem, frame, settings, silent

from loopbook.data import cleaning, identity, splitting
from loopbook.data.features import Features
from loopbook.models import seen_rows
from loopbook.models.answers import Answers
from loopbook.models.choice import model_selection
from loopbook.models.model import Model
from loopbook.models.shipping import serving
from loopbook.models.training import fitting
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.contract import Scenario
from loopbook.scenario.errors import DataError, LoopbookError
from loopbook.store import champions, content
from loopbook.store.project import Project

Fit = Callable[..., Path]


@pytest.fixture
def fit(tmp_path: Path) -> Fit:
    """Return what fits a plain baseline by the one way that there is, and returns its folder."""

    def make(name: str, train: pd.DataFrame, validation: pd.DataFrame, features: Features, problem: object) -> Path:
        task, work = problem.task, tmp_path / name  # type: ignore[attr-defined]
        candidate = Candidate(architecture="tfidf" if task.text_fields else "table_logistic")
        fitting.fit(Method(candidate, settings()), TrainingData(train, validation, features, task), work, silent)
        return work / fitting.MODEL

    return make


def on_test(models: dict[str, Model], test: pd.DataFrame, project: Project) -> dict[str, Answers]:
    return model_selection.on_test(models, test, project.work / "embeddings", silent)


def test_a_fit_knows_the_rows_that_taught_stopped_and_calibrated_it(fit: Fit, text: Problem) -> None:
    folder = fit("one", text.train, text.validation, text.features, text)
    rows = pd.concat([text.train, text.validation])
    known = content.load(folder / "learned.npz")["rows"]
    assert known.dtype == np.uint64
    assert known.tolist() == sorted(set(identity.hashes(rows, ["text"]).tolist()))
    assert Model.load(folder).learned.tolist() == known.tolist()
    seen_rows.save(known[1:], folder)
    less = content.digest(folder)
    seen_rows.save(known, folder)
    assert content.digest(folder) != less, "what a model has learned from is a part of what it is"


def test_a_learned_row_in_test_is_refused_whatever_its_id_and_case(fit: Fit, text: Problem, project: Project) -> None:
    model = Model.load(fit("one", text.train, text.validation, text.features, text))
    rows = frame(120, 9)
    test = rows[~np.isin(identity.hashes(rows, ["text"]), model.learned)].reset_index(drop=True)
    assert on_test({"one": model}, test, project)["one"].probability.tolist() == model.probabilities(test).tolist()
    planted = pd.concat([text.train.iloc[[3, 50]], text.validation.iloc[[7, 8]]]).assign(row_id=["p", "q", "r", "s"])
    planted["text"] = planted["text"].str.upper()
    with pytest.raises(DataError) as refused:
        on_test({"one": model}, pd.concat([test, planted], ignore_index=True), project)
    said = str(refused.value)
    assert f"4 of {len(test) + 4} rows to measure the candidate 'one' on" in said
    assert "learned from: 'p', 'q', 'r', …." in said and "approve --undo" in said


def test_rows_of_a_table_are_known_by_their_id_and_equal_ones_are_not_the_same_case(
    fit: Fit, cells: Problem, project: Project
) -> None:
    model = Model.load(fit("one", cells.train[:300], cells.train[300:], cells.features, cells))
    equal = cells.train.head(20).assign(row_id=[f"other{at}" for at in range(20)])
    test = pd.concat([cells.validation, equal], ignore_index=True)
    assert len(on_test({"one": model}, test, project)["one"]) == len(test)
    with pytest.raises(DataError, match=r"2 of 171 rows .* learned from: 'c[0-9]+', 'c[0-9]+'. Its figures"):
        on_test({"one": model}, pd.concat([cells.validation, cells.train[299:301]]), project)


def test_a_shipped_model_knows_what_it_has_learned_from(fit: Fit, text: Problem, project: Project) -> None:
    model = Model.load(fit("one", text.train, text.validation, text.features, text))
    for export in (True, False):
        cache = project.work / "embeddings"
        model_selection.ship(model, project.work / "out", text.train.head(9), export=export, repeats=3, cache=cache)
        served = serving.load(project.work / "out")
        assert served.learned is not None and served.learned.tolist() == model.learned.tolist()
        with pytest.raises(DataError, match="2 of 2 rows to measure the champion on"):
            seen_rows.answer(served, text.train.head(2), who="the champion")
        told = seen_rows.answer(served, text.train.head(2), fresh=False).probability
        assert told == pytest.approx(model.probabilities(text.train.head(2)), abs=1e-5), "the report says: not fresh"


def test_a_model_that_does_not_say_what_it_has_learned_from_is_refused(fit: Fit, text: Problem) -> None:
    folder = fit("one", text.train, text.validation, text.features, text)
    (folder / "learned.npz").unlink()
    with pytest.raises(LoopbookError, match=r"does not say which rows its model has learned from: learned.npz is miss"):
        Model.load(folder)


def agent(**splits: object) -> Scenario:
    return build_scenario({"kind": "csv", "path": "x", "time": "when"}, near_duplicate=0.6, splits=splits)


def posts(count: int) -> pd.DataFrame:
    """Return rows a day apart whose texts share some words, and are no near duplicates of each other."""
    rows = frame(count, 21).drop_duplicates("text", ignore_index=True)
    words = np.random.default_rng(3).permutation(9 * len(rows)).reshape(len(rows), 9)
    ids = [f"r{at}" for at in range(len(rows))]
    times = pd.Timestamp("2026-01-01", tz="UTC") + pd.to_timedelta(np.arange(len(rows)), unit="D")
    texts = [" ".join([*(f"w{word}" for word in some), text]) for some, text in zip(words, rows["text"], strict=True)]
    return rows.assign(row_id=ids, group=ids, time=times, text=texts)


def test_a_row_that_joins_two_groups_moves_none_that_an_approved_model_learned_into_its_test(
    fit: Fit, project: Project
) -> None:
    scenario = agent(by="stratum")
    rows = posts(400)
    where = splitting.split(rows, scenario)
    first = int(where["test"]["row_id"].iloc[0].removeprefix("r"))
    later = next(at for at in (int(row[1:]) for row in where["train"]["row_id"]) if at > first)
    words = [f"word{at}" for at in range(16)]
    texts = {first: " ".join(words[:12]), later: " ".join(words[4:])}  # half of their words are the same
    rows.loc[list(texts), "text"] = list(texts.values())
    kept, _ = cleaning.deduplicate(rows, scenario)
    before = splitting.split(kept, scenario)
    assert f"r{later}" in set(before["train"]["row_id"])
    features = Features.fit(before["train"], scenario)
    old = champions.keep(project, fit("old", before["train"], before["validation"], features, scenario))
    assert on_test(model_selection.candidates({}, old, project), before["test"], project)

    between = rows.iloc[[-1]].assign(row_id="new", group="new", text=" ".join(words[2:14]))
    kept, _ = cleaning.deduplicate(pd.concat([rows, between], ignore_index=True), scenario)
    after = splitting.split(kept, scenario)
    assert splitting.proof(after, scenario)["holds"].all(), "nothing leaks within the round"
    new = fit("new", after["train"], after["validation"], Features.fit(after["train"], scenario), scenario)
    assert on_test({"new": Model.load(new)}, after["test"], project)
    with pytest.raises(DataError, match=rf"1 of .* the candidate 'tfidf, as approved' on .* from: 'r{later}'"):
        on_test(model_selection.candidates({"new": new}, old, project), after["test"], project)


def test_a_late_row_with_an_early_date_brings_no_learned_text_into_test(fit: Fit, project: Project) -> None:
    scenario = agent(by="time")
    rows = posts(400)
    before = splitting.split(rows, scenario)
    dates = splitting.boundaries(rows, scenario)
    lived = before["stream"].iloc[5]
    taught = pd.concat([before["train"], before["stream"].iloc[[5]]], ignore_index=True)
    features = Features.fit(taught, scenario)
    old = champions.keep(project, fit("old", taught, before["validation"], features, scenario))
    assert on_test(model_selection.candidates({}, old, project), before["test"], project)

    early = rows.iloc[[-1]].assign(row_id="late", text=lived["text"].upper(), time=before["test"]["time"].iloc[2])
    kept, repeated = cleaning.deduplicate(pd.concat([rows, early], ignore_index=True), scenario)
    assert repeated["detail"].tolist() == ["the same inputs as row late"]
    after = splitting.split(kept, scenario, dates=dates)
    with pytest.raises(DataError, match=r"1 of .* learned from: 'late'"):
        on_test(model_selection.candidates({}, old, project), after["test"], project)

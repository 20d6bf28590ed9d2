"""A search tries what was drawn, ends what does not pay, and goes on after a kill; its processes are real ones."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import optuna
import pandas as pd
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tests.models.conftest import Problem, settings, silent

from loopbook.models.choice import search, search_page
from loopbook.models.choice.search import Search
from loopbook.models.training import fit_store
from loopbook.models.training.method import Method, TrainingData
from loopbook.scenario.candidate import Candidate
from loopbook.scenario.errors import LoopbookError
from loopbook.scenario.optimization import SearchRange
from loopbook.scenario.recipe import Recipe
from loopbook.store import content

RANGES = {"learning_rate": SearchRange(low=0.0001, high=0.1, log=True), "embedding": SearchRange(choices=(4, 8))}


def asked(trials: int = 5, **changed: object) -> Search:
    recipe = Recipe(**{**settings(epochs=4, patience=4).model_dump(include=set(Recipe.model_fields)), **changed})
    return Search(Method(Candidate(architecture="bag"), recipe), RANGES, trials, seed=2)


def data(problem: Problem) -> TrainingData:
    return TrainingData(problem.train, problem.validation, problem.features, problem.task)


def study_in(folder: Path) -> optuna.Study:
    from optuna.storages.journal import JournalFileBackend

    storage = optuna.storages.JournalStorage(JournalFileBackend(str(folder / search.JOURNAL)))
    return optuna.load_study(study_name="search", storage=storage)


def test_a_search_that_is_killed_goes_on_with_two_processes_and_ends_as_if_undisturbed(
    text: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search.run(asked(), data(text), tmp_path / "whole", silent, None)
    whole = pd.read_parquet(tmp_path / "whole" / "trials.parquet")
    assert whole["trial"].tolist() == [1, 2, 3, 4, 5]
    # 5 trials for an epoch, 3 of them for two, 2 to the end.
    assert sorted(whole["epochs"]) == [1, 1, 2, 4, 4]
    assert whole["state"].value_counts().to_dict() == {"pruned": 3, "complete": 2}
    assert set(whole.nsmallest(3, "first")["trial"]) == set(whole[whole["epochs"] > 1]["trial"])
    assert whole["score"].notna().tolist() == (whole["state"] == "complete").tolist()
    best = whole["score"].idxmin()
    found = fit_store.load(tmp_path / "whole" / search.BEST)
    assert len(found.history) == 4
    assert found.history["val_loss"].min() == whole.loc[best, "loss"]

    started: list[subprocess.Popen[str]] = []
    real = subprocess.Popen

    def kept(*words: object, **more: object) -> subprocess.Popen[str]:
        started.append(real(*words, **more))  # type: ignore[call-overload]
        return started[-1]

    def kill(said: str) -> None:
        if "to epoch 4" in said:
            os.kill(started[0].pid, signal.SIGKILL)

    monkeypatch.setattr(search.subprocess, "Popen", kept)
    with pytest.raises(LoopbookError, match=r"A process of the search ended in trial \d with code -9"):
        search.run(asked(), data(text), tmp_path / "killed", kill, None, processes=2)
    assert len(started) == 2 and all(process.poll() is not None for process in started)
    left = study_in(tmp_path / "killed").trials
    assert [trial.state.name for trial in left] == ["RUNNING"] * 5
    assert sum(2 in trial.intermediate_values for trial in left) == 3, "two rounds are over"
    search.run(asked(), data(text), tmp_path / "killed", silent, None, processes=2)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "killed" / "trials.parquet"), whole)
    models = [content.digest(tmp_path / name / search.BEST / "model") for name in ("whole", "killed")]
    assert models[0] == models[1]

    study = study_in(tmp_path / "killed")
    assert [trial.params for trial in study.trials] == [
        {name: row[name] for name in RANGES} for row in whole[list(RANGES)].to_dict("records")
    ]
    assert [trial.state.name.lower() for trial in study.trials] == whole["state"].tolist()
    assert [sorted(trial.intermediate_values) for trial in study.trials] == [
        [until for until in (1, 2, 4) if until <= epochs] for epochs in whole["epochs"]
    ]
    search.run(asked(), data(text), tmp_path / "killed", pytest.fail, None)  # it is done


def test_a_plain_baseline_is_searched_with_as_many_trials(text: Problem, tmp_path: Path) -> None:
    ranges = {"C": SearchRange(low=0.001, high=10, log=True)}
    plain = Search(Method(Candidate(architecture="tfidf"), Recipe()), ranges, 5, 1)
    search.run(plain, data(text), tmp_path / "found", silent, None)
    trials = pd.read_parquet(tmp_path / "found" / "trials.parquet")
    assert trials["state"].tolist() == ["complete"] * 5
    assert trials["score"].idxmin() != trials["C"].idxmin(), "so strong a penalty learns nothing"


@pytest.mark.parametrize(
    ("trials", "epochs", "ranges", "rounds"),
    [
        (8, 12, RANGES, [3, 6, 12]),
        (8, 2, RANGES, [1, 2]),
        (3, 12, RANGES, [12]),
        (8, 12, {**RANGES, "class_weights": SearchRange(choices=(0, 1))}, [12]),
    ],
)
def test_few_trials_and_losses_that_do_not_compare_are_not_halved(
    trials: int, epochs: int, ranges: dict[str, SearchRange], rounds: list[int]
) -> None:
    whole = asked(trials, epochs=epochs)
    assert Search(whole.method, ranges, trials, 1).rounds == rounds


def trials(names: tuple[str, str] = ("units", "dropout")) -> pd.DataFrame:
    one, two = names
    rows = [
        {"candidate": "lstm", "trial": at + 1, "state": "complete", "epochs": 4, "loss": 0.4, "score": 0.4}
        | {one: 8 + at, two: (at * 5 % 12) / 24, "first": 0.5 + (at - 6) ** 2 / 100}
        for at in range(12)
    ]
    plain = [
        {"candidate": "tfidf", "trial": at + 1, "state": "complete", "epochs": 1, "loss": 0.5, "score": 0.5}
        | {"C": 10.0**at, "first": 0.5 + at / 10}
        for at in range(3)
    ]
    return pd.DataFrame([*rows, *plain])


def test_the_setting_that_makes_the_loss_is_named_and_drawn() -> None:
    shares = search.importance(trials().head(12), ["units", "dropout"])
    assert shares.index[0] == "units" and shares["units"] > 0.6
    assert shares.sum() == pytest.approx(1)
    figure = search_page.slices(trials())
    assert not isinstance(figure, str)
    assert "lstm: units, " in figure.alt and "tfidf: C." in figure.alt
    assert "mathdefault" not in figure.svg, "numbers on a logarithmic axis are plain"
    alone = search_page.slices(trials().query("candidate == 'tfidf'"))
    assert not isinstance(alone, str) and "the one setting that was varied" in alone.svg.replace("\n", " ")


def test_names_from_a_scenario_are_no_markup() -> None:
    figure = search_page.slices(trials(("<b>units", "dropout")))
    assert not isinstance(figure, str)
    assert "<b>" not in figure.svg


def test_a_search_of_nothing_says_so(tmp_path: Path) -> None:
    assert "two trials or more" in search_page.slices(trials().head(1)).data
    assert "two trials or more" in search_page.slices(pd.DataFrame()).data
    search_page.write_events(tmp_path / "events", pd.DataFrame())
    assert list((tmp_path / "events").iterdir())


def test_trials_are_shown_by_tensorboards_hparams(tmp_path: Path) -> None:
    search_page.write_events(tmp_path / "events", trials())
    folders = sorted(path.name for path in (tmp_path / "events").iterdir() if path.is_dir())
    assert len(folders) == 15 and folders[0] == "lstm-001"
    events = EventAccumulator(str(tmp_path / "events" / "lstm-001"), size_guidance={"tensors": 0})
    events.Reload()
    assert {"score", "loss", "epochs", "_hparams_/session_start_info"} <= set(events.Tags()["tensors"])
